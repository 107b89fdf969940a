//! Every kind of code that an authenticator app or a hardware token makes is good here, once (I1,
//! I2): TOTP (RFC 6238) and HOTP (RFC 4226), held against oathtool's.

use std::time::Duration;

use twinlock_interface::Step;
use twinlock_tests::{
    Host, Phone, User, in_sandbox,
    login::{Line, PamLogin, ending, from_address},
    ssh::FirstFactor,
};

const OFFICE: &str = "192.0.2.10";

fn accepts(line: &Line, code: &str) -> bool {
    matches!(line.login("alice", &from_address(OFFICE), code).unwrap(), Step::Accept { .. })
}

/// Enrols alice with a key of each kind after the other, and logs in with it.
fn every_kind_with(host: &Host, algorithm: &str) {
    host.settable_clock();
    let (alice, root) = (host.user("alice"), host.root());
    // It keeps the recovery codes, which take long to make, while others come and go.
    let first = host.enroll(&alice).phone;
    let line = host.line();
    for digits in ["6", "7", "8"] {
        let form = ["alice", "--name", "new", "--algorithm", algorithm, "--digits", digits];
        let periods = ["15", "30", "60", "300"].map(|seconds| ["--period", seconds]);
        for kind in periods.into_iter().chain([["--kind", "hotp"]]) {
            // root needs no proof, and is not limited to so many calls a minute.
            let phone = host.enroll_with(&root, &[&form[..], &kind].concat(), None).phone;
            assert!(!accepts(&line, &phone.spent_code()), "{kind:?}: it confirmed");
            let code = phone.fresh_code();
            assert_eq!(code.len().to_string(), digits);
            assert!(accepts(&line, &code), "{algorithm} {digits} {kind:?}: {code}");
            assert!(!accepts(&line, &code), "{algorithm} {digits} {kind:?}");
            let login = PamLogin::run("alice", OFFICE, &phone.fresh_code());
            assert_eq!(login.code, ending::SUCCESS, "{algorithm} {digits} {kind:?}");
            let remove = ["remove", "--authenticator", "new", "alice"];
            let code = first.fresh_code() + "\n";
            host.cli_reading(&root, &remove, &code).expect_success("remove");
        }
    }
    // Nothing was taken for a wrong code on the way.
    assert_eq!(line.status("alice").failures, 0);
}

#[test]
fn every_kind_of_code_with_sha1_logs_in_once() {
    in_sandbox(|host| every_kind_with(host, "sha1"));
}

#[test]
fn every_kind_of_code_with_sha256_logs_in_once() {
    in_sandbox(|host| every_kind_with(host, "sha256"));
}

#[test]
fn every_kind_of_code_with_sha512_logs_in_once() {
    in_sandbox(|host| every_kind_with(host, "sha512"));
}

#[test]
fn a_kind_that_nobody_can_mean_is_refused_and_begins_nothing() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        for (options, reason) in [
            (&["--digits", "5"][..], "6 to 8 digits"),
            (&["--digits", "9"], "6 to 8 digits"),
            (&["--period", "14"], "15 to 300"),
            (&["--period", "301"], "15 to 300"),
            (&["--period", "0"], "15 to 300"),
            (&["--kind", "hotp", "--period", "30"], "an authenticator that counts"),
        ] {
            let refused = host.cli(&alice, &[&["enroll", "--json"], options].concat());
            assert_eq!(refused.error_name(), "InvalidArgument", "{options:?}");
            assert!(refused.stderr.contains(reason), "{options:?}: {}", refused.stderr);
            assert_eq!(refused.stdout, "");
        }
        assert_eq!(host.status(&alice)["state"], "off");
    });
}

#[test]
fn a_code_of_another_length_is_not_cut_to_fit() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let eight = host.enroll_with(&alice, &["--digits", "8"], None).phone;
        let line = host.line();
        // HOTP values of fewer digits are the last ones of the longer (RFC 4226 5.3).
        let code = eight.fresh_code();
        for cut in [&code[1..], &code[2..], &code[..7], &code[..6]] {
            assert!(!accepts(&line, cut), "{cut} of {code}");
        }
        assert!(accepts(&line, &code));
    });
}

#[test]
fn the_window_of_a_long_time_step_is_one_step_too() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll_with(&alice, &["--period", "300"], None).phone;
        let line = host.line();
        // The first seconds of a step, so that the window stays where it is.
        host.clock.advance(Duration::from_secs(900 + 300 - host.clock.now() % 300));
        let now = phone.step();
        for outside in [now - 2, now + 2] {
            assert!(!accepts(&line, &phone.code_at(outside)));
        }
        for inside in now - 1..=now + 1 {
            assert!(accepts(&line, &phone.code_at(inside)), "{}", inside.abs_diff(now));
        }
        assert_eq!(phone.step(), now, "the test took too long");
    });
}

/// alice with a hardware token, which has been used once.
fn alice_with_a_token(host: &Host) -> (User, Phone) {
    let alice = host.user("alice");
    // Beside those that a token is tried with, wrong codes are charged.
    host.settings("[lock]\nafter = 100\n");
    let token = host.enroll_with(&alice, &["--kind", "hotp"], None).phone;
    (alice, token)
}

#[test]
fn each_counter_of_a_token_logs_in_once_and_none_before_it_any_more() {
    in_sandbox(|host| {
        let (alice, token) = alice_with_a_token(host);
        let sshd = host.sshd(FirstFactor::Password);
        let line = host.line();
        assert!(!accepts(&line, &token.spent_code()), "it confirmed the enrolment");
        assert!(sshd.lets_in(&alice, &token.fresh_code()));
        let mut used = vec![token.spent_code()];
        for _ in 0..5 {
            used.push(token.fresh_code());
            assert!(accepts(&line, used.last().unwrap()));
            for code in &used {
                assert!(!accepts(&line, code));
            }
        }
        // What the button was pressed for in vain is over, too.
        token.press(1);
        let skipped = token.spent_code();
        assert!(accepts(&line, &token.fresh_code()));
        assert!(!accepts(&line, &skipped));
        host.daemon.kill();
        assert!(!accepts(&line, &token.spent_code()), "after a restart");
        assert!(accepts(&line, &token.fresh_code()));
    });
}

#[test]
fn ten_codes_from_the_next_one_on_are_looked_at_and_the_eleventh_is_not() {
    in_sandbox(|host| {
        let (_, token) = alice_with_a_token(host);
        let line = host.line();
        for pressed in [0, 1, 9] {
            token.press(pressed);
            assert!(accepts(&line, &token.fresh_code()), "pressed {pressed} times in vain");
        }
        token.press(10);
        assert!(!accepts(&line, &token.fresh_code()));

        host.settings("look_ahead = 2\n[lock]\nafter = 100\n");
        // The next one is the second of two in a row, which counts whatever the setting.
        assert!(accepts(&line, &token.fresh_code()));
        token.press(1);
        assert!(accepts(&line, &token.fresh_code()));
        token.press(2);
        assert!(!accepts(&line, &token.fresh_code()));
    });
}

#[test]
fn a_token_far_ahead_is_found_again_by_two_codes_in_a_row() {
    in_sandbox(|host| {
        let (_, token) = alice_with_a_token(host);
        let line = host.line();
        let refused = |code: &str| {
            let step = line.login("alice", &from_address(OFFICE), code).unwrap();
            matches!(step, Step::Refuse { .. })
        };
        token.press(30);
        let first = token.fresh_code();
        assert!(refused(&first), "one alone is not enough");
        assert!(refused(&first), "nor is the same one twice");
        assert_eq!(line.status("alice").failures, 2, "and each was charged");
        token.press(1);
        assert!(refused(&token.fresh_code()), "nor are two with a gap");
        // Somebody else's guesses in between do not spoil it.
        assert!(refused("1234567"));
        let second = token.fresh_code();
        assert!(accepts(&line, &second));
        assert!(!accepts(&line, &second));
        assert!(!accepts(&line, &first));
        assert!(accepts(&line, &token.fresh_code()), "in step again");

        // Through libpam, and with a daemon that dies in between.
        token.press(98);
        let first = PamLogin::run("alice", OFFICE, &token.fresh_code());
        assert_eq!(first.code, ending::AUTH_ERR);
        host.daemon.kill();
        let second = PamLogin::run("alice", OFFICE, &token.fresh_code());
        assert_eq!(second.code, ending::SUCCESS);

        // A hundred are looked at, and no more.
        token.press(100);
        assert!(refused(&token.fresh_code()));
        assert!(refused(&token.fresh_code()));
    });
}

#[test]
fn a_token_is_not_found_again_by_guessing_while_locked() {
    in_sandbox(|host| {
        let (_, token) = alice_with_a_token(host);
        let line = host.line();
        token.press(30);
        assert!(!accepts(&line, &token.fresh_code()));
        // One more wrong code closes the lane.
        host.settings("[lock]\nafter = 2\n");
        assert!(!accepts(&line, "1234567"));
        let step = line.login("alice", &from_address(OFFICE), &token.fresh_code()).unwrap();
        assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        line.unlock("alice");
        // Neither compared nor spent.
        assert!(accepts(&line, &token.spent_code()));
    });
}
