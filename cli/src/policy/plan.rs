//! What would have to change for a policy to say what a file says.

use twinlock_interface::{Policy, PolicyChange, Profile, Rule};

use super::{file::Document, meaning, profile, words};
use crate::moment::Moment;

/// The difference between a policy and a file.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    before: &'a Policy,
    removed: Vec<&'a Rule>,
    added: Vec<Rule>,
    /// When it is another one.
    profile: Option<Profile>,
}

impl<'a> Plan<'a> {
    /// A rule of the file that means the same as one that is there leaves it alone, one for one.
    pub(super) fn new(before: &'a Policy, wanted: Document) -> Self {
        let mut there: Vec<_> = before.rules.iter().map(|rule| (rule, meaning::of(rule))).collect();
        let mut added = Vec::new();
        for rule in wanted.rules {
            let meant = meaning::of(&rule);
            match there.iter().position(|(_, one)| *one == meant) {
                Some(same) => {
                    there.remove(same);
                }
                None => added.push(rule),
            }
        }
        Self {
            before,
            removed: there.into_iter().map(|(rule, _)| rule).collect(),
            added,
            profile: wanted.profile.filter(|wanted| *wanted != before.profile),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.profile.is_none()
    }

    /// The whole of it in one change, good for the policy it was made from only.
    pub(super) fn change(&self) -> PolicyChange {
        PolicyChange {
            revision: Some(self.before.revision),
            removed: self.removed_ids(),
            added: self.added.clone(),
            profile: self.profile,
            ..PolicyChange::default()
        }
    }

    pub(super) fn before(&self) -> &'a Policy {
        self.before
    }

    pub(super) fn added(&self) -> &[Rule] {
        &self.added
    }

    pub(super) fn profile(&self) -> Option<Profile> {
        self.profile
    }

    pub(super) fn removed_ids(&self) -> Vec<u32> {
        self.removed.iter().map(|rule| rule.id).collect()
    }

    pub(super) fn page(&self, moment: &Moment) -> String {
        let mut page = String::new();
        for rule in &self.removed {
            page.push_str(&words::marked(&format!("-{:>4}  ", rule.id), rule, moment));
        }
        for rule in &self.added {
            page.push_str(&words::marked("+      ", rule, moment));
        }
        if let Some(wanted) = self.profile {
            let (from, to) = (profile::word(self.before.profile), profile::word(wanted));
            page.push_str(&format!("Throttle profile: {from} -> {to}\n"));
        }
        page.push_str(&self.summary());
        page.push('\n');
        page
    }

    /// `1 rule to remove, 2 to add, 5 stay as they are.`
    fn summary(&self) -> String {
        let kept = self.before.rules.len().saturating_sub(self.removed.len());
        let (removed, added) = (self.removed.len(), self.added.len());
        if self.is_empty() {
            return format!("Nothing to change: all {kept} rules are as the file says.");
        }
        format!("Rules: {removed} to remove, {added} to add, {kept} to stay as they are.")
    }
}

#[cfg(test)]
mod tests {
    use twinlock_interface::Level;

    use super::*;

    fn rule(id: u32, reason: &str) -> Rule {
        Rule { id, reason: reason.into(), ..Rule::default() }
    }

    fn policy() -> Policy {
        Policy {
            revision: 5,
            rules: vec![rule(1, "a"), rule(2, "b"), rule(3, "b")],
            ..Policy::default()
        }
    }

    fn document(rules: Vec<Rule>) -> Document {
        Document { profile: Some(Profile::Default), rules }
    }

    #[test]
    fn what_means_the_same_stays() {
        let before = policy();
        let rules = vec![rule(0, "b"), rule(0, "a"), rule(0, "b")];
        let plan = Plan::new(&before, document(rules));
        assert!(plan.is_empty(), "{plan:?}");
        assert!(plan.page(&Moment::now()).contains("all 3 rules are as"));
    }

    #[test]
    fn twice_in_the_file_is_twice_in_the_policy() {
        let before = policy();
        let plan = Plan::new(&before, document(vec![rule(0, "a"), rule(0, "a"), rule(0, "b")]));
        assert_eq!((plan.removed_ids(), plan.added()), (vec![3], &[rule(0, "a")][..]));
    }

    #[test]
    fn the_change_is_one_and_for_this_revision_only() {
        let before = policy();
        let milder = Rule { level: Level::Optional, ..rule(0, "a") };
        let mut wanted = document(vec![milder.clone(), rule(0, "b")]);
        wanted.profile = Some(Profile::Stig);
        let plan = Plan::new(&before, wanted);
        assert_eq!(
            plan.change(),
            PolicyChange {
                revision: Some(5),
                removed: vec![1, 3],
                added: vec![milder],
                profile: Some(Profile::Stig),
                ..PolicyChange::default()
            }
        );
        let page = plan.page(&Moment::now());
        for words in ["-   1  required", "-   3  required", "+      optional", "default -> stig"] {
            assert!(page.contains(words), "{words}: {page}");
        }
    }

    #[test]
    fn a_file_without_a_profile_leaves_it_alone() {
        let before = Policy { profile: Profile::Stig, ..policy() };
        let wanted = Document { profile: None, rules: before.rules.clone() };
        assert!(Plan::new(&before, wanted).is_empty());
    }
}
