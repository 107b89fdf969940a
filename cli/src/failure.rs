//! From an error to words for a person, a name for a script and an exit status.

mod unreachable;

use std::io;

use twinlock_interface::Error;
use zbus::DBusError as _;

use crate::printable;

/// Exit statuses, as `twinlock --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The daemon, or the person, said no.
    Refused,
    /// The command line was not understood.
    Usage,
    /// Nobody was there to say yes or no.
    Unreachable,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For scripts: the last part of the D-Bus error name, or a name given here.
    pub(crate) name: String,
    /// For people: what is wrong, and what to do about it.
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

impl Failure {
    fn new(name: &str, exit: Exit, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into(), exit }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new("Usage", Exit::Usage, message)
    }

    pub(crate) fn no_own_account(message: impl Into<String>) -> Self {
        Self::new("NoSuchAccount", Exit::Refused, message)
    }

    pub(crate) fn no_input() -> Self {
        Self::new("NoInput", Exit::Refused, "No code was given.")
    }

    pub(crate) fn interrupted() -> Self {
        Self::new("Interrupted", Exit::Interrupted, "Interrupted.")
    }

    /// Named like the daemon's own answer, which it would have been.
    pub(crate) fn not_a_code() -> Self {
        Self::new(
            "WrongCode",
            Exit::Refused,
            "That is not a code: the app shows 6 to 8 digits, a recovery code has 16 letters and \
             digits. Nothing was sent.",
        )
    }

    pub(crate) fn not_confirmed() -> Self {
        Self::new("NotConfirmed", Exit::Refused, "Nothing was changed.")
    }

    pub(crate) fn output(error: &io::Error) -> Self {
        Self::new("Output", Exit::Refused, format!("The output could not be written: {error}."))
    }

    pub(crate) fn input(error: &io::Error) -> Self {
        Self::new("Input", Exit::Refused, format!("The input could not be read: {error}."))
    }

    pub(crate) fn runtime(error: &io::Error) -> Self {
        Self::new(
            "BusUnreachable",
            Exit::Unreachable,
            format!("The call could not be prepared: {error}."),
        )
    }

    pub(crate) fn deadline(seconds: u64) -> Self {
        Self::new(
            "DeadlineExceeded",
            Exit::Unreachable,
            format!(
                "No answer within {seconds} seconds. What was asked may still have been done: \
                 look with `twinlock status`.\n`systemctl status dbus twinlockd` or the system log \
                 says what holds it up."
            ),
        )
    }

    /// With one more sentence of advice, on a line of its own.
    pub(crate) fn advise(mut self, advice: &str) -> Self {
        self.message.push('\n');
        self.message.push_str(advice);
        self
    }
}

/// What the daemon says stands first; it does not know this program, so the command that helps is
/// added here. Exhaustive: a new error in the contract needs its words before anything compiles.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use Exit::{Refused, Unreachable, Usage};
        let (exit, said, otherwise, advice) = match &error {
            Error::Bus(cause) => return unreachable::failure(cause),
            Error::NotAuthorized(said) => {
                (Refused, said, "You may not do this to this account.", "Try it with sudo.")
            }
            Error::NoSuchAccount(said) => (
                Refused,
                said,
                "This host knows no such account.",
                "`getent passwd` shows which there are.",
            ),
            Error::NotEnrolled(said) => (
                Refused,
                said,
                "The account has no authenticator.",
                "`twinlock enroll` sets one up.",
            ),
            Error::AlreadyEnrolled(said) => (
                Refused,
                said,
                "The account has an authenticator already.",
                "`twinlock remove` removes it against a code, `sudo twinlock reset` without one.",
            ),
            Error::NoPendingEnrollment(said) => (
                Refused,
                said,
                "No enrolment is under way, or it has ended.",
                "`twinlock enroll` starts a new one.",
            ),
            Error::WrongCode(said) => (
                Refused,
                said,
                "The code is wrong or was used before.",
                "A code counts once: wait for the next. If none is accepted, compare the clocks \
                 of the phone and of this host.",
            ),
            Error::Throttled(said) => (
                Refused,
                said,
                "Too many wrong codes.",
                "`twinlock status` says until when, `sudo twinlock unlock` ends it.",
            ),
            Error::NoSuchSession(said) => (Refused, said, "The login is over.", "Start again."),
            Error::LimitsExceeded(said) => {
                (Refused, said, "Too many calls at once.", "Try again in a minute.")
            }
            Error::InvalidArgument(said) => {
                (Usage, said, "The account name is too long or malformed.", "Check the name.")
            }
            Error::Unavailable(said) => (
                Unreachable,
                said,
                "twinlockd cannot answer now.",
                "`systemctl status twinlockd`, or the system log, says why.",
            ),
        };
        let name = error.name();
        let name = name.rsplit('.').next().unwrap_or_default();
        let said = if said.trim().is_empty() { otherwise } else { said.trim() };
        Self::new(name, exit, printable::paragraph(said)).advise(advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variant = fn(String) -> Error;
    const ANSWERS: [(Variant, &str, u8); 11] = [
        (Error::NotAuthorized, "NotAuthorized", 1),
        (Error::NoSuchAccount, "NoSuchAccount", 1),
        (Error::NotEnrolled, "NotEnrolled", 1),
        (Error::AlreadyEnrolled, "AlreadyEnrolled", 1),
        (Error::NoPendingEnrollment, "NoPendingEnrollment", 1),
        (Error::WrongCode, "WrongCode", 1),
        (Error::Throttled, "Throttled", 1),
        (Error::NoSuchSession, "NoSuchSession", 1),
        (Error::LimitsExceeded, "LimitsExceeded", 1),
        (Error::InvalidArgument, "InvalidArgument", 2),
        (Error::Unavailable, "Unavailable", 3),
    ];

    #[test]
    fn every_answer_of_the_daemon_has_its_name_and_exit_status() {
        for (variant, name, status) in ANSWERS {
            let failure = Failure::from(variant("Said so.".into()));
            assert_eq!((failure.name.as_str(), failure.exit.code()), (name, status));
            let (said, advice) = failure.message.split_once('\n').unwrap();
            assert!(said == "Said so." && advice.ends_with('.'), "{name}: {}", failure.message);
        }
    }

    #[test]
    fn a_daemon_that_says_nothing_leaves_nobody_without_words() {
        for (variant, name, _) in ANSWERS {
            let failure = Failure::from(variant(String::new()));
            assert!(failure.message.contains(".\n"), "{name}: {}", failure.message);
        }
    }

    #[test]
    fn what_the_daemon_says_cannot_drive_the_terminal() {
        let failure = Failure::from(Error::WrongCode("no\u{1b}[2J\nwait".into()));
        assert!(failure.message.starts_with("no\\u{1b}[2J\nwait\n"), "{}", failure.message);
    }

    #[test]
    fn exit_statuses_are_the_documented_ones() {
        let statuses = [Exit::Refused, Exit::Usage, Exit::Unreachable, Exit::Interrupted];
        assert_eq!(statuses.map(Exit::code), [1, 2, 3, 130]);
    }
}
