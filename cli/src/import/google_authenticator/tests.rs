//! Files as the other program writes them, and as it would not.

use proptest::prelude::*;

use super::*;

// The seed of RFC 4226 appendix D.
const SPELLED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const NOW: u64 = 1_111_111_109;
const STEP: u64 = NOW / 30;

fn file(rest: &str) -> Result<Found, Refusal> {
    read(format!("{SPELLED}\n{rest}").as_bytes(), NOW)
}

fn only(found: &Found) -> &ImportedAuthenticator {
    let [authenticator] = found.authenticators.as_slice() else { panic!("not one") };
    authenticator
}

fn codes(found: &Found) -> Vec<&str> {
    found.recovery_codes.iter().map(|code| code.as_str()).collect()
}

#[test]
fn an_ordinary_file_is_a_phone_with_its_scratch_codes() {
    let found = file(
        "\" RATE_LIMIT 3 30\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n\
         10000001\n10000002\n10000003\n",
    )
    .ok()
    .unwrap();
    let phone = only(&found);
    assert_eq!(
        (phone.name.as_str(), phone.kind.as_str(), phone.algorithm.as_str()),
        ("phone", "totp", "SHA1")
    );
    assert_eq!((phone.digits, phone.period, phone.last_spent), (6, 30, None));
    assert_eq!(phone.secret, SPELLED);
    assert_eq!(codes(&found), ["10000001", "10000002", "10000003"]);
    assert_eq!(
        found.notes,
        [
            Note::SpentUntilNow { authenticator: "phone".into() },
            Note::Setting("RATE_LIMIT"),
            Note::Setting("WINDOW_SIZE"),
        ]
    );
}

#[test]
fn the_secret_is_read_as_the_other_program_reads_it() {
    let rest = "\n\" TOTP_AUTH\n";
    for spelling in [
        SPELLED.to_lowercase(),
        "GEZD GNBV-GY3T\tQOJQ GEZD GNBV GY3T QOJQ\r".to_owned(),
        // A symbol that fills no byte is lost.
        format!("{SPELLED}A"),
    ] {
        let found = read(format!("{spelling}{rest}").as_bytes(), NOW).ok().unwrap();
        assert_eq!(only(&found).secret, SPELLED, "{spelling}");
    }
    let found = read(b"OLBOLBOLBOLBOLBOLBOLBOLBOLBOLBOLB\n\" TOTP_AUTH", NOW).ok().unwrap();
    let typed = read(b"018018018018018018018018018018018\n\" TOTP_AUTH", NOW).ok().unwrap();
    assert_eq!(only(&found).secret, only(&typed).secret);
    for spelling in ["", "===", "GEZD=", "\u{fc}", "9", "A"] {
        let refused = read(format!("{spelling}{rest}").as_bytes(), NOW).err();
        assert_eq!(refused, Some(Refusal::NoSecret), "{spelling}");
    }
}

#[test]
fn today_s_26_symbols_are_enough_and_the_16_of_old_are_not() {
    let rest = "\n\" TOTP_AUTH\n";
    // 26 symbols hold 130 bits, of which the program uses 128, whatever the last two are.
    for (symbols, refusal) in [
        (16, Some(Refusal::SecretTooShort { bits: 80 })),
        (25, Some(Refusal::SecretTooShort { bits: 120 })),
        (26, None),
        (204, None),
        (206, None),
        (207, Some(Refusal::SecretTooLong { bits: 1032 })),
    ] {
        let text = format!("{}{rest}", "B".repeat(symbols));
        assert_eq!(read(text.as_bytes(), NOW).err(), refusal, "{symbols}");
    }
}

#[test]
fn the_counter_is_the_next_one_so_the_one_before_is_spent() {
    for (counter, last_spent) in [(1, 0), (2, 1), (5, 4)] {
        let found = file(&format!("\" TOTP_AUTH\n\" HOTP_COUNTER {counter}\n")).ok().unwrap();
        let phone = only(&found);
        assert_eq!((phone.kind.as_str(), phone.period), ("hotp", 0));
        assert_eq!(phone.last_spent, Some(last_spent), "{counter}");
    }
}

#[test]
fn a_counter_below_one_counts_for_nothing() {
    for counter in ["0", "-1"] {
        let found = file(&format!("\" HOTP_COUNTER {counter}\n\" TOTP_AUTH\n")).ok().unwrap();
        assert_eq!(only(&found).kind, "totp");
        let refused = file(&format!("\" HOTP_COUNTER {counter}\n")).err();
        assert_eq!(refused, Some(Refusal::NoKind));
    }
    assert_eq!(file("10000001\n").err(), Some(Refusal::NoKind));
    for counter in ["", "x", "99999999999999999999"] {
        let refused = file(&format!("\" HOTP_COUNTER {counter}\n\" TOTP_AUTH\n")).err();
        assert_eq!(refused, Some(Refusal::Malformed("HOTP_COUNTER")));
    }
}

#[test]
fn a_counter_the_daemon_would_not_take_is_refused() {
    let spent = |next: u64| {
        let found = file(&format!("\" HOTP_COUNTER {next}\n"));
        found.map(|found| only(&found).last_spent)
    };
    assert_eq!(spent(1 << 32), Ok(Some(4_294_967_295)));
    assert_eq!(spent((1 << 32) + 1), Err(Refusal::Counter));
}

#[test]
fn the_latest_used_step_is_the_last_that_is_spent() {
    let list = |steps: &str| file(&format!("\" DISALLOW_REUSE {steps}\n\" TOTP_AUTH\n"));
    for (steps, last_spent) in [
        ("", None),
        ("37037000", Some(37_037_000)),
        ("37037002 37037000\t37037001", Some(37_037_002)),
    ] {
        assert_eq!(only(&list(steps).ok().unwrap()).last_spent, last_spent, "{steps}");
    }
    assert_eq!(list("1 x").err(), Some(Refusal::Malformed("DISALLOW_REUSE")));
}

#[test]
fn a_code_used_early_is_spent_and_one_used_earlier_than_that_has_to_wait() {
    let used = |step: u64| file(&format!("\" DISALLOW_REUSE {step}\n\" TOTP_AUTH\n"));
    for step in [STEP, STEP + 1] {
        assert_eq!(only(&used(step).ok().unwrap()).last_spent, Some(step));
    }
    let at = (STEP + 1) * 30;
    let refused = Refusal::NotYet { field: "DISALLOW_REUSE", at };
    assert_eq!(used(STEP + 2).err(), Some(refused));
}

#[test]
fn a_step_size_beyond_15_to_300_seconds_is_refused() {
    let size = |size: &str| file(&format!("\" STEP_SIZE {size}\n\" TOTP_AUTH\n"));
    for (seconds, period) in [("15", 15), ("60", 60), ("300", 300)] {
        assert_eq!(only(&size(seconds).ok().unwrap()).period, period);
    }
    for seconds in ["0", "1", "14", "301", "4294967326"] {
        assert_eq!(size(seconds).err(), Some(Refusal::Period), "{seconds}");
    }
    assert_eq!(size("30s").err(), Some(Refusal::Malformed("STEP_SIZE")));
}

#[test]
fn a_learnt_skew_is_a_warning() {
    let notes = |skew: &str| file(&format!("\" TIME_SKEW {skew}\n\" TOTP_AUTH\n")).map(|f| f.notes);
    for (skew, seconds) in [("10", 300), ("-3", -90)] {
        assert!(notes(skew).ok().unwrap().contains(&Note::ClockSkew { seconds }));
    }
    assert!(!notes("0").ok().unwrap().iter().any(|n| matches!(n, Note::ClockSkew { .. })));
    assert_eq!(notes("x").err(), Some(Refusal::Malformed("TIME_SKEW")));
}

#[test]
fn everything_else_is_dropped_and_named() {
    let found = file(
        "\" TOTP_AUTH\n\" LAST0 192.0.2.1 1\n\" LAST1 192.0.2.2 2\n\" RESETTING_TIME_SKEW 1+1\n\
         \" LASTX 1\n\"odd\n\n10000001\n10000001\nhello\n10000002\n",
    )
    .ok()
    .unwrap();
    assert_eq!(codes(&found), ["10000001"]);
    assert_eq!(
        found.notes[1..],
        [
            Note::Setting("RESETTING_TIME_SKEW"),
            Note::Setting("LAST0 to LAST9"),
            Note::UnknownOption { line: 6 },
            Note::RepeatedCodes(1),
            Note::OtherLines(3),
        ]
    );
}

#[test]
fn a_set_has_ten_codes_and_the_first_of_an_option_counts() {
    let codes: String = (10_000_000..10_000_012).map(|code| format!("{code}\n")).collect();
    let found =
        file(&format!("{codes}\" TOTP_AUTH\n\" STEP_SIZE 60\n\" STEP_SIZE 45\n")).ok().unwrap();
    assert_eq!((found.recovery_codes.len(), only(&found).period), (10, 60));
    assert!(found.notes.contains(&Note::SurplusCodes(2)));
}

#[test]
fn what_is_no_scratch_code_ends_them() {
    for line in ["01234567", "1234567", "123456789", "12345678 x", "12345678 ", "+1234567"] {
        let found = file(&format!("\" TOTP_AUTH\n{line}\n10000001\n")).ok().unwrap();
        assert!(found.recovery_codes.is_empty(), "{line}");
        assert!(found.notes.contains(&Note::OtherLines(2)), "{line}");
    }
}

#[test]
fn a_nul_is_no_text() {
    assert_eq!(file("\" TOTP_AUTH\n\0").err(), Some(Refusal::NotText));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_is_too_strange(bytes: Vec<u8>, now: u64) {
        let _ = read(&bytes, now);
    }

    #[test]
    fn no_option_is_too_strange(
        option in "(HOTP_COUNTER|STEP_SIZE|DISALLOW_REUSE|TIME_SKEW|TOTP_AUTH|LAST[0-9])",
        value in "[ -~\t]{0,40}",
        rest in "([0-9]{6,9}\r?\n){0,14}",
        now: u64,
    ) {
        if let Ok(found) = read(format!("{SPELLED}\n\" {option} {value}\n\" TOTP_AUTH\n{rest}").as_bytes(), now) {
            prop_assert!(found.recovery_codes.len() <= 10);
            let phone = only(&found);
            prop_assert!(phone.kind == "hotp" || (15..=300).contains(&phone.period));
        }
    }
}
