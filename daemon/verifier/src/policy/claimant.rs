//! Whom the rules are held against.

use std::collections::BTreeMap;

use super::{Fit, Rule, Scope};

/// Whether an account is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// It is, by primary or supplementary group.
    Member,
    /// It is not.
    Stranger,
    /// That cannot be told: the look-up failed, or there is no such group.
    Unknown,
}

/// Who wants to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimant {
    /// The account, by all the names that share its uid (I10).
    pub names: Vec<String>,
    /// Its uid, if that is known.
    pub uid: Option<u32>,
    /// What is known of its groups; of one that is missing, nothing.
    pub groups: BTreeMap<String, Membership>,
}

impl Claimant {
    /// Whether it is one that the rule is about. Perhaps, where only the uid is the same: a name that
    /// nobody told may share it, or it was another account's when the rule was made.
    pub(super) fn is_in(&self, rule: &Rule) -> Fit {
        match &rule.scope {
            Scope::Everyone => Fit::Yes,
            Scope::User(user) if self.names.contains(user) => Fit::Yes,
            Scope::User(_) if rule.uid.is_some() && rule.uid == self.uid => Fit::Perhaps,
            Scope::User(_) => Fit::No,
            Scope::Group(group) => match self.groups.get(group) {
                Some(Membership::Member) => Fit::Yes,
                Some(Membership::Stranger) => Fit::No,
                Some(Membership::Unknown) | None => Fit::Perhaps,
            },
        }
    }
}
