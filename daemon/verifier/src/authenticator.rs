//! One enrolled phone or token: how it makes its codes, and which of them are spent.

use core::fmt;

use crate::{
    Algorithm, Digits, MovingFactor, Period, SharedSecret,
    hotp::{DigitsOutOfRange, UnknownAlgorithm},
    totp::PeriodOutOfRange,
};

/// Names a stored authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticatorId(pub i64);

/// What moves its codes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Time, in steps of this length (RFC 6238).
    Totp(Period),
    /// A counter (RFC 4226).
    Hotp,
}

/// How an authenticator makes its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// What moves them on.
    pub kind: Kind,
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
}

/// Words and numbers that are no [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidParameters {
    /// Neither `totp` nor `hotp`.
    Kind,
    /// No known hash.
    Algorithm(UnknownAlgorithm),
    /// Too few or too many digits.
    Digits(DigitsOutOfRange),
    /// A time step that is too short or too long.
    Period(PeriodOutOfRange),
    /// A time step for an authenticator that counts.
    PeriodOfHotp(u32),
}

/// Which codes of an authenticator are spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayRecord {
    /// The latest moving factor accepted from it. Earlier ones are spent as well (I2).
    pub last_spent: Option<MovingFactor>,
    /// HOTP only: counter of a code beyond the look-ahead; the next one in a row resynchronises.
    pub out_of_step: Option<MovingFactor>,
}

/// One enrolled phone or token.
pub struct Authenticator {
    /// Its name in the store.
    pub id: AuthenticatorId,
    /// How it makes its codes.
    pub parameters: Parameters,
    /// What it shares with this host.
    pub secret: SharedSecret,
    /// Which of its codes are spent.
    pub record: ReplayRecord,
}

impl Kind {
    /// The name that key URIs, the wire and the database use: `totp` or `hotp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Hotp => "hotp",
        }
    }
}

impl Parameters {
    /// From the words and numbers of wire and database: `totp` or `hotp`, `SHA1`, `SHA256` or
    /// `SHA512`, 6 to 8 digits, and a period of 15 to 300 seconds, or 0 exactly for `hotp`.
    pub fn from_parts(
        kind: &str,
        algorithm: &str,
        digits: u32,
        period: u32,
    ) -> Result<Self, InvalidParameters> {
        let kind = match (kind, period) {
            ("totp", seconds) => {
                Period::new(seconds).map(Kind::Totp).map_err(InvalidParameters::Period)?
            }
            ("hotp", 0) => Kind::Hotp,
            ("hotp", seconds) => return Err(InvalidParameters::PeriodOfHotp(seconds)),
            _ => return Err(InvalidParameters::Kind),
        };
        let algorithm = algorithm.parse().map_err(InvalidParameters::Algorithm)?;
        let digits = Digits::new(digits).map_err(InvalidParameters::Digits)?;
        Ok(Self { kind, algorithm, digits })
    }

    /// Length of a time step in seconds; 0 for HOTP.
    #[must_use]
    pub const fn period_seconds(&self) -> u32 {
        match self.kind {
            Kind::Totp(period) => period.seconds(),
            Kind::Hotp => 0,
        }
    }
}

impl Default for Parameters {
    /// Six digits from SHA-1 every 30 seconds: what every phone supports.
    fn default() -> Self {
        Self {
            kind: Kind::Totp(Period::default()),
            algorithm: Algorithm::default(),
            digits: Digits::default(),
        }
    }
}

impl fmt::Display for InvalidParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("the kind is totp or hotp"),
            Self::Algorithm(unknown) => unknown.fmt(f),
            Self::Digits(out_of_range) => out_of_range.fmt(f),
            Self::Period(out_of_range) => out_of_range.fmt(f),
            Self::PeriodOfHotp(seconds) => {
                write!(f, "an authenticator that counts has a period of 0, not {seconds}")
            }
        }
    }
}

impl core::error::Error for InvalidParameters {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_back_from_their_parts() {
        for (kind, algorithm, digits, period) in
            [("totp", "SHA1", 6, 30), ("totp", "SHA512", 8, 300), ("hotp", "SHA256", 7, 0)]
        {
            let read = Parameters::from_parts(kind, algorithm, digits, period).unwrap();
            assert_eq!(read.kind.as_str(), kind);
            assert_eq!(read.algorithm.as_str(), algorithm);
            assert_eq!((read.digits.get(), read.period_seconds()), (digits, period));
        }
        let default = Parameters::from_parts("totp", "SHA1", 6, 30);
        assert_eq!(default, Ok(Parameters::default()));
    }

    #[test]
    fn parts_out_of_bounds_are_named_with_their_bounds() {
        for ((kind, algorithm, digits, period), text) in [
            (("TOTP", "SHA1", 6, 30), "the kind is totp or hotp"),
            (("", "SHA1", 6, 0), "the kind is totp or hotp"),
            (("totp", "sha1", 6, 30), "the algorithm is one of SHA1, SHA256, SHA512"),
            (("totp", "SHA1", 5, 30), "a code has 6 to 8 digits, not 5"),
            (("hotp", "SHA1", 9, 0), "a code has 6 to 8 digits, not 9"),
            (("totp", "SHA1", 6, 0), "a time step lasts 15 to 300 seconds, not 0"),
            (("totp", "SHA1", 6, 301), "a time step lasts 15 to 300 seconds, not 301"),
            (("hotp", "SHA1", 6, 30), "an authenticator that counts has a period of 0, not 30"),
        ] {
            let error = Parameters::from_parts(kind, algorithm, digits, period).unwrap_err();
            assert_eq!(error.to_string(), text);
        }
    }
}
