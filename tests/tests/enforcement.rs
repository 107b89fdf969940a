//! What the policy requires is required: the person is told why and until when, cannot opt out, and
//! without an authenticator is refused in the words an administrator chose, which nobody else reads
//! (I8, I9, I16).

use std::time::Duration;

use serde_json::Value;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, OPTIONAL, Outcome, Terminal, User,
    command::{as_root, as_user, run},
    enrolling::{FIRST_CODE, behind_a_password, key_on},
    in_sandbox,
    login::{PamLogin, ending, from_address},
    pam,
    screen::{Screen, Size},
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, Sshd},
    sudo,
};

const REASON: &str = "audit 2030";
/// What an administrator tells those who are refused, and what everybody is told otherwise.
const CHOSEN: &str = "Come to room 7 with your badge.";
const USUAL: &str = "Code not accepted.";
/// Shaped like a code and like a ticket, and nobody's.
const WRONG: &str = "1234567";
const WRONG_TICKET: &str = "AAAA-BBBB-CCCC-DDDD";
const ANYWHERE: &str = "192.0.2.10";

/// `twinlock policy WORDS…`, by root.
fn policy(host: &Host, words: &[&str]) {
    host.cli(&host.root(), &[&["policy"], words].concat()).expect_success(&words.join(" "));
}

/// Requires a code of everybody and lets them enrol for two days; returns the end of that.
fn require_for_two_days(host: &Host, reason: &str) -> u64 {
    policy(host, &["require", "--everyone", "--enroll-until", "2d", "--reason", reason]);
    let rules = host.cli(&host.root(), &["policy", "list", "--json"]).expect_success("list").json();
    rules["rules"][0]["enroll_until"].as_u64().unwrap()
}

/// As people read it, where the host is.
fn date(seconds: u64) -> String {
    let date = run(as_root("date").args([&format!("--date=@{seconds}"), "+%Y-%m-%d %H:%M"]), "");
    date.expect_success("date").stdout.trim_end().to_owned()
}

/// A login by ssh up to the page with the key.
fn first_page(sshd: &Sshd, user: &User) -> (Terminal, String) {
    let mut login = sshd.first_factor(user, &sshd.ssh(user, &["id"]));
    let page = login.page(FIRST_CODE);
    (login, page)
}

#[test]
fn the_page_with_the_key_says_why_and_until_when() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        host.authorize_key(&alice);
        let end = require_for_two_days(host, REASON);
        for first in [FirstFactor::Key, FirstFactor::Password] {
            let sshd = host.sshd(first);
            let (mut login, page) = first_page(&sshd, &alice);
            if first == FirstFactor::Key {
                let why = format!("Enrol by {}: {REASON}. Key to type in:\n", date(end));
                assert!(page.contains(&why), "{page}");
            }
            // Also where somebody has begun before, for which the picture leaves no room.
            login.type_line("");
            let page = login.page(FIRST_CODE).replace('\n', " ");
            let until = format!("This account has to enrol, by {} at the latest.", date(end));
            assert!(page.contains(&until), "{page}");
            assert!(page.contains(&format!("Why: {REASON}")), "{page}");
        }
    });
}

#[test]
fn sudo_and_su_say_why_and_until_when() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let end = require_for_two_days(host, REASON);
        host.sudo_asks_for_a_code();
        pam::password_and_code("su");
        let sudo = Terminal::start(&host.sudo(&alice, &["id"]));
        let su = Terminal::start(as_user(&alice, "su").args(["bob", "-c", "id"]));
        for (mut program, user) in [(sudo, &alice), (su, &bob)] {
            program.answer(PASSWORD_PROMPT, &user.password);
            let page = program.page(FIRST_CODE);
            assert!(page.contains(&format!("Enrol by {}: {REASON}.", date(end))), "{page}");
        }
    });
}

/// A login of alice at a terminal of 24 lines, at the page with the key.
fn on_24_lines(host: &Host, sshd: &Sshd, alice: &User) -> Screen {
    let screen = Screen::start_at(Size { columns: 80, rows: 24 }, &sshd.ssh(alice, &[]));
    let _ = screen.expect(PASSWORD_PROMPT);
    screen.type_line(&alice.password);
    let _ = screen.expect(FIRST_CODE);
    assert_eq!(host.status(alice)["state"], "pending");
    screen
}

#[test]
fn beside_reason_and_date_24_lines_of_80_show_the_whole_picture() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let end = require_for_two_days(host, REASON);
        let sshd = host.sshd(FirstFactor::Password);
        let screen = on_24_lines(host, &sshd, &alice);
        let rows = screen.rows();
        assert_eq!(rows[23].trim_end(), FIRST_CODE.trim_end(), "{rows:#?}");
        let phone = host.phone(&screen.scan());
        // And on the page without a picture, all of it on one screen.
        screen.type_line("");
        let _ = screen.expect("at the latest.");
        let page = screen.expect(&format!("log in again.\n{FIRST_CODE}"));
        for words in [&date(end), &format!("Why: {REASON}")] {
            assert!(page.contains(words.as_str()), "{page}");
        }
        assert_eq!(key_on(&screen.rows().join("\n")), phone.secret);
    });
}

#[test]
fn a_long_reason_is_cut_beside_the_picture_and_told_whole_without_it() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let reason = "because the auditors of the year 2030 want to see it done ".repeat(4);
        let reason = reason.trim_end();
        assert!((200..256).contains(&reason.len()));
        let end = require_for_two_days(host, reason);
        let sshd = host.sshd(FirstFactor::Password);
        let screen = on_24_lines(host, &sshd, &alice);
        let phone = host.phone(&screen.scan());
        let rows = screen.rows();
        assert_eq!(rows[23].trim_end(), FIRST_CODE.trim_end(), "{rows:#?}");

        // From elsewhere, where nobody has begun.
        let line = host.line();
        let (session, step) = line.begin("alice", &behind_a_password(ANYWHERE)).unwrap();
        let Step::Ask { text: picture, .. } = step else { panic!("{step:?}") };
        let why = format!("Enrol by {}: because the auditors", date(end));
        assert!(picture.contains(&why) && !picture.contains(reason), "{picture}");
        assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
        let Step::Ask { text: plain, .. } = line.answer(&session, "").unwrap() else { panic!() };
        assert!(plain.contains(reason), "{plain}");
        assert_ne!(key_on(&plain), phone.secret);
    });
}

#[test]
fn status_says_that_a_code_is_required_and_why_and_until_when_one_may_enrol() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let told = |host: &Host| {
            let status = host.status(&alice);
            let text = host.cli(&alice, &["status"]).expect_success("status").stdout;
            // root is told the same.
            let by_root = host.cli(&host.root(), &["status", "alice", "--json"]);
            assert_eq!(by_root.expect_success("status").json(), status);
            (status, text)
        };
        // Nothing is said, so it is what is built in.
        let (status, text) = told(host);
        assert_eq!((&status["required"], &status["enroll_until"]), (&true.into(), &Value::Null));
        assert_eq!(status["required_because"], "no rule says otherwise");
        assert!(text.contains("Code required       yes: no rule says otherwise\n"), "{text}");

        let end = require_for_two_days(host, REASON);
        for enrolled in [false, true] {
            let (status, text) = told(host);
            assert_eq!(status["required"], true);
            let because = status["required_because"].as_str().unwrap();
            assert!(because.starts_with("rule 1 of "), "{because}");
            assert!(because.ends_with(&format!(": {REASON}")), "{because}");
            assert!(text.contains(&format!("Code required       yes: {because}\n")), "{text}");
            // Whoever has an authenticator does not enrol in a login.
            let until = format!("Enrol at a login    until {}", date(end));
            assert_eq!(text.contains(&until), !enrolled, "{until}: {text}");
            assert_eq!(status["enroll_until"] == end, !enrolled, "{status}");
            if !enrolled {
                let _phone = host.enroll(&alice);
            }
        }
        // Nor does whoever could have, once the end has come.
        host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        host.clock.advance(Duration::from_secs(end - host.clock.now()));
        let (status, text) = told(host);
        assert_eq!((&status["required"], &status["enroll_until"]), (&true.into(), &Value::Null));
        assert!(!text.contains("Enrol at a login"), "{text}");

        // One service and one network are enough.
        host.policy(&format!(
            "{OPTIONAL}[[rule]]\nlevel = \"required\"\nuser = \"alice\"\nservices = [\"su\"]\n\
             from = [\"192.0.2.0/24\"]\nreason = \"elsewhere\"\n"
        ));
        let (status, _) = told(host);
        let because = status["required_because"].as_str().unwrap();
        assert!(status["required"] == true && because.ends_with(": elsewhere"), "{status}");

        host.policy(OPTIONAL);
        let (status, text) = told(host);
        assert_eq!(
            (&status["required"], &status["required_because"], &status["enroll_until"]),
            (&false.into(), &Value::Null, &Value::Null)
        );
        assert!(text.contains("Code required       no\n"), "{text}");
    });
}

/// `twinlock remove`, with `code` typed into it.
fn remove(host: &Host, user: &User, code: &str) -> Outcome {
    host.cli_reading(user, &["--json", "remove"], &format!("{code}\n"))
}

#[test]
fn the_last_authenticator_stays_while_any_rule_asks_and_goes_when_none_does() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        run(as_root("groupadd").arg("night"), "").expect_success("groupadd");
        run(as_root("usermod").args(["-aG", "night", "alice"]), "").expect_success("usermod");
        let phone = host.enroll(&alice).phone;
        let (line, from) = (host.line(), from_address(ANYWHERE));
        let rule = |words: &str| format!("[[rule]]\n{words}\nreason = \"{REASON}\"\n");
        let mild = rule("level = \"exempt\"\nuser = \"alice\"\nservices = [\"su\"]");
        for (toml, because) in [
            (String::new(), "no rule says otherwise"),
            (rule("level = \"required\"\neveryone = true"), REASON),
            (
                OPTIONAL.to_owned()
                    + &rule("level = \"required\"\ngroup = \"night\"\nservices = [\"cron\"]"),
                REASON,
            ),
            (
                OPTIONAL.to_owned()
                    + &rule("level = \"required\"\nuser = \"alice\"\nfrom = [\"203.0.113.0/24\"]"),
                REASON,
            ),
            (
                OPTIONAL.to_owned()
                    + &rule("level = \"required\"\nuser = \"alice\"\nfrom = [\"local\"]"),
                REASON,
            ),
            // Exempt somewhere is not exempt everywhere.
            (mild.clone(), "no rule says otherwise"),
            (mild.clone() + &rule("level = \"required\"\ngroup = \"night\""), REASON),
        ] {
            host.policy(&toml);
            let code = phone.fresh_code();
            let refused = remove(host, &alice, &code).expect_failure(&toml);
            assert_eq!(refused.error_name(), "Required", "{toml}");
            let told = &refused.stderr;
            assert!(
                told.contains("its last authenticator stays (") && told.contains(because),
                "{told}"
            );
            if because == REASON {
                assert!(told.contains("(rule "), "which one: {told}");
            }
            // Nothing is spent and nothing gone.
            assert!(matches!(line.login("alice", &from, &code), Ok(Step::Accept { .. })), "{toml}");
            let status = host.status(&alice);
            assert_eq!((&status["state"], &status["failures"]), (&"on".into(), &0.into()));
            assert_eq!(status["recovery_codes_left"], 10);
        }
        // Somebody else's requirement is not alice's, and a wrong code is one all the same.
        let _bob = host.user("bob");
        host.policy(&(OPTIONAL.to_owned() + &rule("level = \"required\"\nuser = \"bob\"")));
        assert_eq!(remove(host, &alice, WRONG).error_name(), "WrongCode");
        remove(host, &alice, &phone.fresh_code()).expect_success("optional everywhere");
        assert_eq!(host.status(&alice)["state"], "off");
        assert_eq!(host.status(&alice)["recovery_codes_left"], 0);
    });
}

#[test]
fn an_exemption_that_has_ended_keeps_the_last_authenticator_again() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        policy(host, &["exempt", "--user", "alice", "--until", "2h", "--reason", "a broken phone"]);
        assert_eq!(host.status(&alice)["required"], false);
        host.clock.advance(Duration::from_secs(2 * 3600));
        assert_eq!(host.status(&alice)["required"], true);
        assert_eq!(remove(host, &alice, &phone.fresh_code()).error_name(), "Required");
    });
}

/// A login by ssh in which `code` is given where one is asked for: all that was on the screen.
fn refused(sshd: &Sshd, user: &User, code: &str) -> String {
    sshd.login(user, code, &["id"]).expect_failure(&user.name).stdout
}

/// What is on the screen, whoever it is about.
fn about_anybody(shown: &str, user: &User) -> String {
    shown.replace(&user.name, "NAME")
}

#[test]
fn after_the_window_who_has_no_authenticator_reads_the_words_that_were_chosen() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        for user in [&alice, &bob] {
            host.authorize_key(user);
        }
        let phone = host.enroll(&alice).phone;
        policy(
            host,
            &["require", "--everyone", "--service", "sshd", "--service", "sshd-key"]
                .into_iter()
                .chain(["--enroll-until", "2h", "--message", CHOSEN])
                .collect::<Vec<_>>(),
        );
        for first in [FirstFactor::Password, FirstFactor::Key] {
            let (_, page) = first_page(&host.sshd(first), &bob);
            assert!(!page.contains(CHOSEN), "not yet: {page}");
        }
        host.clock.advance(Duration::from_secs(2 * 3600));
        for first in [FirstFactor::Password, FirstFactor::Key] {
            let sshd = host.sshd(first);
            for answer in [WRONG, WRONG_TICKET, "", "a word"] {
                let bobs = refused(&sshd, &bob, answer);
                assert!(bobs.contains(CHOSEN) && !bobs.contains(USUAL), "{answer:?}: {bobs}");
                // Whoever is enrolled mistyped.
                let alices = refused(&sshd, &alice, answer);
                assert!(alices.contains(USUAL) && !alices.contains(CHOSEN), "{answer:?}: {alices}");
                // But for the words, above the question and after it, all is the same.
                let above = format!("\n{CHOSEN}\n");
                let without_words = about_anybody(&bobs, &bob).replacen(&above, "", 1);
                let without_words = without_words.replace(CHOSEN, USUAL);
                assert_eq!(without_words, about_anybody(&alices, &alice));
                host.line().unlock("alice");
                host.line().unlock("bob");
            }
            assert!(sshd.lets_in(&alice, &phone.fresh_code()));
        }
        // A lock is told as one, with or without an authenticator.
        let sshd = host.sshd(FirstFactor::Password);
        for _ in 0..5 {
            let _ = refused(&sshd, &bob, WRONG);
        }
        let mut locked = sshd.first_factor(&bob, &sshd.ssh(&bob, &["id"]));
        let page = locked.page("Recovery code: ");
        assert!(page.contains("Too many wrong codes") && !page.contains(CHOSEN), "{page}");
    });
}

#[test]
fn the_chosen_words_are_those_of_the_rule_that_decides_and_end_with_it() {
    in_sandbox(|host| {
        let bob = host.user("bob");
        let sshd = host.sshd(FirstFactor::Password);
        let rule = |level: &str, more: &str| format!("[[rule]]\nlevel = \"{level}\"\n{more}\n");
        let everyone = rule("required", &format!("everyone = true\nmessage = \"{CHOSEN}\""));
        for (toml, words) in [
            (everyone.clone(), CHOSEN),
            // A narrower rule without words of its own.
            (everyone.clone() + &rule("required", "user = \"bob\""), USUAL),
            (everyone.clone() + &rule("required", "user = \"bob\"\nmessage = \"Hm.\""), "Hm."),
            // About another service.
            (everyone.replace("true", "true\nservices = [\"sudo\"]"), USUAL),
            (String::new(), USUAL),
        ] {
            host.policy(&toml);
            let shown = refused(&sshd, &bob, "");
            assert!(shown.contains(words), "{words}: {shown}\n{toml}");
            let others = [CHOSEN, USUAL, "Hm."].into_iter().filter(|other| *other != words);
            assert_eq!(others.filter(|other| shown.contains(other)).count(), 0, "{shown}\n{toml}");
        }
    });
}

#[test]
fn without_a_first_factor_everybody_reads_the_usual_words() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let _phone = host.enroll(&alice);
        let stranger = User { name: "mallory".to_owned(), ..bob.clone() };
        policy(host, &["require", "--everyone", "--no-enroll", "--message", CHOSEN]);
        // A stack that this module was left alone in, and an sshd that has lost its settings.
        pam::code_alone("sshd", "sshd");
        let lost = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n";
        let sshd = host.stock_sshd(lost, FirstFactor::Password);
        let keyless = |user: &User, answer: &str| {
            let mut login = Terminal::start(&sshd.ssh(user, &["id"]));
            login.answer(CODE_PROMPT, answer);
            let shown = login.finish().expect_failure(&user.name).stdout;
            assert!(shown.contains(USUAL) && !shown.contains(CHOSEN), "{shown}");
            about_anybody(&shown, user)
        };
        for answer in [WRONG, WRONG_TICKET, ""] {
            let shown = [&alice, &bob, &stranger].map(|user| keyless(user, answer));
            assert_eq!(shown[0], shown[1], "{answer:?}");
            assert_eq!(shown[0], shown[2], "{answer:?}");
        }
        // Nor by a program that says nothing of a first factor, nor by one of bob's own.
        for name in ["alice", "bob", "mallory"] {
            let ending = PamLogin::run(name, ANYWHERE, WRONG);
            assert_eq!(ending.code, ending::AUTH_ERR, "{name}: {ending:?}");
            assert!(ending.shown.contains(USUAL) && !ending.shown.contains(CHOSEN), "{ending:?}");
        }
        let own = host.caller(bob.uid);
        let (session, _) = own.begin_login("bob", &behind_a_password(ANYWHERE)).unwrap();
        let step = own.answer_login(&session, WRONG).unwrap();
        assert_eq!(Step::try_from(step).unwrap(), Step::Refuse { text: USUAL.to_owned() });
        // And the words are there for who has one.
        let step = host.line().login("bob", &behind_a_password(ANYWHERE), WRONG).unwrap();
        assert_eq!(step, Step::Refuse { text: CHOSEN.to_owned() });
        let step = host.line().login("mallory", &behind_a_password(ANYWHERE), WRONG).unwrap();
        assert_eq!(step, Step::Refuse { text: USUAL.to_owned() });
    });
}

#[test]
fn behind_a_wrong_password_nobody_reads_anything_of_it() {
    in_sandbox(|host| {
        let mut bob = host.user("bob");
        policy(host, &["require", "--everyone", "--no-enroll", "--message", CHOSEN]);
        let sshd = host.sshd(FirstFactor::Password);
        bob.password = "not his".to_owned();
        let mut login = sshd.first_factor(&bob, &sshd.ssh(&bob, &["id"]));
        if login.expect_any(&[CODE_PROMPT]).is_some() {
            login.type_line(WRONG);
        }
        let shown = login.finish().expect_failure("a wrong password").stdout;
        assert!(!shown.contains(CHOSEN), "{shown}");
    });
}

#[test]
fn whoever_su_refuses_reads_the_chosen_words() {
    in_sandbox(|host| {
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        policy(host, &["require", "--everyone", "--no-enroll", "--message", CHOSEN]);
        pam::password_and_code("su");
        let mut su = Terminal::start(as_user(&alice, "su").args(["bob", "-c", "id"]));
        su.answer(PASSWORD_PROMPT, &bob.password);
        su.answer(CODE_PROMPT, WRONG);
        let shown = su.finish().expect_failure("su").stdout;
        assert!(shown.contains(CHOSEN) && !shown.contains(USUAL), "{shown}");
    });
}

// sudo hides all remarks (PAM_SILENT), so what has to be read must stand in a question.
#[test]
fn whoever_sudo_refuses_reads_the_chosen_words() {
    in_sandbox(|host| {
        let bob = host.user("bob");
        policy(host, &["require", "--everyone", "--no-enroll", "--message", CHOSEN]);
        host.sudo_asks_for_a_code();
        let mut sudo = Terminal::start(&host.sudo(&bob, &["id"]));
        sudo.answer(sudo::PASSWORD_PROMPT, &bob.password);
        sudo.answer(CODE_PROMPT, WRONG);
        sudo.expect(sudo::PASSWORD_PROMPT);
        assert!(sudo.text().contains(CHOSEN), "{}", sudo.text());
    });
}
