//! Moving the clock never revives a used step, never admits a step later than the next one, and
//! never locks for good (I22).

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use twinlock_verifier::{Closure, MovingFactor, Proof, Source, Timestamp, Verdict, Window};

use crate::stage::{
    DAY, Host, MINUTE, Phone, START, any_tick, cases, later, moved, network, step_at, wrong,
};

const PHONE: Phone = Phone(1);

fn earlier(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_unix(now.unix() - seconds)
}

#[test]
fn no_window_reaches_beyond_the_next_step() {
    for (window, back, ahead) in [(0, 0, 0), (1, 1, 1), (2, 2, 1)] {
        for offset in -4..=4_i64 {
            let mut host = Host::with_phones([1]);
            host.rules.window = Window::new(window).unwrap();
            let step = step_at(START).0.saturating_add_signed(offset);
            let verdict = host.attempt(&PHONE.otp(step), &Source::Local, START);
            let factor = MovingFactor(step);
            let admitted =
                verdict == Verdict::Accepted(Proof::Otp { authenticator: PHONE.id(), factor });
            assert_eq!(admitted, (-back..=ahead).contains(&offset), "window {window}: {offset}");
        }
    }
}

#[test]
fn the_first_and_the_last_second_of_the_clock_are_moments_like_others() {
    for unix in [0, 1, 29, 30, u64::MAX - 1, u64::MAX] {
        let now = Timestamp::from_unix(unix);
        let mut host = Host::with_phones([1]);
        let verdict = host.attempt(&PHONE.otp_at(now), &Source::Local, now);
        assert!(matches!(verdict, Verdict::Accepted(_)), "{unix}: {verdict:?}");
        for _ in 0..7 {
            host.attempt(&wrong(), &Source::Local, now);
        }
        assert!(matches!(host.gate(&Source::Local, now), Err(Closure::Until(_))), "{unix}");
    }
}

#[test]
fn a_clock_that_is_set_back_ends_a_lock_and_keeps_the_count() {
    let mut host = Host::with_phones([1]);
    for _ in 0..5 {
        host.attempt(&wrong(), &Source::Local, START);
    }
    assert!(host.gate(&Source::Local, earlier(START, 14 * MINUTE)).is_err());
    let set_back = earlier(START, 15 * MINUTE);
    assert_eq!(host.gate(&Source::Local, set_back), Ok(()));
    for _ in 0..5 {
        host.attempt(&wrong(), &Source::Local, set_back);
    }
    let end = Closure::Until(later(set_back, 30 * MINUTE));
    assert_eq!(host.gate(&Source::Local, set_back), Err(end), "the doubling still counts");
}

#[test]
fn a_network_is_known_for_30_days_on_either_side_of_its_accept() {
    let office = network("192.0.2.1");
    let mut host = Host::with_phones([1]);
    host.attempt(&PHONE.otp_at(START), &office, START);
    // Close the unknown lane for good: only a known network gets past it.
    for turn in 0..100 {
        host.attempt(&wrong(), &Source::Unidentified, later(START, turn * DAY));
    }
    assert_eq!(host.gate(&Source::Unidentified, START), Err(Closure::Indefinite));
    for (now, known) in [
        (START, true),
        (later(START, 30 * DAY - 1), true),
        (later(START, 30 * DAY), false),
        (earlier(START, 30 * DAY - 1), true),
        (earlier(START, 30 * DAY), false),
    ] {
        assert_eq!(host.gate(&office, now).is_ok(), known, "{now:?}");
    }
}

// A lane that decides about nobody any more is not shown as locked.
#[test]
fn a_lock_of_a_network_that_is_known_no_more_is_not_one() {
    let office = network("192.0.2.1");
    let mut host = Host::with_phones([1]);
    host.rules.limits.lock_for = Duration::from_secs(40 * DAY);
    host.rules.limits.lock_at_most = host.rules.limits.lock_for;
    host.attempt(&PHONE.otp_at(START), &office, START);
    for _ in 0..5 {
        host.attempt(&wrong(), &office, START);
    }
    let locked_until = |now| host.throttle().locked_until(now, &host.rules.limits);
    assert_eq!(locked_until(later(START, 29 * DAY)), Some(later(START, 40 * DAY)));
    assert_eq!(locked_until(later(START, 31 * DAY)), None);
    assert_eq!(host.gate(&office, later(START, 31 * DAY)), Ok(()));
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn no_clock_revives_a_used_step(ticks in prop::collection::vec(any_tick(), 1..60)) {
        let mut host = Host::with_phones([1]);
        let mut used = BTreeSet::new();
        let mut now = START;
        for tick in ticks {
            now = moved(now, tick);
            let otp = PHONE.otp_at(now);
            for set_back in [0, 0, 29, 30, 3600] {
                let clock = earlier(now, set_back);
                let verdict = host.attempt(&otp, &Source::Local, clock);
                if let Verdict::Accepted(Proof::Otp { factor, .. }) = verdict {
                    prop_assert!(factor <= MovingFactor(step_at(clock).0 + 1));
                    prop_assert!(used.insert(factor), "{factor:?} twice");
                }
            }
            host.unlock();
        }
    }

    // The longest lock is 24 hours, and a clock behind its beginning may add as much.
    #[test]
    fn no_clock_makes_a_lock_last(
        ticks in prop::collection::vec(any_tick(), 1..60),
        at in any_tick(),
    ) {
        let mut host = Host::with_phones([1]);
        let mut now = START;
        for tick in ticks {
            now = moved(now, tick);
            host.attempt(&wrong(), &Source::Local, now);
        }
        now = moved(now, at);
        if let Err(closure) = host.gate(&Source::Local, now) {
            let Closure::Until(end) = closure else { panic!("60 failures do not close") };
            prop_assert!(end > now && end <= later(now, 2 * DAY));
            prop_assert_eq!(host.gate(&Source::Local, end), Ok(()));
            let status = host.throttle().locked_until(now, &host.rules.limits);
            prop_assert_eq!(status, Some(end));
        }
    }
}
