//! Calls that are refused at the door.

use twinlock_interface::{
    AccountQuery, EventQuery, LoginContext, PolicyChange, Question,
    names::{BUS_NAME, ENROLLMENT, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, OBJECT_PATH},
    proxy::{ManagerProxy, PolicyProxy},
};
use twinlock_tests::{
    caller::{Arguments, Caller, Refusal},
    in_sandbox,
};
use zbus::message::{Flags, Message};

use crate::scene::{Scene, WRONG};

/// Every method that takes an account, with what the log calls it.
fn about(user: &str) -> [(&'static str, &'static str, Arguments); 12] {
    let strings = |more: &[&str]| Arguments::strings(&[&[user], more].concat());
    [
        ("Login.Begin", "login", Arguments::Login(user.to_owned(), LoginContext::default())),
        (
            "Enrollment.Begin",
            "enrollment-begin",
            Arguments::Enroll(user.to_owned(), Default::default()),
        ),
        ("Enrollment.Confirm", "enrollment-confirm", strings(&[WRONG])),
        ("Enrollment.Cancel", "enrollment-cancel", strings(&[])),
        ("Enrollment.Rename", "enrollment-rename", strings(&["phone", "x", WRONG])),
        ("Enrollment.Remove", "enrollment-remove", strings(&["phone", WRONG])),
        ("Enrollment.RenewCodes", "enrollment-renew-codes", strings(&[WRONG])),
        ("Enrollment.Check", "enrollment-check", strings(&[WRONG])),
        ("Enrollment.Status", "enrollment-status", strings(&[])),
        ("Manager.Unlock", "unlock", strings(&[])),
        ("Manager.Reset", "reset", strings(&[])),
        ("Manager.IssueTicket", "issue-ticket", strings(&[])),
    ]
}

/// A call that nobody waits for.
fn unheard(user: &str) -> Message {
    let message = Message::method_call(OBJECT_PATH, "Status").destination(BUS_NAME);
    let message = message.interface(ENROLLMENT).with_flags(Flags::NO_REPLY_EXPECTED);
    message.build(&user).unwrap()
}

/// The calls whose arguments are queries, by their names in the log; the errors they end in.
fn queries(caller: &Caller) -> [(&'static str, String); 5] {
    let error = |result: Option<twinlock_interface::Error>| {
        result.map(|error| Refusal::from(error).name).unwrap_or_default()
    };
    caller.run(async {
        let manager = ManagerProxy::new(caller.connection()).await.unwrap();
        let policy = PolicyProxy::new(caller.connection()).await.unwrap();
        [
            ("list-accounts", error(manager.accounts(&AccountQuery::default()).await.err())),
            ("list-events", error(manager.events(&EventQuery::default()).await.err())),
            ("policy-show", error(policy.show().await.err())),
            ("policy-apply", error(policy.apply(&PolicyChange::default()).await.err())),
            ("policy-explain", error(policy.explain("alice", &Question::default()).await.err())),
        ]
    })
}

#[test]
fn whoever_may_not_is_told_of_by_uid_and_what_they_asked_for() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.enrolled("alice");
        let bob = host.user("bob");
        let bobs = host.caller(bob.uid);
        for (method, action, arguments) in about("alice") {
            // Of accounts that administrators look after nothing is looked up for those who are none.
            let expected = format!("{action} refused not-authorized alice - by 1001");
            scene.leaves(&[&expected], || {
                let refusal = bobs.call(method, &arguments).unwrap_err();
                assert_eq!(refusal.name, "NotAuthorized", "{method}");
            });
        }
        let import = Arguments::Import("alice".to_owned(), vec![], vec![], true);
        scene.leaves(&["import refused not-authorized alice - by 1001"], || {
            assert_eq!(bobs.call("Manager.Import", &import).unwrap_err().name, "NotAuthorized");
        });
        let expected: Vec<_> = queries(&scene.root)
            .iter()
            .map(|(action, error)| {
                assert_eq!(error, "", "{action}: by root");
                let user = if *action == "policy-explain" { "alice" } else { "-" };
                format!("{action} refused not-authorized {user} - by 1001")
            })
            .collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        scene.leaves(&expected, || {
            for (action, error) in queries(&bobs) {
                assert_eq!(error, "NotAuthorized", "{action}");
            }
        });
        // Looking is not told of where it is allowed.
        scene.leaves(&[], || queries(&scene.root).map(|(_, error)| assert_eq!(error, "")));
        scene.leaves(&[], || bobs.status("bob").unwrap());
    });
}

#[test]
fn what_cannot_be_meant_is_told_of_and_cut_to_the_length_of_a_name() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        let cut = &long[1..];
        for (method, action, arguments) in about(&long) {
            let expected = format!("{action} refused invalid-argument {cut} - by 0");
            scene.leaves(&[&expected], || {
                let refusal = scene.root.call(method, &arguments).unwrap_err();
                assert_eq!(refusal.name, "InvalidArgument", "{method}");
            });
        }
        let longer = Arguments::strings(&[&"b".repeat(2 * MAX_MESSAGE_BYTES)]);
        let expected =
            format!("unlock refused invalid-argument {} - by 0", "b".repeat(MAX_NAME_BYTES));
        scene.leaves(&[&expected], || {
            assert_eq!(
                scene.root.call("Manager.Unlock", &longer).unwrap_err().name,
                "InvalidArgument"
            );
        });
        let _ = host.user("alice");
        let context = LoginContext { rhost: Some("x".repeat(257)), ..LoginContext::default() };
        scene.leaves(&["login refused invalid-argument alice 1000 by 0"], || {
            scene.root.begin_login("alice", &context).unwrap_err()
        });
    });
}

#[test]
fn a_uid_that_calls_too_often_is_told_of_for_as_long_as_it_is_answered() {
    in_sandbox(|host| {
        const SERVED: usize = 60;
        const TOLD: usize = 60;
        let scene = Scene::set(host);
        let bob = host.user("bob");
        let bobs = host.caller(bob.uid);
        scene.leaves(&[], || (0..SERVED).for_each(|_| drop(bobs.status("bob").unwrap())));
        let refused = "enrollment-status refused limits-exceeded bob - by 1000";
        scene.leaves(&[refused; TOLD], || {
            for _ in 0..TOLD {
                assert_eq!(bobs.status("bob").unwrap_err().name, "LimitsExceeded");
            }
        });
        // From here on a flood costs nobody a row.
        scene.leaves(&[], || {
            bobs.run(async {
                for _ in 0..500 {
                    bobs.connection().send(&unheard("bob")).await.unwrap();
                }
            });
            // Everything before this was read.
            scene.root.status("bob").unwrap()
        });
    });
}

#[test]
fn whoever_is_gone_when_the_call_is_looked_at_has_done_nothing() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.enrolled("alice");
        scene.leaves(&[], || {
            host.call_and_vanish(0, "Manager.Reset", &Arguments::strings(&["alice"]));
        });
        assert_eq!(host.line().status("alice").recovery_codes_left, 10);
    });
}
