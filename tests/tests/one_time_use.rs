//! A code lets in once, whoever races for it, however it is spelled and whatever happens to the
//! daemon in between (I1, I2, I3).

use std::{sync::Barrier, thread, time::Duration};

use nix::sys::signal::Signal;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, in_sandbox,
    login::{Line, PamLogin, ending, from_address},
};

/// Where the honest logins of this file come from.
const OFFICE: &str = "192.0.2.10";

fn accepted(step: &Step) -> bool {
    matches!(step, Step::Accept { .. })
}

/// Logs in over the bus from the office.
fn lets_in(line: &Line, user: &str, code: &str) -> bool {
    accepted(&line.login(user, &from_address(OFFICE), code).unwrap())
}

/// Races 64 logins of `user` for `answer`, eight on every line, each line from an address of its
/// own. What became of them.
fn race(lines: &[Line], user: &str, answer: &str) -> Vec<Step> {
    let start = Barrier::new(lines.len());
    thread::scope(|scope| {
        let racers: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(number, line)| {
                let (start, from) = (&start, from_address(&format!("192.0.2.{number}")));
                scope.spawn(move || line.race(8, start, user, &from, answer))
            })
            .collect();
        racers.into_iter().flat_map(|racer| racer.join().unwrap()).collect()
    })
}

fn eight_lines(host: &Host) -> Vec<Line> {
    (0..8).map(|_| host.line()).collect()
}

#[test]
fn of_64_logins_that_race_for_one_code_exactly_one_gets_in() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let lines = eight_lines(host);
        for round in 0..200 {
            let steps = race(&lines, "alice", &phone.fresh_code());
            let won = steps.iter().filter(|step| accepted(step)).count();
            let lost = steps.iter().filter(|step| matches!(step, Step::Refuse { .. })).count();
            assert_eq!((won, lost), (1, 63), "round {round}: {steps:?}");
        }
    });
}

#[test]
fn of_16_processes_that_race_for_one_code_through_libpam_exactly_one_gets_in() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        for round in 0..10 {
            let code = phone.fresh_code();
            let mut racers: Vec<_> = (0..16).map(|_| PamLogin::start("alice", OFFICE)).collect();
            for racer in &mut racers {
                racer.question();
            }
            for racer in &mut racers {
                racer.answer(&code);
            }
            let endings: Vec<_> = racers.into_iter().map(|racer| racer.finish().code).collect();
            let won = endings.iter().filter(|code| *code == ending::SUCCESS).count();
            let lost = endings.iter().filter(|code| *code == ending::AUTH_ERR).count();
            assert_eq!((won, lost), (1, 15), "round {round}: {endings:?}");
        }
    });
}

#[test]
fn a_used_code_stays_used_when_the_daemon_starts_anew() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        for end in [Signal::SIGTERM, Signal::SIGKILL] {
            let code = phone.fresh_code();
            assert!(lets_in(&line, "alice", &code));
            let before = host.daemon.pid();
            host.daemon.signal(end);
            while host.daemon.pid() == before {
                thread::sleep(Duration::from_millis(1));
            }
            assert!(!lets_in(&line, "alice", &code), "after {end}");
            assert_ne!(host.daemon.pid(), before);
        }
        // Refused because they are used, not because they are wrong.
        assert_eq!(line.status("alice").failures, 0);
        assert!(host.syslog.expect("reason=replayed").contains("user=\"alice\""));
    });
}

#[test]
fn an_older_code_is_refused_after_a_newer_one() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        // At the beginning of a step, so that the window stays where it is.
        host.clock.advance(Duration::from_secs(60 + 30 - host.clock.now() % 30));
        let now = phone.step();
        let [earlier, current, later] = [now - 1, now, now + 1].map(|step| phone.code_at(step));
        assert!(lets_in(&line, "alice", &current));
        assert!(!lets_in(&line, "alice", &earlier));
        assert!(lets_in(&line, "alice", &later));
        for old in [&later, &current, &earlier] {
            assert!(!lets_in(&line, "alice", old));
        }
        // And not even with the clock back where the old code was the current one (I22).
        host.clock.set_back(Duration::from_secs(30));
        for old in [&later, &current, &earlier] {
            assert!(!lets_in(&line, "alice", old), "after the clock was set back");
        }
        assert_eq!(phone.step(), now - 1, "the test took too long");
        host.clock.advance(Duration::from_secs(90));
        assert!(lets_in(&line, "alice", &phone.code()));
    });
}

#[test]
fn a_used_code_is_used_in_every_spelling() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let line = host.line();
        let fillers: [fn(&str, &str) -> String; 6] = [
            |head, tail| format!("{head}{tail}"),
            |head, tail| format!("{head} {tail}"),
            |head, tail| format!("  {head}-{tail}"),
            |head, tail| format!("\t{head}\t{tail}\t"),
            |head, tail| format!("{head}{tail}\r\n"),
            |head, tail| format!("{head} - {tail}\n\n"),
        ];
        let odd: [fn(&str) -> String; 5] = [
            |code| code.chars().map(full_width).collect(),
            |code| {
                code.replacen(|_| true, &full_width(code.chars().next().unwrap()).to_string(), 1)
            },
            |code| format!("0{code}"),
            |code| format!("\u{b}{code}"),
            |code| format!("{code}\u{200b}"),
        ];
        // Each of them is a way to use a code …
        for first in fillers {
            let code = phone.fresh_code();
            let (head, tail) = code.split_at(3);
            assert!(lets_in(&line, "alice", &first(head, tail)), "{:?}", first("123", "456"));
            // … and none of them a way to use it again.
            for again in fillers {
                assert!(!lets_in(&line, "alice", &again(head, tail)), "{:?}", again("123", "456"));
            }
            assert_eq!(PamLogin::run("alice", OFFICE, &first(head, tail)).code, ending::AUTH_ERR);
        }
        let code = phone.fresh_code();
        assert!(lets_in(&line, "alice", &code));
        for spelling in odd {
            assert!(!lets_in(&line, "alice", &spelling(&code)), "{:?}", spelling("123456"));
        }
    });
}

/// The digit as East Asian typography has it; to some parsers it is the same digit.
fn full_width(digit: char) -> char {
    char::from_u32(u32::from(digit) - u32::from('0') + u32::from('０')).unwrap()
}

#[test]
fn of_1000_right_codes_from_eight_people_at_once_none_is_refused() {
    in_sandbox(|host| {
        host.settable_clock();
        let people: Vec<_> = (0..8).map(|number| host.user(&format!("person{number}"))).collect();
        let phones: Vec<_> = people.iter().map(|user| host.enroll(user).phone).collect();
        host.clock.advance(Duration::from_secs(60));
        let mut logins = 0;
        while logins < 1000 {
            // Three steps are open at a time; each person takes theirs in their order.
            host.clock.advance(Duration::from_secs(90));
            let now = phones[0].step();
            thread::scope(|scope| {
                for (person, phone) in people.iter().zip(&phones) {
                    scope.spawn(move || {
                        for step in now - 1..=now + 1 {
                            let ending = PamLogin::run(&person.name, OFFICE, &phone.code_at(step));
                            assert_eq!(ending.code, ending::SUCCESS, "{}", ending.shown);
                        }
                    });
                }
            });
            logins += 3 * people.len();
        }
    });
}

#[test]
fn of_64_logins_that_race_for_one_recovery_code_exactly_one_gets_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        // All of them shall be compared, none be kept out by the throttle.
        host.settings("[lock]\nafter = 100\n");
        let codes = host.enroll(&alice).recovery_codes;
        let lines = eight_lines(host);
        for (round, code) in codes.iter().take(3).enumerate() {
            let steps = race(&lines, "alice", code);
            let won = steps.iter().filter(|step| accepted(step)).count();
            let lost = steps.iter().filter(|step| matches!(step, Step::Refuse { .. })).count();
            assert_eq!((won, lost), (1, 63), "round {round}: {steps:?}");
        }
        assert_eq!(codes_left(&lines), 7);
    });
}

fn codes_left(lines: &[Line]) -> u32 {
    lines[0].status("alice").recovery_codes_left
}

#[test]
fn a_race_for_a_recovery_code_is_throttled_and_still_won_once() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let codes = host.enroll(&alice).recovery_codes;
        let lines = eight_lines(host);
        let steps = race(&lines, "alice", &codes[0]);
        assert_eq!(steps.iter().filter(|step| accepted(step)).count(), 1, "{steps:?}");
        assert!(steps.iter().any(|step| matches!(step, Step::Wait { .. })), "{steps:?}");
        assert_eq!(codes_left(&lines), 9);
    });
}

#[test]
fn a_recovery_code_is_good_for_its_owner_only() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let code = host.enroll(&alice).recovery_codes.remove(0);
        let _bobs = host.enroll(&bob);
        let line = host.line();
        assert!(!lets_in(&line, "bob", &code));
        assert_eq!(PamLogin::run("bob", OFFICE, &code).code, ending::AUTH_ERR);
        assert_eq!(line.status("bob").recovery_codes_left, 10);
        assert!(lets_in(&line, "alice", &code), "it was no use to bob, so it is still hers");
        assert!(!lets_in(&line, "alice", &code));
    });
}
