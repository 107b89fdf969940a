//! Rules and changes as scripts read them: all keys always, so that nobody need ask which are there.

use serde::Serialize;
use twinlock_interface::{Level, Policy, Profile, Rule, Scope};

use super::words;
use crate::moment::Moment;

#[derive(Serialize)]
pub(super) struct RuleObject<'a> {
    /// Missing as long as the daemon has not given one.
    id: Option<u32>,
    level: Level,
    scope: Scope,
    name: &'a str,
    services: &'a [String],
    from: &'a [String],
    enroll_until: Option<u64>,
    remember_minutes: u32,
    until: Option<u64>,
    ended: bool,
    reason: &'a str,
    message: &'a str,
    author: &'a str,
    created_at: u64,
}

impl<'a> RuleObject<'a> {
    pub(super) fn new(rule: &'a Rule, moment: &Moment) -> Self {
        Self {
            id: Some(rule.id).filter(|id| *id != 0),
            level: rule.level,
            scope: rule.scope,
            name: &rule.name,
            services: &rule.services,
            from: &rule.from,
            enroll_until: rule.enroll_until,
            remember_minutes: rule.remember_minutes,
            until: rule.until,
            ended: words::has_ended(rule, moment),
            reason: &rule.reason,
            message: &rule.message,
            author: &rule.author,
            created_at: rule.created_at,
        }
    }

    pub(super) fn of_all(rules: impl IntoIterator<Item = &'a Rule>, moment: &Moment) -> Vec<Self> {
        rules.into_iter().map(|rule| Self::new(rule, moment)).collect()
    }
}

/// The numbers of the throttle that are in force.
#[derive(Serialize)]
pub(super) struct ProfileObject {
    profile: Profile,
    lock_after: u32,
    lock_seconds: u64,
    lock_at_most_seconds: u64,
    close_after: u32,
}

impl From<&Policy> for ProfileObject {
    fn from(policy: &Policy) -> Self {
        Self {
            profile: policy.profile,
            lock_after: policy.lock_after,
            lock_seconds: policy.lock_seconds,
            lock_at_most_seconds: policy.lock_at_most_seconds,
            close_after: policy.close_after,
        }
    }
}

/// What was changed, or would be.
#[derive(Serialize)]
pub(super) struct ChangeObject<'a> {
    /// Of the policy as it is now.
    pub(super) revision: u64,
    pub(super) changed: bool,
    /// The profile from now on, when it is another one.
    pub(super) profile: Option<Profile>,
    pub(super) removed: &'a [u32],
    pub(super) added: Vec<RuleObject<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        let rule = Rule {
            id: 7,
            scope: Scope::Group,
            name: "wheel".into(),
            services: vec!["sshd".into()],
            enroll_until: Some(9),
            author: "alice".into(),
            created_at: 8,
            ..Rule::default()
        };
        let change = ChangeObject {
            revision: 4,
            changed: true,
            profile: Some(Profile::Stig),
            removed: &[3],
            added: vec![RuleObject::new(&rule, &Moment::now())],
        };
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"revision":4,"changed":true,"profile":"stig","removed":[3],"added":[{"id":7,"#
                .to_owned()
                + r#""level":"required","scope":"group","name":"wheel","services":["sshd"],"#
                + r#""from":[],"enroll_until":9,"remember_minutes":0,"until":null,"ended":false,"#
                + r#""reason":"","message":"","author":"alice","created_at":8}]}"#
        );
    }

    #[test]
    fn a_rule_without_a_number_has_none_in_json() {
        let rule = Rule { until: Some(1), ..Rule::default() };
        let line = serde_json::to_string(&RuleObject::new(&rule, &Moment::now())).unwrap();
        assert!(line.starts_with(r#"{"id":null,"#) && line.contains(r#""ended":true"#), "{line}");
    }
}
