//! Why a use case could not be carried out. A refused code is a value, not one of these, where the
//! caller is a login; where the caller is a person at a command, it is an answer they must see.

use twinlock_verifier::throttle::Closure;

use crate::{identity::IdentityError, store::StoreError};

#[derive(Debug)]
pub(crate) enum Failure {
    NotAuthorized,
    NoSuchAccount,
    NotEnrolled,
    AlreadyEnrolled,
    NoPendingEnrollment,
    WrongCode,
    Throttled(Closure),
    NoSuchSession,
    /// The user database has given a recorded name or uid to somebody else (I10).
    IdentityMismatch,
    LimitsExceeded,
    InvalidArgument(&'static str),
    Store(StoreError),
    Identity(IdentityError),
    /// The kernel gave no random bytes, or a worker thread died.
    Internal(&'static str),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}
