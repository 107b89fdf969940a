//! Each profile keeps the bounds it is named after, and nobody gets more guesses out of the stricter
//! of two limits than out of either (I6).

use std::{num::NonZeroU32, time::Duration};

use proptest::prelude::*;
use twinlock_verifier::{
    Closure, LaneKey, Limits, Profile, Source, Timestamp, Verdict, throttle::UnknownProfile,
};

use crate::stage::{DAY, Host, MINUTE, Phone, START, cases, later, network, wrong};

const PROFILES: [(&str, Profile); 4] = [
    ("default", Profile::Default),
    ("cis", Profile::Cis),
    ("stig", Profile::Stig),
    ("pci", Profile::Pci),
];

/// Moments of the failures that somebody gets evaluated who never waits longer than they must, at
/// most so many.
fn guesses(limits: Limits, at_most: usize) -> Vec<Timestamp> {
    let mut host = Host::default();
    host.rules.limits = limits;
    let (mut now, mut moments) = (START, Vec::new());
    while moments.len() < at_most {
        match host.attempt(&wrong(), &Source::Unidentified, now) {
            Verdict::Refused(_) => moments.push(now),
            Verdict::Throttled(Closure::Until(end)) => now = end,
            Verdict::Throttled(Closure::Indefinite) => break,
            Verdict::Accepted(_) => panic!("a wrong code was accepted"),
        }
    }
    moments
}

/// Failures and minutes of each lock before the lane closes.
fn locks(profile: Profile) -> Vec<(usize, u64)> {
    let moments = guesses(profile.limits(), 1000);
    let pairs = moments.iter().zip(&moments[1..]).zip(1..);
    let waits = pairs.map(|((one, next), failures)| (failures, next.unix() - one.unix()));
    waits.filter(|(_, wait)| *wait > 0).map(|(failures, wait)| (failures, wait / MINUTE)).collect()
}

#[test]
fn each_profile_locks_and_closes_as_its_name_promises() {
    let doubling = |first: u64| (0..).map(move |turn: u32| (first << turn).min(24 * 60));
    let every =
        |failures: usize| (1..).map(move |turn: usize| turn * failures).take_while(|n| *n < 100);
    assert_eq!(locks(Profile::Default), every(5).zip(doubling(15).take(19)).collect::<Vec<_>>());
    assert_eq!(locks(Profile::Cis), every(5).map(|failures| (failures, 15)).collect::<Vec<_>>());
    assert_eq!(locks(Profile::Stig), []);
    assert_eq!(locks(Profile::Pci), every(10).zip(doubling(30).take(9)).collect::<Vec<_>>());
    for (profile, failures) in
        [(Profile::Default, 100), (Profile::Cis, 100), (Profile::Stig, 3), (Profile::Pci, 100)]
    {
        assert_eq!(guesses(profile.limits(), 1000).len(), failures, "{profile}");
    }
}

#[test]
fn no_profile_exceeds_the_bound_it_is_named_after() {
    for (name, profile) in PROFILES {
        let moments = guesses(profile.limits(), 1000);
        assert!(moments.len() <= 100, "{name}: NIST SP 800-63B");
        let (failures, minutes) = match profile {
            Profile::Default | Profile::Cis => (5, 15),
            Profile::Stig => (3, 15),
            Profile::Pci => (10, 30),
        };
        for beyond in moments.windows(failures + 1) {
            let wait = beyond[failures].unix() - beyond[0].unix();
            assert!(wait >= minutes * MINUTE, "{name}: {failures} in {minutes} minutes");
        }
    }
}

#[test]
fn under_stig_an_administrator_opens_what_three_failures_closed() {
    let mut host = Host::with_phones([1]);
    host.rules.limits = Profile::Stig.limits();
    for _ in 0..3 {
        host.attempt(&wrong(), &Source::Local, START);
    }
    for now in [START, later(START, 365 * DAY)] {
        let verdict = host.attempt(&Phone(1).otp_at(now), &Source::Local, now);
        assert_eq!(verdict, Verdict::Throttled(Closure::Indefinite));
    }
    host.unlock();
    let verdict = host.attempt(&Phone(1).otp_at(START), &Source::Local, START);
    assert!(matches!(verdict, Verdict::Accepted(_)));
}

#[test]
fn a_profile_has_one_name() {
    for (name, profile) in PROFILES {
        assert_eq!((name.parse(), profile.to_string().as_str()), (Ok(profile), name));
    }
    for name in ["", "CIS", "nist"] {
        assert_eq!(name.parse::<Profile>(), Err(UnknownProfile), "{name:?}");
    }
    assert_eq!(Profile::default().limits(), Limits::default());
}

#[test]
fn whoever_is_locked_out_is_told_where_and_until_when() {
    let (office, elsewhere) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    let locks = |host: &Host, now| host.throttle().locks(now, &host.rules.limits);
    host.attempt(&Phone(1).otp_at(START), &office, START);
    for (source, failures) in [(&office, 5), (&elsewhere, 6), (&Source::Local, 4)] {
        for turn in 0..failures {
            host.attempt(&wrong(), source, later(START, turn));
        }
    }
    let LaneKey::Network(office_lane) = host.throttle().lane_of(&office, START) else {
        panic!("the office is known")
    };
    let now = later(START, 10);
    let until = |seconds| Closure::Until(later(START, seconds + 15 * MINUTE));
    let expected = [(LaneKey::Network(office_lane), 5, until(4)), (LaneKey::Unknown, 5, until(4))];
    assert_eq!(locks(&host, now), expected, "a share of the unknown lane is no lane");
    assert_eq!(locks(&host, later(START, 15 * MINUTE + 4)), []);

    host.rules.limits = Profile::Stig.limits();
    let closed: Vec<_> =
        locks(&host, now).into_iter().map(|(lane, _, closure)| (lane, closure)).collect();
    let lanes = [LaneKey::Local, LaneKey::Network(office_lane), LaneKey::Unknown];
    assert_eq!(closed, lanes.map(|lane| (lane, Closure::Indefinite)));
    // Known no more: its lane decides about nobody.
    let later_on = locks(&host, later(START, 31 * DAY));
    assert_eq!(later_on.len(), 2);
    assert!(host.throttle().closed(now, &host.rules.limits));
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let failures = |most: u32| (1..=most).prop_map(|number| NonZeroU32::new(number).unwrap());
    let minutes = |most: u64| (0..=most).prop_map(|number| Duration::from_secs(number * MINUTE));
    (failures(12), minutes(60), minutes(24 * 60), failures(100)).prop_map(
        |(lock_after, lock_for, lock_at_most, close_after)| Limits {
            lock_after,
            lock_for,
            lock_at_most,
            close_after,
        },
    )
}

proptest! {
    #![proptest_config(cases(200))]

    // I6. Lock by lock the stricter limits come sooner and last longer; but a lock that comes sooner
    // ends sooner, so it is the hastiest attacker that is compared with, and not the same one.
    #[test]
    fn no_sequence_gets_more_guesses_out_of_the_stricter_limits_than_haste_out_of_either(
        one in any_limits(),
        other in any_limits(),
        waits in prop::collection::vec(prop_oneof![4 => Just(0), 2 => 0..30 * MINUTE, 1 => 0..DAY], 1..120),
    ) {
        let stricter = one.stricter(other);
        prop_assert_eq!(stricter, other.stricter(one));
        let mut host = Host::default();
        host.rules.limits = stricter;
        let (mut now, mut evaluated) = (START, Vec::new());
        for wait in waits {
            now = later(now, wait);
            if let Verdict::Refused(_) = host.attempt(&wrong(), &Source::Unidentified, now) {
                evaluated.push(now);
            }
        }
        for limits in [one, other] {
            let hasty = guesses(limits, evaluated.len());
            prop_assert!(hasty.len() >= evaluated.len());
            for (moment, sooner) in evaluated.iter().zip(&hasty) {
                prop_assert!(sooner <= moment, "{evaluated:?}\n{hasty:?}");
            }
        }
    }

    #[test]
    fn limits_are_no_stricter_than_themselves(limits in any_limits()) {
        prop_assert_eq!(limits.stricter(limits), limits);
    }
}
