//! Rule sets, claimants and occasions out of a small world, so that they often meet.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use proptest::{prelude::*, sample};
use twinlock_verifier::{
    Claimant, Decision, Level, Membership, Occasion, Place, Policy, Rule, RuleId, Scope, Service,
    Spot, Timestamp,
};

/// Monday morning.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(crate) const DAY: u64 = 24 * 60 * 60;

pub(crate) const GROUPS: [&str; 2] = ["wheel", "robots"];
pub(crate) const SERVICES: [&str; 2] = ["sshd", "sudo"];
const SPOTS: [&str; 10] = [
    "local",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "10.1.0.0/16",
    "10.1.2.3",
    "::/0",
    "2001:db8::/32",
    "2001:db8:1::/48",
];
pub(crate) const ADDRESSES: [&str; 9] = [
    "10.0.0.1",
    "10.1.9.9",
    "10.1.2.3",
    "::ffff:10.1.2.3",
    "10.200.0.1",
    "198.51.100.7",
    "2001:db8::1",
    "2001:db8:1::1",
    "2001:db9::1",
];

/// Properties run over this many rule sets and leave no files behind.
pub(crate) fn rule_sets(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// The moment so many days from now.
pub(crate) fn day(days: i64) -> Timestamp {
    Timestamp::from_unix(NOW.unix().saturating_add_signed(days * i64::try_from(DAY).unwrap()))
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A rule about every login of everyone.
pub(crate) fn rule(id: u32, level: Level) -> Rule {
    Rule {
        id: RuleId(id),
        level,
        scope: Scope::Everyone,
        uid: None,
        services: Vec::new(),
        from: Vec::new(),
        enroll_until: None,
        remember: Duration::ZERO,
        until: None,
        reason: String::new(),
        message: String::new(),
        author: String::new(),
        created_at: NOW,
    }
}

pub(crate) fn user(name: &str) -> Scope {
    Scope::User(name.to_owned())
}

pub(crate) fn group(name: &str) -> Scope {
    Scope::Group(name.to_owned())
}

pub(crate) fn spots(texts: &[&str]) -> Vec<Spot> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn services(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// An account with the groups it is known to be in or not.
pub(crate) fn claimant(name: &str, groups: &[(&str, Membership)]) -> Claimant {
    let groups = groups.iter().map(|(group, membership)| ((*group).to_owned(), *membership));
    Claimant { names: vec![name.to_owned()], uid: None, groups: groups.collect() }
}

pub(crate) fn at(service: &str, place: Place) -> Occasion {
    Occasion { service: Service::Named(service.to_owned()), place }
}

/// Whether `one` asks for no less than `other`: the level is no milder, enrolment closes no later,
/// and a code is remembered no longer.
pub(crate) fn is_as_strict(one: &Decision, other: &Decision) -> bool {
    let enrolls_no_later = one.level > other.level || one.enroll_until <= other.enroll_until;
    let remembers_no_longer = other.level == Level::Exempt || one.remember <= other.remember;
    let is_no_milder = one.level >= other.level;
    is_no_milder && (other.level < Level::Required || enrolls_no_later) && remembers_no_longer
}

pub(crate) fn any_level() -> impl Strategy<Value = Level> {
    sample::select(vec![Level::Exempt, Level::Optional, Level::Required])
}

pub(crate) fn any_scope() -> impl Strategy<Value = Scope> {
    let groups = GROUPS.map(group);
    let all = groups.into_iter().chain(["alice", "toor", "bob"].map(user)).chain([
        Scope::Everyone,
        Scope::Everyone,
        Scope::Everyone,
    ]);
    sample::select(all.collect::<Vec<_>>())
}

fn any_moment() -> impl Strategy<Value = Option<Timestamp>> {
    let moments = [-1, 0, 1, 7, 89, 90, 91, 100_000].map(|days| Some(day(days)));
    sample::select(moments.into_iter().chain([None; 4]).collect::<Vec<_>>())
}

prop_compose! {
    /// Any rule at all, in combinations that nobody may add too. Its number is to be given yet.
    pub(crate) fn any_rule()(
        level in any_level(),
        scope in any_scope(),
        services in prop_oneof![
            Just(Vec::new()),
            sample::subsequence(SERVICES.to_vec(), 1..=SERVICES.len()),
        ],
        from in prop_oneof![Just(Vec::new()), sample::subsequence(SPOTS.to_vec(), 1..4)],
        enroll_until in any_moment(),
        minutes in sample::select(vec![0, 0, 1, 60, 1440]),
        until in prop_oneof![4 => Just(None), 1 => any_moment()],
    ) -> Rule {
        let (services, from) = (self::services(&services), spots(&from));
        let remember = Duration::from_secs(60 * minutes);
        Rule { scope, services, from, enroll_until, remember, until, ..rule(0, level) }
    }
}

pub(crate) fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(any_rule(), 0..8).prop_map(numbered)
}

/// The rules with the numbers 1, 2, 3...
pub(crate) fn numbered(mut rules: Vec<Rule>) -> Vec<Rule> {
    for (rule, id) in rules.iter_mut().zip(1..) {
        rule.id = RuleId(id);
    }
    rules
}

pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    any_rules().prop_map(Policy::new)
}

fn any_membership() -> impl Strategy<Value = Membership> {
    sample::select(vec![Membership::Member, Membership::Stranger, Membership::Unknown])
}

prop_compose! {
    pub(crate) fn any_claimant()(
        names in sample::select(vec![vec!["alice"], vec!["alice", "toor"], vec!["carol"]]),
        memberships in prop::collection::vec(any_membership(), GROUPS.len()),
        is_listed in prop::collection::vec(prop::bool::weighted(0.9), GROUPS.len()),
    ) -> Claimant {
        let groups = GROUPS.into_iter().zip(memberships).zip(is_listed);
        let groups = groups.filter(|(_, is_listed)| *is_listed).map(|(group, _)| group);
        let groups: BTreeMap<_, _> = groups.map(|(name, member)| (name.to_owned(), member)).collect();
        Claimant { names: services(&names), uid: None, groups }
    }
}

/// An address of the small world, or any other.
pub(crate) fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        4 => sample::select(ADDRESSES.map(address).to_vec()),
        1 => any::<[u8; 4]>().prop_map(IpAddr::from),
        1 => any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

/// A service that is told.
pub(crate) fn any_service() -> impl Strategy<Value = Service> {
    let named = ["sshd", "sudo", "cron"].map(|name| Service::Named(name.to_owned()));
    sample::select(named.into_iter().chain([Service::Other]).collect::<Vec<_>>())
}

/// A place that is told.
pub(crate) fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        6 => any_address().prop_map(Place::Address),
        1 => Just(Place::Elsewhere),
        2 => Just(Place::Console),
    ]
}

pub(crate) fn any_occasion() -> impl Strategy<Value = Occasion> {
    let service = prop_oneof![6 => any_service(), 1 => Just(Service::Untold)];
    let place = prop_oneof![4 => any_place(), 1 => Just(Place::Untold)];
    (service, place).prop_map(|(service, place)| Occasion { service, place })
}
