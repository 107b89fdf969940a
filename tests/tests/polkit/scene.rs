//! Alice, whose account is locked, Carol, who may administer the host, and Bob, who may not.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use twinlock_tests::{
    Host, Phone, Terminal, User,
    command::{as_root, run},
    login::{Line, from_address},
};

/// What polkit's agent for terminals begins a question with.
pub(crate) const QUESTION: &str = "AUTHENTICATING FOR org.twinlock.Twinlock1.manage-accounts";
/// The same for what only reads.
pub(crate) const READING: &str = "AUTHENTICATING FOR org.twinlock.Twinlock1.read-audit";
/// What it asks for.
pub(crate) const PASSWORD: &str = "Password: ";

/// An address of the documentation (RFC 5737).
const FAR: &str = "203.0.113.9";

pub(crate) struct Scene<'h> {
    pub(crate) host: &'h Host,
    pub(crate) alice: User,
    pub(crate) phone: Phone,
    pub(crate) bob: User,
    /// Of the group whose members polkit takes for administrators on Debian.
    pub(crate) carol: User,
    pub(crate) line: Line,
}

impl<'h> Scene<'h> {
    pub(crate) fn set(host: &'h Host) -> Self {
        host.settable_clock();
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        run(as_root("usermod").args(["-aG", "sudo", "carol"]), "").expect_success("usermod");
        let phone = host.enroll(&alice).phone;
        let scene = Self { host, alice, phone, bob, carol, line: host.line() };
        scene.lock();
        scene
    }

    /// Five wrong codes for Alice.
    pub(crate) fn lock(&self) {
        for nth in 0..5 {
            let step = self.line.login("alice", &from_address(FAR), &self.phone.wrong_code(nth));
            step.unwrap();
        }
        assert!(self.is_locked());
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.line.status("alice").locked_until.is_some()
    }

    /// `twinlock` at a terminal of `user`.
    pub(crate) fn at_terminal(&self, user: &User, arguments: &[&str]) -> Terminal {
        Terminal::start(&self.host.cli_command(user, arguments))
    }

    /// What the daemon holds open.
    pub(crate) fn descriptors(&self) -> usize {
        let pid = self.host.daemon.pid().unwrap();
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
    }

    /// Waits until the daemon holds no more open than `before`: until its questions are over.
    pub(crate) fn await_descriptors(&self, before: usize) {
        eventually(|| self.descriptors() <= before, "the daemon keeps connections");
    }
}

/// Waits until `holds` does.
pub(crate) fn eventually(holds: impl Fn() -> bool, otherwise: &str) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "{otherwise}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The processes of this host that run `program`.
pub(crate) fn running(program: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_it = |pid: &u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim_end() == program)
    };
    ids.filter(is_it).collect()
}
