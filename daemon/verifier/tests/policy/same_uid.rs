//! Who is meant by a rule about a user: the name, and perhaps whoever shares its uid (I9, I10).

use core::time::Duration;

use twinlock_verifier::{
    Claimant, Level, Occasion, Place, Policy, Rule, Scope, Service, Timestamp,
};

use crate::rule_sets::{NOW, rule};

fn about_toor(level: Level) -> Rule {
    Rule { scope: Scope::User("toor".into()), uid: Some(1000), ..rule(2, level) }
}

fn level(rules: Vec<Rule>, name: &str, uid: u32, now: Timestamp) -> (Level, bool) {
    let claimant = Claimant { names: vec![name.to_owned()], uid: Some(uid), ..Claimant::default() };
    let occasion = Occasion { service: Service::Other, place: Place::Elsewhere };
    let decision = Policy::new(rules).decide(&claimant, &occasion, now);
    (decision.level, decision.guessed)
}

#[test]
fn a_name_that_nobody_told_is_bound_by_the_rule_about_its_uid_and_freed_by_none() {
    let exempt = || rule(1, Level::Exempt);
    let required = || rule(1, Level::Required);
    let bound = |name, uid| level(vec![exempt(), about_toor(Level::Required)], name, uid, NOW);
    assert_eq!(bound("toor", 1000), (Level::Required, false));
    assert_eq!(bound("alice", 1000), (Level::Required, true));
    assert_eq!(bound("bob", 1001), (Level::Exempt, false));
    // The name was given to somebody else since: it is the name that is meant.
    assert_eq!(bound("toor", 1001), (Level::Required, false));
    let freed = |name, uid| level(vec![required(), about_toor(Level::Exempt)], name, uid, NOW);
    assert_eq!(freed("toor", 1000), (Level::Exempt, false));
    assert_eq!(freed("alice", 1000).0, Level::Required);
}

#[test]
fn an_exemption_has_ended_before_it_was_made_as_well() {
    let made = NOW;
    let end = NOW.saturating_add(Duration::from_secs(3600));
    let exempt = || Rule { until: Some(end), created_at: made, ..rule(1, Level::Exempt) };
    let at = |now: u64| level(vec![exempt()], "alice", 1000, Timestamp::from_unix(now)).0;
    assert_eq!(at(made.unix()), Level::Exempt);
    assert_eq!(at(end.unix() - 1), Level::Exempt);
    assert_eq!(at(end.unix()), Level::Required);
    assert_eq!(at(made.unix() - 1), Level::Required);
}
