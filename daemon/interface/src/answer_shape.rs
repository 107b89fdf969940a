//! Which answers may travel at all.
//!
//! sshd's `password` method answers every prompt with the login password, and some clients resend
//! it. A password must reach neither the bus nor the daemon, so the module sends only what could
//! be a code, and sends an empty answer for everything else: the daemon closes the session, charges
//! nothing and refuses with the usual words.

use crate::names::MAX_ANSWER_BYTES;

/// Digits in a one-time code (RFC 4226 5.3 asks for at least six).
pub const OTP_DIGITS: core::ops::RangeInclusive<usize> = 6..=8;
/// Symbols in a recovery code: 16 base32 symbols (RFC 4648 6), 80 bit.
pub const RECOVERY_SYMBOLS: usize = 16;

/// The part of `input` that may be sent with `Login.Answer`: all of it when it is shaped like a
/// one-time code or a recovery code, nothing otherwise.
///
/// Spaces, tabs, line ends and dashes may stand anywhere. Only ASCII counts, so that full-width
/// digits are not a second spelling of a code (CVE-2025-6014). In a recovery code the digits 0, 1
/// and 8, which base32 has not, may be typed for the letters they look like; a 9 looks like none.
#[must_use]
pub fn sendable(input: &str) -> &str {
    if is_code_shaped(input) { input } else { "" }
}

fn is_code_shaped(input: &str) -> bool {
    if input.len() > MAX_ANSWER_BYTES {
        return false;
    }
    let symbols = input.bytes().filter(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'-'));
    let count = symbols.clone().count();
    (OTP_DIGITS.contains(&count) && symbols.clone().all(|b| b.is_ascii_digit()))
        || (count == RECOVERY_SYMBOLS
            && symbols.clone().all(|b| b.is_ascii_alphanumeric() && b != b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_travel() {
        for code in [
            "123456",
            " 123 456\n",
            "12345678",
            "99999999",
            "ABCD-EFGH-JKLM-NPQR",
            "abcd efgh 2345 6722",
            "A801 EFGH\nJKLM-NPQ7",
        ] {
            assert_eq!(sendable(code), code);
        }
    }

    #[test]
    fn passwords_do_not() {
        for other in [
            "",
            "hunter2",
            "correct horse battery staple",
            "12345",
            "123456789",
            "12345a",
            "１２３４５６",
            "TrustNo1Since199",
            "winter-2019-snow",
            "abcdefghijklmno!",
        ] {
            assert_eq!(sendable(other), "", "{other:?}");
        }
        assert_eq!(sendable(&" ".repeat(MAX_ANSWER_BYTES)), "");
        assert_eq!(sendable(&format!("123456{}", " ".repeat(MAX_ANSWER_BYTES))), "");
    }
}
