//! `twinlock audit --follow` tells what comes, for as long as somebody reads it.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use twinlock_tests::{Host, Terminal, in_sandbox};

use crate::scene::{Scene, WRONG};

/// How soon a new event must be told.
const SOON: Duration = Duration::from_secs(2);
/// How soon it must be told when the daemon has to be started for it.
const PATIENT: Duration = Duration::from_secs(6);
/// How long a silence is listened to.
const SILENCE: Duration = Duration::from_millis(2500);

/// A script that reads it.
struct Reader {
    child: Child,
    events: Receiver<Value>,
}

impl Reader {
    /// Returns when the first event, which must be there, is told.
    fn after_one(host: &Host, arguments: &[&str]) -> Self {
        let reader = Self::start(host, &[&["--limit", "1"], arguments].concat());
        let _ = reader.next(PATIENT);
        reader
    }

    fn start(host: &Host, arguments: &[&str]) -> Self {
        let arguments = [&["audit", "--follow", "--json"], arguments].concat();
        let mut child = piped(host.cli_command(&host.root(), &arguments));
        let (tell, events) = channel();
        let output = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, events }
    }

    #[track_caller]
    fn next(&self, within: Duration) -> String {
        let event = self.events.recv_timeout(within).expect("an event in time");
        format!("{} {}", event["reason"].as_str().unwrap(), event["user"].as_str().unwrap())
    }

    #[track_caller]
    fn hears_nothing(&self) {
        let told = self.events.recv_timeout(SILENCE);
        assert!(told.is_err(), "{told:?}");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn piped(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn what_comes_is_told_within_two_seconds_once_and_in_its_order() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.login("somebody", WRONG);
        let reader = Reader::after_one(host, &[]);
        for name in ["a", "b"] {
            let _ = scene.login(name, WRONG);
            assert_eq!(reader.next(SOON), format!("unknown-name {name}"));
        }
        // More than a page between two looks.
        for nth in 0..120 {
            let _ = scene.login(&format!("user-{nth}"), WRONG);
        }
        for nth in 0..120 {
            assert_eq!(reader.next(SOON), format!("unknown-name user-{nth}"));
        }
        reader.hears_nothing();
    });
}

#[test]
fn filters_hold_for_what_comes_as_well() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.login("bob", WRONG);
        let reader = Reader::after_one(host, &["--user", "bob"]);
        for name in ["alice", "bob", "carol"] {
            let _ = scene.login(name, WRONG);
        }
        assert_eq!(reader.next(SOON), "unknown-name bob");
        reader.hears_nothing();
    });
}

#[test]
fn a_daemon_that_is_killed_and_started_again_is_waited_for() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.login("somebody", WRONG);
        let mut reader = Reader::after_one(host, &[]);
        for name in ["a", "b"] {
            host.daemon.kill();
            let _ = scene.login(name, WRONG);
            assert_eq!(reader.next(PATIENT), format!("unknown-name {name}"));
        }
        // Away for longer, together with the bus.
        host.daemon.kill();
        host.bus.kill();
        reader.hears_nothing();
        host.bus.restart();
        let again = host.line();
        let from = twinlock_tests::login::from_address(crate::scene::FAR);
        let _ = again.login("c", &from, WRONG).unwrap();
        assert_eq!(reader.next(PATIENT), "unknown-name c");
        assert!(reader.child.try_wait().unwrap().is_none(), "it ended");
    });
}

#[test]
fn it_can_begin_with_what_comes_and_tells_nothing_of_before() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.login("before", WRONG);
        let reader = Reader::start(host, &["--limit", "0"]);
        reader.hears_nothing();
        let _ = scene.login("after", WRONG);
        assert_eq!(reader.next(SOON), "unknown-name after");
    });
}

#[test]
fn ctrl_c_ends_it_as_it_ends_any_program() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = scene.login("somebody", WRONG);
        let mut screen = Terminal::start(&host.cli_command(&host.root(), &["audit", "--follow"]));
        screen.expect("somebody");
        screen.type_line("\u{3}");
        let ended = screen.finish();
        // 130 for the shell that asks.
        assert_eq!(ended.status.signal(), Some(2), "{ended:?}");
        assert!(!ended.stdout.contains("panicked"), "{ended:?}");
    });
}

#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        for nth in 0..200 {
            let _ = scene.login(&format!("user-{nth}"), WRONG);
        }
        for arguments in [&["--follow"][..], &["--follow", "--json"], &["--limit", "200"]] {
            let arguments = [&["audit"], arguments].concat();
            let mut child = piped(host.cli_command(&host.root(), &arguments));
            let mut output: ChildStdout = child.stdout.take().unwrap();
            // `| head -c1`
            output.read_exact(&mut [0]).unwrap();
            drop(output);
            let end = Instant::now() + PATIENT;
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                assert!(Instant::now() < end, "{arguments:?} goes on for nobody");
                thread::sleep(Duration::from_millis(10));
            };
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            assert_eq!((status.code(), said.as_str()), (Some(0), ""), "{arguments:?}");
        }
    });
}
