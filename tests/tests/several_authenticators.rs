//! A person can have several authenticators, each good on its own, and nobody adds or removes one
//! without a fresh proof (I1, I12, I18).

use std::{sync::Barrier, thread};

use serde_json::{Value, json};
use twinlock_interface::Step;
use twinlock_tests::{
    Host, OPTIONAL, Outcome, Terminal, User,
    caller::Arguments,
    enrolled::Enrolled,
    in_sandbox,
    login::{Line, PamLogin, ending, from_address},
    ssh::FirstFactor,
};

const OFFICE: &str = "192.0.2.10";
/// A code of no phone here, which shows six digits.
const WRONG: &str = "1234567";

fn accepts(line: &Line, code: &str) -> bool {
    matches!(line.login("alice", &from_address(OFFICE), code).unwrap(), Step::Accept { .. })
}

/// alice with two phones, the second one added against a code from the first.
fn alice_with_two(host: &Host) -> (User, [Enrolled; 2]) {
    host.settable_clock();
    let alice = host.user("alice");
    let first = host.enroll(&alice);
    let second = host.enroll_with(&alice, &[], Some(&first.phone.fresh_code()));
    (alice, [first, second])
}

/// What the authenticators of `user` are called.
fn names(host: &Host, user: &User) -> Vec<String> {
    let status = host.status(user);
    let all = status["authenticators"].as_array().unwrap();
    all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// `twinlock ARGUMENTS --json` with one line of input.
fn type_into(host: &Host, user: &User, arguments: &[&str], line: &str) -> Outcome {
    host.cli_reading(user, &[arguments, &["--json"]].concat(), &format!("{line}\n"))
}

#[test]
fn without_a_right_proof_no_second_phone_is_begun() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let first = host.enroll(&alice);
        let bobs = host.enroll(&bob);
        let nothing = host.cli(&alice, &["enroll", "--json"]);
        assert_eq!((nothing.error_name().as_str(), nothing.stdout.as_str()), ("ProofRequired", ""));
        for (unfit, failures) in [
            (first.phone.spent_code().as_str(), 0),
            (WRONG, 1),
            (&bobs.phone.fresh_code(), 2),
            (&bobs.recovery_codes[0], 3),
            ("hunter2", 3),
        ] {
            let refused = type_into(host, &alice, &["enroll"], unfit);
            assert_eq!(refused.error_name(), "WrongCode", "{unfit}");
            assert_eq!(refused.stdout, "", "{unfit}");
            let status = host.status(&alice);
            assert_eq!(status["failures"], failures, "{unfit}");
            assert_eq!(status["expires_at"], Value::Null, "{unfit}");
        }
        // As many as in a login, of which the recovery code's was one of its own kind; then nothing
        // is compared any more.
        for _ in 0..3 {
            assert_eq!(type_into(host, &alice, &["enroll"], WRONG).error_name(), "WrongCode");
        }
        let locked = type_into(host, &alice, &["enroll"], &first.phone.fresh_code());
        assert_eq!(locked.error_name(), "Throttled");
        assert_eq!(names(host, &alice), ["phone"]);
    });
}

#[test]
fn a_recovery_code_is_a_proof_too_and_is_spent_by_it() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let first = host.enroll(&alice);
        let code = &first.recovery_codes[3];
        let second = host.enroll_with(&alice, &["--name", "tablet"], Some(code));
        assert_eq!(second.recovery_codes, [""; 0], "the set that is there stays");
        assert_eq!(host.status(&alice)["recovery_codes_left"], 9);
        assert_eq!(names(host, &alice), ["phone", "tablet"]);
        let line = host.line();
        assert!(!accepts(&line, code));
        assert!(accepts(&line, &second.phone.fresh_code()));
        assert!(accepts(&line, &first.recovery_codes[4]));
    });
}

#[test]
fn a_person_at_a_terminal_is_asked_for_the_proof_and_told_which_code_comes_next() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let first = host.enroll(&alice).phone;
        let mut terminal = Terminal::start(&host.cli_command(&alice, &["enroll", "--no-qr"]));
        let proof = "Code from an authenticator you already have, or a recovery code: ";
        terminal.answer(proof, WRONG);
        terminal.answer(proof, &first.fresh_code());
        terminal.expect("Code from the new authenticator: ");
        let text = terminal.text();
        let key_uri = text.lines().find(|line| line.starts_with("otpauth://")).unwrap();
        terminal.type_line(&host.phone(key_uri).fresh_code());
        let shown = terminal.finish().expect_success("enroll").stdout;
        assert!(shown.contains("The authenticator is added to alice."), "{shown}");
        assert_eq!(names(host, &alice), ["phone", "phone 2"]);
    });
}

#[test]
fn either_phone_logs_in_and_the_use_of_one_spends_nothing_of_the_other() {
    in_sandbox(|host| {
        let (alice, [first, second]) = alice_with_two(host);
        let sshd = host.sshd(FirstFactor::Password);
        for enrolled in [&first, &second] {
            assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
        }
        let line = host.line();
        let codes = [first.phone.fresh_code(), second.phone.fresh_code()];
        assert!(accepts(&line, &codes[0]));
        assert!(!accepts(&line, &codes[0]), "once");
        assert!(accepts(&line, &codes[1]), "the replay was the other one's");
        for code in &codes {
            assert!(!accepts(&line, code));
            assert_eq!(PamLogin::run("alice", OFFICE, code).code, ending::AUTH_ERR);
        }
        // Refused because they are used, not because they are wrong.
        assert_eq!(line.status("alice").failures, 0);
        host.daemon.kill();
        for code in &codes {
            assert!(!accepts(&line, code), "after a restart");
        }
        assert!(accepts(&line, &second.phone.fresh_code()));
        assert!(accepts(&line, &first.phone.fresh_code()));
    });
}

#[test]
fn two_authenticators_never_share_a_key_which_would_make_each_code_good_twice() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let path = alice.home.join("key");
        std::fs::write(&path, format!("{}\n", phone.secret)).unwrap();
        let with_key = ["enroll", "--name", "again", "--secret-file", path.to_str().unwrap()];
        let code = phone.fresh_code();
        assert_eq!(type_into(host, &alice, &with_key, &code).error_name(), "KeyTaken");
        let by_root = [&with_key[..], &["alice"]].concat();
        assert_eq!(type_into(host, &host.root(), &by_root, "").error_name(), "KeyTaken");
        // It was no use as a proof, so it is as good as before, and no better.
        let line = host.line();
        assert!(accepts(&line, &code));
        assert!(!accepts(&line, &code));
        assert_eq!(names(host, &alice), ["phone"]);
    });
}

#[test]
fn removing_one_leaves_the_other_and_the_recovery_codes() {
    in_sandbox(|host| {
        let (alice, [first, second]) = alice_with_two(host);
        let remove = ["remove", "--authenticator", "phone 2"];
        for unfit in [&second.phone.spent_code(), WRONG] {
            assert_eq!(type_into(host, &alice, &remove, unfit).error_name(), "WrongCode");
        }
        let unknown = ["remove", "--authenticator", "phone 3"];
        let unspent = first.phone.fresh_code();
        let refused = type_into(host, &alice, &unknown, &unspent);
        assert_eq!(refused.error_name(), "NoSuchAuthenticator");
        // Against a code of the one that stays, or of the one that goes: both are the person's.
        type_into(host, &alice, &remove, &unspent).expect_success("remove");
        assert_eq!(names(host, &alice), ["phone"]);
        let line = host.line();
        assert!(!accepts(&line, &second.phone.fresh_code()));
        assert!(accepts(&line, &first.phone.fresh_code()));
        assert_eq!(line.status("alice").recovery_codes_left, 10);
        assert!(accepts(&line, &first.recovery_codes[0]));

        let third = host.enroll_with(&alice, &[], Some(&first.phone.fresh_code()));
        assert_eq!(names(host, &alice), ["phone", "phone 2"], "the name is free again");
        let going = ["remove", "--authenticator", "phone"];
        type_into(host, &alice, &going, &first.phone.fresh_code()).expect_success("remove");
        assert!(!accepts(&line, &first.phone.fresh_code()));
        assert!(accepts(&line, &third.phone.fresh_code()));
    });
}

#[test]
fn a_name_belongs_to_one_authenticator_of_the_account() {
    in_sandbox(|host| {
        let (alice, [first, second]) = alice_with_two(host);
        let root = host.root();
        let rename =
            |old: &str, new: &str, code: &str| type_into(host, &alice, &["rename", old, new], code);
        for unfit in [&first.phone.spent_code(), WRONG] {
            assert_eq!(rename("phone", "mobile", unfit).error_name(), "WrongCode");
        }
        let unspent = second.phone.fresh_code();
        assert_eq!(rename("tablet", "mobile", &unspent).error_name(), "NoSuchAuthenticator");
        for bad in [" phone", "pho\tne", &*"x".repeat(65)] {
            assert_eq!(rename("phone", bad, &unspent).error_name(), "InvalidArgument", "{bad:?}");
        }
        assert_eq!(rename("phone", "phone 2", &unspent).error_name(), "NameTaken");
        assert_eq!(names(host, &alice), ["phone", "phone 2"]);
        let renamed = rename("phone 2", "Schlüssel am Bund", &second.phone.fresh_code());
        assert_eq!(renamed.expect_success("rename").json()["name"], "Schlüssel am Bund");
        rename("phone", "phone", &first.recovery_codes[0]).expect_success("rename to itself");
        assert_eq!(names(host, &alice), ["phone", "Schlüssel am Bund"]);

        for (caller, proof) in [(&root, None), (&alice, Some(first.phone.fresh_code()))] {
            let arguments = ["enroll", "--json", "--name", "phone", "alice"];
            let typed = proof.map(|code| code + "\n").unwrap_or_default();
            let taken = host.cli_reading(caller, &arguments, &typed);
            assert_eq!(taken.error_name(), "NameTaken", "{}", caller.name);
        }
        assert_eq!(host.status(&alice)["expires_at"], Value::Null);
        // Nor does one take the name of another that waits for its first code.
        let begun = host.cli(&root, &["enroll", "--json", "--name", "watch", "alice"]);
        assert_eq!(begun.error_name(), "NoInput");
        let code = first.phone.fresh_code();
        assert_eq!(rename("phone", "watch", &code).error_name(), "NameTaken");
        // Renamed, it is what it was.
        let line = host.line();
        assert!(!accepts(&line, &second.phone.spent_code()));
        assert!(accepts(&line, &second.phone.fresh_code()));
    });
}

#[test]
fn what_cannot_be_done_spends_no_code() {
    in_sandbox(|host| {
        let (alice, [_, second]) = alice_with_two(host);
        let code = second.phone.fresh_code();
        for (arguments, name) in [
            (&["rename", "phone", "phone 2"][..], "NameTaken"),
            (&["rename", "tablet", "laptop"], "NoSuchAuthenticator"),
            (&["enroll", "--name", "phone 2"], "NameTaken"),
            (&["enroll", "--digits", "9"], "InvalidArgument"),
            (&["remove", "--authenticator", "tablet"], "NoSuchAuthenticator"),
            (&["remove", "--all"], "Required"),
            // Which of the two nobody can guess.
            (&["remove"], "Usage"),
        ] {
            let refused = type_into(host, &alice, arguments, &code);
            assert_eq!(refused.error_name(), name, "{arguments:?}");
        }
        assert!(accepts(&host.line(), &code));
    });
}

#[test]
fn an_account_has_at_most_eight() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, root) = (host.user("alice"), host.root());
        let mut phones = vec![host.enroll(&alice).phone];
        // root needs no proof.
        phones.extend((0..7).map(|_| host.enroll_with(&root, &["alice"], None).phone));
        let expected: Vec<_> = (2..=8).map(|number| format!("phone {number}")).collect();
        assert_eq!(names(host, &alice)[1..], expected);
        let ninth = host.cli(&root, &["enroll", "--json", "alice"]);
        assert_eq!(ninth.error_name(), "TooManyAuthenticators");
        let code = phones[0].fresh_code();
        let ninth = type_into(host, &alice, &["enroll"], &code);
        assert_eq!(ninth.error_name(), "TooManyAuthenticators");
        assert_eq!(names(host, &alice).len(), 8);
        let line = host.line();
        assert!(accepts(&line, &code), "it was no use as a proof");
        for phone in &phones {
            assert!(accepts(&line, &phone.fresh_code()));
        }
    });
}

#[test]
fn the_last_one_stays_where_a_code_is_required_and_the_code_is_not_spent() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let Enrolled { phone, recovery_codes } = host.enroll(&alice);
        for proof in [&phone.fresh_code(), &recovery_codes[0]] {
            for remove in [&["remove"][..], &["remove", "--authenticator", "phone"]] {
                let refused = type_into(host, &alice, remove, proof);
                assert_eq!(refused.error_name(), "Required", "{remove:?}");
            }
            assert!(accepts(&host.line(), proof));
        }
        assert_eq!(names(host, &alice), ["phone"]);
        let _second = host.enroll_with(&alice, &[], Some(&phone.fresh_code()));
        let code = phone.fresh_code();
        assert_eq!(type_into(host, &alice, &["remove", "--all"], &code).error_name(), "Required");
        type_into(host, &alice, &["remove", "--authenticator", "phone 2"], &code)
            .expect_success("remove one of two");
        // root may have the last one removed, and needs a code for it all the same.
        let root = host.root();
        let remove = ["remove", "alice"];
        assert_eq!(type_into(host, &root, &remove, &code).error_name(), "WrongCode");
        type_into(host, &root, &remove, &phone.fresh_code()).expect_success("remove by root");
        assert_eq!(host.status(&alice)["state"], "off");
    });
}

#[test]
fn of_two_removals_at_once_one_leaves_the_last_one_where_it_is() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let mut left = host.enroll(&alice).phone;
        for round in 0..6 {
            let other = host.enroll_with(&alice, &["--name", "other"], Some(&left.fresh_code()));
            let start = Barrier::new(2);
            let remove = |name: &str, code: &str| {
                let caller = host.caller(alice.uid);
                let arguments = Arguments::strings(&["alice", name, code]);
                start.wait();
                caller.call("Enrollment.Remove", &arguments).map(drop)
            };
            let (name, code) = (names(host, &alice).remove(0), left.fresh_code());
            let others_code = other.phone.fresh_code();
            let outcomes = thread::scope(|scope| {
                let removals = [(name.as_str(), &code), ("other", &others_code)]
                    .map(|(name, code)| scope.spawn(|| remove(name, code)));
                removals.map(|removal| removal.join().unwrap())
            });
            match outcomes {
                [Ok(()), Err(refusal)] | [Err(refusal), Ok(())] => {
                    assert_eq!(refusal.name, "Required", "round {round}");
                }
                both => panic!("round {round}: {both:?}"),
            }
            match names(host, &alice).as_slice() {
                [one] if one == "other" => {
                    left = other.phone;
                    let rename = ["rename", "other", "phone"];
                    type_into(host, &alice, &rename, &left.fresh_code()).expect_success("rename");
                }
                [one] if *one == name => {}
                several => panic!("round {round}: {several:?}"),
            }
        }
        assert!(accepts(&host.line(), &left.fresh_code()));
    });
}

#[test]
fn where_no_code_is_required_the_last_one_may_go_and_the_recovery_codes_go_with_it() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let Enrolled { phone, recovery_codes } = host.enroll(&alice);
        let begun = host.enroll_with(&alice, &[], Some(&phone.fresh_code()));
        host.policy(OPTIONAL);
        let one = ["remove", "--authenticator", "phone 2"];
        type_into(host, &alice, &one, &begun.phone.fresh_code()).expect_success("remove");
        assert_eq!(host.status(&alice)["recovery_codes_left"], 10);
        // A third one that waits for its first code goes, too.
        let _ = type_into(host, &alice, &["enroll"], &phone.fresh_code());
        assert!(host.status(&alice)["expires_at"].is_u64());
        let mut terminal =
            Terminal::start(&host.cli_command(&alice, &["remove", "--authenticator", "phone"]));
        terminal.expect("It is the last authenticator: the recovery codes are removed with it.");
        terminal.answer("Code from the app, or a recovery code: ", &phone.fresh_code());
        let _ = terminal.finish().expect_success("remove");
        let status = host.status(&alice);
        assert_eq!((&status["state"], &status["expires_at"]), (&json!("off"), &Value::Null));
        assert_eq!(status["recovery_codes_left"], 0);
        let line = host.line();
        let step = line.login("alice", &from_address(OFFICE), "").unwrap();
        assert!(matches!(step, Step::NotRequired), "{step:?}");
        // Required again, nothing that was opens the door.
        host.policy("");
        for dead in [&recovery_codes[0], &phone.fresh_code(), &begun.phone.fresh_code()] {
            assert!(!accepts(&line, dead));
        }
    });
}

#[test]
fn status_tells_of_each_what_it_is_and_when_it_was_used() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let first = host.enroll(&alice);
        let token = ["--name", "token", "--kind", "hotp", "--algorithm", "sha512", "--digits", "8"];
        let _token = host.enroll_with(&alice, &token, Some(&first.phone.fresh_code()));
        let watch = ["--name", "watch", "--algorithm", "sha256", "--period", "60"];
        let watch = host.enroll_with(&alice, &watch, Some(&first.phone.fresh_code()));
        let before = host.clock.now();
        host.clock.advance(std::time::Duration::from_secs(3600));
        assert!(accepts(&host.line(), &watch.phone.fresh_code()));
        let status = host.status(&alice);
        let all = status["authenticators"].as_array().unwrap();
        let is = |one: &Value| {
            ["name", "kind", "algorithm", "digits", "period"].map(|key| one[key].clone())
        };
        assert_eq!(
            is(&all[0]),
            [json!("phone"), json!("totp"), json!("SHA1"), json!(6), json!(30)]
        );
        assert_eq!(
            is(&all[1]),
            [json!("token"), json!("hotp"), json!("SHA512"), json!(8), json!(0)]
        );
        assert_eq!(
            is(&all[2]),
            [json!("watch"), json!("totp"), json!("SHA256"), json!(6), json!(60)]
        );
        let time = |one: &Value, key: &str| one[key].as_u64().unwrap();
        for one in all {
            assert!(time(one, "confirmed_at") <= before, "{one}");
            let used_lately = time(one, "last_accepted_at") > before;
            assert_eq!(used_lately, one["name"] == "watch", "{one}");
        }
        let text = host.cli(&alice, &["status"]).expect_success("status").stdout;
        assert!(text.contains("token (hotp, SHA512, 8 digits) since "), "{text}");
        assert!(text.contains("watch (SHA256, 60 s) since "), "{text}");
    });
}
