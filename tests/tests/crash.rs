//! kill -9, a full disk, a broken installation: no use and no failure is forgotten, nobody gets in,
//! and the service comes back by itself (I1, I3, I4, I5, I19, I20).

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use nix::mount::{MsFlags, mount};
use twinlock_interface::{Error, Step};
use twinlock_tests::{
    Host, Phone, User,
    command::{as_root, run},
    host::DATABASE,
    in_sandbox,
    login::{Line, PamLogin, ending, from_address},
};

const STATE: &str = "/var/lib/twinlock";
const MASTER_KEY: &str = "/var/lib/twinlock/master.key";
const OFFICE: &str = "192.0.2.10";
/// Seven digits where the phone shows six: wrong whatever the time.
const WRONG: &str = "1234567";
/// How soon the service must be back (I20).
const BACK_WITHIN: Duration = Duration::from_secs(2);

/// What the clients have seen, to be held against what the database says.
#[derive(Default)]
struct Ledger {
    /// Held for reading during a login, for writing while the database is looked at.
    logins: RwLock<()>,
    over: AtomicBool,
    tried: AtomicU32,
    interrupted: AtomicU32,
    /// The latest of alice's time steps that was seen to be accepted.
    accepted_step: AtomicU64,
    /// Refusals bob has seen, and attempts he got no answer to.
    refused: AtomicU32,
    unanswered: AtomicU32,
    /// Recovery codes of carol's that were seen to be accepted, and that got no answer.
    redeemed: AtomicU32,
    lost: AtomicU32,
}

/// What became of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Accepted,
    Refused,
    /// The daemon was gone before it had the answer.
    NotTried,
    /// The daemon was gone before it said anything.
    Nothing,
}

impl Ledger {
    fn try_code(&self, line: &Line, user: &str, code: &str) -> Seen {
        let _login = self.logins.read().unwrap();
        let (session, step) = match line.begin(user, &from_address(OFFICE)) {
            Ok(begun) => begun,
            Err(error) if is_killed(&error) => return Seen::NotTried,
            Err(error) => panic!("a login of {user} could not begin: {error:?}"),
        };
        assert!(matches!(step, Step::Ask { .. }), "{step:?}");
        self.tried.fetch_add(1, SeqCst);
        match line.answer(&session, code) {
            Ok(Step::Accept { .. }) => Seen::Accepted,
            Ok(Step::Refuse { .. }) => Seen::Refused,
            Err(Error::NoSuchSession(_)) => Seen::NotTried,
            Err(error) if is_killed(&error) => {
                self.interrupted.fetch_add(1, SeqCst);
                Seen::Nothing
            }
            other => panic!("an answer of {user}'s: {other:?}"),
        }
    }

    /// Uses a code until its fate is known, and then once more. Whether its use was seen.
    fn use_up(&self, line: &Line, user: &str, code: &str) -> (bool, bool) {
        let (mut accepted, mut unsure) = (0, false);
        loop {
            match self.try_code(line, user, code) {
                Seen::Accepted => accepted += 1,
                Seen::Refused => break,
                Seen::NotTried => {}
                Seen::Nothing => unsure = true,
            }
        }
        assert!(accepted <= 1, "{user}'s code was accepted {accepted} times");
        assert!(accepted == 1 || unsure, "{user}'s right code was refused for nothing");
        (accepted == 1, unsure)
    }
}

/// Whether the bus says that the daemon went away during the call.
fn is_killed(error: &Error) -> bool {
    let Error::Bus(zbus::Error::FDO(error)) = error else { return false };
    matches!(**error, zbus::fdo::Error::NoReply(_))
}

/// Numbers below a bound; the seed is printed, so that a failure can be looked into.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = u64::from(now.subsec_nanos()) | 1;
        println!("seed: {seed}");
        Self(seed)
    }

    /// xorshift64 (Marsaglia 2003).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn kills_at_random_moments_make_no_code_good_twice_and_no_failure_forgotten() {
    in_sandbox(|host| {
        host.settable_clock();
        host.settings("[lock]\nafter = 100\n");
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        let phone = host.enroll(&alice).phone;
        let _bobs = host.enroll(&bob);
        let codes = host.enroll(&carol).recovery_codes;
        let ledger = Ledger::default();
        let (used, slowest) = thread::scope(|scope| {
            let killer = scope.spawn(|| keep_killing(host, &ledger));
            let alice = scope.spawn(|| right_codes(host, &ledger, &phone));
            let bob = scope.spawn(|| wrong_codes(host, &ledger));
            let carol = scope.spawn(|| recovery_codes(host, &ledger, &codes));
            let slowest = killer.join();
            ledger.over.store(true, SeqCst);
            alice.join().unwrap();
            bob.join().unwrap();
            (carol.join().unwrap(), slowest.unwrap())
        });
        let (tried, interrupted) = (ledger.tried.into_inner(), ledger.interrupted.into_inner());
        println!("{tried} logins, {interrupted} of them interrupted, slowest return {slowest:?}");
        assert!(tried >= 200 && interrupted >= 5, "{tried} logins, {interrupted} interrupted");

        // And what the daemon itself says in the end.
        let line = host.line();
        let (refused, unanswered) = (ledger.refused.into_inner(), ledger.unanswered.into_inner());
        let failures = line.status("bob").failures;
        assert!((refused..=refused + unanswered).contains(&failures), "{failures} failures");
        let (redeemed, lost) = (ledger.redeemed.into_inner(), ledger.lost.into_inner());
        let left = line.status("carol").recovery_codes_left;
        assert!((10 - redeemed - lost..=10 - redeemed).contains(&left), "{left} codes left");
        for code in &codes[..used] {
            let step = line.login("carol", &from_address(OFFICE), code).unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
        }
    });
}

/// alice: right codes, each tried until it is refused.
fn right_codes(host: &Host, ledger: &Ledger, phone: &Phone) {
    let line = host.line();
    while !ledger.over.load(SeqCst) {
        let code = phone.fresh_code();
        let step = phone.step();
        let (seen, _) = ledger.use_up(&line, "alice", &code);
        if seen {
            ledger.accepted_step.fetch_max(step, SeqCst);
        }
    }
}

/// bob: wrong codes, fewer than would lock the account.
fn wrong_codes(host: &Host, ledger: &Ledger) {
    let line = host.line();
    while !ledger.over.load(SeqCst)
        && ledger.refused.load(SeqCst) + ledger.unanswered.load(SeqCst) < 99
    {
        // Counted before the database can be looked at: within the login, and by the bound that
        // holds meanwhile.
        ledger.unanswered.fetch_add(1, SeqCst);
        match ledger.try_code(&line, "bob", WRONG) {
            Seen::Accepted => panic!("a wrong code was accepted"),
            Seen::Refused => {
                ledger.refused.fetch_add(1, SeqCst);
                ledger.unanswered.fetch_sub(1, SeqCst);
            }
            Seen::NotTried => drop(ledger.unanswered.fetch_sub(1, SeqCst)),
            Seen::Nothing => {}
        }
        // They must last as long as the kills do.
        thread::sleep(Duration::from_millis(20));
    }
}

/// carol: recovery codes, each tried until it is refused. How many.
fn recovery_codes(host: &Host, ledger: &Ledger, codes: &[String]) -> usize {
    let line = host.line();
    let mut used = 0;
    for code in codes.iter().take_while(|_| !ledger.over.load(SeqCst)) {
        match ledger.use_up(&line, "carol", code) {
            (true, _) => ledger.redeemed.fetch_add(1, SeqCst),
            (false, _) => ledger.lost.fetch_add(1, SeqCst),
        };
        used += 1;
    }
    used
}

/// Kills the daemon in the middle of things, looks at what it left, and waits until it is back, 40
/// times over. The longest wait.
fn keep_killing(host: &Host, ledger: &Ledger) -> Duration {
    let (mut dice, line) = (Dice::new(), host.line());
    let mut slowest = Duration::ZERO;
    for _ in 0..40 {
        // Mostly too soon for a bcrypt to end, at times not.
        let longest = if dice.below(4) == 0 { 300_000 } else { 15_000 };
        thread::sleep(Duration::from_micros(dice.below(longest)));
        host.daemon.kill();
        {
            let _nobody = ledger.logins.write().unwrap();
            // Somebody between question and answer may have woken it up.
            host.daemon.kill();
            audit(ledger);
        }
        let start = Instant::now();
        if let Err(error) = line.begin("alice", &from_address(OFFICE)) {
            panic!("not back: {error:?}");
        }
        slowest = slowest.max(start.elapsed());
        assert!(slowest < BACK_WITHIN, "{slowest:?}");
    }
    slowest
}

/// Holds a copy of the database, as the dead daemon left it, against the ledger.
fn audit(ledger: &Ledger) {
    let copy = Path::new("/root/autopsy");
    let _ = fs::remove_dir_all(copy);
    fs::create_dir(copy).unwrap();
    for entry in fs::read_dir(STATE).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let answer = sqlite(
        &copy.join("twinlock.db"),
        "PRAGMA integrity_check; PRAGMA foreign_key_check;
         SELECT last_spent FROM authenticators JOIN accounts USING (uid)
          WHERE accounts.name = 'alice';
         SELECT total(failures) FROM throttle_lanes JOIN accounts USING (uid)
            WHERE name = 'bob' AND lane = 'unknown';",
    );
    let [integrity, last_spent, failures] = answer.lines().collect::<Vec<_>>()[..] else {
        panic!("the database is damaged: {answer}");
    };
    assert_eq!(integrity, "ok");
    let last_spent: u64 = last_spent.parse().unwrap();
    assert!(last_spent >= ledger.accepted_step.load(SeqCst), "a use was forgotten");
    let failures = failures.parse::<f64>().unwrap();
    let (refused, unanswered) = (ledger.refused.load(SeqCst), ledger.unanswered.load(SeqCst));
    assert!(failures >= f64::from(refused), "{failures} of {refused} failures are left");
    assert!(failures <= f64::from(refused + unanswered), "{failures} of {refused}+{unanswered}");
}

fn sqlite(database: &Path, sql: &str) -> String {
    run(as_root("sqlite3").arg(database).arg(sql), "").expect_success("sqlite3").stdout
}

#[test]
fn after_a_kill_the_service_is_back_within_two_seconds() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let mut slowest = Duration::ZERO;
        for _ in 0..10 {
            let code = phone.fresh_code();
            let start = Instant::now();
            host.daemon.kill();
            assert_eq!(PamLogin::run("alice", OFFICE, &code).code, ending::SUCCESS);
            slowest = slowest.max(start.elapsed());
        }
        println!("slowest login after a kill: {slowest:?}");
        assert!(slowest < BACK_WITHIN, "{slowest:?}");
    });
}

#[test]
fn on_a_full_disk_nobody_gets_in_and_with_space_everybody_does_again() {
    in_sandbox(|host| {
        host.settable_clock();
        fs::create_dir_all(STATE).unwrap();
        let small = Some("size=1m,mode=700");
        mount(Some("tmpfs"), STATE, Some("tmpfs"), MsFlags::empty(), small).unwrap();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let line = host.line();
        let right = enrolled.phone.fresh_code();
        for daemon in ["the running daemon", "a daemon that starts on the full disk"] {
            let ballast = fill(Path::new(STATE));
            for code in [right.as_str(), WRONG, &enrolled.recovery_codes[0]] {
                let denied = PamLogin::run("alice", OFFICE, code);
                assert_eq!(denied.code, ending::AUTHINFO_UNAVAIL, "{daemon}: {denied:?}");
                let denied = line.login("alice", &from_address(OFFICE), code);
                assert!(denied.is_err(), "{daemon}: {denied:?}");
            }
            fs::remove_file(ballast).unwrap();
            // The code that nobody would take is still good: nothing was half stored.
            assert_eq!(line.status("alice").recovery_codes_left, 10);
            let code =
                if daemon == "the running daemon" { &right } else { &enrolled.phone.fresh_code() };
            let let_in = PamLogin::run("alice", OFFICE, code);
            assert_eq!(let_in.code, ending::SUCCESS, "{daemon}: {let_in:?}");
            host.daemon.kill();
        }
        assert!(host.syslog.expect("outcome=failed").contains("user=\"alice\""));
    });
}

/// Takes all the space there is.
fn fill(directory: &Path) -> std::path::PathBuf {
    let ballast = directory.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    // In pages first, then in bytes.
    for block in [&[0_u8; 4096][..], &[0]] {
        while std::io::Write::write_all(&mut file, block).is_ok() {}
    }
    ballast
}

/// A way to break the installation, and what twinlockd must say about it.
struct Breakage {
    name: &'static str,
    commit: fn(),
    words: [&'static str; 2],
}

const BREAKAGES: [Breakage; 6] = [
    Breakage {
        name: "the master key is gone",
        commit: || fs::remove_file(MASTER_KEY).unwrap(),
        words: [MASTER_KEY, "the master key is missing"],
    },
    Breakage {
        name: "the master key is no key",
        commit: || rewrite(MASTER_KEY, "not hexadecimal\n"),
        words: [MASTER_KEY, "must be 64 hex digits"],
    },
    Breakage {
        name: "the master key is another one",
        commit: || rewrite(MASTER_KEY, &("ab".repeat(32) + "\n")),
        words: ["another master key", "from your backup"],
    },
    Breakage {
        name: "everybody can read the master key",
        commit: || permit(MASTER_KEY, 0o444),
        words: ["nobody else can read", "chmod 0400 /var/lib/twinlock/master.key"],
    },
    Breakage {
        name: "everybody can read the database",
        commit: || permit(DATABASE, 0o644),
        words: ["nobody else can read", "chmod 0600 /var/lib/twinlock/twinlock.db"],
    },
    Breakage {
        name: "everybody can enter the state directory",
        commit: || permit(STATE, 0o755),
        words: ["nobody else can enter", "chmod 0700 /var/lib/twinlock"],
    },
];

fn permit(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Other contents, and the mode as it was.
fn rewrite(path: &str, text: &str) {
    fs::write(path, text).unwrap();
}

#[test]
fn on_a_broken_installation_nobody_gets_in_and_twinlockd_says_what_to_do() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let key = fs::read_to_string(MASTER_KEY).unwrap();
        for Breakage { name, commit, words } in BREAKAGES {
            host.daemon.kill();
            commit();
            // Should it start after all, it is ended, and the status tells.
            let said = run(as_root("timeout").args(["5", "twinlockd"]), "");
            // EX_CONFIG: systemd does not try again what another start cannot change.
            assert_eq!(said.status.code(), Some(78), "{name}: {said:?}");
            for word in words {
                assert!(said.stderr.contains(word), "{name}: {}", said.stderr);
            }
            assert_eq!(said.stderr.lines().count(), 1, "{name}: {}", said.stderr);
            assert!(!said.stderr.contains(key.trim()), "{name}: {}", said.stderr);
            denied(host, &alice, &phone, name);

            rewrite(MASTER_KEY, &key);
            permit(MASTER_KEY, 0o400);
            permit(DATABASE, 0o600);
            permit(STATE, 0o700);
            // Mended, and nobody has to restart anything.
            let let_in = PamLogin::run("alice", OFFICE, &phone.fresh_code());
            assert_eq!(let_in.code, ending::SUCCESS, "{name}: {let_in:?}");
        }
    });
}

fn denied(host: &Host, user: &User, phone: &Phone, name: &str) {
    let denied = PamLogin::run(&user.name, OFFICE, &phone.fresh_code());
    assert_eq!(denied.code, ending::AUTHINFO_UNAVAIL, "{name}: {denied:?}");
    assert_eq!(host.daemon.pid(), None, "{name}");
}
