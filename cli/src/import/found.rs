//! What a file of another program holds for one account, or why nothing is taken from it.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use twinlock_interface::ImportedAuthenticator;
use zeroize::Zeroizing;

use crate::moment::Moment;

/// Shortest shared secret the daemon takes, in bytes: RFC 4226 section 4, R6 asks for 128 bit.
const MIN_SECRET_BYTES: usize = 16;
/// Longest shared secret the daemon takes, in bytes.
const MAX_SECRET_BYTES: usize = 128;
/// Largest counter the daemon takes.
const MAX_COUNTER: u64 = u32::MAX as u64;

/// Everything one account brings along.
#[derive(Default)]
pub(crate) struct Found {
    /// In the order of the file.
    pub(crate) authenticators: Zeroizing<Vec<ImportedAuthenticator>>,
    /// Eight digits each, none twice, at most ten.
    pub(crate) recovery_codes: Vec<Zeroizing<String>>,
    /// What became of the rest.
    pub(crate) notes: Vec<Note>,
}

/// What became of something in the file. It holds line numbers and names this program knows, never
/// text of the file: what looks like a mistyped option may be a secret (I15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The counter `field` became the last one that is spent; none when no code was used yet.
    SpentCounter { authenticator: String, field: &'static str, last: Option<u64> },
    /// The codes that `field` says were used are spent up to a time step.
    SpentSteps { authenticator: String, field: &'static str, last: u64 },
    /// Nothing tells which codes were used, or none of another time was: whatever the phone has
    /// shown up to the import is spent.
    SpentUntilNow { authenticator: String },
    /// A setting that is a matter of the host here, or has no counterpart.
    Setting(&'static str),
    /// An option this program does not know.
    UnknownOption { line: usize },
    /// Lines that are neither option nor scratch code.
    OtherLines(usize),
    /// Scratch codes beyond the ten of a set.
    SurplusCodes(usize),
    /// Scratch codes that are in the file twice.
    RepeatedCodes(usize),
    /// A second password in the file.
    Pin { line: usize },
    /// A second password kept elsewhere.
    ExternalPassword { line: usize },
    /// A line that `pam_oath` skips, too.
    UnknownToken { line: usize },
    /// The clock of the phone is off, which the other program had learnt to allow for.
    ClockSkew { seconds: i64 },
    /// Others than the owner could read the secret.
    Exposed,
}

/// Which heading of the report a note stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Converted,
    Dropped,
    Warning,
}

impl Note {
    pub(crate) fn fate(&self) -> Fate {
        match self {
            Self::SpentCounter { .. } | Self::SpentSteps { .. } | Self::SpentUntilNow { .. } => {
                Fate::Converted
            }
            Self::Setting(_)
            | Self::UnknownOption { .. }
            | Self::OtherLines(_)
            | Self::SurplusCodes(_)
            | Self::RepeatedCodes(_)
            | Self::Pin { .. }
            | Self::ExternalPassword { .. }
            | Self::UnknownToken { .. } => Fate::Dropped,
            Self::ClockSkew { .. } | Self::Exposed => Fate::Warning,
        }
    }
}

/// One line for the report, without a full stop.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpentCounter { authenticator, field, last: Some(last) } => {
                write!(f, "{field}: codes of {authenticator} are spent up to counter {last}")
            }
            Self::SpentCounter { authenticator, field, last: None } => {
                write!(f, "{field}: no code of {authenticator} is spent")
            }
            Self::SpentSteps { authenticator, field, last } => {
                write!(f, "{field}: codes of {authenticator} are spent up to time step {last}")
            }
            Self::SpentUntilNow { authenticator } => {
                write!(f, "codes of {authenticator} are spent up to the moment of the import")
            }
            Self::Setting(name) => write!(f, "{name}, which has no counterpart per account"),
            Self::UnknownOption { line } => {
                write!(f, "the option on line {line}, which is unknown")
            }
            Self::OtherLines(count) => {
                write!(f, "{count} of the lines: neither option nor scratch code")
            }
            Self::SurplusCodes(count) => write!(f, "{count} scratch codes beyond the tenth"),
            Self::RepeatedCodes(count) => {
                write!(f, "{count} of the scratch codes, which are there twice")
            }
            Self::Pin { line } => write!(f, "the PIN on line {line}, which has no counterpart"),
            Self::ExternalPassword { line } => {
                write!(f, "the \"+\" on line {line}: a password kept elsewhere is not asked for")
            }
            Self::UnknownToken { line } => {
                write!(f, "line {line}, whose type is unknown: pam_oath skips it, too")
            }
            Self::ClockSkew { seconds } => {
                let direction = if *seconds < 0 { "behind" } else { "ahead" };
                write!(
                    f,
                    "TIME_SKEW says that the phone's clock is {} seconds {direction}: until it is \
                     set right, its codes will be refused",
                    seconds.unsigned_abs()
                )
            }
            Self::Exposed => f.write_str(
                "others than the owner could read the file and the secret in it: enrolling anew \
                 is safer",
            ),
        }
    }
}

/// Why nothing is taken over for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The first line of a `.google_authenticator` file is no base32.
    NoSecret,
    /// A key that is no even number of hexadecimal digits.
    NotHexadecimal,
    /// Below the minimum of RFC 4226.
    SecretTooShort { bits: usize },
    /// Longer than the block of any hash.
    SecretTooLong { bits: usize },
    /// A file of text with a NUL in it.
    NotText,
    /// Neither counter nor time based.
    NoKind,
    /// An option or field that does not hold what it should.
    Malformed(&'static str),
    /// A time step outside 15 to 300 seconds.
    Period,
    /// A counter beyond 32 bit.
    Counter,
    /// A key of two tokens: the daemon refuses it, for each would take the codes of the other.
    RepeatedKey,
    /// A code of a later time step than the next may be spent. The daemon would not hold that, so
    /// it has to wait, until `at`, in seconds since the Unix epoch.
    NotYet { field: &'static str, at: u64 },
    /// More tokens than an account can have.
    TooManyTokens { count: usize, most: usize },
    /// Only lines of unknown types.
    NoToken,
    /// A name that is no text.
    Name,
    /// One of the above, in a file of many accounts.
    OnLine { line: usize, refusal: Box<Refusal> },
}

impl Refusal {
    /// The reason for the report, without a full stop.
    pub(crate) fn describe(&self, moment: &Moment) -> String {
        match self {
            Self::NoSecret => "the first line is no base32 secret".to_owned(),
            Self::NotHexadecimal => "the key is not hexadecimal".to_owned(),
            Self::SecretTooShort { bits } => {
                format!("secret too short ({bits} bits, at least 128 are needed): enrol anew")
            }
            Self::SecretTooLong { bits } => {
                format!("secret too long ({bits} bits, at most 1024 are allowed): enrol anew")
            }
            Self::NotText => "the file is no text".to_owned(),
            Self::NoKind => "neither TOTP_AUTH nor a HOTP_COUNTER of 1 or more".to_owned(),
            Self::Malformed(field) => format!("{field} cannot be understood"),
            Self::Period => "a time step must have 15 to 300 seconds: enrol anew".to_owned(),
            Self::Counter => "a counter is at most 4294967295: enrol anew".to_owned(),
            Self::RepeatedKey => "an earlier line of the account has the same key".to_owned(),
            Self::NotYet { field, at } => format!(
                "by {field}, codes of a later time may be spent: import it from {} on, or enrol \
                 anew",
                moment.describe(*at)
            ),
            Self::TooManyTokens { count, most } => {
                format!("{count} tokens, where an account can have {most}")
            }
            Self::NoToken => "no line of a type that pam_oath knows".to_owned(),
            Self::Name => "the account name is no text".to_owned(),
            Self::OnLine { line, refusal } => {
                format!("line {line}: {}", refusal.describe(moment))
            }
        }
    }
}

/// The latest spent time step, when it can be held: the present one, any before, and the next. One
/// step of waiting is what a person puts up with; beyond that the import has to wait.
pub(crate) fn spent_step(
    field: &'static str,
    last: u64,
    period: u64,
    now: u64,
) -> Result<u64, Refusal> {
    let next = (now / period).saturating_add(1);
    if last > next {
        return Err(Refusal::NotYet { field, at: last.saturating_sub(1).saturating_mul(period) });
    }
    Ok(last)
}

/// The last spent counter, when the daemon takes it.
pub(crate) fn spent_counter(last: Option<u64>) -> Result<Option<u64>, Refusal> {
    if last > Some(MAX_COUNTER) { Err(Refusal::Counter) } else { Ok(last) }
}

/// The shared secret `bytes` in base32, as the daemon wants it.
pub(crate) fn spelled(bytes: &[u8]) -> Result<String, Refusal> {
    let bits = bytes.len().saturating_mul(8);
    match bytes.len() {
        0..MIN_SECRET_BYTES => Err(Refusal::SecretTooShort { bits }),
        MIN_SECRET_BYTES..=MAX_SECRET_BYTES => Ok(BASE32_NOPAD.encode(bytes)),
        _ => Err(Refusal::SecretTooLong { bits }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_128_to_1024_bit() {
        for (bytes, refusal) in [
            (10, Some(Refusal::SecretTooShort { bits: 80 })),
            (15, Some(Refusal::SecretTooShort { bits: 120 })),
            (16, None),
            (128, None),
            (129, Some(Refusal::SecretTooLong { bits: 1032 })),
        ] {
            assert_eq!(spelled(&vec![b'1'; bytes]).err(), refusal, "{bytes}");
        }
        assert_eq!(spelled(b"12345678901234567890").unwrap(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_counter_has_at_most_32_bit() {
        for last in [None, Some(0), Some(u64::from(u32::MAX))] {
            assert_eq!(spent_counter(last), Ok(last));
        }
        assert_eq!(spent_counter(Some(1 << 32)), Err(Refusal::Counter));
    }

    #[test]
    fn a_spent_step_is_held_up_to_the_next_and_has_to_wait_beyond() {
        let now = 1_111_111_109;
        for last in [0, now / 30, now / 30 + 1] {
            assert_eq!(spent_step("X", last, 30, now), Ok(last));
        }
        for early in [2, 20] {
            let last = now / 30 + early;
            let Err(Refusal::NotYet { field: "X", at }) = spent_step("X", last, 30, now) else {
                panic!("held");
            };
            assert_eq!(spent_step("X", last, 30, at), Ok(last));
            assert!(spent_step("X", last, 30, at - 1).is_err());
        }
        assert!(spent_step("X", u64::MAX, 300, now).is_err());
    }

    #[test]
    fn a_refusal_in_a_file_of_many_names_the_line() {
        let refusal = Refusal::SecretTooShort { bits: 80 };
        assert_eq!(
            Refusal::OnLine { line: 7, refusal: Box::new(refusal) }.describe(&Moment::now()),
            "line 7: secret too short (80 bits, at least 128 are needed): enrol anew"
        );
    }
}
