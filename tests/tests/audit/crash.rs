//! A row stands in the transaction of what it tells: whatever moment the daemon is killed at, rows and
//! records agree.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::Path,
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use twinlock_interface::{Error, Level, PolicyChange, Rule, Scope, Step, proxy::PolicyProxy};
use twinlock_tests::{
    Host, Phone,
    command::{as_root, run},
    in_sandbox,
    login::{Line, from_address},
};

use crate::{
    line,
    scene::{OFFICE, WRONG},
};

const STATE: &str = "/var/lib/twinlock";
const KILLS: usize = 25;
/// Codes that count, and as many rows, side by side. A wrong recovery code is charged before its bcrypt
/// and told after it, so only one-time codes are counted where they are wrong.
const AGREEMENT: &str = "
    SELECT count(*) FROM events WHERE action = 'login' AND outcome = 'accepted' AND reason = 'otp'
        AND user = 'alice';
    SELECT last_spent FROM authenticators JOIN accounts USING (uid) WHERE accounts.name = 'alice';
    SELECT count(*) FROM events WHERE action = 'login' AND outcome = 'refused'
        AND reason = 'wrong-code' AND user = 'bob';
    SELECT total(failures) FROM throttle_lanes JOIN accounts USING (uid)
        WHERE name = 'bob' AND lane = 'unknown';
    SELECT count(*) FROM events WHERE outcome = 'accepted' AND reason = 'recovery-code'
        AND user = 'carol';
    SELECT count(*) FROM recovery_codes JOIN accounts USING (uid)
        WHERE name = 'carol' AND used_at IS NOT NULL;
    SELECT total(reason = 'added') - total(reason = 'removed') FROM events
        WHERE action = 'policy-apply' AND outcome = 'done';
    SELECT count(*) FROM policy_rules;
    SELECT count(*) FROM events WHERE action = 'policy-apply' AND outcome = 'done';
    SELECT 2 * revision FROM policy;";

/// What the clients did and saw.
#[derive(Default)]
struct Ledger {
    /// Held for reading during a call, for writing while the database is looked at.
    calls: RwLock<()>,
    over: AtomicBool,
    interrupted: AtomicUsize,
    /// The time steps alice's codes were of, each tried until it was refused.
    steps: Mutex<BTreeSet<u64>>,
    /// Accepts that alice saw, refusals that bob saw, recovery codes that carol saw accepted, changes
    /// that root saw made.
    accepted: AtomicUsize,
    refused: AtomicUsize,
    redeemed: AtomicUsize,
    changed: AtomicUsize,
}

impl Ledger {
    fn goes_on(&self) -> bool {
        !self.over.load(SeqCst)
    }

    /// Makes a login; its last step, or nothing where the daemon was killed before it said any.
    fn log_in(&self, line: &Line, user: &str, code: &str, seen: &AtomicUsize) -> Option<Step> {
        let _call = self.calls.read().unwrap();
        let step = match line.login(user, &from_address(OFFICE), code) {
            Ok(step) => step,
            Err(Error::NoSuchSession(_)) => return None,
            Err(error) => {
                assert!(is_killed(&error), "{error:?}");
                self.interrupted.fetch_add(1, SeqCst);
                return None;
            }
        };
        let counts = match (&step, user) {
            (Step::Accept { .. }, _) => true,
            (Step::Refuse { .. }, "bob") => true,
            (Step::Refuse { .. }, _) => false,
            _ => panic!("{user}: {step:?}"),
        };
        seen.fetch_add(usize::from(counts), SeqCst);
        Some(step)
    }

    /// Tries a code until it is refused: then it is used up, whatever was seen of it.
    fn use_up(&self, line: &Line, user: &str, code: &str, seen: &AtomicUsize) {
        while !matches!(self.log_in(line, user, code, seen), Some(Step::Refuse { .. })) {}
    }

    /// Holds a copy of the database, as the dead daemon left it, against itself and what was seen.
    fn autopsy(&self) {
        let copy = Path::new("/root/autopsy");
        let _ = fs::remove_dir_all(copy);
        fs::create_dir(copy).unwrap();
        for entry in fs::read_dir(STATE).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        let mut sqlite = as_root("sqlite3");
        let told = run(sqlite.arg(copy.join("twinlock.db")).arg(AGREEMENT), "");
        let told = told.expect_success("sqlite3").stdout;
        let numbers: Vec<_> =
            told.lines().map(|line| line.parse::<f64>().unwrap().round() as u64).collect();
        let [
            accepted,
            last_spent,
            refused,
            failures,
            redeemed,
            used,
            sum,
            rules,
            changes,
            revision,
        ] = numbers[..]
        else {
            panic!("{told}");
        };
        let spent = self.steps.lock().unwrap().range(..=last_spent).count() as u64;
        assert_eq!(accepted, spent, "rows of accepted codes, and spent codes");
        assert_eq!(refused, failures, "rows of wrong codes, and failures");
        assert_eq!(redeemed, used, "rows of recovery codes, and used ones");
        assert_eq!(sum, rules, "rows of rules, and rules");
        assert_eq!(changes, revision, "rows of changes, and changes");
        for (row, seen) in [
            (accepted, &self.accepted),
            (refused, &self.refused),
            (redeemed, &self.redeemed),
            (changes, &self.changed),
        ] {
            let seen = seen.load(SeqCst) as u64;
            assert!(row >= seen, "{seen} were seen, of which {row} are told:\n{told}");
        }
    }
}

/// Whether the bus says that the daemon went away during the call.
fn is_killed(error: &Error) -> bool {
    let Error::Bus(zbus::Error::FDO(error)) = error else { return false };
    matches!(**error, zbus::fdo::Error::NoReply(_))
}

#[test]
fn whenever_the_daemon_is_killed_rows_and_records_agree() {
    in_sandbox(|host| {
        host.settable_clock();
        host.settings("[lock]\nafter = 100\n");
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        let phone = host.enroll(&alice).phone;
        let _bobs = host.enroll(&bob);
        let codes = host.enroll(&carol).recovery_codes;
        let ledger = Ledger::default();
        thread::scope(|scope| {
            let killer = scope.spawn(|| keep_killing(host, &ledger));
            let clients = [
                scope.spawn(|| right_codes(host, &ledger, &phone)),
                scope.spawn(|| wrong_codes(host, &ledger)),
                scope.spawn(|| recovery_codes(host, &ledger, &codes)),
                scope.spawn(|| policies(host, &ledger)),
            ];
            let killed = killer.join();
            ledger.over.store(true, SeqCst);
            clients.into_iter().for_each(|client| client.join().unwrap());
            killed.unwrap();
        });
        let (accepted, interrupted) =
            (ledger.accepted.load(SeqCst), ledger.interrupted.load(SeqCst));
        println!("{accepted} logins, {interrupted} calls that a kill cut short");
        assert!(accepted >= 20 && interrupted >= 3, "{accepted} logins, {interrupted} cut short");
        // A kill may take a line with it, and never leaves one of what did not happen.
        host.daemon.kill();
        ledger.autopsy();
        let lines = host.syslog.lines();
        let told = lines.iter().filter_map(|line| line::read(line));
        let told = told.filter(|told| told.reason == "otp").count();
        let spent = ledger.steps.lock().unwrap().len();
        assert!(told <= spent, "{told} lines of accepted codes, {spent} spent codes");
    });
}

/// alice: right codes, each tried until it is refused.
fn right_codes(host: &Host, ledger: &Ledger, phone: &Phone) {
    let line = host.line();
    while ledger.goes_on() {
        let code = phone.fresh_code();
        // The clock goes on while oathtool runs.
        let now = phone.step();
        let step = [now, now - 1].into_iter().find(|step| phone.code_at(*step) == code);
        ledger.steps.lock().unwrap().insert(step.expect("a code of this step or the last"));
        ledger.use_up(&line, "alice", &code, &ledger.accepted);
    }
}

/// bob: wrong codes, fewer than would lock the account.
fn wrong_codes(host: &Host, ledger: &Ledger) {
    let line = host.line();
    for _ in (0..95).take_while(|_| ledger.goes_on()) {
        let _ = ledger.log_in(&line, "bob", WRONG, &ledger.refused);
        // They must last as long as the kills do.
        thread::sleep(Duration::from_millis(40));
    }
}

/// carol: recovery codes, each tried until it is refused.
fn recovery_codes(host: &Host, ledger: &Ledger, codes: &[String]) {
    let line = host.line();
    for code in codes.iter().take_while(|_| ledger.goes_on()) {
        ledger.use_up(&line, "carol", code, &ledger.redeemed);
    }
}

/// root: a rule that comes and goes.
fn policies(host: &Host, ledger: &Ledger) {
    let root = host.caller(0);
    let rule = Rule {
        level: Level::Required,
        scope: Scope::User,
        name: "root".to_owned(),
        services: vec!["none".to_owned()],
        ..Rule::default()
    };
    // Two at a time, so that a change is two rows.
    let mut there = Vec::new();
    while ledger.goes_on() {
        let _call = ledger.calls.read().unwrap();
        let added = if there.is_empty() { vec![rule.clone(), rule.clone()] } else { vec![] };
        let changes = added.len() + there.len();
        let change = PolicyChange { added, removed: there.clone(), ..PolicyChange::default() };
        let after = root.run(async {
            let policy = PolicyProxy::new(root.connection()).await.unwrap();
            match policy.apply(&change).await {
                Ok(after) => {
                    ledger.changed.fetch_add(changes, SeqCst);
                    Some(after)
                }
                Err(error) => {
                    assert!(is_killed(&error), "{error:?}");
                    policy.show().await.ok()
                }
            }
        });
        there = after.map_or(there, |after| after.rules.iter().map(|rule| rule.id).collect());
    }
}

fn keep_killing(host: &Host, ledger: &Ledger) {
    let mut dice = fs::File::open("/dev/urandom").unwrap();
    let line = host.line();
    for kill in 0..KILLS {
        let mut thrown = [0; 4];
        dice.read_exact(&mut thrown).unwrap();
        // Mostly too soon for a bcrypt to end, at times not.
        let longest = if kill % 4 == 0 { 300_000 } else { 20_000 };
        thread::sleep(Duration::from_micros(u64::from(u32::from_ne_bytes(thrown)) % longest));
        host.daemon.kill();
        {
            let _nobody = ledger.calls.write().unwrap();
            // Somebody between two calls may have woken it up.
            host.daemon.kill();
            ledger.autopsy();
        }
        drop(line.begin("alice", &from_address(OFFICE)));
    }
}
