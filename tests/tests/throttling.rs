//! Guessing is bounded, for every source on its own, and nobody is kept out by somebody else's
//! guesses (I5, I6, I7, I16, I20).

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use twinlock_interface::{LoginContext, Step};
use twinlock_tests::{
    Host, Phone, in_sandbox,
    login::{Line, PamLogin, ending, from_address},
};

/// An address a person logs in from, and another one of theirs.
const OFFICE: &str = "192.0.2.10";
const HOME: &str = "198.51.100.10";
/// One that nobody has logged in from.
const STRANGER: &str = "203.0.113.66";

const MINUTE: Duration = Duration::from_secs(60);
/// More than the time that passes while a test looks on.
const MARGIN: Duration = Duration::from_secs(10);

fn accepts(line: &Line, from: &str, code: &str) -> bool {
    matches!(line.login("alice", &from_address(from), code).unwrap(), Step::Accept { .. })
}

fn refuses(line: &Line, from: &str, code: &str) -> bool {
    matches!(line.login("alice", &from_address(from), code).unwrap(), Step::Refuse { .. })
}

fn waits(line: &Line, from: &str, code: &str) -> bool {
    matches!(line.login("alice", &from_address(from), code).unwrap(), Step::Wait { .. })
}

/// A code that is wrong now and for the next day, though a test may move the clock over it.
fn always_wrong() -> &'static str {
    // Seven digits where the phone shows six.
    "1234567"
}

fn fail(line: &Line, from: &str, times: u32) {
    for _ in 0..times {
        assert!(refuses(line, from, always_wrong()));
    }
}

#[test]
fn five_wrong_codes_lock_the_account() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        for nth in 0..5 {
            let wrong = PamLogin::run("alice", STRANGER, &phone.wrong_code(nth));
            assert_eq!(wrong.code, ending::AUTH_ERR, "{wrong:?}");
            assert!(!wrong.shown.contains("Too many"), "{wrong:?}");
        }
        let locked = PamLogin::run("alice", STRANGER, &phone.fresh_code());
        assert_eq!(locked.code, ending::MAXTRIES, "{locked:?}");
        assert!(locked.shown.contains("Too many wrong codes"), "{locked:?}");
        assert!(locked.shown.contains("for 15 minutes"), "{locked:?}");
        assert!(host.syslog.expect("outcome=throttled").contains("user=\"alice\""));
    });
}

#[test]
fn a_success_in_between_does_not_help_a_stranger_to_more_guesses() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        for from in [OFFICE, HOME] {
            assert!(accepts(&line, from, &phone.fresh_code()));
        }
        // Four wrong, then one right from elsewhere, for years: the fifth still locks.
        fail(&line, STRANGER, 4);
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        assert_eq!(line.status("alice").failures, 4);
        fail(&line, STRANGER, 1);
        assert!(waits(&line, STRANGER, &phone.fresh_code()));
        // The same between two known sources.
        fail(&line, HOME, 4);
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        fail(&line, HOME, 1);
        assert!(waits(&line, HOME, &phone.fresh_code()));
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
    });
}

#[test]
fn a_success_clears_the_failures_of_its_own_source() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        for _ in 0..3 {
            fail(&line, OFFICE, 4);
            assert!(accepts(&line, OFFICE, &phone.fresh_code()));
            assert_eq!(line.status("alice").failures, 0);
        }
    });
}

#[test]
fn neither_restart_nor_kill_opens_a_lock() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        fail(&line, STRANGER, 3);
        host.daemon.kill();
        assert_eq!(line.status("alice").failures, 3);
        fail(&line, STRANGER, 2);
        let until = line.status("alice").locked_until;
        assert!(until.is_some());
        for end in [Signal::SIGTERM, Signal::SIGKILL] {
            let before = host.daemon.pid();
            host.daemon.signal(end);
            while host.daemon.pid() == before {
                thread::sleep(Duration::from_millis(1));
            }
            assert!(waits(&line, STRANGER, &phone.fresh_code()), "after {end}");
            assert_eq!(line.status("alice").locked_until, until, "after {end}");
            assert_ne!(host.daemon.pid(), before);
        }
    });
}

#[test]
fn while_locked_nothing_is_compared_and_nothing_charged() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        fail(&line, STRANGER, 5);
        let before = line.status("alice");
        let code = phone.fresh_code();
        for _ in 0..10 {
            assert!(waits(&line, STRANGER, &code));
            assert!(waits(&line, STRANGER, always_wrong()));
        }
        let after = line.status("alice");
        assert_eq!((after.failures, after.locked_until), (before.failures, before.locked_until));
        // Compared it would be spent by now.
        line.unlock("alice");
        assert!(accepts(&line, STRANGER, &code));
    });
}

#[test]
fn a_lock_ends_after_15_minutes_and_each_further_one_lasts_twice_as_long() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        for minutes in [15, 30, 60, 120] {
            fail(&line, STRANGER, 5);
            host.clock.advance(minutes * MINUTE - MARGIN);
            assert!(waits(&line, STRANGER, always_wrong()), "before {minutes} minutes are over");
            host.clock.advance(MARGIN);
            // Open: what comes now is looked at.
            assert!(refuses(&line, STRANGER, "not a code"), "after {minutes} minutes");
        }
        assert!(accepts(&line, STRANGER, &phone.fresh_code()));
        // It has proved itself, so it begins at the beginning.
        fail(&line, STRANGER, 5);
        host.clock.advance(15 * MINUTE);
        assert!(accepts(&line, STRANGER, &phone.fresh_code()));
    });
}

#[test]
fn sessions_opened_before_the_lock_do_not_add_guesses() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        let from = from_address(STRANGER);
        let open: Vec<_> = (0..50).map(|_| line.begin("alice", &from).unwrap().0).collect();
        let steps: Vec<_> = open.iter().map(|one| line.answer(one, always_wrong())).collect();
        let evaluated = steps.iter().filter(|one| matches!(one, Ok(Step::Refuse { .. }))).count();
        let waited = steps.iter().filter(|one| matches!(one, Ok(Step::Wait { .. }))).count();
        assert_eq!((evaluated, waited), (5, 45));
        assert_eq!(line.status("alice").failures, 5);
        assert!(waits(&line, STRANGER, &phone.code()));
    });
}

#[test]
fn replays_and_what_is_no_code_are_not_charged() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        let used = phone.fresh_code();
        assert!(accepts(&line, STRANGER, &used));
        for _ in 0..20 {
            assert!(refuses(&line, STRANGER, &used));
            assert!(refuses(&line, STRANGER, ""));
            assert!(refuses(&line, STRANGER, "hunter2"));
        }
        // A client that answers every question with the login password.
        for _ in 0..6 {
            let resent = PamLogin::run("alice", STRANGER, &alice.password);
            assert_eq!(resent.code, ending::AUTH_ERR);
        }
        assert_eq!(line.status("alice").failures, 0);
        assert!(accepts(&line, STRANGER, &phone.fresh_code()));
    });
}

#[test]
fn a_recovery_code_opens_a_locked_account_at_the_prompt() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let line = host.line();
        fail(&line, HOME, 5);
        let mut login = PamLogin::start("alice", HOME);
        let question = login.question();
        assert!(question.contains("refused for 15 minutes"), "{question}");
        assert!(question.ends_with("\nRecovery code: "), "{question}");
        login.answer(&enrolled.recovery_codes[0]);
        let let_in = login.finish();
        assert_eq!(let_in.code, ending::SUCCESS, "{let_in:?}");
        assert!(let_in.shown.contains("9 are left"), "{let_in:?}");
        // From there codes are good again; whoever else shared the lock still waits.
        assert!(accepts(&line, HOME, &enrolled.phone.fresh_code()));
        assert!(waits(&line, STRANGER, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn a_lane_that_closed_for_good_is_opened_by_a_recovery_code_or_by_root() {
    in_sandbox(|host| {
        host.settable_clock();
        host.settings("[lock]\nclose_after = 6\n");
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let line = host.line();
        for (way_out, from) in [("a recovery code", STRANGER), ("root", HOME)] {
            fail(&line, from, 5);
            host.clock.advance(15 * MINUTE);
            fail(&line, from, 1);
            host.clock.advance(7 * 24 * 60 * MINUTE);
            let (_, step) = line.begin("alice", &from_address(from)).unwrap();
            let Step::Ask { text, .. } = step else { panic!("{step:?}") };
            assert!(text.contains("until an administrator unlocks the account"), "{text}");
            assert!(waits(&line, from, &enrolled.phone.fresh_code()));
            assert!(line.status("alice").closed);
            if way_out == "root" {
                host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
            } else {
                assert!(accepts(&line, from, &enrolled.recovery_codes[0]));
            }
            assert!(!line.status("alice").closed, "{way_out}");
            assert!(accepts(&line, from, &enrolled.phone.fresh_code()), "{way_out}");
        }
    });
}

#[test]
fn unlocking_by_root_opens_every_lane() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let line = host.line();
        assert!(accepts(&line, OFFICE, &enrolled.phone.fresh_code()));
        fail(&line, OFFICE, 5);
        fail(&line, STRANGER, 5);
        let [used, ..] = enrolled.recovery_codes.as_slice() else { panic!("codes") };
        assert!(accepts(&line, HOME, used));
        for _ in 0..5 {
            assert!(refuses(&line, HOME, used));
        }
        // With the lane of recovery codes locked as well there is nothing to ask for.
        for from in [OFFICE, STRANGER] {
            assert_eq!(line.begin("alice", &from_address(from)).unwrap().0, "");
            let locked = PamLogin::run("alice", from, &enrolled.phone.fresh_code());
            assert_eq!(locked.code, ending::MAXTRIES, "{locked:?}");
            assert!(locked.shown.contains("codes: refused for"), "{locked:?}");
        }
        host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
        assert_eq!(line.status("alice").failures, 0);
        for from in [OFFICE, STRANGER] {
            assert!(accepts(&line, from, &enrolled.phone.fresh_code()));
        }
        assert!(accepts(&line, HOME, &enrolled.recovery_codes[1]));
    });
}

#[test]
fn a_flood_from_elsewhere_never_keeps_a_known_source_out() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
        let slowest = thread::scope(|scope| {
            for flooder in 0..4 {
                let (over, sent) = (&over, &sent);
                scope.spawn(move || flood(host, flooder, over, sent));
            }
            let mut slowest = Duration::ZERO;
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                while sent.load(Ordering::Relaxed) < 200 {
                    thread::sleep(Duration::from_millis(1));
                }
                for _ in 0..20 {
                    let code = phone.fresh_code();
                    let start = Instant::now();
                    assert!(accepts(&line, OFFICE, &code));
                    slowest = slowest.max(start.elapsed());
                    thread::sleep(Duration::from_millis(50));
                }
                // The flood did close what it can close.
                assert!(waits(&line, STRANGER, &phone.fresh_code()));
            }));
            over.store(true, Ordering::Relaxed);
            outcome.unwrap_or_else(|broken| std::panic::resume_unwind(broken));
            slowest
        });
        let sent = sent.into_inner();
        println!("slowest right code: {slowest:?}, with {sent} others on their way");
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
}

/// Everything a stranger can send, from ever new addresses, as fast as it is answered.
fn flood(host: &Host, flooder: usize, over: &AtomicBool, sent: &AtomicUsize) {
    let line = host.line();
    for nth in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let from = from_address(&format!("203.0.{flooder}.{}", nth % 254 + 1));
        let user = if nth % 3 == 0 { "nobody-of-that-name" } else { "alice" };
        let answer = if nth % 5 == 0 { "not a code" } else { always_wrong() };
        let _ = line.login(user, &from, answer).unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// The ways to be nobody, or nobody yet: `(name, user, answer)`.
fn nobodies(phone: &Phone) -> [(&'static str, &'static str, String); 5] {
    [
        ("wrong", "alice", always_wrong().to_owned()),
        ("replayed", "alice", phone.code()),
        ("malformed", "alice", "hunter2".to_owned()),
        ("not enrolled", "bob", "123456".to_owned()),
        ("unknown", "nobody-of-that-name", "123456".to_owned()),
    ]
}

#[test]
fn unknown_unenrolled_wrong_replayed_and_malformed_look_alike() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, _bob) = (host.user("alice"), host.user("bob"));
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        assert!(accepts(&line, OFFICE, &phone.fresh_code()));
        let mut all = nobodies(&phone).into_iter().map(|(name, user, answer)| {
            let (_, asked) = line.begin(user, &from_address(STRANGER)).unwrap();
            let told = line.login(user, &from_address(STRANGER), &answer).unwrap();
            let seen = PamLogin::run(user, STRANGER, &answer);
            (name, (asked, told, seen))
        });
        let (_, first) = all.next().unwrap();
        assert_eq!(first.2.code, ending::AUTH_ERR);
        for (name, other) in all {
            assert_eq!(first, other, "{name}");
        }
    });
}

#[test]
fn unknown_unenrolled_wrong_replayed_and_malformed_take_the_same_time() {
    in_sandbox(|host| {
        host.settable_clock();
        host.settings("[lock]\nafter = 100\n");
        let (alice, _bob) = (host.user("alice"), host.user("bob"));
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        // One code stays the used one for as long as this takes.
        host.clock.advance(Duration::from_secs(60 + 30 - host.clock.now() % 30));
        assert!(accepts(&line, OFFICE, &phone.code()));
        let kinds = nobodies(&phone);
        let times = kinds.each_ref().map(|_| Mutex::new(Vec::new()));
        for round in 0..300 {
            if round % 80 == 0 {
                ["alice", "bob"].iter().for_each(|user| line.unlock(user));
            }
            // In turns, so that whatever else the host does falls on all of them.
            for ((_, user, answer), times) in kinds.iter().zip(&times) {
                times.lock().unwrap().push(time(&line, user, answer));
            }
        }
        let medians: Vec<_> =
            times.into_iter().map(|times| median(times.into_inner().unwrap())).collect();
        for ((name, ..), median) in kinds.iter().zip(&medians) {
            println!("{name:>12}: {median:?}");
        }
        let (quickest, slowest) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
        assert!(*slowest < *quickest * 3, "{medians:?}");
    });
}

fn time(line: &Line, user: &str, answer: &str) -> Duration {
    let from: LoginContext = from_address(STRANGER);
    let start = Instant::now();
    let step = line.login(user, &from, answer).unwrap();
    let time = start.elapsed();
    assert!(matches!(step, Step::Refuse { .. }), "{user}: {step:?}");
    time
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
