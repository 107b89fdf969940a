//! The one table of who may do what, and what the log calls it.
//!
//! The matches are exhaustive: an operation without a line here does not compile.

use crate::{
    audit::{Action, Outcome},
    identity::Identity,
};

/// Every method of the contract.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    LoginBegin,
    LoginAnswer,
    EnrollmentBegin,
    EnrollmentConfirm,
    EnrollmentCancel,
    EnrollmentRename,
    EnrollmentRemove,
    EnrollmentRenewCodes,
    EnrollmentCheck,
    EnrollmentStatus,
    ManagerUnlock,
    ManagerReset,
    ManagerIssueTicket,
    ManagerImport,
}

/// What a caller must be.
#[derive(Clone, Copy, Debug)]
enum Requirement {
    /// uid 0, or the uid of the account it is about. Screen lockers run as their user.
    AccountOwnerOrRoot,
    /// The uid that opened the session; the session table checks it.
    SessionOwner,
    Root,
}

impl Operation {
    fn requirement(self) -> Requirement {
        match self {
            Self::LoginBegin
            | Self::EnrollmentBegin
            | Self::EnrollmentConfirm
            | Self::EnrollmentCancel
            | Self::EnrollmentRename
            | Self::EnrollmentRemove
            | Self::EnrollmentRenewCodes
            | Self::EnrollmentCheck
            | Self::EnrollmentStatus => Requirement::AccountOwnerOrRoot,
            Self::LoginAnswer => Requirement::SessionOwner,
            Self::ManagerUnlock
            | Self::ManagerReset
            | Self::ManagerIssueTicket
            | Self::ManagerImport => Requirement::Root,
        }
    }

    /// Whether `caller`, a uid that came from the bus, may do this to `account`, if there is one.
    pub(super) fn permits(self, caller: u32, account: Option<&Identity>) -> bool {
        match self.requirement() {
            Requirement::Root => caller == 0,
            Requirement::AccountOwnerOrRoot => {
                caller == 0 || account.is_some_and(|account| account.uid == caller)
            }
            Requirement::SessionOwner => true,
        }
    }

    /// Whether there is an account for which it would be permitted.
    pub(super) fn could_permit(self, caller: u32) -> bool {
        match self.requirement() {
            Requirement::Root => caller == 0,
            Requirement::AccountOwnerOrRoot | Requirement::SessionOwner => true,
        }
    }

    pub(super) fn action(self) -> Action {
        match self {
            Self::LoginBegin | Self::LoginAnswer => Action::Login,
            Self::EnrollmentBegin => Action::EnrollmentBegin,
            Self::EnrollmentConfirm => Action::EnrollmentConfirm,
            Self::EnrollmentCancel => Action::EnrollmentCancel,
            Self::EnrollmentRename => Action::EnrollmentRename,
            Self::EnrollmentRemove => Action::EnrollmentRemove,
            Self::EnrollmentRenewCodes => Action::EnrollmentRenewCodes,
            Self::EnrollmentCheck => Action::EnrollmentCheck,
            Self::EnrollmentStatus => Action::EnrollmentStatus,
            Self::ManagerUnlock => Action::Unlock,
            Self::ManagerReset => Action::Reset,
            Self::ManagerIssueTicket => Action::IssueTicket,
            Self::ManagerImport => Action::Import,
        }
    }

    /// Whether the door writes the line. A login writes its own, with where it comes from, once
    /// there is a session; looking at one's own state is no event.
    pub(super) fn is_audited_here(self, outcome: Outcome) -> bool {
        match (self, outcome) {
            (Self::LoginBegin | Self::LoginAnswer | Self::EnrollmentStatus, Outcome::Done)
            | (Self::LoginAnswer, Outcome::Failed) => false,
            (
                _,
                Outcome::Accepted
                | Outcome::NotRequired
                | Outcome::Refused
                | Outcome::Throttled
                | Outcome::Done
                | Outcome::Failed,
            ) => true,
        }
    }
}
