//! Faults in the settings of sshd and sudo.

use std::fs;

use twinlock_tests::in_sandbox;

use crate::scene::{DROP_IN, Scene, found, line_of};

const BOTH: &str = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n";
const METHODS: &str = "AuthenticationMethods keyboard-interactive:pam\n";

#[test]
fn ways_round_the_stack_in_sshds_settings_are_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        for (settings, name, line) in [
            (format!("{METHODS}UsePAM no\n"), "sshd-without-pam", "UsePAM no"),
            (
                format!("{BOTH}AuthenticationMethods publickey keyboard-interactive:pam\n"),
                "key-login-skips-code",
                "AuthenticationMethods",
            ),
            (format!("{BOTH}PubkeyAuthentication yes\n"), "key-login-skips-code", "PubkeyAuthentication"),
            (
                format!("{BOTH}{METHODS}Match Group users\n  AuthenticationMethods publickey\n"),
                "key-login-skips-code",
                "  AuthenticationMethods",
            ),
            (
                format!(
                    "{BOTH}PubkeyAuthentication yes\nMatch Address *,!10.0.0.0/8\n  {METHODS}"
                ),
                "key-login-skips-code",
                "PubkeyAuthentication",
            ),
            (
                format!("{BOTH}{METHODS}Match User alice\n  AuthenticationMethods publickey\n"),
                "person-by-key-alone",
                "  AuthenticationMethods",
            ),
            (
                "KbdInteractiveAuthentication no\nAuthenticationMethods password\n".to_owned(),
                "password-method-alone",
                "KbdInteractiveAuthentication",
            ),
            (
                "KbdInteractiveAuthentication yes\nPasswordAuthentication yes\nPubkeyAuthentication no\n"
                    .to_owned(),
                "password-method",
                "PasswordAuthentication",
            ),
            (format!("{BOTH}{METHODS}NoSuchOption yes\n"), "sshd-config-invalid", "NoSuchOption"),
        ] {
            scene.finds_in_file(DROP_IN, &settings, name, line);
        }
        scene.finds_nothing();
    });
}

#[test]
fn sshds_settings_are_judged_where_it_is_started_by_a_socket() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        // sshd -T wants this directory, which systemd makes only while an sshd runs.
        fs::remove_dir_all("/run/sshd").unwrap();
        scene.finds_nothing();
        let settings = format!("{BOTH}PubkeyAuthentication yes\n");
        scene.finds_in_file(DROP_IN, &settings, "key-login-skips-code", "PubkeyAuthentication");
    });
}

#[test]
fn a_code_that_is_all_sshd_asks_for_is_found() {
    in_sandbox(|host| {
        let _scene = Scene::healthy(host);
        twinlock_tests::pam::code_alone("sshd", "sshd");
        let line = line_of(DROP_IN, "AuthenticationMethods");
        assert_eq!(found(host), [format!("code-alone-through-sshd {DROP_IN}:{line}")]);
    });
}

#[test]
fn ways_round_the_stack_in_sudoers_are_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        for (planted, name) in [
            ("Defaults pam_service=su", "sudo-other-service"),
            ("Defaults pam_login_service = \"su-l\"", "sudo-other-service"),
            ("Defaults exempt_group=users", "sudo-exempts-group"),
            ("Defaults !authenticate", "sudo-asks-nobody"),
            ("Defaults passprompt_override", "sudo-prompt-replaced"),
            ("Defaults timestamp_timeout=-1", "sudo-remembers"),
        ] {
            scene.finds_after("/etc/sudoers", |text| format!("{text}{planted}\n"), name, planted);
        }
        scene.finds_nothing();
    });
}
