//! Failed evaluations stay within the throttle's bounds; a refused attempt is neither compared
//! nor charged (I6). Rows are bounded (I21).

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use proptest::prelude::*;
use twinlock_verifier::{
    Change, Closure, LaneKey, Limits, Refusal, Source, Throttle, Timestamp, Verdict, malformed,
};

use crate::stage::{
    DAY, Host, MINUTE, Phone, START, any_tick, cases, later, moved, network, step_at, typed, wrong,
};

const PHONE: Phone = Phone(1);

#[test]
fn five_failures_lock_for_15_minutes_and_each_further_five_for_twice_as_long() {
    let mut host = Host::with_phones([1]);
    let mut now = START;
    let mut minutes = Vec::new();
    for failures in 1..100_u32 {
        assert_eq!(host.attempt(&wrong(), &Source::Local, now), refused(Refusal::WrongCode));
        assert_eq!(host.throttle().failures(), failures);
        if let Err(Closure::Until(end)) = host.gate(&Source::Local, now) {
            minutes.push((end.unix() - now.unix()) / MINUTE);
            now = end;
        }
    }
    assert_eq!(minutes[..9], [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
    assert_eq!(minutes.len(), 19);
    host.attempt(&wrong(), &Source::Local, now);
    assert_eq!(host.gate(&Source::Local, later(now, 365 * DAY)), Err(Closure::Indefinite));
    assert!(host.throttle().closed(START, &host.rules.limits));
    host.unlock();
    assert_eq!(host.gate(&Source::Local, now), Ok(()));
    assert!(host.throttle().rows().next().is_none());
}

#[test]
fn a_locked_lane_refuses_even_the_right_code_and_stores_nothing() {
    let mut host = Host::with_phones([1]);
    for _ in 0..5 {
        host.attempt(&wrong(), &Source::Local, START);
    }
    let before = host.throttle();
    for otp in [PHONE.otp_at(START), wrong()] {
        let verdict = host.attempt(&otp, &Source::Local, START);
        let until = later(START, 15 * MINUTE);
        assert_eq!(verdict, Verdict::Throttled(Closure::Until(until)));
        assert_eq!(host.last_change, Change::default());
        assert_eq!(host.throttle(), before);
    }
    // Not even spent: the same code is good when the lane opens.
    let now = later(START, 15 * MINUTE);
    assert!(matches!(host.attempt(&PHONE.otp_at(now), &Source::Local, now), Verdict::Accepted(_)));
    assert_eq!(host.throttle().failures(), 0);
}

#[test]
fn an_account_without_authenticator_is_charged_alike() {
    let (mut enrolled, mut other) = (Host::with_phones([1]), Host::default());
    for _ in 0..8 {
        let here = enrolled.attempt(&wrong(), &Source::Unidentified, START);
        let there = other.attempt(&wrong(), &Source::Unidentified, START);
        match here {
            Verdict::Refused(Refusal::WrongCode) => {
                assert_eq!(there, refused(Refusal::NotEnrolled))
            }
            here => assert_eq!(there, here),
        }
        assert_eq!(enrolled.throttle(), other.throttle());
    }
}

#[test]
fn an_answer_that_is_no_code_is_not_charged() {
    let verdict = malformed().store(|change| if change.is_empty() { Ok(()) } else { Err(()) });
    assert_eq!(verdict, Ok(refused(Refusal::Malformed)));
}

#[test]
fn a_flood_from_ever_new_addresses_costs_a_bounded_number_of_rows() {
    let mut host = Host::with_phones([1]);
    host.rules.limits.lock_at_most = Duration::ZERO;
    host.rules.limits.close_after = NonZeroU32::MAX;
    for turn in 0..1000_u32 {
        let source = network(&std::net::Ipv4Addr::from_bits(turn).to_string());
        let now = later(START, 30 * u64::from(turn));
        host.attempt(&wrong(), &source, now);
        assert_eq!(host.throttle().failures(), turn + 1, "no failure is forgotten");
    }
    assert_eq!(host.rows.len(), 1 + 16);
    host.unlock();
    for turn in 0..100_u32 {
        let source = network(&std::net::Ipv4Addr::from_bits(turn).to_string());
        let now = later(START, 30 * u64::from(turn));
        assert!(matches!(host.attempt(&PHONE.otp_at(now), &source, now), Verdict::Accepted(_)));
    }
    // One that comes back takes no other's place, and the longest absent go first.
    let now = later(START, 100 * 30);
    assert!(matches!(
        host.attempt(&PHONE.otp_at(now), &network("0.0.0.90"), now),
        Verdict::Accepted(_)
    ));
    let kept: Vec<_> = host.rows.iter().map(|(key, _)| key.clone()).collect();
    let newest: Vec<_> = (84..100).map(|turn| format!("0.0.0.{turn}")).collect();
    assert_eq!(kept, newest);
}

// Limits that administrators may choose, at their edges.
#[test]
fn no_limit_means_unlimited() {
    let once = NonZeroU32::MIN;
    let limits = Limits { lock_after: once, close_after: once, ..Limits::default() };
    let mut host = Host::with_phones([1]);
    host.rules.limits = limits;
    host.attempt(&wrong(), &Source::Local, START);
    assert_eq!(host.gate(&Source::Local, START), Err(Closure::Indefinite));

    host.rules.limits = Limits { lock_for: Duration::MAX, ..Limits::default() };
    host.unlock();
    for now in [START, later(START, DAY)] {
        for _ in 0..5 {
            host.attempt(&wrong(), &Source::Local, now);
        }
        assert_eq!(host.gate(&Source::Local, now), Err(Closure::Until(later(now, DAY))));
    }
}

#[test]
fn an_administrator_opens_every_lane_and_keeps_the_known_networks() {
    let (office, elsewhere) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    host.attempt(&PHONE.otp_at(START), &office, START);
    for source in [&office, &elsewhere, &Source::Local] {
        for _ in 0..5 {
            host.attempt(&wrong(), source, START);
        }
        assert!(host.gate(source, START).is_err());
    }
    host.unlock();
    for source in [&office, &elsewhere, &Source::Local] {
        assert_eq!(host.gate(source, START), Ok(()));
    }
    assert_eq!(host.throttle().failures(), 0);
    assert_eq!(host.throttle().locked_until(START, &host.rules.limits), None);
    host.attempt(&wrong(), &office, START);
    assert_eq!(host.lane(LaneKey::Unknown).failures, 0, "the office is known still");
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

/// The failures of every lane.
fn counters(throttle: &Throttle) -> BTreeMap<LaneKey, u32> {
    let lanes = throttle
        .rows()
        .filter(|(key, lane)| !matches!(key, LaneKey::Network(_)) || lane.last_accept.is_some());
    lanes.map(|(key, lane)| (key, lane.failures)).collect()
}

fn any_source() -> impl Strategy<Value = Source> {
    prop_oneof![
        2 => Just(Source::Local),
        2 => Just(Source::Unidentified),
        4 => (0..4_u8).prop_map(|host| network(&format!("192.0.2.{host}"))),
        1 => (0..40_u8).prop_map(|net| network(&format!("2001:db8:{net}::1"))),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Wrong,
    Right,
    Old,
    Recovery,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![6 => Just(Act::Wrong), 1 => Just(Act::Right), 1 => Just(Act::Old), 1 => Just(Act::Recovery)]
}

proptest! {
    #![proptest_config(cases(200))]

    // I6: what the gate refuses changes nothing, what it lets through is charged exactly once.
    #[test]
    fn every_evaluated_failure_is_charged_and_no_refused_attempt_is(
        turns in prop::collection::vec((any_tick(), any_source(), any_act()), 1..80),
    ) {
        let mut host = Host::with_phones([1]);
        let mut now = START;
        for (tick, source, act) in turns {
            now = moved(now, tick);
            let (before, gate) = (host.throttle(), host.gate(&source, now));
            let otp = match act {
                Act::Wrong => wrong(),
                Act::Right => PHONE.otp_at(now),
                Act::Old => typed(&PHONE.code(step_at(moved(now, -30)))),
                Act::Recovery => {
                    let gate = before.recovery_gate(now, &host.rules.limits);
                    let failures = host.lane(LaneKey::Recovery).failures;
                    match host.recover(None, &source, now) {
                        Ok(verdict) => {
                            prop_assert_eq!(gate, Ok(()));
                            prop_assert_eq!(verdict, refused(Refusal::WrongCode));
                            prop_assert_eq!(host.lane(LaneKey::Recovery).failures, failures + 1);
                        }
                        Err(closure) => {
                            prop_assert_eq!(gate, Err(closure));
                            prop_assert_eq!(host.throttle(), before);
                        }
                    }
                    continue;
                }
            };
            match host.attempt(&otp, &source, now) {
                Verdict::Throttled(closure) => {
                    prop_assert_eq!(gate, Err(closure));
                    prop_assert!(host.last_change.is_empty());
                    prop_assert_eq!(host.throttle(), before);
                }
                Verdict::Refused(Refusal::Replayed(_)) => {
                    prop_assert_eq!(gate, Ok(()));
                    prop_assert_eq!(host.throttle(), before);
                }
                Verdict::Refused(_) => {
                    prop_assert_eq!(gate, Ok(()));
                    let (before, after) = (counters(&before), counters(&host.throttle()));
                    let charged = after.iter().filter_map(|(lane, failures)| {
                        failures.checked_sub(before.get(lane).copied().unwrap_or(0))
                    });
                    prop_assert_eq!(charged.sum::<u32>(), 1);
                }
                Verdict::Accepted(_) => prop_assert_eq!(gate, Ok(())),
            }
        }
    }

}

proptest! {
    #![proptest_config(cases(40))]

    // I6: however the clock jumps, without a success no lane evaluates more than 100 failures.
    #[test]
    fn a_lane_evaluates_at_most_100_failures_without_a_success(
        ticks in prop::collection::vec(-3 * i64::try_from(DAY).unwrap()..3 * 86_400, 400),
        sources in prop::collection::vec(any_source(), 400),
    ) {
        let mut host = Host::default();
        let (mut local, mut others, mut recoveries) = (0, 0, 0);
        let mut now = START;
        for (tick, source) in ticks.into_iter().zip(sources) {
            now = moved(now, tick);
            if let Verdict::Refused(_) = host.attempt(&wrong(), &source, now) {
                *(if source == Source::Local { &mut local } else { &mut others }) += 1;
            }
            recoveries += u32::from(host.recover(None, &source, now).is_ok());
        }
        prop_assert!(local <= 100 && others <= 100 && recoveries <= 100);
        prop_assert_eq!(host.throttle().failures(), local + others + recoveries);
    }

    // I6: on a clock that runs forwards no lane evaluates more than five failures in a quarter of
    // an hour, however many addresses share it.
    #[test]
    fn a_lane_evaluates_at_most_five_failures_in_15_minutes(
        turns in prop::collection::vec((0..600_u64, any_source()), 1..200),
    ) {
        let mut host = Host::default();
        let mut evaluated = BTreeMap::<bool, Vec<Timestamp>>::new();
        let mut now = START;
        for (wait, source) in turns {
            now = later(now, wait);
            if let Verdict::Refused(_) = host.attempt(&wrong(), &source, now) {
                evaluated.entry(source == Source::Local).or_default().push(now);
            }
        }
        for times in evaluated.values() {
            for six in times.windows(6) {
                prop_assert!(six[5].unix() - six[0].unix() >= 15 * MINUTE, "{six:?}");
            }
        }
    }
}
