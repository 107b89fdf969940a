//! A success from one source never clears the failures of an unknown other one (I7), and a flood
//! from elsewhere never closes a known source's lane (I20).

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use proptest::prelude::*;
use twinlock_verifier::{LaneKey, Network, Refusal, Source, Timestamp, Verdict};

use crate::stage::{
    DAY, Host, MINUTE, Phone, START, any_tick, cases, later, moved, network, wrong,
};

const PHONE: Phone = Phone(1);

fn is_accepted(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Accepted(_))
}

#[test]
fn four_wrong_then_one_right_does_not_start_the_attacker_afresh() {
    let (office, attacker) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(START), &office, START)));
    for turn in 1..=5 {
        let now = later(START, turn * MINUTE);
        host.attempt(&wrong(), &attacker, now);
        assert!(is_accepted(host.attempt(&PHONE.otp_at(now), &office, now)));
        assert!(is_accepted(host.attempt(&PHONE.otp_at(later(now, 30)), &Source::Local, now)));
    }
    assert!(host.gate(&attacker, later(START, 5 * MINUTE)).is_err());
}

#[test]
fn a_first_success_takes_back_its_own_failures_and_no_others() {
    let (home, attacker) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    for source in [&home, &attacker, &home, &attacker] {
        host.attempt(&wrong(), source, START);
    }
    assert_eq!(host.throttle().failures(), 4, "each counts once");
    assert!(is_accepted(host.attempt(&PHONE.otp_at(START), &home, START)));
    assert_eq!(host.lane(LaneKey::Unknown).failures, 2);
    assert_eq!(host.throttle().failures(), 2);
    // Known now: its next failures are its own affair.
    host.attempt(&wrong(), &home, START);
    assert_eq!(host.lane(LaneKey::Unknown).failures, 2);
    assert_eq!(host.throttle().failures(), 3);
}

#[test]
fn a_success_from_nowhere_in_particular_clears_nothing() {
    let mut host = Host::with_phones([1]);
    host.attempt(&wrong(), &Source::Unidentified, START);
    host.attempt(&wrong(), &network("198.51.100.7"), START);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(START), &Source::Unidentified, START)));
    assert_eq!(host.throttle().failures(), 2);
}

#[test]
fn a_flood_from_elsewhere_never_closes_a_known_lane() {
    let (office, other) = (network("2001:db8:1::17"), network("2001:db8:1:1::17"));
    let mut host = Host::with_phones([1]);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(START), &office, START)));
    for turn in 0..1000_u32 {
        let flood = network(&std::net::Ipv4Addr::from_bits(turn).to_string());
        host.attempt(&wrong(), &flood, later(START, 10 * MINUTE * u64::from(turn)));
    }
    let now = later(START, 10_000 * MINUTE);
    assert!(host.gate(&other, now).is_err());
    // The /64 is the source: another address in it is the same office.
    let neighbour = network("2001:db8:1::99");
    assert!(is_accepted(host.attempt(&PHONE.otp_at(now), &neighbour, now)));
    let next = later(now, 30);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(next), &Source::Local, next)));
}

#[test]
fn a_network_that_is_known_no_more_takes_back_only_what_it_put_there_since() {
    let (office, attacker) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(START), &office, START)));
    for _ in 0..4 {
        host.attempt(&wrong(), &office, START);
        host.attempt(&wrong(), &attacker, START);
    }
    let much_later = later(START, 31 * DAY);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(much_later), &office, much_later)));
    assert_eq!(host.lane(LaneKey::Unknown).failures, 4);

    let again = later(much_later, 31 * DAY);
    host.attempt(&wrong(), &attacker, START);
    host.attempt(&wrong(), &office, again);
    assert_eq!(host.lane(LaneKey::Unknown).failures, 6);
    assert!(is_accepted(host.attempt(&PHONE.otp_at(again), &office, again)));
    assert_eq!(host.lane(LaneKey::Unknown).failures, 5);
}

/// What the throttle must remember, kept the simple way: every source on its own, for ever.
#[derive(Default)]
struct Ledger {
    unknown: BTreeMap<Source, u32>,
    accepts: BTreeMap<Network, Timestamp>,
}

impl Ledger {
    fn is_known(&self, source: &Source, now: Timestamp) -> bool {
        match source {
            Source::Local | Source::OwnProgram => true,
            Source::Network(network) => self
                .accepts
                .get(network)
                .is_some_and(|accept| now.unix().abs_diff(accept.unix()) < 30 * DAY),
            Source::Unidentified => false,
        }
    }

    fn note(&mut self, source: &Source, verdict: Verdict, now: Timestamp) {
        match (verdict, source) {
            (Verdict::Refused(Refusal::WrongCode), _) if !self.is_known(source, now) => {
                *self.unknown.entry(*source).or_default() += 1;
                // Known no more, from now on as if never known.
                if let Source::Network(network) = source {
                    self.accepts.remove(network);
                }
            }
            (Verdict::Accepted(_), Source::Network(network)) => {
                self.unknown.remove(source);
                self.accepts.insert(*network, now);
            }
            _ => {}
        }
    }

    fn failures(&self) -> u32 {
        self.unknown.values().sum()
    }
}

fn few_sources() -> impl Strategy<Value = Source> {
    prop_oneof![
        1 => Just(Source::Local),
        1 => Just(Source::Unidentified),
        6 => (0..6_u8).prop_map(|host| network(&format!("192.0.2.{host}"))),
    ]
}

fn many_sources() -> impl Strategy<Value = Source> {
    (0..60_u8).prop_map(|host| network(&format!("192.0.2.{host}")))
}

fn host_without_locks() -> Host {
    let mut host = Host::with_phones([1]);
    host.rules.limits.lock_at_most = Duration::ZERO;
    host.rules.limits.close_after = NonZeroU32::MAX;
    host
}

proptest! {
    #![proptest_config(cases(200))]

    // I7, with and without locks: the unknown lane holds what unknown sources put there, less
    // what each of them took back itself.
    #[test]
    fn the_unknown_lane_forgets_nobody_elses_failures(
        turns in prop::collection::vec((any_tick(), few_sources(), any::<bool>()), 1..80),
        locks in any::<bool>(),
    ) {
        let mut host = if locks { Host::with_phones([1]) } else { host_without_locks() };
        let mut ledger = Ledger::default();
        let mut now = START;
        for (tick, source, right) in turns {
            now = moved(now, tick);
            let otp = if right { PHONE.otp_at(now) } else { wrong() };
            let verdict = host.attempt(&otp, &source, now);
            ledger.note(&source, verdict, now);
            prop_assert_eq!(host.lane(LaneKey::Unknown).failures, ledger.failures());
        }
    }

    // More sources than rows: shares are lost, failures never are.
    #[test]
    fn a_crowd_of_sources_makes_the_throttle_forget_no_failure(
        turns in prop::collection::vec((many_sources(), prop::bool::weighted(0.2)), 1..200),
    ) {
        let mut host = host_without_locks();
        let mut ledger = Ledger::default();
        for (turn, (source, right)) in (0..).zip(turns) {
            let now = later(START, 30 * turn);
            let otp = if right { PHONE.otp_at(now) } else { wrong() };
            // A forgotten accept makes a source unknown to the throttle sooner than here.
            let verdict = host.attempt(&otp, &source, now);
            ledger.note(&source, verdict, now);
            prop_assert!(host.lane(LaneKey::Unknown).failures >= ledger.failures());
            let throttle = host.throttle();
            let shares = throttle.rows().filter(|(key, lane)| {
                matches!(key, LaneKey::Network(_)) && lane.last_accept.is_none()
            });
            let shares: Vec<u32> = shares.map(|(_, lane)| lane.failures).collect();
            prop_assert!(shares.len() <= 16 && throttle.rows().count() <= 1 + 16 + 16);
            prop_assert!(shares.iter().sum::<u32>() <= host.lane(LaneKey::Unknown).failures);
        }
    }
}
