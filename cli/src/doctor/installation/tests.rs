//! Faults planted into the files of an installation.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::doctor::planted::Planted;

const ACTIVATION: &str = "/usr/share/dbus-1/system-services/org.twinlock.Twinlock1.service";
const DAEMON: &str = "/usr/sbin/twinlockd";

fn installed() -> Planted {
    let planted = Planted::new(&[]);
    planted.write(ACTIVATION, "# x\n[D-BUS Service]\nExec=/usr/sbin/twinlockd\n");
    planted.write(DAEMON, "");
    mode(&planted, DAEMON, 0o755);
    planted.write("/usr/share/dbus-1/system.d/org.twinlock.Twinlock1.conf", "");
    planted.write("/usr/lib/x86_64-linux-gnu/security/pam_unix.so", "");
    planted.write("/usr/lib/x86_64-linux-gnu/security/pam_twinlock.so", "");
    planted
}

fn mode(planted: &Planted, path: &str, mode: u32) {
    let path = planted.tree.on_disk(Path::new(path));
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn remove(planted: &Planted, path: &str) {
    fs::remove_file(planted.tree.on_disk(Path::new(path))).unwrap();
}

fn told(planted: &Planted) -> Vec<String> {
    planted.write("/etc/pam.d/sshd", "# x\nauth required pam_twinlock.so\n");
    let stack = planted.tree.stack("sshd", crate::pam_config::Kind::Auth);
    let findings = findings(&planted.tree, stack.steps.first(), true);
    let told = findings.iter().map(|one| {
        let file = one.file.as_ref().unwrap().display();
        format!("{} {file}:{}", one.name, one.line.unwrap_or(0))
    });
    told.collect()
}

#[test]
fn nothing_is_wrong_with_what_make_install_leaves() {
    let planted = installed();
    assert_eq!(told(&planted), Vec::<String>::new());
    let files = files(&planted.tree);
    for path in [ACTIVATION, DAEMON, "/usr/lib/x86_64-linux-gnu/security/pam_twinlock.so"] {
        assert!(files.iter().any(|file| file == Path::new(path)), "{path}");
    }
}

#[test]
fn what_is_missing_or_broken_is_named() {
    for (fault, expected) in [
        (
            &(|planted: &Planted| remove(planted, ACTIVATION)) as &dyn Fn(&Planted),
            "activation-missing /usr/share/dbus-1/system-services:0".to_owned(),
        ),
        (&|planted| remove(planted, DAEMON), format!("activation-broken {ACTIVATION}:3")),
        (&|planted| mode(planted, DAEMON, 0o644), format!("activation-broken {ACTIVATION}:3")),
        (&|planted| planted.write(ACTIVATION, "x"), format!("activation-broken {ACTIVATION}:0")),
        (
            &|planted| remove(planted, "/usr/share/dbus-1/system.d/org.twinlock.Twinlock1.conf"),
            "bus-policy-missing /usr/share/dbus-1/system.d:0".to_owned(),
        ),
        (
            &|planted| remove(planted, "/usr/lib/x86_64-linux-gnu/security/pam_twinlock.so"),
            "module-missing /etc/pam.d/sshd:2".to_owned(),
        ),
    ] {
        let planted = installed();
        fault(&planted);
        assert_eq!(told(&planted), [expected]);
    }
}

#[test]
fn a_policy_where_prefix_local_puts_it_counts() {
    let planted = installed();
    remove(&planted, "/usr/share/dbus-1/system.d/org.twinlock.Twinlock1.conf");
    planted.write("/etc/dbus-1/system.d/org.twinlock.Twinlock1.conf", "");
    assert_eq!(told(&planted), Vec::<String>::new());
}

fn kept(name: &str, about: Option<(u32, u32, u64)>) -> Kept {
    let about = about.map(|(owner, mode, bytes)| About {
        owner,
        mode,
        bytes,
        is_directory: mode & 0o040_000 != 0,
    });
    Kept { path: Path::new(STATE).join(name), about }
}

fn names(kept: &[Kept], daemon_answers: bool) -> Vec<&'static str> {
    state(kept, daemon_answers).iter().map(|finding| finding.name).collect()
}

#[test]
fn what_the_daemon_makes_is_in_order() {
    let made = |newline: u64| {
        [
            kept("", Some((0, 0o040_700, 0))),
            kept("twinlock.db", Some((0, 0o100_600, 4096))),
            kept("twinlock.db-wal", Some((0, 0o100_600, 0))),
            kept("twinlock.db-shm", None),
            kept("master.key", Some((0, 0o100_400, 64 + newline))),
        ]
    };
    assert_eq!(names(&made(0), true), Vec::<&str>::new());
    assert_eq!(names(&made(1), false), Vec::<&str>::new());
    let nothing: Vec<_> = ["", "twinlock.db", "master.key"].map(|name| kept(name, None)).into();
    assert_eq!(names(&nothing, false), Vec::<&str>::new());
}

#[test]
fn a_key_or_database_that_others_reach_is_told_and_so_is_a_key_that_is_none() {
    for (one, expected) in [
        (kept("", Some((0, 0o040_755, 0))), "state-not-private"),
        (kept("twinlock.db", Some((0, 0o100_640, 4096))), "state-not-private"),
        (kept("twinlock.db", Some((1000, 0o100_600, 4096))), "state-not-private"),
        (kept("master.key", Some((0, 0o100_404, 64))), "state-not-private"),
        (kept("master.key", Some((0, 0o100_400, 32))), "key-malformed"),
    ] {
        let advice = state(&[one], true);
        assert_eq!(advice.iter().map(|finding| finding.name).collect::<Vec<_>>(), [expected]);
    }
    let without_key = [kept("twinlock.db", Some((0, 0o100_600, 4096))), kept("master.key", None)];
    assert_eq!(names(&without_key, false), ["key-missing"]);
    assert_eq!(names(&without_key, true), Vec::<&str>::new(), "a systemd credential");
}

#[test]
fn a_unit_that_failed_or_is_masked_is_told() {
    let name = |text: &str| unit_state(text).map(|finding| finding.name);
    assert_eq!(name("LoadState=loaded\nActiveState=active\nResult=success\n"), None);
    assert_eq!(name("LoadState=loaded\nActiveState=inactive\n"), None);
    assert_eq!(name("LoadState=not-found\nActiveState=inactive\n"), None);
    assert_eq!(name("ActiveState=failed\nResult=exit-code\n"), Some("unit-failed"));
    assert_eq!(name("LoadState=masked\nActiveState=inactive\n"), Some("unit-masked"));
}

#[test]
fn a_change_that_is_not_finished_is_told() {
    let planted = Planted::debian();
    assert_eq!(unfinished(&planted.tree), None);
    planted.write(JOURNAL, "{}");
    let found = findings(&planted.tree, None, true);
    let finding = found.iter().find(|one| one.name == "change-not-finished").unwrap();
    assert_eq!(finding.file.as_deref(), Some(Path::new(JOURNAL)));
    assert!(finding.advice.contains("`sudo twinlock pam restore`"), "{}", finding.advice);
}
