//! How much one ordinary user may ask of the daemon, and how large a message may be (I20, I21).

use std::{thread, time::Duration};

use tokio::task::JoinSet;
use twinlock_interface::{
    AccountQuery, EventQuery, INTROSPECTION_XML, LoginContext, PolicyChange, Rule, State,
    names::{MAX_MESSAGE_BYTES, MAX_POLICY_BYTES, MAX_REMARK_BYTES},
    proxy::EnrollmentProxy,
};
use twinlock_tests::{
    caller::{Arguments, Caller, Refusal},
    in_sandbox,
    introspection::{Introspection, Method},
};

use zbus::Message;

use super::scene::{FAR, Scene, refusal, through_sshd};

const IN_FLIGHT: usize = 8;
const PER_MINUTE: usize = 60;

/// Names of the errors `calls` confirmations at once come back with, sorted.
fn confirm_at_once(caller: &Caller, code: &str, calls: usize) -> Vec<String> {
    let mut names = caller.run(async {
        let mut confirmations = JoinSet::new();
        for _ in 0..calls {
            let (connection, code) = (caller.connection().clone(), code.to_owned());
            confirmations.spawn(async move {
                let enrollment = EnrollmentProxy::new(&connection).await.unwrap();
                refusal(enrollment.confirm("alice", &code).await.map_err(Refusal::from))
            });
        }
        confirmations.join_all().await
    });
    names.sort();
    names
}

#[test]
fn a_user_has_eight_calls_in_flight_while_everybody_else_goes_on() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let code = scene.pending("alice").fresh_code();
        let (alice, bob) = (host.caller(scene.alice.uid), host.caller(scene.bob.uid));
        let names = thread::scope(|scope| {
            // A right code costs the daemon ten hashes before it is looked at again; meanwhile
            // the other confirmations are under way.
            let flood = scope.spawn(|| confirm_at_once(&alice, &code, IN_FLIGHT + 3));
            thread::sleep(Duration::from_millis(100));
            assert_eq!(refusal(bob.status("bob")), "");
            assert_eq!(refusal(scene.root.status("bob")), "");
            assert_eq!(refusal(scene.root.begin_login("alice", &through_sshd(FAR))), "");
            assert!(!flood.is_finished(), "too fast to tell");
            flood.join().unwrap()
        });
        let count = |name: &str| names.iter().filter(|one| *one == name).count();
        assert_eq!(count("LimitsExceeded"), 3, "{names:?}");
        assert_eq!(count("NoPendingEnrollment"), IN_FLIGHT - 1, "{names:?}");
        assert_eq!(count(""), 1, "{names:?}");
        assert_eq!(
            alice.status("alice").unwrap().state,
            State::On,
            "nothing is under way any more"
        );
    });
}

#[test]
fn a_user_has_sixty_calls_a_minute_while_everybody_else_goes_on() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _phone = scene.enrolled("alice");
        let (alice, bob) = (host.caller(scene.alice.uid), host.caller(scene.bob.uid));
        for nth in 0..PER_MINUTE {
            assert_eq!(refusal(alice.status("alice")), "", "call {nth}");
        }
        // Another connection is the same user.
        for caller in [&alice, &host.caller(scene.alice.uid)] {
            for (method, arguments) in every_method("alice", "x") {
                let refused = refusal(caller.call(&method, &arguments));
                assert_eq!(refused, "LimitsExceeded", "{method}");
            }
        }
        assert_eq!(refusal(bob.status("bob")), "");
        for nth in 0..2 * PER_MINUTE {
            assert_eq!(refusal(scene.root.status("alice")), "", "root's call {nth}");
        }
        thread::sleep(Duration::from_secs(61));
        assert_eq!(refusal(alice.status("alice")), "", "a minute later");
    });
}

#[test]
fn a_message_of_more_than_four_kibibytes_is_an_invalid_argument_of_every_method() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let bob = host.caller(scene.bob.uid);
        for length in [MAX_MESSAGE_BYTES, 3 * MAX_MESSAGE_BYTES] {
            for caller in [&scene.root, &bob] {
                for (method, arguments) in every_method(&"a".repeat(length), "x") {
                    // One of them has no arguments, and one more room.
                    if method == "Policy.Show"
                        || method == "Policy.Apply" && length < MAX_POLICY_BYTES
                    {
                        continue;
                    }
                    let refused = refusal(caller.call(&method, &arguments));
                    assert_eq!(refused, "InvalidArgument", "{method}, {length} bytes");
                }
            }
        }
    });
}

#[test]
fn a_message_of_four_kibibytes_is_read() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        // Two strings: a length, the text and a NUL each, the second length aligned to 4.
        let fits = MAX_MESSAGE_BYTES - (4 + 1 + 3) - (4 + 1);
        let answer = |length| scene.root.answer_login("", &"0".repeat(length));
        assert_eq!(refusal(answer(fits)), "NoSuchSession");
        assert_eq!(refusal(answer(fits + 1)), "InvalidArgument");
    });
}

#[test]
fn a_change_to_the_policy_of_twelve_kibibytes_is_read() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        // Rules with so many bytes of reasons in all, as many in each as there may be.
        let change = |mut bytes: usize| {
            let mut added = Vec::new();
            while added.is_empty() || bytes > 0 {
                let reason = "x".repeat(bytes.min(MAX_REMARK_BYTES));
                bytes -= reason.len();
                added.push(Rule { reason, ..Rule::default() });
            }
            PolicyChange { added, dry_run: true, ..PolicyChange::default() }
        };
        let length = |bytes: usize| {
            let message = Message::method_call("/", "X").build(&(change(bytes),)).unwrap();
            message.header().primary().body_len() as usize
        };
        let most = (0..).take_while(|bytes| length(*bytes) <= MAX_POLICY_BYTES).last().unwrap();
        // Fields are aligned, and a rule is not divided.
        assert!(MAX_POLICY_BYTES - length(most) < 512, "{}", length(most));
        assert_eq!(refusal(scene.root.change_policy(&change(most))), "");
        assert_eq!(refusal(scene.root.change_policy(&change(most + 1))), "InvalidArgument");
    });
}

#[test]
fn an_answer_that_is_too_long_does_not_use_its_session_up() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let (session, _) = scene.root.begin_login("alice", &through_sshd(FAR)).unwrap();
        let long = scene.root.answer_login(&session, &"0".repeat(MAX_MESSAGE_BYTES));
        assert_eq!(refusal(long), "InvalidArgument");
        let answered = scene.root.answer_login(&session, &phone.fresh_code());
        assert_eq!(answered.unwrap().kind, "accept");
    });
}

#[test]
fn an_entry_of_the_context_has_at_most_256_bytes() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let begin = |length: usize| {
            let text = || Some("x".repeat(length));
            let empty = LoginContext::default;
            let contexts = [
                LoginContext { service: text(), ..empty() },
                LoginContext { rhost: text(), ..empty() },
                LoginContext { tty: text(), ..empty() },
                LoginContext { ruser: text(), ..empty() },
                LoginContext { first_factor: text(), ..empty() },
                LoginContext { expects: text(), ..empty() },
            ];
            contexts.map(|context| refusal(scene.root.begin_login("alice", &context)))
        };
        assert_eq!(begin(256), [""; 6]);
        assert_eq!(begin(257), ["InvalidArgument"; 6]);
    });
}

/// A call of every method in the contract, with `first` as its first argument.
fn every_method(first: &str, second: &str) -> Vec<(String, Arguments)> {
    let call = |method: &Method| {
        let arguments = match method.input().as_str() {
            "s" => Arguments::strings(&[first]),
            "ss" => Arguments::strings(&[first, second]),
            "sss" => Arguments::strings(&[first, second, second]),
            "ssss" => Arguments::strings(&[first, second, second, second]),
            "sa{sv}" => Arguments::Login(first.to_owned(), LoginContext::default()),
            "" => Arguments::None,
            "a{sv}" => dictionary(&method.member, first),
            "saa{sv}asb" => Arguments::Import(first.to_owned(), vec![], vec![], true),
            other => panic!("a call with {other}"),
        };
        (method.short_name(), arguments)
    };
    Introspection::read(INTROSPECTION_XML, "").methods.iter().map(call).collect()
}

/// A dictionary with `text` in it, as `member` takes it.
fn dictionary(member: &str, text: &str) -> Arguments {
    let text = text.to_owned();
    match member {
        "Accounts" => Arguments::Accounts(AccountQuery { names: vec![text], after: None }),
        "Events" => Arguments::Events(EventQuery { user: Some(text), ..EventQuery::default() }),
        "Apply" => Arguments::Change(PolicyChange { author: Some(text), ..Default::default() }),
        other => panic!("a dictionary for {other}"),
    }
}
