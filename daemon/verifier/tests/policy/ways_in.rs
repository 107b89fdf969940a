//! A change that takes somebody's way in is found.

use proptest::prelude::*;
use twinlock_verifier::{Level, Occasion, Place, Policy, Rule, Service};

use crate::rule_sets::{
    ADDRESSES, NOW, address, any_claimant, any_rule, any_rules, at, claimant, day, numbered, rule,
    rule_sets, services, spots, user,
};

/// Logins all over the small world.
fn logins() -> impl Iterator<Item = Occasion> {
    let services = ["sshd", "sudo", "cron"].map(|name| Service::Named(name.to_owned()));
    let addresses = ADDRESSES.map(|text| Place::Address(address(text)));
    let places: Vec<_> = addresses.into_iter().chain([Place::Console, Place::Untold]).collect();
    services.into_iter().flat_map(move |service| {
        let at = move |place| Occasion { service: service.clone(), place };
        places.clone().into_iter().map(at)
    })
}

/// A rule set, and the same with some rules removed and others added.
fn changed() -> impl Strategy<Value = (Policy, Policy)> {
    (any_rules(), prop::collection::vec(any_rule(), 0..3), any::<u8>()).prop_map(
        |(before, added, removed)| {
            let stay = before.iter().zip(0..).filter(|(_, bit)| removed >> bit & 1 == 0);
            let after: Vec<_> = stay.map(|(rule, _)| rule.clone()).chain(added).collect();
            (Policy::new(before), Policy::new(numbered(after)))
        },
    )
}

proptest! {
    #![proptest_config(rule_sets(10_000))]

    #[test]
    fn a_way_in_is_lost_where_a_login_is_refused_that_was_let_in_before(
        (before, after) in changed(),
        claimant in any_claimant(),
    ) {
        let lets_in = |policy: &Policy, occasion: &Occasion| {
            policy.decide(&claimant, occasion, NOW).lets_in(false, NOW)
        };
        let is_lost = |occasion: &Occasion| lets_in(&before, occasion) && !lets_in(&after, occasion);
        match Policy::takes_way_in(&before, &after, &claimant, false, NOW) {
            Some(occasion) => prop_assert!(is_lost(&occasion), "{occasion}"),
            None => prop_assert_eq!(logins().find(is_lost), None),
        }
        prop_assert_eq!(Policy::takes_way_in(&before, &after, &claimant, true, NOW), None);
        prop_assert_eq!(Policy::takes_way_in(&before, &before, &claimant, false, NOW), None);
    }
}

#[test]
fn a_lost_way_in_is_told_in_words() {
    let exempt = Rule { from: spots(&["10.0.0.0/8"]), ..rule(1, Level::Exempt) };
    let before = Policy::new(vec![exempt.clone()]);
    let required = Rule {
        scope: user("alice"),
        services: services(&["sshd"]),
        from: spots(&["10.1.0.0/16", "local"]),
        ..rule(2, Level::Required)
    };
    let lost = |added: Rule| {
        let after = Policy::new(vec![exempt.clone(), added]);
        let lost = Policy::takes_way_in(&before, &after, &claimant("alice", &[]), false, NOW);
        lost.map(|occasion| occasion.to_string())
    };
    assert_eq!(lost(required.clone()).as_deref(), Some("sshd from 10.1.0.0/16"));
    assert_eq!(lost(Rule { enroll_until: Some(day(7)), ..required.clone() }), None);
    assert_eq!(lost(Rule { scope: user("bob"), ..required }), None);
    for (occasion, words) in [
        (at("sudo", Place::Untold), "sudo from an untold place"),
        (at("sshd", Place::Address(address("192.0.2.1"))), "sshd from 192.0.2.1"),
        (
            Occasion { service: Service::Other, place: Place::Console },
            "other services at a console",
        ),
        (
            Occasion { service: Service::Untold, place: Place::Elsewhere },
            "an untold service from elsewhere",
        ),
    ] {
        assert_eq!(occasion.to_string(), words);
    }
}
