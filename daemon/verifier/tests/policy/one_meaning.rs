//! A policy has one meaning, whatever the order of its rules: the narrowest scope wins, then the
//! strictest level. A rule whose end has come is as if gone.

use proptest::prelude::*;
use twinlock_verifier::{Claimant, Judged, Level, Policy, Rule, RuleId, Timestamp};

use crate::rule_sets::{
    NOW, any_claimant, any_level, any_occasion, any_rule, any_rules, numbered, rule, rule_sets,
    user,
};

/// A rule set, and another order of it in which the rules have other numbers too.
fn shuffled() -> impl Strategy<Value = (Vec<Rule>, Vec<Rule>)> {
    any_rules().prop_flat_map(|rules| {
        let order = Just(rules.clone()).prop_shuffle();
        let numbers = Just((1..).take(rules.len()).collect::<Vec<u32>>()).prop_shuffle();
        (Just(rules), order, numbers).prop_map(|(rules, mut other, numbers)| {
            // Where the rule came from stays to be seen.
            for (rule, number) in other.iter_mut().zip(numbers) {
                rule.created_at = Timestamp::from_unix(rule.id.0.into());
                rule.id = RuleId(number);
            }
            (rules, other)
        })
    })
}

/// The number that a rule has in the first order.
fn before(other: &[Rule], id: RuleId) -> RuleId {
    let rule = other.iter().find(|rule| rule.id == id).unwrap();
    RuleId(u32::try_from(rule.created_at.unix()).unwrap())
}

proptest! {
    #![proptest_config(rule_sets(10_000))]

    // I9
    #[test]
    fn the_order_of_the_rules_never_matters(
        (rules, other) in shuffled(),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let (policy, shuffled) = (Policy::new(rules), Policy::new(other.clone()));
        let mut by = shuffled.decide(&claimant, &occasion, NOW);
        by.by = by.by.into_iter().map(|id| before(&other, id)).collect();
        by.by.sort_unstable();
        prop_assert_eq!(policy.decide(&claimant, &occasion, NOW), by);
        let judged = shuffled.judged(&claimant, &occasion, NOW).into_iter();
        let mut judged: Vec<_> =
            judged.map(|one| Judged { rule: before(&other, one.rule), ..one }).collect();
        judged.sort_by_key(|one| one.rule);
        prop_assert_eq!(policy.judged(&claimant, &occasion, NOW), judged);
    }

    #[test]
    fn of_rules_with_the_same_scope_the_strictest_wins(
        levels in prop::collection::vec(any_level(), 1..8),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let rules = numbered(levels.iter().map(|level| rule(0, *level)).collect());
        let decision = Policy::new(rules).decide(&claimant, &occasion, NOW);
        prop_assert_eq!(decision.level, *levels.iter().max().unwrap());
        let strictest = levels.iter().zip(1..).filter(|(level, _)| **level == decision.level);
        prop_assert_eq!(decision.by, strictest.map(|(_, id)| RuleId(id)).collect::<Vec<_>>());
    }

    #[test]
    fn of_rules_with_different_scopes_the_narrowest_wins(
        wide in any_rules(),
        narrow in any_level(),
        occasion in any_occasion(),
    ) {
        let claimant = Claimant { names: vec!["dave".to_owned()], ..Claimant::default() };
        let mut rules = wide;
        let id = RuleId(100);
        let scope = user("dave");
        rules.push(Rule { scope, id, ..rule(0, narrow) });
        let decision = Policy::new(rules).decide(&claimant, &occasion, NOW);
        prop_assert_eq!((decision.level, decision.by, decision.guessed), (narrow, vec![id], false));
    }

    // I9, PCI DSS 8.5.1
    #[test]
    fn a_rule_whose_end_has_come_is_as_if_gone(
        rules in any_rules(),
        mut ended in any_rule(),
        claimant in any_claimant(),
        occasion in any_occasion(),
        ago in 0..10_u64,
    ) {
        let policy = Policy::new(rules.clone());
        ended.id = RuleId(100);
        ended.until = Some(Timestamp::from_unix(NOW.unix() - ago));
        let with = Policy::new(rules.into_iter().chain([ended]).collect());
        let decide = |policy: &Policy| policy.decide(&claimant, &occasion, NOW);
        prop_assert_eq!(decide(&policy), decide(&with));
        prop_assert_eq!(policy.requires(&claimant, NOW), with.requires(&claimant, NOW));
    }
}

#[test]
fn without_rules_a_code_is_required_and_nobody_enrols() {
    let claimant = Claimant::default();
    let policy = Policy::default();
    for occasion in policy.occasions() {
        let decision = policy.decide(&claimant, &occasion, NOW);
        assert_eq!((decision.level, decision.enrolls_at(NOW)), (Level::Required, false));
        assert!(decision.remember.is_zero() && decision.by.is_empty() && !decision.guessed);
        assert!(decision.lets_in(true, NOW) && !decision.lets_in(false, NOW));
    }
}
