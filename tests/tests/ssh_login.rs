//! Nobody gets a shell through sshd without a one-time code, and everybody with one does.

use std::{fs, time::Duration};

use twinlock_tests::{
    OPTIONAL, Outcome, Terminal, User,
    command::as_root,
    in_sandbox, pam, readme,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, Sshd},
};

#[test]
fn password_and_code_let_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn key_and_code_let_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Key);
        host.authorize_key(&alice);
        let enrolled = host.enroll(&alice);
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn a_wrong_code_does_not_let_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        host.authorize_key(&alice);
        let enrolled = host.enroll(&alice);
        for first in [FirstFactor::Password, FirstFactor::Key] {
            let sshd = host.sshd(first);
            assert!(!sshd.lets_in(&alice, &enrolled.phone.wrong_code(0)), "{first:?}");
        }
    });
}

#[test]
fn a_code_without_the_password_does_not_let_in() {
    in_sandbox(|host| {
        host.settable_clock();
        let mut alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        alice.password = "not hers".to_owned();
        let mut ssh = Terminal::start(&sshd.ssh(&alice, &["id"]));
        ssh.answer(PASSWORD_PROMPT, &alice.password);
        // Debian's stack ends at a wrong password; others ask for the code all the same.
        if ssh.expect_any(&[CODE_PROMPT]).is_some() {
            ssh.type_line(&enrolled.phone.fresh_code());
        }
        ssh.finish().expect_failure("a code without the password");
    });
}

#[test]
fn a_code_without_the_key_does_not_let_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Key);
        let _phone = host.enroll(&alice);
        let outcome = Terminal::start(&sshd.ssh(&alice, &["id"])).finish();
        assert!(!outcome.succeeded());
        assert!(!outcome.stdout.contains(CODE_PROMPT), "{}", outcome.stdout);
    });
}

#[test]
fn a_code_lets_in_once() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        host.authorize_key(&alice);
        let (by_password, by_key) = (host.sshd(FirstFactor::Password), host.sshd(FirstFactor::Key));
        let enrolled = host.enroll(&alice);
        let code = enrolled.phone.fresh_code();
        assert!(by_password.lets_in(&alice, &code));
        assert!(!by_password.lets_in(&alice, &code), "the same way");
        assert!(!by_key.lets_in(&alice, &code), "another way");
    });
}

#[test]
fn the_code_that_confirmed_the_enrolment_is_spent() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        assert!(!sshd.lets_in(&alice, &enrolled.phone.spent_code()));
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn five_wrong_codes_lock_and_unlock_opens() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        for nth in 0..5 {
            assert!(!sshd.lets_in(&alice, &enrolled.phone.wrong_code(nth)));
        }
        let mut locked = Terminal::start(&sshd.ssh(&alice, &["id"]));
        locked.answer(PASSWORD_PROMPT, &alice.password);
        assert_eq!(locked.expect_any(&["Too many wrong codes", CODE_PROMPT]), Some(0));
        locked.type_line(&enrolled.phone.fresh_code());
        locked.finish().expect_failure("a right code while locked");

        host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn a_lock_ends_by_itself_after_fifteen_minutes() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        for nth in 0..5 {
            assert!(!sshd.lets_in(&alice, &enrolled.phone.wrong_code(nth)));
        }
        host.clock.advance(Duration::from_secs(15 * 60));
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn a_recovery_code_lets_in_once() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        let [code, other, ..] = enrolled.recovery_codes.as_slice() else { panic!("two codes") };
        assert!(sshd.lets_in(&alice, code));
        assert!(!sshd.lets_in(&alice, code));
        assert!(sshd.lets_in(&alice, other));
    });
}

#[test]
fn somebody_who_never_enrolled_does_not_get_in() {
    in_sandbox(|host| {
        let bob = host.user("bob");
        let sshd = host.sshd(FirstFactor::Password);
        assert!(!sshd.lets_in(&bob, "123456"));
        host.policy(OPTIONAL);
        let mut ssh = Terminal::start(&sshd.ssh(&bob, &["id", "-un"]));
        ssh.answer(PASSWORD_PROMPT, &bob.password);
        let outcome = ssh.finish().expect_success("while the host is being enrolled");
        assert!(outcome.stdout.ends_with("\nbob\n"), "{}", outcome.stdout);
    });
}

#[test]
fn scp_and_sftp_copy_after_a_code() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        let there = |name: &str| format!("alice@{}:{name}", sshd.name);
        let client = |words: &[&str]| {
            let mut command = as_root(words[0]);
            command.args(&words[1..]);
            command
        };
        let copy = |words: &[&str]| {
            sshd.answer(&alice, &client(words), &enrolled.phone.fresh_code())
                .expect_success(words[0]);
        };
        fs::write("/root/letter", "to alice").unwrap();
        copy(&["scp", "/root/letter", &there("new")]);
        copy(&["scp", "-O", "/root/letter", &there("old")]);
        copy(&["sftp", &there("new"), "/root/answer"]);
        for copied in [alice.home.join("new"), alice.home.join("old"), "/root/answer".into()] {
            assert_eq!(fs::read_to_string(&copied).unwrap(), "to alice", "{}", copied.display());
        }

        for words in [["scp", "/root/letter", &there("no")], ["sftp", &there("new"), "/root/no"]] {
            sshd.answer(&alice, &client(&words), &enrolled.phone.wrong_code(0))
                .expect_failure(words[0]);
        }
        assert!(!alice.home.join("no").exists() && !fs::exists("/root/no").unwrap());
    });
}

#[test]
fn the_bus_starts_the_daemon_for_the_first_login() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        assert_eq!(host.daemon.pid(), None);
        let enrolled = host.enroll(&alice);
        host.daemon.kill();
        assert_eq!(host.daemon.pid(), None);
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
        assert!(host.daemon.pid().is_some());
    });
}

#[test]
fn every_decision_is_in_the_system_log_and_no_code_is() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        let (wrong, right) = (enrolled.phone.wrong_code(0), enrolled.phone.fresh_code());
        assert!(!sshd.lets_in(&alice, &wrong));
        assert!(sshd.lets_in(&alice, &right));
        let _ = host.syslog.expect("outcome=accepted");
        let ours: Vec<_> =
            host.syslog.lines().into_iter().filter(|line| line.contains("twinlockd")).collect();
        assert!(ours.len() >= 3, "{ours:#?}");
        for secret in [&wrong, &right, &enrolled.phone.secret, &enrolled.recovery_codes[0]] {
            assert!(!host.syslog.lines().iter().any(|line| line.contains(secret)), "{secret}");
        }
    });
}

/// Tries to get in by the one password prompt of sshd's own `password` method.
fn by_password_method(sshd: &Sshd, user: &User, password: &str) -> Outcome {
    let mut ssh = as_root("ssh");
    ssh.args(["-o", "PreferredAuthentications=password", "-o", "PubkeyAuthentication=no"]);
    let mut ssh = Terminal::start(ssh.arg(format!("{}@{}", user.name, sshd.name)).arg("id"));
    if ssh.expect_any(&[PASSWORD_PROMPT]).is_some() {
        ssh.type_line(password);
    }
    ssh.finish()
}

#[test]
fn the_readmes_password_recipe_works_on_debians_own_files() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, root) = (host.user("alice"), host.existing_user("root", "root's password"));
        let phone = host.enroll(&alice).phone;
        pam::password_and_code("sshd");
        let first = FirstFactor::Password;
        let sshd = host.stock_sshd(first.settings(), first);
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
        assert!(!sshd.lets_in(&alice, &phone.spent_code()));
        let mut as_root = Terminal::start(&sshd.ssh(&root, &["id"]));
        as_root.answer(PASSWORD_PROMPT, &root.password);
        let outcome = as_root.finish().expect_failure("prohibit-password");
        assert!(!outcome.stdout.contains(CODE_PROMPT), "{}", outcome.stdout);
        by_password_method(&sshd, &alice, &alice.password).expect_failure("the password alone");
    });
}

#[test]
fn the_readmes_key_recipe_works_on_debians_own_files() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, backup) = (host.user("alice"), host.user("backup-robot"));
        let root = host.root();
        for user in [&alice, &backup, &root] {
            host.authorize_key(user);
        }
        let phones = [&alice, &root].map(|user| host.enroll(user).phone);
        pam::code_alone("sshd", "sshd");
        let first = FirstFactor::Key;
        let machine = readme::recipe("sshd-machine-account").replace("backup", &backup.name);
        let sshd = host.stock_sshd(&format!("{}{machine}", first.settings()), first);
        assert!(sshd.lets_in(&alice, &phones[0].fresh_code()));
        assert!(!sshd.lets_in(&alice, &phones[0].spent_code()));
        assert!(!sshd.lets_in(&alice, &alice.password));
        assert!(!sshd.lets_in(&root, &phones[1].fresh_code()), "prohibit-password");
        by_password_method(&sshd, &alice, &alice.password).expect_failure("without the key");
        Terminal::start(&sshd.ssh(&backup, &["id"])).finish().expect_success("a machine");
    });
}

#[test]
fn root_gets_in_by_key_and_code_where_sshd_permits_it() {
    in_sandbox(|host| {
        let root = host.root();
        host.authorize_key(&root);
        let phone = host.enroll(&root).phone;
        pam::code_alone("sshd", "sshd");
        let first = FirstFactor::Key;
        let sshd = host.stock_sshd(&format!("{}PermitRootLogin yes\n", first.settings()), first);
        assert!(!sshd.lets_in(&root, &phone.wrong_code(0)));
        assert!(sshd.lets_in(&root, &phone.fresh_code()));
    });
}

#[test]
fn the_key_recipe_opens_to_no_password_whatever_else_is_wrong() {
    in_sandbox(|host| {
        // The worst of it: sshd asks for passwords only, and no code is asked of the unenrolled.
        host.policy(OPTIONAL);
        let bob = host.user("bob");
        pam::code_alone("sshd", "sshd");
        let first = FirstFactor::Password;
        let sshd = host.stock_sshd("PasswordAuthentication yes\n", first);
        for password in [bob.password.as_str(), "anything", "123456"] {
            by_password_method(&sshd, &bob, password).expect_failure(password);
        }

        // Somebody comments the line out instead of taking the recipe back.
        let recipe = fs::read_to_string("/etc/pam.d/sshd").unwrap();
        let emptied = recipe.replace("\nauth ", "\n#auth ");
        assert_eq!(emptied.len(), recipe.len() + 1, "{recipe}");
        fs::write("/etc/pam.d/sshd", emptied).unwrap();
        by_password_method(&sshd, &bob, "anything").expect_failure("any password");
        by_password_method(&sshd, &bob, &bob.password).expect_success("Debian's fallback");
        fs::remove_file("/etc/pam.d/other").unwrap();
        by_password_method(&sshd, &bob, &bob.password).expect_failure("no fallback at all");
    });
}
