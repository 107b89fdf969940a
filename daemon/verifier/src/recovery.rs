//! Recovery codes: what lets a person in whose phone is gone (NIST SP 800-63B: look-up secrets).

use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How many recovery codes an account gets at a time.
pub const CODES_PER_SET: usize = 10;
/// Base32 symbols in a recovery code: 80 bit.
pub const SYMBOLS: usize = 16;
/// Digits in a recovery code of google-authenticator, which calls it a scratch code.
pub(crate) const IMPORTED_DIGITS: usize = 8;
/// Symbols between two dashes.
const GROUP: usize = 4;

/// Names a stored recovery code; the code itself is stored only as a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecoveryCodeId(pub i64);

/// 80 random bits as 16 symbols of RFC 4648 base32, or the eight digits of one that was carried
/// over from another tool. It has no `Debug`, so that it cannot reach a log (I15).
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode(Symbols);

#[derive(Zeroize)]
enum Symbols {
    Own([u8; SYMBOLS]),
    Imported([u8; IMPORTED_DIGITS]),
}

impl RecoveryCode {
    /// From 80 random bits, of which the caller keeps no copy.
    #[must_use]
    pub fn from_random(random: [u8; 10]) -> Self {
        let random = Zeroizing::new(random);
        let mut symbols = [0; SYMBOLS];
        BASE32_NOPAD.encode_mut(random.as_slice(), &mut symbols);
        Self(Symbols::Own(symbols))
    }

    /// Reads exactly eight ASCII digits, a code of another tool.
    #[must_use]
    pub fn imported(text: &str) -> Option<Self> {
        let digits: [u8; IMPORTED_DIGITS] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(Symbols::Imported(digits)))
    }

    /// Reads 16 symbols as people type them: lower case will do, and 0, 1 and 8, which base32
    /// does not have, are taken for the letters they look like.
    pub(crate) fn from_symbols(typed: &[u8]) -> Option<Self> {
        let typed: &[u8; SYMBOLS] = typed.try_into().ok()?;
        let mut code = Zeroizing::new([0; SYMBOLS]);
        for (symbol, typed) in code.iter_mut().zip(typed) {
            *symbol = match typed.to_ascii_uppercase() {
                known @ (b'A'..=b'Z' | b'2'..=b'7') => known,
                b'0' => b'O',
                b'1' => b'I',
                b'8' => b'B',
                _ => return None,
            };
        }
        Some(Self(Symbols::Own(*code)))
    }

    /// Whether it was carried over from another tool: eight digits, at 26 bit guessed far more
    /// easily than our own.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        matches!(self.0, Symbols::Imported(_))
    }

    /// The symbols in upper case without dashes: what is hashed.
    #[must_use]
    pub fn canonical(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS));
        text.extend(self.symbols().iter().map(|symbol| char::from(*symbol)));
        text
    }

    /// `XXXX-XXXX-XXXX-XXXX`, or `0000-0000` when it was imported: what is shown.
    #[must_use]
    pub fn to_display(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS + SYMBOLS / GROUP));
        for group in self.symbols().chunks(GROUP) {
            if !text.is_empty() {
                text.push('-');
            }
            text.extend(group.iter().map(|symbol| char::from(*symbol)));
        }
        text
    }

    fn symbols(&self) -> &[u8] {
        match &self.0 {
            Symbols::Own(symbols) => symbols,
            Symbols::Imported(digits) => digits,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Answer;

    fn canonical(answer: &str) -> Option<String> {
        match Answer::parse(answer) {
            Answer::RecoveryCode(code) => Some(code.canonical().to_string()),
            Answer::Otp(_) | Answer::Malformed => None,
        }
    }

    #[test]
    fn a_code_is_shown_in_four_groups() {
        // RFC 4648 section 10: "fooba" is MZXW6YTB.
        let code = RecoveryCode::from_random(*b"foobafooba");
        assert_eq!(code.to_display().as_str(), "MZXW-6YTB-MZXW-6YTB");
        assert_eq!(code.canonical().as_str(), "MZXW6YTBMZXW6YTB");
    }

    #[test]
    fn an_imported_code_has_exactly_eight_digits() {
        let code = RecoveryCode::imported("00123456").unwrap();
        assert!(code.is_imported() && !RecoveryCode::from_random([7; 10]).is_imported());
        assert_eq!(code.to_display().as_str(), "0012-3456");
        assert_eq!(code.canonical().as_str(), "00123456");
        for text in
            ["", "0012345", "001234567", "0012345a", "0012 3456", "+0123456", "００１２３４５６"]
        {
            assert!(RecoveryCode::imported(text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_shown_is_what_is_hashed(random in any::<[u8; 10]>()) {
            let code = RecoveryCode::from_random(random);
            let (shown, hashed) = (code.to_display(), code.canonical());
            prop_assert_eq!(BASE32_NOPAD.decode(hashed.as_bytes()).unwrap(), random);
            let misread = shown.replace('O', "0").replace('I', "1").replace('B', "8");
            for typed in [shown.to_string(), hashed.to_lowercase(), misread] {
                prop_assert_eq!(canonical(&typed), Some(hashed.to_string()), "{}", typed);
            }
        }
    }
}
