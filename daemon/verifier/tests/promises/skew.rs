//! A code for another time tells by how many seconds the phone is off, and lets nobody in.

use std::time::Duration;

use proptest::prelude::*;
use twinlock_verifier::{
    AuthenticatorId, MovingFactor, Period, Refusal, SharedSecret, Source, Timestamp, Verdict,
    diagnosis::{offset_seconds, out_of_window},
};

use crate::stage::{Host, Phone, START, cases, step_at, typed, wrong};

const PHONE: Phone = Phone(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_offset_is_how_far_now_lies_outside_the_step() {
    let period = Period::new(30).unwrap();
    for (unix, offset) in
        [(0, 300), (299, 1), (300, 0), (315, 0), (329, 0), (330, -1), (359, -30), (1329, -1000)]
    {
        let now = Timestamp::from_unix(unix);
        assert_eq!(offset_seconds(MovingFactor(10), period, now), offset, "at {unix}");
    }
}

#[test]
fn the_largest_offset_is_as_large_as_can_be_told() {
    let period = Period::default();
    let end = Timestamp::from_unix(u64::MAX);
    assert_eq!(offset_seconds(MovingFactor(u64::MAX), period, START), i64::MAX);
    assert_eq!(offset_seconds(MovingFactor(0), period, end), i64::MIN);
    assert_eq!(offset_seconds(MovingFactor::at(end, period), period, end), 0);
}

/// What is found out about the code of the step that many steps from the present one.
fn found(
    host: &Host,
    steps: i64,
    back: Duration,
    ahead: Duration,
) -> Option<(AuthenticatorId, i64)> {
    let otp = PHONE.otp(step_at(START).0.saturating_add_signed(steps));
    out_of_window(&host.account().authenticators, &otp, START, back, ahead)
}

#[test]
fn a_code_is_found_as_far_away_as_was_asked_for() {
    // The start lies on the first second of its step.
    assert_eq!(START.unix() % 30, 0);
    let host = Host::with_phones([2, 1]);
    for (steps, offset) in [
        (0, 0),
        (-2, -31),
        (-10, -271),
        (-120, -3571),
        (-121, -3601),
        (2, 60),
        (120, 3600),
        (121, 3630),
    ] {
        let at = |back, ahead| found(&host, steps, back, ahead).map(|(_, offset)| offset);
        let within = (-3600..=3600).contains(&offset).then_some(offset);
        assert_eq!(at(HOUR, HOUR), within, "{steps} steps");
        assert_eq!(at(HOUR, Duration::ZERO), within.filter(|_| offset <= 0), "{steps} steps");
        assert_eq!(at(Duration::ZERO, HOUR), within.filter(|_| offset >= 0), "{steps} steps");
    }
    assert_eq!(found(&host, -10, HOUR, HOUR).map(|(id, _)| id), Some(PHONE.id()));
    assert_eq!(out_of_window(&host.account().authenticators, &wrong(), START, HOUR, HOUR), None);
}

#[test]
fn a_token_has_no_offset() {
    let host = Host::with_tokens([1]);
    assert_eq!(found(&host, 0, HOUR, HOUR), None);
}

// The RFC 4226 secret makes 911617 at steps 910,737 and 910,738.
#[test]
fn of_two_steps_with_the_same_digits_the_nearer_one_is_told() {
    let mut authenticators = Host::with_phones([1]).account().authenticators;
    authenticators[0].secret = SharedSecret::from_bytes(b"12345678901234567890").unwrap();
    let otp = typed("911617");
    for (step, offset) in [(910_736, 30), (910_739, -1), (910_740, -31)] {
        let now = Timestamp::from_unix(step * 30);
        let nearest = out_of_window(&authenticators, &otp, now, HOUR, HOUR);
        assert_eq!(nearest, Some((PHONE.id(), offset)), "in step {step}");
    }
}

#[test]
fn what_is_found_is_refused_and_charged_all_the_same() {
    let mut host = Host::with_phones([1]);
    let otp = PHONE.otp(step_at(START).0 - 10);
    assert!(found(&host, -10, HOUR, HOUR).is_some());
    let verdict = host.attempt(&otp, &Source::Local, START);
    assert_eq!(verdict, Verdict::Refused(Refusal::WrongCode));
    assert_eq!(host.throttle().failures(), 1);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn moving_the_clock_by_the_offset_puts_it_into_the_step(
        unix in prop_oneof![any::<u64>(), 0..5_000_000_000_u64],
        distance in -100_000..100_000_i64,
        seconds in 15..=300_u32,
    ) {
        let period = Period::new(seconds).unwrap();
        let now = Timestamp::from_unix(unix);
        let then = Timestamp::from_unix(unix.saturating_add_signed(distance));
        let step = MovingFactor::at(then, period);
        let offset = offset_seconds(step, period, now);
        let moved = |offset| Timestamp::from_unix(unix.checked_add_signed(offset).unwrap());
        prop_assert_eq!(MovingFactor::at(moved(offset), period), step);
        // And by no second more than that takes.
        if offset != 0 {
            let nearer = moved(offset - offset.signum());
            prop_assert!(MovingFactor::at(nearer, period) != step);
        }
    }
}
