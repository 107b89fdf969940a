//! Faults of the bus, the daemon and its files.

use std::{fs, os::unix::fs::PermissionsExt};

use nix::sys::signal::Signal;
use twinlock_tests::in_sandbox;

use crate::scene::{Scene, found, line_of};

const ACTIVATION: &str = "/usr/share/dbus-1/system-services/org.twinlock.Twinlock1.service";
const KEY: &str = "/var/lib/twinlock/master.key";

#[test]
fn a_broken_installation_is_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        // The daemon runs already: what is missing shows only the next time.
        let broken =
            "[D-BUS Service]\nName=org.twinlock.Twinlock1\nExec=/usr/sbin/gone\nUser=root\n";
        scene.finds_in_file(ACTIVATION, broken, "activation-broken", "Exec=");

        let activation = fs::read(ACTIVATION).unwrap();
        fs::remove_file(ACTIVATION).unwrap();
        assert_eq!(found(host), ["activation-missing /usr/share/dbus-1/system-services"]);
        fs::write(ACTIVATION, activation).unwrap();

        let policy = "/usr/share/dbus-1/system.d/org.twinlock.Twinlock1.conf";
        fs::remove_file(policy).unwrap();
        let found = found(host);
        assert!(
            found.contains(&"bus-policy-missing /usr/share/dbus-1/system.d".to_owned()),
            "{found:?}"
        );
    });
}

#[test]
fn a_key_that_others_can_read_is_found_and_none_of_it_is_told() {
    in_sandbox(|host| {
        let _scene = Scene::healthy(host);
        let key = fs::read_to_string(KEY).unwrap();
        fs::set_permissions(KEY, fs::Permissions::from_mode(0o404)).unwrap();
        assert_eq!(found(host), [format!("state-not-private {KEY}")]);
        let outcome = host.cli(&host.root(), &["doctor"]);
        assert!(!outcome.stdout.contains(key.trim()) && !outcome.stderr.contains(key.trim()));
        fs::set_permissions(KEY, fs::Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions("/var/lib/twinlock", fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(found(host), ["state-not-private /var/lib/twinlock"]);
    });
}

#[test]
fn a_daemon_that_does_not_start_or_answer_is_found() {
    in_sandbox(|host| {
        let _scene = Scene::healthy(host);
        host.settings("no_such_key = 1\n");
        assert_eq!(found(host), ["daemon-not-started"]);
        fs::remove_file("/etc/twinlock/twinlock.toml").unwrap();
        host.daemon.start();
        assert_eq!(found(host), Vec::<String>::new());
        host.daemon.signal(Signal::SIGSTOP);
        assert_eq!(found(host), ["daemon-silent"]);
        host.daemon.signal(Signal::SIGCONT);
        host.bus.kill();
        assert_eq!(found(host), ["bus-unreachable"]);
    });
}

#[test]
fn a_lost_key_is_found() {
    in_sandbox(|host| {
        let _scene = Scene::healthy(host);
        host.daemon.kill();
        fs::remove_file(KEY).unwrap();
        assert_eq!(found(host), ["daemon-not-started".to_owned(), format!("key-missing {KEY}")]);
    });
}

#[test]
fn a_change_that_is_not_finished_is_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let journal = "/var/lib/twinlock-pam/journal.json";
        fs::create_dir_all("/var/lib/twinlock-pam").unwrap();
        fs::write(journal, "{}").unwrap();
        assert_eq!(found(host), [format!("change-not-finished {journal}")]);
        fs::remove_file(journal).unwrap();
        scene.finds_nothing();
    });
}

#[test]
fn an_account_with_an_empty_password_is_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let common = fs::read_to_string("/etc/pam.d/common-auth").unwrap();
        let nullok = common.replacen("pam_unix.so", "pam_unix.so nullok", 1);
        fs::write("/etc/pam.d/common-auth", nullok).unwrap();
        scene.finds_nothing();
        let shadow = "/etc/shadow";
        let text = fs::read_to_string(shadow).unwrap();
        let line = line_of(shadow, "alice:");
        let emptied: Vec<_> = text
            .lines()
            .map(|line| match line.split_once(':') {
                Some(("alice", rest)) => format!("alice::{}", rest.split_once(':').unwrap().1),
                _ => line.to_owned(),
            })
            .collect();
        fs::write(shadow, emptied.join("\n") + "\n").unwrap();
        assert_eq!(found(host), [format!("empty-password {shadow}:{line}")]);
    });
}
