//! What the QR code says: the key URI format that phone apps read.

mod reading;

use core::fmt::Write;

use zeroize::Zeroizing;

pub use self::reading::{InvalidKeyUri, MAX_BYTES};
use crate::{Kind, Parameters, SharedSecret};

/// What is read from a key URI.
pub struct KeyUri {
    /// What phone and host are to share.
    pub secret: SharedSecret,
    /// How codes are made.
    pub parameters: Parameters,
    /// Counter of the next code; 0 for TOTP.
    pub counter: u64,
    /// Whose it is, in the words of whoever made it: as a rule `ISSUER:ACCOUNT`, but any text at
    /// all, control characters included.
    pub label: String,
}

/// Longest part that is neither issuer, account nor secret, in bytes.
const FRAME_BYTES: usize = 96;

/// `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=ISSUER&algorithm=SHA1&digits=6&period=30`, or
/// `otpauth://hotp/…&counter=0` with the counter of the next code. Algorithm, digits and period
/// are always said, even when they are what apps assume anyway.
#[must_use]
pub fn key_uri(
    issuer: &str,
    account: &str,
    secret: &SharedSecret,
    parameters: &Parameters,
    counter: u64,
) -> Zeroizing<String> {
    let Parameters { kind, algorithm, digits } = parameters;
    let secret = secret.to_base32();
    // Room for all of it: a string that grows leaves a copy of the secret behind.
    let room = 6 * issuer.len() + 3 * account.len() + secret.len() + FRAME_BYTES;
    let mut uri = Zeroizing::new(String::with_capacity(room));
    // Writing to a string does not fail.
    let _ = write!(uri, "otpauth://{}/", kind.as_str());
    push_encoded(&mut uri, issuer);
    uri.push(':');
    push_encoded(&mut uri, account);
    uri.push_str("?secret=");
    uri.push_str(&secret);
    uri.push_str("&issuer=");
    push_encoded(&mut uri, issuer);
    let _ = write!(uri, "&algorithm={algorithm}&digits={digits}");
    let _ = match kind {
        Kind::Totp(period) => write!(uri, "&period={period}"),
        Kind::Hotp => write!(uri, "&counter={counter}"),
    };
    uri
}

/// Percent-encodes everything but the unreserved characters (RFC 3986 2.3), a space as `%20`:
/// apps show a `+` as it stands.
fn push_encoded(uri: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Algorithm, Digits, Period};

    // The seed of RFC 4226 appendix D.
    fn secret() -> SharedSecret {
        SharedSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn it_is_what_phones_read() {
        let uri = key_uri("box.example.org", "alice", &secret(), &Parameters::default(), 0);
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/box.example.org:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=box.example.org&algorithm=SHA1&digits=6&period=30"
        );
        let parameters = Parameters {
            kind: Kind::Totp(Period::new(60).unwrap()),
            algorithm: Algorithm::Sha512,
            digits: Digits::new(8).unwrap(),
        };
        let uri = key_uri("Büro: 1/2", "a@b%c", &secret(), &parameters, 0);
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/B%C3%BCro%3A%201%2F2:a%40b%25c\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=B%C3%BCro%3A%201%2F2\
             &algorithm=SHA512&digits=8&period=60"
        );
        let parameters = Parameters { kind: Kind::Hotp, ..Parameters::default() };
        let uri = key_uri("box", "alice", &secret(), &parameters, u64::MAX);
        assert_eq!(
            uri.as_str(),
            "otpauth://hotp/box:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=box&algorithm=SHA1&digits=6&counter=18446744073709551615"
        );
    }

    fn any_parameters() -> impl Strategy<Value = Parameters> {
        let kinds = prop_oneof![
            Just(Kind::Hotp),
            (15..=300_u32).prop_map(|seconds| Kind::Totp(Period::new(seconds).unwrap())),
        ];
        let algorithms = vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        let digits = (6..=8_u32).prop_map(|count| Digits::new(count).unwrap());
        (kinds, prop::sample::select(algorithms), digits)
            .prop_map(|(kind, algorithm, digits)| Parameters { kind, algorithm, digits })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_what_is_read(
            issuer in "\\PC{0,20}|[ -~]{0,40}",
            account in "\\PC{0,20}|[ -~]{0,40}",
            bytes in prop::collection::vec(any::<u8>(), 16..=128),
            parameters in any_parameters(),
            counter in any::<u64>(),
        ) {
            let secret = SharedSecret::from_bytes(&bytes).unwrap();
            let uri = key_uri(&issuer, &account, &secret, &parameters, counter);
            prop_assert!(uri.is_ascii());
            let read = KeyUri::parse(&uri);
            if uri.len() > MAX_BYTES {
                prop_assert_eq!(read.err(), Some(InvalidKeyUri::TooLong));
                return Ok(());
            }
            let read = read.ok().unwrap();
            prop_assert_eq!(read.secret.as_bytes(), bytes);
            prop_assert_eq!(read.parameters, parameters);
            prop_assert_eq!(read.counter, if parameters.kind == Kind::Hotp { counter } else { 0 });
            prop_assert_eq!(read.label, format!("{issuer}:{account}"));
        }

        #[test]
        fn it_fits_the_room_it_was_given(
            issuer in "ü{1,20}|[ -~ü]{0,40}",
            account in "ü{1,20}|[ -~ü]{0,40}",
            parameters in any_parameters(),
        ) {
            let longest = SharedSecret::from_bytes(&[7; 128]).unwrap();
            let uri = key_uri(&issuer, &account, &longest, &parameters, u64::MAX);
            // A string that had to grow has at least doubled.
            let room = 6 * issuer.len() + 3 * account.len() + longest.to_base32().len() + FRAME_BYTES;
            prop_assert_eq!(uri.capacity(), room);
        }
    }
}
