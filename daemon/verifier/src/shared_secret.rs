//! The key that phone and host share (RFC 4226 calls it K).

use core::fmt;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

/// Shortest secret, in bytes: RFC 4226 section 4, R6 asks for at least 128 bit.
pub const MIN_BYTES: usize = 16;
/// Longest secret, in bytes: the block of SHA-512, beyond which HMAC hashes the key anyway.
pub const MAX_BYTES: usize = 128;

/// 16 to 128 bytes, wiped when dropped. It has no `Debug`, so that it cannot reach a log (I15).
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<Vec<u8>>);

/// A secret of a length outside 16 to 128 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretLength {
    /// Its length, in bytes.
    pub bytes: usize,
}

/// A text that spells no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSecret {
    /// Not base32: a symbol outside A–Z and 2–7, or one that is missing at the end.
    NotBase32,
    /// Base32 of too few or too many bytes.
    Length(SecretLength),
}

impl SharedSecret {
    /// Copies the secret; the caller wipes its own bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretLength> {
        if (MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
            Ok(Self(Zeroizing::new(bytes.to_vec())))
        } else {
            Err(SecretLength { bytes: bytes.len() })
        }
    }

    /// Reads RFC 4648 base32 as people copy it: case, white space and dashes do not matter, and
    /// the padding may be missing.
    pub fn from_base32(text: &str) -> Result<Self, InvalidSecret> {
        let mut symbols = Zeroizing::new(Vec::with_capacity(text.len()));
        symbols.extend(
            text.bytes()
                .filter(|b| !b.is_ascii_whitespace() && *b != b'-')
                .map(|b| b.to_ascii_uppercase()),
        );
        while symbols.last() == Some(&b'=') {
            symbols.pop();
        }
        let bytes = BASE32_NOPAD.decode(&symbols).map_err(|_| InvalidSecret::NotBase32)?;
        Self::from_bytes(&Zeroizing::new(bytes)).map_err(InvalidSecret::Length)
    }

    /// RFC 4648 base32 in upper case, without padding: what phones accept when typed.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&self.0))
    }

    /// A secret that nobody has, for accounts without one (I16).
    pub(crate) fn decoy() -> Self {
        Self(Zeroizing::new(vec![0x5a; 20]))
    }

    /// Whether both make the same codes: HMAC fills a key up with zeros, so those at its end do not
    /// count (RFC 2104 section 2).
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        let bare = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let (one, two) = (bare(&self.0), bare(&other.0));
        self.0.get(..one) == other.0.get(..two)
    }

    /// The raw key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for SecretLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a shared secret has {MIN_BYTES} to {MAX_BYTES} bytes, not {}", self.bytes)
    }
}

impl core::error::Error for SecretLength {}

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase32 => f.write_str("a shared secret is written in the symbols A-Z and 2-7"),
            Self::Length(length) => length.fmt(f),
        }
    }
}

impl core::error::Error for InvalidSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    // The seed of RFC 4226 appendix D.
    const SEED: &[u8] = b"12345678901234567890";
    const SPELLED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn zeros_at_the_end_make_no_other_key() {
        let key = |bytes: &[u8]| SharedSecret::from_bytes(bytes).unwrap();
        assert!(key(SEED).is_same_key(&key(&[SEED, &[0, 0]].concat())));
        assert!(!key(SEED).is_same_key(&key(&[SEED, &[0, 1]].concat())));
        assert!(!key(SEED).is_same_key(&key(&SEED[..19])));
        assert!(key(&[0; 16]).is_same_key(&key(&[0; 20])));
    }

    #[test]
    fn base32_goes_there_and_back() {
        let secret = SharedSecret::from_bytes(SEED).unwrap();
        assert_eq!(secret.to_base32().as_str(), SPELLED);
        for spelling in [
            SPELLED.to_owned(),
            SPELLED.to_lowercase(),
            "gezd gnbv-gy3t\tqojq GEZD GNBV GY3T QOJQ\n".to_owned(),
            format!("{SPELLED}===="),
        ] {
            let read = SharedSecret::from_base32(&spelling).ok().unwrap();
            assert_eq!(read.as_bytes(), SEED, "{spelling:?}");
        }
    }

    #[test]
    fn a_secret_has_at_least_128_bit() {
        for (bytes, fits) in [(0, false), (15, false), (16, true), (128, true), (129, false)] {
            assert_eq!(SharedSecret::from_bytes(&vec![7; bytes]).is_ok(), fits, "{bytes}");
        }
    }

    #[test]
    fn other_texts_spell_no_secret() {
        let (missing, _) = SPELLED.split_at(31);
        for text in ["", "====", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "ＧＥＺＤ", "=", missing] {
            assert!(SharedSecret::from_base32(text).is_err(), "{text:?}");
        }
        let short = SharedSecret::from_base32("GEZDGNBVGY3TQOJQ").err();
        assert_eq!(short, Some(InvalidSecret::Length(SecretLength { bytes: 10 })));
    }
}
