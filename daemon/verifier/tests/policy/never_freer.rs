//! Adding a required rule frees nobody.

use proptest::prelude::*;
use twinlock_verifier::{Level, Policy, Rule, RuleId};

use crate::rule_sets::{
    NOW, any_claimant, any_occasion, any_rule, any_rules, is_as_strict, rule_sets,
};

fn required_rule() -> impl Strategy<Value = Rule> {
    any_rule().prop_map(|rule| Rule { level: Level::Required, id: RuleId(100), ..rule })
}

proptest! {
    #![proptest_config(rule_sets(10_000))]

    // I9
    #[test]
    fn a_required_rule_more_never_lowers_a_level(
        rules in any_rules(),
        added in required_rule(),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let before = Policy::new(rules.clone());
        let after = Policy::new(rules.into_iter().chain([added]).collect());
        let decide = |policy: &Policy| policy.decide(&claimant, &occasion, NOW);
        prop_assert!(decide(&after).level >= decide(&before).level);
        let is_required = |policy: &Policy| policy.requires(&claimant, NOW).is_some();
        prop_assert!(is_required(&after) || !is_required(&before));
    }

    // I9: where rules of its own scope require a code already, it can but take from what they give.
    #[test]
    fn a_required_rule_more_of_the_same_scope_neither_opens_enrolment_nor_remembers_longer(
        rules in any_rules(),
        mut added in required_rule(),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let before = Policy::new(rules.clone()).decide(&claimant, &occasion, NOW);
        let deciding = rules.iter().find(|rule| before.by.contains(&rule.id));
        let Some(deciding) = deciding.filter(|rule| rule.level == Level::Required) else {
            return Ok(());
        };
        // A guess may become certain by it, which says nothing about the rule.
        if before.guessed {
            return Ok(());
        }
        added.scope = deciding.scope.clone();
        let after = Policy::new(rules.into_iter().chain([added]).collect());
        let after = after.decide(&claimant, &occasion, NOW);
        prop_assert!(is_as_strict(&after, &before), "{before:?}\n{after:?}");
    }
}
