//! The filter for fail2ban finds the address that a wrong code came from, and no other.

use std::fs;

use twinlock_interface::LoginContext;
use twinlock_tests::{
    command::{as_root, run},
    in_sandbox,
    login::from_address,
};

use crate::{
    forgery::BAD,
    line,
    scene::{FAR, OFFICE, Scene, WRONG, WRONG_TICKET},
};

const FILTER: &str = "/etc/fail2ban/filter.d/twinlock.conf";
const FILE: &str = "/root/auth.log";
/// Beginnings of a line: rsyslog's old one, which is journald's short one, too, and its new one. Of the past:
/// fail2ban waits with what is to come.
const STAMPS: [&str; 2] = ["Nov 20 17:56:55 host ", "2020-11-20T17:56:55.123456+01:00 host "];
/// As fail2ban itself takes them: from a file, and from the journal.
const KINDS: [&str; 2] = ["", "[logtype=journal]"];

/// The addresses that the filter finds in lines of the system log, one for each line it matches.
fn found(lines: &[&str], stamp: &str, kind: &str) -> Vec<String> {
    let text: String =
        lines.iter().map(|line| format!("{stamp}{}\n", line.split_once('>').unwrap().1)).collect();
    fs::write(FILE, text).unwrap();
    let filter = format!("{FILTER}{kind}");
    let outcome =
        run(as_root("fail2ban-regex").args(["--usedns=no", "--out", "<ip>", FILE, &filter]), "");
    assert!(!outcome.stdout.contains("ERROR") && outcome.stderr.is_empty(), "{outcome:?}");
    outcome.stdout.lines().map(str::to_owned).collect()
}

/// Lines of the daemon's own.
fn lines(scene: &Scene<'_>) -> Vec<String> {
    let _ = scene.left();
    let all = scene.host.syslog.lines();
    let own = all.into_iter().filter(|line| line.contains("twinlockd[") && !line.contains("fence"));
    own.collect()
}

#[test]
fn wrong_codes_and_unknown_names_are_found_with_the_address_they_came_from() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let _ = host.user("bob");
        let from = |address: &str, user: &str, answer: &str| {
            let _ = scene.sshd.login(user, &from_address(address), answer).unwrap();
        };
        from(FAR, "alice", WRONG);
        from("2001:db8::7", "bob", WRONG);
        from(OFFICE, "nosuch", WRONG_TICKET);
        (0..4).for_each(|_| from(FAR, "alice", WRONG));
        from(FAR, "alice", &alices.phone.fresh_code());
        for user in BAD {
            from("198.51.100.7", user, WRONG);
        }
        let lines = lines(&scene);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let mut expected = vec![FAR, "2001:db8::7", OFFICE];
        expected.extend([FAR; 5]);
        expected.extend(["198.51.100.7"; BAD.len()]);
        for stamp in STAMPS {
            for kind in KINDS {
                assert_eq!(found(&lines, stamp, kind), expected, "{stamp:?} {kind:?}");
            }
        }
    });
}

#[test]
fn nobody_is_banned_by_what_somebody_else_chose_or_for_a_right_code() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (alice, alices) = scene.enrolled("alice");
        let code = alices.phone.fresh_code();
        for answer in [&code, &code, &"".to_owned(), &alices.recovery_codes[0]] {
            let _ = scene.sshd.login("alice", &from_address(FAR), answer).unwrap();
        }
        // An address that is none, or more than one.
        for rhost in BAD {
            let _ = scene.sshd.login("alice", &from_address(rhost), WRONG).unwrap();
        }
        for rhost in ["", "UNKNOWN", "host.example.org", "198.51.100.66 198.51.100.67"] {
            let _ = scene.sshd.login("nosuch", &from_address(rhost), WRONG).unwrap();
        }
        // A program of somebody's own may say what it likes.
        let (bob, _) = scene.enrolled("bob");
        let bobs = host.caller(bob.uid);
        for service in BAD {
            let from = LoginContext { service: Some(service.to_owned()), ..from_address(FAR) };
            let (session, _) = bobs.begin_login("bob", &from).unwrap();
            let _ = bobs.answer_login(&session, WRONG);
            let _ = bobs.begin_login(service, &from).unwrap_err();
        }
        let _ = host.caller(alice.uid).confirm_enrollment("alice", WRONG).unwrap_err();
        let lines = lines(&scene);
        let wrong = lines.iter().filter_map(|line| line::read(line));
        assert!(wrong.filter(|told| told.reason == "wrong-code").count() > BAD.len());
        let mut lines: Vec<_> = lines.iter().map(String::as_str).collect();
        // To see that the filter looks at all.
        let _ = scene.sshd.login("nosuch", &from_address(OFFICE), WRONG).unwrap();
        let found_one = host.syslog.expect(&format!("rhost=\"{OFFICE}\""));
        lines.push(&found_one);
        for stamp in STAMPS {
            for kind in KINDS {
                assert_eq!(found(&lines, stamp, kind), [OFFICE], "{stamp:?} {kind:?}");
            }
        }
    });
}
