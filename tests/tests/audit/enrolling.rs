//! Enrolments, in logins and by command, and what people do with their authenticators afterwards.

use std::cell::Cell;

use twinlock_interface::{EnrollmentRequest, Step, proxy::EnrollmentProxy};
use twinlock_tests::{
    caller::{Caller, Refusal},
    enrolling::{ENROLLED, behind_a_password},
    in_sandbox,
    login::from_address,
};

use crate::scene::{FAR, OFFICE, Scene, WRONG, WRONG_TICKET};

const BEGUN: &str = "enrollment-begin done - alice 1000 by 0";
const WRONG_FIRST: &str = "login refused wrong-code alice 1000 by 0";

/// A login of alice's that is shown a key, and the key.
fn begin(scene: &Scene<'_>, address: &str) -> (String, String) {
    scene.leaves(&[BEGUN], || scene.sshd.key_page(&behind_a_password(address)))
}

#[test]
fn a_login_that_enrols_leaves_its_beginning_its_end_and_the_login() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        host.enroll_in_logins();
        let _ = scene.left();
        let (session, key) = begin(&scene, OFFICE);
        // Somebody who hangs up has begun nevertheless, and goes on with the same.
        let (again, same) = begin(&scene, OFFICE);
        assert_eq!(key, same);
        let phone = host.phone_with(&key);
        scene.leaves(&[WRONG_FIRST], || scene.sshd.answer(&again, WRONG).unwrap());
        // The code is right, and nothing is decided before the recovery codes are noted.
        scene.leaves(&[], || scene.sshd.recovery_page(&again, &phone.fresh_code()));
        let ends = [
            "enrollment-confirm done - alice 1000 by 0",
            "login accepted enrolled alice 1000 by 0",
        ];
        scene.leaves(&ends, || match scene.sshd.note(&again) {
            Step::Accept { text } => assert!(text.contains(ENROLLED), "{text}"),
            step => panic!("{step:?}"),
        });
        // The other login has been outrun.
        scene.leaves(&["login refused not-pending alice 1000 by 0"], || {
            scene.sshd.answer(&session, &phone.fresh_code()).unwrap()
        });
    });
}

#[test]
fn every_wrong_first_code_is_told_until_the_account_is_locked() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        host.enroll_in_logins();
        let _ = scene.left();
        let (session, key) = begin(&scene, FAR);
        for _ in 0..2 {
            scene.leaves(&[WRONG_FIRST], || {
                let step = scene.sshd.answer(&session, WRONG).unwrap();
                assert!(matches!(step, Step::Ask { .. }), "{step:?}");
            });
        }
        scene.leaves(&[WRONG_FIRST], || {
            let step = scene.sshd.answer(&session, WRONG).unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
        });
        let (session, _) = begin(&scene, FAR);
        scene.leaves(&[WRONG_FIRST; 2], || {
            (0..2).for_each(|_| drop(scene.sshd.answer(&session, WRONG).unwrap()));
        });
        scene.leaves(&["login throttled locked alice 1000 by 0"], || {
            let step = scene.sshd.answer(&session, &host.phone_with(&key).fresh_code()).unwrap();
            assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        });
    });
}

#[test]
fn a_login_that_enrols_and_gets_no_code_is_malformed_once() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        host.enroll_in_logins();
        let _ = scene.left();
        let (session, _) = begin(&scene, FAR);
        // Asks for the key in plain words.
        scene.leaves(&[], || scene.sshd.answer(&session, "").unwrap());
        scene.leaves(&["login refused malformed alice 1000 by 0"], || {
            let step = scene.sshd.answer(&session, "").unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
        });
    });
}

#[test]
fn a_ticket_that_is_wrong_is_a_wrong_code() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        host.cli(&host.root(), &["ticket", "alice"]).expect_success("ticket");
        let _ = scene.left();
        scene.leaves(&[WRONG_FIRST], || {
            scene.sshd.login("alice", &behind_a_password(FAR), WRONG_TICKET).unwrap()
        });
    });
}

/// alice at the command line, and what she is told.
struct Commands<'s> {
    scene: &'s Scene<'s>,
    alice: Caller,
    step: Cell<u32>,
}

impl<'s> Commands<'s> {
    fn of(scene: &'s Scene<'s>, uid: u32) -> Self {
        Self { scene, alice: scene.host.caller(uid), step: Cell::new(0) }
    }

    /// Does something that leaves one event, `words`, about alice and by her; returns the name of the
    /// error.
    #[track_caller]
    fn leave<T>(
        &self,
        words: &str,
        what: impl AsyncFnOnce(EnrollmentProxy<'_>) -> Result<T, twinlock_interface::Error>,
    ) -> String {
        self.step.set(self.step.get() + 1);
        let expected = [format!("enrollment-{words} alice 1000 by 1000")];
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        self.scene.leaves(&expected, || {
            let done = self.alice.run(async {
                what(EnrollmentProxy::new(self.alice.connection()).await.unwrap()).await
            });
            done.err().map(|error| Refusal::from(error).name).unwrap_or_default()
        })
    }
}

fn named(name: &str) -> EnrollmentRequest {
    EnrollmentRequest { name: Some(name.to_owned()), ..EnrollmentRequest::default() }
}

#[test]
fn what_people_do_with_their_enrolment_is_told_done_or_refused() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let alice = host.user("alice");
        let _ = scene.left();
        let commands = Commands::of(&scene, alice.uid);
        let refused = |words: &str, name: &str, told: String| assert_eq!(told, name, "{words}");

        let words = "confirm refused not-pending -".trim_end_matches(" -");
        let told = commands.leave(words, async |e| e.confirm("alice", WRONG).await);
        refused(words, "NoPendingEnrollment", told);
        let words = "cancel refused not-pending";
        let told = commands.leave(words, async |e| e.cancel("alice").await);
        refused(words, "NoPendingEnrollment", told);
        for (words, name, old) in [
            ("rename refused not-enrolled", "NotEnrolled", "phone"),
            ("remove refused not-enrolled", "NotEnrolled", ""),
        ] {
            let told = commands.leave(words, async |e| {
                if old.is_empty() {
                    e.remove("alice", old, WRONG).await
                } else {
                    e.rename("alice", old, "tablet", WRONG).await
                }
            });
            refused(words, name, told);
        }
        let words = "renew-codes refused not-enrolled";
        let told = commands.leave(words, async |e| e.renew_codes("alice", WRONG).await);
        refused(words, "NotEnrolled", told);
        let words = "check refused not-enrolled";
        let told = commands.leave(words, async |e| e.check("alice", WRONG).await);
        refused(words, "NotEnrolled", told);

        let words = "begin refused invalid-argument";
        let told = commands.leave(words, async |e| e.begin("alice", &named("")).await);
        refused(words, "InvalidArgument", told);
        // Begun, shown once more, and never exchanged.
        for words in ["begin done -", "begin done -"] {
            let told = commands.leave(words, async |e| e.begin("alice", &Default::default()).await);
            refused(words, "", told);
        }
        let words = "begin refused under-way";
        let told = commands.leave(words, async |e| e.begin("alice", &named("tablet")).await);
        refused(words, "EnrollmentUnderWay", told);
        let words = "cancel done -";
        let told = commands.leave(words, async |e| e.cancel("alice").await);
        refused(words, "", told);
    });
}

#[test]
fn what_people_do_with_their_authenticators_is_told_done_or_refused() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (alice, enrolled) = scene.enrolled("alice");
        let phone = enrolled.phone;
        let commands = Commands::of(&scene, alice.uid);
        let code = || phone.fresh_code();
        let begin = |name: &str, proof: Option<String>| EnrollmentRequest { proof, ..named(name) };
        let steps: [(&str, &str); 2] = [
            ("begin refused proof-required", "ProofRequired"),
            ("begin refused wrong-code", "WrongCode"),
        ];
        for ((words, name), proof) in steps.into_iter().zip([None, Some(WRONG.to_owned())]) {
            let told = commands.leave(words, async |e| e.begin("alice", &begin("x", proof)).await);
            assert_eq!(told, name, "{words}");
        }
        let told = commands.leave("begin refused name-taken", async |e| {
            e.begin("alice", &begin("phone", Some(code()))).await
        });
        assert_eq!(told, "NameTaken");

        let told = commands.leave("check done -", async |e| e.check("alice", &code()).await);
        assert_eq!(told, "");
        // Told as a success to the person, and refused all the same.
        let spent = phone.spent_code();
        let told =
            commands.leave("check refused replayed", async |e| e.check("alice", &spent).await);
        assert_eq!(told, "");
        let told =
            commands.leave("check refused wrong-code", async |e| e.check("alice", WRONG).await);
        assert_eq!(told, "WrongCode");
        let told = commands.leave("check refused malformed", async |e| e.check("alice", "x").await);
        assert_eq!(told, "WrongCode");

        let told = commands.leave("rename refused no-such-authenticator", async |e| {
            e.rename("alice", "tablet", "old", &code()).await
        });
        assert_eq!(told, "NoSuchAuthenticator");
        let told = commands.leave("rename refused replayed", async |e| {
            e.rename("alice", "phone", "old", &spent).await
        });
        assert_eq!(told, "WrongCode");
        let told = commands.leave("rename done -", async |e| {
            e.rename("alice", "phone", "old phone", &code()).await
        });
        assert_eq!(told, "");

        let recovery = &enrolled.recovery_codes[0];
        let told = commands.leave("renew-codes refused malformed", async |e| {
            e.renew_codes("alice", recovery).await
        });
        assert_eq!(told, "WrongCode");
        let told =
            commands.leave("renew-codes done -", async |e| e.renew_codes("alice", &code()).await);
        assert_eq!(told, "");

        // Required where no rule says otherwise: the last one stays.
        let told = commands.leave("remove refused required", async |e| {
            e.remove("alice", "old phone", &code()).await
        });
        assert_eq!(told, "Required");
        scene.policy(twinlock_tests::OPTIONAL);
        let told = commands.leave("remove refused no-such-authenticator", async |e| {
            e.remove("alice", "phone", &code()).await
        });
        assert_eq!(told, "NoSuchAuthenticator");
        let told = commands
            .leave("remove done -", async |e| e.remove("alice", "old phone", &code()).await);
        assert_eq!(told, "");
    });
}

#[test]
fn confirming_and_adding_an_authenticator_are_told() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let alice = host.user("alice");
        let commands = Commands::of(&scene, alice.uid);
        let material = scene.root.begin_enrollment("alice").unwrap();
        let phone = host.phone(&material.key_uri);
        let _ = scene.left();
        for (words, name, code) in [
            ("confirm refused wrong-code", "WrongCode", WRONG.to_owned()),
            ("confirm refused malformed", "WrongCode", "x".to_owned()),
            ("confirm done -", "", phone.fresh_code()),
        ] {
            let told = commands.leave(words, async |e| e.confirm("alice", &code).await);
            assert_eq!(told, name, "{words}");
        }
        let request = EnrollmentRequest { proof: Some(phone.fresh_code()), ..named("tablet") };
        // One event, not one for the proof and one for the beginning.
        let told = commands.leave("begin done -", async |e| e.begin("alice", &request).await);
        assert_eq!(told, "");
        let told = commands.leave("rename refused name-taken", async |e| {
            e.rename("alice", "phone", "tablet", &phone.fresh_code()).await
        });
        assert_eq!(told, "NameTaken");
        // Locked, the commands are as closed as the logins.
        scene.leaves(&["login accepted otp alice 1000 by 0"], || {
            scene.sshd.login("alice", &from_address(OFFICE), &phone.fresh_code()).unwrap()
        });
        for _ in 0..5 {
            let _ =
                commands.leave("check refused wrong-code", async |e| e.check("alice", WRONG).await);
        }
        let code = phone.fresh_code();
        let told =
            commands.leave("check throttled locked", async |e| e.check("alice", &code).await);
        assert_eq!(told, "Throttled");
        let told = commands.leave("rename throttled locked", async |e| {
            e.rename("alice", "phone", "x", &code).await
        });
        assert_eq!(told, "Throttled");
    });
}
