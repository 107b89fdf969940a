//! What happens on a private host stays there.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fs,
    hash::{Hash, Hasher},
    io::ErrorKind,
    net::TcpStream,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use twinlock_tests::{Terminal, in_sandbox, pam, sandbox, ssh::FirstFactor};

/// Everything below `root`: owner, mode, times and contents.
fn fingerprint(root: &Path, found: &mut BTreeMap<PathBuf, u64>) {
    let Ok(metadata) = fs::symlink_metadata(root) else { return };
    let mut hash = DefaultHasher::new();
    (metadata.uid(), metadata.gid(), metadata.mode(), metadata.mtime(), metadata.mtime_nsec())
        .hash(&mut hash);
    if metadata.is_file() {
        fs::read(root).unwrap_or_default().hash(&mut hash);
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            fingerprint(&entry.path(), found);
        }
    }
    found.insert(root.to_owned(), hash.finish());
}

/// The places an installation, a bus, an sshd and a new user write to.
fn host() -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for root in [
        "/etc",
        "/home",
        "/run/dbus",
        "/run/sshd",
        "/run/sandbox",
        "/dev/log",
        "/usr/sbin",
        "/usr/share/dbus-1",
        "/usr/lib/systemd/system",
        "/var/lib/twinlock",
        "/var/log",
        "/var/mail",
    ] {
        fingerprint(Path::new(root), &mut found);
    }
    for library in fs::read_dir("/usr/lib").unwrap().flatten() {
        fingerprint(&library.path().join("security"), &mut found);
    }
    found
}

#[test]
fn the_host_is_the_same_afterwards() {
    let before = host();
    in_sandbox(|host| {
        let alice = host.user("alice");
        pam::service("sshd", &["auth required pam_permit.so", "account required pam_permit.so"]);
        let sshd = host.sshd_with("host", "sshd", 22, FirstFactor::Password, "");
        assert!(sshd.pid() > 1 && Path::new("/dev/log").exists());
        assert!(Path::new("/usr/sbin/twinlockd").exists());
        fs::write(alice.home.join("note"), "hers").unwrap();
    });
    if sandbox::is_inside() {
        return;
    }
    let after = host();
    let differing: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(differing.is_empty(), "changed on the host: {differing:?}");
}

#[test]
fn what_is_not_copied_cannot_be_written() {
    in_sandbox(|_| {
        for place in [Path::new("/"), Path::new("/boot"), Path::new("/sys")] {
            if place.exists() {
                let error = fs::write(place.join("twinlock-was-here"), "").unwrap_err();
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied),
                    "{place:?}: {error}"
                );
            }
        }
    });
}

#[test]
fn a_private_host_has_no_network_but_itself() {
    in_sandbox(|_| {
        let routes = fs::read_to_string("/proc/net/route").unwrap();
        assert_eq!(routes.lines().count(), 1, "{routes}");
        assert!(TcpStream::connect(("192.0.2.1", 22)).is_err());
    });
}

#[test]
fn sshd_sudo_and_the_bus_work_as_on_any_host() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = host.sshd_with("host", "sshd", 22, FirstFactor::Password, "");
        let mut ssh = Terminal::start(&sshd.ssh(&alice, &["id", "-un"]));
        ssh.answer("assword: ", &alice.password);
        let outcome = ssh.finish().expect_success("ssh");
        assert!(outcome.stdout.ends_with("\nalice\n"), "{}", outcome.stdout);
        assert!(host.syslog.expect("Accepted").contains("alice"));

        let mut sudo = Terminal::start(&host.sudo(&alice, &["id", "-un"]));
        sudo.answer("password: ", &alice.password);
        let outcome = sudo.finish().expect_success("sudo");
        assert!(outcome.stdout.ends_with("\nroot\n"), "{}", outcome.stdout);

        let mut wrong = Terminal::start(&sshd.ssh(&alice, &["id", "-un"]));
        wrong.answer("assword: ", "something else");
        wrong.finish().expect_failure("ssh with a wrong password");
    });
}

#[test]
fn the_bus_sees_whom_a_test_wants_to_be() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        twinlock_tests::bus::block_on(async {
            for uid in [0, alice.uid] {
                let connection = host.bus.connect_as(uid).await;
                let bus = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
                let name = connection.unique_name().unwrap().as_str().try_into().unwrap();
                assert_eq!(bus.get_connection_unix_user(name).await.unwrap(), uid);
            }
        });
    });
}

#[test]
fn a_broken_promise_is_reported() {
    let result = std::panic::catch_unwind(|| {
        in_sandbox(|_| assert_eq!(1 + 1, 3));
    });
    if sandbox::is_inside() {
        std::panic::resume_unwind(result.unwrap_err());
    }
    let message = result.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("a_broken_promise_is_reported in its sandbox"), "{message}");
    assert!(message.contains("assertion `left == right` failed"), "{message}");
}
