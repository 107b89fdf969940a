//! Whoever has to have a second factor and has none gets it in the very login that asks for it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::{Duration, Instant},
};

use twinlock_tests::{
    Enrolled, Host, Terminal, User,
    command::{as_root, as_user, run},
    enrolling::{FIRST_CODE, NOTED, WRONG_FIRST_CODE, key_on},
    in_sandbox, pam,
    screen::Screen,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, Sshd},
    sudo,
};

/// What a script tells a client whose user has to enrol and is not there.
const AT_A_TERMINAL: &str = "Log in once with ssh from a terminal";

fn state(host: &Host, user: &User) -> String {
    host.status(user)["state"].as_str().unwrap().to_owned()
}

fn failures(host: &Host, user: &User) -> u64 {
    host.status(user)["failures"].as_u64().unwrap()
}

/// A login up to the page with the key.
fn login(sshd: &Sshd, user: &User) -> Terminal {
    sshd.first_factor(user, &sshd.ssh(user, &["echo", "running as", "$(id -un)"]))
}

/// Goes through the whole enrolment and into the session; returns the recovery codes.
fn enroll_and_get_in(host: &Host, mut login: Terminal, key: &str) -> Vec<String> {
    assert_eq!(login.key_page(), key, "another key");
    let codes = login.finish_enrolling(&host.phone_with(key));
    let outcome = login.finish().expect_success("a login that enrolled");
    assert!(outcome.stdout.ends_with("\nrunning as alice\n"), "{}", outcome.stdout);
    codes
}

#[test]
fn password_then_picture_then_recovery_codes_then_a_shell() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let screen = Screen::start(&sshd.ssh(&alice, &[]));
        let _ = screen.expect(PASSWORD_PROMPT);
        screen.type_line(&alice.password);
        a_shell_follows(host, &screen, &sshd, &alice);
    });
}

#[test]
fn key_then_picture_then_recovery_codes_then_a_shell() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        host.authorize_key(&alice);
        let sshd = host.sshd(FirstFactor::Key);
        let screen = Screen::start(&sshd.ssh(&alice, &[]));
        a_shell_follows(host, &screen, &sshd, &alice);
    });
}

/// The enrolment on the screen ends in a shell, and what it left in hand is good.
fn a_shell_follows(host: &Host, screen: &Screen, sshd: &Sshd, alice: &User) {
    let Enrolled { phone, recovery_codes } = screen.enroll(host);
    screen.type_line("echo running as $(id -un)");
    let shown = screen.expect("running as alice");
    assert!(shown.contains("This account is enrolled now."), "{shown}");
    let status = host.status(alice);
    assert_eq!((&status["state"], &status["recovery_codes_left"]), (&"on".into(), &10.into()));

    assert!(!sshd.lets_in(alice, &phone.spent_code()), "the code that confirmed");
    assert!(sshd.lets_in(alice, &phone.fresh_code()), "the next code");
    assert!(sshd.lets_in(alice, &recovery_codes[9]), "a recovery code");
    assert!(!sshd.lets_in(alice, &recovery_codes[9]), "the same one again");
    assert!(sshd.lets_in(alice, &recovery_codes[0]), "another one");
}

#[test]
fn sudo_enrolls_who_calls_it() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        host.sudo_asks_for_a_code();
        // sudo passes PAM_SILENT, which must hide no page.
        let screen = Screen::start(&host.sudo(&alice, &["echo", "command run"]));
        let _ = screen.expect(sudo::PASSWORD_PROMPT);
        screen.type_line(&alice.password);
        let Enrolled { phone, recovery_codes } = screen.enroll(host);
        let _ = screen.expect("command run");
        assert_eq!((state(host, &alice), state(host, &host.root())), ("on".into(), "off".into()));

        let sudo = |code: &str| {
            let mut sudo = Terminal::start(&host.sudo(&alice, &["echo", "command run"]));
            sudo.answer(sudo::PASSWORD_PROMPT, &alice.password);
            sudo.answer(CODE_PROMPT, code);
            sudo.expect_any(&["command run", sudo::PASSWORD_PROMPT]) == Some(0)
        };
        assert!(!sudo(&phone.spent_code()));
        assert!(sudo(&phone.fresh_code()));
        assert!(sudo(&recovery_codes[3]));
    });
}

#[test]
fn su_enrolls_the_account_it_changes_to() {
    in_sandbox(|host| {
        host.enroll_in_logins();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        pam::password_and_code("su");
        let mut su = as_user(&alice, "su");
        let mut su = Terminal::start(su.args(["bob", "-c", "id -un"]));
        su.answer(PASSWORD_PROMPT, &bob.password);
        let phone = host.phone_with(&su.key_page());
        let codes = su.finish_enrolling(&phone);
        assert_eq!(codes.len(), 10);
        let outcome = su.finish().expect_success("su");
        assert!(outcome.stdout.ends_with("\nbob\n"), "{}", outcome.stdout);
        assert_eq!((state(host, &alice), state(host, &bob)), ("off".into(), "on".into()));
    });
}

/// Where a login that enrols can break off, once its key has been shown.
#[derive(Clone, Copy, Debug)]
enum Prompt {
    AfterAWrongCode,
    PlainPage,
    RecoveryCodes,
}

/// All of them, the last one twice: what it shows is not to be the same.
const PROMPTS: [Prompt; 4] =
    [Prompt::AfterAWrongCode, Prompt::PlainPage, Prompt::RecoveryCodes, Prompt::RecoveryCodes];

/// Breaks enrolments off at every prompt, and sees that nothing is half done and everything goes
/// on with the same key.
fn break_off_everywhere(host: &Host, first: FirstFactor, break_off: fn(&Host, &Sshd, Terminal)) {
    host.settable_clock();
    host.enroll_in_logins();
    let alice = host.user("alice");
    host.authorize_key(&alice);
    let sshd = host.sshd(first);
    let mut at_the_password = Terminal::start(&sshd.ssh(&alice, &["id"]));
    if first == FirstFactor::Password {
        at_the_password.expect(PASSWORD_PROMPT);
    }
    break_off(host, &sshd, at_the_password);
    assert_eq!(state(host, &alice), "off");

    let mut first_login = login(&sshd, &alice);
    let key = first_login.key_page();
    let phone = host.phone_with(&key);
    break_off(host, &sshd, first_login);
    let (mut shown, mut spent) = (Vec::new(), Vec::new());
    for prompt in PROMPTS {
        let mut login = login(&sshd, &alice);
        assert_eq!(login.key_page(), key, "another key before {prompt:?}");
        match prompt {
            Prompt::AfterAWrongCode => {
                login.type_line(&phone.wrong_code(0));
                login.expect(WRONG_FIRST_CODE);
                login.expect(FIRST_CODE);
            }
            Prompt::PlainPage => {
                login.type_line("");
                assert_eq!(login.key_page(), key);
            }
            Prompt::RecoveryCodes => {
                spent.push(phone.fresh_code());
                login.type_line(&spent[spent.len() - 1]);
                shown.push(login.recovery_page());
            }
        }
        break_off(host, &sshd, login);
        assert_eq!(state(host, &alice), "pending", "{prompt:?}");
    }
    assert!(shown[0].iter().all(|code| !shown[1].contains(code)));

    // What was shown or typed before is worth nothing here, and nothing afterwards.
    let mut login_with_old_codes = login(&sshd, &alice);
    assert_eq!(login_with_old_codes.key_page(), key);
    login_with_old_codes.type_line(&spent[1]);
    login_with_old_codes.expect(WRONG_FIRST_CODE);
    login_with_old_codes.answer(FIRST_CODE, &shown[0][0]);
    assert_eq!(login_with_old_codes.key_page(), key);
    login_with_old_codes.type_line(&shown[1][0]);
    login_with_old_codes.finish().expect_failure("codes of another login");

    let mut last_login = login(&sshd, &alice);
    assert_eq!(last_login.key_page(), key);
    let codes = last_login.finish_enrolling(&phone);
    last_login.finish().expect_success("a fresh code");
    assert_eq!(state(host, &alice), "on");
    for old in [&spent[0], &spent[1], &shown[0][1], &shown[1][1]] {
        assert!(!sshd.lets_in(&alice, old), "of a login that broke off");
    }
    assert!(sshd.lets_in(&alice, &codes[0]));
}

fn cut(_: &Host, sshd: &Sshd, login: Terminal) {
    drop(login);
    sshd.wait_until_idle();
}

fn kill(host: &Host, _: &Sshd, mut login: Terminal) {
    host.daemon.kill();
    // The daemon that starts for this answer knows nothing of the question.
    login.type_line("");
    login.finish().expect_failure("a login whose daemon is gone");
}

#[test]
fn a_cut_connection_leaves_the_enrolment_to_go_on_with_after_the_password() {
    in_sandbox(|host| break_off_everywhere(host, FirstFactor::Password, cut));
}

#[test]
fn a_cut_connection_leaves_the_enrolment_to_go_on_with_after_the_key() {
    in_sandbox(|host| break_off_everywhere(host, FirstFactor::Key, cut));
}

#[test]
fn a_killed_daemon_leaves_the_enrolment_to_go_on_with() {
    in_sandbox(|host| break_off_everywhere(host, FirstFactor::Password, kill));
}

#[test]
fn the_login_grace_time_of_sshd_only_interrupts_an_enrolment() {
    in_sandbox(|host| {
        host.enroll_in_logins();
        let alice = host.user("alice");
        let first = FirstFactor::Password;
        let sshd = host.sshd(first);
        let hasty = format!("{}LoginGraceTime 4\n", first.settings());
        let hasty = host.sshd_with("hasty-host", "sshd", 2200, first, &hasty);
        let mut login_in_a_hurry = login(&hasty, &alice);
        let key = login_in_a_hurry.key_page();
        hasty.wait_until_idle();
        // The client learns of it when it sends the code.
        login_in_a_hurry.type_line(&host.phone_with(&key).code());
        login_in_a_hurry.finish().expect_failure("a login that took too long");
        assert_eq!(state(host, &alice), "pending");
        enroll_and_get_in(host, login(&sshd, &alice), &key);
    });
}

#[test]
fn three_wrong_codes_end_the_login_and_five_lock_the_account() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let mut guessing = login(&sshd, &alice);
        let key = guessing.key_page();
        let phone = host.phone_with(&key);
        for nth in 0..2 {
            guessing.type_line(&phone.wrong_code(nth));
            guessing.expect(WRONG_FIRST_CODE);
            guessing.expect(FIRST_CODE);
        }
        guessing.type_line(&phone.wrong_code(2));
        let outcome = guessing.finish().expect_failure("three wrong codes");
        assert_eq!(outcome.stdout.matches(WRONG_FIRST_CODE).count(), 2, "{}", outcome.stdout);
        assert_eq!((state(host, &alice), failures(host, &alice)), ("pending".into(), 3));

        let mut guessing = login(&sshd, &alice);
        assert_eq!(guessing.key_page(), key);
        for nth in 3..5 {
            guessing.type_line(&phone.wrong_code(nth));
            guessing.expect(FIRST_CODE);
        }
        assert_eq!(failures(host, &alice), 5);
        assert!(host.status(&alice)["locked_until"].as_u64() > Some(host.clock.now() + 800));
        // The lock holds in the login that brought it about, too.
        guessing.type_line(&phone.fresh_code());
        let outcome = guessing.finish().expect_failure("a right code while locked");
        assert!(outcome.stdout.contains("Too many wrong codes"), "{}", outcome.stdout);

        let mut locked = login(&sshd, &alice);
        let shown = locked.page("Recovery code: ");
        assert!(shown.contains("refused for 15 minutes"), "{shown}");
        assert!(shown.is_ascii() && !shown.contains(&key[..4]), "{shown}");
        locked.type_line(&phone.fresh_code());
        locked.finish().expect_failure("a right code at a lock");
        assert_eq!(state(host, &alice), "pending");

        host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
        host.clock.advance(Duration::from_secs(60));
        enroll_and_get_in(host, login(&sshd, &alice), &key);
    });
}

#[test]
fn who_sees_no_picture_presses_enter_and_types_the_key() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let mut login_by_hand = login(&sshd, &alice);
        let picture = login_by_hand.page(FIRST_CODE);
        assert!(picture.contains('█') && picture.contains("Enter alone"), "{picture}");
        let key = key_on(&picture);

        login_by_hand.type_line("");
        let page = login_by_hand.page(FIRST_CODE);
        assert_eq!(key_on(&page), key);
        assert!(page.is_ascii(), "{page}");
        assert!(page.lines().all(|line| line.len() <= 80), "{page}");
        // What is copied by eye must not break even in a narrow window.
        let by_eye = |line: &&str| line.starts_with("Key:") || line.starts_with("Type:");
        assert!(page.lines().filter(by_eye).all(|line| line.len() <= 60), "{page}");
        for words in ["sandbox alice", "time-based, SHA1, 6 digits, every 30 seconds"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        // A wrong code shows no picture again, and a right one goes on.
        login_by_hand.type_line(&host.phone_with(&key).wrong_code(0));
        assert!(login_by_hand.page(FIRST_CODE).is_ascii());
        let codes = login_by_hand.finish_enrolling(&host.phone_with(&key));
        login_by_hand.finish().expect_success("a key typed by hand");
        assert!(sshd.lets_in(&alice, &codes[0]));
    });
}

#[test]
fn who_only_ever_presses_enter_is_refused_in_clear_words() {
    in_sandbox(|host| {
        host.enroll_in_logins();
        let alice = host.user("alice");
        host.authorize_key(&alice);
        for first in [FirstFactor::Password, FirstFactor::Key] {
            let sshd = host.sshd(first);
            let mut absent = login(&sshd, &alice);
            absent.answer(FIRST_CODE, "");
            absent.answer(FIRST_CODE, "");
            let outcome = absent.finish().expect_failure("two empty answers");
            assert!(outcome.stdout.contains(AT_A_TERMINAL), "{}", outcome.stdout);
            assert!(!outcome.stdout.contains(NOTED), "{}", outcome.stdout);
        }
        assert_eq!((state(host, &alice), failures(host, &alice)), ("pending".into(), 0));
    });
}

#[test]
fn clients_without_a_terminal_end_by_themselves_and_are_charged_nothing() {
    in_sandbox(|host| {
        host.enroll_in_logins();
        let alice = host.user("alice");
        host.authorize_key(&alice);
        fs::write("/root/letter", "to alice").unwrap();
        let helper = "/root/answers-every-question";
        fs::write(helper, format!("#!/bin/sh\necho \"{}\"\n", alice.password)).unwrap();
        fs::set_permissions(helper, fs::Permissions::from_mode(0o755)).unwrap();
        for first in [FirstFactor::Password, FirstFactor::Key] {
            let sshd = host.sshd(first);
            let there = format!("alice@{}", sshd.name);
            let clients: [&[&str]; 3] = [
                &["ssh", "-T", "-o", "BatchMode=no", &there, "id"],
                &["scp", "/root/letter", &format!("{there}:letter")],
                &["sftp", &format!("{there}:.profile"), "/root/profile"],
            ];
            for client in clients {
                // With nobody to ask, and with a program that answers everything.
                unattended(client, None).expect_failure(client[0]);
                let outcome = unattended(client, Some(helper)).expect_failure(client[0]);
                // The stack was gone through, not given up before the question.
                assert!(outcome.stderr.contains(AT_A_TERMINAL), "{first:?} {outcome:?}");
                sshd.wait_until_idle();
                assert_eq!((state(host, &alice), failures(host, &alice)), ("pending".into(), 0));
            }
        }
        assert!(!alice.home.join("letter").exists() && !fs::exists("/root/profile").unwrap());
    });
}

/// Runs a client in a session without a terminal and with nothing to read, and sees that it ends
/// soon.
fn unattended(client: &[&str], helper: Option<&str>) -> twinlock_tests::Outcome {
    let mut command: Command = as_root("setsid");
    command.args(["--wait", "timeout", "20"]).args(client);
    if let Some(helper) = helper {
        command.env("SSH_ASKPASS", helper).env("SSH_ASKPASS_REQUIRE", "force");
    }
    let start = Instant::now();
    let outcome = run(&mut command, "");
    assert!(start.elapsed() < Duration::from_secs(10), "{client:?} took {:?}", start.elapsed());
    outcome
}
