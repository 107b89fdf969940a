//! The private host: its files, users and programs.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use nix::unistd::sethostname;

use crate::{
    Outcome, Phone,
    bus::Bus,
    clock::Clock,
    command::{as_root, as_user, run},
    daemon::Daemon,
    files, sandbox,
    syslog::Syslog,
};

/// Name of every private host.
pub const NAME: &str = "sandbox";
/// The daemon's database.
pub const DATABASE: &str = "/var/lib/twinlock/twinlock.db";
/// A policy by which nobody has to have an authenticator.
pub const OPTIONAL: &str = "[[rule]]\nlevel = \"optional\"\neveryone = true\n";
/// Not `/home`: somebody of the same name may live there on the host underneath.
const HOMES: &str = "/home/sandbox";
/// The daemon's settings.
pub const SETTINGS: &str = "/etc/twinlock/twinlock.toml";

/// A host of one's own, with Twinlock installed and the system bus running. The daemon is not: the
/// bus starts it when somebody calls.
#[derive(Debug)]
pub struct Host {
    /// The system log.
    pub syslog: Syslog,
    /// The system bus.
    pub bus: Bus,
    /// twinlockd.
    pub daemon: Daemon,
    /// The time twinlockd and the phones live in.
    pub clock: Clock,
}

/// An ordinary account with a password.
#[derive(Clone, Debug)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Login password, the same in every sandbox.
    pub password: String,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
}

impl Host {
    pub(crate) fn raise() -> Self {
        files::raise();
        sethostname(NAME).unwrap();
        run(as_root("ip").args(["link", "set", "lo", "up"]), "").expect_success("loopback");
        for room in ["/run/dbus", "/run/sshd", "/run/lock", "/run/user"] {
            fs::create_dir_all(room).unwrap();
        }
        settle();
        install();
        let syslog = Syslog::listen();
        Self { syslog, bus: Bus::start(), daemon: Daemon::new(), clock: Clock::real() }
    }

    /// A new account, with a home, a password and no second factor.
    #[must_use]
    pub fn user(&self, name: &str) -> User {
        let mut useradd = as_root("useradd");
        useradd.args(["--create-home", "--base-dir", HOMES, "--shell", "/bin/sh", name]);
        run(&mut useradd, "").expect_success("useradd");
        self.existing_user(name, &format!("{name}'s password"))
    }

    /// An account that is there already, for instance one the test made with options of its own;
    /// it gets `password`.
    ///
    /// # Panics
    /// When there is no such account.
    #[must_use]
    pub fn existing_user(&self, name: &str, password: &str) -> User {
        // A cheap hash: a test logs in dozens of times.
        run(
            as_root("chpasswd").args(["--crypt-method", "SHA256", "--sha-rounds", "1000"]),
            &format!("{name}:{password}\n"),
        )
        .expect_success("chpasswd");
        let entry = nix::unistd::User::from_name(name).unwrap().expect("an account");
        User {
            name: name.to_owned(),
            password: password.to_owned(),
            uid: entry.uid.as_raw(),
            gid: entry.gid.as_raw(),
            home: entry.dir,
        }
    }

    /// root, as a caller of the CLI.
    #[must_use]
    pub fn root(&self) -> User {
        User {
            name: "root".to_owned(),
            password: String::new(),
            uid: 0,
            gid: 0,
            home: "/root".into(),
        }
    }

    /// `twinlock` run by `user`, not at a terminal and with nothing to read.
    #[must_use]
    pub fn cli(&self, user: &User, arguments: &[&str]) -> Outcome {
        self.cli_reading(user, arguments, "")
    }

    /// `twinlock` run by `user`, with `input` on its standard input.
    #[must_use]
    pub fn cli_reading(&self, user: &User, arguments: &[&str], input: &str) -> Outcome {
        run(&mut self.cli_command(user, arguments), input)
    }

    /// `twinlock` run by `user`, for a terminal or to be changed before it runs.
    #[must_use]
    pub fn cli_command(&self, user: &User, arguments: &[&str]) -> Command {
        // By way of `env`: libfaketime must not meet the program that changes the uid.
        let mut command = as_user(user, "env");
        command.args(self.clock.assignments()).arg("twinlock").args(arguments);
        command
    }

    /// An authenticator app that has scanned `key_uri`, living in this host's time.
    #[must_use]
    pub fn phone(&self, key_uri: &str) -> Phone {
        Phone::scan(key_uri, self.clock.clone())
    }

    /// Replaces the daemon's settings; a running daemon is restarted by the next call to it.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn settings(&self, toml: &str) {
        fs::create_dir_all(Path::new(SETTINGS).parent().unwrap()).unwrap();
        fs::write(SETTINGS, toml).unwrap();
        self.daemon.kill();
    }

    /// Waits until the database answers `sql` with `answer`. A copy is asked: the daemon keeps the
    /// database to itself.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn await_database(&self, sql: &str, answer: &str) {
        let copy = "/root/copy.db";
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            // The log first: what is written back in between stands in both.
            let _ = fs::remove_file(format!("{copy}-wal"));
            let _ = fs::copy(format!("{DATABASE}-wal"), format!("{copy}-wal"));
            fs::copy(DATABASE, copy).unwrap();
            let told = run(as_root("sqlite3").args([copy, sql]), "");
            if told.succeeded() && told.stdout.trim_end() == answer {
                return;
            }
            assert!(Instant::now() < end, "{sql}: {told:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Replaces the policy, which is a table of rules in TOML; empty is what is built in.
    ///
    /// # Panics
    /// When it is refused.
    pub fn policy(&self, toml: &str) {
        let apply = ["policy", "apply", "--even-if-locked-out", "-f", "-"];
        let toml = if toml.is_empty() { "profile = \"default\"" } else { toml };
        self.cli_reading(&self.root(), &apply, toml).expect_success(toml);
    }

    /// Lets people without an authenticator enrol in their next login, for a week of the daemon's
    /// time.
    ///
    /// # Panics
    /// When the policy cannot be set.
    pub fn enroll_in_logins(&self) {
        const WEEK: u64 = 7 * 24 * 3600;
        self.policy(&self.enrolling_until(self.clock.now() + WEEK));
    }

    /// A policy that lets people enrol in their logins until then.
    ///
    /// # Panics
    /// When the time cannot be written as a date.
    #[must_use]
    pub fn enrolling_until(&self, end: u64) -> String {
        let date = format!("--date=@{end}");
        let date = run(as_root("date").args(["--utc", &date, "+%Y-%m-%dT%H:%M:%SZ"]), "");
        let end = date.expect_success("date").stdout;
        format!("[[rule]]\nlevel = \"required\"\neveryone = true\nenroll_until = {end}")
    }

    /// From here on the daemon's clock stands where the test puts it ([`Clock::advance`]), and a
    /// phone need not wait for its next code. The daemon is restarted by the next call to it.
    pub fn settable_clock(&self) {
        self.clock.take_over();
        self.bus.reload();
        self.daemon.kill();
    }
}

/// What a host may have set up differently, as Debian ships it.
fn settle() {
    fs::write("/etc/hostname", format!("{NAME}\n")).unwrap();
    fs::write("/etc/hosts", format!("127.0.0.1 localhost {NAME}\n::1 localhost\n")).unwrap();
    fs::write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        .unwrap();
    for left_behind in ["/var/lib/twinlock", "/etc/twinlock"] {
        if Path::new(left_behind).exists() {
            fs::remove_dir_all(left_behind).unwrap();
        }
    }
    forget_people();
    fs::create_dir_all(HOMES).unwrap();
    crate::pam::settle();
    crate::sudo::settle();
}

/// Leaves the system's accounts only, so that names and uids are free in every sandbox alike.
fn forget_people() {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let is_system = |line: &&str| {
        let uid = line.split(':').nth(2).and_then(|uid| uid.parse().ok());
        uid.is_some_and(|uid: u32| !(1000..65534).contains(&uid))
    };
    let kept: Vec<_> = passwd.lines().filter(is_system).collect();
    let names: HashSet<_> = kept.iter().filter_map(|line| line.split(':').next()).collect();
    fs::write("/etc/passwd", kept.join("\n") + "\n").unwrap();
    let shadow = fs::read_to_string("/etc/shadow").unwrap();
    let is_kept = |line: &&str| line.split(':').next().is_some_and(|name| names.contains(name));
    let kept: Vec<_> = shadow.lines().filter(is_kept).collect();
    fs::write("/etc/shadow", kept.join("\n") + "\n").unwrap();
    let groups = fs::read_to_string("/etc/group").unwrap();
    let kept: Vec<_> = groups.lines().filter(is_system).collect();
    fs::write("/etc/group", kept.join("\n") + "\n").unwrap();
}

fn install() {
    let stage = files::underneath(&sandbox::staged());
    // One by one: `/` itself is not ours to touch.
    for entry in fs::read_dir(stage).unwrap() {
        let mut copy = as_root("cp");
        copy.args(["-a", "--no-preserve=ownership", "--"]).arg(entry.unwrap().path()).arg("/");
        run(&mut copy, "").expect_success("installing the staged tree");
    }
}
