//! `twinlock check` says what a login would say to a code, spends what a login would spend, and
//! tells by how much a phone's clock is off (I1, I5).

use serde_json::{Value, json};
use twinlock_interface::Step;
use twinlock_tests::{
    Host, Outcome, Phone, Terminal, User, in_sandbox,
    login::{Line, PamLogin, ending, from_address},
};

const OFFICE: &str = "192.0.2.10";
/// Of a time step, in seconds.
const PERIOD: u64 = 30;

fn check(host: &Host, caller: &User, code: &str) -> Outcome {
    host.cli_reading(caller, &["check", "--json", "alice"], &format!("{code}\n"))
}

/// What a code that is not accepted is found to be: the error's name, exit status 1, and the
/// object, if there is one.
fn finding(host: &Host, caller: &User, code: &str) -> (String, Option<Value>) {
    let outcome = check(host, caller, code);
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    (outcome.error_name(), serde_json::from_str(&outcome.stdout).ok())
}

fn accepts(line: &Line, code: &str) -> bool {
    matches!(line.login("alice", &from_address(OFFICE), code).unwrap(), Step::Accept { .. })
}

fn alice_with_a_phone(host: &Host) -> (User, Phone) {
    host.settable_clock();
    let alice = host.user("alice");
    let phone = host.enroll(&alice).phone;
    (alice, phone)
}

#[test]
fn an_accepted_code_is_spent_by_the_check() {
    in_sandbox(|host| {
        let (alice, phone) = alice_with_a_phone(host);
        let code = phone.fresh_code();
        let found = check(host, &alice, &code).expect_success("check").json();
        assert_eq!(
            [&found["user"], &found["outcome"], &found["authenticator"], &found["offset_seconds"]],
            [&json!("alice"), &json!("accepted"), &json!("phone"), &json!(0)]
        );
        assert!(!accepts(&host.line(), &code));
        assert_eq!(PamLogin::run("alice", OFFICE, &code).code, ending::AUTH_ERR);
        // And it says so.
        let (name, found) = finding(host, &alice, &code);
        let found = found.unwrap();
        assert_eq!((name.as_str(), &found["outcome"]), ("CodeSpent", &json!("spent")));
        assert_eq!(found["offset_seconds"], Value::Null);
        assert_eq!(host.status(&alice)["failures"], 0);

        let mut terminal = Terminal::start(&host.cli_command(&alice, &["check"]));
        terminal.answer("Code from the app: ", &phone.fresh_code());
        let shown = terminal.finish().expect_success("check").stdout;
        assert!(shown.contains("Accepted: \"phone\" makes this code. It is spent"), "{shown}");
        assert!(shown.contains("Its clock agrees with that of this host."), "{shown}");
    });
}

#[test]
fn a_code_that_logged_in_is_spent_to_the_check_too() {
    in_sandbox(|host| {
        let (alice, phone) = alice_with_a_phone(host);
        let code = phone.fresh_code();
        assert!(accepts(&host.line(), &code));
        assert_eq!(finding(host, &alice, &code).0, "CodeSpent");
        let outcome = host.cli_reading(&alice, &["check"], &format!("{code}\n"));
        assert!(outcome.stderr.contains("this code of \"phone\" was used before"), "{outcome:?}");
    });
}

#[test]
fn a_phone_that_is_behind_is_told_by_how_much() {
    in_sandbox(|host| {
        let (alice, phone) = alice_with_a_phone(host);
        let root = host.root();
        for (failures, (steps, caller)) in (1..).zip([(2, &alice), (10, &alice), (118, &root)]) {
            let step = phone.step() - steps;
            // The last second of the step.
            let shown_until = (step + 1) * PERIOD - 1;
            let before = host.clock.now() - shown_until;
            let (name, found) = finding(host, caller, &phone.code_at(step));
            let after = host.clock.now() - shown_until;
            let found = found.unwrap();
            assert_eq!(name, "CodeOutOfWindow");
            assert_eq!(
                (&found["outcome"], &found["authenticator"]),
                (&json!("out-of-window"), &json!("phone"))
            );
            let behind = -found["offset_seconds"].as_i64().unwrap();
            let behind = u64::try_from(behind).expect("behind, hence negative");
            assert!((before..=after).contains(&behind), "{before} <= {behind} <= {after}");
            assert_eq!(host.status(&alice)["failures"], failures, "charged as a wrong one");
        }
        let old = phone.code_at(phone.step() - 10);
        let outcome = host.cli_reading(&alice, &["check"], &format!("{old}\n"));
        let words = "Not accepted: \"phone\" makes this code, but not for now.";
        assert!(outcome.stderr.contains(words), "{outcome:?}");
        assert!(outcome.stderr.contains("seconds behind the clock of this host."), "{outcome:?}");
        // Yesterday's codes tell nothing.
        let older = phone.code_at(phone.step() - 122);
        assert_eq!(finding(host, &root, &older), ("WrongCode".to_owned(), None));
    });
}

#[test]
fn of_a_code_that_is_still_to_come_only_root_is_told() {
    in_sandbox(|host| {
        let (alice, phone) = alice_with_a_phone(host);
        host.clock.advance(std::time::Duration::from_secs(60));
        let step = phone.step() + 20;
        let to_come = phone.code_at(step);
        assert_eq!(finding(host, &alice, &to_come), ("WrongCode".to_owned(), None));
        let before = step * PERIOD - host.clock.now();
        let (name, found) = finding(host, &host.root(), &to_come);
        let after = step * PERIOD - host.clock.now();
        assert_eq!(name, "CodeOutOfWindow");
        let ahead = found.unwrap()["offset_seconds"].as_i64().unwrap();
        let ahead = u64::try_from(ahead).expect("ahead, hence positive");
        assert!((after..=before).contains(&ahead), "{after} <= {ahead} <= {before}");
        assert_eq!(host.status(&alice)["failures"], 2);
        // Looked at is not spent: when its time has come it is good, once.
        host.clock.advance(std::time::Duration::from_secs(20 * PERIOD));
        let line = host.line();
        assert!(accepts(&line, &to_come));
        assert!(!accepts(&line, &to_come));
    });
}

#[test]
fn a_check_is_no_way_to_guess() {
    in_sandbox(|host| {
        let (alice, phone) = alice_with_a_phone(host);
        for nth in 0..4 {
            let wrong = phone.wrong_code(nth);
            assert_eq!(finding(host, &alice, &wrong), ("WrongCode".to_owned(), None));
        }
        // A right one clears what its own source has failed, and one that was used does not.
        check(host, &alice, &phone.fresh_code()).expect_success("check");
        assert_eq!(host.status(&alice)["failures"], 0);
        for nth in 0..5 {
            assert_eq!(finding(host, &alice, &phone.spent_code()).0, "CodeSpent");
            assert_eq!(finding(host, &alice, &phone.wrong_code(nth)).0, "WrongCode");
        }
        for code in [phone.fresh_code(), phone.spent_code(), phone.wrong_code(0)] {
            assert_eq!(finding(host, &alice, &code), ("Throttled".to_owned(), None));
        }
        // Neither compared nor spent.
        assert!(accepts(&host.line(), &phone.spent_code()));
    });
}

#[test]
fn only_a_one_time_code_of_this_account_can_be_checked() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        assert_eq!(finding(host, &alice, "123456"), ("NotEnrolled".to_owned(), None));
        let codes = host.enroll(&alice).recovery_codes;
        let bobs = host.enroll(&bob).phone;
        for unfit in [&codes[0], "hunter2", &bobs.fresh_code()] {
            assert_eq!(finding(host, &alice, unfit), ("WrongCode".to_owned(), None), "{unfit}");
        }
        assert_eq!(host.status(&alice)["recovery_codes_left"], 10, "a recovery code is not spent");
        assert_eq!(finding(host, &bob, &bobs.fresh_code()).0, "NotAuthorized");
    });
}

#[test]
fn each_code_is_told_whose_it_is_and_a_counter_has_no_clock() {
    in_sandbox(|host| {
        let (alice, phone) = alice_with_a_phone(host);
        let options = ["--name", "token", "--kind", "hotp"];
        let token = host.enroll_with(&alice, &options, Some(&phone.fresh_code())).phone;
        for (name, code, offset) in
            [("phone", phone.fresh_code(), json!(0)), ("token", token.fresh_code(), Value::Null)]
        {
            let found = check(host, &alice, &code).expect_success("check").json();
            assert_eq!(
                (&found["authenticator"], &found["offset_seconds"]),
                (&json!(name), &offset)
            );
        }
        let spent = finding(host, &alice, &token.spent_code()).1.unwrap();
        assert_eq!(
            (&spent["authenticator"], &spent["outcome"]),
            (&json!("token"), &json!("spent"))
        );
        // Too far ahead: that says nothing about time.
        token.press(20);
        assert_eq!(
            finding(host, &host.root(), &token.fresh_code()),
            ("WrongCode".to_owned(), None)
        );
    });
}
