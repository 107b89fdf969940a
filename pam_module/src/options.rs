//! The words after `pam_twinlock.so` in a pam.d line.
//!
//! A word this module does not know refuses every login through that line: a misspelt option that
//! is skipped silently is a setting somebody believes in.

use core::ffi::CStr;
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use crate::daemon::BusAddress;

/// Bounds of `timeout=`, in seconds. The upper one keeps a dead daemon from eating the two minutes
/// sshd gives a whole login.
const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=30;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a pam.d line may set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `debug`: tell the system log what happens; never answers, codes or texts.
    pub(crate) debug: bool,
    /// `timeout=`: how long the module may wait for bus and daemon in one login, in all.
    pub(crate) timeout: Duration,
    /// `bus=`: where the bus listens.
    pub(crate) bus: BusAddress,
    /// `not_required=`: what the daemon's `not-required` means to the stack.
    pub(crate) not_required: NotRequired,
}

/// What PAM hears when the daemon asks no code of this account here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NotRequired {
    /// `ignore`: as if the line were absent.
    #[default]
    Ignore,
    /// `success`: as if a code had been accepted; for stacks in which this module stands alone.
    Success,
}

/// Why a pam.d line is refused. Holds the option's name, not its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not an option of this module.
    Unknown(String),
    /// An option with a value it cannot have, and what it can have.
    Malformed(&'static str, &'static str),
    /// The same option twice: which of the two did they mean?
    Duplicate(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "unknown option {name:?}, login denied"),
            Self::Malformed(name, expected) => {
                write!(f, "option {name} must be {expected}, login denied")
            }
            Self::Duplicate(name) => write!(f, "option {name} given twice, login denied"),
        }
    }
}

impl Options {
    /// Reads a whole pam.d line, or says what is wrong with it.
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, Refusal> {
        let (mut debug, mut timeout, mut bus, mut not_required) = (None, None, None, None);
        for word in words {
            let word = word.to_str().map_err(|_| Refusal::unknown(&word.to_string_lossy()))?;
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            match name {
                "debug" => once(&mut debug, "debug", flag(value))?,
                "timeout" => once(&mut timeout, "timeout", seconds(value))?,
                "bus" => once(&mut bus, "bus", address(value))?,
                "not_required" => once(&mut not_required, "not_required", meaning(value))?,
                _ => return Err(Refusal::unknown(word)),
            }
        }
        Ok(Self {
            debug: debug.unwrap_or(false),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            bus: bus.unwrap_or_default(),
            not_required: not_required.unwrap_or_default(),
        })
    }
}

impl Refusal {
    fn unknown(word: &str) -> Self {
        Self::Unknown(word.split('=').next().unwrap_or_default().to_owned())
    }
}

/// What an option must be, for the system log.
type Expected = &'static str;

fn once<T>(
    slot: &mut Option<T>,
    name: &'static str,
    value: Result<T, Expected>,
) -> Result<(), Refusal> {
    let value = value.map_err(|expected| Refusal::Malformed(name, expected))?;
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::Duplicate(name)),
    }
}

fn flag(value: Option<&str>) -> Result<bool, Expected> {
    if value.is_none() { Ok(true) } else { Err("a word without a value") }
}

fn seconds(value: Option<&str>) -> Result<Duration, Expected> {
    value
        // `parse` alone would let a plus sign through.
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .filter(|seconds| TIMEOUT_SECONDS.contains(seconds))
        .map(Duration::from_secs)
        .ok_or("a whole number of seconds from 1 to 30")
}

fn address(value: Option<&str>) -> Result<BusAddress, Expected> {
    value.and_then(BusAddress::parse).ok_or("one address that starts with unix:path=/")
}

fn meaning(value: Option<&str>) -> Result<NotRequired, Expected> {
    match value {
        Some("ignore") => Ok(NotRequired::Ignore),
        Some("success") => Ok(NotRequired::Success),
        _ => Err("ignore or success"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&CStr]) -> Result<Options, Refusal> {
        Options::parse(line)
    }

    #[test]
    fn an_empty_line_has_the_documented_defaults() {
        let options = parse(&[]).unwrap();
        assert!(!options.debug);
        assert_eq!(options.timeout, Duration::from_secs(3));
        assert_eq!(
            options.bus,
            BusAddress::parse("unix:path=/run/dbus/system_bus_socket").unwrap()
        );
        assert_eq!(options.not_required, NotRequired::Ignore);
    }

    #[test]
    fn every_option_is_read() {
        let options =
            parse(&[c"debug", c"timeout=30", c"bus=unix:path=/run/x", c"not_required=success"])
                .unwrap();
        assert_eq!(
            options,
            Options {
                debug: true,
                timeout: Duration::from_secs(30),
                bus: BusAddress::parse("unix:path=/run/x").unwrap(),
                not_required: NotRequired::Success,
            }
        );
        assert_eq!(parse(&[c"timeout=1"]).unwrap().timeout, Duration::from_secs(1));
        assert_eq!(parse(&[c"not_required=ignore"]).unwrap(), parse(&[]).unwrap());
    }

    #[test]
    fn an_unknown_word_is_refused_by_name_and_without_its_value() {
        for (word, name) in [
            (c"nullok", "nullok"),
            (c"", ""),
            (c"DEBUG", "DEBUG"),
            (c" debug", " debug"),
            (c"secret=/etc/x", "secret"),
            (c"not-required=success", "not-required"),
            (c"=debug", ""),
            (c"bus\xff=unix:path=/x", "bus\u{fffd}"),
        ] {
            assert_eq!(parse(&[c"debug", word]), Err(Refusal::Unknown(name.into())));
        }
        assert_eq!(
            Refusal::unknown("a\nb=c").to_string(),
            r#"unknown option "a\nb", login denied"#
        );
    }

    #[test]
    fn a_value_an_option_cannot_have_is_refused() {
        for (word, name) in [
            (c"debug=", "debug"),
            (c"debug=yes", "debug"),
            (c"timeout", "timeout"),
            (c"timeout=", "timeout"),
            (c"timeout=0", "timeout"),
            (c"timeout=31", "timeout"),
            (c"timeout=+3", "timeout"),
            (c"timeout=-3", "timeout"),
            (c"timeout=3s", "timeout"),
            (c"timeout=1.5", "timeout"),
            (c"timeout=18446744073709551619", "timeout"),
            (c"not_required", "not_required"),
            (c"not_required=", "not_required"),
            (c"not_required=Ignore", "not_required"),
            (c"not_required=accept", "not_required"),
            (c"bus", "bus"),
            (c"bus=", "bus"),
            (c"bus=/run/dbus/system_bus_socket", "bus"),
            (c"bus=unix:path=run/x", "bus"),
            (c"bus=unix:abstract=/x", "bus"),
            (c"bus=unix:path=/a;tcp:host=b,port=1", "bus"),
            (c"bus=unix:path=/a;", "bus"),
            (c"bus=unix:path=/a,abstract=b", "bus"),
            (c"bus=unix:path=/a,guid=nonsense", "bus"),
            (c"bus=unix:path=/a%20b", "bus"),
            (c"bus=tcp:host=localhost,port=1", "bus"),
            (c"bus=unixexec:path=/bin/sh", "bus"),
            (c"bus=autolaunch:", "bus"),
        ] {
            assert!(
                matches!(parse(&[word]), Err(Refusal::Malformed(found, _)) if found == name),
                "{word:?}"
            );
        }
    }

    #[test]
    fn an_option_given_twice_is_refused_even_when_both_agree() {
        for (words, name) in [
            ([c"debug", c"debug"], "debug"),
            ([c"timeout=3", c"timeout=3"], "timeout"),
            ([c"bus=unix:path=/a", c"bus=unix:path=/b"], "bus"),
            ([c"not_required=ignore", c"not_required=success"], "not_required"),
        ] {
            assert_eq!(parse(&words), Err(Refusal::Duplicate(name)));
        }
    }
}
