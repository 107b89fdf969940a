//! Which answers may travel at all.
//!
//! sshd's `password` method answers every prompt with the login password, and some clients resend
//! it. A password must reach neither the bus nor the daemon, so the module sends only what could
//! be a code, and sends an empty answer for everything else: the daemon closes the session, charges
//! nothing and refuses with the usual words.

use crate::names::MAX_ANSWER_BYTES;

/// Digits in a one-time code (RFC 4226 5.3 asks for at least six).
pub const OTP_DIGITS: core::ops::RangeInclusive<usize> = 6..=8;
/// Symbols in a recovery code: 16 base32 symbols, 80 bit.
pub const RECOVERY_SYMBOLS: usize = 16;

/// The part of `input` that may be sent with `Login.Answer`: all of it when it is shaped like a
/// one-time code or a recovery code, nothing otherwise.
///
/// Spaces, tabs, dashes and a final line end may stand anywhere; only ASCII counts, so that
/// full-width digits are not a second spelling of a code (CVE-2025-6014).
#[must_use]
pub fn sendable(input: &str) -> &str {
    if is_code_shaped(input) { input } else { "" }
}

fn is_code_shaped(input: &str) -> bool {
    if input.len() > MAX_ANSWER_BYTES {
        return false;
    }
    let is_filler = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'-');
    let mut symbols = input.bytes().filter(|b| !is_filler(b)).peekable();
    let (mut digits, mut others) = (0_usize, 0_usize);
    for symbol in symbols.by_ref() {
        match symbol {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | b'A'..=b'Z' => others += 1,
            _ => return false,
        }
    }
    (others == 0 && OTP_DIGITS.contains(&digits)) || digits + others == RECOVERY_SYMBOLS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_travel() {
        for code in
            ["123456", " 123 456\n", "12345678", "ABCD-EFGH-JKLM-NPQR", "abcd efgh 2345 6722"]
        {
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
        ] {
            assert_eq!(sendable(other), "", "{other:?}");
        }
        assert_eq!(sendable(&" ".repeat(MAX_ANSWER_BYTES)), "");
        assert_eq!(sendable(&format!("123456{}", " ".repeat(MAX_ANSWER_BYTES))), "");
    }
}
