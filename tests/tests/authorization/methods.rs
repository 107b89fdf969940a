//! One table: every method, every kind of caller.

use std::collections::BTreeSet;

use twinlock_interface::{
    AccountQuery, AccountSummary, CodeCheck, CodeOutcome, EnrollmentRequest, Event, EventQuery,
    Explanation, INTROSPECTION_XML, ImportedAuthenticator, Policy, PolicyChange, Question, Rule,
    Scope, State, Status, step::WireStep,
};
use twinlock_tests::{
    OPTIONAL, Phone,
    caller::{Arguments, Caller},
    in_sandbox,
    introspection::Introspection,
};
use zbus::Message;

use super::scene::{Scene, refusal, through_sshd};

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    CarriedOut,
    Error(&'static str),
}
use Answer::{CarriedOut, Error};

const NOT_AUTHORIZED: Answer = Error("NotAuthorized");

/// A method, by caller. Whoever has left the bus gets nothing, whoever they were.
struct Row {
    method: &'static str,
    root: Answer,
    /// The account's own user.
    owner: Answer,
    other: Answer,
    /// Brings Alice's account where the method has something to do, and makes the call; a session
    /// in it is the caller's.
    prepare: fn(&Scene<'_>, &Caller) -> Arguments,
    /// Whether the method did what it is for, by its reply and Alice's status afterwards.
    carried_out: fn(&Message, &Status) -> bool,
}

const TABLE: [Row; 19] = [
    Row {
        method: "Login.Begin",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            scene.forget("alice");
            Arguments::Login(alice(), through_sshd("192.0.2.1"))
        },
        // The host lets people in who are not enrolled, which is in the log.
        carried_out: |reply, _| {
            let body = reply.body();
            let (_, step): (String, WireStep) = body.deserialize().unwrap();
            step.kind == "not-required"
        },
    },
    Row {
        method: "Login.Answer",
        root: CarriedOut,
        owner: CarriedOut,
        other: Error("NoSuchSession"),
        prepare: |scene, caller| {
            let phone = scene.enrolled("alice");
            let context = through_sshd("192.0.2.1");
            let (session, _) = caller.begin_login("alice", &context).unwrap();
            Arguments::Strings(vec![session, phone.fresh_code()])
        },
        carried_out: |reply, _| reply.body().deserialize::<WireStep>().unwrap().kind == "accept",
    },
    Row {
        method: "Enrollment.Begin",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            scene.forget("alice");
            Arguments::Enroll(alice(), EnrollmentRequest::default())
        },
        carried_out: |_, status| status.state == State::Pending,
    },
    Row {
        method: "Enrollment.Confirm",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| with_code(&["alice"], &scene.pending("alice")),
        carried_out: |_, status| status.state == State::On,
    },
    Row {
        method: "Enrollment.Cancel",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            let _phone = scene.pending("alice");
            Arguments::strings(&["alice"])
        },
        carried_out: |_, status| status.state == State::Off,
    },
    Row {
        method: "Enrollment.Remove",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| with_code(&["alice", "phone"], &scene.enrolled("alice")),
        carried_out: |_, status| status.state == State::Off,
    },
    Row {
        method: "Enrollment.Rename",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| with_code(&["alice", "phone", "old phone"], &scene.enrolled("alice")),
        carried_out: |_, status| status.authenticators[0].name == "old phone",
    },
    Row {
        method: "Enrollment.RenewCodes",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| with_code(&["alice"], &scene.enrolled("alice")),
        carried_out: |reply, _| reply.body().deserialize::<Vec<String>>().unwrap().len() == 10,
    },
    Row {
        method: "Enrollment.Check",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| with_code(&["alice"], &scene.enrolled("alice")),
        carried_out: |reply, _| {
            reply.body().deserialize::<CodeCheck>().unwrap().outcome == CodeOutcome::Accepted
        },
    },
    Row {
        method: "Enrollment.Status",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            let _phone = scene.enrolled("alice");
            Arguments::strings(&["alice"])
        },
        carried_out: |reply, status| reply.body().deserialize::<Status>().unwrap() == *status,
    },
    Row {
        method: "Manager.Unlock",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            let phone = scene.enrolled("alice");
            scene.lock("alice", &phone);
            assert!(scene.status("alice").locked_until.is_some());
            Arguments::strings(&["alice"])
        },
        carried_out: |_, status| status.locked_until.is_none() && status.failures == 0,
    },
    Row {
        method: "Manager.Reset",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            let _phone = scene.enrolled("alice");
            Arguments::strings(&["alice"])
        },
        carried_out: |_, status| status.state == State::Off,
    },
    Row {
        method: "Manager.IssueTicket",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            scene.forget("alice");
            Arguments::strings(&["alice"])
        },
        carried_out: |reply, _| reply.body().deserialize::<(String, u64)>().unwrap().0.len() == 19,
    },
    Row {
        method: "Manager.Import",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            scene.forget("alice");
            let token = ImportedAuthenticator {
                name: "token".to_owned(),
                kind: "hotp".to_owned(),
                algorithm: "SHA1".to_owned(),
                digits: 6,
                // The seed of RFC 4226 appendix D.
                secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
                ..ImportedAuthenticator::default()
            };
            Arguments::Import(alice(), vec![token], vec![], false)
        },
        carried_out: |_, status| status.state == State::On,
    },
    Row {
        method: "Manager.Accounts",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |_, _| Arguments::Accounts(AccountQuery::default()),
        carried_out: |reply, status| {
            let listed = reply.body().deserialize::<Vec<AccountSummary>>().unwrap();
            listed.iter().any(|one| one.user == "alice" && one.state == status.state)
        },
    },
    Row {
        method: "Manager.Events",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |_, _| Arguments::Events(EventQuery::default()),
        carried_out: |reply, _| !reply.body().deserialize::<Vec<Event>>().unwrap().is_empty(),
    },
    Row {
        method: "Policy.Show",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |_, _| Arguments::None,
        carried_out: |reply, _| reply.body().deserialize::<Policy>().unwrap().rules.len() == 1,
    },
    Row {
        method: "Policy.Explain",
        root: CarriedOut,
        owner: CarriedOut,
        other: NOT_AUTHORIZED,
        prepare: |_, _| Arguments::Explain(alice(), Question::default()),
        carried_out: |reply, _| reply.body().deserialize::<Explanation>().unwrap().user == "alice",
    },
    // Last, as it leaves Alice with a rule of her own.
    Row {
        method: "Policy.Apply",
        root: CarriedOut,
        owner: NOT_AUTHORIZED,
        other: NOT_AUTHORIZED,
        prepare: |scene, _| {
            let rules = scene.root.policy().unwrap().rules;
            let hers = rules.iter().filter(|rule| rule.scope == Scope::User).map(|rule| rule.id);
            let removed = PolicyChange { removed: hers.collect(), ..PolicyChange::default() };
            scene.root.change_policy(&removed).unwrap();
            assert!(!scene.status("alice").required);
            let rule = Rule { scope: Scope::User, name: alice(), ..Rule::default() };
            Arguments::Change(PolicyChange { added: vec![rule], ..PolicyChange::default() })
        },
        carried_out: |_, status| status.required,
    },
];

/// Strings with a fresh code of `phone` behind them.
fn with_code(strings: &[&str], phone: &Phone) -> Arguments {
    let code = phone.fresh_code();
    Arguments::strings(&[strings, &[code.as_str()]].concat())
}

fn alice() -> String {
    "alice".to_owned()
}

impl Row {
    /// The caller gets what the table says; one who may not changes nothing, and whoever may
    /// still can, with the very same call.
    fn check(&self, scene: &Scene<'_>, caller: &Caller, expected: Answer) -> Result<(), String> {
        if expected == CarriedOut {
            let arguments = (self.prepare)(scene, caller);
            return self.carry_out(scene, caller, &arguments);
        }
        let refused = self.check_refused(scene, |arguments| {
            let name = refusal(caller.call(self.method, arguments));
            match expected {
                Error(expected) if name == expected => Ok(()),
                expected => Err(format!("{name:?} instead of {expected:?}")),
            }
        })?;
        // Whoever tries other people's doors leaves a trace.
        match refused.as_slice() {
            [line] if line.contains("outcome=refused") => Ok(()),
            lines => Err(format!("logged {lines:#?}")),
        }
    }

    /// A call whose caller has left the bus changes nothing, be the caller root.
    fn check_vanished(&self, scene: &Scene<'_>, uid: u32) -> Result<(), String> {
        let logged = self.check_refused(scene, |arguments| {
            scene.host.call_and_vanish(uid, self.method, arguments);
            Ok(())
        })?;
        if logged.is_empty() { Ok(()) } else { Err(format!("logged {logged:#?}")) }
    }

    /// Returns what the call left in the log.
    fn check_refused(
        &self,
        scene: &Scene<'_>,
        call: impl FnOnce(&Arguments) -> Result<(), String>,
    ) -> Result<Vec<String>, String> {
        let arguments = (self.prepare)(scene, &scene.root);
        let (before, log_before) = (scene.status("alice"), scene.log());
        call(&arguments)?;
        let log = scene.log();
        let after = scene.status("alice");
        if before != after {
            return Err(format!("changed {before:#?} to {after:#?}"));
        }
        self.carry_out(scene, &scene.root, &arguments).map_err(|error| format!("then {error}"))?;
        Ok(log.into_iter().skip(log_before.len()).collect())
    }

    fn carry_out(
        &self,
        scene: &Scene<'_>,
        caller: &Caller,
        arguments: &Arguments,
    ) -> Result<(), String> {
        let reply =
            caller.call(self.method, arguments).map_err(|refusal| format!("{refusal:?}"))?;
        let status = scene.status("alice");
        let carried_out = (self.carried_out)(&reply, &status);
        if carried_out { Ok(()) } else { Err(format!("not carried out: {reply:?} {status:?}")) }
    }
}

#[test]
fn every_method_of_the_contract_has_its_row() {
    let contract = Introspection::read(INTROSPECTION_XML, "").methods;
    let contract: BTreeSet<_> = contract.iter().map(|method| method.short_name()).collect();
    let rows: BTreeSet<_> = TABLE.iter().map(|row| row.method.to_owned()).collect();
    assert_eq!(rows, contract);
}

#[test]
fn every_method_serves_whom_it_is_for_and_nobody_else() {
    in_sandbox(|host| {
        host.policy(OPTIONAL);
        let scene = Scene::set(host);
        let (owner, other) = (host.caller(scene.alice.uid), host.caller(scene.bob.uid));
        let mut broken = Vec::new();
        for row in &TABLE {
            for (who, caller, expected) in [
                ("root", &scene.root, row.root),
                ("the account's own user", &owner, row.owner),
                ("another user", &other, row.other),
            ] {
                if let Err(how) = row.check(&scene, caller, expected) {
                    broken.push(format!("{} by {who}: {how}", row.method));
                }
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    });
}

#[test]
fn a_caller_that_has_left_the_bus_changes_nothing_whoever_it_was() {
    in_sandbox(|host| {
        host.policy(OPTIONAL);
        let scene = Scene::set(host);
        let mut broken = Vec::new();
        for row in &TABLE {
            for (who, uid) in [("root", 0), ("the own user", scene.alice.uid)] {
                if let Err(how) = row.check_vanished(&scene, uid) {
                    broken.push(format!("{} by {who}, gone: {how}", row.method));
                }
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    });
}
