//! Nothing is wrong with what the README tells people to do.

use std::fs;

use twinlock_tests::{in_sandbox, pam, readme, ssh::FirstFactor};

use crate::scene::{DROP_IN, PAM_SSHD, Scene, found, in_words, line_of, noted, visit};

#[test]
fn nothing_is_wrong_with_password_and_code() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let report = visit(host);
        assert_eq!(report["services"], serde_json::json!(["sshd", "sudo", "sudo-i"]));
        // Debian's `PermitRootLogin` shuts root out of a password login, as the README says.
        assert_eq!(noted(host), ["root-cannot-log-in /etc/ssh/sshd_config"]);
        let words = in_words(host, &host.root());
        assert!(
            words.stdout.contains("A code is asked for by: sshd, sudo, sudo-i.\n"),
            "{words:?}"
        );
        drop(scene);
    });
}

#[test]
fn nothing_is_wrong_with_key_and_code_and_a_machine_account() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _robot = host.user("backup-robot");
        let _enrolled = host.enroll(&alice);
        let machine = readme::recipe("sshd-machine-account").replace("backup", "backup-robot");
        let settings = format!("{}{machine}", readme::recipe("sshd-key-and-code"));
        pam::code_alone("sshd", "sshd");
        let _sshd = host.stock_sshd(&settings, FirstFactor::Key);
        assert_eq!(found(host), Vec::<String>::new());
        let line = fs::read_to_string(DROP_IN).unwrap().lines().count();
        assert!(
            noted(host).contains(&format!("machine-account {DROP_IN}:{line}")),
            "{:?}",
            noted(host)
        );
    });
}

#[test]
fn nothing_is_wrong_with_password_and_code_in_one_line() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _enrolled = host.enroll(&alice);
        pam::one_line("sshd", "sshd");
        let _sshd = host.stock_sshd(readme::recipe("sshd-one-line"), FirstFactor::Password);
        assert_eq!(found(host), Vec::<String>::new());
    });
}

#[test]
fn nothing_is_wrong_with_the_steps_of_a_rollout() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let _bob = host.user("bob");
        for step in [
            &["policy", "optional", "--everyone"][..],
            &["policy", "require", "--everyone"],
            &["policy", "remove", "1"],
        ] {
            host.cli(&host.root(), step).expect_success(&step.join(" "));
            scene.finds_nothing();
            let is_noted = noted(host).contains(&"policy-asks-nobody".to_owned());
            assert_eq!(is_noted, step.contains(&"optional"), "{step:?}");
        }
    });
}

#[test]
fn nothing_is_wrong_with_the_readmes_policy() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let groups = fs::read_to_string("/etc/group").unwrap();
        fs::write("/etc/group", groups + "wheel:x:4000:alice\n").unwrap();
        host.policy(readme::recipe("policy"));
        scene.finds_nothing();
    });
}

#[test]
fn nothing_is_wrong_with_a_host_on_which_nothing_is_switched_on() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _enrolled = host.enroll(&alice);
        assert_eq!(found(host), Vec::<String>::new());
        assert_eq!(noted(host), ["not-switched-on"]);
    });
}

#[test]
fn whoever_is_not_root_is_told_that_it_takes_root() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let outcome = host.cli(&alice, &["doctor", "--json"]);
        assert_eq!(outcome.status.code(), Some(3), "{outcome:?}");
        assert_eq!((outcome.error_name().as_str(), outcome.stdout.as_str()), ("NotAuthorized", ""));
    });
}

#[test]
fn a_fault_is_told_in_words_with_what_to_do() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let line = line_of(PAM_SSHD, "pam_twinlock.so");
        let weak = fs::read_to_string(PAM_SSHD).unwrap();
        let weak = weak.replace("required  pam_twinlock.so", "optional  pam_twinlock.so");
        fs::write(PAM_SSHD, weak).unwrap();
        let words = in_words(host, &host.root());
        assert_eq!(words.status.code(), Some(1), "{words:?}");
        let heading = format!("PROBLEM refusal-ignored  {PAM_SSHD}:{line}  (sshd)\n  what ");
        assert!(words.stdout.starts_with(&heading), "{}", words.stdout);
        assert!(
            words.stdout.contains("\n  do   Write `required` as the control.\n"),
            "{}",
            words.stdout
        );
        assert!(words.stderr.contains("1 problem, "), "{}", words.stderr);
        drop(scene);
    });
}
