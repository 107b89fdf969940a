//! Outside the days in which logins enrol, an account without a second factor looks like any other,
//! and only a ticket opens enrolment: once, for its account, behind a first factor.

use std::time::Duration;

use serde_json::Value;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, Terminal, User,
    enrolling::{ENDED, FIRST_CODE, WRONG_FIRST_CODE, behind_a_password, key_on, page},
    in_sandbox, pam,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, RECOVERY_PROMPT, Sshd},
};

const REFUSED: &str = "Code not accepted.";
const HOUR: Duration = Duration::from_secs(3600);
/// Shaped like a ticket, and nobody's.
const WRONG_TICKET: &str = "AAAA-BBBB-CCCC-DDDD";

fn ticket(host: &Host, user: &User) -> String {
    let outcome = host.cli(&host.root(), &["ticket", &user.name, "--json"]);
    let issued: Value = serde_json::from_str(&outcome.expect_success("ticket").stdout).unwrap();
    assert_eq!(issued["user"], user.name);
    let day = host.clock.now() + 24 * 3600;
    assert!(issued["expires_at"].as_u64().unwrap().abs_diff(day) < 60, "{issued}");
    issued["ticket"].as_str().unwrap().to_owned()
}

fn status(host: &Host, user: &User) -> (String, u64) {
    let status = host.status(user);
    (status["state"].as_str().unwrap().to_owned(), status["failures"].as_u64().unwrap())
}

fn reset(host: &Host, user: &User) {
    host.cli(&host.root(), &["reset", "--yes", &user.name]).expect_success("reset");
}

/// Takes the authenticator away, and leaves everything else where it is.
fn remove(host: &Host, user: &User, code: &str) {
    let input = format!("{code}\n");
    host.cli_reading(&host.root(), &["remove", &user.name], &input).expect_success("remove");
    assert_eq!(status(host, user).0, "off");
}

/// A login in which `answer` was given where a code is asked for.
fn login_with(sshd: &Sshd, user: &User, answer: &str) -> Terminal {
    let mut login = sshd.first_factor(user, &sshd.ssh(user, &["echo", "running as", "$(id -un)"]));
    login.answer(CODE_PROMPT, answer);
    login
}

/// Whether `answer` brings the page with the key; the login is left there.
fn opens(sshd: &Sshd, user: &User, answer: &str) -> bool {
    login_with(sshd, user, answer).expect_any(&[FIRST_CODE, REFUSED]) == Some(0)
}

#[test]
fn outside_the_window_an_account_without_an_authenticator_looks_like_any_other() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, carol) = (host.user("alice"), host.user("carol"));
        for user in [&alice, &carol] {
            host.authorize_key(user);
        }
        let phone = host.enroll(&carol).phone;
        let _ = ticket(host, &alice);
        for policy in ["", "[[rule]]\nlevel = \"required\"\neveryone = true\n"] {
            host.policy(policy);
            for first in [FirstFactor::Password, FirstFactor::Key] {
                let sshd = host.sshd(first);
                for answer in [&phone.wrong_code(0), WRONG_TICKET, "", "a word"] {
                    let [alone, other] = [&alice, &carol].map(|user| {
                        let outcome = login_with(&sshd, user, answer).finish();
                        outcome.expect_failure(answer).stdout.replace(&user.name, "NAME")
                    });
                    assert_eq!(alone, other, "{answer:?}");
                    assert!(alone.contains(REFUSED) && alone.is_ascii(), "{alone}");
                }
            }
        }
        assert_eq!(status(host, &alice).0, "off");
    });
}

#[test]
fn after_a_week_nothing_is_offered_any_more_not_even_what_was_begun() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let sshd = host.sshd(FirstFactor::Password);
        host.clock.advance(7 * 24 * HOUR - Duration::from_secs(120));
        let ssh = |user| sshd.first_factor(user, &sshd.ssh(user, &["id"]));
        let key = ssh(&alice).key_page();
        assert_eq!(status(host, &alice).0, "pending");
        host.clock.advance(Duration::from_secs(121));
        for user in [&alice, &bob] {
            let mut login = ssh(user);
            assert_eq!(login.expect_any(&[CODE_PROMPT, FIRST_CODE]), Some(0), "{}", user.name);
            login.type_line(&host.phone_with(&key).code());
            let outcome = login.finish().expect_failure("the code of what was begun");
            assert!(outcome.stdout.contains(REFUSED), "{}", outcome.stdout);
        }
        assert_ne!(status(host, &alice).0, "on");
    });
}

#[test]
fn a_ticket_opens_one_enrolment() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        host.authorize_key(&alice);
        for first in [FirstFactor::Password, FirstFactor::Key] {
            let sshd = host.sshd(first);
            let ticket = ticket(host, &alice);
            // As people spell it.
            let mut login = login_with(&sshd, &alice, &ticket.replace('-', " ").to_lowercase());
            let phone = host.phone_with(&login.key_page());
            let codes = login.finish_enrolling(&phone);
            let outcome = login.finish().expect_success("a login with a ticket");
            assert!(outcome.stdout.ends_with("\nrunning as alice\n"), "{}", outcome.stdout);
            assert_eq!(status(host, &alice), ("on".into(), 0));
            assert!(sshd.lets_in(&alice, &phone.fresh_code()));
            assert!(sshd.lets_in(&alice, &codes[4]));

            assert!(!opens(&sshd, &alice, &ticket), "of an account with an authenticator");
            host.cli(&host.root(), &["ticket", "alice"])
                .expect_failure("a ticket for the enrolled");
            host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
            assert!(!opens(&sshd, &alice, &ticket), "after reset");
            host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        }
    });
}

#[test]
fn a_ticket_is_good_until_the_enrolment_it_opened_is_done() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let ticket = ticket(host, &alice);
        let mut cut = login_with(&sshd, &alice, &ticket);
        let key = cut.key_page();
        drop(cut);
        sshd.wait_until_idle();

        let mut killed = login_with(&sshd, &alice, &ticket);
        assert_eq!(killed.key_page(), key);
        host.daemon.kill();
        killed.type_line(&host.phone_with(&key).code());
        killed.finish().expect_failure("a login whose daemon is gone");

        let phone = host.phone_with(&key);
        let mut cut_at_the_codes = login_with(&sshd, &alice, &ticket);
        assert_eq!(cut_at_the_codes.key_page(), key);
        cut_at_the_codes.type_line(&phone.fresh_code());
        let _ = cut_at_the_codes.recovery_page();
        drop(cut_at_the_codes);
        sshd.wait_until_idle();
        assert_eq!(status(host, &alice).0, "pending");
        assert!(!opens(&sshd, &alice, &phone.fresh_code()), "a code of what is not done");

        let mut login = login_with(&sshd, &alice, &ticket);
        assert_eq!(login.key_page(), key);
        let _ = login.finish_enrolling(&phone);
        login.finish().expect_success("the fourth login with one ticket");
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
    });
}

#[test]
fn a_ticket_ends_after_a_day() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let ticket = ticket(host, &alice);
        host.clock.advance(24 * HOUR - Duration::from_secs(120));
        assert!(opens(&sshd, &alice, &ticket));
        host.clock.advance(Duration::from_secs(120));
        assert!(!opens(&sshd, &alice, &ticket));
    });
}

#[test]
fn a_ticket_ends_with_the_next_one_with_reset_and_with_an_enrolment_elsewhere() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let (first, second) = (ticket(host, &alice), ticket(host, &alice));
        assert!(!opens(&sshd, &alice, &first));
        assert!(opens(&sshd, &alice, &second));

        reset(host, &alice);
        assert!(!opens(&sshd, &alice, &second));

        let third = ticket(host, &alice);
        let elsewhere = host.enroll(&alice);
        remove(host, &alice, &elsewhere.recovery_codes[0]);
        assert!(!opens(&sshd, &alice, &third));
    });
}

#[test]
fn a_wrong_ticket_is_charged_like_a_wrong_recovery_code() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let ticket = ticket(host, &alice);
        assert!(!opens(&sshd, &alice, WRONG_TICKET));
        assert_eq!(status(host, &alice), ("off".into(), 1));
        // A right one opens, and has its own lane forgotten.
        assert!(opens(&sshd, &alice, &ticket));
        assert_eq!(status(host, &alice), ("pending".into(), 0));

        for _ in 0..5 {
            assert!(!opens(&sshd, &alice, WRONG_TICKET));
        }
        assert_eq!(status(host, &alice).1, 5);
        // No lock on codes, which are asked for as before, but one on tickets.
        let mut locked = login_with(&sshd, &alice, &ticket);
        assert_eq!(locked.expect_any(&["Too many wrong codes", FIRST_CODE]), Some(0));
        locked.finish().expect_failure("a right ticket while locked");
        host.clock.advance(HOUR / 4);
        assert!(opens(&sshd, &alice, &ticket));
    });
}

#[test]
fn the_ticket_of_another_account_is_a_wrong_one() {
    in_sandbox(|host| {
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let sshd = host.sshd(FirstFactor::Password);
        let (of_alice, of_bob) = (ticket(host, &alice), ticket(host, &bob));
        assert!(!opens(&sshd, &alice, &of_bob));
        assert_eq!(status(host, &alice), ("off".into(), 1));
        assert_eq!(status(host, &bob), ("off".into(), 0));
        assert!(opens(&sshd, &bob, &of_bob), "nobody used it up");
        assert!(opens(&sshd, &alice, &of_alice));
    });
}

#[test]
fn a_ticket_alone_lets_nobody_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let ticket = ticket(host, &alice);
        let mut again = login_with(&sshd, &alice, &ticket);
        again.answer(FIRST_CODE, &ticket);
        again.answer(FIRST_CODE, &ticket);
        again.finish().expect_failure("the ticket in place of the code");

        let mut guessing = login_with(&sshd, &alice, &ticket);
        let phone = host.phone_with(&guessing.key_page());
        for nth in 0..2 {
            guessing.type_line(&phone.wrong_code(nth));
            guessing.expect(WRONG_FIRST_CODE);
            guessing.expect(FIRST_CODE);
        }
        guessing.type_line(&phone.wrong_code(2));
        guessing.finish().expect_failure("a ticket and wrong codes");
        assert_eq!(status(host, &alice), ("pending".into(), 3));
    });
}

#[test]
fn a_ticket_typed_while_codes_are_locked_has_to_wait_and_is_good_afterwards() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let (line, from) = (host.line(), behind_a_password("192.0.2.10"));
        let ticket = ticket(host, &alice);
        for _ in 0..5 {
            let step = line.login("alice", &from, "123456").unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
        }
        let (session, step) = line.begin("alice", &from).unwrap();
        let _ = page(step, RECOVERY_PROMPT);
        let step = line.answer(&session, &ticket).unwrap();
        assert!(matches!(&step, Step::Wait { text } if text.contains("15 minutes")), "{step:?}");
        assert_eq!(status(host, &alice).0, "off");
        host.clock.advance(HOUR / 4);
        let _ = key_on(&page(line.login("alice", &from, &ticket).unwrap(), FIRST_CODE));
    });
}

#[test]
fn a_new_ticket_ends_what_the_one_before_it_began() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let (line, from) = (host.line(), behind_a_password("192.0.2.10"));
        let open = |ticket: &str| {
            let (session, step) = line.begin("alice", &from).unwrap();
            assert_eq!(page(step, CODE_PROMPT), CODE_PROMPT);
            let shown = page(line.answer(&session, ticket).unwrap(), FIRST_CODE);
            (session, key_on(&shown))
        };
        let first = ticket(host, &alice);
        let [(at_the_key, key), (at_the_codes, same)] = [open(&first), open(&first)];
        assert_eq!(key, same);
        let _ = line.recovery_page(&at_the_codes, &host.phone_with(&key).fresh_code());
        let second = ticket(host, &alice);
        assert_eq!(status(host, &alice).0, "off");
        assert_eq!(line.answer(&at_the_key, "").unwrap(), Step::Refuse { text: ENDED.to_owned() });
        assert_eq!(line.note(&at_the_codes), Step::Refuse { text: ENDED.to_owned() });
        assert_ne!(open(&second).1, key);
    });
}

#[test]
fn an_end_more_than_ninety_days_ahead_enrolls_nobody() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let phone = host.enroll(&bob).phone;
        let (line, from) = (host.line(), behind_a_password("192.0.2.10"));
        const DAY: u64 = 24 * 3600;
        let far = host.enrolling_until(host.clock.now() + 91 * DAY);
        let apply = ["policy", "apply", "-f", "-"];
        let refused = host.cli_reading(&host.root(), &apply, &far).expect_failure("91 days");
        assert!(refused.stderr.contains("90 days"), "{}", refused.stderr);
        // A clock that was set back, or was ahead when the rule was made.
        host.policy(&host.enrolling_until(host.clock.now() + 89 * DAY));
        host.clock.set_back(Duration::from_secs(2 * DAY));
        let (_, step) = line.begin("alice", &from).unwrap();
        assert_eq!(page(step, CODE_PROMPT), CODE_PROMPT);
        let step = line.login("bob", &from, &phone.fresh_code()).unwrap();
        assert!(matches!(step, Step::Accept { .. }), "{step:?}");
        // A ticket is as good as ever.
        let step = line.login("alice", &from, &ticket(host, &alice)).unwrap();
        let _ = key_on(&page(step, FIRST_CODE));
    });
}

/// The line that promises nothing, behind a module after whose no the stack goes on to it.
#[test]
fn a_password_that_may_be_wrong_is_no_first_factor() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let password = "auth required pam_unix.so nodelay";
        let rest = ["account required pam_permit.so", "session required pam_permit.so"];
        pam::service("sshd-plain", &[&[password, pam::TWINLOCK], &rest[..]].concat());
        let first = FirstFactor::Password;
        let plain = host.sshd_with("plain-host", "sshd-plain", 2202, first, first.settings());
        let refuses = |password: &str, answer: &str| {
            let mut login = Terminal::start(&plain.ssh(&alice, &["id"]));
            login.answer(PASSWORD_PROMPT, password);
            assert_eq!(login.expect_any(&[CODE_PROMPT, FIRST_CODE]), Some(0));
            login.type_line(answer);
            let outcome = login.finish().expect_failure(answer);
            assert!(outcome.stdout.contains(REFUSED), "{}", outcome.stdout);
            assert!(outcome.stdout.is_ascii(), "{}", outcome.stdout);
            assert_eq!(status(host, &alice).0, "off");
        };
        host.enroll_in_logins();
        for (nth, password) in ["guessed", &alice.password].into_iter().enumerate() {
            refuses(password, "123456");
            let _ = host.syslog.expect_nth("reason=no-first-factor", 2 * nth);
            refuses(password, &ticket(host, &alice));
            let _ = host.syslog.expect_nth("reason=no-first-factor", 2 * nth + 1);
        }
    });
}

#[test]
fn without_a_first_factor_neither_window_nor_ticket_opens_anything() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let lines =
            [pam::TWINLOCK, "account required pam_permit.so", "session required pam_permit.so"];
        pam::service("sshd-bare", &lines);
        let first = FirstFactor::Password;
        let bare = host.sshd_with("bare-host", "sshd-bare", 2201, first, first.settings());
        let refuses = |answer: &str| {
            let mut login = Terminal::start(&bare.ssh(&alice, &["id"]));
            assert_eq!(login.expect_any(&[CODE_PROMPT, FIRST_CODE]), Some(0));
            login.type_line(answer);
            let outcome = login.finish().expect_failure("nothing but an answer");
            assert!(outcome.stdout.contains(REFUSED), "{}", outcome.stdout);
            assert!(outcome.stdout.is_ascii(), "{}", outcome.stdout);
            assert_eq!(status(host, &alice).0, "off");
        };
        host.enroll_in_logins();
        refuses("123456");
        refuses(&ticket(host, &alice));
        host.policy("");
        let ticket = ticket(host, &alice);
        refuses(&ticket);
        assert!(host.syslog.expect("reason=no-first-factor").contains("user=\"alice\""));
        // Behind one it is still good.
        assert!(opens(&host.sshd(FirstFactor::Password), &alice, &ticket));
    });
}
