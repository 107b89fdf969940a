//! Logins by the recipes of the README: sshd, by either of its methods, and sudo.

use twinlock_tests::{
    Enrolled, Host, OPTIONAL, Outcome, Terminal, User,
    command::as_root,
    in_sandbox,
    pam::{self, TWINLOCK},
    pam_client::Code,
    readme,
    ssh::{FirstFactor, PASSWORD_PROMPT, Sshd},
    sudo,
};

use crate::scene::{
    BOTH_PROMPT, CODE_QUESTION, COLLECTS, PASSWORD_QUESTION, failures, login, with_alice,
};

/// How a line gets to sshd.
#[derive(Clone, Copy, Debug)]
enum Method {
    /// sshd's own, with a prompt by the client.
    Password,
    KeyboardInteractive,
}

const METHODS: [Method; 2] = [Method::Password, Method::KeyboardInteractive];

impl Method {
    /// An sshd that takes this method only. Both may run.
    fn sshd(self, host: &Host) -> Sshd {
        let first = FirstFactor::Password;
        match self {
            Self::Password => host.stock_sshd(readme::recipe("sshd-one-line"), first),
            Self::KeyboardInteractive => {
                host.sshd_with("prompt-host", "sshd", 2222, first, first.settings())
            }
        }
    }

    /// Waits for `prompt` and types `line`.
    fn answer(self, sshd: &Sshd, user: &User, prompt: &str, line: &str) -> Outcome {
        let mut ssh = as_root("ssh");
        if let Self::Password = self {
            ssh.args(["-o", "PreferredAuthentications=password"]);
        }
        ssh.arg(format!("{}@{}", user.name, sshd.name)).arg("echo running as $(id -un)");
        let mut ssh = Terminal::start(&ssh);
        ssh.answer(prompt, line);
        ssh.finish()
    }

    /// Whether `line` logs `user` in: a command must have run as them.
    fn lets_in(self, sshd: &Sshd, user: &User, line: &str) -> bool {
        let prompt = match self {
            Self::Password => PASSWORD_PROMPT,
            Self::KeyboardInteractive => BOTH_PROMPT,
        };
        ran(&self.answer(sshd, user, prompt, line), user)
    }
}

fn ran(outcome: &Outcome, user: &User) -> bool {
    let ran = outcome.stdout.contains(&format!("running as {}\n", user.name));
    assert_eq!(outcome.succeeded(), ran, "{}", outcome.stdout);
    ran
}

/// sshd, by each method, with the README's lines for one prompt in its PAM service.
fn one_line_sshd(host: &Host) -> [(Method, Sshd); 2] {
    pam::one_line("sshd", "sshd");
    METHODS.map(|method| (method, method.sshd(host)))
}

#[test]
fn password_and_code_in_one_line_let_in_once() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        for (method, sshd) in one_line_sshd(host) {
            let line = format!("{}{}", alice.password, phone.fresh_code());
            assert!(method.lets_in(&sshd, &alice, &line), "{method:?}");
            assert!(!method.lets_in(&sshd, &alice, &line), "{method:?}: a spent code");
        }
    });
}

#[test]
fn a_wrong_password_with_a_right_code_does_not_let_in() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        for (method, sshd) in one_line_sshd(host) {
            let line = format!("not hers{}", phone.fresh_code());
            assert!(!method.lets_in(&sshd, &alice, &line), "{method:?}");
            let _ = host.syslog.expect("pam_unix(sshd:auth): authentication failure");
            // Whoever knows the code only has spent it.
            let line = format!("{}{}", alice.password, phone.spent_code());
            assert!(!method.lets_in(&sshd, &alice, &line), "{method:?}");
        }
    });
}

#[test]
fn a_wrong_code_does_not_let_in_and_nobody_learns_whether_the_password_is_right() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        for (method, sshd) in one_line_sshd(host) {
            for password in ["not hers", &alice.password] {
                let line = format!("{password}{}", phone.wrong_code(0));
                let before = failures(host, &alice);
                assert!(!method.lets_in(&sshd, &alice, &line), "{method:?} {password}");
                assert_eq!(failures(host, &alice), before + 1, "{method:?} {password}");
            }
        }
        // pam_unix, which makes whoever is wrong wait, was not asked.
        let log = host.syslog.lines().join("\n");
        assert!(!log.contains("pam_unix(sshd:auth)"), "{log}");
    });
}

#[test]
fn one_of_the_two_alone_does_not_let_in_and_is_not_charged() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        for (method, sshd) in one_line_sshd(host) {
            let code = phone.fresh_code();
            let backwards = format!("{code}{}", alice.password);
            for line in [&alice.password, &code, &backwards, ""] {
                assert!(!method.lets_in(&sshd, &alice, line), "{method:?} {line:?}");
            }
            assert_eq!(failures(host, &alice), 0, "{method:?}");
            // Nor is the code spent.
            let line = format!("{}{code}", alice.password);
            assert!(method.lets_in(&sshd, &alice, &line), "{method:?}");
        }
    });
}

#[test]
fn a_recovery_code_behind_the_password_lets_in_once() {
    in_sandbox(|host| {
        let (alice, Enrolled { recovery_codes, .. }) = with_alice(host);
        for ((method, sshd), codes) in one_line_sshd(host).iter().zip(recovery_codes.chunks(2)) {
            let [written, small] = codes else { panic!("two codes") };
            let squeezed = format!("{}{}", alice.password, written.replace('-', ""));
            assert!(!method.lets_in(sshd, &alice, &squeezed), "{method:?}: {squeezed}");
            for code in [written, &small.to_lowercase()] {
                let line = format!("{}{code}", alice.password);
                assert!(method.lets_in(sshd, &alice, &line), "{method:?}: {line}");
                assert!(!method.lets_in(sshd, &alice, &line), "{method:?}: {line}, again");
            }
        }
    });
}

#[test]
fn a_password_may_hold_spaces_and_end_in_digits() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, .. }) = with_alice(host);
        let sshds = one_line_sshd(host);
        for password in ["two words", "a space behind ", " and before", "summer123456", "271828"] {
            let alice = host.existing_user("alice", password);
            for (method, sshd) in &sshds {
                let line = format!("{password}{}", phone.fresh_code());
                assert!(method.lets_in(sshd, &alice, &line), "{method:?}: {line:?}");
            }
        }
    });
}

#[test]
fn a_password_that_ends_in_digits_is_taken_for_password_and_code_when_the_code_is_missing() {
    in_sandbox(|host| {
        let _ = with_alice(host);
        let alice = host.existing_user("alice", "summer123456");
        for (nth, (method, sshd)) in one_line_sshd(host).iter().enumerate() {
            assert!(!method.lets_in(sshd, &alice, &alice.password), "{method:?}");
            assert_eq!(failures(host, &alice), nth as u64 + 1, "{method:?}");
        }
    });
}

#[test]
fn where_no_code_is_required_the_password_alone_is_asked_for() {
    in_sandbox(|host| {
        let bob = host.user("bob");
        host.policy(OPTIONAL);
        for (method, sshd) in one_line_sshd(host) {
            let answer = |password: &str| method.answer(&sshd, &bob, PASSWORD_PROMPT, password);
            assert!(ran(&answer(&bob.password), &bob), "{method:?}");
            assert!(!ran(&answer("not his"), &bob), "{method:?}");
        }
    });
}

// The line is typed blindly: nobody can see that this time it should be the password alone.
#[test]
fn a_remembered_source_types_password_and_code_all_the_same() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        host.policy(
            "[[rule]]\nlevel = \"required\"\neveryone = true\nservices = [\"sshd\"]\n\
             remember_minutes = 30\n",
        );
        for (method, sshd) in one_line_sshd(host) {
            for _ in 0..2 {
                let line = format!("{}{}", alice.password, phone.fresh_code());
                assert!(method.lets_in(&sshd, &alice, &line), "{method:?}");
            }
            assert!(!method.lets_in(&sshd, &alice, &alice.password), "{method:?}");
        }
    });
}

#[test]
fn without_an_option_a_right_code_at_the_end_of_a_password_does_not_let_in_and_is_not_spent() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, .. }) = with_alice(host);
        let code = phone.fresh_code();
        // sshd answers both questions of this stack with one line, which is the right password.
        let alice = host.existing_user("alice", &format!("hunter2{code}"));
        pam::password_and_code("sshd");
        let sshd = Method::Password.sshd(host);
        assert!(!Method::Password.lets_in(&sshd, &alice, &alice.password));
        let _ = host.syslog.expect("outcome=refused");

        let unix = "auth required pam_unix.so nodelay";
        let report = login(&[unix, TWINLOCK], &[&alice.password, &alice.password]);
        assert_eq!(report.code(), Code::AUTH_ERR, "{report:?}");
        // Nor is what was collected looked at, be it a whole code.
        let report = login(&[COLLECTS, TWINLOCK], &[&code, "hunter2"]);
        assert_eq!(report.code(), Code::AUTH_ERR, "{report:?}");
        assert_eq!(report.questions(), [PASSWORD_QUESTION, CODE_QUESTION]);

        assert_eq!(failures(host, &alice), 0);
        let report = login(&[unix, TWINLOCK], &[&alice.password, &code]);
        assert_eq!(report.code(), Code::SUCCESS, "{report:?}");
    });
}

#[test]
fn sudo_takes_password_and_code_in_one_line() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        pam::one_line("sudo", "sudo");
        let sudo = |line: &str| {
            let mut sudo = Terminal::start(&host.sudo(&alice, &["id", "-un"]));
            sudo.answer(BOTH_PROMPT, line);
            sudo
        };
        let line = format!("{}{}", alice.password, phone.fresh_code());
        let outcome = sudo(&line).finish().expect_success("sudo");
        assert!(outcome.stdout.ends_with("\nroot\n"), "{}", outcome.stdout);
        let wrong = format!("{}{}", alice.password, phone.wrong_code(0));
        for refused in [&line, &wrong, &alice.password] {
            let mut sudo = sudo(refused);
            sudo.expect(BOTH_PROMPT);
            assert!(!sudo.text().contains("\nroot\n"), "{}", sudo.text());
        }

        let bob = host.user("bob");
        host.policy(OPTIONAL);
        let mut sudo = Terminal::start(&host.sudo(&bob, &["id", "-un"]));
        sudo.answer(sudo::PASSWORD_PROMPT, &bob.password);
        let outcome = sudo.finish().expect_success("sudo without a code");
        assert!(outcome.stdout.ends_with("\nroot\n"), "{}", outcome.stdout);
    });
}
