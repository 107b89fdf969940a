//! A person can enrol with any authenticator app, and only with all of it done.

use serde_json::Value;
use twinlock_tests::{Outcome, Terminal, in_sandbox, screen::Screen, ssh::FirstFactor};

/// What `twinlock enroll` asks at the end.
const PROMPT: &str = "Code from the app: ";

/// The key URI, which has a line to itself.
fn key_uri(text: &str) -> String {
    let mut lines = text.lines().map(str::trim_end).filter(|line| line.starts_with("otpauth://"));
    lines.next().unwrap_or_else(|| panic!("no key URI in:\n{text}")).to_owned()
}

/// The `name` of an error told with `--json`.
fn error_name(outcome: &Outcome) -> String {
    let error: Value = serde_json::from_str(outcome.stderr.trim()).unwrap_or_default();
    error["error"]["name"].as_str().unwrap_or_else(|| panic!("{outcome:?}")).to_owned()
}

#[test]
fn the_qr_code_on_the_screen_is_the_printed_key_uri_and_logs_in() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let screen = Screen::start(&host.cli_command(&alice, &["enroll"]));
        let shown = screen.expect(PROMPT);
        let scanned = screen.scan();
        assert_eq!(scanned, key_uri(&shown));

        let phone = host.phone(&scanned);
        screen.type_line(&phone.fresh_code());
        let shown = screen.expect("never shown again");
        assert!(shown.contains("10. "), "{shown}");
        assert_eq!(host.status(&alice)["recovery_codes_left"], 10);
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
    });
}

#[test]
fn nothing_counts_before_the_first_right_code() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let shown = host.cli(&alice, &["enroll"]).expect_failure("enroll without a code");
        let phone = host.phone(&key_uri(&shown.stdout));
        assert_eq!(host.status(&alice)["state"], "pending");
        assert!(!sshd.lets_in(&alice, &phone.fresh_code()));
    });
}

#[test]
fn a_pending_enrolment_goes_on_with_the_same_secret() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let first = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        let second = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        assert_eq!(first, second);
        host.daemon.kill();
        let third = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        assert_eq!(first, third, "after a restart of the daemon");

        let phone = host.phone(&first);
        let code = phone.fresh_code() + "\n";
        host.cli_reading(&alice, &["enroll"], &code).expect_success("enroll");
        assert_eq!(host.status(&alice)["state"], "on");
    });
}

#[test]
fn a_cancelled_enrolment_leaves_nothing() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let before = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        host.cli(&alice, &["enroll", "--cancel"]).expect_success("cancel");
        assert_eq!(host.status(&alice)["state"], "off");

        let stale = host.phone(&before).fresh_code() + "\n";
        let outcome = host.cli_reading(&alice, &["enroll", "--json"], &stale);
        assert_eq!(error_name(&outcome), "WrongCode");
        let after: Value =
            serde_json::from_str(outcome.stdout.lines().next().unwrap_or_default()).unwrap();
        assert_ne!(after["key_uri"].as_str().unwrap(), before);
    });
}

#[test]
fn a_wrong_code_does_not_confirm() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let mut terminal = Terminal::start(&host.cli_command(&alice, &["enroll", "--no-qr"]));
        terminal.expect(PROMPT);
        let phone = host.phone(&key_uri(&terminal.text()));
        terminal.type_line(&phone.wrong_code(0));
        terminal.expect(PROMPT);
        assert_eq!(host.status(&alice)["state"], "pending");
        terminal.type_line(&phone.fresh_code());
        terminal.finish().expect_success("enroll");
        assert_eq!(host.status(&alice)["state"], "on");
    });
}

#[test]
fn an_authenticator_is_never_replaced_silently() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        for caller in [&alice, &host.root()] {
            let outcome = host.cli(caller, &["enroll", "--json", "alice"]);
            assert!(!outcome.succeeded());
            assert_eq!(error_name(&outcome), "AlreadyEnrolled");
        }
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn removing_takes_a_fresh_code_and_ends_the_old_phone() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        for unfit in [enrolled.phone.spent_code(), enrolled.phone.wrong_code(0)] {
            let outcome = host.cli_reading(&alice, &["remove", "--json"], &(unfit + "\n"));
            assert_eq!(error_name(&outcome), "WrongCode");
        }
        let code = enrolled.phone.fresh_code() + "\n";
        host.cli_reading(&alice, &["remove"], &code).expect_success("remove");
        assert_eq!(host.status(&alice)["state"], "off");
        assert!(!sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
        assert!(!sshd.lets_in(&alice, &enrolled.recovery_codes[0]));
    });
}

#[test]
fn root_can_enrol_somebody_else_and_reset_them() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let key = host.cli(&host.root(), &["enroll", "--no-qr", "alice"]);
        let phone = host.phone(&key_uri(&key.stdout));
        let code = phone.fresh_code() + "\n";
        host.cli_reading(&host.root(), &["enroll", "--no-qr", "alice"], &code)
            .expect_success("enroll alice");
        assert_eq!(host.status(&alice)["state"], "on");
        host.cli(&alice, &["reset", "--yes", "alice"]).expect_failure("resetting oneself");
        host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        assert_eq!(host.status(&alice)["state"], "off");
    });
}
