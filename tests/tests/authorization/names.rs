//! A name that is not an account is nobody, whatever it looks like, and nobody can tell (I16).

use twinlock_interface::{EnrollmentRequest, LoginContext, Question};
use twinlock_tests::{
    caller::{Arguments, Caller, Refusal},
    in_sandbox,
};

use super::scene::{FAR, Scene, refusal, through_sshd};

/// Names for which root is told that there is no such account.
fn odd_names() -> Vec<String> {
    let mut names: Vec<_> = [
        "",
        " ",
        "alice ",
        " alice",
        "ALICE",
        "Alice",
        "alice\n",
        "alice\nbob",
        "alice\t",
        "alice\u{7f}",
        "alice\u{200b}",
        "älice",
        "a\u{308}lice",
        "ａlice",
        "alice\u{301}",
        "alice:",
        "alice:x:0:0",
        "alice,bob",
        "*",
        "%",
        "'",
        "\"",
        "alice'--",
        "../alice",
        "+alice",
        "+",
        "-",
        "#0",
        "0",
        "1000",
        "alice@sandbox",
        "SANDBOX\\alice",
    ]
    .map(str::to_owned)
    .into();
    names.push("a".repeat(255));
    names.push("a".repeat(256));
    names.push("ä".repeat(128));
    names
}

#[test]
fn an_odd_name_is_nobody() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let (before, code) = (scene.status("alice"), phone.fresh_code());
        for name in odd_names() {
            let (session, step) = scene.root.begin_login(&name, &through_sshd(FAR)).unwrap();
            assert_eq!((step.kind.as_str(), step.text.as_str()), ("ask", "One-time code: "));
            let answer = scene.root.answer_login(&session, &code).unwrap();
            assert_eq!(answer.kind, "refuse", "{name:?}");
            for (method, arguments) in about(&name) {
                let refused = refusal(scene.root.call(method, &arguments));
                assert_eq!(refused, "NoSuchAccount", "{method} {name:?}");
            }
        }
        assert_eq!(scene.status("alice"), before);
        assert_eq!(scene.login_from(FAR, "alice", &code), "accept");
    });
}

#[test]
fn a_name_longer_than_any_is_an_invalid_argument() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let bob = host.caller(scene.bob.uid);
        for name in ["a".repeat(257), "ä".repeat(129), "a".repeat(1000)] {
            for caller in [&scene.root, &bob] {
                let begun = caller.begin_login(&name, &LoginContext::default());
                assert_eq!(refusal(begun), "InvalidArgument");
                for (method, arguments) in about(&name) {
                    assert_eq!(refusal(caller.call(method, &arguments)), "InvalidArgument");
                }
            }
        }
    });
}

#[test]
fn a_name_with_a_nul_does_not_get_past_the_bus() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let daemon = host.daemon.pid();
        for name in ["alice\0", "\0", "alice\0bob"] {
            let root = host.caller(0);
            assert!(root.begin_login(name, &through_sshd(FAR)).is_err());
        }
        assert_eq!(host.daemon.pid(), daemon);
        assert_eq!(scene.login_from(FAR, "alice", &phone.fresh_code()), "accept");
    });
}

#[test]
fn a_user_cannot_tell_which_other_names_exist() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _phone = scene.enrolled("alice");
        let _carol = host.user("carol");
        // Too many questions for one uid and a minute.
        let askers = [host.user("dave"), host.user("erin")].map(|user| host.caller(user.uid));
        let names = ["alice", "carol", "root", "nobody-of-that-name", "", "alice ", "ALICE"];
        let ask = |caller: &Caller, name: &str| -> Vec<(&'static str, Refusal)> {
            let login = Arguments::Login(name.to_owned(), LoginContext::default());
            let calls = about(name).into_iter().chain([("Login.Begin", login)]);
            calls
                .map(|(method, arguments)| (method, caller.call(method, &arguments).unwrap_err()))
                .collect()
        };
        let mut told: Vec<_> = Vec::new();
        for (nth, name) in names.iter().enumerate() {
            told.push((name, ask(&askers[nth % askers.len()], name)));
        }
        let (_, of_alice) = &told[0];
        for (method, refusal) in of_alice {
            assert_eq!(refusal.name, "NotAuthorized", "{method}");
        }
        for (name, refusals) in &told {
            assert_eq!(refusals, of_alice, "{name:?}");
        }
    });
}

/// Every method that takes a name and says so when there is no such account.
fn about(name: &str) -> Vec<(&'static str, Arguments)> {
    let one = || Arguments::strings(&[name]);
    let with_code = || Arguments::strings(&[name, "123456"]);
    vec![
        ("Enrollment.Begin", Arguments::Enroll(name.to_owned(), EnrollmentRequest::default())),
        ("Enrollment.Confirm", with_code()),
        ("Enrollment.Cancel", one()),
        ("Enrollment.Rename", Arguments::strings(&[name, "phone", "old phone", "123456"])),
        ("Enrollment.Remove", Arguments::strings(&[name, "phone", "123456"])),
        ("Enrollment.RenewCodes", with_code()),
        ("Enrollment.Check", with_code()),
        ("Enrollment.Status", one()),
        ("Policy.Explain", Arguments::Explain(name.to_owned(), Question::default())),
        ("Manager.Unlock", one()),
        ("Manager.Reset", one()),
        ("Manager.IssueTicket", one()),
        ("Manager.Import", Arguments::Import(name.to_owned(), vec![], vec![], false)),
    ]
}
