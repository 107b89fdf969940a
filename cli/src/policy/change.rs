//! One change, sent in one call.

use twinlock_interface::{
    Error, Policy, PolicyChange, Rule, names::MAX_POLICY_BYTES, proxy::PolicyProxy,
};
use zbus::wire::{LE, serialized::Context, serialized_size};

use super::{
    caller::Caller,
    object::{ChangeObject, RuleObject},
};
use crate::{
    arguments::policy::Care,
    bus,
    failure::{Failure, Name},
    moment::Moment,
};

/// A change that was made, or looked at, and the policy since.
#[derive(Debug)]
pub(super) struct Done {
    change: PolicyChange,
    pub(super) policy: Policy,
}

/// The change in the name of whoever sits at the keyboard, ready to be sent.
pub(super) fn prepared(change: PolicyChange, care: &Care) -> Result<PolicyChange, Failure> {
    let caller =
        if care.even_if_locked_out { Caller::without_way_in() } else { Caller::of_process()? };
    let change = PolicyChange {
        ways_in: caller.ways_in,
        author: caller.author,
        dry_run: care.dry_run,
        ..change
    };
    check_size(&change)?;
    Ok(change)
}

pub(super) fn send(change: PolicyChange) -> Result<Done, Failure> {
    let sent = bus::administer(async |bus| PolicyProxy::new(bus).await?.apply(&change).await);
    let policy = sent.map_err(|failure| match failure.name {
        Name::NoSuchAccount if !change.added.is_empty() => {
            failure.advise("--unknown-names takes a name that is yet to come.")
        }
        _ => failure,
    })?;
    Ok(Done { change, policy })
}

impl Done {
    pub(super) fn is_dry_run(&self) -> bool {
        self.change.dry_run
    }

    /// The rules that were added, as the daemon knows them, or that would be, as they were sent.
    pub(super) fn added(&self) -> &[Rule] {
        let sent = &self.change.added;
        if self.change.dry_run {
            return sent;
        }
        // Numbers are never given twice and rules stand by their numbers, so ours are the last ones.
        let before = self.policy.rules.len().saturating_sub(sent.len());
        self.policy.rules.get(before..).unwrap_or(sent)
    }

    pub(super) fn object(&self, moment: &Moment) -> ChangeObject<'_> {
        ChangeObject {
            revision: self.policy.revision,
            changed: !self.change.dry_run,
            profile: self.change.profile,
            removed: &self.change.removed,
            added: RuleObject::of_all(self.added(), moment),
        }
    }
}

/// The daemon reads no longer message than this, and half a change is none.
fn check_size(change: &PolicyChange) -> Result<(), Failure> {
    if bytes(change)? <= MAX_POLICY_BYTES {
        return Ok(());
    }
    let all = change.added.len();
    let fitting = fitting(change)?;
    Err(Failure::usage(if fitting == 0 {
        format!(
            "A change may have {MAX_POLICY_BYTES} bytes, and the first rule alone has more: split its \
             services and places over several rules. Nothing was changed."
        )
    } else {
        format!(
            "A change may have {MAX_POLICY_BYTES} bytes, which the first {fitting} of the {all} new \
             rules fit into. Nothing was changed.\nApply a file with at most {fitting} rules that \
             are new, then one with {fitting} more, until all are in. Each step is done whole or \
             not at all; begin with the strictest."
        )
    }))
}

/// How many of the new rules fit into one change.
fn fitting(change: &PolicyChange) -> Result<usize, Failure> {
    let mut part = PolicyChange { added: Vec::new(), ..change.clone() };
    for rule in &change.added {
        part.added.push(rule.clone());
        if bytes(&part)? > MAX_POLICY_BYTES {
            return Ok(part.added.len().saturating_sub(1));
        }
    }
    Ok(part.added.len())
}

/// The length of the message body.
fn bytes(change: &PolicyChange) -> Result<usize, Failure> {
    let size = serialized_size(Context::new(LE, 0), change);
    size.map(|size| *size).map_err(|error| Failure::from(Error::Bus(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(reason: usize) -> Rule {
        Rule { reason: "r".repeat(reason), ..Rule::default() }
    }

    fn change(rules: usize) -> PolicyChange {
        PolicyChange { added: vec![rule(200); rules], ..PolicyChange::default() }
    }

    #[test]
    fn a_change_that_fits_is_sent() {
        check_size(&change(20)).unwrap();
        assert!(bytes(&change(20)).unwrap() > 20 * 200);
    }

    #[test]
    fn of_one_that_does_not_fit_is_told_how_much_would() {
        let failure = check_size(&change(100)).unwrap_err();
        assert_eq!(failure.exit.code(), 2);
        let fitting = fitting(&change(100)).unwrap();
        assert!((20..100).contains(&fitting), "{fitting}");
        check_size(&change(fitting)).unwrap();
        check_size(&change(fitting + 1)).unwrap_err();
        assert!(failure.message.contains(&format!("first {fitting} of the 100")));
    }

    #[test]
    fn a_rule_that_is_too_long_by_itself_is_told_apart() {
        let services = vec!["s".repeat(256); 64];
        let added = vec![Rule { services, ..Rule::default() }];
        let failure = check_size(&PolicyChange { added, ..PolicyChange::default() }).unwrap_err();
        assert!(failure.message.contains("split its services"), "{}", failure.message);
    }

    #[test]
    fn what_was_added_is_what_the_daemon_made_of_it() {
        let numbered = |id| Rule { id, ..Rule::default() };
        let policy = Policy { rules: vec![numbered(1), numbered(8)], ..Policy::default() };
        let done = Done { change: change(1), policy: policy.clone() };
        assert_eq!(done.added(), [numbered(8)]);
        let change = PolicyChange { dry_run: true, ..change(1) };
        let done = Done { change, policy };
        assert_eq!(done.added(), [rule(200)]);
        assert!(!done.object(&Moment::now()).changed);
    }
}
