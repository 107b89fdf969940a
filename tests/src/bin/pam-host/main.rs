//! A PAM host that watches itself: it loads a stack through the real libpam, lets its parent
//! answer the questions, and tells what it was before and after every call.
//!
//! ```text
//! pam-host [--silent] [--no-log] [--spare-descriptors N] [--crowd N] [--rhost HOST]
//!          SERVICE USER PHASE...
//! ```
//!
//! It writes one JSON object per line: what the conversation is told, and a report at the end. It
//! reads one JSON value per line: a string is an answer, `null` none; no line means that the
//! conversation fails. What a module writes to the standard streams goes into the report.

mod crowd;
mod state;

use std::{
    env,
    ffi::{CStr, CString, OsString, c_int},
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, Write},
    iter,
    os::{
        fd::{AsRawFd, FromRawFd},
        unix::ffi::OsStringExt,
    },
    time::{Duration, Instant},
};

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::{Value, json};
use twinlock_tests::pam_client::{
    Code, Item, PROMPT_ECHO_OFF, PROMPT_ECHO_ON, Phase, Reply, Transaction,
};

/// `PAM_SILENT`.
const SILENT: c_int = 0x8000;

/// Tells `strace` where a call begins and ends.
const MARKS: [&CStr; 2] = [c"/pam-host/begins", c"/pam-host/ends"];

struct Job {
    service: CString,
    user: Option<CString>,
    rhost: Option<CString>,
    phases: Vec<Phase>,
    flags: c_int,
    logs: bool,
    spare_descriptors: Option<usize>,
    crowd: Option<usize>,
}

fn main() {
    let job = Job::parse(env::args_os().skip(1));
    // Rust starts its programs with SIGPIPE ignored, which most hosts do not.
    // SAFETY: no handler is involved.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    // SAFETY: libc reads what the environment says about languages, as every host makes it do.
    unsafe { libc::setlocale(libc::LC_ALL, c"".as_ptr()) };
    if job.logs {
        // SAFETY: the ident lives for good. The log's descriptor is open from here on.
        unsafe { libc::openlog(c"pam-host".as_ptr(), libc::LOG_NDELAY, libc::LOG_AUTHPRIV) };
    }
    if job.crowd.is_some() {
        crowd::be_threaded();
    }
    let mut parent = Parent::take_over_the_streams();
    let born = state::now();
    let calls = match job.crowd {
        Some(rounds) => crowd::log_in(&job, rounds),
        None => transaction(&job, &mut parent),
    };
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let report = json!({
        "born": born,
        "left": state::now(),
        "mapped": maps.contains("pam_twinlock.so"),
        "calls": calls,
    });
    parent.report(report);
}

impl Job {
    fn parse(mut words: impl Iterator<Item = OsString>) -> Self {
        let c_string = |word: OsString| CString::new(word.into_vec()).unwrap();
        let mut job = Self {
            service: CString::default(),
            user: None,
            rhost: None,
            phases: Vec::new(),
            flags: 0,
            logs: true,
            spare_descriptors: None,
            crowd: None,
        };
        let number = |words: &mut dyn Iterator<Item = OsString>| {
            words.next().unwrap().into_string().unwrap().parse().ok()
        };
        loop {
            let word = words.next().expect("a service");
            match word.to_str() {
                Some("--silent") => job.flags |= SILENT,
                Some("--no-log") => job.logs = false,
                Some("--spare-descriptors") => job.spare_descriptors = number(&mut words),
                Some("--crowd") => job.crowd = number(&mut words),
                Some("--rhost") => job.rhost = words.next().map(c_string),
                _ => {
                    job.service = c_string(word);
                    break;
                }
            }
        }
        job.user = words.next().map(c_string).filter(|name| !name.is_empty());
        job.phases = words.map(|word| phase(word.to_str().unwrap())).collect();
        job
    }
}

fn phase(word: &str) -> Phase {
    match word {
        "authenticate" => Phase::Authenticate,
        "setcred" => Phase::SetCred,
        "acct_mgmt" => Phase::AcctMgmt,
        "open_session" => Phase::OpenSession,
        "close_session" => Phase::CloseSession,
        "chauthtok" => Phase::ChAuthTok,
        other => panic!("no phase is called {other}"),
    }
}

/// One transaction, its phases one after the other.
fn transaction(job: &Job, parent: &mut Parent) -> Value {
    let talked = std::cell::Cell::new(Duration::ZERO);
    let talk = |style, text: &CStr| {
        let began = Instant::now();
        let reply = parent.converse(style, text);
        talked.set(talked.get() + began.elapsed());
        reply
    };
    let mut pam = Transaction::start(&job.service, job.user.as_deref(), talk).unwrap();
    if let Some(host) = &job.rhost {
        assert_eq!(pam.set(Item::RHost, host), Code::SUCCESS);
    }
    let calls = job.phases.iter().map(|&phase| {
        let before = state::now();
        talked.set(Duration::ZERO);
        let limit = job.spare_descriptors.map(leave_descriptors);
        mark(0);
        let began = Instant::now();
        let code = pam.run(phase, job.flags);
        let took = began.elapsed() - talked.get();
        mark(1);
        if let Some(limit) = limit {
            limit_descriptors(limit);
        }
        json!({
            "code": code.0,
            "milliseconds": took.as_secs_f64() * 1000.0,
            "before": before,
            "after": state::now(),
        })
    });
    calls.collect()
}

fn mark(which: usize) {
    // SAFETY: asks about a path that does not exist; the string lives through the call.
    unsafe { libc::access(MARKS[which].as_ptr(), libc::F_OK) };
}

/// Lowers the limit so that `spare` more descriptors can be opened; the limit before.
fn leave_descriptors(spare: usize) -> libc::rlim_t {
    let files: Vec<_> =
        iter::repeat_with(|| File::open("/dev/null").unwrap()).take(spare + 1).collect();
    let number = files.last().unwrap().as_raw_fd();
    limit_descriptors(number.try_into().unwrap())
}

fn limit_descriptors(soft: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid structure of this function.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        let before = limit.rlim_cur;
        limit.rlim_cur = soft;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        before
    }
}

/// The parent, who plays the person, at the pipes that were the standard streams.
struct Parent {
    answers: BufReader<File>,
    events: File,
    streams: File,
}

impl Parent {
    /// From here on the standard streams lead to a file that tells whether somebody wrote.
    fn take_over_the_streams() -> Self {
        let streams = File::from(memfd_create("streams", MFdFlags::MFD_CLOEXEC).unwrap());
        let nothing = File::open("/dev/null").unwrap();
        let kept = |number| {
            // SAFETY: takes numbers; the new descriptor belongs to nobody else.
            unsafe { File::from_raw_fd(libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3)) }
        };
        let parent = Self { answers: BufReader::new(kept(0)), events: kept(1), streams };
        for (file, number) in [(&nothing, 0), (&parent.streams, 1), (&parent.streams, 2)] {
            // SAFETY: takes numbers; nothing of Rust's holds on to the old descriptor.
            assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), number) }, number);
        }
        parent
    }

    fn converse(&mut self, style: c_int, text: &CStr) -> Reply {
        self.tell(&json!({ "style": style, "text": text.to_string_lossy() }));
        if !matches!(style, PROMPT_ECHO_OFF | PROMPT_ECHO_ON) {
            return Reply::Nothing;
        }
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        match serde_json::from_str(&line) {
            Ok(Value::String(text)) => Reply::Text(CString::new(text).unwrap()),
            Ok(Value::Null) => Reply::Nothing,
            _ => Reply::Failure,
        }
    }

    fn report(mut self, mut report: Value) {
        let mut written = Vec::new();
        self.streams.rewind().unwrap();
        self.streams.read_to_end(&mut written).unwrap();
        report["streams"] = json!(String::from_utf8_lossy(&written));
        self.tell(&report);
    }

    fn tell(&mut self, event: &Value) {
        // One write: a line is there whole or not at all.
        self.events.write_all(format!("{event}\n").as_bytes()).unwrap();
    }
}
