//! HMAC-based one-time passwords (RFC 4226), with the hash functions of RFC 6238.

use core::{fmt, str::FromStr};

use hmac::{
    Hmac, Mac,
    digest::{Key, KeyInit, block_api::EagerHash},
};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::SharedSecret;

/// The hash under the HMAC (RFC 6238 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// What every phone supports; HMAC does not need its collision resistance (RFC 4226 B.1).
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A text that names no [`Algorithm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

/// How many digits a code has: 6 to 8 (RFC 4226 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(u32);

/// A number of digits outside 6 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigitsOutOfRange(pub u32);

/// How far the counter of a token may have run ahead, pressed without a login: how many codes
/// from the next one on are accepted, 1 to 50 (RFC 4226 7.4 calls it s).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookAhead(u32);

/// A look-ahead outside 1 to 50 codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookAheadOutOfRange(pub u32);

/// How many codes from the next one on are looked at in all: beyond the look-ahead none is
/// accepted, but two in a row resynchronise (RFC 4226 7.4).
pub const RESYNC_REACH: u32 = 100;

impl Algorithm {
    /// The name that key URIs and the database use: `SHA1`, `SHA256`, `SHA512`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl Digits {
    /// `count` digits, 6 to 8.
    pub const fn new(count: u32) -> Result<Self, DigitsOutOfRange> {
        match count {
            6..=8 => Ok(Self(count)),
            other => Err(DigitsOutOfRange(other)),
        }
    }

    /// 6, 7 or 8.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// How many codes there are: 10^digits.
    const fn codes(self) -> u32 {
        10_u32.pow(self.0)
    }
}

impl Default for Digits {
    /// Six, which every phone supports.
    fn default() -> Self {
        Self(6)
    }
}

impl LookAhead {
    /// `counters`, 1 to 50.
    pub const fn new(counters: u32) -> Result<Self, LookAheadOutOfRange> {
        match counters {
            1..=50 => Ok(Self(counters)),
            other => Err(LookAheadOutOfRange(other)),
        }
    }

    /// How many codes, the next one included.
    #[must_use]
    pub const fn counters(self) -> u32 {
        self.0
    }
}

impl Default for LookAhead {
    /// Ten: a guess fits one code in 100,000 of six digits, and nine presses may be lost.
    fn default() -> Self {
        Self(10)
    }
}

/// The HOTP value for a moving factor: dynamic truncation of the HMAC over the counter, modulo
/// 10^digits (RFC 4226 5.3). To be shown with leading zeros.
#[must_use]
pub fn hotp(secret: &SharedSecret, counter: u64, algorithm: Algorithm, digits: Digits) -> u32 {
    let truncated = match algorithm {
        Algorithm::Sha1 => truncated_mac::<Sha1>(secret, counter),
        Algorithm::Sha256 => truncated_mac::<Sha256>(secret, counter),
        Algorithm::Sha512 => truncated_mac::<Sha512>(secret, counter),
    };
    truncated % digits.codes()
}

/// 31 bit of the HMAC, from the offset that its last four bits name (RFC 4226 5.3).
fn truncated_mac<D: EagerHash>(secret: &SharedSecret, counter: u64) -> u32 {
    let mut key = block_key::<D>(secret.as_bytes());
    let mut keyed = <Hmac<D> as KeyInit>::new(&key);
    key.as_mut_slice().zeroize();
    Mac::update(&mut keyed, &counter.to_be_bytes());
    let mut mac = keyed.finalize().into_bytes();
    let offset = usize::from(mac.last().map_or(0, |last| last & 0x0f));
    let value = mac.iter().skip(offset).take(4).fold(0, |value, b| value << 8 | u32::from(*b));
    mac.as_mut_slice().zeroize();
    value & 0x7fff_ffff
}

/// The key as HMAC wants it, one block of the hash long: filled up with zeros, or hashed first
/// when it is longer (RFC 2104 section 2). A key of that size cannot be refused.
fn block_key<D: EagerHash>(secret: &[u8]) -> Key<Hmac<D>> {
    let mut block = Key::<Hmac<D>>::default();
    let hashed;
    let key = if secret.len() <= block.len() {
        secret
    } else {
        hashed = Zeroizing::new(D::digest(secret).to_vec());
        &hashed
    };
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    block
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the algorithm is one of SHA1, SHA256, SHA512")
    }
}

impl core::error::Error for UnknownAlgorithm {}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DigitsOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a code has 6 to 8 digits, not {}", self.0)
    }
}

impl core::error::Error for DigitsOutOfRange {}

impl fmt::Display for LookAheadOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the look-ahead is 1 to 50 codes, not {}", self.0)
    }
}

impl core::error::Error for LookAheadOutOfRange {}
