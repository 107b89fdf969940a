//! One unprivileged uid, whatever it sends, neither keeps others from logging in nor makes the
//! daemon grow or end (I20, I21).
//!
//! The logins go through `pam_twinlock.so`, whose own deadline of 3 s for each call is the measure:
//! a daemon that answers later is an ending other than success.

use std::{
    fs::{self, File},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::timeout};
use twinlock_interface::{
    LoginContext,
    names::{BUS_NAME, LOGIN, LOGIN_BEGIN, OBJECT_PATH},
    proxy::EnrollmentProxy,
};
use twinlock_tests::{
    Host, User,
    bus::block_on,
    caller::{Caller, Refusal},
    enrolled::Enrolled,
    in_sandbox,
    login::{PamLogin, ending},
};
use zbus::{Fd, Message, message::Flags, wire::DynamicType};

/// An address of the documentation (RFC 5737).
const FAR: &str = "203.0.113.9";
/// The most the daemon may ever have held in memory, in KiB. Unmolested it holds 8 MiB.
const MOST_MEMORY: u64 = 32 * 1024;
/// Connections of the flood of small calls.
const CONNECTIONS: usize = 100;
/// Descriptors a message may carry on a system bus.
const DESCRIPTORS: usize = 16;
/// Calls of one unprivileged uid in a minute.
const PER_MINUTE: usize = 60;
/// Calls of one unprivileged uid at a time.
const IN_FLIGHT: usize = 8;
/// How long a silence is listened to. An answer takes milliseconds.
const SILENCE: Duration = Duration::from_secs(1);
/// How long a login may take while others keep the daemon busy (I20), where it is not the bus that
/// is kept busy.
const PROMPTLY: Duration = Duration::from_secs(1);

/// Runs `promise` on a private host while no other test of this file runs: a flood is measured by
/// what it leaves to others, and two of them at a time would be two uids.
fn in_turn<F: FnOnce(&Host)>(promise: F) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    in_sandbox(promise);
}

/// Alice, who logs in, and Mallory, who does not want her to.
struct Scene<'h> {
    host: &'h Host,
    alice: Enrolled,
    mallory: User,
    daemon: u32,
}

impl<'h> Scene<'h> {
    fn set(host: &'h Host) -> Self {
        host.settable_clock();
        let alice = host.enroll(&host.user("alice"));
        let mallory = host.user("mallory");
        Self { host, alice, mallory, daemon: host.daemon.start() }
    }

    /// A program of Mallory's.
    fn attacker(&self) -> Caller {
        self.host.caller(self.mallory.uid)
    }

    fn alice_logs_in(&self) {
        log_in(&self.alice.phone.fresh_code());
    }

    /// The daemon is the one it was at the beginning, and never was large.
    fn daemon_stands(&self) {
        assert_eq!(self.host.daemon.pid(), Some(self.daemon), "the daemon ended");
        let status = fs::read_to_string(format!("/proc/{}/status", self.daemon)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        let most: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(most < MOST_MEMORY, "{most} KiB");
    }
}

/// Alice's login with a good answer. Returns how long it took.
fn log_in(answer: &str) -> Duration {
    let begun = Instant::now();
    let login = PamLogin::run("alice", FAR, answer);
    let took = begun.elapsed();
    assert_eq!(login.code, ending::SUCCESS, "after {took:?}: {}", login.shown);
    took
}

/// A call of `Login.Begin` nobody waits for.
fn unheard<B: serde::Serialize + DynamicType>(body: &B) -> Message {
    let message = Message::method_call(OBJECT_PATH, LOGIN_BEGIN).destination(BUS_NAME);
    message.interface(LOGIN).with_flags(Flags::NO_REPLY_EXPECTED).build(body).unwrap()
}

/// Sends `call` so many times, with a login of Alice's in between, and another when the daemon has
/// passed all of them: it is asked something by the same connection, which the bus keeps in order.
fn alice_logs_in_amid(scene: &Scene<'_>, call: &Message, times: usize) {
    let mallory = scene.attacker();
    thread::scope(|threads| {
        let sender = threads.spawn(|| {
            mallory.run(async {
                for _ in 0..times {
                    mallory.connection().send(call).await.unwrap();
                }
            });
        });
        scene.alice_logs_in();
        sender.join().unwrap();
    });
    mallory.status(&scene.mallory.name).unwrap();
    scene.alice_logs_in();
}

/// Sends as many calls as the bus takes until `end`, over `connections` of one uid. Returns their
/// number.
fn flood(host: &Host, uid: u32, connections: usize, call: &Message, end: Instant) -> usize {
    block_on(async {
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            let (connection, call) = (host.bus.connect_as(uid).await, call.clone());
            senders.spawn(async move {
                let mut sent = 0;
                while Instant::now() < end {
                    connection.send(&call).await.unwrap();
                    sent += 1;
                    tokio::task::yield_now().await;
                }
                sent
            });
        }
        senders.join_all().await.into_iter().sum()
    })
}

#[test]
fn a_flood_of_small_calls_delays_nobody_elses_login() {
    in_turn(|host| {
        let scene = Scene::set(host);
        let call = unheard(&(&scene.mallory.name, LoginContext::default()));
        let end = Instant::now() + Duration::from_secs(3);
        // Two threads, as the machine may have no more cores, and the daemon needs its share.
        let half = || flood(host, scene.mallory.uid, CONNECTIONS / 2, &call, end);
        let sent = thread::scope(|threads| {
            let halves = [threads.spawn(half), threads.spawn(half)];
            while Instant::now() < end {
                scene.alice_logs_in();
            }
            halves.map(|half| half.join().unwrap()).iter().sum::<usize>()
        });
        assert!(sent > 10_000, "{sent} calls are no flood");
        scene.alice_logs_in();
        scene.daemon_stands();
    });
}

#[test]
fn messages_with_file_descriptors_do_not_end_the_daemon() {
    in_turn(|host| {
        let scene = Scene::set(host);
        let file = File::open("/dev/null").unwrap();
        let descriptors: Vec<_> = (0..DESCRIPTORS).map(|_| Fd::from(&file)).collect();
        alice_logs_in_amid(&scene, &unheard(&descriptors), 2_000);
        scene.daemon_stands();
    });
}

#[test]
fn messages_of_many_mebibytes_are_skipped() {
    in_turn(|host| {
        let scene = Scene::set(host);
        let call = unheard(&("m".repeat(30 << 20), LoginContext::default()));
        alice_logs_in_amid(&scene, &call, 4);
        scene.daemon_stands();
    });
}

/// What comes of calls of `Enrollment.Status` made at once: error names, or nothing for a silence.
fn answers(caller: &Caller, user: &str, calls: usize) -> Vec<Option<String>> {
    caller.run(async {
        let mut waiting = JoinSet::new();
        for _ in 0..calls {
            let (connection, user) = (caller.connection().clone(), user.to_owned());
            waiting.spawn(timeout(SILENCE, async move {
                let enrollment = EnrollmentProxy::new(&connection).await.unwrap();
                let answer = enrollment.status(&user).await.map_err(Refusal::from);
                answer.err().map(|refusal| refusal.name).unwrap_or_default()
            }));
        }
        waiting.join_all().await.into_iter().map(Result::ok).collect()
    })
}

#[test]
fn whoever_goes_on_after_being_told_gets_no_answer() {
    in_turn(|host| {
        let scene = Scene::set(host);
        let (mallory, bob) = (scene.attacker(), host.caller(host.user("bob").uid));
        let own = &scene.mallory.name;
        for call in 0..PER_MINUTE {
            assert_eq!(answers(&mallory, own, 1), [Some(String::new())], "call {call}");
        }
        for call in 0..PER_MINUTE {
            assert_eq!(
                answers(&mallory, own, 1),
                [Some("LimitsExceeded".to_owned())],
                "call {call} of too many"
            );
        }
        // Another connection is the same user, once the bus has said so about its first call.
        let again = scene.attacker();
        assert_eq!(answers(&again, own, 1), [Some("LimitsExceeded".to_owned())]);
        for mallory in [&mallory, &again] {
            assert_eq!(answers(mallory, own, IN_FLIGHT), [const { None }; IN_FLIGHT]);
            bob.status("bob").unwrap();
            host.caller(0).status(own).unwrap();
            scene.alice_logs_in();
        }
        scene.daemon_stands();
    });
}

/// Begins an enrolment, confirms it as often as can be under way, and takes it back meanwhile, so
/// that all the hashing is in vain and can be begun again.
fn confirm_in_vain(scene: &Scene<'_>, mallory: &Caller) {
    let name = &scene.mallory.name;
    let phone = scene.host.phone(&mallory.begin_enrollment(name).unwrap().key_uri);
    let code = phone.code();
    mallory.run(async {
        let enrollment = EnrollmentProxy::new(mallory.connection()).await.unwrap();
        let mut confirmations = JoinSet::new();
        for _ in 1..IN_FLIGHT {
            let (enrollment, name, code) = (enrollment.clone(), name.clone(), code.clone());
            confirmations.spawn(async move { enrollment.confirm(&name, &code).await.map(drop) });
        }
        // They are sent now, and the first is being hashed.
        tokio::time::sleep(Duration::from_millis(30)).await;
        enrollment.cancel(name).await.unwrap();
        assert!(confirmations.join_all().await.iter().all(Result::is_err), "not in vain");
    });
}

#[test]
fn repeated_confirmations_do_not_hold_up_a_recovery_code_of_another_account() {
    in_turn(|host| {
        let scene = Scene::set(host);
        let mallory = scene.attacker();
        let rounds = PER_MINUTE / (1 + IN_FLIGHT);
        thread::scope(|threads| {
            let flood =
                threads.spawn(|| (0..rounds).for_each(|_| confirm_in_vain(&scene, &mallory)));
            let codes = scene.alice.recovery_codes.iter().take_while(|_| !flood.is_finished());
            let logins: Vec<_> = codes.map(|code| log_in(code)).collect();
            assert!(logins.len() > 2, "too few to tell: {logins:?}");
            assert!(logins.iter().all(|took| *took < PROMPTLY), "{logins:?}");
            flood.join().unwrap();
        });
        scene.daemon_stands();
    });
}
