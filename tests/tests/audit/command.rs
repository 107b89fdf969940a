//! `twinlock audit` tells what happened, to those who may know.

use std::time::Duration;

use serde_json::Value;
use twinlock_interface::LoginContext;
use twinlock_tests::{
    Host, Terminal,
    command::{as_root, run},
    in_sandbox,
    login::from_address,
};

use crate::{
    forgery::BAD,
    scene::{FAR, OFFICE, Scene, WRONG},
};

const HOUR: Duration = Duration::from_secs(3600);

/// What it tells root, an object a line.
fn told(host: &Host, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["audit", "--json"], arguments].concat();
    let outcome = host.cli(&host.root(), &arguments).expect_success("audit");
    assert_eq!(outcome.stderr, "");
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same, each in a few words.
fn words(host: &Host, arguments: &[&str]) -> Vec<String> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
    let brief = |event: &Value| {
        ["action", "reason", "user", "service"].map(|key| text(event, key)).join(" ")
    };
    told(host, arguments).iter().map(brief).filter(|words| !words.contains("fence-")).collect()
}

#[test]
fn filters_choose_by_account_action_outcome_and_service_and_all_of_them_count() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let _ = host.user("bob");
        let sudo = LoginContext { service: Some("sudo".to_owned()), ..from_address(OFFICE) };
        let code = alices.phone.fresh_code();
        for (user, from, answer) in [
            ("alice", &from_address(OFFICE), code.as_str()),
            ("alice", &sudo, WRONG),
            ("bob", &sudo, WRONG),
            ("alic", &from_address(FAR), WRONG),
        ] {
            let _ = scene.sshd.login(user, from, answer).unwrap();
        }
        scene.sshd.unlock("alice");
        let login =
            |reason: &str, user: &str, service: &str| format!("login {reason} {user} {service}");
        let all = [
            login("otp", "alice", "sshd"),
            login("wrong-code", "alice", "sudo"),
            login("not-enrolled", "bob", "sudo"),
            login("unknown-name", "alic", "sshd"),
            "unlock - alice ".to_owned(),
        ];
        let [otp, wrong, bobs, unknown, unlock] = &all;
        for (arguments, expected) in [
            (&["--action", "login"][..], vec![otp, wrong, bobs, unknown]),
            (&["--action", "unlock"], vec![unlock]),
            (&["--user", "bob"], vec![bobs]),
            // A name, and no part of one.
            (&["--user", "alic"], vec![unknown]),
            (&["--user", "alice", "--action", "login"], vec![otp, wrong]),
            (&["--outcome", "accepted"], vec![otp]),
            (&["--outcome", "refused"], vec![wrong, bobs, unknown]),
            (&["--outcome", "throttled"], vec![]),
            (&["--service", "sudo"], vec![wrong, bobs]),
            (&["--service", "sudo", "--outcome", "refused", "--user", "alice"], vec![wrong]),
            (&["--service", "sudo", "--outcome", "accepted"], vec![]),
            (&["--user", "' OR 1=1 --"], vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().cloned().collect();
            assert_eq!(words(host, arguments), expected, "{arguments:?}");
        }
        let mistyped = host.cli(&host.root(), &["audit", "--outcome", "denied"]);
        assert_eq!(mistyped.status.code(), Some(2), "{mistyped:?}");
    });
}

#[test]
fn since_counts_from_its_second_on_and_until_up_to_the_one_before() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        let mut times = Vec::new();
        for _ in 0..3 {
            let _ = scene.login("alice", WRONG);
            times.push(scene.rows(0).last().unwrap().at);
            host.clock.advance(HOUR * 24);
        }
        let is_told = |arguments: &[&str]| -> Vec<u64> {
            let told = told(host, &[&["--user", "alice"], arguments].concat());
            told.iter().map(|event| event["at"].as_u64().unwrap()).collect()
        };
        let written = |time: u64| {
            let date = format!("--date=@{time}");
            let date = run(as_root("date").args(["--utc", &date, "+%Y-%m-%dT%H:%M:%SZ"]), "");
            date.expect_success("date").stdout.trim().to_owned()
        };
        let [first, second, third] = times[..] else { unreachable!() };
        assert_eq!(is_told(&[]), times);
        for (arguments, expected) in [
            (["--since", "25h"], &times[2..]),
            (["--since", "23h"], &[]),
            (["--since", "49h"], &times[1..]),
            (["--since", "3000m"], &times[1..]),
            (["--since", "7d"], &times[..]),
            (["--until", "25h"], &times[..2]),
            (["--until", "1w"], &[]),
            (["--since", &written(second)], &times[1..]),
            (["--since", &written(second + 1)], &times[2..]),
            (["--until", &written(second)], &times[..1]),
            (["--until", &written(second + 1)], &times[..2]),
            (["--since", &written(third + 1)], &[]),
        ] {
            assert_eq!(is_told(&arguments), expected, "{arguments:?}");
        }
        let between = ["--since", &written(first), "--until", &written(third)];
        assert_eq!(is_told(&between), times[..2]);
        for impossible in ["yesterday", "2030-02-30", "-5m", "2030-01-31T25:00:00Z"] {
            let since = format!("--since={impossible}");
            let outcome = host.cli(&host.root(), &["audit", &since]);
            assert_eq!(outcome.status.code(), Some(2), "{outcome:?}");
        }
    });
}

#[test]
fn the_newest_are_told_oldest_first_however_many_pages_they_take() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        for nth in 0..260 {
            let _ = scene.sshd.answer(&format!("{nth:032x}"), "").unwrap_err();
        }
        let _ = scene.login("alice", WRONG);
        let all: Vec<_> = scene.rows(0).iter().map(|row| row.id).collect();
        let ids = |arguments: &[&str]| -> Vec<u64> {
            let told = told(host, arguments);
            told.iter().map(|event| event["id"].as_u64().unwrap()).collect()
        };
        assert_eq!(all.len(), 261);
        assert_eq!(ids(&[]), all[all.len() - 50..]);
        for limit in [0, 1, 99, 100, 101, 200, 250, 261, 262, 100_000] {
            let expected = &all[all.len().saturating_sub(limit)..];
            assert_eq!(ids(&["--limit", &limit.to_string()]), expected, "{limit}");
        }
        // A filter counts what it lets through.
        let filtered = ids(&["--limit", "150", "--action", "login", "--outcome", "refused"]);
        assert_eq!(filtered, all[all.len() - 150..]);
        assert_eq!(ids(&["--limit", "150", "--user", "alice"]), all[260..]);
    });
}

#[test]
fn an_object_has_every_key_and_a_line_for_people_all_that_is_known() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        let from = LoginContext { ruser: Some("bob".to_owned()), ..from_address(OFFICE) };
        let _ = scene.sshd.login("alice", &from, WRONG).unwrap();
        let row = scene.rows(0).pop().unwrap();
        let [event] = &told(host, &["--user", "alice"])[..] else { panic!("not one") };
        let expected = serde_json::json!({
            "id": row.id, "at": row.at, "action": "login", "outcome": "refused",
            "reason": "not-enrolled", "user": "alice", "uid": 1000, "caller": 0,
            "service": "sshd", "rhost": OFFICE, "tty": "ssh", "ruser": "bob", "details": "",
        });
        assert_eq!(*event, expected);
        let _ = scene.login("nosuch", WRONG);
        let [event] = &told(host, &["--user", "nosuch"])[..] else { panic!("not one") };
        assert_eq!((&event["uid"], &event["rhost"]), (&Value::Null, &FAR.into()));

        let text = host.cli(&host.root(), &["audit", "--user", "alice"]).expect_success("audit");
        let words: Vec<_> = text.stdout.split_whitespace().collect();
        let [_day, _time, told @ ..] = &words[..] else { panic!("{text:?}") };
        let expected = [
            "login",
            "refused",
            "alice",
            "not-enrolled",
            "service=sshd",
            "rhost=192.0.2.10",
            "tty=ssh",
            "ruser=bob",
        ];
        assert_eq!(*told, expected, "{text:?}");
        // Whoever acted for themselves is told by uid.
        let bob = host.user("bob");
        let _ = host.caller(bob.uid).status("alice").unwrap_err();
        let text = host.cli(&host.root(), &["audit", "--limit", "1"]).expect_success("audit");
        assert!(text.stdout.trim_end().ends_with("not-authorized caller=1001"), "{text:?}");
        let none = host.cli(&host.root(), &["audit", "--user", "x"]).expect_success("audit");
        assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "There is no such event.\n"));
        assert_eq!(told_to_scripts(host), "");
    });
}

/// What a script is told where there is nothing: nothing.
fn told_to_scripts(host: &Host) -> String {
    let outcome = host.cli(&host.root(), &["audit", "--user", "x", "--json"]);
    let outcome = outcome.expect_success("audit");
    outcome.stdout + &outcome.stderr
}

#[test]
fn nothing_in_an_event_drives_the_terminal_or_looks_like_another_event() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        for bad in BAD {
            let text = || Some(bad.to_owned());
            let from = LoginContext { rhost: text(), ruser: text(), ..from_address(FAR) };
            let _ = scene.sshd.login(bad, &from, WRONG).unwrap();
        }
        for arguments in [&["audit"][..], &["audit", "--json"]] {
            let screen = Terminal::start(&host.cli_command(&host.root(), arguments));
            let shown = screen.finish().expect_success("audit").stdout;
            let lines: Vec<_> = shown.lines().collect();
            assert_eq!(lines.len(), BAD.len(), "{shown}");
            for (line, bad) in lines.iter().zip(BAD) {
                let is_wild = |c: char| {
                    c.is_control()
                        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                        | '\u{2066}'..='\u{2069}')
                };
                if arguments.len() == 1 {
                    assert!(!line.contains(is_wild), "{line:?}");
                    assert!(line.contains("unknown-name"), "{line}");
                } else {
                    assert!(!line.contains(char::is_control), "{line:?}");
                    let event: Value = serde_json::from_str(line).unwrap();
                    assert_eq!(event["user"], bad);
                }
            }
        }
        // And it can be asked about by name.
        for bad in BAD {
            assert_eq!(told(host, &["--user", bad]).len(), 1, "{bad:?}");
        }
    });
}

#[test]
fn whoever_is_not_root_is_refused_with_a_word_what_to_do() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let refused = host.cli(&alice, &["audit"]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert_eq!(refused.stdout, "");
        assert!(refused.stderr.contains("sudo"), "{refused:?}");
        for arguments in [&["audit", "--json"][..], &["audit", "--json", "--follow"]] {
            let refused = host.cli(&alice, arguments).expect_failure("audit by alice");
            assert_eq!(refused.error_name(), "NotAuthorized");
        }
        // Not about themselves either: the log tells of others' addresses too.
        let own = host.cli(&alice, &["audit", "--user", "alice", "--json"]);
        assert_eq!(own.error_name(), "NotAuthorized");
    });
}
