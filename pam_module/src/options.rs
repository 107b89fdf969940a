//! The words after `pam_twinlock.so` in a pam.d line.
//!
//! A word this module does not know refuses every login through that line: a misspelt option that
//! is skipped silently is a setting somebody believes in.

use core::ffi::CStr;
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use twinlock_interface::answer_shape::OTP_DIGITS;

use crate::daemon::BusAddress;
use crate::first_answer::{FirstAnswer, FirstPass};

/// Bounds of `timeout=`, in seconds. The upper one keeps a dead daemon from eating the two minutes
/// sshd gives a whole login.
const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=30;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a pam.d line may set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `debug`: tell the system log what happens; never answers, codes or texts.
    pub(crate) debug: bool,
    /// `timeout=`: how long the module may wait for bus and daemon in one exchange.
    pub(crate) timeout: Duration,
    /// `bus=`: where the bus listens.
    pub(crate) bus: BusAddress,
    /// `password_checked`: the lines before this one end the login at a wrong password, so one that
    /// was collected is a first factor. The module cannot see that for itself.
    pub(crate) password_checked: bool,
    /// `not_required=`: what the daemon's `not-required` means to the stack.
    pub(crate) not_required: NotRequired,
    /// `try_first_pass`, `use_first_pass`, `forward_pass`, `digits=`: password and code in one
    /// prompt.
    pub(crate) first_answer: FirstAnswer,
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
    /// Two options that exclude each other.
    Contradiction(&'static str, &'static str),
    /// An option that means nothing without another, and which that may be.
    Pointless(&'static str, &'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "unknown option {name:?}, login denied"),
            Self::Malformed(name, expected) => {
                write!(f, "option {name} must be {expected}, login denied")
            }
            Self::Duplicate(name) => write!(f, "option {name} given twice, login denied"),
            Self::Contradiction(one, other) => {
                write!(f, "options {one} and {other} exclude each other, login denied")
            }
            Self::Pointless(name, needed) => {
                write!(f, "option {name} needs {needed}, login denied")
            }
        }
    }
}

impl Options {
    /// Reads a whole pam.d line, or says what is wrong with it.
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, Refusal> {
        let (mut debug, mut timeout, mut bus, mut not_required) = (None, None, None, None);
        let (mut try_first, mut use_first, mut forward, mut digits) = (None, None, None, None);
        let mut checked = None;
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
                "try_first_pass" => once(&mut try_first, "try_first_pass", flag(value))?,
                "use_first_pass" => once(&mut use_first, "use_first_pass", flag(value))?,
                "forward_pass" => once(&mut forward, "forward_pass", flag(value))?,
                "password_checked" => once(&mut checked, "password_checked", flag(value))?,
                "digits" => once(&mut digits, "digits", code_length(value))?,
                _ => return Err(Refusal::unknown(word)),
            }
        }
        // Where the password is behind the code, nothing can have checked it yet.
        if checked.is_some() && forward.is_some() {
            return Err(Refusal::Contradiction("password_checked", "forward_pass"));
        }
        Ok(Self {
            debug: debug.unwrap_or(false),
            password_checked: checked.is_some(),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            bus: bus.unwrap_or_default(),
            not_required: not_required.unwrap_or_default(),
            first_answer: first_answer(
                first_pass(try_first.is_some(), use_first.is_some())?,
                forward.is_some(),
                digits,
            )?,
        })
    }
}

fn first_pass(try_first: bool, use_first: bool) -> Result<FirstPass, Refusal> {
    match (try_first, use_first) {
        (false, false) => Ok(FirstPass::Unread),
        (true, false) => Ok(FirstPass::Try),
        (false, true) => Ok(FirstPass::Use),
        (true, true) => Err(Refusal::Contradiction("try_first_pass", "use_first_pass")),
    }
}

fn first_answer(
    first_pass: FirstPass,
    forward: bool,
    digits: Option<usize>,
) -> Result<FirstAnswer, Refusal> {
    // Elsewhere codes of every length are taken, and whoever wrote `digits=` believes otherwise.
    if digits.is_some() && first_pass == FirstPass::Unread && !forward {
        let needed = "try_first_pass, use_first_pass or forward_pass";
        return Err(Refusal::Pointless("digits", needed));
    }
    let digits = digits.unwrap_or(FirstAnswer::default().digits);
    Ok(FirstAnswer { first_pass, forward, digits })
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

/// A whole number. `parse` alone would let a plus sign through.
fn number(value: Option<&str>) -> Option<u64> {
    value.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

fn code_length(value: Option<&str>) -> Result<usize, Expected> {
    number(value)
        .and_then(|digits| digits.try_into().ok())
        .filter(|digits| OTP_DIGITS.contains(digits))
        .ok_or("a number from 6 to 8")
}

fn seconds(value: Option<&str>) -> Result<Duration, Expected> {
    number(value)
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
    fn a_collected_password_is_a_first_factor_only_where_the_line_says_so() {
        assert!(!parse(&[]).unwrap().password_checked);
        assert!(parse(&[c"password_checked"]).unwrap().password_checked);
        let contradiction = Err(Refusal::Contradiction("password_checked", "forward_pass"));
        assert_eq!(parse(&[c"password_checked", c"forward_pass"]), contradiction);
        assert_eq!(parse(&[c"forward_pass", c"password_checked"]), contradiction);
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
        let untouched = FirstAnswer { first_pass: FirstPass::Unread, forward: false, digits: 6 };
        assert_eq!(options.first_answer, untouched);
    }

    #[test]
    fn every_option_is_read() {
        let options = parse(&[
            c"debug",
            c"timeout=30",
            c"bus=unix:path=/run/x",
            c"not_required=success",
            c"try_first_pass",
            c"forward_pass",
            c"digits=8",
        ])
        .unwrap();
        assert_eq!(
            options,
            Options {
                debug: true,
                password_checked: false,
                timeout: Duration::from_secs(30),
                bus: BusAddress::parse("unix:path=/run/x").unwrap(),
                not_required: NotRequired::Success,
                first_answer: FirstAnswer { first_pass: FirstPass::Try, forward: true, digits: 8 },
            }
        );
        assert_eq!(parse(&[c"timeout=1"]).unwrap().timeout, Duration::from_secs(1));
        assert_eq!(parse(&[c"not_required=ignore"]).unwrap(), parse(&[]).unwrap());
    }

    #[test]
    fn each_option_for_one_prompt_stands_for_itself_and_digits_with_any_of_them() {
        for (word, first_pass, forward) in [
            (c"try_first_pass", FirstPass::Try, false),
            (c"use_first_pass", FirstPass::Use, false),
            (c"forward_pass", FirstPass::Unread, true),
        ] {
            let read = |line: &[&CStr]| parse(line).unwrap().first_answer;
            assert_eq!(read(&[word]), FirstAnswer { first_pass, forward, digits: 6 });
            for (setting, digits) in [(c"digits=6", 6), (c"digits=7", 7), (c"digits=8", 8)] {
                let expected = FirstAnswer { first_pass, forward, digits };
                assert_eq!(read(&[word, setting]), expected);
                assert_eq!(read(&[setting, word]), expected);
            }
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        let excluded = Err(Refusal::Contradiction("try_first_pass", "use_first_pass"));
        assert_eq!(parse(&[c"try_first_pass", c"use_first_pass"]), excluded);
        assert_eq!(parse(&[c"use_first_pass", c"forward_pass", c"try_first_pass"]), excluded);
        for line in [&[c"digits=6"][..], &[c"digits=8", c"debug"]] {
            assert!(matches!(parse(line), Err(Refusal::Pointless("digits", _))), "{line:?}");
        }
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
            (c"try_first_pass=", "try_first_pass"),
            (c"use_first_pass=yes", "use_first_pass"),
            (c"forward_pass=1", "forward_pass"),
            (c"digits", "digits"),
            (c"digits=", "digits"),
            (c"digits=5", "digits"),
            (c"digits=9", "digits"),
            (c"digits=+6", "digits"),
            (c"digits=six", "digits"),
            (c"digits=18446744073709551622", "digits"),
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
            ([c"try_first_pass", c"try_first_pass"], "try_first_pass"),
            ([c"use_first_pass", c"use_first_pass"], "use_first_pass"),
            ([c"forward_pass", c"forward_pass"], "forward_pass"),
            ([c"digits=6", c"digits=6"], "digits"),
            ([c"debug", c"debug"], "debug"),
            ([c"timeout=3", c"timeout=3"], "timeout"),
            ([c"bus=unix:path=/a", c"bus=unix:path=/b"], "bus"),
            ([c"not_required=ignore", c"not_required=success"], "not_required"),
        ] {
            assert_eq!(parse(&words), Err(Refusal::Duplicate(name)));
        }
    }
}
