//! A login belongs to whoever opened it, and comes from where root says it does (I11).

use twinlock_interface::LoginContext;
use twinlock_tests::in_sandbox;

use super::scene::{FAR, Scene, at_terminal, refusal, through_sshd};

const CODE_PROMPT: &str = "One-time code: ";

#[test]
fn somebody_elses_session_is_none_and_stays_usable() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let (alice, bob) = (host.caller(scene.alice.uid), host.caller(scene.bob.uid));
        for (owner, strangers) in
            [(&alice, [&bob, &scene.root]), (&scene.root, [&bob, &alice]), (&alice, [&bob, &bob])]
        {
            let (session, _) = owner.begin_login("alice", &LoginContext::default()).unwrap();
            let code = phone.fresh_code();
            for stranger in strangers {
                assert_eq!(refusal(stranger.answer_login(&session, &code)), "NoSuchSession");
            }
            assert_eq!(owner.answer_login(&session, &code).unwrap().kind, "accept");
        }
    });
}

#[test]
fn a_session_belongs_to_a_uid_and_not_to_a_connection() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let begun = host.caller(0).begin_login("alice", &through_sshd(FAR));
        let (session, _) = begun.unwrap();
        let answered = host.caller(0).answer_login(&session, &phone.fresh_code());
        assert_eq!(answered.unwrap().kind, "accept");
    });
}

#[test]
fn a_session_takes_one_answer_right_or_wrong() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        for (answer, word) in [
            (phone.fresh_code(), "accept"),
            (phone.wrong_code(0), "refuse"),
            (String::new(), "refuse"),
        ] {
            let (session, _) = scene.root.begin_login("alice", &through_sshd(FAR)).unwrap();
            assert_eq!(scene.root.answer_login(&session, &answer).unwrap().kind, word);
            let again = scene.root.answer_login(&session, &phone.fresh_code());
            assert_eq!(refusal(again), "NoSuchSession", "after {word}");
        }
    });
}

#[test]
fn a_handle_nobody_was_given_is_no_session() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let (session, _) = scene.root.begin_login("alice", &through_sshd(FAR)).unwrap();
        let (serial, token) = session.split_once('-').unwrap();
        let zeros = "0".repeat(token.len());
        let code = phone.fresh_code();
        for guess in [
            String::new(),
            serial.to_owned(),
            format!("{serial}-"),
            format!("{serial}-{zeros}"),
            token.to_owned(),
            format!("{session}0"),
            format!(" {session}"),
        ] {
            assert_eq!(refusal(scene.root.answer_login(&guess, &code)), "NoSuchSession", "{guess}");
        }
        assert_eq!(scene.root.answer_login(&session, &code).unwrap().kind, "accept");
    });
}

#[test]
fn an_ordinary_callers_word_about_where_it_comes_from_is_not_believed() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let alice = host.caller(scene.alice.uid);
        let login_as = |code: &str| {
            let (session, _) = alice.begin_login("alice", &through_sshd(FAR)).unwrap();
            alice.answer_login(&session, code).unwrap().kind
        };
        assert_eq!(login_as(&phone.fresh_code()), "accept");
        let line = scene.log().pop().unwrap();
        assert!(line.contains("outcome=accepted") && line.contains(r#"service="sshd""#), "{line}");
        assert!(line.contains(r#"rhost="" tty="" ruser="""#), "{line}");

        // The address has not become a known one: strangers' failures close it, too.
        for nth in 0..5 {
            let wrong = phone.wrong_code(nth);
            assert_eq!(scene.login_from("198.51.100.1", "alice", &wrong), "refuse");
        }
        assert_ne!(scene.prompt("alice", &through_sshd(FAR)), CODE_PROMPT);
        assert_eq!(scene.prompt("alice", &at_terminal()), CODE_PROMPT);

        // Nor does saying so lead around a lock: her programs have a lane of their own, whatever
        // they say, and close it without closing her terminals.
        for nth in 0..5 {
            assert_eq!(login_as(&phone.wrong_code(nth)), "refuse");
        }
        assert_eq!(scene.prompt("alice", &at_terminal()), CODE_PROMPT);
        let (_, step) = alice.begin_login("alice", &through_sshd("192.0.2.77")).unwrap();
        assert_ne!(step.text, CODE_PROMPT);
    });
}
