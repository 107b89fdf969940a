//! What a caller may see of a failure. The details of an inability to answer go to the log.

use twinlock_interface::Error;

use crate::{
    clock,
    daemon::Daemon,
    failure::Failure,
    messages::{Message, Wait},
};

/// Turns a use case's failure into the contract's error.
pub(super) fn error(daemon: &Daemon, failure: Failure) -> Error {
    let cause = match failure {
        Failure::NotAuthorized => {
            return Error::NotAuthorized(
                "You may do this to your own account only; for others, ask root.".into(),
            );
        }
        Failure::NoSuchAccount => {
            return Error::NoSuchAccount("There is no such account.".into());
        }
        Failure::NotEnrolled => {
            return Error::NotEnrolled("The account has no authenticator.".into());
        }
        Failure::AlreadyEnrolled => {
            return Error::AlreadyEnrolled(
                "The account has an authenticator already. Remove it first, with a code from it; \
                 root can reset the account."
                    .into(),
            );
        }
        Failure::NoPendingEnrollment => {
            return Error::NoPendingEnrollment(
                "No enrolment is under way, or it has expired. Start again.".into(),
            );
        }
        Failure::Refused(_) => {
            return Error::WrongCode("The code was not accepted.".into());
        }
        Failure::Throttled(closure) => {
            let wait = Wait::new(&closure, clock::now());
            return Error::Throttled(Message::Wait(wait).text());
        }
        Failure::NoSuchSession => {
            return Error::NoSuchSession("This login is over. Start again.".into());
        }
        Failure::LimitsExceeded => {
            return Error::LimitsExceeded("Too many calls. Try again in a minute.".into());
        }
        Failure::InvalidArgument(what) => return Error::InvalidArgument(what.into()),
        Failure::AccountMismatch => {
            return Error::AccountMismatch(
                "This name or user id was recorded for another account.".into(),
            );
        }
        Failure::Store(error) => error.to_string(),
        Failure::Identity(error) => error.to_string(),
        Failure::Internal(what) => what.to_owned(),
    };
    daemon.audit.trouble(&cause);
    Error::Unavailable("twinlockd cannot answer now. The system log says why.".into())
}
