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
    match failure {
        Failure::NotAuthorized => Error::NotAuthorized(Message::NotAuthorized.text()),
        Failure::NotAnAdministrator { action } => {
            Error::NotAuthorized(Message::NotAnAdministrator { action }.text())
        }
        Failure::NoSuchAccount => Error::NoSuchAccount(Message::NoSuchAccount.text()),
        Failure::NotEnrolled => Error::NotEnrolled(Message::NotEnrolled.text()),
        Failure::AlreadyEnrolled => Error::AlreadyEnrolled(Message::AlreadyEnrolled.text()),
        Failure::ProofRequired => Error::ProofRequired(Message::ProofRequired.text()),
        Failure::EnrollmentUnderWay => {
            Error::EnrollmentUnderWay(Message::EnrollmentUnderWay.text())
        }
        Failure::NoSuchAuthenticator => {
            Error::NoSuchAuthenticator(Message::NoSuchAuthenticator.text())
        }
        Failure::NameTaken => Error::NameTaken(Message::NameTaken.text()),
        Failure::KeyTaken => Error::KeyTaken(Message::KeyTaken.text()),
        Failure::TooManyAuthenticators => {
            Error::TooManyAuthenticators(Message::TooManyAuthenticators.text())
        }
        Failure::Required(because) => Error::Required(Message::Required(&because).text()),
        Failure::NoSuchGroup(name) => Error::NoSuchGroup(Message::NoSuchGroup(&name).text()),
        Failure::NoSuchUser(name) => Error::NoSuchAccount(Message::NoSuchUser(&name).text()),
        Failure::NoSuchRule(id) => Error::NoSuchRule(Message::NoSuchRule(id).text()),
        Failure::PolicyChanged => Error::PolicyChanged(Message::PolicyChanged.text()),
        Failure::WouldLockOut(user, occasion) => {
            Error::WouldLockOut(Message::WouldLockOut(&user, &occasion).text())
        }
        Failure::NoPendingEnrollment => {
            Error::NoPendingEnrollment(Message::NoPendingEnrollment.text())
        }
        Failure::Refused(_) => Error::WrongCode(Message::NotAccepted.text()),
        Failure::Throttled(closure) => {
            let wait = Wait::new(&closure, clock::now());
            Error::Throttled(Message::Wait(wait).text())
        }
        Failure::NoSuchSession => Error::NoSuchSession(Message::NoSuchSession.text()),
        Failure::AccountMismatch => Error::AccountMismatch(Message::AccountMismatch.text()),
        Failure::LimitsExceeded => Error::LimitsExceeded(Message::LimitsExceeded.text()),
        Failure::InvalidArgument(what) => Error::InvalidArgument(Message::Invalid(&what).text()),
        Failure::Store(cause) => unavailable(daemon, &cause.to_string()),
        Failure::Identity(cause) => unavailable(daemon, &cause.to_string()),
        Failure::Internal(cause) => unavailable(daemon, cause),
        Failure::Noted(noted) => error(daemon, *noted),
    }
}

fn unavailable(daemon: &Daemon, cause: &str) -> Error {
    daemon.audit.trouble(cause);
    Error::Unavailable(Message::Unavailable.text())
}
