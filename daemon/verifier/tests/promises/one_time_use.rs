//! One code, one login (I1, I2).

use std::collections::BTreeMap;

use proptest::prelude::*;
use twinlock_verifier::{
    Account, Authenticator, AuthenticatorId, Change, MovingFactor, Parameters, Proof, Refusal,
    ReplayRecord, Rules, SharedSecret, Source, Throttle, Timestamp, Verdict, Window, judge,
};

use crate::stage::{Host, Phone, START, any_tick, cases, later, moved, step_at, typed};

const PHONE: Phone = Phone(1);
const ID: AuthenticatorId = AuthenticatorId(1);

fn accepted(factor: MovingFactor) -> Verdict {
    Verdict::Accepted(Proof::Otp { authenticator: ID, factor })
}

#[test]
fn a_code_is_accepted_once_and_its_replay_is_not_charged() {
    let mut host = Host::with_phones([1]);
    let otp = PHONE.otp_at(START);
    assert_eq!(host.attempt(&otp, &Source::Local, START), accepted(step_at(START)));
    assert_eq!(host.last_change.spent, Some((ID, step_at(START))));
    for _ in 0..20 {
        let verdict = host.attempt(&otp, &Source::Local, START);
        assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(ID)));
        assert_eq!(host.last_change, Change::default());
    }
}

#[test]
fn another_spelling_is_not_another_code() {
    let mut host = Host::with_phones([1]);
    let code = PHONE.code(step_at(START));
    host.attempt(&typed(&code), &Source::Local, START);
    let (front, back) = code.split_at(3);
    for spelling in [format!("{front} {back}"), format!("{code}\n"), format!("-{front}\t-{back}")] {
        let verdict = host.attempt(&typed(&spelling), &Source::Local, START);
        assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(ID)), "{spelling:?}");
    }
}

#[test]
fn a_zero_more_makes_another_code() {
    let mut host = Host::with_phones([1]);
    let code = PHONE.code(step_at(START));
    for typo in [format!("0{code}"), format!("00{code}")] {
        let verdict = host.attempt(&typed(&typo), &Source::Local, START);
        assert_eq!(verdict, Verdict::Refused(Refusal::WrongCode), "{typo:?}");
    }
}

#[test]
fn an_older_step_is_spent_by_a_newer_one() {
    let mut host = Host::with_phones([1]);
    let MovingFactor(now) = step_at(START);
    assert_eq!(host.attempt(&PHONE.otp(now), &Source::Local, START), accepted(MovingFactor(now)));
    let verdict = host.attempt(&PHONE.otp(now - 1), &Source::Local, START);
    assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(ID)));
    assert_eq!(
        host.attempt(&PHONE.otp(now + 1), &Source::Local, START),
        accepted(MovingFactor(now + 1))
    );
}

#[test]
fn a_code_that_could_not_be_stored_was_not_accepted() {
    let mut host = Host::with_phones([1]);
    let otp = PHONE.otp_at(START);
    host.attempt_in_a_power_cut(&otp, &Source::Local, START);
    assert_eq!(host.attempt(&otp, &Source::Local, START), accepted(step_at(START)));
}

#[test]
fn a_code_of_one_phone_spends_nothing_of_another() {
    let mut host = Host::with_phones([7, 1, 9]);
    let otp = PHONE.otp_at(START);
    assert_eq!(host.attempt(&otp, &Source::Local, START), accepted(step_at(START)));
    let spent: Vec<_> = host.phones.iter().map(|of| of.record.last_spent).collect();
    assert_eq!(spent, [None, Some(step_at(START)), None]);
    // The other phones' codes are still good, for a step that is spent on the first.
    for other in [7, 9] {
        let verdict = host.attempt(&Phone(other).otp_at(START), &Source::Local, START);
        let (authenticator, factor) = (Phone(other).id(), step_at(START));
        assert_eq!(verdict, Verdict::Accepted(Proof::Otp { authenticator, factor }));
    }
}

#[test]
fn of_several_phones_with_a_code_the_first_one_spends_it() {
    let enrolled = Host::with_phones([1]).phones[0];
    let authenticators = [5, 3].map(|id| {
        let id = AuthenticatorId(id);
        Authenticator { id, ..enrolled.authenticator() }
    });
    let account = Account { authenticators: authenticators.into(), throttle: Throttle::default() };
    let otp = PHONE.otp_at(START);
    let judgement = judge(&account, &otp, &Source::Local, START, &Rules::default());
    let spent = judgement.store(|change| {
        assert_eq!(change.spent, Some((AuthenticatorId(5), step_at(START))));
        Ok::<_, ()>(())
    });
    let (authenticator, factor) = (AuthenticatorId(5), step_at(START));
    assert_eq!(spent, Ok(Verdict::Accepted(Proof::Otp { authenticator, factor })));
}

// Phones 6 and 15 both show 083622 in step 60,001,614.
#[test]
fn a_code_that_is_spent_on_one_phone_is_good_once_on_another_that_shows_it_too() {
    let (step, now) = (MovingFactor(60_001_614), Timestamp::from_unix(60_001_614 * 30));
    let mut host = Host::with_phones([6, 15]);
    for phone in [6, 15] {
        let (authenticator, factor) = (Phone(phone).id(), step);
        let verdict = host.attempt(&typed("083622"), &Source::Local, now);
        assert_eq!(verdict, Verdict::Accepted(Proof::Otp { authenticator, factor }));
    }
    let verdict = host.attempt(&typed("083622"), &Source::Local, now);
    assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(Phone(6).id())));
}

#[test]
fn removing_a_phone_revives_nothing_of_another() {
    let mut host = Host::with_phones([7, 1]);
    for phone in [Phone(7), PHONE] {
        host.attempt(&phone.otp_at(START), &Source::Local, START);
    }
    host.phones.remove(0);
    let verdict = host.attempt(&PHONE.otp_at(START), &Source::Local, START);
    assert_eq!(verdict, Verdict::Refused(Refusal::Replayed(ID)));
    let verdict = host.attempt(&Phone(7).otp_at(START), &Source::Local, START);
    assert_eq!(verdict, Verdict::Refused(Refusal::WrongCode));
}

// RFC 6238 5.2: a login every step works, with a clock that runs evenly.
#[test]
fn an_honest_login_in_every_step_is_accepted() {
    let mut host = Host::with_phones([1]);
    for turn in 0..200 {
        let now = later(START, 30 * turn);
        assert_eq!(host.attempt(&PHONE.otp_at(now), &Source::Local, now), accepted(step_at(now)));
    }
}

#[derive(Clone, Debug)]
struct Turn {
    tick: i64,
    phone: u8,
    /// Which step's code is typed, counted from the present one.
    offset: i64,
    power_cut: bool,
}

fn any_turn() -> impl Strategy<Value = Turn> {
    (any_tick(), 1..=2_u8, -3..=3_i64, prop::bool::weighted(0.1))
        .prop_map(|(tick, phone, offset, power_cut)| Turn { tick, phone, offset, power_cut })
}

proptest! {
    #![proptest_config(cases(150))]

    // I1, I2: whatever is typed and whatever the clock does, with every attempt reading what the
    // last one stored, the accepted steps of a phone increase strictly.
    #[test]
    fn accepted_steps_increase_strictly(
        turns in prop::collection::vec(any_turn(), 1..80),
        window in 0..=2_u32,
    ) {
        let mut host = Host::with_phones([1, 2]);
        host.rules.window = Window::new(window).unwrap();
        let mut latest = BTreeMap::<AuthenticatorId, MovingFactor>::new();
        let mut now: Timestamp = START;
        for Turn { tick, phone, offset, power_cut } in turns {
            now = moved(now, tick);
            let otp = Phone(phone).otp(step_at(now).0.saturating_add_signed(offset));
            if power_cut {
                host.attempt_in_a_power_cut(&otp, &Source::Local, now);
            } else if let Verdict::Accepted(Proof::Otp { authenticator, factor }) =
                host.attempt(&otp, &Source::Local, now)
            {
                prop_assert!(latest.insert(authenticator, factor) < Some(factor));
            }
            host.unlock();
        }
    }
}

/// The RFC 4226 secret makes 911617 at two steps in a row.
#[test]
fn digits_that_two_steps_share_are_accepted_once() {
    let secret = || SharedSecret::from_bytes(b"12345678901234567890").unwrap();
    let (parameters, later) = (Parameters::default(), MovingFactor(910_738));
    let now = Timestamp::from_unix(later.0 * 30);
    let otp = typed("911617");
    let at = |last_spent| {
        let record = ReplayRecord { last_spent, out_of_step: None };
        let phone = Authenticator { id: ID, parameters, secret: secret(), record };
        let account = Account { authenticators: vec![phone], throttle: Throttle::default() };
        let judgement = judge(&account, &otp, &Source::Local, now, &Rules::default());
        judgement.store(|_| Ok::<_, ()>(())).unwrap()
    };
    assert_eq!(at(None), accepted(later));
    assert_eq!(at(Some(later)), Verdict::Refused(Refusal::Replayed(ID)));
}
