//! An attempt with a recovery code is charged before anybody looks at the code (I5), has a lane
//! of its own (I6), and opens what nothing but a person can open.

use twinlock_verifier::{
    Change, Closure, LaneKey, Proof, RecoveryCodeId, Refusal, Source, Verdict, redeem,
};

use crate::stage::{DAY, Host, MINUTE, Phone, START, later, network, wrong};

const CODE: RecoveryCodeId = RecoveryCodeId(3);

fn accepted() -> Result<Verdict, Closure> {
    Ok(Verdict::Accepted(Proof::RecoveryCode { id: CODE }))
}

#[test]
fn an_accepted_recovery_code_is_spent_and_clears_its_lane() {
    let mut host = Host::with_phones([1]);
    for _ in 0..4 {
        let verdict = host.recover(None, &Source::Local, START);
        assert_eq!(verdict, Ok(Verdict::Refused(Refusal::WrongCode)));
        assert_eq!(host.last_change, Change::default(), "charged before, not again");
    }
    assert_eq!(host.throttle().failures(), 4);
    assert_eq!(host.recover(Some(CODE), &Source::Local, START), accepted());
    assert_eq!(host.last_change.spent_recovery_code, Some(CODE));
    assert_eq!(host.last_change.spent, None);
    assert_eq!(host.throttle().failures(), 0);
}

#[test]
fn the_recovery_lane_locks_and_then_stores_nothing() {
    let mut host = Host::with_phones([1]);
    for _ in 0..5 {
        assert!(host.charge_recovery(START).is_ok());
    }
    let before = host.throttle();
    let locked = Closure::Until(later(START, 15 * MINUTE));
    assert_eq!(host.recover(Some(CODE), &Source::Local, START), Err(locked));
    assert_eq!(host.last_change, Change::default());
    assert_eq!(host.throttle(), before);
    // One-time codes go their own way.
    assert_eq!(host.gate(&Source::Local, START), Ok(()));
}

#[test]
fn a_recovery_code_opens_a_lane_that_is_closed_for_good() {
    let home = network("192.0.2.1");
    let mut host = Host::with_phones([1]);
    let attempts = [&home, &Source::Local, &Source::Unidentified, &home];
    for (turn, source) in (0..400).zip(attempts.into_iter().cycle()) {
        host.attempt(&wrong(), source, later(START, turn * DAY));
    }
    let now = later(START, 400 * DAY);
    assert_eq!(host.gate(&home, now), Err(Closure::Indefinite));
    assert_eq!(host.gate(&Source::Local, now), Err(Closure::Indefinite));
    assert_eq!(host.recover(Some(CODE), &home, now), accepted());
    for source in [&home, &Source::Local, &Source::Unidentified] {
        assert_eq!(host.gate(source, now), Ok(()));
    }
    assert_eq!(host.throttle().failures(), 0);
    assert!(!host.throttle().closed(now, &host.rules.limits));
}

#[test]
fn what_was_put_into_a_lane_before_it_was_opened_cannot_be_taken_from_it_after() {
    let (home, attacker) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    for turn in 0..100 {
        let source = if turn % 2 == 0 { &home } else { &attacker };
        host.attempt(&wrong(), source, later(START, turn * DAY));
    }
    let now = later(START, 100 * DAY);
    assert_eq!(host.recover(Some(CODE), &Source::Local, now), accepted());
    for _ in 0..4 {
        host.attempt(&wrong(), &attacker, now);
    }
    host.attempt(&Phone(1).otp_at(now), &home, now);
    assert_eq!(host.lane(LaneKey::Unknown).failures, 4);
}

#[test]
fn a_recovery_code_shortens_no_lock_that_ends_by_itself() {
    let (home, attacker) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    let mut now = START;
    for turn in 0..15 {
        let source = if turn % 5 == 0 { &attacker } else { &home };
        host.attempt(&wrong(), source, now);
        if turn < 14
            && let Err(Closure::Until(end)) = host.gate(source, now)
        {
            now = end;
        }
    }
    let locked = host.gate(&attacker, now);
    assert_eq!(locked, Err(Closure::Until(later(now, 60 * MINUTE))));
    assert_eq!(host.recover(Some(CODE), &home, now), accepted());
    assert_eq!(host.gate(&attacker, now), locked);
    assert_eq!(host.gate(&home, now), Ok(()), "home is known now");
}

#[test]
fn a_success_clears_no_attempts_with_recovery_codes() {
    let mut host = Host::with_phones([1]);
    assert!(host.recover(None, &Source::Local, START).is_ok());
    host.attempt(&Phone(1).otp_at(START), &Source::Local, START);
    assert_eq!(host.lane(LaneKey::Recovery).failures, 1);
}

// While a code is being hashed others may fail; the judgement rests on what is stored by then.
#[test]
fn failures_charged_while_a_code_is_hashed_are_kept() {
    let mut host = Host::with_phones([1]);
    let attempt = host.charge_recovery(START).ok().unwrap();
    host.attempt(&wrong(), &network("198.51.100.7"), START);
    let rules = host.rules;
    let judgement = redeem(attempt, &host.throttle(), Some(CODE), &Source::Local, START, &rules);
    let stored = judgement.store(|change| match &change.throttle {
        Some(throttle) if throttle.failures() == 1 => Ok(()),
        _ => Err("the failure is lost"),
    });
    assert_eq!(stored, Ok(Verdict::Accepted(Proof::RecoveryCode { id: CODE })));
}
