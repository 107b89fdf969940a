//! Why a use case could not be carried out. A refused code is a value, not one of these, where the
//! caller is a login; where the caller is a person at a command, it is an answer they must see.

use twinlock_verifier::{
    authenticator::InvalidParameters,
    judge::Refusal,
    key_uri::InvalidKeyUri,
    policy::{InvalidRule, InvalidSubnet, Occasion, TooLarge},
    shared_secret::InvalidSecret,
    throttle::Closure,
};

use crate::{audit::Outcome, identity::IdentityError, store::StoreError};

#[derive(Debug)]
pub(crate) enum Failure {
    NotAuthorized,
    /// The caller is not root, and polkit does not let them do this.
    NotAnAdministrator {
        action: &'static str,
    },
    NoSuchAccount,
    NotEnrolled,
    AlreadyEnrolled,
    ProofRequired,
    EnrollmentUnderWay,
    NoPendingEnrollment,
    NoSuchAuthenticator,
    /// Another authenticator of the account has that name.
    NameTaken,
    /// Another authenticator of the account has that key.
    KeyTaken,
    TooManyAuthenticators,
    /// The last authenticator of an account that is asked for a code, and why it is.
    Required(String),
    /// A rule to be added names a group, or an account, that the host does not know.
    NoSuchGroup(String),
    NoSuchUser(String),
    NoSuchRule(u32),
    /// It is another revision by now.
    PolicyChanged,
    /// The account that would lose a way in, and where.
    WouldLockOut(String, Occasion),
    Refused(Refusal),
    Throttled(Closure),
    NoSuchSession,
    /// The user database has given a recorded name or uid to somebody else (I10).
    AccountMismatch,
    LimitsExceeded,
    InvalidArgument(Invalid),
    Store(StoreError),
    Identity(IdentityError),
    /// The kernel gave no random bytes, or a worker thread died.
    Internal(&'static str),
    /// One whose event has been written already.
    Noted(Box<Failure>),
}

/// What is wrong with an argument.
#[derive(Debug)]
pub(crate) enum Invalid {
    MessageTooLong,
    UserNameTooLong,
    ContextTooLong,
    /// The name of an authenticator.
    Name,
    /// A key URI, and something else about the key.
    KeyUriAndMore,
    /// A counter without a counter-based key to go with it.
    StrayCounter,
    CounterTooLarge,
    NoAuthenticators,
    RecoveryCodes,
    /// An address in a question about the policy.
    Address,
    /// A name with a rule for everyone.
    NameOfEveryone,
    /// A place that a rule names.
    Place(InvalidSubnet),
    Rule(InvalidRule),
    Policy(TooLarge),
    /// More than a page of names.
    TooManyNames,
    Author,
    Parameters(InvalidParameters),
    Secret(InvalidSecret),
    KeyUri(InvalidKeyUri),
}

impl Failure {
    /// The same, with its event written.
    pub(crate) fn noted(self) -> Self {
        match self {
            Self::Noted(_) => self,
            failure => Self::Noted(Box::new(failure)),
        }
    }

    /// The failure in the words of the log.
    pub(crate) fn audited(&self) -> (Outcome, &'static str) {
        match self {
            Self::NotAuthorized | Self::NotAnAdministrator { .. } => {
                (Outcome::Refused, "not-authorized")
            }
            Self::NoSuchAccount => (Outcome::Refused, "unknown-name"),
            Self::NotEnrolled => (Outcome::Refused, "not-enrolled"),
            Self::AlreadyEnrolled => (Outcome::Refused, "already-enrolled"),
            Self::ProofRequired => (Outcome::Refused, "proof-required"),
            Self::EnrollmentUnderWay => (Outcome::Refused, "under-way"),
            Self::NoPendingEnrollment => (Outcome::Refused, "not-pending"),
            Self::NoSuchAuthenticator => (Outcome::Refused, "no-such-authenticator"),
            Self::NameTaken => (Outcome::Refused, "name-taken"),
            Self::KeyTaken => (Outcome::Refused, "key-taken"),
            Self::TooManyAuthenticators => (Outcome::Refused, "too-many-authenticators"),
            Self::Required(_) => (Outcome::Refused, "required"),
            Self::NoSuchGroup(_) => (Outcome::Refused, "no-such-group"),
            Self::NoSuchUser(_) => (Outcome::Refused, "no-such-user"),
            Self::NoSuchRule(_) => (Outcome::Refused, "no-such-rule"),
            Self::PolicyChanged => (Outcome::Refused, "policy-changed"),
            Self::WouldLockOut(..) => (Outcome::Refused, "would-lock-out"),
            Self::Refused(refusal) => (Outcome::Refused, refusal_word(refusal)),
            Self::Throttled(closure) => (Outcome::Throttled, closure_word(closure)),
            Self::NoSuchSession => (Outcome::Refused, "no-such-session"),
            Self::AccountMismatch => (Outcome::Refused, "account-mismatch"),
            Self::LimitsExceeded => (Outcome::Refused, "limits-exceeded"),
            Self::InvalidArgument(_) => (Outcome::Refused, "invalid-argument"),
            Self::Store(_) | Self::Identity(_) | Self::Internal(_) => {
                (Outcome::Failed, "unavailable")
            }
            Self::Noted(failure) => failure.audited(),
        }
    }
}

/// The word for the log; the person is told the same whatever it is (I16).
pub(crate) fn refusal_word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotEnrolled => "not-enrolled",
        Refusal::Malformed => "malformed",
        Refusal::WrongCode => "wrong-code",
        Refusal::Replayed(_) => "replayed",
    }
}

pub(crate) fn closure_word(closure: &Closure) -> &'static str {
    match closure {
        Closure::Until(_) => "locked",
        Closure::Indefinite => "closed",
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::InvalidArgument(invalid)
    }
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
