//! Every ending of a login is one PAM code, which comes within the deadline (I8, I14).

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    ops::Range,
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use twinlock_interface::Step;
use twinlock_tests::{
    OPTIONAL, in_sandbox, pam,
    pam_client::Code,
    pam_host::{self, PamHost, Report},
    readme, stage,
    wire_bus::WireBus,
};

const PERMIT: &str = "auth required pam_permit.so";
const QUESTION: &str = "1 One-time code: ";
const BUS: &str = "/run/dbus/system_bus_socket";
/// The service whose module waits for one second at most.
const ONE_SECOND: &str = "one-second";
/// How long an ending takes that waits for nobody, on a busy machine.
const SOON: Range<Duration> = Duration::ZERO..Duration::from_secs(2);
/// How long a login takes in that service when nobody answers.
const AT_THE_DEADLINE: Range<Duration> = Duration::from_secs(1)..Duration::from_secs(2);

/// Makes the program and the services that these logins go through.
fn prepare() {
    pam_host::install(env!("CARGO_BIN_EXE_pam-host"));
    service("code", "");
    service(ONE_SECOND, "timeout=1");
}

/// A service of the module with `options`, and of `pam_permit.so`, which would let anybody in.
fn service(name: &str, options: &str) {
    pam::service(name, &[&format!("{} {options}", pam::TWINLOCK), PERMIT]);
}

fn login(service: &str, user: &str, answers: &[&str]) -> Report {
    PamHost::new().authenticate(service, user).answering(answers)
}

/// Nobody could decide: no question, the code that says so, and in this time.
#[track_caller]
fn assert_unavailable(report: &Report, within: &Range<Duration>) {
    assert_eq!(report.code(), Code::AUTHINFO_UNAVAIL, "{report:?}");
    assert!(within.contains(&report.took()), "{report:?}");
}

#[track_caller]
fn assert_unavailable_unasked(report: &Report, within: &Range<Duration>) {
    assert_unavailable(report, within);
    assert!(report.said.is_empty(), "{report:?}");
}

#[test]
fn a_right_code_is_success_and_everything_else_typed_is_an_authentication_error() {
    in_sandbox(|host| {
        prepare();
        pam::service("alone", &[pam::TWINLOCK]);
        host.settable_clock();
        let (alice, _bob) = (host.user("alice"), host.user("bob"));
        let enrolled = host.enroll(&alice);
        for service in ["code", "alone"] {
            let code = enrolled.phone.fresh_code();
            let accepted = login(service, "alice", &[&code]);
            assert_eq!(accepted.code(), Code::SUCCESS);
            assert_eq!(accepted.said, [QUESTION]);

            let wrong = login(service, "alice", &[&enrolled.phone.wrong_code(0)]);
            assert_eq!(wrong.code(), Code::AUTH_ERR);
            for (user, answer) in [
                ("alice", code.as_str()),
                ("alice", ""),
                ("alice", "alice's password"),
                ("alice", "１２３４５６"),
                ("alice", "AAAA-BBBB-CCCC-DDDD"),
                ("bob", "123456"),
                ("no-such-user", "123456"),
            ] {
                let refused = login(service, user, &[answer]);
                assert_eq!(refused.code(), Code::AUTH_ERR, "{user} {answer:?}: {refused:?}");
                // And it looks like any other (I16).
                assert_eq!(refused.said, wrong.said, "{user} {answer:?}");
                assert!(SOON.contains(&refused.took()), "{refused:?}");
            }
        }
    });
}

#[test]
fn an_account_that_is_locked_gets_max_tries() {
    in_sandbox(|host| {
        prepare();
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        for nth in 0..5 {
            let refused = login("code", "alice", &[&enrolled.phone.wrong_code(nth)]);
            assert_eq!(refused.code(), Code::AUTH_ERR);
        }
        let locked = login("code", "alice", &[&enrolled.phone.fresh_code()]);
        assert_eq!(locked.code(), Code::MAXTRIES, "{locked:?}");

        let bus = WireBus::saying("/run/fake", vec![Step::Wait { text: "Later.".into() }]);
        service("closed", &bus.option());
        let closed = login("closed", "alice", &[]);
        assert_eq!(closed.code(), Code::MAXTRIES);
        assert_eq!(closed.said, ["3 Later."]);
        let silent = PamHost::new().with(["--silent"]).authenticate("closed", "alice").end();
        assert_eq!((silent.code(), silent.said), (Code::MAXTRIES, vec![]));
    });
}

#[test]
fn an_account_without_a_phone_gets_what_settings_and_option_say() {
    in_sandbox(|host| {
        prepare();
        service("success", "not_required=success");
        pam::service("alone", &[pam::TWINLOCK]);
        pam::service("ignore-alone", &["auth required pam_twinlock.so not_required=ignore"]);
        pam::service("success-alone", &["auth required pam_twinlock.so not_required=success"]);
        pam::service("ignore-deny", &[pam::TWINLOCK, "auth required pam_deny.so"]);
        let alice = host.user("alice");

        // As shipped: refused like any other, whatever the option.
        for service in ["code", "success", "alone", "success-alone"] {
            let refused = login(service, "alice", &["123456"]);
            assert_eq!(refused.code(), Code::AUTH_ERR, "{service}: {refused:?}");
        }
        host.policy(OPTIONAL);
        for (service, code) in [
            ("code", Code::SUCCESS),
            ("success", Code::SUCCESS),
            ("success-alone", Code::SUCCESS),
            // What libpam makes of a stack in which everything was ignored.
            ("alone", Code::PERM_DENIED),
            ("ignore-alone", Code::PERM_DENIED),
            ("ignore-deny", Code::AUTH_ERR),
        ] {
            let report = login(service, "alice", &[]);
            assert_eq!(report.code(), code, "{service}");
            assert!(report.said.is_empty(), "{service}: {report:?}");
        }
        // An enrolled account, and one that does not exist, are asked as before.
        let _phone = host.enroll(&alice);
        for user in ["alice", "no-such-user"] {
            assert_eq!(login("success", user, &["12345"]).code(), Code::AUTH_ERR);
        }
    });
}

#[test]
fn a_daemon_that_is_stopped_is_unavailable_at_the_deadline() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let code = host.enroll(&alice).phone.fresh_code();
        host.daemon.signal(Signal::SIGSTOP);
        assert_unavailable_unasked(&login(ONE_SECOND, "alice", &[&code]), &AT_THE_DEADLINE);
        host.daemon.signal(Signal::SIGCONT);

        let mut login = PamHost::new().authenticate(ONE_SECOND, "alice");
        assert_eq!(login.question(), QUESTION);
        host.daemon.signal(Signal::SIGSTOP);
        assert_unavailable(&login.answering(&[&code]), &AT_THE_DEADLINE);
    });
}

#[test]
fn a_daemon_that_cannot_be_started_is_unavailable() {
    in_sandbox(|host| {
        prepare();
        let _alice = host.user("alice");
        host.settings("no-such-setting = true\n");
        assert_unavailable_unasked(&login("code", "alice", &["123456"]), &SOON);

        fs::set_permissions("/usr/sbin/twinlockd", fs::Permissions::from_mode(0o644)).unwrap();
        assert_unavailable_unasked(&login("code", "alice", &["123456"]), &SOON);

        fs::remove_file("/usr/share/dbus-1/system-services/org.twinlock.Twinlock1.service")
            .unwrap();
        host.bus.reload();
        assert_unavailable_unasked(&login("code", "alice", &["123456"]), &SOON);
        let line = host.syslog.expect("ServiceUnknown, login denied");
        assert!(line.contains("pam_twinlock(code:auth)"), "{line}");
    });
}

#[test]
fn a_daemon_that_is_killed_while_the_person_types_is_unavailable() {
    in_sandbox(|host| {
        prepare();
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let mut login = PamHost::new().authenticate("code", "alice");
        assert_eq!(login.question(), QUESTION);
        host.daemon.kill();
        // The next daemon knows nothing of the session, and the code is not lost with it.
        let code = enrolled.phone.fresh_code();
        assert_unavailable(&login.answering(&[&code]), &SOON);
        let line = host.syslog.expect("login denied");
        assert!(line.contains("Error.NoSuchSession"), "{line}");
        assert_eq!(self::login("code", "alice", &[&code]).code(), Code::SUCCESS);
    });
}

#[test]
fn a_daemon_that_is_killed_while_it_judges_is_unavailable_at_once() {
    in_sandbox(|host| {
        prepare();
        service("patient", "timeout=30");
        let alice = host.user("alice");
        let code = host.enroll(&alice).phone.fresh_code();
        let mut login = PamHost::new().authenticate("patient", "alice");
        login.question();
        host.daemon.signal(Signal::SIGSTOP);
        login.answer(&code);
        thread::sleep(Duration::from_millis(300));
        host.daemon.kill();
        assert_unavailable(&login.end(), &SOON);
    });
}

#[test]
fn a_bus_that_is_stopped_is_unavailable_at_the_deadline() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let code = host.enroll(&alice).phone.fresh_code();
        let mut asked = PamHost::new().authenticate(ONE_SECOND, "alice");
        asked.question();
        host.bus.freeze();
        assert_unavailable(&asked.answering(&[&code]), &AT_THE_DEADLINE);
        assert_unavailable_unasked(&login(ONE_SECOND, "alice", &[&code]), &AT_THE_DEADLINE);
        host.bus.thaw();
        let accepted = login("code", "alice", &[&code]);
        assert_eq!(accepted.code(), Code::SUCCESS, "{accepted:?}");
    });
}

#[test]
fn a_bus_that_is_gone_is_unavailable_at_once() {
    in_sandbox(|host| {
        prepare();
        service("patient", "timeout=30");
        let _alice = host.user("alice");
        let mut asked = PamHost::new().authenticate("patient", "alice");
        asked.question();
        host.bus.kill();
        assert_unavailable(&asked.answering(&["123456"]), &SOON);
        assert_unavailable_unasked(&login("patient", "alice", &["123456"]), &SOON);
        // A socket nobody listens at any more, a file, a directory.
        drop(UnixListener::bind(BUS).unwrap());
        assert_unavailable_unasked(&login("patient", "alice", &["123456"]), &SOON);
        fs::remove_file(BUS).unwrap();
        fs::write(BUS, "").unwrap();
        assert_unavailable_unasked(&login("patient", "alice", &["123456"]), &SOON);
        fs::remove_file(BUS).unwrap();
        fs::create_dir(BUS).unwrap();
        assert_unavailable_unasked(&login("patient", "alice", &["123456"]), &SOON);
    });
}

#[test]
fn a_bus_that_never_speaks_is_unavailable_when_the_option_says_so() {
    in_sandbox(|_| {
        prepare();
        // The module's own deadline is three seconds.
        let waits = [("timeout=1", 1), ("timeout=2", 2), ("", 3)].map(|(option, seconds)| {
            let (name, path) = (format!("seconds-{seconds}"), format!("/run/silent-{seconds}"));
            let bus = WireBus::start(&path, |mut caller| while caller.hear(1).is_ok() {});
            service(&name, &format!("{option} {}", bus.option()));
            (PamHost::new().authenticate(&name, "alice"), seconds)
        });
        for (waiting, seconds) in waits {
            let within = Duration::from_secs(seconds)..Duration::from_secs(seconds + 1);
            assert_unavailable_unasked(&waiting.end(), &within);
        }
    });
}

#[test]
fn a_bus_that_is_too_full_to_connect_to_is_unavailable_at_the_deadline() {
    in_sandbox(|_| {
        prepare();
        let listener = UnixListener::bind("/run/full").unwrap();
        // SAFETY: takes numbers and touches no memory of this process.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let _in_the_queue = UnixStream::connect("/run/full").unwrap();
        service("full", "timeout=1 bus=unix:path=/run/full");
        assert_unavailable_unasked(&login("full", "alice", &[]), &AT_THE_DEADLINE);
    });
}

#[test]
fn the_deadline_is_for_each_exchange_and_the_persons_time_does_not_count() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        service("two-seconds", "timeout=2");
        let mut slow = PamHost::new().authenticate("two-seconds", "alice");
        slow.question();
        thread::sleep(Duration::from_millis(2500));
        let accepted = slow.answering(&[&enrolled.phone.fresh_code()]);
        assert_eq!(accepted.code(), Code::SUCCESS, "{accepted:?}");

        let taking = |path: &str, milliseconds: [u64; 2]| {
            let ask = Step::Ask { text: "Code: ".into(), echo: false };
            let steps = [ask, Step::Accept { text: String::new() }];
            let pauses = milliseconds.map(Duration::from_millis);
            let bus = WireBus::saying_after(path, pauses.into_iter().zip(steps).collect());
            service("slow", &format!("timeout=1 {}", bus.option()));
            login("slow", "alice", &["123456"])
        };
        // More than a second, but not in one exchange.
        let accepted = taking("/run/slow", [600, 600]);
        assert_eq!(accepted.code(), Code::SUCCESS, "{accepted:?}");
        assert!(accepted.took() > Duration::from_secs(1), "{accepted:?}");
        assert_unavailable_unasked(&taking("/run/slow-to-ask", [1500, 0]), &AT_THE_DEADLINE);
        let report = taking("/run/slow-to-judge", [0, 1500]);
        assert_eq!(report.questions().len(), 1);
        assert_unavailable(&report, &AT_THE_DEADLINE);
    });
}

#[test]
fn a_line_with_a_mistake_in_it_is_a_service_error_and_nobody_is_asked() {
    in_sandbox(|host| {
        prepare();
        host.policy(OPTIONAL);
        host.daemon.kill();
        let _alice = host.user("alice");
        let lines = [
            ("nullok", "\"nullok\""),
            ("try_first", "\"try_first\""),
            ("try_first_pass use_first_pass", "try_first_pass and use_first_pass exclude"),
            ("forward_pass forward_pass", "forward_pass given twice"),
            ("forward_pass=yes", "forward_pass must be"),
            ("digits=6", "digits needs"),
            ("digits=9 forward_pass", "digits must be"),
            ("debug debug", "debug"),
            ("timeout=1 timeout=1", "timeout"),
            ("not_required=success not_required=ignore", "not_required"),
            ("not_required=accept", "not_required"),
            ("not_required", "not_required"),
            ("timeout=0", "timeout"),
            ("timeout=31", "timeout"),
            ("timeout=1s", "timeout"),
            ("bus=tcp:host=localhost,port=1", "bus"),
            ("bus=unixexec:path=/bin/true", "bus"),
            ("bus=/run/dbus/system_bus_socket", "bus"),
            ("DEBUG", "\"DEBUG\""),
        ];
        for (nth, (options, named)) in lines.into_iter().enumerate() {
            service("mistaken", options);
            let report = login("mistaken", "alice", &["123456"]);
            assert_eq!(report.code(), Code::SERVICE_ERR, "{options}");
            assert!(report.said.is_empty(), "{options}: {report:?}");
            let line = host.syslog.expect_nth("pam_twinlock(mistaken:auth)", nth);
            assert!(line.contains(named), "{options}: {line}");
        }
        assert_eq!(host.daemon.pid(), None);
    });
}

#[test]
fn every_option_of_the_readme_is_taken() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        for option in documented() {
            // The one that a line cannot have alone, and the one that is cut short.
            let option = option.replace("digits=", "forward_pass digits=").replace('…', BUS);
            service("documented", &option);
            let report = login("documented", "alice", &[&phone.wrong_code(0)]);
            host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
            assert_eq!(report.code(), Code::AUTH_ERR, "{option}: {report:?}");
        }
    });
}

#[test]
fn every_option_that_is_taken_is_in_the_readme() {
    let source = stage::checkout().join("pam_module/src/options.rs");
    let source = fs::read_to_string(source).unwrap();
    // `"name" => once(…)`
    let arms = source.lines().filter(|line| line.contains(" => once("));
    let taken: BTreeSet<_> = arms.filter_map(|arm| arm.split('"').nth(1)).collect();
    let documented = documented();
    let names = documented.iter().filter_map(|option| option.split('=').next());
    assert_eq!(names.collect::<BTreeSet<_>>(), taken);
}

/// The options in the README's table, with a value where they have one.
fn documented() -> Vec<String> {
    let rows = readme::table("| option | meaning |");
    rows.iter().map(|[option, _]| option.trim_matches('`').to_owned()).collect()
}

#[test]
fn a_conversation_that_fails_is_a_conversation_error() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        for user in ["alice", "no-such-user"] {
            let report = login("code", user, &[]);
            assert_eq!(report.code(), Code::CONV_ERR);
            assert_eq!(report.said, [QUESTION]);
            let mut unanswered = PamHost::new().authenticate("code", user);
            unanswered.answer_nothing();
            assert_eq!(unanswered.end().code(), Code::CONV_ERR);
        }
        // Without a name, the host is asked for one; a good one will do.
        assert_eq!(login("code", "", &[]).code(), Code::CONV_ERR);
        let named = login("code", "", &["alice", &enrolled.phone.fresh_code()]);
        assert_eq!(named.code(), Code::SUCCESS, "{named:?}");
        assert_eq!(named.questions().last(), Some(&QUESTION));
    });
}

#[test]
fn a_name_that_is_not_utf8_is_refused_before_anybody_is_asked() {
    in_sandbox(|host| {
        prepare();
        let name = OsStr::from_bytes(b"al\xffice");
        let report = PamHost::new().authenticate("code", name).answering(&["123456"]);
        assert_eq!(report.code(), Code::AUTH_ERR);
        assert!(report.said.is_empty(), "{report:?}");
        assert_eq!(host.daemon.pid(), None);
    });
}

#[test]
fn other_phases_get_no_friendly_answer_but_setcred() {
    in_sandbox(|host| {
        prepare();
        let phases = ["auth", "account", "session", "password"];
        for (name, options) in [("phases", ""), ("mistaken", " nullok")] {
            let lines = phases.map(|phase| format!("{phase} required pam_twinlock.so{options}"));
            pam::service(name, &lines.each_ref().map(String::as_str));
            let setcred = PamHost::new().run(name, "alice", &["setcred"]).end();
            assert_eq!(setcred.code(), Code::SUCCESS);
            for phase in ["acct_mgmt", "open_session", "close_session", "chauthtok"] {
                let report = PamHost::new().run(name, "alice", &[phase]).end();
                assert_eq!(report.code(), Code::SERVICE_ERR, "{phase}");
                assert!(report.said.is_empty(), "{phase}: {report:?}");
            }
        }
        for phase in ["account", "session", "password"] {
            let line = host.syslog.expect(&format!("it does nothing in {phase}"));
            assert!(line.contains("belongs in auth lines"), "{line}");
        }
        assert_eq!(host.daemon.pid(), None);
    });
}

#[test]
fn a_host_that_is_not_roots_gets_the_same_codes() {
    in_sandbox(|host| {
        prepare();
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let login = |answers: &[&str]| {
            PamHost::of(&alice).authenticate("code", "alice").answering(answers).code()
        };
        let code = enrolled.phone.fresh_code();
        assert_eq!(login(&[&code]), Code::SUCCESS);
        assert_eq!(login(&[&code]), Code::AUTH_ERR);
        assert_eq!(login(&[]), Code::CONV_ERR);
        host.daemon.signal(Signal::SIGSTOP);
        let report = PamHost::of(&alice).authenticate(ONE_SECOND, "alice").end();
        assert_unavailable_unasked(&report, &AT_THE_DEADLINE);
    });
}
