//! How many wrong codes an account takes is a profile of the policy, and what is closed is told to those
//! whom it concerns (I6, I7, I20).

use std::time::Duration;

use serde_json::json;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, Terminal, in_sandbox,
    login::{Line, PamLogin, ending, from_address},
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT},
};

const OFFICE: &str = "192.0.2.10";
const STRANGER: &str = "203.0.113.66";
/// Seven digits where the phone shows six.
const WRONG: &str = "1234567";

const MINUTE: Duration = Duration::from_secs(60);
/// More than the time that passes while a test looks on.
const MARGIN: Duration = Duration::from_secs(10);

fn step(line: &Line, from: &str, code: &str) -> Step {
    line.login("alice", &from_address(from), code).unwrap()
}

/// How many wrong codes are looked at until one is not.
fn until_locked(line: &Line, from: &str) -> usize {
    let refused = |_: &usize| matches!(step(line, from, WRONG), Step::Refuse { .. });
    (0..200).take_while(refused).count()
}

fn set_profile(host: &Host, name: &str) {
    host.cli(&host.root(), &["policy", "profile", name]).expect_success(name);
}

#[test]
fn each_profile_locks_as_often_and_as_long_as_its_standard_says() {
    // Failures, minutes of the first lock, whether the second is longer.
    let profiles = [
        ("default", 5, Some((15, true))),
        ("cis", 5, Some((15, false))),
        ("pci", 10, Some((30, true))),
        ("stig", 3, None),
    ];
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        for (name, failures, lock) in profiles {
            set_profile(host, name);
            line.unlock("alice");
            assert_eq!(until_locked(&line, STRANGER), failures, "{name}");
            let Some((minutes, doubles)) = lock else {
                host.clock.advance(48 * 60 * MINUTE);
                let Step::Wait { text } = step(&line, STRANGER, &phone.fresh_code()) else {
                    panic!("{name} opened by itself");
                };
                assert!(text.contains("until an administrator unlocks"), "{text}");
                continue;
            };
            host.clock.advance(minutes * MINUTE - MARGIN);
            let early = step(&line, STRANGER, &phone.fresh_code());
            assert!(matches!(early, Step::Wait { .. }), "{name}: {early:?}");
            host.clock.advance(2 * MARGIN);
            assert_eq!(until_locked(&line, STRANGER), failures, "{name}, again");
            host.clock.advance(minutes * MINUTE + MARGIN);
            let second = step(&line, STRANGER, WRONG);
            assert_eq!(matches!(second, Step::Wait { .. }), doubles, "{name}: {second:?}");
            host.clock.advance(minutes * MINUTE);
            let opened = step(&line, STRANGER, &phone.fresh_code());
            assert!(matches!(opened, Step::Accept { .. }), "{name}: {opened:?}");
        }
    });
}

#[test]
fn a_line_in_the_settings_replaces_a_default_and_softens_no_profile() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _ = host.enroll(&alice);
        let line = host.line();
        host.settings("[lock]\nafter = 7\n");
        for (profile, failures) in [("default", 7), ("cis", 5), ("pci", 7), ("stig", 3)] {
            set_profile(host, profile);
            line.unlock("alice");
            assert_eq!(until_locked(&line, STRANGER), failures, "{profile}");
        }
    });
}

#[test]
fn a_profile_outlives_the_daemon_and_a_mistyped_one_changes_nothing() {
    in_sandbox(|host| {
        set_profile(host, "stig");
        for wrong in ["STIG", "none", ""] {
            host.cli(&host.root(), &["policy", "profile", wrong]).expect_failure(wrong);
        }
        host.daemon.kill();
        let shown = host.cli(&host.root(), &["policy", "profile", "--json"]).expect_success("show");
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        assert_eq!(shown["profile"], "stig", "{shown}");
        assert_eq!(shown["close_after"], 3, "{shown}");
    });
}

/// The promise to the person whose account somebody else is after.
#[test]
fn a_flood_of_wrong_codes_from_200_addresses_keeps_nobody_out_where_they_are_known() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let sshd = host.sshd(FirstFactor::Password);
        // From where sshd sees her from now on.
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
        let line = host.line();
        for nth in 0..200 {
            let from = format!("203.0.113.{nth}");
            for _ in 0..5 {
                let wrong = step(&line, &from, WRONG);
                assert!(matches!(wrong, Step::Refuse { .. } | Step::Wait { .. }), "{wrong:?}");
            }
            if nth % 40 == 39 {
                host.clock.advance(20 * MINUTE);
                assert!(sshd.lets_in(&alice, &phone.fresh_code()), "after {nth} addresses");
            }
        }
        // What it could close, it has.
        let stranger = step(&line, STRANGER, &phone.fresh_code());
        assert!(matches!(stranger, Step::Wait { .. }), "{stranger:?}");
    });
}

#[test]
fn who_gives_a_right_code_is_told_of_a_lock_elsewhere_and_nobody_else_is() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        assert!(matches!(step(&line, OFFICE, &phone.fresh_code()), Step::Accept { .. }));
        let remark = |step: Step| match step {
            Step::Accept { text } | Step::Refuse { text } => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(remark(step(&line, OFFICE, &phone.fresh_code())), "");
        assert_eq!(until_locked(&line, STRANGER), 5);
        let told = remark(step(&line, OFFICE, &phone.fresh_code()));
        assert!(told.contains("from unknown addresses are refused for 15 minutes"), "{told}");
        assert!(!remark(step(&line, OFFICE, WRONG)).contains("unknown addresses"));
        // Through a whole stack it is on the screen.
        let shown = PamLogin::run("alice", OFFICE, &phone.fresh_code());
        assert_eq!(shown.code, ending::SUCCESS, "{shown:?}");
        assert!(shown.shown.contains("from unknown addresses"), "{shown:?}");
        line.unlock("alice");
        assert_eq!(remark(step(&line, OFFICE, &phone.fresh_code())), "");
    });
}

#[test]
fn with_ssh_the_remark_is_on_the_screen() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let sshd = host.sshd(FirstFactor::Password);
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
        assert_eq!(until_locked(&host.line(), STRANGER), 5);
        let mut ssh = Terminal::start(&sshd.ssh(&alice, &["id", "-un"]));
        ssh.answer(PASSWORD_PROMPT, &alice.password);
        ssh.answer(CODE_PROMPT, &phone.fresh_code());
        let outcome = ssh.finish().expect_success("a right code");
        assert!(outcome.stdout.contains("from unknown addresses are refused"), "{outcome:?}");
    });
}

#[test]
fn status_names_the_lane_that_is_closed_and_until_when_to_root_and_to_the_person() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        assert!(matches!(step(&line, OFFICE, &phone.fresh_code()), Step::Accept { .. }));
        assert_eq!(host.status(&alice)["locks"], json!([]));
        assert_eq!(until_locked(&line, STRANGER), 5);
        assert_eq!(until_locked(&line, OFFICE), 5);
        for person in [&alice, &host.root()] {
            let status = host.cli(person, &["status", "--json", "alice"]).expect_success("status");
            let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
            let locks = status["locks"].as_array().unwrap();
            let lanes: Vec<_> = locks.iter().map(|lock| lock["lane"].as_str().unwrap()).collect();
            assert_eq!(lanes.len(), 2, "{status}");
            assert!(lanes.contains(&"unknown") && lanes.contains(&OFFICE), "{status}");
            for lock in locks {
                assert_eq!(lock["failures"], 5, "{status}");
                let left = lock["until"].as_u64().unwrap() - host.clock.now();
                assert!((14 * 60..=15 * 60).contains(&left), "{left} s: {status}");
            }
            let words = host.cli(person, &["status", "alice"]).expect_success("status").stdout;
            assert!(words.contains(OFFICE), "{words}");
        }
        host.cli(&bob, &["status", "alice"]).expect_failure("somebody else's");
        host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
        assert_eq!(host.status(&alice)["locks"], json!([]));
    });
}
