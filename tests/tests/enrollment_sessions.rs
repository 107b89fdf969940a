//! A login that enrols is one conversation of one caller, and of many that enrol one account one
//! wins (I1, I11, I12, I18).

use std::{sync::Barrier, thread, time::Duration};

use twinlock_interface::{State, Step};
use twinlock_tests::{
    enrolling::{
        ENDED, FIRST_CODE, NOT_READY, NOTED, WRONG_FIRST_CODE, behind_a_password, key_on, page,
    },
    in_sandbox,
    login::Line,
    ssh::CODE_PROMPT,
};

const OFFICE: &str = "192.0.2.10";

/// Opens a login of alice, which shows the key.
fn begin(line: &Line) -> (String, String) {
    line.key_page(&behind_a_password(OFFICE))
}

fn ended() -> Step {
    Step::Refuse { text: ENDED.to_owned() }
}

fn is_over(line: &Line, session: &str) -> bool {
    matches!(line.answer(session, ""), Err(twinlock_interface::Error::NoSuchSession(_)))
}

fn accepts(line: &Line, code: &str) -> bool {
    let step = line.login("alice", &behind_a_password(OFFICE), code).unwrap();
    matches!(step, Step::Accept { .. })
}

#[test]
fn one_handle_goes_through_all_questions_and_is_over_with_the_last() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let _ = host.user("alice");
        let line = host.line();
        let (session, key) = begin(&line);
        let phone = host.phone_with(&key);
        let wrong = page(line.answer(&session, &phone.wrong_code(0)).unwrap(), FIRST_CODE);
        assert!(wrong.contains(WRONG_FIRST_CODE), "{wrong}");
        let plain = page(line.answer(&session, "").unwrap(), FIRST_CODE);
        assert_eq!(key_on(&plain), key);
        let codes = line.recovery_page(&session, &phone.fresh_code());
        assert_eq!(line.status("alice").state, State::Pending);
        let last = line.note(&session);
        assert!(matches!(&last, Step::Accept { text } if text.contains("enrolled")), "{last:?}");
        assert!(is_over(&line, &session));
        assert_eq!((line.status("alice").state, line.status("alice").failures), (State::On, 0));
        assert!(accepts(&line, &phone.fresh_code()));
        assert!(accepts(&line, &codes[0]) && !accepts(&line, &codes[0]));
    });
}

#[test]
fn nobody_else_goes_on_with_a_session_that_enrolls() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let line = host.line();
        let (session, key) = begin(&line);
        let phone = host.phone_with(&key);
        let others = [host.caller(alice.uid), host.caller(bob.uid)];
        let all_refused = |answer: &str| {
            for other in &others {
                let refusal = other.answer_login(&session, answer).unwrap_err();
                assert_eq!(refusal.name, "NoSuchSession", "{refusal:?}");
            }
        };
        let code = phone.fresh_code();
        all_refused(&code);
        let _ = line.recovery_page(&session, &code);
        all_refused("");
        assert_eq!(line.status("alice").state, State::Pending);
        assert!(matches!(line.note(&session), Step::Accept { .. }));
        all_refused("");
    });
}

#[test]
fn a_program_of_the_account_itself_is_shown_no_key() {
    in_sandbox(|host| {
        host.enroll_in_logins();
        let alice = host.user("alice");
        let issued = host.cli(&host.root(), &["ticket", "alice", "--json"]).stdout;
        let issued: serde_json::Value = serde_json::from_str(&issued).unwrap();
        let own = host.caller(alice.uid);
        for answer in ["", "123456", issued["ticket"].as_str().unwrap()] {
            // Whatever it says about a first factor.
            let (session, step) = own.begin_login("alice", &behind_a_password(OFFICE)).unwrap();
            assert_eq!(page(Step::try_from(step).unwrap(), CODE_PROMPT), CODE_PROMPT);
            let step = Step::try_from(own.answer_login(&session, answer).unwrap()).unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{answer:?} {step:?}");
        }
        assert_eq!(host.line().status("alice").state, State::Off);
        let _ = begin(&host.line());
    });
}

#[test]
fn whoever_is_faster_than_the_hashing_is_asked_once_more_and_loses_nothing() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let line = host.line();
        // One set of codes is hashed after the other, some 300 ms each.
        let queue: Vec<_> = (0..10)
            .map(|number| {
                let user = host.user(&format!("user{number}"));
                let (session, step) = line.begin(&user.name, &behind_a_password(OFFICE)).unwrap();
                let phone = host.phone_with(&key_on(&page(step, FIRST_CODE)));
                let codes = line.recovery_page(&session, &phone.fresh_code());
                (user.name, session, codes)
            })
            .collect();
        let (user, session, codes) = &queue[queue.len() - 1];
        let _ = page(line.answer(session, "").unwrap(), NOT_READY);
        assert_eq!(line.status(user).state, State::Pending);
        assert!(matches!(line.note(session), Step::Accept { .. }));
        let from = behind_a_password(OFFICE);
        let step = line.login(user, &from, &codes[0]).unwrap();
        assert!(matches!(step, Step::Accept { .. }), "{step:?}");
    });
}

#[test]
fn who_hangs_up_at_the_recovery_codes_again_and_again_holds_nobody_up() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let (_, bob) = (host.user("alice"), host.user("bob"));
        let line = host.line();
        let phone = host.phone_with(&begin(&line).1);
        let mut left = Vec::new();
        for _ in 0..20 {
            let (session, _) = begin(&line);
            let _ = line.recovery_page(&session, &phone.fresh_code());
            left.push(session);
        }
        let from = behind_a_password(OFFICE);
        let (session, step) = line.begin(&bob.name, &from).unwrap();
        let phone = host.phone_with(&key_on(&page(step, FIRST_CODE)));
        let _ = line.recovery_page(&session, &phone.fresh_code());
        // Twenty sets would take six seconds, and be asked about eight times.
        let asked = (0..4).find(|_| {
            let step = line.answer(&session, "").unwrap();
            assert!(matches!(step, Step::Ask { .. } | Step::Accept { .. }), "{step:?}");
            matches!(step, Step::Accept { .. })
        });
        assert!(asked.is_some(), "bob waits for what alice left");
        assert_eq!(line.note(&left[0]), ended());
    });
}

#[test]
fn of_eight_logins_that_race_for_one_first_code_one_is_shown_recovery_codes() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let _ = host.user("alice");
        let line = host.line();
        let phone = host.phone_with(&begin(&line).1);
        for _ in 0..5 {
            let code = phone.fresh_code();
            let steps = line.race(8, &Barrier::new(1), "alice", &behind_a_password(OFFICE), &code);
            let pages: Vec<_> = steps
                .iter()
                .map(|step| match step {
                    Step::Ask { text, .. } => text.as_str(),
                    other => panic!("{other:?}"),
                })
                .collect();
            let shown = pages.iter().filter(|page| page.ends_with(NOTED)).count();
            let spent = pages.iter().filter(|page| page.contains(WRONG_FIRST_CODE)).count();
            assert_eq!((shown, spent), (1, 7), "{pages:?}");
        }
        // Spent, not wrong: nobody is charged for them.
        assert_eq!(line.status("alice").failures, 0);
    });
}

#[test]
fn of_two_logins_that_enroll_one_account_one_does_and_its_codes_are_the_ones() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let _ = host.user("alice");
        let lines = [host.line(), host.line()];
        for round in 0..4 {
            let mut sessions = Vec::new();
            for line in &lines {
                let (session, key) = begin(line);
                let phone = host.phone_with(&key);
                // Each needs a code of its own.
                host.clock.advance(Duration::from_secs(30));
                let codes = line.recovery_page(&session, &phone.fresh_code());
                sessions.push((session, phone, codes));
            }
            let start = Barrier::new(2);
            let steps: Vec<_> = thread::scope(|scope| {
                let racing: Vec<_> = lines
                    .iter()
                    .zip(&sessions)
                    .map(|(line, (session, ..))| {
                        let start = &start;
                        scope.spawn(move || {
                            start.wait();
                            line.note(session)
                        })
                    })
                    .collect();
                racing.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let won = steps.iter().position(|step| matches!(step, Step::Accept { .. }));
            let won = won.unwrap_or_else(|| panic!("nobody in round {round}: {steps:?}"));
            let lost = 1 - won;
            assert_eq!(steps[lost], ended(), "round {round}");
            let status = lines[0].status("alice");
            assert_eq!((status.authenticators.len(), status.recovery_codes_left), (1, 10));
            assert!(!accepts(&lines[0], &sessions[lost].2[0]), "a code of the loser");
            assert!(accepts(&lines[0], &sessions[won].2[0]), "a code of the winner");
            host.clock.advance(Duration::from_secs(60));
            assert!(accepts(&lines[0], &sessions[won].1.code()), "the phone");
            host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        }
    });
}

#[test]
fn an_enrolment_that_was_cancelled_does_not_complete_nor_does_it_complete_another() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        let line = host.line();
        let cancel = || {
            host.cli(&alice, &["enroll", "--cancel"]).expect_success("cancel");
        };
        let (session, key) = begin(&line);
        let _ = line.recovery_page(&session, &host.phone_with(&key).fresh_code());
        cancel();
        assert_eq!(line.note(&session), ended());
        assert!(is_over(&line, &session));
        assert_eq!(line.status("alice").state, State::Off);

        let (session, second) = begin(&line);
        assert_ne!(second, key);
        let _ = line.recovery_page(&session, &host.phone_with(&second).fresh_code());
        cancel();
        let (next_session, third) = begin(&line);
        assert_ne!(third, second);
        assert_eq!(line.note(&session), ended());
        assert_eq!(line.status("alice").state, State::Pending);
        // The one that was begun instead goes on.
        let _ = line.recovery_page(&next_session, &host.phone_with(&third).fresh_code());
        assert!(matches!(line.note(&next_session), Step::Accept { .. }));
    });
}

#[test]
fn a_login_whose_enrolment_ended_is_over_and_shows_no_other_key() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        let line = host.line();
        let cancel = || {
            host.cli(&alice, &["enroll", "--cancel"]).expect_success("cancel");
        };
        let expire = || host.clock.advance(Duration::from_secs(15 * 60));
        let ends: [&dyn Fn(); 2] = [&cancel, &expire];
        let mut keys = Vec::new();
        for end in ends {
            let (session, key) = begin(&line);
            assert!(!keys.contains(&key));
            end();
            let code = host.phone_with(&key).fresh_code();
            assert_eq!(line.answer(&session, &code).unwrap(), ended());
            assert!(is_over(&line, &session));
            keys.push(key);

            let (session, key) = begin(&line);
            assert!(!keys.contains(&key));
            end();
            // Whoever asks for the plain page is shown none either.
            assert_eq!(line.answer(&session, "").unwrap(), ended());
            assert!(is_over(&line, &session));
            keys.push(key);
        }
        assert_eq!((line.status("alice").state, line.status("alice").failures), (State::Off, 0));
    });
}

#[test]
fn the_command_and_a_login_do_not_go_on_with_what_the_other_began() {
    in_sandbox(|host| {
        host.settable_clock();
        host.enroll_in_logins();
        let alice = host.user("alice");
        let (line, own) = (host.line(), host.caller(alice.uid));
        let begin_by_command = || own.begin_enrollment("alice").unwrap().secret_base32.clone();
        let first = begin_by_command();
        assert_eq!(begin_by_command(), first, "the command goes on with its own");
        let (session, second) = begin(&line);
        assert_ne!(second, first, "in a login");
        assert_eq!(begin(&line).1, second, "the login goes on with its own");
        let code_of_the_login = host.phone_with(&second).fresh_code();
        let confirmed = own.confirm_enrollment("alice", &code_of_the_login);
        assert_eq!(confirmed.unwrap_err().name, "WrongCode");

        assert_eq!(begin_by_command(), first, "nor does either drop the other's");
        let phone = host.phone_with(&first);
        let codes = own.confirm_enrollment("alice", &phone.fresh_code()).unwrap();
        let code = host.phone_with(&second).fresh_code();
        assert_eq!(line.answer(&session, &code).unwrap(), ended());
        assert_eq!(line.status("alice").authenticators.len(), 1);
        assert!(accepts(&line, &phone.fresh_code()));
        assert!(accepts(&line, &codes[0]));
    });
}
