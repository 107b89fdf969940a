//! What the bus lets through: the name is root's, and the contract is all there is to reach.

use twinlock_interface::{
    Error,
    names::{BUS_NAME, ENROLLMENT, LOGIN, MANAGER, OBJECT_PATH, POLICY},
};
use twinlock_tests::{
    caller::{Caller, Refusal},
    in_sandbox,
};
use zbus::fdo::{RequestNameFlags, RequestNameReply};

use super::scene::{Scene, refusal};

const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";

/// Calls `member` at `path` and returns the name of the error, or nothing.
fn call(
    caller: &Caller,
    path: &str,
    interface: Option<&str>,
    member: &str,
    text: &[&str],
) -> String {
    let connection = caller.connection();
    let to = Some(BUS_NAME);
    let reply = caller.run(async {
        match text {
            [] => connection.call_method(to, path, interface, member, &()).await,
            [one] => connection.call_method(to, path, interface, member, &(one,)).await,
            [one, two, ..] => {
                connection.call_method(to, path, interface, member, &(one, two)).await
            }
        }
    });
    refusal(reply.map_err(|error| Refusal::from(Error::from(error))))
}

#[test]
fn only_root_can_own_the_name() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let alice = host.caller(scene.alice.uid);
        let request = |caller: &Caller| {
            let flags = RequestNameFlags::REPLACE_EXISTING | RequestNameFlags::ALLOW_REPLACEMENT;
            let connection = caller.connection();
            caller.run(async { connection.request_name_with_flags(BUS_NAME, flags).await })
        };
        for running in [false, true] {
            if running {
                host.daemon.start();
            } else {
                host.daemon.kill();
            }
            let denied = request(&alice).unwrap_err().to_string();
            assert!(denied.contains(ACCESS_DENIED), "{denied}");
            assert_eq!(host.daemon.pid().is_some(), running);
        }
        let taken = request(&scene.root).is_ok_and(|reply| reply == RequestNameReply::PrimaryOwner);
        assert!(!taken, "not even root takes it from a running daemon");
        assert_eq!(refusal(alice.status("alice")), "");
    });
}

#[test]
fn the_standard_interfaces_are_roots_alone() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let standard = |caller: &Caller, interface: &str, member: &str, text: &[&str]| {
            let interface = format!("org.freedesktop.DBus.{interface}");
            call(caller, OBJECT_PATH, Some(&interface), member, text)
        };
        let alice = host.caller(scene.alice.uid);
        for (interface, member, text) in [
            ("Peer", "Ping", [].as_slice()),
            ("Peer", "GetMachineId", &[]),
            ("Introspectable", "Introspect", &[]),
            ("Properties", "GetAll", &[LOGIN]),
            ("Properties", "GetAll", &[ENROLLMENT]),
            ("Properties", "GetAll", &[POLICY]),
            ("Properties", "GetAll", &[MANAGER]),
        ] {
            assert_eq!(standard(&scene.root, interface, member, text), "", "{interface}");
            let refused = standard(&alice, interface, member, text);
            assert_eq!(refused, "org.freedesktop.DBus.Error.AccessDenied", "{interface}");
        }
    });
}

#[test]
fn nothing_but_the_contract_can_be_reached() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _phone = scene.enrolled("alice");
        let alice = host.caller(scene.alice.uid);
        let before = scene.status("alice");
        for caller in [&scene.root, &alice] {
            for (interface, member, text) in [
                (Some("org.freedesktop.DBus.ObjectManager"), "GetManagedObjects", [].as_slice()),
                (Some("org.freedesktop.DBus.Debug.Stats"), "GetStats", &[]),
                (Some("org.twinlock.Twinlock1"), "Reset", &["alice"]),
                (Some("org.twinlock.Twinlock1.Policies"), "Set", &["alice"]),
                (Some("org.twinlock.Twinlock1.Manager2"), "Reset", &["alice"]),
                // Without an interface the bus cannot tell what is called.
                (None, "Reset", &["alice"]),
                (None, "Status", &["alice"]),
                (None, "Answer", &["a", "b"]),
            ] {
                let answer = call(caller, OBJECT_PATH, interface, member, text);
                assert_eq!(answer, ACCESS_DENIED, "{interface:?} {member}");
            }
            for path in ["/", "/org/twinlock", "/org/twinlock/Twinlock1/x"] {
                let answer = call(caller, path, Some(MANAGER), "Reset", &["alice"]);
                assert!(answer.starts_with("org.freedesktop.DBus.Error.Unknown"), "{answer}");
            }
            for (interface, member) in
                [(MANAGER, "reset"), (MANAGER, "ResetAll"), (MANAGER, "Begin"), (POLICY, "Set")]
            {
                let answer = call(caller, OBJECT_PATH, Some(interface), member, &["alice"]);
                assert!(answer.starts_with("org.freedesktop.DBus.Error.Unknown"), "{answer}");
            }
            let wrong_type = call(caller, OBJECT_PATH, Some(MANAGER), "Reset", &["alice", "bob"]);
            assert_ne!(wrong_type, "");
        }
        assert_eq!(scene.status("alice"), before);
    });
}
