//! From an error to words for a person, a name for a script and an exit status.

mod name;
mod pam;
mod unreachable;

use std::{io, path::Path};

use twinlock_interface::Error;

pub(crate) use name::Name;

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
    /// For scripts.
    pub(crate) name: Name,
    /// For people: what is wrong, and what to do about it.
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

impl Failure {
    fn new(name: Name, exit: Exit, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), exit }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Name::Usage, Exit::Usage, message)
    }

    pub(crate) fn no_own_account(message: impl Into<String>) -> Self {
        Self::new(Name::NoSuchAccount, Exit::Refused, message)
    }

    /// Whoever keeps the accounts does not answer: nothing is known, good or bad.
    pub(crate) fn no_user_database(message: &str) -> Self {
        Self::new(Name::Unavailable, Exit::Unreachable, message)
    }

    pub(crate) fn no_input() -> Self {
        Self::new(Name::NoInput, Exit::Refused, "No code was given.")
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Name::Interrupted, Exit::Interrupted, "Interrupted.")
    }

    /// Named like the daemon's own answer, which it would have been.
    pub(crate) fn not_a_code() -> Self {
        Self::new(
            Name::WrongCode,
            Exit::Refused,
            "That is not a code: the app shows 6 to 8 digits, a recovery code has 16 letters and \
             digits. Nothing was sent.",
        )
    }

    pub(crate) fn not_confirmed() -> Self {
        Self::new(Name::NotConfirmed, Exit::Refused, "Nothing was changed.")
    }

    pub(crate) fn output(error: &io::Error) -> Self {
        Self::new(Name::Output, Exit::Refused, format!("The output could not be written: {error}."))
    }

    pub(crate) fn input(error: &io::Error) -> Self {
        Self::new(Name::Input, Exit::Refused, format!("The input could not be read: {error}."))
    }

    /// A file that was named for reading.
    pub(crate) fn file_input(path: &Path, reason: &str) -> Self {
        let path = path.display().to_string();
        Self::new(
            Name::Input,
            Exit::Refused,
            format!("{} cannot be used: {reason}.", printable::line(&path)),
        )
    }

    /// A file that was named for writing.
    pub(crate) fn file_output(path: &Path, reason: &str) -> Self {
        let path = path.display().to_string();
        Self::new(
            Name::Output,
            Exit::Refused,
            format!("{} cannot be written: {reason}.", printable::line(&path)),
        )
    }

    pub(crate) fn file_exists(path: &Path) -> Self {
        let path = path.display().to_string();
        Self::new(
            Name::FileExists,
            Exit::Refused,
            format!("{} exists and is never overwritten.", printable::line(&path)),
        )
    }

    pub(crate) fn no_key() -> Self {
        Self::new(Name::NoInput, Exit::Refused, "No key was given.")
    }

    pub(crate) fn no_key_in_picture(path: &Path, reason: &str) -> Self {
        let path = path.display().to_string();
        Self::new(
            Name::NoKeyInPicture,
            Exit::Refused,
            format!("{}: {reason}", printable::line(&path)),
        )
    }

    pub(crate) fn code_spent(message: impl Into<String>) -> Self {
        Self::new(Name::CodeSpent, Exit::Refused, message)
    }

    pub(crate) fn code_out_of_window(message: impl Into<String>) -> Self {
        Self::new(Name::CodeOutOfWindow, Exit::Refused, message)
    }

    /// Of an import, which goes on with the other accounts.
    pub(crate) fn not_imported(message: impl Into<String>) -> Self {
        Self::new(Name::NotImported, Exit::Refused, message)
    }

    /// A policy file that says something impossible. Not 1, which stands for a difference.
    pub(crate) fn policy_file(message: impl Into<String>) -> Self {
        Self::new(Name::PolicyFile, Exit::Usage, message)
    }

    pub(crate) fn policy_differs(message: impl Into<String>) -> Self {
        Self::new(Name::PolicyDiffers, Exit::Refused, message)
    }

    /// Of the doctor, who looked and found something to mend.
    pub(crate) fn findings(message: impl Into<String>) -> Self {
        Self::new(Name::Findings, Exit::Refused, message)
    }

    /// Of a command that cannot even look without root: no result, good or bad.
    pub(crate) fn needs_root(message: impl Into<String>) -> Self {
        Self::new(Name::NotAuthorized, Exit::Unreachable, message).advise("Try it with sudo.")
    }

    pub(crate) fn runtime(error: &io::Error) -> Self {
        Self::new(
            Name::BusUnreachable,
            Exit::Unreachable,
            format!("The call could not be prepared: {error}."),
        )
    }

    pub(crate) fn deadline(seconds: u64) -> Self {
        Self::new(
            Name::DeadlineExceeded,
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
/// added here. Exhaustive: a new error in the contract needs its advice before anything compiles.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use Exit::{Refused, Unreachable, Usage};
        let (name, exit, said, advice) = match &error {
            Error::Bus(cause) => return unreachable::failure(cause),
            Error::NotAuthorized(said) => (Name::NotAuthorized, Refused, said, "Try it with sudo."),
            Error::NoSuchAccount(said) => {
                (Name::NoSuchAccount, Refused, said, "`getent passwd` shows which there are.")
            }
            Error::AccountMismatch(said) => (
                Name::AccountMismatch,
                Refused,
                said,
                "If the account was made anew, `sudo twinlock reset NAME` clears the old record.",
            ),
            Error::NotEnrolled(said) => {
                (Name::NotEnrolled, Refused, said, "`twinlock enroll` sets an authenticator up.")
            }
            Error::AlreadyEnrolled(said) => (
                Name::AlreadyEnrolled,
                Refused,
                said,
                "`twinlock enroll` adds another, `sudo twinlock reset NAME` removes what is there.",
            ),
            Error::ProofRequired(said) => (
                Name::ProofRequired,
                Refused,
                said,
                "Run it again with a code from an authenticator you already have, or a recovery \
                 code, at hand.",
            ),
            Error::EnrollmentUnderWay(said) => (
                Name::EnrollmentUnderWay,
                Refused,
                said,
                "`twinlock enroll` without options goes on with that one, `twinlock enroll \
                 --cancel` drops it.",
            ),
            Error::NoSuchAuthenticator(said) => {
                (Name::NoSuchAuthenticator, Refused, said, "`twinlock status` shows the names.")
            }
            Error::Required(said) => (
                Name::Required,
                Refused,
                said,
                "`twinlock enroll` adds another one, after which this one can be removed; \
                 `sudo twinlock reset NAME` removes everything.",
            ),
            Error::NameTaken(said) => {
                (Name::NameTaken, Refused, said, "Choose another name, with --name for a new one.")
            }
            Error::KeyTaken(said) => {
                (Name::KeyTaken, Refused, said, "`twinlock enroll` without a key makes a new one.")
            }
            Error::TooManyAuthenticators(said) => (
                Name::TooManyAuthenticators,
                Refused,
                said,
                "`twinlock remove --authenticator NAME` makes room for another.",
            ),
            Error::NoPendingEnrollment(said) => {
                (Name::NoPendingEnrollment, Refused, said, "`twinlock enroll` starts a new one.")
            }
            Error::WrongCode(said) => (
                Name::WrongCode,
                Refused,
                said,
                "A code counts once: wait for the next. If none is accepted, `twinlock check` tells by \
                 how much the phone's clock is off.",
            ),
            Error::Throttled(said) => (
                Name::Throttled,
                Refused,
                said,
                "`twinlock status` says until when, `sudo twinlock unlock NAME` ends it.",
            ),
            Error::NoSuchGroup(said) => (
                Name::NoSuchGroup,
                Refused,
                said,
                "`getent group` shows which there are; --unknown-names takes a name that is yet to come.",
            ),
            Error::NoSuchRule(said) => {
                (Name::NoSuchRule, Refused, said, "`twinlock policy list` shows the numbers.")
            }
            Error::PolicyChanged(said) => (
                Name::PolicyChanged,
                Refused,
                said,
                "Somebody else was faster. Look at it with `twinlock policy list`, and run this again.",
            ),
            Error::WouldLockOut(said) => (
                Name::WouldLockOut,
                Refused,
                said,
                "Nothing was changed. `twinlock enroll` gives the account an authenticator, \
                 --enroll-until lets it enrol in a login, --even-if-locked-out does it all the same.",
            ),
            Error::NoSuchSession(said) => (Name::NoSuchSession, Refused, said, "Start again."),
            Error::LimitsExceeded(said) => {
                (Name::LimitsExceeded, Refused, said, "Try again in a minute.")
            }
            Error::InvalidArgument(said) => {
                (Name::InvalidArgument, Usage, said, "Check the names and the values.")
            }
            Error::Unavailable(said) => (
                Name::Unavailable,
                Unreachable,
                said,
                "`systemctl status twinlockd`, or the system log, says why.",
            ),
        };
        Self::new(name, exit, printable::paragraph(said.trim())).advise(advice)
    }
}

#[cfg(test)]
mod tests {
    use zbus::DBusError as _;

    use super::*;

    type Variant = fn(String) -> Error;
    const ANSWERS: [(Variant, Name, u8); 23] = [
        (Error::NameTaken, Name::NameTaken, 1),
        (Error::KeyTaken, Name::KeyTaken, 1),
        (Error::TooManyAuthenticators, Name::TooManyAuthenticators, 1),
        (Error::NotAuthorized, Name::NotAuthorized, 1),
        (Error::NoSuchAccount, Name::NoSuchAccount, 1),
        (Error::AccountMismatch, Name::AccountMismatch, 1),
        (Error::NotEnrolled, Name::NotEnrolled, 1),
        (Error::AlreadyEnrolled, Name::AlreadyEnrolled, 1),
        (Error::ProofRequired, Name::ProofRequired, 1),
        (Error::EnrollmentUnderWay, Name::EnrollmentUnderWay, 1),
        (Error::NoSuchAuthenticator, Name::NoSuchAuthenticator, 1),
        (Error::Required, Name::Required, 1),
        (Error::NoPendingEnrollment, Name::NoPendingEnrollment, 1),
        (Error::WrongCode, Name::WrongCode, 1),
        (Error::Throttled, Name::Throttled, 1),
        (Error::NoSuchGroup, Name::NoSuchGroup, 1),
        (Error::NoSuchRule, Name::NoSuchRule, 1),
        (Error::PolicyChanged, Name::PolicyChanged, 1),
        (Error::WouldLockOut, Name::WouldLockOut, 1),
        (Error::NoSuchSession, Name::NoSuchSession, 1),
        (Error::LimitsExceeded, Name::LimitsExceeded, 1),
        (Error::InvalidArgument, Name::InvalidArgument, 2),
        (Error::Unavailable, Name::Unavailable, 3),
    ];

    #[test]
    fn every_answer_of_the_daemon_has_its_name_and_exit_status() {
        for (variant, name, status) in ANSWERS {
            let error = variant("Said so.".into());
            assert!(error.name().as_str().ends_with(&format!(".Error.{name:?}")), "{error:?}");
            let failure = Failure::from(error);
            assert_eq!((failure.name, failure.exit.code()), (name, status));
            let (said, advice) = failure.message.split_once('\n').unwrap();
            assert!(said == "Said so." && advice.ends_with('.'), "{name:?}: {}", failure.message);
        }
    }

    #[test]
    fn what_the_daemon_says_cannot_drive_the_terminal() {
        let failure = Failure::from(Error::WrongCode("no\u{1b}[2J\nwait".into()));
        assert!(failure.message.starts_with("no\\u{1b}[2J\nwait\n"), "{}", failure.message);
    }

    #[test]
    fn the_name_of_a_file_cannot_drive_the_terminal() {
        let path = Path::new("a\u{1b}[2Jb");
        for failure in [
            Failure::file_input(path, "x"),
            Failure::file_output(path, "x"),
            Failure::file_exists(path),
            Failure::no_key_in_picture(path, "x"),
        ] {
            assert!(failure.message.starts_with("a\\u{1b}[2Jb"), "{}", failure.message);
        }
    }

    #[test]
    fn exit_statuses_are_the_documented_ones() {
        let statuses = [Exit::Refused, Exit::Usage, Exit::Unreachable, Exit::Interrupted];
        assert_eq!(statuses.map(Exit::code), [1, 2, 3, 130]);
    }
}
