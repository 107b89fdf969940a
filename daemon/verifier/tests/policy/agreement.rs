//! The policy agrees with a naive reading of its rules: every way that things may be is gone
//! through, and the strictest answer is taken.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use proptest::prelude::*;
use twinlock_verifier::{
    Claimant, Decision, Level, Membership, Occasion, Place, Policy, Rule, RuleId, Scope, Service,
    Spot, Standing, Timestamp,
};

use crate::rule_sets::{DAY, NOW, any_claimant, any_occasion, any_rules, rule_sets};

/// Whether a rule is about a login; `None` where that cannot be told.
fn fits(rule: &Rule, claimant: &Claimant, occasion: &Occasion, now: Timestamp) -> Option<bool> {
    let by_scope = match &rule.scope {
        Scope::Everyone => Some(true),
        Scope::User(user) => Some(claimant.names.iter().any(|name| name == user)),
        Scope::Group(group) => {
            let membership = claimant.groups.iter().find(|(name, _)| *name == group);
            match membership.map_or(Membership::Unknown, |(_, membership)| *membership) {
                Membership::Member => Some(true),
                Membership::Stranger => Some(false),
                Membership::Unknown => None,
            }
        }
    };
    let by_service = match &occasion.service {
        _ if rule.services.is_empty() => Some(true),
        Service::Untold => None,
        Service::Other => Some(false),
        Service::Named(name) => Some(rule.services.iter().any(|service| service == name)),
    };
    let by_place = match occasion.place {
        _ if rule.from.is_empty() => Some(true),
        Place::Untold => None,
        Place::Elsewhere => Some(false),
        Place::Console => Some(rule.from.iter().any(|spot| spot.to_string() == "local")),
        Place::Address(address) => Some(rule.from.iter().any(|spot| is_in(address, spot))),
        Place::Within(_) => panic!("a place that is no single one"),
    };
    let by_time = Some(rule.until.is_none_or(|until| now < until));
    let all = [by_scope, by_service, by_place, by_time];
    if all.contains(&Some(false)) {
        Some(false)
    } else if all.contains(&None) {
        None
    } else {
        Some(true)
    }
}

/// Whether an address begins with the digits of a network, all written out in binary.
fn is_in(address: IpAddr, spot: &Spot) -> bool {
    let binary = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(address) => format!("4:{:032b}", u32::from(address)),
        IpAddr::V6(address) => format!("6:{:0128b}", u128::from(address)),
    };
    let spot = spot.to_string();
    let (network, prefix) = spot.split_once('/').unwrap_or((&spot, "128"));
    let Ok(network) = network.parse().map(binary) else { return false };
    let digits = network.len().min(2 + prefix.parse::<usize>().unwrap());
    binary(address).starts_with(&network[..digits])
}

/// What the rules say that fit for certain.
fn plainly(fitting: &[&Rule]) -> Decision {
    let scopes: [fn(&Scope) -> bool; 3] = [
        |scope| matches!(scope, Scope::User(_)),
        |scope| matches!(scope, Scope::Group(_)),
        |scope| matches!(scope, Scope::Everyone),
    ];
    for is_scope in scopes {
        for level in [Level::Required, Level::Optional, Level::Exempt] {
            let deciding: Vec<_> = fitting
                .iter()
                .filter(|rule| is_scope(&rule.scope) && rule.level == level)
                .collect();
            if deciding.is_empty() {
                continue;
            }
            let is_closed = deciding
                .iter()
                .any(|rule| rule.enroll_until.is_none_or(|end| end.unix() > NOW.unix() + 90 * DAY));
            let ends = deciding.iter().filter_map(|rule| rule.enroll_until);
            let lifetimes = deciding.iter().map(|rule| match rule.services.len() {
                0 => Duration::ZERO,
                _ => rule.remember,
            });
            let is_asked = level != Level::Exempt;
            return Decision {
                level,
                enroll_until: ends.min().filter(|_| !is_closed && level == Level::Required),
                remember: lifetimes.min().filter(|_| is_asked).unwrap_or_default(),
                by: deciding.iter().map(|rule| rule.id).collect(),
                guessed: false,
            };
        }
    }
    let (level, remember) = (Level::Required, Duration::ZERO);
    Decision { level, enroll_until: None, remember, by: Vec::new(), guessed: false }
}

/// The same, where each doubtful rule may fit or not: the strictest of everything that may be.
fn reference(rules: &[Rule], claimant: &Claimant, occasion: &Occasion) -> Decision {
    let with = |fit| rules.iter().filter(move |rule| fits(rule, claimant, occasion, NOW) == fit);
    let (certain, doubtful): (Vec<_>, Vec<_>) = (with(Some(true)).collect(), with(None).collect());
    let worlds: Vec<_> = (0_u32..1 << doubtful.len())
        .map(|world| {
            let here = doubtful.iter().zip(0..).filter(|(_, bit)| world >> bit & 1 == 1);
            let mut fitting = certain.clone();
            fitting.extend(here.map(|(rule, _)| *rule));
            plainly(&fitting)
        })
        .collect();
    let level = worlds.iter().map(|world| world.level).max().unwrap();
    let of = |levels: &'static [Level]| worlds.iter().filter(|world| levels.contains(&world.level));
    let required = of(&[Level::Required]);
    let by: BTreeSet<RuleId> = worlds
        .iter()
        .filter(|world| world.level == level)
        .flat_map(|world| &world.by)
        .copied()
        .collect();
    Decision {
        level,
        enroll_until: required.map(|world| world.enroll_until).min().flatten(),
        remember: of(&[Level::Required, Level::Optional])
            .map(|world| world.remember)
            .min()
            .unwrap_or_default(),
        by: by.into_iter().collect(),
        guessed: doubtful.iter().any(|rule| worlds.iter().any(|world| world.by.contains(&rule.id))),
    }
}

proptest! {
    #![proptest_config(rule_sets(10_000))]

    // I9
    #[test]
    fn the_policy_says_what_its_rules_say(
        rules in any_rules(),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let decision = Policy::new(rules.clone()).decide(&claimant, &occasion, NOW);
        prop_assert_eq!(decision, reference(&rules, &claimant, &occasion));
    }

    #[test]
    fn every_rule_stands_as_it_was_read(
        rules in any_rules(),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let policy = Policy::new(rules.clone());
        let decision = policy.decide(&claimant, &occasion, NOW);
        let judged = policy.judged(&claimant, &occasion, NOW);
        prop_assert_eq!(judged.len(), rules.len());
        for (rule, judged) in rules.iter().zip(judged) {
            prop_assert_eq!(rule.id, judged.rule);
            let fit = fits(rule, &claimant, &occasion, NOW);
            prop_assert_eq!(judged.guessed, fit.is_none());
            let standing = judged.standing;
            prop_assert_eq!(standing == Standing::Decides, decision.by.contains(&rule.id));
            let fitted = [Standing::Decides, Standing::Milder, Standing::Wider].contains(&standing);
            // One that perhaps fits is taken to if it decides or is required, and else not to.
            let is_strict = rule.level == Level::Required || standing == Standing::Decides;
            prop_assert_eq!(fitted, fit.unwrap_or(is_strict));
            let winners = || rules.iter().filter(|rule| decision.by.contains(&rule.id));
            let is_of_its_scope = |winner: &Rule| winner.scope.kind() == rule.scope.kind();
            match standing {
                Standing::Milder => {
                    let mut stricter = winners().filter(|winner| winner.level > rule.level);
                    prop_assert!(stricter.any(is_of_its_scope));
                }
                Standing::Wider => {
                    prop_assert!(!winners().any(is_of_its_scope));
                    prop_assert!(rule.scope.kind() != "user");
                }
                Standing::Ended => prop_assert!(rule.has_ended(NOW)),
                Standing::OtherService => prop_assert!(!rule.services.is_empty()),
                Standing::OtherPlace => prop_assert!(!rule.from.is_empty()),
                Standing::OtherAccount => prop_assert_ne!(&rule.scope, &Scope::Everyone),
                Standing::Decides => {}
            }
        }
    }
}
