//! The one table of who may do what.
//!
//! Both matches are exhaustive: a method without a line here does not compile.

use crate::identity::Identity;

/// Every method of the contract.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    LoginBegin,
    LoginAnswer,
    EnrollmentBegin,
    EnrollmentConfirm,
    EnrollmentCancel,
    EnrollmentRemove,
    EnrollmentStatus,
    ManagerUnlock,
    ManagerReset,
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
            | Self::EnrollmentRemove
            | Self::EnrollmentStatus => Requirement::AccountOwnerOrRoot,
            Self::LoginAnswer => Requirement::SessionOwner,
            Self::ManagerUnlock | Self::ManagerReset => Requirement::Root,
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
}
