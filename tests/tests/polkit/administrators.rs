//! With the polkit of the host: its daemon, its agent for terminals, its rules.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use twinlock_tests::{
    Terminal,
    command::as_user,
    in_sandbox, pam,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT},
};

use super::scene::{PASSWORD, QUESTION, READING, Scene, eventually, running};

/// How the bus starts polkit.
const ACTIVATION: &str = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";

#[test]
fn an_administrator_in_an_ssh_session_is_asked_for_the_password() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let first = FirstFactor::Password;
        let sshd = host.sshd_with("plain-host", "sshd", 22, first, "PasswordAuthentication no\n");
        let client = sshd.ssh(&scene.carol, &["-tt", "twinlock", "unlock", "alice"]);
        let mut terminal = Terminal::start(&client);
        terminal.answer(PASSWORD_PROMPT, &scene.carol.password);
        terminal.expect(QUESTION);
        terminal.expect("Authentication is required");
        assert!(scene.is_locked());
        terminal.expect(PASSWORD);
        // The other end of the line drops what is typed before it hides it, and cannot be seen.
        thread::sleep(Duration::from_millis(500));
        terminal.type_line(&scene.carol.password);
        let outcome = terminal.finish().expect_success("twinlock unlock");
        assert!(outcome.stdout.contains("alice is unlocked"), "{}", outcome.stdout);
        assert!(!scene.is_locked());
        let line = host.syslog.expect("unlock outcome=done");
        assert!(line.contains(&format!("caller={}", scene.carol.uid)), "{line}");
        eventually(|| running("pkttyagent").is_empty(), "the agent stays");
    });
}

#[test]
fn each_call_is_asked_about_anew() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        for _ in 0..2 {
            let mut terminal = scene.at_terminal(&scene.carol, &["ticket", "bob"]);
            terminal.expect(QUESTION);
            terminal.answer_hidden(PASSWORD, &scene.carol.password);
            let outcome = terminal.finish().expect_success("twinlock ticket");
            assert!(outcome.stdout.contains("Ticket for bob"), "{}", outcome.stdout);
        }
    });
}

#[test]
fn a_command_that_only_reads_is_asked_about_once_and_the_next_one_anew() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let mut follower = scene.at_terminal(&scene.carol, &["audit", "--follow"]);
        follower.expect(READING);
        follower.answer_hidden(PASSWORD, &scene.carol.password);
        follower.expect("wrong-code");
        // It has asked the daemon many times by then.
        thread::sleep(Duration::from_secs(8));
        host.cli(&host.root(), &["unlock", "alice"]).expect_success("root");
        follower.expect("unlock");
        let text = follower.text();
        assert_eq!(text.matches("AUTHENTICATING FOR").count(), 1, "{text}");
        for arguments in [["users"].as_slice(), &["policy", "list"]] {
            let mut terminal = scene.at_terminal(&scene.carol, arguments);
            terminal.expect(READING);
            terminal.answer_hidden(PASSWORD, &scene.carol.password);
            terminal.finish().expect_success("reading");
        }
        // What changes something is never included.
        let mut terminal = scene.at_terminal(&scene.carol, &["unlock", "alice"]);
        terminal.expect(QUESTION);
    });
}

#[test]
fn a_change_to_the_policy_has_a_question_of_its_own() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let optional = ["policy", "optional", "--user", "bob", "--reason", "test"];
        let mut terminal = scene.at_terminal(&scene.carol, &optional);
        terminal.expect("AUTHENTICATING FOR org.twinlock.Twinlock1.set-policy");
        terminal.answer_hidden(PASSWORD, &scene.carol.password);
        terminal.finish().expect_success("twinlock policy optional");
        let rules = host.caller(0).policy().unwrap().rules;
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((rule.name.as_str(), rule.author.as_str()), ("bob", "carol"));
        // Anybody may ask what becomes of themselves, and nobody is asked for that.
        let own = host.cli(&scene.bob, &["policy", "explain"]).expect_success("policy explain");
        assert!(own.stdout.contains("optional"), "{}", own.stdout);
        let other = host.cli(&scene.bob, &["--json", "policy", "explain", "alice"]);
        assert_eq!(other.error_name(), "NotAuthorized");
    });
}

#[test]
fn a_wrong_password_is_a_refusal() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let before = scene.descriptors();
        let mut terminal = scene.at_terminal(&scene.carol, &["unlock", "alice"]);
        terminal.expect(QUESTION);
        terminal.answer_hidden(PASSWORD, "not it");
        let outcome = terminal.finish().expect_failure("twinlock unlock");
        assert_eq!(outcome.status.code(), Some(1));
        assert!(outcome.stdout.contains("Only an administrator may do this"), "{outcome:?}");
        assert!(scene.is_locked());
        let line = host.syslog.expect("unlock outcome=refused reason=not-authorized");
        assert!(line.contains(&format!("caller={}", scene.carol.uid)), "{line}");
        scene.await_descriptors(before);
    });
}

#[test]
fn whoever_is_no_administrator_has_no_password_that_helps() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let mut terminal = scene.at_terminal(&scene.bob, &["reset", "--yes", "alice"]);
        terminal.expect(QUESTION);
        terminal.expect("Authenticating as: carol");
        terminal.answer_hidden(PASSWORD, &scene.bob.password);
        let outcome = terminal.finish().expect_failure("twinlock reset");
        assert!(outcome.stdout.contains("Only an administrator may do this"), "{outcome:?}");
        assert!(scene.is_locked(), "nothing is reset");
    });
}

#[test]
fn without_a_terminal_nobody_is_asked_and_the_call_is_refused() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let begun = Instant::now();
        for (user, arguments) in [
            (&scene.carol, ["--json", "unlock", "alice"].as_slice()),
            (&scene.alice, &["--json", "unlock", "alice"]),
            (&scene.carol, &["--json", "reset", "--yes", "alice"]),
        ] {
            let outcome = host.cli(user, arguments).expect_failure("without a terminal");
            assert_eq!(outcome.error_name(), "NotAuthorized");
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(scene.is_locked());
    });
}

#[test]
fn a_rule_of_the_host_lets_somebody_in_without_a_password() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let rule = "/etc/polkit-1/rules.d/50-help-desk.rules";
        fs::write(
            rule,
            "polkit.addRule(function(action, subject) {\n\
             if (action.id == 'org.twinlock.Twinlock1.manage-accounts' && subject.user == 'bob')\n\
             return polkit.Result.YES; });\n",
        )
        .unwrap();
        fs::set_permissions(rule, fs::Permissions::from_mode(0o644)).unwrap();
        host.cli(&scene.bob, &["unlock", "alice"]).expect_success("twinlock unlock");
        assert!(!scene.is_locked());
        // Nobody else, and nothing else.
        scene.lock();
        let outcome = host.cli(&scene.carol, &["--json", "unlock", "alice"]);
        assert_eq!(outcome.error_name(), "NotAuthorized");
        // An administrator is told which names there are not.
        let outcome = host.cli(&scene.bob, &["--json", "unlock", "nobody-of-that-name"]);
        assert_eq!(outcome.error_name(), "NoSuchAccount");
    });
}

#[test]
fn without_polkit_root_works_and_others_are_refused() {
    in_sandbox(|host| {
        fs::remove_file(ACTIVATION).unwrap();
        let scene = Scene::set(host);
        for user in [&scene.carol, &scene.alice] {
            let outcome = host.cli(user, &["--json", "unlock", "alice"]);
            assert_eq!(outcome.error_name(), "NotAuthorized");
        }
        let outcome = scene.at_terminal(&scene.carol, &["unlock", "alice"]).finish();
        assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
        let text = outcome.stdout;
        assert!(text.contains("Only an administrator may do this"), "{text}");
        assert!(scene.is_locked());
        // A host without polkit is nothing to complain about.
        let lines = host.syslog.lines();
        assert!(!lines.iter().any(|line| line.contains("twinlockd") && line.contains("polkit:")));
        host.cli(&host.root(), &["unlock", "alice"]).expect_success("root");
        assert!(!scene.is_locked());
    });
}

#[test]
fn without_its_actions_in_place_polkit_lets_nobody_in_and_the_log_says_why() {
    in_sandbox(|host| {
        let actions = "/usr/share/polkit-1/actions/org.twinlock.Twinlock1.policy";
        fs::remove_file(actions).unwrap();
        let scene = Scene::set(host);
        let outcome = host.cli(&scene.carol, &["--json", "unlock", "alice"]);
        assert_eq!(outcome.error_name(), "NotAuthorized");
        let line = host.syslog.expect("polkit: org.twinlock.Twinlock1.manage-accounts: ");
        assert!(line.contains("not registered"), "{line}");
        host.cli(&host.root(), &["unlock", "alice"]).expect_success("root");
    });
}

/// Stops `twinlock unlock alice` in the middle of the question by `stop`, and looks whether the
/// terminal shows again what is typed, and the agent has gone.
fn stopped(scene: &Scene<'_>, stop: impl FnOnce(&mut Terminal), status: &str) {
    let shell = "trap : INT; twinlock unlock alice; echo ended with $?; stty -a; sleep 1";
    let mut command = as_user(&scene.carol, "sh");
    command.args(["-c", shell]);
    let mut terminal = Terminal::start(&command);
    terminal.expect(QUESTION);
    terminal.expect_hidden(PASSWORD);
    stop(&mut terminal);
    terminal.expect(&format!("ended with {status}"));
    let settings = terminal.page("extproc");
    assert!(settings.contains(" echo "), "{settings}");
    assert!(scene.is_locked());
    eventually(|| running("pkttyagent").is_empty(), "the agent stays");
}

#[test]
fn a_question_that_is_interrupted_changes_nothing_and_gives_the_terminal_back() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let before = scene.descriptors();
        stopped(&scene, Terminal::interrupt, "130");
        scene.await_descriptors(before);
    });
}

#[test]
fn a_daemon_that_ends_during_the_question_gives_the_terminal_back() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        stopped(&scene, |_| host.daemon.kill(), "3");
    });
}

#[test]
fn a_program_that_is_killed_during_the_question_gets_nothing_done() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let before = scene.descriptors();
        let mut terminal = scene.at_terminal(&scene.carol, &["reset", "--yes", "alice"]);
        terminal.expect(QUESTION);
        terminal.expect(PASSWORD);
        let [pid] = running("twinlock")[..] else { panic!("which is twinlock?") };
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
        scene.await_descriptors(before);
        // The agent is still there, and so is the person.
        terminal.type_line(&scene.carol.password);
        let _ = host.syslog.expect("reset outcome=refused reason=not-authorized");
        assert!(scene.is_locked(), "nothing is reset");
    });
}

#[test]
fn polkit_may_ask_for_the_one_time_code_as_well() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        pam::password_and_code("polkit-1");
        let phone = host.enroll(&scene.carol).phone;
        let mut terminal = scene.at_terminal(&scene.carol, &["unlock", "alice"]);
        terminal.expect(QUESTION);
        terminal.answer_hidden(PASSWORD, &scene.carol.password);
        terminal.answer_hidden(CODE_PROMPT, &phone.fresh_code());
        terminal.finish().expect_success("twinlock unlock");
        assert!(!scene.is_locked());
    });
}
