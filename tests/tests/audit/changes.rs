//! What administrators change: accounts, and the policy with who did it and what.

use twinlock_interface::{
    Error, ImportedAuthenticator, Level, PolicyChange, Profile, Rule, Scope,
    proxy::{ManagerProxy, PolicyProxy},
};
use twinlock_tests::{caller::Refusal, in_sandbox};

use crate::scene::{Scene, brief};

fn manage<T>(
    scene: &Scene<'_>,
    what: impl AsyncFnOnce(ManagerProxy<'_>) -> Result<T, Error>,
) -> String {
    name(scene.root.run(async { what(manager(scene).await).await }))
}

async fn manager(scene: &Scene<'_>) -> ManagerProxy<'static> {
    ManagerProxy::new(scene.root.connection()).await.unwrap()
}

fn name<T>(done: Result<T, Error>) -> String {
    done.err().map(|error| Refusal::from(error).name).unwrap_or_default()
}

/// A key of 160 bit, and nobody's.
fn imported(name: &str) -> ImportedAuthenticator {
    let text = str::to_owned;
    ImportedAuthenticator {
        name: text(name),
        kind: text("totp"),
        algorithm: text("SHA1"),
        digits: 6,
        period: 30,
        secret: "A".repeat(32),
        last_spent: None,
    }
}

#[test]
fn what_administrators_do_to_accounts_is_told_done_or_refused() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.enrolled("alice");
        let _ = host.user("bob");
        let told = scene.leaves(&["unlock done - alice 1000 by 0"], || {
            manage(&scene, async |m| m.unlock("alice").await)
        });
        assert_eq!(told, "");
        // A change of nothing is one that was asked for.
        let told = scene.leaves(&["unlock done - bob 1001 by 0"], || {
            manage(&scene, async |m| m.unlock("bob").await)
        });
        assert_eq!(told, "");
        let told = scene.leaves(&["unlock refused unknown-name nosuch - by 0"], || {
            manage(&scene, async |m| m.unlock("nosuch").await)
        });
        assert_eq!(told, "NoSuchAccount");

        let told = scene.leaves(&["issue-ticket refused already-enrolled alice 1000 by 0"], || {
            manage(&scene, async |m| m.issue_ticket("alice").await)
        });
        assert_eq!(told, "AlreadyEnrolled");
        let told = scene.leaves(&["issue-ticket done - bob 1001 by 0"], || {
            manage(&scene, async |m| m.issue_ticket("bob").await)
        });
        assert_eq!(told, "");

        let one = [imported("token")];
        let told = scene.leaves(&["import refused already-enrolled alice 1000 by 0"], || {
            manage(&scene, async |m| m.import("alice", &one, &[], false).await)
        });
        assert_eq!(told, "AlreadyEnrolled");
        let told = scene.leaves(&["import refused key-taken bob 1001 by 0"], || {
            let two = [imported("a"), imported("b")];
            manage(&scene, async |m| m.import("bob", &two, &[], false).await)
        });
        assert_eq!(told, "KeyTaken");
        // Looking changes nothing and is not told.
        let told =
            scene.leaves(&[], || manage(&scene, async |m| m.import("bob", &one, &[], true).await));
        assert_eq!(told, "");
        let told = scene.leaves(&["import done - bob 1001 by 0"], || {
            manage(&scene, async |m| m.import("bob", &one, &["12345678"], false).await)
        });
        assert_eq!(told, "");

        let told = scene.leaves(&["reset done - alice 1000 by 0"], || {
            manage(&scene, async |m| m.reset("alice").await)
        });
        assert_eq!(told, "");
        let told = scene.leaves(&["reset refused not-enrolled alice 1000 by 0"], || {
            manage(&scene, async |m| m.reset("alice").await)
        });
        assert_eq!(told, "NotEnrolled");
        let told = scene.leaves(&["reset refused unknown-name nosuch - by 0"], || {
            manage(&scene, async |m| m.reset("nosuch").await)
        });
        assert_eq!(told, "NoSuchAccount");
    });
}

fn apply(scene: &Scene<'_>, change: &PolicyChange) -> String {
    name(scene.root.run(async {
        PolicyProxy::new(scene.root.connection()).await.unwrap().apply(change).await
    }))
}

fn rule(level: Level, user: &str) -> Rule {
    Rule { level, scope: Scope::User, name: user.to_owned(), ..Rule::default() }
}

/// A change by somebody whom sudo knows.
fn by(author: &str) -> PolicyChange {
    PolicyChange { author: Some(author.to_owned()), ..PolicyChange::default() }
}

/// Makes a change, and returns what the details of its events say.
#[track_caller]
fn details(scene: &Scene<'_>, expected: &[&str], change: &PolicyChange) -> Vec<String> {
    assert_eq!(apply(scene, change), "");
    let left = scene.left();
    assert_eq!(left.iter().map(brief).collect::<Vec<_>>(), expected);
    left.into_iter().map(|event| event.details).collect()
}

#[test]
fn a_change_of_the_policy_is_told_rule_by_rule_with_what_it_is_and_who_made_it() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        let _ = scene.left();
        let end = host.clock.now() + 86_400;
        let exempt = Rule {
            services: vec!["sshd".to_owned(), "cron".to_owned()],
            from: vec!["10.0.0.0/8".to_owned(), "local".to_owned()],
            until: Some(end),
            reason: "nightly \"copy\", as always".to_owned(),
            ..rule(Level::Exempt, "alice")
        };
        let everyone = Rule {
            services: vec!["sudo".to_owned()],
            remember_minutes: 15,
            enroll_until: Some(end),
            ..Rule::default()
        };
        let added = [
            "policy-apply done added - - by 0",
            "policy-apply done added - - by 0",
            "policy-apply done profile - - by 0",
        ];
        let change = PolicyChange {
            added: vec![exempt, everyone],
            profile: Some(Profile::Pci),
            ..by("carol")
        };
        let told = details(&scene, &added, &change);
        for word in [
            "rule=1",
            "exempt",
            "user=alice",
            "sshd",
            "cron",
            "10.0.0.0/8",
            "local",
            &end.to_string(),
            "carol",
            "nightly \"copy\", as always",
        ] {
            assert!(told[0].contains(word), "{word}: {}", told[0]);
        }
        let end = end.to_string();
        for word in ["rule=2", "required", "everyone", "sudo", "15", end.as_str(), "carol"] {
            assert!(told[1].contains(word), "{word}: {}", told[1]);
        }
        assert!(told[2].contains("pci"), "{}", told[2]);

        let removed = ["policy-apply done removed - - by 0"];
        let told = details(&scene, &removed, &PolicyChange { removed: vec![1], ..by("carol") });
        for word in ["rule=1", "exempt", "user=alice", "nightly"] {
            assert!(told[0].contains(word), "{word}: {}", told[0]);
        }
        // What is the same afterwards is no change.
        let same = PolicyChange { profile: Some(Profile::Pci), ..by("carol") };
        assert_eq!(details(&scene, &[], &same), [""; 0]);
    });
}

#[test]
fn whoever_takes_a_rule_away_or_changes_the_profile_is_told_as_well() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        let added = PolicyChange { added: vec![rule(Level::Required, "alice")], ..by("carol") };
        assert_eq!(apply(&scene, &added), "");
        let _ = scene.left();
        // root is many people, and it is the one who weakens a policy that is looked for.
        let removed = PolicyChange { removed: vec![1], ..by("mallory") };
        let told = details(&scene, &["policy-apply done removed - - by 0"], &removed);
        assert!(told[0].contains("mallory"), "removed by mallory, told as: {}", told[0]);
        let profile = PolicyChange { profile: Some(Profile::Cis), ..by("mallory") };
        let told = details(&scene, &["policy-apply done profile - - by 0"], &profile);
        assert!(told[0].contains("mallory"), "changed by mallory, told as: {}", told[0]);
    });
}

#[test]
fn a_change_of_the_policy_that_is_refused_or_tried_only_tells_of_no_rule() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        let _ = scene.left();
        let required = || vec![rule(Level::Required, "alice")];
        let dry_run = PolicyChange { added: required(), dry_run: true, ..by("carol") };
        assert_eq!(scene.leaves(&[], || apply(&scene, &dry_run)), "");
        for (word, error, change) in [
            (
                "no-such-user",
                "NoSuchAccount",
                PolicyChange {
                    added: vec![
                        rule(Level::Required, "alice"),
                        rule(Level::Exempt, "nobody-there"),
                    ],
                    ..by("carol")
                },
            ),
            (
                "no-such-rule",
                "NoSuchRule",
                PolicyChange { added: required(), removed: vec![77], ..by("carol") },
            ),
            (
                "policy-changed",
                "PolicyChanged",
                PolicyChange { added: required(), revision: Some(77), ..by("carol") },
            ),
            (
                "would-lock-out",
                "WouldLockOut",
                PolicyChange {
                    added: vec![Rule {
                        services: vec!["cron".to_owned()],
                        ..rule(Level::Required, "alice")
                    }],
                    removed: vec![1],
                    ways_in: vec!["alice".to_owned()],
                    ..by("carol")
                },
            ),
            (
                "invalid-argument",
                "InvalidArgument",
                PolicyChange {
                    added: vec![Rule { name: "x".to_owned(), ..Rule::default() }],
                    ..by("carol")
                },
            ),
        ] {
            if word == "would-lock-out" {
                let optional =
                    PolicyChange { added: vec![rule(Level::Optional, "alice")], ..by("carol") };
                assert_eq!(apply(&scene, &optional), "");
                let _ = scene.left();
            }
            let expected = format!("policy-apply refused {word} - - by 0");
            assert_eq!(scene.leaves(&[&expected], || apply(&scene, &change)), error, "{word}");
        }
    });
}
