//! A recovery code is good once and for its owner, and its owner knows how many are left (I3).
//!
//! Races for one, and what they cost, stand with those for one-time codes in `one_time_use`.

use std::thread;

use nix::sys::signal::Signal;
use serde_json::json;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, Terminal, User,
    enrolled::Enrolled,
    in_sandbox,
    login::{Line, PamLogin, ending, from_address},
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT},
};

const OFFICE: &str = "192.0.2.10";
/// For tests that try more dead codes than an attacker could.
const PATIENT: &str = "[lock]\nafter = 100\n";

fn accepts(line: &Line, user: &str, code: &str) -> bool {
    matches!(line.login(user, &from_address(OFFICE), code).unwrap(), Step::Accept { .. })
}

/// What the login of alice with this recovery code says beside yes.
fn remark(line: &Line, code: &str) -> String {
    match line.login("alice", &from_address(OFFICE), code).unwrap() {
        Step::Accept { text } => text,
        step => panic!("not accepted: {step:?}"),
    }
}

/// `twinlock codes renew --json` with what is typed.
fn renew(host: &Host, user: &User, typed: &str) -> Result<Vec<String>, String> {
    let outcome = host.cli_reading(user, &["codes", "renew", "--json"], &format!("{typed}\n"));
    if !outcome.succeeded() {
        return Err(outcome.error_name());
    }
    Ok(serde_json::from_value(outcome.json()["recovery_codes"].clone()).unwrap())
}

#[test]
fn codes_tells_how_many_are_left_and_when_the_others_were_used() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let Enrolled { recovery_codes, .. } = host.enroll(&alice);
        assert_eq!(recovery_codes.len(), 10);
        let shown = || host.cli(&alice, &["codes"]).expect_success("codes").stdout;
        assert_eq!(shown(), "alice has 10 unused recovery codes.\n");
        let line = host.line();
        let mut used_at = Vec::new();
        for code in [&recovery_codes[7], &recovery_codes[2]] {
            host.clock.advance(std::time::Duration::from_secs(7200));
            let before = host.clock.now();
            assert!(accepts(&line, "alice", code));
            used_at.push(before..=host.clock.now());
        }
        let counted = host.cli(&alice, &["codes", "--json"]).expect_success("codes").json();
        assert_eq!(
            (&counted["user"], &counted["recovery_codes_left"]),
            (&json!("alice"), &json!(8))
        );
        let told = counted["recovery_codes_used_at"].as_array().unwrap();
        assert_eq!(told.len(), 2);
        for (told, used_at) in told.iter().zip(&used_at) {
            assert!(used_at.contains(&told.as_u64().unwrap()), "{told} is not in {used_at:?}");
        }
        let text = shown();
        assert!(text.starts_with("alice has 8 unused recovery codes.\nOthers "), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("  20")).count(), 2, "{text}");
        // It is one's own business, and root's.
        let bob = host.user("bob");
        let outcome = host.cli(&bob, &["codes", "alice", "--json"]);
        assert_eq!(outcome.error_name(), "NotAuthorized");
        let by_root = host.cli(&host.root(), &["codes", "alice", "--json"]).json();
        assert_eq!(by_root["recovery_codes_left"], 8);
    });
}

#[test]
fn renewing_takes_a_code_from_the_app_and_kills_the_old_set_used_or_not() {
    in_sandbox(|host| {
        host.settable_clock();
        host.settings(PATIENT);
        let alice = host.user("alice");
        let Enrolled { phone, recovery_codes: old } = host.enroll(&alice);
        let line = host.line();
        assert!(accepts(&line, "alice", &old[0]));
        for unfit in [&old[1], &phone.spent_code(), &phone.wrong_code(0), "hunter2"] {
            assert_eq!(renew(host, &alice, unfit), Err("WrongCode".to_owned()), "{unfit}");
        }
        let status = line.status("alice");
        assert_eq!((status.recovery_codes_left, status.failures), (9, 1));
        assert!(accepts(&line, "alice", &old[1]), "a recovery code was no proof, and not spent");

        let code = phone.fresh_code();
        let new = renew(host, &alice, &code).unwrap();
        assert!(!accepts(&line, "alice", &code));
        assert_eq!(line.status("alice").recovery_codes_left, 10);
        assert_eq!(line.status("alice").recovery_codes_used_at, [0; 0]);
        for dead in &old {
            assert!(!accepts(&line, "alice", dead), "{dead}");
        }
        assert_eq!(new.len(), 10);
        for code in &new {
            assert!(!old.contains(code));
            assert!(accepts(&line, "alice", code), "{code}");
        }
        assert_eq!(line.status("alice").recovery_codes_left, 0);

        // The same for a person, who is asked for a code and shown ten.
        let mut terminal = Terminal::start(&host.cli_command(&alice, &["codes", "renew"]));
        terminal.answer("Code from the app: ", &phone.fresh_code());
        let page = terminal.finish().expect_success("renew").stdout;
        assert!(page.contains("alice has new recovery codes; the old ones are dead."), "{page}");
        assert!(page.contains(" 10. "), "{page}");
        assert_eq!(line.status("alice").recovery_codes_left, 10);
    });
}

#[test]
fn who_has_no_authenticator_has_no_recovery_codes_to_renew() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        assert_eq!(renew(host, &alice, "123456"), Err("NotEnrolled".to_owned()));
        let text = host.cli(&alice, &["codes"]).expect_success("codes").stdout;
        assert_eq!(text, "alice has no authenticator, and no recovery codes without one.\n");
    });
}

#[test]
fn who_is_running_out_is_told_at_the_login_and_by_codes() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let Enrolled { phone, recovery_codes: codes } = host.enroll(&alice);
        let line = host.line();
        for left in (4..=9).rev() {
            let text = remark(&line, &codes[left]);
            assert_eq!(text, format!("Recovery code used up. {left} are left."));
        }
        let counted = || host.cli(&alice, &["codes"]).expect_success("codes").stdout;
        assert!(!counted().contains("That is few"), "{}", counted());

        // From three on, on the screen of whoever logs in.
        let sshd = host.sshd(FirstFactor::Password);
        let mut terminal = Terminal::start(&sshd.ssh(&alice, &["true"]));
        terminal.answer(PASSWORD_PROMPT, &alice.password);
        terminal.answer(CODE_PROMPT, &codes[3]);
        let shown = terminal.finish().expect_success("ssh").stdout;
        let few = "Only 3 are left: `twinlock codes renew` makes new ones.";
        assert!(shown.contains(few), "{shown}");
        assert!(counted().contains("That is few: `twinlock codes renew` makes ten"));
        let login = PamLogin::run("alice", OFFICE, &codes[2]);
        assert_eq!(login.code, ending::SUCCESS);
        assert!(login.shown.contains("Only 2 are left: `twinlock codes renew`"), "{login:?}");
        // Nor is it kept from who uses one at a command.
        let rename = ["rename", "phone", "mobile"];
        let outcome = host.cli_reading(&alice, &rename, &format!("{}\n", codes[1]));
        let outcome = outcome.expect_success("rename");
        let one = "Recovery codes left: 1. `twinlock codes renew` makes new ones.";
        assert!(outcome.stderr.contains(one), "{outcome:?}");
        let none = remark(&line, &codes[0]);
        assert!(none.contains("your last recovery code. `twinlock codes renew`"), "{none}");
        assert!(counted().starts_with("alice has 0 unused recovery codes.\n"), "{}", counted());

        // A code from the app says nothing of all that.
        assert_eq!(remark(&line, &phone.fresh_code()), "");
    });
}

#[test]
fn somebody_elses_recovery_code_is_refused_and_charged() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let alices = host.enroll(&alice).recovery_codes;
        let bobs = host.enroll(&bob);
        let line = host.line();
        for (failures, code) in (1..).zip(&alices[..5]) {
            assert!(!accepts(&line, "bob", code));
            assert_eq!(line.status("bob").failures, failures);
        }
        // Recovery codes are locked now, even the right ones; the app is not.
        let step = line.login("bob", &from_address(OFFICE), &bobs.recovery_codes[0]).unwrap();
        assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        assert!(accepts(&line, "bob", &bobs.phone.fresh_code()));
        assert_eq!(line.status("bob").recovery_codes_left, 10);
        // Nothing was taken from alice, nor held against her.
        let status = line.status("alice");
        assert_eq!((status.recovery_codes_left, status.failures), (10, 0));
        assert!(accepts(&line, "alice", &alices[0]));
    });
}

#[test]
fn a_spent_recovery_code_stays_spent_when_the_daemon_starts_anew() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let codes = host.enroll(&alice).recovery_codes;
        let line = host.line();
        for (left, (code, end)) in
            (8..=9).rev().zip(codes.iter().zip([Signal::SIGTERM, Signal::SIGKILL]))
        {
            assert!(accepts(&line, "alice", code));
            let before = host.daemon.pid();
            host.daemon.signal(end);
            while host.daemon.pid() == before {
                thread::sleep(std::time::Duration::from_millis(1));
            }
            assert!(!accepts(&line, "alice", code), "after {end}");
            assert_eq!(line.status("alice").recovery_codes_left, left, "after {end}");
        }
    });
}
