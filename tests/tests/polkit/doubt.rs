//! Whatever is not a plain yes of polkit, to somebody who is still there, is a no; and nobody waits
//! for a question that is put to somebody else.

use std::{
    thread,
    time::{Duration, Instant},
};

use twinlock_interface::names::{BUS_NAME, MANAGE_ACCOUNTS, MANAGER, OBJECT_PATH};
use twinlock_tests::{
    caller::{Arguments, Caller, Refusal},
    in_sandbox,
    login::from_address,
};
use zbus::{Message, fdo::DBusProxy, message::Flags, names::OwnedUniqueName};

use super::{
    authority::{Authority, Question, remove_the_hosts},
    scene::{Scene, eventually},
};

/// Questions at a time.
const AT_ONCE: usize = 8;
/// How long a login may take while others keep the daemon busy (I20).
const PROMPTLY: Duration = Duration::from_secs(1);

fn unlock() -> Arguments {
    Arguments::strings(&["alice"])
}

fn name_of(result: Result<(), Refusal>) -> String {
    result.err().map(|refusal| refusal.name).unwrap_or_default()
}

/// Unlocks Alice as Carol, while `play` is polkit. Returns the name of the error, or nothing.
fn unlock_while(scene: &Scene<'_>, play: impl FnOnce(&mut Authority)) -> String {
    let mut authority = Authority::take_place(scene.host);
    thread::scope(|threads| {
        let caller = scene.host.caller(scene.carol.uid);
        let call = threads.spawn(move || caller.unlock("alice"));
        play(&mut authority);
        drop(authority);
        name_of(call.join().unwrap())
    })
}

#[test]
fn polkit_is_asked_about_the_connection_that_called_and_told_nothing_else() {
    in_sandbox(|host| {
        remove_the_hosts(host);
        let scene = Scene::set(host);
        let mut authority = Authority::take_place(host);
        for interactive in [false, true] {
            let caller = host.caller(scene.carol.uid);
            let name = caller.name().to_string();
            let call = thread::spawn(move || match interactive {
                true => caller.unlock("alice"),
                false => caller.call("Manager.Unlock", &unlock()).map(drop),
            });
            let question = authority.question();
            assert_eq!(question.kind, "system-bus-name");
            assert_eq!(question.details, [("name".to_owned(), name)]);
            assert_eq!(question.action, MANAGE_ACCOUNTS);
            // A password is asked for only if the caller said that it can wait for one.
            assert_eq!(question.interactive, interactive);
            assert!(scene.is_locked());
            authority.answer(&question, true, false);
            assert_eq!(name_of(call.join().unwrap()), "");
            assert!(!scene.is_locked());
            scene.lock();
        }
    });
}

#[test]
fn only_a_plain_yes_is_one() {
    in_sandbox(|host| {
        remove_the_hosts(host);
        let scene = Scene::set(host);
        let before = scene.descriptors();
        type Play = fn(&mut Authority, Question);
        let plays: [(&str, Play); 5] = [
            ("no", |polkit, question| polkit.answer(&question, false, false)),
            ("a challenge", |polkit, question| polkit.answer(&question, false, true)),
            ("an error", |polkit, question| polkit.fail(&question)),
            ("an end", |_, _| {}),
            ("yes to another question", |polkit, question| {
                let other = polkit.question_within(Duration::from_millis(500));
                assert!(other.is_none());
                polkit.answer(&question, false, false);
                polkit.answer(&question, true, false);
            }),
        ];
        for (what, play) in plays {
            let refused = unlock_while(&scene, |authority| {
                let question = authority.question();
                play(authority, question);
            });
            assert_eq!(refused, "NotAuthorized", "{what}");
            assert!(scene.is_locked(), "{what}");
            scene.await_descriptors(before);
        }
        let trouble = host.syslog.expect("polkit: org.twinlock.Twinlock1.manage-accounts: ");
        assert!(trouble.contains("out of order"), "{trouble}");
        // Root is not asked about at all.
        let mut authority = Authority::take_place(host);
        assert_eq!(name_of(host.caller(0).unlock("alice")), "");
        assert!(authority.question_within(Duration::from_millis(200)).is_none());
    });
}

#[test]
fn a_yes_for_somebody_who_has_left_comes_too_late() {
    in_sandbox(|host| {
        remove_the_hosts(host);
        let scene = Scene::set(host);
        let mut authority = Authority::take_place(host);
        let caller = host.caller(scene.carol.uid);
        let reset = Message::method_call(OBJECT_PATH, "Reset")
            .destination(BUS_NAME)
            .interface(MANAGER)
            .with_flags(Flags::ALLOW_INTERACTIVE_AUTH)
            .build(&("alice",))
            .unwrap();
        caller.run(caller.connection().send(&reset)).unwrap();
        let question = authority.question();
        let name = OwnedUniqueName::from(caller.name());
        drop(caller);
        let root = host.caller(0);
        eventually(|| !is_there(&root, &name), "the caller stays");
        authority.answer(&question, true, false);
        let line = host.syslog.expect("reset outcome=refused reason=not-authorized");
        assert!(line.contains(&format!("caller={}", scene.carol.uid)), "{line}");
        assert!(scene.is_locked(), "nothing is reset");
    });
}

fn is_there(caller: &Caller, name: &OwnedUniqueName) -> bool {
    caller.run(async {
        let bus = DBusProxy::new(caller.connection()).await.unwrap();
        bus.name_has_owner(name.as_ref().into()).await.unwrap()
    })
}

#[test]
fn open_questions_are_bounded_and_hold_nobody_else_up() {
    in_sandbox(|host| {
        remove_the_hosts(host);
        let scene = Scene::set(host);
        let before = scene.descriptors();
        scene.line.unlock("alice");
        let mut authority = Authority::take_place(host);
        let asked = |uid| {
            let caller = host.caller(uid);
            thread::spawn(move || caller.unlock("alice"))
        };
        let people: Vec<_> = (0..=AT_ONCE).map(|nth| host.user(&format!("p{nth}")).uid).collect();
        let [first, .., last] = people[..] else { panic!("{people:?}") };
        let mut calls = Vec::new();
        let mut questions = Vec::new();
        for uid in people.iter().take(AT_ONCE) {
            calls.push(asked(*uid));
            questions.push(authority.question());
        }
        // One question at a time for each uid, eight in all.
        for uid in [first, last] {
            assert_eq!(name_of(host.caller(uid).unlock("alice")), "LimitsExceeded");
        }
        for _ in 0..5 {
            let begun = Instant::now();
            let code = scene.phone.fresh_code();
            let step = scene.line.login("alice", &from_address("192.0.2.1"), &code).unwrap();
            assert!(matches!(step, twinlock_interface::Step::Accept { .. }), "{step:?}");
            assert!(begun.elapsed() < PROMPTLY, "{:?}", begun.elapsed());
        }
        scene.line.unlock("alice");
        host.caller(scene.bob.uid).status("bob").unwrap();
        for (question, permits) in questions.iter().zip([true, false].into_iter().cycle()) {
            authority.answer(question, permits, false);
        }
        let names: Vec<_> = calls.into_iter().map(|call| name_of(call.join().unwrap())).collect();
        assert_eq!(names, ["", "NotAuthorized"].repeat(4));
        scene.await_descriptors(before);
        // Their turns are over.
        let call = asked(first);
        let question = authority.question();
        authority.answer(&question, true, false);
        assert_eq!(name_of(call.join().unwrap()), "");
    });
}

#[test]
fn a_question_that_nobody_answers_ends_as_a_refusal() {
    in_sandbox(|host| {
        remove_the_hosts(host);
        let scene = Scene::set(host);
        let before = scene.descriptors();
        let mut authority = Authority::take_place(host);
        let begun = Instant::now();
        let caller = host.caller(scene.carol.uid);
        let call = thread::spawn(move || caller.unlock("alice"));
        let _question = authority.question();
        assert_eq!(name_of(call.join().unwrap()), "NotAuthorized");
        let waited = begun.elapsed();
        assert!((118..125).contains(&waited.as_secs()), "{waited:?}");
        assert!(scene.is_locked());
        scene.await_descriptors(before);
    });
}
