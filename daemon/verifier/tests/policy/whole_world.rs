//! The occasions that a policy tells apart are the whole world: every login is on one of them, and
//! somebody can be on each.

use std::{collections::BTreeSet, net::IpAddr};

use proptest::{prelude::*, sample};
use twinlock_verifier::{
    Decision, Level, Occasion, Place, Policy, Rule, RuleId, Scope, Service, Spot, Subnet,
};

use crate::rule_sets::{
    NOW, any_address, any_claimant, any_policy, any_service, numbered, rule, rule_sets, spots,
};

/// The occasion of a policy that a login belongs to.
fn cell(policy: &Policy, service: &Service, address: IpAddr) -> Occasion {
    let is_named = |rule: &Rule| match service {
        Service::Named(name) => rule.services.contains(name),
        Service::Other | Service::Untold => false,
    };
    let is_named = policy.rules().iter().any(is_named);
    let service = if is_named { service.clone() } else { Service::Other };
    let smallest = subnets(policy).into_iter().filter(|subnet| subnet.contains(address));
    let smallest = smallest.reduce(|one, other| if one.holds(&other) { other } else { one });
    Occasion { service, place: smallest.map_or(Place::Elsewhere, Place::Within) }
}

fn subnets(policy: &Policy) -> BTreeSet<Subnet> {
    let spots = policy.rules().iter().flat_map(|rule| &rule.from);
    spots
        .filter_map(|spot| match spot {
            Spot::Network(subnet) => Some(*subnet),
            Spot::Local => None,
        })
        .collect()
}

/// A few subnets of 192.0.2.0/29, and it.
fn few_subnets() -> impl Strategy<Value = Vec<Spot>> {
    let all: Vec<_> = (29..=32_u32)
        .flat_map(|prefix| {
            let size = 1_u32 << (32 - prefix);
            (0..8 / size).map(move |turn| format!("192.0.2.{}/{prefix}", turn * size))
        })
        .collect();
    sample::subsequence(all, 0..9)
        .prop_map(|texts| spots(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
}

proptest! {
    #![proptest_config(rule_sets(10_000))]

    #[test]
    fn every_login_is_decided_as_on_its_occasion(
        policy in any_policy(),
        claimant in any_claimant(),
        service in any_service(),
        address in any_address(),
    ) {
        let cell = cell(&policy, &service, address);
        prop_assert!(policy.occasions().any(|occasion| occasion == cell), "{cell}");
        let decide = |occasion| policy.decide(&claimant, &occasion, NOW);
        let place = Place::Address(address);
        prop_assert_eq!(decide(Occasion { service, place }), decide(cell));
    }

    #[test]
    fn a_subnet_is_an_occasion_when_it_has_an_address_of_its_own(from in few_subnets()) {
        let rules = from.into_iter().map(|spot| Rule { from: vec![spot], ..rule(0, Level::Exempt) });
        let policy = Policy::new(numbered(rules.collect()));
        let address = |host: u8| IpAddr::from([192, 0, 2, host]);
        let lived_in = (0..8).map(|host| cell(&policy, &Service::Other, address(host)).place);
        let mut expected: BTreeSet<_> = lived_in.collect();
        expected.extend([Place::Elsewhere, Place::Console, Place::Untold]);
        let listed: Vec<_> = policy.occasions().map(|occasion| occasion.place).collect();
        prop_assert_eq!(listed.len(), expected.len(), "once each");
        prop_assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn what_is_required_somewhere_is_what_going_through_all_occasions_finds(
        policy in any_policy(),
        claimant in any_claimant(),
    ) {
        let decisions = policy.occasions().map(|occasion| policy.decide(&claimant, &occasion, NOW));
        let required: Vec<Decision> =
            decisions.filter(|decision| decision.level == Level::Required).collect();
        let Some(found) = policy.requires(&claimant, NOW) else {
            prop_assert!(required.is_empty());
            return Ok(());
        };
        prop_assert_eq!(found.level, Level::Required);
        prop_assert_eq!(Some(found.enroll_until), required.iter().map(|one| one.enroll_until).min());
        prop_assert_eq!(Some(found.remember), required.iter().map(|one| one.remember).min());
        let by: BTreeSet<_> = required.iter().flat_map(|one| one.by.clone()).collect();
        prop_assert_eq!(found.by, by.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(found.guessed, required.iter().any(|one| one.guessed));
    }
}

#[test]
fn where_every_address_is_named_there_is_no_elsewhere() {
    let places = |from: &[&str]| -> Vec<Place> {
        let rule = Rule { from: spots(from), ..rule(1, Level::Exempt) };
        Policy::new(vec![rule]).occasions().map(|occasion| occasion.place).collect()
    };
    for (from, elsewhere) in [
        (&["0.0.0.0/0"][..], true),
        (&["::/0"], true),
        (&["0.0.0.0/1", "::/0"], true),
        (&["0.0.0.0/0", "::/0"], false),
        (&["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"], false),
    ] {
        assert_eq!(places(from).contains(&Place::Elsewhere), elsewhere, "{from:?}");
    }
}

#[test]
fn a_policy_that_tells_too_much_apart_is_too_large() {
    let named = |services: u32, networks: u32| {
        let services = (0..services).map(|number| format!("service-{number}")).collect();
        let networks = (0..networks).map(|number| {
            Spot::Network(Subnet::of(std::net::Ipv4Addr::from_bits(number << 8).into()))
        });
        Rule { services, from: networks.collect(), ..rule(1, Level::Exempt) }
    };
    // One service more that is not named, and three places more that are no network: 2048 at most.
    for (services, networks, fits) in [(31, 61, true), (31, 62, false), (32, 61, false)] {
        let policy = Policy::new(vec![named(services, networks)]);
        assert_eq!(policy.check().is_ok(), fits, "{services} x {networks}");
    }
    // And 2,000,000 conditions looked at: 1652 occasions by 84 conditions are 14 rules, not 15 ...
    let alike = |number, scope: Scope| {
        let rule = named(27, 56);
        let rule = |id| Rule { id: RuleId(id), scope: scope.clone(), ..rule.clone() };
        (1..=number).map(rule).collect::<Vec<_>>()
    };
    assert!(Policy::new(alike(14, Scope::Everyone)).check().is_ok());
    assert!(Policy::new(alike(15, Scope::Everyone)).check().is_err());
    // ... of one account: those of others are no burden on it.
    let user = |name: &str, first| {
        let rules = alike(7, Scope::User(name.into())).into_iter();
        rules.map(move |rule| Rule { id: RuleId(rule.id.0 + first), ..rule })
    };
    let people = ["alice", "bob", "carol", "dave"].iter().zip([0, 100, 200, 300]);
    let rules: Vec<_> = people.flat_map(|(name, first)| user(name, first)).collect();
    assert!(Policy::new(rules.clone()).check().is_ok());
    let for_all = alike(8, Scope::Group("staff".into())).into_iter();
    let for_all = for_all.map(|rule| Rule { id: RuleId(rule.id.0 + 900), ..rule });
    assert!(Policy::new(rules.into_iter().chain(for_all).collect()).check().is_err());
    let rules = |number| Policy::new((1..=number).map(|id| rule(id, Level::Exempt)).collect());
    assert!(rules(1024).check().is_ok());
    assert!(rules(1025).check().is_err());
}
