//! What the QR code says: the key URI format that phone apps read.

use core::fmt::Write;

use zeroize::Zeroizing;

use crate::{SharedSecret, TotpParameters};

/// Longest part that is neither issuer, account nor secret, in bytes.
const FRAME_BYTES: usize = 96;

/// `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=ISSUER&algorithm=SHA1&digits=6&period=30`.
/// Algorithm, digits and period are always said, even when they are what apps assume anyway.
#[must_use]
pub fn key_uri(
    issuer: &str,
    account: &str,
    secret: &SharedSecret,
    parameters: &TotpParameters,
) -> Zeroizing<String> {
    let TotpParameters { algorithm, digits, period } = parameters;
    let secret = secret.to_base32();
    // Room for all of it: a string that grows leaves a copy of the secret behind.
    let room = 6 * issuer.len() + 3 * account.len() + secret.len() + FRAME_BYTES;
    let mut uri = Zeroizing::new(String::with_capacity(room));
    uri.push_str("otpauth://totp/");
    push_encoded(&mut uri, issuer);
    uri.push(':');
    push_encoded(&mut uri, account);
    uri.push_str("?secret=");
    uri.push_str(&secret);
    uri.push_str("&issuer=");
    push_encoded(&mut uri, issuer);
    // Writing to a string does not fail.
    let _ = write!(uri, "&algorithm={algorithm}&digits={digits}&period={period}");
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

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(core::str::from_utf8(&hex).unwrap(), 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn it_is_what_phones_read() {
        let uri = key_uri("box.example.org", "alice", &secret(), &TotpParameters::default());
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/box.example.org:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=box.example.org&algorithm=SHA1&digits=6&period=30"
        );
        let parameters = TotpParameters {
            algorithm: Algorithm::Sha512,
            digits: Digits::new(8).unwrap(),
            period: Period::new(60).unwrap(),
        };
        let uri = key_uri("Büro: 1/2", "a@b%c", &secret(), &parameters);
        assert_eq!(
            uri.as_str(),
            "otpauth://totp/B%C3%BCro%3A%201%2F2:a%40b%25c\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=B%C3%BCro%3A%201%2F2\
             &algorithm=SHA512&digits=8&period=60"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn names_come_back_as_they_were(issuer in any::<String>(), account in any::<String>()) {
            let uri = key_uri(&issuer, &account, &secret(), &TotpParameters::default());
            prop_assert!(uri.is_ascii());
            let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
            let (first, second) = label.split_once(':').unwrap();
            prop_assert_eq!(decoded(first), issuer.clone());
            prop_assert_eq!(decoded(second), account);
            let parts: Vec<_> = query.split('&').map(|part| part.split_once('=').unwrap()).collect();
            let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
            prop_assert_eq!(names, ["secret", "issuer", "algorithm", "digits", "period"]);
            prop_assert_eq!(decoded(parts[1].1), issuer);
        }

        #[test]
        fn it_fits_the_room_it_was_given(issuer in "[ -~ü]{0,40}", account in "[ -~ü]{0,40}") {
            let longest = SharedSecret::from_bytes(&[7; 128]).unwrap();
            let parameters = TotpParameters {
                algorithm: Algorithm::Sha512,
                digits: Digits::new(8).unwrap(),
                period: Period::new(300).unwrap(),
            };
            let uri = key_uri(&issuer, &account, &longest, &parameters);
            // A string that had to grow has at least doubled.
            let room = 6 * issuer.len() + 3 * account.len() + longest.to_base32().len() + FRAME_BYTES;
            prop_assert_eq!(uri.capacity(), room);
        }
    }
}
