//! Reading key URIs, as leniently as phone apps do.

use core::fmt;

use zeroize::Zeroizing;

use super::KeyUri;
use crate::{
    Algorithm, Digits, InvalidSecret, Kind, Parameters, Period, SharedSecret,
    hotp::{DigitsOutOfRange, UnknownAlgorithm},
    totp::PeriodOutOfRange,
};

/// Longest key URI that is read, in bytes.
pub const MAX_BYTES: usize = 1024;

/// Why a text is no key URI. Nothing in it repeats what the text says about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKeyUri {
    /// Longer than 1024 bytes.
    TooLong,
    /// It begins with neither `otpauth://totp/` nor `otpauth://hotp/`.
    NotAKeyUri,
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    Encoding,
    /// A parameter is given more than once, so that readers would disagree.
    Repeated(&'static str),
    /// There is no secret.
    NoSecret,
    /// There is one that is none.
    Secret(InvalidSecret),
    /// No known hash.
    Algorithm(UnknownAlgorithm),
    /// A parameter is no whole number, or a far too large one.
    Number(&'static str),
    /// Too few or too many digits.
    Digits(DigitsOutOfRange),
    /// A time step that is too short or too long.
    Period(PeriodOutOfRange),
    /// HOTP without a counter.
    NoCounter,
}

/// The parameters that are read, decoded; a missing one is `None`.
#[derive(Default)]
struct Query {
    secret: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
    counter: Option<Zeroizing<String>>,
}

impl KeyUri {
    /// Reads `otpauth://TYPE/LABEL?secret=…` of at most 1024 bytes, white space around it left
    /// out. Scheme, type, parameter names and algorithm may be in either case, the algorithm also
    /// spelled as in `HmacSHA1` or `SHA-256`. Missing algorithm, digits and period are SHA-1, 6
    /// and 30. Parameters that are unknown, or say nothing for the type, are passed over.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyUri> {
        if text.len() > MAX_BYTES {
            return Err(InvalidKeyUri::TooLong);
        }
        let rest = without_prefix(text.trim_ascii(), "otpauth://");
        let (path, query) = rest.map(|rest| rest.split_once('?').unwrap_or((rest, "")))?;
        let (name, label) = path.split_once('/').unwrap_or((path, ""));
        let query = Query::read(query)?;
        let (kind, counter) = match name.to_ascii_lowercase().as_str() {
            "totp" => (Kind::Totp(query.period()?), 0),
            "hotp" => (Kind::Hotp, query.counter()?),
            _ => return Err(InvalidKeyUri::NotAKeyUri),
        };
        let parameters =
            Parameters { kind, algorithm: query.algorithm()?, digits: query.digits()? };
        let label = decoded(label)?.to_string();
        Ok(Self { secret: query.secret()?, parameters, counter, label })
    }
}

impl Query {
    fn read(text: &str) -> Result<Self, InvalidKeyUri> {
        let mut query = Self::default();
        for parameter in text.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, place) = match decoded(name)?.to_ascii_lowercase().as_str() {
                "secret" => ("secret", &mut query.secret),
                "algorithm" => ("algorithm", &mut query.algorithm),
                "digits" => ("digits", &mut query.digits),
                "period" => ("period", &mut query.period),
                "counter" => ("counter", &mut query.counter),
                _ => continue,
            };
            if place.replace(decoded(value)?).is_some() {
                return Err(InvalidKeyUri::Repeated(name));
            }
        }
        Ok(query)
    }

    fn secret(&self) -> Result<SharedSecret, InvalidKeyUri> {
        let secret = self.secret.as_ref().ok_or(InvalidKeyUri::NoSecret)?;
        SharedSecret::from_base32(secret).map_err(InvalidKeyUri::Secret)
    }

    fn algorithm(&self) -> Result<Algorithm, InvalidKeyUri> {
        let Some(name) = &self.algorithm else { return Ok(Algorithm::default()) };
        let name = name.to_ascii_uppercase().replace(['-', '_'], "");
        let name = name.strip_prefix("HMAC").unwrap_or(&name);
        name.parse().map_err(InvalidKeyUri::Algorithm)
    }

    fn digits(&self) -> Result<Digits, InvalidKeyUri> {
        let Some(text) = &self.digits else { return Ok(Digits::default()) };
        Digits::new(number("digits", text)?).map_err(InvalidKeyUri::Digits)
    }

    fn period(&self) -> Result<Period, InvalidKeyUri> {
        let Some(text) = &self.period else { return Ok(Period::default()) };
        Period::new(number("period", text)?).map_err(InvalidKeyUri::Period)
    }

    fn counter(&self) -> Result<u64, InvalidKeyUri> {
        number("counter", self.counter.as_ref().ok_or(InvalidKeyUri::NoCounter)?)
    }
}

/// What follows `prefix`, in either case.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Result<&'a str, InvalidKeyUri> {
    let (start, rest) = text.split_at_checked(prefix.len()).ok_or(InvalidKeyUri::NotAKeyUri)?;
    if start.eq_ignore_ascii_case(prefix) { Ok(rest) } else { Err(InvalidKeyUri::NotAKeyUri) }
}

/// Decimal digits; the sign that `parse` would take is none of them.
fn number<N: core::str::FromStr>(name: &'static str, text: &str) -> Result<N, InvalidKeyUri> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or(InvalidKeyUri::Number(name))
}

/// Undoes percent-encoding (RFC 3986 2.1). A `+` stands for itself, as in the apps.
fn decoded(text: &str) -> Result<Zeroizing<String>, InvalidKeyUri> {
    // Never longer than the text: a buffer that grows leaves a copy of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit().zip(digit()).map(|(high, low)| high << 4 | low);
            let value = value.and_then(|value| u8::try_from(value).ok());
            bytes.push(value.ok_or(InvalidKeyUri::Encoding)?);
        } else {
            bytes.push(byte);
        }
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| InvalidKeyUri::Encoding)?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl fmt::Display for InvalidKeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a key URI has at most {MAX_BYTES} bytes"),
            Self::NotAKeyUri => {
                f.write_str("a key URI begins with otpauth://totp/ or otpauth://hotp/")
            }
            Self::Encoding => f.write_str("the key URI has a % that stands for no character"),
            Self::Repeated(name) => write!(f, "the key URI gives {name} more than once"),
            Self::NoSecret => f.write_str("the key URI has no secret"),
            Self::Secret(invalid) => invalid.fmt(f),
            Self::Algorithm(unknown) => unknown.fmt(f),
            Self::Number(name) => {
                write!(f, "{name} in the key URI is not a number, or far too large")
            }
            Self::Digits(out_of_range) => out_of_range.fmt(f),
            Self::Period(out_of_range) => out_of_range.fmt(f),
            Self::NoCounter => f.write_str("the key URI is for hotp and has no counter"),
        }
    }
}

impl core::error::Error for InvalidKeyUri {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretLength;

    // The seed of RFC 4226 appendix D.
    const SEED: &[u8] = b"12345678901234567890";
    const SPELLED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    /// A TOTP key URI with the seed and these parameters.
    fn with(parameters: &str) -> String {
        format!("otpauth://totp/box:alice?secret={SPELLED}{parameters}")
    }

    fn read(uri: &str) -> KeyUri {
        match KeyUri::parse(uri) {
            Ok(read) => read,
            Err(error) => panic!("{uri}: {error}"),
        }
    }

    fn error(uri: &str) -> InvalidKeyUri {
        KeyUri::parse(uri).err().unwrap_or_else(|| panic!("{uri} is one"))
    }

    #[test]
    fn labels_are_read_as_the_format_describes_them() {
        for (path, label) in [
            ("Example:alice@example.com", "Example:alice@example.com"),
            ("Provider1:Alice%20Smith", "Provider1:Alice Smith"),
            (
                "Big%20Corporation%3A%20alice%40bigco.example",
                "Big Corporation: alice@bigco.example",
            ),
            ("alice+box", "alice+box"),
            ("B%c3%bcro/4", "Büro/4"),
            ("", ""),
        ] {
            let uri = format!("otpauth://totp/{path}?secret={SPELLED}&issuer=Example");
            let read = read(&uri);
            assert_eq!(read.label, label);
            assert_eq!(read.secret.as_bytes(), SEED);
            assert_eq!((read.parameters, read.counter), (Parameters::default(), 0));
        }
        assert_eq!(read(&format!("otpauth://totp?secret={SPELLED}")).label, "");
    }

    #[test]
    fn case_and_spelling_do_not_matter_where_phones_take_any() {
        let sha256 = Parameters { algorithm: "SHA256".parse().unwrap(), ..Parameters::default() };
        for uri in [
            format!("OTPAUTH://Totp/box?Secret={SPELLED}&ALGORITHM=sha256"),
            format!("  otpauth://TOTP/box?algorithm=HmacSHA256&secret={SPELLED}\n"),
            with("&algorithm=SHA-256&digits=06&period=030&"),
            with("&algorithm=hmac_sha_256&image=https%3A%2F%2Fexample.com&color=%zz&lock"),
            with("&algorithm=Sha256&counter=nothing&issuer=a&issuer=b"),
            format!("otpauth://totp/?secret={}%3D%3D&algorithm=SHA256", SPELLED.to_lowercase()),
            format!("otpauth://totp/?s%65cret={SPELLED}=&&algorithm=SHA256"),
        ] {
            let read = read(&uri);
            assert_eq!(read.secret.as_bytes(), SEED, "{uri}");
            assert_eq!(read.parameters, sha256, "{uri}");
        }
    }

    #[test]
    fn a_counting_one_has_a_counter_and_no_period() {
        for counter in [0, 7, u64::MAX] {
            let uri = format!("otpauth://hotp/a?secret={SPELLED}&counter={counter}&period=1");
            let read = read(&uri);
            assert_eq!(read.parameters, Parameters { kind: Kind::Hotp, ..Parameters::default() });
            assert_eq!(read.counter, counter);
        }
        let uri = format!("otpauth://hotp/a?secret={SPELLED}");
        assert_eq!(error(&uri), InvalidKeyUri::NoCounter);
    }

    #[test]
    fn what_is_wrong_is_said_and_the_secret_is_not() {
        for (uri, text) in [
            (String::new(), "a key URI begins with otpauth://totp/ or otpauth://hotp/"),
            (
                with("").replace("otpauth", "https"),
                "a key URI begins with otpauth://totp/ or otpauth://hotp/",
            ),
            (
                with("").replace("totp", "steam"),
                "a key URI begins with otpauth://totp/ or otpauth://hotp/",
            ),
            (
                "otpauth-migration://offline?data=AA".to_owned(),
                "a key URI begins with otpauth://totp/ or otpauth://hotp/",
            ),
            ("otpauth://totp/a".to_owned(), "the key URI has no secret"),
            ("otpauth://totp/a?digits=6".to_owned(), "the key URI has no secret"),
            ("otpauth://totp/a?secret".to_owned(), "a shared secret has 16 to 128 bytes, not 0"),
            (with("0"), "a shared secret is written in the symbols A-Z and 2-7"),
            (with("%0"), "the key URI has a % that stands for no character"),
            (with("%+2"), "the key URI has a % that stands for no character"),
            (with("%ff"), "the key URI has a % that stands for no character"),
            (with("").replace("box", "b%fcro"), "the key URI has a % that stands for no character"),
            (with("&SECRET=A"), "the key URI gives secret more than once"),
            (with("&digits=6&digits=6"), "the key URI gives digits more than once"),
            (with("&digits="), "digits in the key URI is not a number, or far too large"),
            (with("&digits=+6"), "digits in the key URI is not a number, or far too large"),
            (with("&digits=4294967302"), "digits in the key URI is not a number, or far too large"),
            (with("&digits=5"), "a code has 6 to 8 digits, not 5"),
            (with("&period=3.0"), "period in the key URI is not a number, or far too large"),
            (with("&period=0"), "a time step lasts 15 to 300 seconds, not 0"),
            (with("&algorithm=MD5"), "the algorithm is one of SHA1, SHA256, SHA512"),
            (with("&algorithm="), "the algorithm is one of SHA1, SHA256, SHA512"),
        ] {
            assert_eq!(error(&uri).to_string(), text, "{uri}");
        }
    }

    // Many sites give 80 bit, which phones take; RFC 4226 section 4, R6 asks for 128.
    #[test]
    fn a_secret_that_is_too_short_is_refused_although_phones_take_it() {
        let length = InvalidSecret::Length(SecretLength { bytes: 10 });
        let uri = "otpauth://totp/Example:alice@example.com?secret=GEZDGNBVGY3TQOJQ&issuer=Example";
        assert_eq!(error(uri), InvalidKeyUri::Secret(length));
    }

    #[test]
    fn a_key_uri_ends_at_1024_bytes() {
        let filled = |bytes: usize| with(&format!("&x={}", "x".repeat(bytes - with("&x=").len())));
        assert_eq!(filled(MAX_BYTES).len(), MAX_BYTES);
        assert!(KeyUri::parse(&filled(MAX_BYTES)).is_ok());
        assert_eq!(error(&filled(MAX_BYTES + 1)), InvalidKeyUri::TooLong);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_is_too_strange_to_be_refused(
            text in prop_oneof![
                any::<String>(),
                "(otpauth://)?[th]otp[/?]\\PC{0,40}",
                "otpauth://[th]otp/[a-z:%]{0,8}\\?((secret|digits|period|counter|algorithm)=[A-Z2-7%+ü]{0,40}&){0,6}",
            ],
        ) {
            let _ = KeyUri::parse(&text).map(|read| read.label);
        }
    }
}
