//! The PAM host is the same before and after, whatever happens in between and whatever its
//! environment says (I8, I13, I15).

use std::{fs, path::Path, thread, time::Duration};

use nix::sys::signal::Signal;
use twinlock_interface::Step;
use twinlock_tests::{
    OPTIONAL,
    command::{as_root, run},
    in_sandbox, pam,
    pam_client::Code,
    pam_host::{self, PamHost, Report},
    wire_bus::{AGREED, WireBus},
};

const PERMIT: &str = "auth required pam_permit.so";

/// A service of the module with `options`, and of `pam_permit.so`, which would let anybody in.
fn service(name: &str, options: &str) {
    pam::service(name, &[&format!("{} {options}", pam::TWINLOCK), PERMIT]);
}

fn prepare() {
    pam_host::install(env!("CARGO_BIN_EXE_pam-host"));
    service("code", "timeout=10");
    service("one-second", "timeout=1");
    // Collects a line, splits another, and the next module takes what is left of it.
    pam::service(
        "one-prompt",
        &[
            "auth optional pam_unix.so nodelay",
            &format!("{} timeout=10 try_first_pass forward_pass", pam::TWINLOCK),
            "auth required pam_unix.so nodelay use_first_pass",
        ],
    );
}

fn login(user: &str, answers: &[&str]) -> Report {
    PamHost::new().authenticate("code", user).answering(answers)
}

/// The login ended like this, and left nothing behind.
#[track_caller]
fn assert_clean(report: &Report, code: Code, what: &str) {
    assert_eq!(report.code(), code, "{what}: {report:?}");
    assert_eq!(report.traces(), [""; 0], "{what}");
}

#[test]
fn the_host_is_as_before_whatever_the_daemon_decides() {
    in_sandbox(|host| {
        prepare();
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let accepted = PamHost::new().with(["--no-log"]).authenticate("code", "alice");
        // Without a line to the system log there is not even that descriptor.
        let accepted = accepted.answering(&[&enrolled.phone.fresh_code()]);
        assert_clean(&accepted, Code::SUCCESS, "accept");
        for nth in 0..5 {
            let refused = login("alice", &[&enrolled.phone.wrong_code(nth)]);
            assert_clean(&refused, Code::AUTH_ERR, "refuse");
        }
        let locked = login("alice", &[&enrolled.phone.fresh_code()]);
        assert_clean(&locked, Code::MAXTRIES, "wait");
        assert_clean(&login("nobody-here", &["123456"]), Code::AUTH_ERR, "unknown name");
        let of_alice = PamHost::of(&alice).authenticate("code", "alice");
        assert_clean(&of_alice.answering(&["wrong"]), Code::AUTH_ERR, "not root");

        host.policy(OPTIONAL);
        let _bob = host.user("bob");
        assert_clean(&login("bob", &[]), Code::SUCCESS, "not-required");
    });
}

#[test]
fn the_host_is_as_before_when_password_and_code_come_in_one_line() {
    in_sandbox(|host| {
        prepare();
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let enrolled = host.enroll(&alice);
        let line = |code: String| format!("{}{code}", alice.password);
        let login = |user: &str, answers: &[&str]| {
            PamHost::new().authenticate("one-prompt", user).answering(answers)
        };
        let (wrong, right) =
            (line(enrolled.phone.wrong_code(0)), line(enrolled.phone.fresh_code()));
        assert_clean(&login("alice", &[&right]), Code::SUCCESS, "collected");
        let right = line(enrolled.phone.fresh_code());
        assert_clean(&login("alice", &[&wrong, &right]), Code::SUCCESS, "collected and asked");
        assert_clean(&login("alice", &[&wrong, &wrong]), Code::AUTH_ERR, "refused twice");
        assert_clean(&login("alice", &[&alice.password, &right]), Code::AUTH_ERR, "spent");
        assert_clean(&login("alice", &[&wrong]), Code::CONV_ERR, "refused and gone");
        host.policy(OPTIONAL);
        assert_clean(&login("bob", &[&bob.password]), Code::SUCCESS, "not-required");
        host.daemon.kill();
        host.bus.kill();
        assert_clean(&login("alice", &[&right]), Code::AUTHINFO_UNAVAIL, "no bus");
    });
}

#[test]
fn the_host_is_as_before_when_nobody_decides() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let _phone = host.enroll(&alice);
        assert_clean(&login("alice", &[]), Code::CONV_ERR, "failed conversation");
        service("mistaken", "nullok");
        let mistaken = PamHost::new().authenticate("mistaken", "alice").end();
        assert_clean(&mistaken, Code::SERVICE_ERR, "unknown option");

        let login = || PamHost::new().authenticate("one-second", "alice").end();
        host.daemon.signal(Signal::SIGSTOP);
        assert_clean(&login(), Code::AUTHINFO_UNAVAIL, "daemon stopped");
        host.daemon.kill();
        host.settings("no-such-setting = true\n");
        assert_clean(&login(), Code::AUTHINFO_UNAVAIL, "daemon does not start");
        host.bus.freeze();
        assert_clean(&login(), Code::AUTHINFO_UNAVAIL, "bus stopped");
        host.bus.thaw();
        host.bus.kill();
        assert_clean(&login(), Code::AUTHINFO_UNAVAIL, "no bus");
    });
}

/// System calls that would outlive the login, or change what the host is.
const FOREIGN_CALLS: &str = "\
    clone clone3 fork vfork execve execveat rt_sigaction rt_sigprocmask sigaltstack signalfd \
    signalfd4 umask chdir fchdir chroot setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups \
    capset setrlimit setpriority setsid setpgid prctl seccomp personality alarm setitimer \
    timer_create timerfd_create inotify_init1 memfd_create mlockall unshare setns kill tkill tgkill \
    rename unlink mkdir bind listen";

/// The system calls between the marks that the host sets around `pam_authenticate`.
fn calls_inside(trace: &Path) -> Vec<String> {
    let trace = fs::read_to_string(trace).unwrap();
    let inside = trace
        .lines()
        .skip_while(|line| !line.contains("/pam-host/begins"))
        .skip(1)
        .take_while(|line| !line.contains("/pam-host/ends"));
    // `PID call(…) = …`
    let calls = inside.filter_map(|line| line.split_once(' ')).map(|(_, call)| call.trim());
    calls.map(str::to_owned).collect()
}

#[test]
fn no_thread_process_or_signal_handler_is_ever_made() {
    in_sandbox(|host| {
        prepare();
        host.settable_clock();
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        let code = phone.fresh_code();
        let trace = Path::new("/tmp/trace");
        let login = |service: &str, answers: &[&str]| {
            let traced = ["-f", "-s", "200", "-o", trace.to_str().unwrap()];
            let login = PamHost::under("strace", &traced).with(["--no-log"]);
            let report = login.authenticate(service, "alice").answering(answers);
            (report, calls_inside(trace))
        };
        let (accepted, of_accept) = login("code", &[&code]);
        assert_eq!(accepted.code(), Code::SUCCESS);
        let (refused, of_refuse) = login("code", &["123456"]);
        assert_eq!(refused.code(), Code::AUTH_ERR);
        service("forward", "timeout=10 forward_pass");
        let line = format!("{}{}", alice.password, phone.fresh_code());
        let (split, of_split) = login("forward", &[&line]);
        assert_eq!(split.code(), Code::SUCCESS);
        host.bus.freeze();
        let (silent, of_silence) = login("one-second", &[]);
        assert_eq!(silent.code(), Code::AUTHINFO_UNAVAIL);

        let name = |call: &str| call.split('(').next().unwrap_or_default().to_owned();
        for calls in [&of_accept, &of_refuse, &of_split, &of_silence] {
            let connects = calls.iter().filter(|call| name(call) == "connect");
            assert!(connects.count() >= 1, "{calls:#?}");
            let foreign = calls
                .iter()
                .find(|call| FOREIGN_CALLS.split_whitespace().any(|foreign| foreign == name(call)));
            assert_eq!(foreign, None, "{calls:#?}");
            // A limit may be read.
            let set =
                calls.iter().find(|call| name(call) == "prlimit64" && !call.contains(", NULL, "));
            assert_eq!(set, None, "{calls:#?}");
        }
        let connects = of_accept.iter().filter(|call| name(call) == "connect");
        for connect in connects {
            assert!(connect.contains("\"/run/dbus/system_bus_socket\""), "{connect}");
        }
        // What is opened is closed on exec, in case the host starts a program meanwhile.
        for opened in of_accept.iter().filter(|call| {
            ["socket", "epoll_create1", "eventfd2", "openat"].contains(&name(call).as_str())
                // libpam's audit, which closes its socket itself.
                && !call.contains("AF_NETLINK")
        }) {
            assert!(opened.contains("CLOEXEC"), "{opened}");
        }
    });
}

/// What a caller of sudo may have set, and what would lead a careless library astray.
fn hostile(host: PamHost, fake: &str) -> PamHost {
    let huge = "x".repeat(100_000);
    let variables = [
        ("DBUS_SYSTEM_BUS_ADDRESS", fake),
        ("DBUS_SESSION_BUS_ADDRESS", fake),
        ("DBUS_STARTER_ADDRESS", fake),
        ("DBUS_STARTER_BUS_TYPE", "system"),
        ("DBUS_VERBOSE", "1"),
        ("XDG_RUNTIME_DIR", "/run/fake"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LIB_BACKTRACE", "1"),
        ("RUST_LOG", "trace"),
        ("RUST_MIN_STACK", "1"),
        ("TOKIO_WORKER_THREADS", "none"),
        ("TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE", "1"),
        ("LANG", "garbage\u{1}"),
        ("LC_ALL", "xx_XX.nonsense"),
        ("LANGUAGE", "../../../../etc"),
        ("TZ", ":/dev/full"),
        ("PATH", ""),
        ("HOME", "/nonexistent"),
        ("TMPDIR", "/nonexistent"),
        ("PAM_SERVICE", "other"),
        ("NOT_UTF8", "%s%n"),
        ("TWINLOCK_BUS", fake),
    ];
    let host = variables.into_iter().fold(host, |host, (name, value)| host.env(name, value));
    (0..8).fold(host, |host, nth| host.env(format!("HUGE_{nth}"), &huge))
}

#[test]
fn the_environment_changes_nothing() {
    in_sandbox(|host| {
        prepare();
        service("debug", "debug");
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let accept = vec![Step::Accept { text: String::new() }];
        let fake = WireBus::saying("/run/fake/bus", accept);
        let address = fake.option().replace("bus=", "");

        let environments: [&dyn Fn(PamHost) -> PamHost; 3] =
            [&|host| host, &PamHost::without_environment, &|host| hostile(host, &address)];
        for service in ["code", "debug"] {
            let [usual, empty, hostile] = environments.map(|environment| {
                host.cli(&host.root(), &["unlock", "alice"]).expect_success("unlock");
                let login = || environment(PamHost::new()).with(["--no-log"]);
                let wrong = enrolled.phone.wrong_code(0);
                let reports = [
                    login().authenticate(service, "alice").answering(&[&wrong]),
                    login().authenticate(service, "alice").end(),
                    login()
                        .authenticate(service, "alice")
                        .answering(&[&enrolled.phone.fresh_code()]),
                ];
                reports.map(|report| {
                    let mut traces = report.traces();
                    // A line was written to the system log, which libc keeps open.
                    traces.retain(|trace| !trace.starts_with("descriptors"));
                    assert_eq!(traces, [""; 0]);
                    (report.code(), report.said)
                })
            });
            assert_eq!(
                usual.each_ref().map(|login| login.0),
                [Code::AUTH_ERR, Code::CONV_ERR, Code::SUCCESS]
            );
            assert_eq!(empty, usual);
            assert_eq!(hostile, usual);
        }
        assert_eq!(fake.connections(), 0);

        // Nor when there is nobody else to ask.
        host.bus.kill();
        let report = hostile(PamHost::new(), &address).authenticate("code", "alice").end();
        assert_clean(&report, Code::AUTHINFO_UNAVAIL, "no bus but the fake one");
        assert_eq!(fake.connections(), 0);
    });
}

#[test]
fn modules_are_loaded_and_unloaded_while_threads_come_and_go() {
    in_sandbox(|host| {
        prepare();
        let _alice = host.user("alice");
        let crowd = PamHost::new().with(["--crowd", "200"]).authenticate("code", "alice").end();
        assert_eq!(crowd.crowd, serde_json::json!({ "7": 200 }));
        // What a thread runs when it ends is still there (`-z nodelete`).
        assert!(crowd.mapped);
        assert_eq!(crowd.traces(), [""; 0]);
    });
}

/// Fails the first `epoll_wait` of the process, in a way that cannot happen to a program without a
/// bug; the module's runtime panics over it.
const FAILING_EPOLL: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>
int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    static int failed;
    int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");
    if (failed++)
        return real(epfd, events, maxevents, timeout);
    errno = EBADF;
    return -1;
}
"#;

fn compile(source: &str, library: &str) {
    let mut compiler = as_root("cc");
    compiler.args(["-shared", "-fPIC", "-x", "c", "-o", library, "-"]);
    run(&mut compiler, source).expect_success("cc");
}

#[test]
fn a_panic_denies_in_silence_and_the_next_login_works() {
    in_sandbox(|host| {
        prepare();
        let alice = host.user("alice");
        let code = host.enroll(&alice).phone.fresh_code();
        compile(FAILING_EPOLL, "/usr/local/lib/failing-epoll.so");
        let mut login = PamHost::new()
            .env("LD_PRELOAD", "/usr/local/lib/failing-epoll.so")
            .env("RUST_BACKTRACE", "full")
            .run("code", "alice", &["authenticate", "authenticate"]);
        login.answer(&code);
        let report = login.end();
        let codes: Vec<_> = report.calls.iter().map(|call| call.code).collect();
        assert_eq!(codes, [Code::SERVICE_ERR, Code::SUCCESS], "{report:?}");
        assert_eq!(report.said, ["1 One-time code: "]);
        assert_eq!(report.traces(), [""; 0]);
        // It was a panic, and the log has its place without its words.
        let line = host.syslog.expect("internal error at ");
        assert!(line.contains(".rs:") && line.ends_with(", login denied"), "{line}");
        assert!(!line.contains("unexpected error"), "{line}");
    });
}

#[test]
fn a_bus_that_hangs_up_sends_no_signal_to_the_host() {
    in_sandbox(|_| {
        prepare();
        // Too much for the socket's buffer, so that the module is still writing.
        let long = "x".repeat(1 << 20);
        for (nth, user) in ["alice", &long[..100_000]].into_iter().enumerate() {
            let bus =
                WireBus::start(&format!("/run/fickle-{nth}"), |mut caller| match caller.nth {
                    0 => {}
                    1 => caller.say(AGREED),
                    2 => drop(caller.hear(10)),
                    3 => thread::sleep(Duration::from_millis(100)),
                    _ => {
                        let _ = caller.request();
                        caller.say(AGREED);
                    }
                });
            service("fickle", &bus.option());
            for hang_up in 0..5 {
                let report = PamHost::new().authenticate("fickle", user).end();
                assert_clean(&report, Code::AUTHINFO_UNAVAIL, &format!("{hang_up}"));
            }
        }
    });
}

#[test]
fn a_host_without_descriptors_to_spare_is_refused_and_keeps_those_it_has() {
    in_sandbox(|host| {
        prepare();
        let _alice = host.user("alice");
        let _daemon = host.daemon.start();
        let login = |spare: usize| {
            let host = PamHost::new().with(["--spare-descriptors", &spare.to_string()]);
            host.authenticate("code", "alice").end()
        };
        // libpam itself wants one for the audit, after the module, and has a code of its own when
        // there is none.
        let none = login(0);
        assert!(none.code() != Code::SUCCESS && none.said.is_empty(), "{none:?}");
        assert_eq!(none.traces(), [""; 0]);
        let mut spare = 1;
        while login(spare).said.is_empty() {
            assert_clean(&login(spare), Code::AUTHINFO_UNAVAIL, &format!("{spare} to spare"));
            spare += 1;
            assert!(spare < 20, "it never works");
        }
        assert!(spare > 1, "{spare} was enough");
        assert_clean(&login(spare), Code::CONV_ERR, "enough to spare");
    });
}

/// Nothing here has the shape of a code.
const PASSWORDS: [&str; 6] =
    ["hunter2", "correct horse battery staple", "12345", "123456789", "Tr0ub4dor&3", "pässwörd"];

#[test]
fn a_password_typed_at_the_prompt_reaches_neither_bus_nor_log() {
    in_sandbox(|host| {
        prepare();
        let ask = Step::Ask { text: "Code: ".into(), echo: false };
        let refuse = Step::Refuse { text: "No.".into() };
        let bus = WireBus::saying("/run/curious", vec![ask, refuse]);
        service("curious", &format!("debug {}", bus.option()));
        let login = |answer: &str| {
            let report = PamHost::new().authenticate("curious", "alice").answering(&[answer]);
            assert_clean(&report, Code::AUTH_ERR, answer);
        };
        let heard =
            |text: &str| bus.heard().windows(text.len()).any(|window| window == text.as_bytes());
        for password in PASSWORDS {
            login(password);
            assert!(!heard(password), "{password}");
        }
        // The bus hears what it may, and would have heard the rest.
        assert!(heard("alice") && !heard("271828"));
        login("271828");
        assert!(heard("271828") && !heard("314159"));
        // Nor does a password in front of a code.
        service("curious", &format!("debug forward_pass {}", bus.option()));
        for password in PASSWORDS {
            login(&format!("{password}314159"));
            assert!(!heard(password), "{password}");
        }
        assert!(heard("314159"));
        let log = host.syslog.expect("ended: Refused");
        assert!(log.contains("pam_twinlock(curious:auth)"), "{log}");
        let log = host.syslog.lines().join("\n");
        for word in PASSWORDS.iter().chain(&["271828", "314159"]) {
            assert!(!log.contains(word), "{word}: {log}");
        }
    });
}
