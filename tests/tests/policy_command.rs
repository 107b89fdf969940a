//! `twinlock policy`: what is asked for is what is in force afterwards, whole or not at all, and nobody
//! shuts themselves out without saying so (I9, I12).

use std::fs;

use serde_json::{Value, json};
use twinlock_tests::{Host, Outcome, in_sandbox, readme};

fn policy(host: &Host, words: &[&str]) -> Outcome {
    host.cli(&host.root(), &[&["policy"], words].concat())
}

fn shown(host: &Host) -> Value {
    let shown = policy(host, &["list", "--json"]).expect_success("list");
    serde_json::from_str(&shown.stdout).unwrap()
}

fn rules(host: &Host) -> Vec<Value> {
    shown(host)["rules"].as_array().unwrap().clone()
}

fn level(host: &Host, user: &str, about: &[&str]) -> String {
    let explained = policy(host, &[&["explain", user, "--json"], about].concat());
    let explained: Value =
        serde_json::from_str(&explained.expect_success("explain").stdout).unwrap();
    explained["level"].as_str().unwrap().to_owned()
}

/// Changes that are about other things than one's own way in say so.
const ANYWAY: &str = "--even-if-locked-out";

#[test]
fn without_rules_a_code_is_required_of_everybody() {
    in_sandbox(|host| {
        let _alice = host.user("alice");
        assert_eq!(shown(host)["rules"], json!([]));
        assert_eq!(level(host, "alice", &["--service", "anything"]), "required");
        let list = policy(host, &["list"]).expect_success("list").stdout;
        assert!(list.contains("everyone") && list.contains("required"), "{list}");
    });
}

#[test]
fn a_rule_is_kept_as_it_was_asked_for_with_who_made_it_and_when() {
    in_sandbox(|host| {
        let _alice = host.user("alice");
        let before = host.clock.now();
        policy(
            host,
            &[
                "require",
                "--user",
                "alice",
                "--service",
                "sshd",
                "--service",
                "sudo",
                "--from",
                "192.0.2.0/24",
                "--from",
                "local",
                "--remember",
                "30m",
                "--reason",
                "because \"so\"",
                "--message",
                "Call 4711.",
                "--enroll-until",
                "7d",
                ANYWAY,
            ],
        )
        .expect_success("require");
        policy(
            host,
            &[
                "exempt",
                "--user",
                "alice",
                "--service",
                "backup",
                "--until",
                "2031-01-31T12:00:00Z",
                "--reason",
                "robot",
            ],
        )
        .expect_success("exempt");
        policy(host, &["optional", "--group", "users"]).expect_success("optional");
        let rules = rules(host);
        assert_eq!(rules.len(), 3);
        let [required, exempt, optional] = [&rules[0], &rules[1], &rules[2]];
        assert_eq!(required["services"], json!(["sshd", "sudo"]));
        assert_eq!(required["from"], json!(["192.0.2.0/24", "local"]));
        assert_eq!(required["remember_minutes"], 30);
        assert_eq!(required["reason"], "because \"so\"");
        assert_eq!(required["message"], "Call 4711.");
        assert_eq!(required["author"], "root");
        let window = required["enroll_until"].as_u64().unwrap() - before;
        assert!(window.abs_diff(7 * 24 * 3600) < 120, "{window}");
        assert!(required["created_at"].as_u64().unwrap() >= before);
        // 2031-01-31 12:00:00 UTC.
        assert_eq!(exempt["until"], 1_927_627_200_u64, "{exempt}");
        assert_eq!((&optional["scope"], &optional["name"]), (&json!("group"), &json!("users")));
        host.daemon.kill();
        assert_eq!(self::rules(host), rules, "after a restart");
        assert_eq!(level(host, "alice", &["--service", "backup"]), "exempt");
        assert_eq!(level(host, "alice", &["--service", "sshd", "--from", "192.0.2.9"]), "required");
        // Numbers never come back.
        policy(host, &["remove", "3", "1", ANYWAY]).expect_success("remove");
        policy(host, &["optional", "--everyone"]).expect_success("optional");
        let ids: Vec<_> = self::rules(host).iter().map(|rule| rule["id"].clone()).collect();
        assert_eq!(ids, [json!(2), json!(4)]);
    });
}

#[test]
fn what_cannot_be_is_refused_with_a_reason_and_changes_nothing() {
    in_sandbox(|host| {
        let _alice = host.user("alice");
        policy(host, &["optional", "--everyone"]).expect_success("something to lose");
        let before = shown(host);
        for (words, because) in [
            (&["require", "--user", "alcie"][..], "alcie"),
            (&["require", "--group", "whel"], "whel"),
            (&["optional", "--everyone", "--from", "10.0.0.7/8"], "10.0.0.0/8"),
            (&["optional", "--everyone", "--from", "example.org"], "example.org"),
            (&["require", "--everyone", "--enroll-until", "91d"], "90 days"),
            (&["optional", "--everyone", "--service", "SSHD"], "SSHD"),
            (&["exempt", "--user", "alice", "--until", "7d"], "--reason"),
            (&["exempt", "--user", "alice", "--reason", "x"], "--until"),
            (&["require", "--everyone", "--remember", "30m"], "--service"),
            (&["require", "--everyone", "--user", "alice"], "--everyone"),
            (&["remove", "99"], "99"),
            (&["profile", "lax"], "lax"),
        ] {
            let refused = policy(host, words).expect_failure(&format!("{words:?}"));
            assert!(refused.stderr.contains(because), "{words:?}: {}", refused.stderr);
        }
        assert_eq!(shown(host), before);
        // A name that is yet to come, for those who know.
        policy(host, &["optional", "--user", "alcie", "--unknown-names"]).expect_success("meant");
    });
}

#[test]
fn nobody_takes_their_own_way_in_by_mistake() {
    in_sandbox(|host| {
        let root = host.root();
        policy(host, &["optional", "--everyone"]).expect_success("optional");
        let before = shown(host);
        for words in [
            &["require", "--everyone", "--no-enroll"][..],
            &["require", "--user", "root", "--service", "sshd", "--no-enroll"],
            &["remove", "1"],
        ] {
            let refused = policy(host, &[words, &["--json"]].concat());
            assert_eq!(refused.error_name(), "WouldLockOut", "{words:?}");
            let words_for_people = policy(host, words).expect_failure("a way in").stderr;
            assert!(words_for_people.contains("root"), "{words_for_people}");
            assert!(words_for_people.contains(ANYWAY), "{words_for_people}");
        }
        assert_eq!(shown(host), before);
        // With a window, or an authenticator, there is one.
        policy(host, &["require", "--everyone", "--dry-run"]).expect_success("a window");
        assert_eq!(shown(host), before, "a dry run");
        let _ = host.enroll(&root);
        policy(host, &["require", "--everyone", "--no-enroll"]).expect_success("enrolled");
        policy(host, &["remove", "1"]).expect_success("enrolled");
    });
}

#[test]
fn a_file_is_taken_whole_or_not_at_all_and_comes_back_as_the_same_file() {
    in_sandbox(|host| {
        let _alice = host.user("alice");
        host.policy(readme::recipe("policy").replace("wheel", "users").as_str());
        let exported = policy(host, &["export"]).expect_success("export").stdout;
        fs::write("/root/policy.toml", &exported).unwrap();
        let same = policy(host, &["diff", "-f", "/root/policy.toml"]);
        assert_eq!(same.expect_success("the same").stderr, "");
        let before = shown(host);
        let file = |text: &str| fs::write("/root/policy.toml", text).unwrap();
        let apply = |host: &Host| policy(host, &["apply", "-f", "/root/policy.toml", ANYWAY]);

        // The second rule cannot be: the first is not added either.
        let added = "\n[[rule]]\nlevel = \"exempt\"\nuser = \"alice\"\nreason = \"x\"\n";
        for wrong in [
            "[[rule]]\nlevel = \"required\"\nuser = \"nobody-of-that-name\"\n",
            "[[rule]]\nlevel = \"required\"\neveryone = true\nuntil = 2030-01-01\n",
            "[[rule]]\nlevle = \"required\"\neveryone = true\n",
            "[[rule]]\nlevel = \"required\"\neveryone = true\nfrom = [\"10.0.0.1/8\"]\n",
            "profil = \"cis\"\n",
            "[[rule]]\nlevel = \"required\"\n",
        ] {
            file(&format!("{wrong}{exported}{added}"));
            let refused = apply(host).expect_failure(wrong);
            assert!(!refused.stderr.is_empty());
            assert_eq!(shown(host), before, "{wrong}");
        }

        file(&format!("{exported}{added}"));
        let differs = policy(host, &["diff", "-f", "/root/policy.toml"]).expect_failure("one more");
        assert!(differs.stdout.contains("alice"), "{differs:?}");
        apply(host).expect_success("one more");
        let after = shown(host);
        assert_eq!(after["revision"].as_u64().unwrap(), before["revision"].as_u64().unwrap() + 1);
        // What was there keeps its number, author and date.
        let kept = after["rules"].as_array().unwrap();
        for rule in before["rules"].as_array().unwrap() {
            assert!(kept.contains(rule), "{rule}");
        }
        assert_eq!(kept.len(), before["rules"].as_array().unwrap().len() + 1);
        apply(host).expect_success("again");
        assert_eq!(shown(host), after, "the same again is no change");
    });
}

#[test]
fn explain_names_the_rule_that_wins_those_it_beats_and_who_made_it() {
    in_sandbox(|host| {
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        policy(host, &["optional", "--everyone", "--reason", "introduction"]).expect_success("1");
        policy(host, &["require", "--group", "alice", "--service", "sshd", "--reason", "audit"])
            .expect_success("2");
        policy(host, &["exempt", "--user", "bob", "--no-end", "--reason", "robot"])
            .expect_success("3");
        let words = policy(host, &["explain", "alice", "--service", "sshd"]).expect_success("told");
        for told in ["audit", "root", "introduction", "enrol"] {
            assert!(words.stdout.contains(told), "{told}: {}", words.stdout);
        }
        let explained = policy(host, &["explain", "alice", "--service", "sshd", "--json"]);
        let explained: Value = serde_json::from_str(&explained.stdout).unwrap();
        let standing = |rule: u64| {
            let mut judged = explained["judged"].as_array().unwrap().iter();
            judged.find(|one| one["rule"] == rule).unwrap()["standing"].clone()
        };
        assert_eq!([standing(1), standing(2), standing(3)], ["wider", "decides", "other-account"]);
        // People ask about themselves, and learn nothing about rules for others.
        let own = host.cli(&alice, &["policy", "explain", "--json"]).expect_success("own").stdout;
        assert!(!own.contains("robot"), "{own}");
        for (person, words) in [
            (&alice, &["policy", "explain", "bob"][..]),
            (&bob, &["policy", "list"]),
            (&bob, &["policy", "optional", "--user", "bob"]),
            (&bob, &["policy", "profile", "default"]),
        ] {
            let refused = host.cli(person, &[words, &["--json"]].concat());
            assert_eq!(refused.error_name(), "NotAuthorized", "{words:?}");
        }
        assert_eq!(rules(host).len(), 3);
    });
}
