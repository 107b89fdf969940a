//! A secret becomes an authenticator by a code it makes, which is spent by it (I18).

use std::time::Duration;

use twinlock_verifier::{
    AuthenticatorId, Pending, Refusal, Source, TimeStep, Timestamp, TotpParameters, Verdict, Window,
};

use crate::stage::{Host, Phone, START, later, step_at, typed, wrong};

const PHONE: Phone = Phone(1);
const LIFETIME: Duration = Duration::from_secs(15 * 60);

fn pending() -> Pending {
    Pending::new(PHONE.secret(), TotpParameters::default(), START)
}

#[test]
fn the_confirming_code_is_spent() {
    let otp = PHONE.otp_at(START);
    let confirmed = pending().confirm(&otp, START, Window::default()).ok().unwrap();
    assert_eq!(confirmed.secret().as_bytes(), PHONE.secret().as_bytes());
    assert_eq!(*confirmed.parameters(), TotpParameters::default());

    let mut host = Host::with_phones([1]);
    host.phones[0].1 = Some(confirmed.last_step());
    let verdict = host.attempt(&otp, &Source::Local, START);
    assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(AuthenticatorId(1))));
}

#[test]
fn a_wrong_code_leaves_the_enrolment_pending() {
    let still = pending().confirm(&wrong(), START, Window::default()).err().unwrap();
    let old = typed(&PHONE.code(TimeStep(step_at(START).0 - 2)));
    let still = still.confirm(&old, START, Window::default()).err().unwrap();
    let other = Phone(2).otp_at(START);
    let still = still.confirm(&other, START, Window::default()).err().unwrap();
    assert_eq!(still.started_at(), START);
    assert!(still.confirm(&PHONE.otp_at(START), START, Window::default()).is_ok());
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
