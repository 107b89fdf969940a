//! Where the settings say so, who gave a right code from an address is not asked for another there
//! for a while: the same account, service and address, and nothing else.

use std::time::Duration;

use twinlock_interface::{LoginContext, Step};
use twinlock_tests::{
    Host, OPTIONAL, Phone, Terminal, User, in_sandbox,
    login::{Line, from_address},
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, Sshd},
    sudo,
};

/// An address a person logs in from, and another one of theirs.
const OFFICE: &str = "192.0.2.10";
const HOME: &str = "198.51.100.10";
/// One that nobody has logged in from.
const STRANGER: &str = "203.0.113.66";
/// A code of no phone here, which shows six digits.
const WRONG: &str = "1234567";

const REMEMBER: &str = "[[rule]]\nlevel = \"required\"\neveryone = true\nservices = [\"sshd\"]\n\
    remember_minutes = 30\n";
const MINUTE: Duration = Duration::from_secs(60);
/// More than the time that passes while a test looks on.
const MARGIN: Duration = Duration::from_secs(10);

/// A policy that remembers right codes for these services.
fn remembering(services: &[&str], minutes: u32) -> String {
    format!(
        "[[rule]]\nlevel = \"required\"\neveryone = true\nservices = {services:?}\n\
         remember_minutes = {minutes}\n"
    )
}

/// Whether a login is let in without a question; it must be asked for a code or let in.
fn is_let_in_at_once(line: &Line, user: &str, from: &LoginContext) -> bool {
    match line.begin(user, from).unwrap() {
        (session, Step::Accept { text }) => {
            assert_eq!((session.as_str(), text.as_str()), ("", ""));
            true
        }
        (_, Step::Ask { text, .. }) => {
            assert_eq!(text, CODE_PROMPT);
            false
        }
        (_, step) => panic!("{step:?}"),
    }
}

fn is_remembered(line: &Line, address: &str) -> bool {
    is_let_in_at_once(line, "alice", &from_address(address))
}

fn accepts(line: &Line, address: &str, code: &str) -> bool {
    matches!(line.login("alice", &from_address(address), code).unwrap(), Step::Accept { .. })
}

fn service(name: &str, address: &str) -> LoginContext {
    LoginContext { service: Some(name.to_owned()), ..from_address(address) }
}

/// alice, who has just logged in from the office on a host that remembers.
fn alice_at_the_office(host: &Host) -> (User, Phone, Line) {
    host.settable_clock();
    host.policy(REMEMBER);
    let alice = host.user("alice");
    let phone = host.enroll(&alice).phone;
    let line = host.line();
    assert!(!is_remembered(&line, OFFICE));
    assert!(accepts(&line, OFFICE, &phone.fresh_code()));
    assert!(is_remembered(&line, OFFICE));
    (alice, phone, line)
}

/// Whether a login by ssh is asked for a code; answers it with what is there.
fn is_asked(sshd: &Sshd, first: FirstFactor, user: &User, code: &str) -> bool {
    let mut terminal = Terminal::start(&sshd.ssh(user, &["echo", "running as", "$(id -un)"]));
    if first == FirstFactor::Password {
        terminal.answer(PASSWORD_PROMPT, &user.password);
    }
    let ran = format!("running as {}", user.name);
    let asked = terminal.expect_any(&[CODE_PROMPT, &ran]) == Some(0);
    if asked {
        terminal.type_line(code);
        terminal.expect(&ran);
    }
    let _ = terminal.finish().expect_success("ssh");
    asked
}

#[test]
fn nobody_is_remembered_unless_a_rule_says_so() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        for policy in [String::new(), remembering(&["sshd"], 0), OPTIONAL.to_owned()] {
            host.policy(&policy);
            assert!(accepts(&line, OFFICE, &phone.fresh_code()));
            assert!(!is_remembered(&line, OFFICE), "{policy}");
        }
        // Nor afterwards for what came before.
        host.policy(REMEMBER);
        assert!(!is_remembered(&line, OFFICE));
    });
}

#[test]
fn with_ssh_the_second_login_from_an_address_asks_for_no_code() {
    in_sandbox(|host| {
        host.settable_clock();
        host.policy(&remembering(&["sshd", "sshd-key"], 30));
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let phones = [&alice, &bob].map(|user| host.enroll(user).phone);
        for user in [&alice, &bob] {
            host.authorize_key(user);
        }
        for first in [FirstFactor::Key, FirstFactor::Password] {
            let sshd = host.sshd(first);
            assert!(is_asked(&sshd, first, &alice, &phones[0].fresh_code()), "{first:?}");
            assert!(!is_asked(&sshd, first, &alice, ""), "{first:?}: from the same address");
            // Another account, from the same one; and the other service after the first.
            assert!(is_asked(&sshd, first, &bob, &phones[1].fresh_code()), "{first:?}: bob");
        }
        let line = host.syslog.expect("reason=remembered");
        assert!(
            line.contains("login outcome=accepted") && line.contains("user=\"alice\""),
            "{line}"
        );
        assert!(line.contains("rhost=\"127.0.0.1\""), "{line}");
    });
}

#[test]
fn a_remembered_source_still_needs_its_first_factor() {
    in_sandbox(|host| {
        host.settable_clock();
        host.policy(REMEMBER);
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let sshd = host.sshd(FirstFactor::Password);
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
        let mut terminal = Terminal::start(&sshd.ssh(&alice, &["echo", "it", "ran"]));
        terminal.answer(PASSWORD_PROMPT, "not her password");
        // Which of the two was wrong is not told, so there may be a question.
        if terminal.expect_any(&[CODE_PROMPT, "it ran"]) == Some(0) {
            terminal.type_line(&phone.fresh_code());
        }
        let outcome = terminal.finish().expect_failure("ssh with a wrong password");
        assert!(!outcome.stdout.contains("it ran"), "{}", outcome.stdout);
    });
}

#[test]
fn another_address_another_service_and_another_account_are_asked() {
    in_sandbox(|host| {
        let (_, _, line) = alice_at_the_office(host);
        let bob = host.user("bob");
        let _bobs = host.enroll(&bob);
        for address in [HOME, "192.0.2.11", "2001:db8::1", "", "localhost", "192.0.2.10 "] {
            assert!(!is_remembered(&line, address), "{address:?}");
        }
        for other in ["sudo", "sshd-key", "login", "SSHD", ""] {
            assert!(!is_let_in_at_once(&line, "alice", &service(other, OFFICE)), "{other:?}");
        }
        let nameless = LoginContext { service: None, ..from_address(OFFICE) };
        assert!(!is_let_in_at_once(&line, "alice", &nameless));
        for other in ["bob", "nobody-here"] {
            assert!(!is_let_in_at_once(&line, other, &from_address(OFFICE)), "{other}");
        }
        assert!(is_remembered(&line, OFFICE));
    });
}

#[test]
fn the_networks_of_ipv6_are_what_its_addresses_are_in_ipv4() {
    in_sandbox(|host| {
        let (_, phone, line) = alice_at_the_office(host);
        assert!(is_remembered(&line, "::ffff:192.0.2.10"), "the same address in other words");
        assert!(accepts(&line, "2001:db8:0:1::1", &phone.fresh_code()));
        assert!(is_remembered(&line, "2001:db8:0:1:ffff::2"));
        assert!(!is_remembered(&line, "2001:db8:0:2::1"));
    });
}

#[test]
fn sudo_is_remembered_only_if_it_is_listed_and_never_at_a_terminal_of_this_host() {
    in_sandbox(|host| {
        host.settable_clock();
        host.policy(&remembering(&["sshd", "sudo"], 30));
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        let step = line.login("alice", &service("sudo", OFFICE), &phone.fresh_code()).unwrap();
        assert!(matches!(step, Step::Accept { .. }), "{step:?}");
        assert!(is_let_in_at_once(&line, "alice", &service("sudo", OFFICE)));
        assert!(!is_remembered(&line, OFFICE), "one service says nothing about another");
        host.policy(REMEMBER);
        assert!(!is_let_in_at_once(&line, "alice", &service("sudo", OFFICE)));

        // The real one has no address to tell.
        host.policy(&remembering(&["sudo"], 30));
        host.sudo_asks_for_a_code();
        for _ in 0..2 {
            let mut terminal = Terminal::start(&host.sudo(&alice, &["id", "-u"]));
            terminal.answer(sudo::PASSWORD_PROMPT, &alice.password);
            terminal.answer(CODE_PROMPT, &phone.fresh_code());
            let _ = terminal.finish().expect_success("sudo");
        }
    });
}

#[test]
fn what_a_program_of_ones_own_says_about_an_address_is_not_believed() {
    in_sandbox(|host| {
        let (alice, phone, line) = alice_at_the_office(host);
        let program = host.caller(alice.uid);
        let asks = |address| {
            let (session, _) = program.begin_login("alice", &from_address(address)).unwrap();
            assert_ne!(session, "", "it is let in");
            session
        };
        let session = asks(OFFICE);
        // Nor does a right code make it remember one.
        let step = program.answer_login(&session, &phone.fresh_code()).unwrap();
        assert!(matches!(Step::try_from(step), Ok(Step::Accept { .. })));
        let _ = asks(OFFICE);
        let _ = asks(HOME);
        assert!(!is_remembered(&line, HOME));
    });
}

#[test]
fn only_a_one_time_code_that_was_accepted_is_remembered() {
    in_sandbox(|host| {
        host.settable_clock();
        host.policy(REMEMBER);
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let line = host.line();
        assert!(!is_remembered(&line, OFFICE), "enrolling is no login");
        for refused in [WRONG, &enrolled.phone.spent_code(), ""] {
            assert!(!accepts(&line, OFFICE, refused));
            assert!(!is_remembered(&line, OFFICE));
        }
        // Who needs a recovery code has lost the phone, perhaps to who comes next.
        assert!(accepts(&line, OFFICE, &enrolled.recovery_codes[0]));
        assert!(!is_remembered(&line, OFFICE));
        assert!(accepts(&line, OFFICE, &enrolled.phone.fresh_code()));
        assert!(is_remembered(&line, OFFICE));
    });
}

#[test]
fn while_the_lane_of_the_source_is_locked_nobody_is_let_in_unasked() {
    in_sandbox(|host| {
        let (_, phone, line) = alice_at_the_office(host);
        // A stranger's failures close the strangers' lane, and leave the office alone.
        for _ in 0..5 {
            assert!(!accepts(&line, STRANGER, WRONG));
        }
        assert!(is_remembered(&line, OFFICE));
        // Through another service, somebody at the office guesses.
        for _ in 0..5 {
            let step = line.login("alice", &service("sudo", OFFICE), WRONG).unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
        }
        let (_, step) = line.begin("alice", &from_address(OFFICE)).unwrap();
        let Step::Ask { text, .. } = step else { panic!("{step:?}") };
        assert!(
            text.contains("Too many wrong codes") && text.ends_with("Recovery code: "),
            "{text}"
        );
        line.unlock("alice");
        assert!(is_remembered(&line, OFFICE));
        assert!(accepts(&line, HOME, &phone.fresh_code()));
    });
}

#[test]
fn it_ends_thirty_minutes_after_the_code_whoever_came_in_between() {
    in_sandbox(|host| {
        let (_, phone, line) = alice_at_the_office(host);
        for _ in 0..2 {
            host.clock.advance(15 * MINUTE - MARGIN);
            assert!(is_remembered(&line, OFFICE));
        }
        host.clock.advance(2 * MARGIN);
        assert!(!is_remembered(&line, OFFICE));
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        assert!(is_remembered(&line, OFFICE));
        host.clock.advance(2 * MINUTE);
        host.policy(&remembering(&["sshd"], 1));
        assert!(!is_remembered(&line, OFFICE));
    });
}

#[test]
fn a_reset_and_the_removal_of_any_authenticator_forget_it() {
    in_sandbox(|host| {
        let (alice, phone, line) = alice_at_the_office(host);
        let second = host.enroll_with(&alice, &[], Some(&phone.fresh_code())).phone;
        assert!(is_remembered(&line, OFFICE), "one more takes nothing away");
        let remove = ["remove", "--authenticator", "phone 2"];
        let code = second.fresh_code() + "\n";
        host.cli_reading(&alice, &remove, &code).expect_success("remove");
        assert!(!is_remembered(&line, OFFICE));
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        assert!(is_remembered(&line, OFFICE));

        host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        assert!(!is_remembered(&line, OFFICE));
        let anew = host.enroll(&alice).phone;
        assert!(!is_remembered(&line, OFFICE));
        assert!(accepts(&line, OFFICE, &anew.fresh_code()));
        assert!(is_remembered(&line, OFFICE));
    });
}

#[test]
fn without_the_rule_it_is_forgotten_for_good() {
    in_sandbox(|host| {
        let (_, _, line) = alice_at_the_office(host);
        host.await_database("SELECT count(*) FROM remembered_sources", "1");
        host.policy(&remembering(&["sudo"], 30));
        assert!(!is_remembered(&line, OFFICE));
        host.await_database("SELECT count(*) FROM remembered_sources", "0");
        host.policy(REMEMBER);
        assert!(!is_remembered(&line, OFFICE), "put back, the rule begins anew");
    });
}

#[test]
fn it_outlives_the_daemon() {
    in_sandbox(|host| {
        let (_, _, line) = alice_at_the_office(host);
        for _ in 0..3 {
            host.daemon.kill();
            assert!(is_remembered(&line, OFFICE));
            assert!(!is_remembered(&line, HOME));
        }
    });
}

#[test]
fn a_clock_that_is_set_back_ends_it_or_prolongs_it_by_less_than_it_was() {
    in_sandbox(|host| {
        let (_, phone, line) = alice_at_the_office(host);
        host.clock.set_back(60 * MINUTE);
        assert!(!is_remembered(&line, OFFICE), "it is a time of the future now");
        // Housekeeping, here that of a new start, does not leave it for the hour to come round.
        host.daemon.kill();
        assert!(!is_remembered(&line, OFFICE));
        host.await_database("SELECT count(*) FROM remembered_sources", "0");
        host.clock.advance(60 * MINUTE);
        assert!(!is_remembered(&line, OFFICE));

        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        host.clock.set_back(20 * MINUTE);
        assert!(is_remembered(&line, OFFICE));
        host.clock.advance(50 * MINUTE + MARGIN);
        assert!(!is_remembered(&line, OFFICE));
    });
}

#[test]
fn an_account_without_an_authenticator_has_nothing_to_be_remembered_by() {
    in_sandbox(|host| {
        let (alice, phone, line) = alice_at_the_office(host);
        let code = phone.fresh_code() + "\n";
        host.cli_reading(&host.root(), &["remove", "alice"], &code).expect_success("remove");
        let status = host.status(&alice);
        assert_eq!((&status["state"], &status["required"]), (&"off".into(), &true.into()));
        assert!(!is_remembered(&line, OFFICE));
    });
}
