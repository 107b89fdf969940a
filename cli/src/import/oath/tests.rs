//! Lines as the other program writes them, and as it would not.

use proptest::prelude::*;

use super::*;

// The seed of RFC 4226 appendix D.
const KEY: &str = "3132333435363738393031323334353637383930";
const SPELLED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// 2005-03-18 01:58:29 UTC, of RFC 6238 appendix B.
const NOW: u64 = 1_111_111_109;

fn clock() -> Clock {
    Clock { now: NOW, zone: TimeZone::UTC }
}

fn one(line: &str) -> Result<Found, Refusal> {
    let mut accounts = read(line.as_bytes(), &clock());
    assert_eq!(accounts.len(), 1, "{line}");
    accounts.pop().unwrap().content
}

fn token(line: &str) -> ImportedAuthenticator {
    let found = one(line).unwrap_or_else(|refusal| panic!("{line}: {refusal:?}"));
    let [token] = found.authenticators.as_slice() else { panic!("not one") };
    token.clone()
}

fn refused(line: &str) -> Refusal {
    match one(line).err() {
        Some(Refusal::OnLine { line: 1, refusal }) => *refusal,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn every_type_is_told_by_kind_period_and_digits() {
    for (word, kind, period, digits) in [
        ("HOTP", "hotp", 0, 6),
        ("HOTP/E", "hotp", 0, 6),
        ("HOTP/E/7", "hotp", 0, 7),
        ("HOTP/T30", "totp", 30, 6),
        ("HOTP/T30/8", "totp", 30, 8),
        ("HOTP/T60/7", "totp", 60, 7),
        ("HOTP/T45", "totp", 45, 6),
        ("HOTP/T300/6", "totp", 300, 6),
    ] {
        let token = token(&format!("{word} alice - {KEY}"));
        assert_eq!((token.kind.as_str(), token.period, token.digits), (kind, period, digits));
        assert_eq!((token.secret.as_str(), token.algorithm.as_str()), (SPELLED, "SHA1"));
    }
    for word in ["HOTP/T14", "HOTP/T301", "HOTP/T0"] {
        assert_eq!(refused(&format!("{word} alice - {KEY}")), Refusal::Period);
    }
    for word in ["hotp", "HOTP/6", "HOTP/T", "HOTP/E/9", "HOTP/E/6/6", "MOTP", "OCRA-1:HOTP-SHA1-6"]
    {
        let refusal = one(&format!("{word} alice - {KEY}")).err();
        assert_eq!(refusal, Some(Refusal::NoToken), "{word}");
    }
}

#[test]
fn the_counter_is_the_last_one_once_a_code_was_used_and_the_next_before() {
    for (rest, last_spent) in [
        ("", None),
        ("0", None),
        ("1", Some(0)),
        ("7", Some(6)),
        ("7 -", Some(6)),
        ("0 755224 2005-03-18T01:00:00L", Some(0)),
        ("3 969429 2005-03-18T01:00:00L", Some(3)),
        ("4294967295 969429 2005-03-18T01:00:00L", Some(4_294_967_295)),
    ] {
        assert_eq!(token(&format!("HOTP alice - {KEY} {rest}")).last_spent, last_spent, "{rest}");
    }
    for counter in ["-", "-1", "0x1", "#", "18446744073709551616"] {
        let refusal = refused(&format!("HOTP alice - {KEY} {counter}"));
        assert_eq!(refusal, Refusal::Malformed("COUNTER"), "{counter}");
    }
}

#[test]
fn a_code_of_the_present_or_the_past_is_spent_as_everything_up_to_now_is() {
    for rest in [
        "",
        // Never early or late.
        "0 081804 2005-03-18T01:58:29L",
        // Long ago.
        "900 081804 2004-03-18T01:58:29L",
        // One step early, one step ago.
        "1 081804 2005-03-18T01:57:59L",
    ] {
        let line = format!("HOTP/T30 alice - {KEY} {rest}");
        assert_eq!(token(&line).last_spent, None, "{rest}");
        let notes = one(&line).ok().unwrap().notes;
        assert_eq!(notes, [Note::SpentUntilNow { authenticator: "token".into() }]);
    }
}

#[test]
fn a_code_that_may_have_been_the_next_is_spent() {
    for (period, seconds, step) in [(30, 29, 37_037_037), (60, 59, 18_518_519)] {
        for counter in [0, 1] {
            // Of the present time step, its last second: 01:58:29 and 01:58:59.
            let now = NOW - NOW % period + period - 1;
            assert_eq!(now % 60, seconds);
            let line = format!("HOTP/T{period} alice - {KEY} {counter} 1 2005-03-18T01:58:29L");
            let mut accounts = read(line.as_bytes(), &Clock { now, zone: TimeZone::UTC });
            let found = accounts.pop().unwrap().content.ok().unwrap();
            let last_spent = (counter == 1).then_some(step);
            assert_eq!(found.authenticators[0].last_spent, last_spent, "{line}");
            if let Some(last) = last_spent {
                let authenticator = "token".into();
                let note = Note::SpentSteps { authenticator, field: "LOCALTIME", last };
                assert_eq!(found.notes, [note]);
            }
        }
    }
}

#[test]
fn a_code_that_may_have_been_later_than_the_next_has_to_wait() {
    let used_now = |period: u64, counter: u64| {
        refused(&format!("HOTP/T{period} alice - {KEY} {counter} 081804 2005-03-18T01:58:29L"))
    };
    for (counter, ahead) in [(2, 2), (20, 20), (21, 20), (u64::MAX, 20)] {
        for period in [30, 60] {
            let at = (NOW / period + ahead - 1) * period;
            let refusal = Refusal::NotYet { field: "LOCALTIME", at };
            assert_eq!(used_now(period, counter), refusal, "{counter}");
        }
    }
    // 20 steps later it is past.
    let line = format!("HOTP/T30 alice - {KEY} 99 081804 2005-03-18T01:48:29L");
    assert_eq!(token(&line).last_spent, None);
}

#[test]
fn a_use_ahead_of_the_clock_has_to_wait_and_no_time_is_refused() {
    let refusal = refused(&format!("HOTP/T30 alice - {KEY} 0 081804 2005-03-18T10:58:29L"));
    let at = (NOW / 30 + 9 * 120 - 1) * 30;
    assert_eq!(refusal, Refusal::NotYet { field: "LOCALTIME", at });
    for time in
        ["-", "2005-03-18", "2005-03-18T01:58:29", "2005-02-30T01:58:29L", "1960-01-01T00:00:00L"]
    {
        let refusal = refused(&format!("HOTP/T30 alice - {KEY} 0 081804 {time}"));
        assert_eq!(refusal, Refusal::Malformed("LOCALTIME"), "{time}");
    }
}

/// Clocks of Central Europe went back from 03:00 to 02:00 on 2005-10-30 at 01:00 UTC.
#[test]
fn the_local_time_is_that_of_the_host_and_the_later_of_two_that_are_past() {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let last_spent = |now: u64| {
        let line = format!("HOTP/T30 alice - {KEY} 1 081804 2005-10-30T02:30:00L");
        let mut accounts = read(line.as_bytes(), &Clock { now, zone: zone.clone() });
        accounts.pop().unwrap().content.map(|found| found.authenticators[0].last_spent)
    };
    // 02:30 in summer time, and in winter time.
    let (first, second) = (1_130_632_200, 1_130_635_800);
    let waits = Refusal::NotYet { field: "LOCALTIME", at: first };
    let waits = Refusal::OnLine { line: 1, refusal: Box::new(waits) };
    for (now, expected) in [
        (first - 31, Err(waits)),
        (first, Ok(Some(first / 30 + 1))),
        (first + 30, Ok(None)),
        (second - 1, Ok(None)),
        (second, Ok(Some(second / 30 + 1))),
        (second + 30, Ok(None)),
    ] {
        assert_eq!(last_spent(now), expected, "{now}");
    }
}

#[test]
fn lines_of_one_user_are_tokens_of_one_account() {
    let text = format!(
        "# carol has left\n#HOTP carol - {KEY}\nHOTP alice - {KEY} 4\n\nHOTP/T30\tbob\t-\t{KEY}\n\
         MOTP alice - {KEY}\nHOTP/T60/8 alice - {KEY}31\r\nHOTP\n"
    );
    let accounts = read(text.as_bytes(), &clock());
    let names: Vec<_> = accounts.iter().map(|account| account.user.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
    let alice = accounts[0].content.as_ref().ok().unwrap();
    let tokens: Vec<_> = alice.authenticators.iter().map(|t| (t.name.as_str(), t.period)).collect();
    assert_eq!(tokens, [("token", 0), ("token 2", 60)]);
    assert!(alice.notes.contains(&Note::UnknownToken { line: 6 }));
}

#[test]
fn one_bad_line_refuses_its_account_and_no_other() {
    let text = format!(
        "HOTP alice - {KEY}\nHOTP bob - {KEY}\nHOTP alice - 3132333435363738393a\n\
         HOTP carol - 313\nHOTP dave - 31zz\nHOTP erin\n"
    );
    let accounts = read(text.as_bytes(), &clock());
    let on = |line, refusal| Some(Refusal::OnLine { line, refusal: Box::new(refusal) });
    let refusals: Vec<_> = accounts.into_iter().map(|account| account.content.err()).collect();
    assert_eq!(
        refusals,
        [
            on(3, Refusal::SecretTooShort { bits: 80 }),
            None,
            on(4, Refusal::NotHexadecimal),
            on(5, Refusal::NotHexadecimal),
            on(6, Refusal::SecretTooShort { bits: 0 }),
        ]
    );
}

#[test]
fn a_key_is_one_token_s_however_it_is_spelled() {
    let text = format!("HOTP alice - {KEY}ab\nHOTP bob - {KEY}ab\nHOTP/T30 alice - {KEY}AB\n");
    let mut accounts = read(text.as_bytes(), &clock());
    assert!(accounts.pop().unwrap().content.is_ok());
    let refusal = Refusal::OnLine { line: 3, refusal: Box::new(Refusal::RepeatedKey) };
    assert_eq!(accounts.pop().unwrap().content.err(), Some(refusal));
}

#[test]
fn a_counter_the_daemon_would_not_take_is_refused() {
    assert_eq!(refused(&format!("HOTP alice - {KEY} 4294967297")), Refusal::Counter);
    assert_eq!(token(&format!("HOTP alice - {KEY} 4294967296")).last_spent, Some(4_294_967_295));
}

#[test]
fn eight_tokens_fit_and_nine_do_not() {
    let line = |number: usize| format!("HOTP alice - {KEY}{number:02x}\n");
    let lines = |count: usize| (0..count).map(line).collect::<String>();
    assert_eq!(one(&lines(8)).ok().unwrap().authenticators.len(), 8);
    assert_eq!(one(&lines(9)).err(), Some(Refusal::TooManyTokens { count: 9, most: 8 }));
}

#[test]
fn a_password_of_the_token_is_dropped_and_told_but_not_shown() {
    let notes = |pin: &str| one(&format!("HOTP alice {pin} {KEY}")).ok().unwrap().notes;
    assert_eq!(notes("-").len(), 1);
    assert_eq!(notes("+")[1], Note::ExternalPassword { line: 1 });
    assert_eq!(notes("sesame")[1], Note::Pin { line: 1 });
}

#[test]
fn a_name_the_bus_cannot_carry_is_refused() {
    for name in [&b"al\0ice"[..], b"al\xfcice"] {
        let line = [b"HOTP ", name, b" - ", KEY.as_bytes()].concat();
        let mut accounts = read(&line, &clock());
        assert_eq!(accounts.pop().unwrap().content.err(), Some(Refusal::Name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_is_too_strange(bytes: Vec<u8>, now: u64) {
        read(&bytes, &Clock { now, zone: TimeZone::UTC });
    }

    #[test]
    fn no_line_is_too_strange(
        kind in "HOTP(/(E|T[0-9]{1,20})(/[0-9]{1,2})?)?",
        counter in "[0-9]{1,20}",
        time in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}L",
        now: u64,
    ) {
        let line = format!("{kind} alice - {KEY} {counter} 081804 {time}");
        for account in read(line.as_bytes(), &Clock { now, zone: TimeZone::UTC }) {
            if let Ok(found) = account.content {
                for token in found.authenticators.iter().filter(|token| token.kind == "totp") {
                    let step = now / u64::from(token.period);
                    prop_assert!(token.last_spent.is_none_or(|last| last == step + 1));
                }
            }
        }
    }
}
