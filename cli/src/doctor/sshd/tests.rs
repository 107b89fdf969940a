//! Faults planted into sshd's settings, and the recipes of the README, in which there are none.

use std::path::Path;

use super::*;
use crate::{
    doctor::planted::{Planted, recipe},
    pam_config::Kind,
};

/// What sshd has where nothing is said, as Debian 12 ships it, and as `sshd -T` prints it.
const DEFAULTS: &str = "usepam yes\nlogingracetime 120\nmaxauthtries 6\npermitrootlogin without-password\n\
    hostbasedauthentication no\npubkeyauthentication yes\ngssapiauthentication no\n\
    passwordauthentication yes\nkbdinteractiveauthentication no\nusedns no\nauthenticationmethods any\n";
/// Debian's sshd_config.
const SHIPPED: &str =
    "Include /etc/ssh/sshd_config.d/*.conf\n\nKbdInteractiveAuthentication no\nUsePAM yes\n";
const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-twinlock.conf";

/// `name line` of each finding for the drop-in file `settings`, with the PAM recipe in force.
fn told(pam: &str, settings: &str) -> Vec<String> {
    let planted = Planted::debian().with_recipe("sshd", pam);
    planted.write("/etc/ssh/sshd_config", SHIPPED);
    planted.write(DROP_IN, settings);
    let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
    // The first value counts, and a block counts for nobody in particular.
    let outside = settings.split("Match").next().unwrap_or_default();
    let in_force = Settings::parse(&format!("{outside}{DEFAULTS}"));
    let stack = planted.tree.stack("sshd", Kind::Auth);
    let people = ["root", "alice"].map(str::to_owned).into();
    findings(&in_force, &file, &stack, &people)
        .into_iter()
        .map(|finding| {
            assert!(finding.services.contains("sshd"), "{finding:?}");
            let drop_in = finding.file.as_deref() == Some(Path::new(DROP_IN));
            let line = finding.line.map_or("-".to_owned(), |line| line.to_string());
            format!("{} {}{line}", finding.name, if drop_in { "" } else { "shipped:" })
        })
        .collect()
}

#[test]
fn nothing_is_wrong_with_the_readmes_recipes() {
    let root = "root-cannot-log-in shipped:-";
    for (pam, sshd) in [
        ("pam-password-and-code", "sshd-password-and-code"),
        ("pam-key-and-code", "sshd-key-and-code"),
        ("pam-one-line", "sshd-one-line"),
    ] {
        assert_eq!(told(pam, recipe(sshd)), [root], "{sshd}");
        let with_root = format!("{}PermitRootLogin yes\n", recipe(sshd));
        assert_eq!(told(pam, &with_root), Vec::<String>::new(), "{sshd}");
    }
    let machine = format!("{}{}", recipe("sshd-key-and-code"), recipe("sshd-machine-account"));
    let lines = recipe("sshd-key-and-code").lines().count() + 2;
    let expected = [format!("machine-account {lines}"), root.to_owned()];
    assert_eq!(told("pam-key-and-code", &machine), expected);
}

#[test]
fn each_planted_fault_is_found_on_its_line() {
    let safe = "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nPermitRootLogin yes\n";
    let both = format!("{safe}AuthenticationMethods keyboard-interactive:pam\n");
    for (settings, expected) in [
        ("UsePAM no\n".to_owned(), vec!["sshd-without-pam 1"]),
        // The first of Debian's own settings: the password method, and keys without anything else.
        (
            "PermitRootLogin yes\n".to_owned(),
            vec!["key-login-skips-code shipped:-", "password-method-alone shipped:3"],
        ),
        (safe.into(), vec!["key-login-skips-code shipped:-"]),
        (format!("{safe}PubkeyAuthentication yes\n"), vec!["key-login-skips-code 4"]),
        (format!("{safe}PubkeyAuthentication no\n"), vec![]),
        (
            format!("{safe}AuthenticationMethods keyboard-interactive publickey\n"),
            vec!["key-login-skips-code 4"],
        ),
        (
            "KbdInteractiveAuthentication yes\nPasswordAuthentication yes\nPubkeyAuthentication no\n\
             PermitRootLogin yes\n"
                .to_owned(),
            vec!["password-method 2"],
        ),
        (
            "AuthenticationMethods keyboard-interactive:pam\nPermitRootLogin yes\n".to_owned(),
            vec!["no-way-in-through-sshd 1"],
        ),
        (format!("{both}LoginGraceTime 30\n"), vec!["short-login-grace-time 5"]),
        (format!("{both}LoginGraceTime 0\n"), vec![]),
        (format!("{both}MaxAuthTries 2\n"), vec!["few-auth-tries 5"]),
        (format!("{both}UseDNS yes\n"), vec!["use-dns 5"]),
        (
            format!("{both}Match Group wheel\n  AuthenticationMethods publickey\n"),
            vec!["key-login-skips-code 6"],
        ),
        (
            format!("{both}Match Address 10.0.0.0/8\n  PasswordAuthentication yes\n  AuthenticationMethods any\n"),
            vec!["key-login-skips-code 7", "password-method 6"],
        ),
        (
            format!("{both}Match User backup,root\n  AuthenticationMethods publickey\n"),
            vec!["person-by-key-alone 6"],
        ),
        (
            format!("{both}Match Address 10.0.0.0/8 User alice\n  AuthenticationMethods publickey\n"),
            vec!["person-by-key-alone 6"],
        ),
        (format!("{both}Match User *\n  UsePAM no\n"), vec!["sshd-without-pam 6"]),
        (format!("{both}Match Group sftp\n  X11Forwarding no\n"), vec![]),
    ] {
        assert_eq!(told("pam-password-and-code", &settings), expected, "{settings}");
    }
}

#[test]
fn the_code_alone_is_not_enough_through_sshd() {
    let alone = "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nPermitRootLogin yes\n\
                 AuthenticationMethods keyboard-interactive:pam\n";
    assert_eq!(told("pam-key-and-code", alone), ["code-alone-through-sshd 4"]);
    let password = "PermitRootLogin yes\nAuthenticationMethods password\n";
    assert_eq!(told("pam-key-and-code", password), ["code-alone-through-sshd 2"]);
    let key_first = "PermitRootLogin yes\nAuthenticationMethods publickey,password\n";
    assert_eq!(told("pam-key-and-code", key_first), Vec::<String>::new());
}

#[test]
fn a_host_whose_sshd_asks_for_no_code_is_left_alone() {
    let planted = Planted::debian();
    let stack = planted.tree.stack("sshd", Kind::Auth);
    let file = ConfigFile::default();
    assert!(findings(&Settings::parse("usepam no\n"), &file, &stack, &BTreeSet::new()).is_empty());
}

#[test]
fn what_sshd_says_about_its_files_is_told_with_the_line() {
    let planted = Planted::debian().with_recipe("sshd", "pam-password-and-code");
    planted.write("/etc/ssh/sshd_config", SHIPPED);
    planted.write(DROP_IN, "x\n");
    let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
    let stack = planted.tree.stack("sshd", Kind::Auth);
    let said = format!(
        "{DROP_IN}: line 1: Bad configuration option: x\r\n\
         {DROP_IN}: terminating, 1 bad configuration options\r\n"
    );
    let finding = invalid(&said, &file, &stack).unwrap();
    assert!(finding.what.ends_with("Bad configuration option: x."), "{}", finding.what);
    assert_eq!((finding.file.as_deref(), finding.line), (Some(Path::new(DROP_IN)), Some(1)));
    for other in ["Missing privilege separation directory: /run/sshd\r\n", ""] {
        assert_eq!(invalid(other, &file, &stack), None, "{other}");
    }
}

#[test]
fn without_sshds_word_the_files_and_its_defaults_count() {
    let planted = Planted::debian();
    planted.write("/etc/ssh/sshd_config", SHIPPED);
    planted.write(DROP_IN, recipe("sshd-key-and-code"));
    let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
    let settings = file.settings();
    assert!(settings.is_yes("usepam") && settings.is_yes("kbdinteractiveauthentication"));
    assert!(settings.is_yes("pubkeyauthentication"), "a default");
    assert_eq!(settings.ways(), [[Method::PublicKey, Method::KeyboardInteractive]]);
}

#[test]
fn machine_accounts_are_those_that_are_named_and_let_in_by_key() {
    let planted = Planted::debian();
    let blocks = "Match User backup,sync\n AuthenticationMethods publickey\n\
                  Match User carol\n AuthenticationMethods publickey,password\n\
                  Match User *\n AuthenticationMethods publickey\n\
                  Match User dave\n X11Forwarding no\n";
    let text = format!("{}{blocks}", recipe("sshd-key-and-code"));
    planted.write("/etc/ssh/sshd_config", &text);
    let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
    let named = machine_accounts(&file.settings(), &file);
    assert_eq!(Vec::from_iter(named), ["backup", "sync"]);
}
