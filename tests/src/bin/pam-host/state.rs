//! Everything a module could change in the process it is loaded into.

use std::{
    collections::BTreeMap,
    env,
    ffi::{CStr, c_int},
    fs, mem, ptr,
};

use serde_json::{Value, json};

/// Lines of `/proc/thread-self/status` that a module has no business with.
const STATUS: [&str; 17] = [
    "Name",
    "Umask",
    "TracerPid",
    "Uid",
    "Gid",
    "Groups",
    "Threads",
    "ShdPnd",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "NoNewPrivs",
    "Seccomp",
];

/// The state of this process, seen from the calling thread.
pub(crate) fn now() -> Value {
    json!({
        "threads": listed("/proc/self/task").into_keys().collect::<Vec<_>>(),
        "children": read("/proc/thread-self/children"),
        "descriptors": descriptors(),
        "status": status(),
        "handlers": handlers(),
        "timers": timers(),
        "directory": target("/proc/self/cwd"),
        "root": target("/proc/self/root"),
        "limits": read("/proc/self/limits"),
        "oom": read("/proc/self/oom_score_adj"),
        "environment": env::vars_os().map(|entry| format!("{entry:?}")).collect::<Vec<_>>(),
        "locale": locale(),
        "process": process(),
    })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("{path}: {error}"))
}

fn target(path: &str) -> String {
    fs::read_link(path).map_or_else(|error| error.to_string(), |path| path.display().to_string())
}

/// Names in a directory of `/proc` and what they point to.
fn listed(directory: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            (entry.file_name().display().to_string(), target(&entry.path().display().to_string()))
        })
        .collect()
}

/// Open descriptors with what they lead to and their flags, but the one that lists them.
fn descriptors() -> BTreeMap<String, String> {
    let mut found = listed("/proc/self/fd");
    found.retain(|number, target| {
        let still_there = fs::read_link(format!("/proc/self/fd/{number}")).is_ok();
        if let Ok(number) = number.parse() {
            // SAFETY: takes a number and touches no memory of this process.
            let flags =
                unsafe { (libc::fcntl(number, libc::F_GETFD), libc::fcntl(number, libc::F_GETFL)) };
            target.push_str(&format!(" {flags:?}"));
        }
        still_there
    });
    found
}

fn status() -> BTreeMap<String, String> {
    let text = read("/proc/thread-self/status");
    let lines = text.lines().filter_map(|line| line.split_once(":\t"));
    let lines = lines.filter(|(name, _)| STATUS.contains(name));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What every signal does, down to the address of its handler.
fn handlers() -> BTreeMap<c_int, String> {
    let disposition = |signal| {
        // SAFETY: all zero is a valid `sigaction`; asking changes nothing.
        let (code, action) = unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            (libc::sigaction(signal, ptr::null(), &raw mut action), action)
        };
        // SAFETY: the set is initialised; asking changes nothing.
        let holds =
            |other: &c_int| unsafe { libc::sigismember(&raw const action.sa_mask, *other) } == 1;
        let masked: Vec<_> = (1..=libc::SIGRTMAX()).filter(holds).collect();
        (code == 0).then(|| format!("{:x} {:x} {masked:?}", action.sa_sigaction, action.sa_flags))
    };
    (1..=libc::SIGRTMAX()).filter_map(|signal| Some((signal, disposition(signal)?))).collect()
}

fn timers() -> Value {
    let running = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF].map(|timer| {
        // SAFETY: all zero is a valid `itimerval`; asking changes nothing.
        let left = unsafe {
            let mut left: libc::itimerval = mem::zeroed();
            libc::getitimer(timer, &raw mut left);
            left
        };
        left.it_value.tv_sec != 0 || left.it_value.tv_usec != 0
    });
    json!([running, read("/proc/self/timers")])
}

fn locale() -> Value {
    // SAFETY: asking changes nothing, and this thread makes no other call before it has copied
    // the string.
    let (name, threads_own) = unsafe {
        let name = CStr::from_ptr(libc::setlocale(libc::LC_ALL, ptr::null()));
        (name.to_string_lossy().into_owned(), libc::uselocale(ptr::null_mut()))
    };
    json!([name, format!("{threads_own:?}")])
}

fn process() -> Value {
    // SAFETY: these take numbers and touch no memory of this process.
    let facts = unsafe {
        [
            libc::getpgid(0),
            libc::getsid(0),
            libc::getpriority(libc::PRIO_PROCESS, 0),
            libc::prctl(libc::PR_GET_DUMPABLE),
            libc::prctl(libc::PR_GET_KEEPCAPS),
            libc::prctl(libc::PR_GET_TIMERSLACK),
            libc::sched_getscheduler(0),
        ]
    };
    json!(facts)
}
