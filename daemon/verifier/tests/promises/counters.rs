//! A token that counts is let in once per code, within its look-ahead, and back in step by two
//! codes in a row (I1, I2; RFC 4226 7.4).

use std::collections::BTreeMap;

use proptest::prelude::*;
use twinlock_verifier::{
    Account, Authenticator, AuthenticatorId, Change, Kind, LookAhead, MovingFactor, Parameters,
    Proof, RESYNC_REACH, Refusal, ReplayRecord, Rules, SharedSecret, Source, Throttle, Verdict,
    judge,
};

use crate::stage::{Host, Phone, START, cases, typed, wrong};

const TOKEN: Phone = Phone(1);
const ID: AuthenticatorId = AuthenticatorId(1);
const WRONG: Verdict = Verdict::Refused(Refusal::WrongCode);
const REPLAYED: Verdict = Verdict::Refused(Refusal::Replayed(ID));

fn accepted(counter: u64) -> Verdict {
    Verdict::Accepted(Proof::Otp { authenticator: ID, factor: MovingFactor(counter) })
}

/// A token whose latest code was that of `last_spent`.
fn host_after(last_spent: u64) -> Host {
    let mut host = Host::with_tokens([1]);
    host.record(TOKEN).last_spent = Some(MovingFactor(last_spent));
    host
}

/// What comes of the code of `counter`. The clock means nothing to a token.
fn press(host: &mut Host, counter: u64) -> Verdict {
    host.attempt(&TOKEN.otp(counter), &Source::Local, START)
}

#[test]
fn each_code_in_turn_is_accepted_once() {
    let mut host = Host::with_tokens([1]);
    for counter in 0..200 {
        assert_eq!(press(&mut host, counter), accepted(counter));
        assert_eq!(press(&mut host, counter), REPLAYED);
        assert_eq!(host.last_change, Change::default(), "a replay is not charged");
    }
}

#[test]
fn codes_that_were_passed_over_are_spent() {
    let mut host = Host::with_tokens([1]);
    assert_eq!(press(&mut host, 7), accepted(7));
    for counter in 0..7 {
        assert_eq!(press(&mut host, counter), WRONG, "{counter}");
        host.unlock();
    }
    assert_eq!(press(&mut host, 8), accepted(8));
}

#[test]
fn a_code_is_accepted_within_the_look_ahead_and_not_beyond() {
    for look_ahead in [1, 10, 50] {
        for (offset, verdict) in [
            (0, accepted(1000)),
            (look_ahead - 1, accepted(999 + u64::from(look_ahead))),
            (look_ahead, WRONG),
            (RESYNC_REACH - 1, WRONG),
            (RESYNC_REACH, WRONG),
        ] {
            let mut host = host_after(999);
            host.rules.look_ahead = LookAhead::new(look_ahead).unwrap();
            let counter = 1000 + u64::from(offset);
            assert_eq!(press(&mut host, counter), verdict, "{offset} of {look_ahead}");
            let marked = (look_ahead..RESYNC_REACH).contains(&offset);
            let mark = marked.then_some(MovingFactor(counter));
            assert_eq!(host.record(TOKEN).out_of_step, mark, "{offset} of {look_ahead}");
        }
    }
    let mut host = host_after(999);
    assert_eq!(press(&mut host, 1009), accepted(1009), "ten by default");
    assert_eq!(press(&mut host_after(999), 1010), WRONG, "ten by default");
}

#[test]
fn two_codes_in_a_row_bring_a_token_back_into_step() {
    for far in [1010, 1050, 1099] {
        let mut host = host_after(999);
        assert_eq!(press(&mut host, far), WRONG);
        assert_eq!(host.throttle().failures(), 1, "charged like any wrong code");
        assert_eq!(host.last_change.out_of_step, Some((ID, MovingFactor(far))));
        assert_eq!(press(&mut host, far + 1), accepted(far + 1));
        assert_eq!(host.throttle().failures(), 0);
        let last_spent = Some(MovingFactor(far + 1));
        assert_eq!(*host.record(TOKEN), ReplayRecord { last_spent, out_of_step: None });
        // Both are spent by it.
        assert_eq!(press(&mut host, far + 1), REPLAYED);
        assert_eq!(press(&mut host, far), WRONG);
        assert_eq!(press(&mut host, far + 2), accepted(far + 2));
    }
}

#[test]
fn two_codes_that_are_not_in_a_row_do_not() {
    for (first, second) in [(1050, 1050), (1050, 1052), (1050, 1049), (1100, 1101), (1150, 1151)] {
        let mut host = host_after(999);
        assert_eq!(press(&mut host, first), WRONG, "{first}");
        assert_eq!(press(&mut host, second), WRONG, "{first}, {second}");
    }
}

#[test]
fn wrong_guesses_in_between_do_not_keep_a_token_out_of_step() {
    let mut host = host_after(999);
    press(&mut host, 1050);
    for _ in 0..3 {
        assert_eq!(host.attempt(&wrong(), &Source::Unidentified, START), WRONG);
    }
    assert_eq!(press(&mut host, 1051), accepted(1051));
}

#[test]
fn the_latest_code_out_of_step_is_the_one_to_follow() {
    let mut host = host_after(999);
    press(&mut host, 1050);
    press(&mut host, 1070);
    assert_eq!(press(&mut host, 1051), WRONG);
    assert_eq!(host.record(TOKEN).out_of_step, Some(MovingFactor(1051)));
    assert_eq!(press(&mut host, 1052), accepted(1052));
}

#[test]
fn an_accept_ends_what_was_begun_out_of_step() {
    let mut host = host_after(999);
    press(&mut host, 1050);
    assert_eq!(press(&mut host, 1000), accepted(1000));
    assert_eq!(press(&mut host, 1051), WRONG);
}

// What a store that forgot to clear the mark would hold.
#[test]
fn a_mark_that_was_left_behind_revives_nothing() {
    for mark in [997, 998, 999] {
        let mut host = host_after(1000);
        host.record(TOKEN).out_of_step = Some(MovingFactor(mark));
        let verdict = press(&mut host, mark + 1);
        assert_eq!(verdict, if mark == 999 { REPLAYED } else { WRONG }, "{mark}");
    }
}

#[test]
fn the_last_counters_there_are_are_counters_like_others() {
    let last = u64::MAX;
    let mut host = host_after(last - 2);
    assert_eq!(press(&mut host, last - 1), accepted(last - 1));
    assert_eq!(press(&mut host, last), accepted(last));
    assert_eq!(press(&mut host, last), REPLAYED);
    // It never begins anew.
    for counter in [0, 1, 50] {
        assert_eq!(press(&mut host, counter), WRONG, "{counter}");
    }
    let mut host = host_after(last - 20);
    assert_eq!(press(&mut host, last), WRONG);
    assert_eq!(host.record(TOKEN).out_of_step, Some(MovingFactor(last)));
    for counter in [0, last] {
        assert_eq!(press(&mut host, counter), WRONG, "nothing follows the last one");
    }
}

// The RFC 4226 secret makes 911617 at two counters in a row.
#[test]
fn of_two_counters_with_the_same_digits_the_first_is_spent_and_the_next_is_not_taken() {
    let secret = || SharedSecret::from_bytes(b"12345678901234567890").unwrap();
    let parameters = Parameters { kind: Kind::Hotp, ..Parameters::default() };
    let (first, second) = (MovingFactor(910_737), MovingFactor(910_738));
    let after = |last_spent| {
        let record = ReplayRecord { last_spent: Some(MovingFactor(last_spent)), out_of_step: None };
        let token = Authenticator { id: ID, parameters, secret: secret(), record };
        let account = Account { authenticators: vec![token], throttle: Throttle::default() };
        let judgement = judge(&account, &typed("911617"), &Source::Local, START, &Rules::default());
        judgement.store(|_| Ok::<_, ()>(())).unwrap()
    };
    assert_eq!(after(910_736), accepted(first.0));
    // The token shows them again, and so might whoever has read them.
    assert_eq!(after(first.0), REPLAYED);
    assert_eq!(after(second.0), REPLAYED);
}

#[test]
fn a_code_of_another_length_is_another_code() {
    let mut host = Host::with_tokens([1]);
    let code = TOKEN.code(MovingFactor(0));
    for typo in [format!("0{code}"), format!("00{code}")] {
        assert_eq!(host.attempt(&typed(&typo), &Source::Local, START), WRONG);
    }
    assert_eq!(host.record(TOKEN).out_of_step, None);
}

#[test]
fn a_token_and_a_phone_of_one_account_spend_nothing_of_each_other() {
    let mut host = Host::with_phones([2]);
    host.phones.extend(Host::with_tokens([1]).phones);
    assert_eq!(press(&mut host, 0), accepted(0));
    assert_eq!(host.record(Phone(2)).last_spent, None);
    let verdict = host.attempt(&Phone(2).otp_at(START), &Source::Local, START);
    assert!(matches!(verdict, Verdict::Accepted(_)));
    assert_eq!(host.record(TOKEN).last_spent, Some(MovingFactor(0)));
    // A token out of step is marked, and its neighbour is not.
    assert_eq!(press(&mut host, 50), WRONG);
    assert_eq!(host.record(Phone(2)).out_of_step, None);
    assert_eq!(press(&mut host, 51), accepted(51));
}

#[derive(Clone, Copy, Debug)]
enum Press {
    /// A code that many counters after the next one expected.
    Offset(i64),
    /// The code after the one this token showed last, as a person does who is asked again.
    Again,
}

fn any_press() -> impl Strategy<Value = Press> {
    prop_oneof![
        2 => (-3..13_i64).prop_map(Press::Offset),
        2 => (-3..130_i64).prop_map(Press::Offset),
        3 => Just(Press::Again),
    ]
}

/// What a token showed and what was accepted of it.
#[derive(Clone, Copy)]
struct Seen {
    shown: u64,
    next: u64,
    mark: Option<u64>,
}

proptest! {
    #![proptest_config(cases(100))]

    // I1, I2: whatever is pressed, with every attempt reading what the last one stored, the
    // accepted counters of a token increase strictly, and none is accepted out of bounds.
    #[test]
    fn accepted_counters_increase_strictly_and_within_bounds(
        turns in prop::collection::vec((1..=2_u8, any_press(), prop::bool::weighted(0.1)), 1..80),
        look_ahead in 1..=50_u32,
        begin in prop_oneof![3 => 0..1000_u64, 1 => Just(u64::MAX - 200)],
    ) {
        let mut host = Host::with_tokens([1, 2]);
        host.rules.look_ahead = LookAhead::new(look_ahead).unwrap();
        let mut seen = BTreeMap::new();
        for phone in [1, 2] {
            host.record(Phone(phone)).last_spent = begin.checked_sub(1).map(MovingFactor);
            seen.insert(Phone(phone).id(), Seen { shown: begin, next: begin, mark: None });
        }
        for (phone, press, power_cut) in turns {
            let of = seen.get_mut(&Phone(phone).id()).unwrap();
            of.shown = match press {
                Press::Offset(offset) => of.next.saturating_add_signed(offset),
                Press::Again => of.shown.saturating_add(1),
            };
            let otp = Phone(phone).otp(of.shown);
            if power_cut {
                host.attempt_in_a_power_cut(&otp, &Source::Local, START);
                continue;
            }
            match host.attempt(&otp, &Source::Local, START) {
                Verdict::Accepted(Proof::Otp { authenticator, factor: MovingFactor(counter) }) => {
                    // The digits may be those of the other token, or of another counter.
                    let of = seen.get_mut(&authenticator).unwrap();
                    let ahead = counter.checked_sub(of.next);
                    prop_assert!(ahead.is_some(), "{counter} is spent");
                    let follows = of.mark.and_then(|mark| mark.checked_add(1)) == Some(counter);
                    prop_assert!(ahead < Some(u64::from(look_ahead)) || follows, "{counter}");
                    // The very last counter ends the test: there is no next one.
                    let Some(next) = counter.checked_add(1) else { return Ok(()) };
                    *of = Seen { shown: of.shown, next, mark: None };
                }
                Verdict::Refused(_) => {
                    if let Some((id, MovingFactor(counter))) = host.last_change.out_of_step {
                        let of = seen.get_mut(&id).unwrap();
                        let ahead = counter.checked_sub(of.next).unwrap();
                        prop_assert!((u64::from(look_ahead)..u64::from(RESYNC_REACH)).contains(&ahead));
                        of.mark = Some(counter);
                    }
                }
                other => prop_assert!(false, "{other:?}"),
            }
            host.unlock();
        }
    }
}
