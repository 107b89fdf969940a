//! What a claimant typed, parsed once.
//!
//! Every spelling of a code becomes the same value here, before anything is compared or stored:
//! a code spelled differently is not another code (CVE-2025-6014).

use core::fmt::Write;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    Digits, RecoveryCode,
    recovery::{IMPORTED_DIGITS, SYMBOLS},
};

/// Longest answer, in bytes, fillers included; the same limit holds on the bus.
pub const MAX_BYTES: usize = 64;

/// A one-time code as typed. It has no `Debug`, so that it cannot reach a log (I15).
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Otp {
    value: u32,
    #[zeroize(skip)]
    digits: Digits,
}

/// An answer to the question for a code.
pub enum Answer {
    /// Shaped like a one-time code.
    Otp(Otp),
    /// Shaped like a recovery code.
    RecoveryCode(RecoveryCode),
    /// Neither, and so not an attempt: some clients resend the password.
    Malformed,
}

impl Otp {
    /// The code as a number.
    pub(crate) fn value(&self) -> u32 {
        self.value
    }

    /// How many digits were typed; leading zeros count.
    #[must_use]
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// The recovery code that it might be instead: one that was carried over from another tool has
    /// eight digits, like a long one-time code.
    #[must_use]
    pub fn as_recovery_code(&self) -> Option<RecoveryCode> {
        // With the zeros in front that were typed, and none that were not.
        let width = usize::try_from(self.digits.get()).ok()?;
        let mut text = Zeroizing::new(String::with_capacity(IMPORTED_DIGITS));
        write!(text, "{:0width$}", self.value).ok()?;
        RecoveryCode::imported(&text)
    }

    /// Reads 6 to 8 ASCII digits and nothing else.
    fn from_symbols(symbols: &[u8]) -> Option<Self> {
        let count = u32::try_from(symbols.len()).ok()?;
        let digits = Digits::new(count).ok()?;
        let value = symbols.iter().try_fold(0_u32, |value, symbol| {
            let digit = char::from(*symbol).to_digit(10)?;
            Some(value * 10 + digit)
        })?;
        Some(Self { value, digits })
    }
}

impl Answer {
    /// Reads an answer of at most 64 bytes: 6 to 8 ASCII digits, or the 16 symbols of a recovery
    /// code, with ASCII spaces, tabs, dashes and line ends anywhere. No other character is
    /// skipped, and no other script's digits count.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.len() > MAX_BYTES {
            return Self::Malformed;
        }
        let mut symbols = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
        symbols.extend(text.bytes().filter(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'-')));
        let read = if symbols.len() == SYMBOLS {
            RecoveryCode::from_symbols(&symbols).map(Self::RecoveryCode)
        } else {
            Otp::from_symbols(&symbols).map(Self::Otp)
        };
        read.unwrap_or(Self::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn otp(text: &str) -> Option<(u32, u32)> {
        match Answer::parse(text) {
            Answer::Otp(otp) => Some((otp.value(), otp.digits().get())),
            Answer::RecoveryCode(_) | Answer::Malformed => None,
        }
    }

    fn recovery_code(text: &str) -> Option<String> {
        match Answer::parse(text) {
            Answer::RecoveryCode(code) => Some(code.canonical().to_string()),
            Answer::Otp(_) | Answer::Malformed => None,
        }
    }

    #[test]
    fn every_spelling_of_a_code_is_the_same_code() {
        for spelling in ["001234", " 001 234\n", "00-12-34\r\n", "\t0 0 1 2 3 4", "001234\r"] {
            assert_eq!(otp(spelling), Some((1234, 6)), "{spelling:?}");
        }
        assert_eq!(otp("0001234"), Some((1234, 7)), "leading zeros count");
        assert_eq!(otp("99999999"), Some((99_999_999, 8)));
    }

    #[test]
    fn every_spelling_of_a_recovery_code_is_the_same_code() {
        for spelling in ["ABOI-EFGH-JKLM-NPQ7", "abo1efghjklmnpq7", "A8 0I\tEF-GHJK LM\nNPQ7\r\n"] {
            let code = recovery_code(spelling);
            assert_eq!(code.as_deref(), Some("ABOIEFGHJKLMNPQ7"), "{spelling:?}");
        }
        // Sixteen digits are no one-time code.
        assert_eq!(recovery_code("2345018723450187").as_deref(), Some("2345OIB72345OIB7"));
    }

    #[test]
    fn eight_digits_may_be_a_recovery_code_of_another_tool() {
        let as_recovery_code = |text: &str| match Answer::parse(text) {
            Answer::Otp(otp) => otp.as_recovery_code().map(|code| code.canonical().to_string()),
            Answer::RecoveryCode(_) | Answer::Malformed => panic!("{text:?} is a one-time code"),
        };
        for (typed, code) in [
            ("00123456", Some("00123456")),
            ("0012-3456\n", Some("00123456")),
            ("99999999", Some("99999999")),
            ("00000000", Some("00000000")),
            ("123456", None),
            ("0123456", None),
        ] {
            assert_eq!(as_recovery_code(typed).as_deref(), code, "{typed:?}");
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        for text in [
            "",
            " - ",
            "12345",
            "123456789",
            "12345a",
            "123.456",
            "123_456",
            "+123456",
            "0x1234",
            "123456\0",
            "\u{b}123456",
            "１２３４５６",
            "١٢٣٤٥٦",
            "123\u{a0}456",
            "123–456",
            "hunter2",
            "ABCD-EFGH-JKLM-NPQ",
            "ABCD-EFGH-JKLM-NPQRS",
            "ABCD-EFGH-JKLM-NPQ9",
            "ＡBCD-EFGH-JKLM-NPQ",
            "ABCD-EFGH-JKLM-NPſ",
        ] {
            assert!(matches!(Answer::parse(text), Answer::Malformed), "{text:?}");
        }
    }

    #[test]
    fn an_answer_ends_at_64_bytes() {
        assert!(otp(&format!("123456{}", " ".repeat(MAX_BYTES - 6))).is_some());
        assert!(otp(&format!("123456{}", " ".repeat(MAX_BYTES - 5))).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn only_what_has_a_codes_symbols_is_one(
            text in prop_oneof![
                "[-. \0]?[0-9]{2,4}[-. \t\0]{0,2}[0-9]{3,5}[\n.]?",
                "[0-9A-Z]{7,9}[-. \n]?[0-9a-z]{7,9}",
                "[0-9A-Z１]{15,17}",
            ],
        ) {
            let symbols: String = text.chars().filter(|c| !" \t\r\n-".contains(*c)).collect();
            let digits = symbols.bytes().all(|b| b.is_ascii_digit());
            let base32 = symbols.bytes().all(|b| b.is_ascii_alphanumeric() && b != b'9');
            prop_assert_eq!(otp(&text).is_some(), digits && (6..=8).contains(&symbols.len()));
            prop_assert_eq!(recovery_code(&text).is_some(), base32 && symbols.len() == 16);
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in any::<String>()) {
            let _ = Answer::parse(&text);
        }
    }
}
