//! The one table of who may do what, and what the log calls it.
//!
//! The matches are exhaustive: an operation without a line here does not compile.

use twinlock_interface::names;

use crate::audit::Action;

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
    PolicyShow,
    PolicyApply,
    PolicyExplain,
    ManagerUnlock,
    ManagerReset,
    ManagerIssueTicket,
    ManagerImport,
    ManagerAccounts,
    ManagerEvents,
}

/// What a caller must be.
#[derive(Clone, Copy, Debug)]
enum Requirement {
    /// uid 0, or the uid of the account it is about. Screen lockers run as their user.
    AccountOwnerOrRoot,
    /// The uid that opened the session; the session table checks it.
    SessionOwner,
    /// uid 0, or whom polkit gives this permission.
    Administrator(Permission),
    /// The uid of the account it is about, or one of those.
    OwnerOrAdministrator(Permission),
}

/// What polkit can let somebody do who is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    ManageAccounts,
    SetPolicy,
    ReadAudit,
}

impl Permission {
    /// What polkit calls it.
    pub(super) fn action_id(self) -> &'static str {
        match self {
            Self::ManageAccounts => names::MANAGE_ACCOUNTS,
            Self::SetPolicy => names::SET_POLICY,
            Self::ReadAudit => names::READ_AUDIT,
        }
    }
}

/// How a caller gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Root,
    /// To what is their own.
    Own,
    /// If polkit says so.
    Ask(Permission),
    Denied,
}

impl Operation {
    fn requirement(self) -> Requirement {
        use Permission::{ManageAccounts, ReadAudit, SetPolicy};
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
            | Self::ManagerImport => Requirement::Administrator(ManageAccounts),
            Self::PolicyApply => Requirement::Administrator(SetPolicy),
            Self::PolicyShow | Self::ManagerAccounts | Self::ManagerEvents => {
                Requirement::Administrator(ReadAudit)
            }
            Self::PolicyExplain => Requirement::OwnerOrAdministrator(ReadAudit),
        }
    }

    /// How `caller`, a uid that came from the bus, gets in; `owns` says whether the account it is
    /// about is theirs.
    pub(super) fn access(self, caller: u32, owns: bool) -> Access {
        match self.requirement() {
            _ if caller == 0 => Access::Root,
            Requirement::SessionOwner => Access::Own,
            Requirement::AccountOwnerOrRoot | Requirement::OwnerOrAdministrator(_) if owns => {
                Access::Own
            }
            Requirement::AccountOwnerOrRoot => Access::Denied,
            Requirement::OwnerOrAdministrator(permission)
            | Requirement::Administrator(permission) => Access::Ask(permission),
        }
    }

    /// Whether it can matter whose account it is about: the rest is decided before the account is
    /// looked up, so that nothing is looked up for those whom no answer would let in.
    pub(super) fn has_owner(self) -> bool {
        match self.requirement() {
            Requirement::AccountOwnerOrRoot | Requirement::OwnerOrAdministrator(_) => true,
            Requirement::SessionOwner | Requirement::Administrator(_) => false,
        }
    }

    /// Longest body of a call, in bytes.
    pub(super) fn longest_message(self) -> usize {
        match self {
            Self::PolicyApply => names::MAX_POLICY_BYTES,
            Self::LoginBegin
            | Self::LoginAnswer
            | Self::EnrollmentBegin
            | Self::EnrollmentConfirm
            | Self::EnrollmentCancel
            | Self::EnrollmentRename
            | Self::EnrollmentRemove
            | Self::EnrollmentRenewCodes
            | Self::EnrollmentCheck
            | Self::EnrollmentStatus
            | Self::PolicyShow
            | Self::PolicyExplain
            | Self::ManagerUnlock
            | Self::ManagerReset
            | Self::ManagerIssueTicket
            | Self::ManagerImport
            | Self::ManagerAccounts
            | Self::ManagerEvents => names::MAX_MESSAGE_BYTES,
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
            Self::PolicyShow => Action::PolicyShow,
            Self::PolicyApply => Action::PolicyApply,
            Self::PolicyExplain => Action::PolicyExplain,
            Self::ManagerUnlock => Action::Unlock,
            Self::ManagerReset => Action::Reset,
            Self::ManagerIssueTicket => Action::IssueTicket,
            Self::ManagerImport => Action::Import,
            Self::ManagerAccounts => Action::ListAccounts,
            Self::ManagerEvents => Action::ListEvents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polkit_is_asked_before_any_account_is_looked_up_unless_the_owner_may() {
        for operation in [Operation::ManagerUnlock, Operation::PolicyApply, Operation::PolicyShow] {
            assert!(!operation.has_owner());
            // So that owning the account changes nothing.
            assert_eq!(operation.access(1000, false), operation.access(1000, true));
            assert!(matches!(operation.access(1000, true), Access::Ask(_)));
            assert_eq!(operation.access(0, false), Access::Root);
        }
        assert!(Operation::PolicyExplain.has_owner());
        assert_eq!(Operation::PolicyExplain.access(1000, true), Access::Own);
        assert_eq!(
            Operation::PolicyExplain.access(1000, false),
            Access::Ask(Permission::ReadAudit)
        );
    }

    #[test]
    fn polkit_gives_nobody_what_is_the_owners() {
        for operation in [Operation::LoginBegin, Operation::EnrollmentBegin] {
            assert_eq!(operation.access(1000, true), Access::Own);
            assert_eq!(operation.access(1000, false), Access::Denied);
        }
    }
}
