//! A secret becomes an authenticator by a code it makes, which is spent by it (I18).

use std::time::Duration;

use twinlock_verifier::{
    Kind, LaneKey, MovingFactor, Pending, Period, Refusal, ReplayRecord, Rules, Source, Timestamp,
    Verdict,
};

use crate::stage::{Enrolled, Host, Phone, START, later, step_at, wrong};

const PHONE: Phone = Phone(1);
const LIFETIME: Duration = Duration::from_secs(15 * 60);

fn pending_with(kind: Kind, last_spent: Option<u64>) -> Pending {
    let record = ReplayRecord { last_spent: last_spent.map(MovingFactor), out_of_step: None };
    Pending::new(Enrolled { phone: PHONE, kind, record }.authenticator(), START)
}

fn pending() -> Pending {
    pending_with(Kind::Totp(Period::default()), None)
}

/// What the phone is confirmed with when it shows the code of `factor`.
fn confirmed(pending: &Pending, factor: u64) -> Option<u64> {
    let confirmed = pending.confirm(&PHONE.otp(factor), START, &Rules::default())?;
    assert_eq!(confirmed.authenticator(), PHONE.id());
    Some(confirmed.spent().0)
}

#[test]
fn the_confirming_code_is_spent() {
    let otp = PHONE.otp_at(START);
    let confirmed = pending().confirm(&otp, START, &Rules::default()).unwrap();
    assert_eq!((confirmed.authenticator(), confirmed.spent()), (PHONE.id(), step_at(START)));

    let mut host = Host::with_phones([1]);
    host.record(PHONE).last_spent = Some(confirmed.spent());
    let verdict = host.attempt(&otp, &Source::Local, START);
    assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(PHONE.id())));
}

#[test]
fn a_wrong_code_confirms_nothing() {
    let pending = pending();
    for otp in [wrong(), PHONE.otp(step_at(START).0 - 2), Phone(2).otp_at(START)] {
        assert_eq!(pending.confirm(&otp, START, &Rules::default()), None);
    }
    assert_eq!(confirmed(&pending, step_at(START).0), Some(step_at(START).0));
    assert_eq!(pending.authenticator().secret.as_bytes(), PHONE.secret().as_bytes());
}

#[test]
fn a_spent_code_confirms_nothing() {
    let MovingFactor(now) = step_at(START);
    let pending = pending_with(Kind::Totp(Period::default()), Some(now));
    assert_eq!(confirmed(&pending, now), None);
    assert_eq!(confirmed(&pending, now - 1), None);
    assert_eq!(confirmed(&pending, now + 1), Some(now + 1));
}

// A token that was pressed before it was enrolled, but not one whose counter nobody told us.
#[test]
fn a_token_is_confirmed_within_the_look_ahead_of_its_counter() {
    for (counter, spent) in [(0, true), (9, true), (10, false), (11, false)] {
        let pending = pending_with(Kind::Hotp, None);
        assert_eq!(confirmed(&pending, counter), spent.then_some(counter));
    }
    let pending = pending_with(Kind::Hotp, Some(999));
    for (counter, spent) in [(0, false), (998, false), (999, false), (1000, true), (1010, false)] {
        assert_eq!(confirmed(&pending, counter), spent.then_some(counter), "{counter}");
    }
}

// A login that is cut off before its end must leave nothing that others could have made it leave.
#[test]
fn a_first_code_in_a_login_is_charged_and_spent_but_makes_no_source_known() {
    let mut host = Host::with_phones([1]);
    let far = Source::from_pam(Some("192.0.2.7"), None, "");
    let refused = host.first_code(&pending(), &wrong(), &far, START);
    assert_eq!(refused, Verdict::Refused(Refusal::WrongCode));
    assert_eq!(host.lane(LaneKey::Unknown).failures, 1);
    let before = host.throttle();
    let otp = PHONE.otp_at(START);
    let Verdict::Accepted(confirmed) = host.first_code(&pending(), &otp, &far, START) else {
        panic!("a right code")
    };
    assert_eq!((confirmed.authenticator(), confirmed.spent()), (PHONE.id(), step_at(START)));
    assert_eq!(host.record(PHONE).last_spent, Some(step_at(START)));
    assert_eq!(host.throttle(), before, "that is for enrolments that are completed");
    let after = before.after_accept(&far, START, &host.rules.limits);
    assert_ne!(after.lane_of(&far, START), before.lane_of(&far, START));

    for _ in 0..5 {
        let _ = host.first_code(&pending(), &wrong(), &far, START);
    }
    let locked = host.first_code(&pending(), &otp, &far, START);
    assert!(matches!(locked, Verdict::Throttled(_)), "{locked:?}");
}

// I22: a start in the far future is a clock that was set back, not an enrolment without end.
#[test]
fn a_pending_enrolment_ends_whatever_the_clock_does() {
    let pending = pending();
    assert_eq!(pending.expires_at(LIFETIME), later(START, 900));
    for (offset, expired) in [(-900, true), (-899, false), (0, false), (899, false), (900, true)] {
        let now = Timestamp::from_unix(START.unix().saturating_add_signed(offset));
        assert_eq!(pending.is_expired(now, LIFETIME), expired, "{offset} s");
    }
}
