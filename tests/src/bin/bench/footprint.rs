//! What the programs weigh: resident memory, start, threads in the host, size of the modules.

use std::{
    fs,
    io::Write,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use twinlock_interface::{LoginContext, names::BUS_NAME, proxy::LoginProxy};
use twinlock_tests::{Host, bus::block_on, command::as_root};
use zbus::{fdo::DBusProxy, names::BusName};

use crate::{
    client,
    contender::{ALL, Contender},
    enrolment::stop,
    latency::percentile,
    people::People,
};

const DAEMON: &str = "/usr/sbin/twinlockd";

/// The daemon's weight after the run, and the modules'.
#[derive(Debug)]
pub(crate) struct Footprint {
    /// VmRSS in bytes: everything resident, shared libraries counted in full.
    pub(crate) resident: u64,
    /// Pss in bytes: pages shared with other processes counted by their share.
    pub(crate) proportional: u64,
    /// Median time from spawn until the bus name is owned.
    pub(crate) start: Duration,
    /// Median time from a call while the daemon is not running to its answer.
    pub(crate) first_answer: Duration,
    /// Threads made in the login's process, per contender.
    pub(crate) threads: [usize; ALL.len()],
    /// Processes made by the login's process, per contender.
    pub(crate) processes: [usize; ALL.len()],
    /// Bytes of the installed module, per contender.
    pub(crate) module_bytes: [u64; ALL.len()],
}

pub(crate) fn measure(host: &Host, people: &mut People, starts: usize) -> Footprint {
    let daemon = host.daemon.pid().expect("twinlockd runs");
    let resident = kibibytes(&format!("/proc/{daemon}/status"), "VmRSS:");
    let proportional = kibibytes(&format!("/proc/{daemon}/smaps_rollup"), "Pss:");
    let made = ALL.map(|contender| children_of_a_login(people, contender));
    let name = people.all[0].name.clone();
    Footprint {
        resident: resident * 1024,
        proportional: proportional * 1024,
        first_answer: median(starts, || time_to_first_answer(host, &name)),
        start: median(starts, || time_to_start(host)),
        threads: made.map(|(threads, _)| threads),
        processes: made.map(|(_, processes)| processes),
        module_bytes: ALL.map(|contender| fs::metadata(contender.module()).unwrap().len()),
    }
}

fn kibibytes(file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).expect("a key of /proc");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn median(times: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    percentile((0..times).map(|_| measure()).collect(), 50)
}

/// The bus starts the daemon, which answers `Login.Begin`.
fn time_to_first_answer(host: &Host, name: &str) -> Duration {
    stop(host);
    block_on(async {
        let bus = host.bus.connect().await;
        let daemon = LoginProxy::new(&bus).await.unwrap();
        let before = Instant::now();
        daemon.begin(name, &LoginContext::default()).await.unwrap();
        before.elapsed()
    })
}

fn time_to_start(host: &Host) -> Duration {
    stop(host);
    let (took, mut child) = block_on(async {
        let bus = DBusProxy::new(&host.bus.connect().await).await.unwrap();
        let name = BusName::try_from(BUS_NAME).unwrap();
        let mut command = as_root(DAEMON);
        let before = Instant::now();
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        while !bus.name_has_owner(name.clone()).await.unwrap() {
            thread::sleep(Duration::from_micros(200));
        }
        (before.elapsed(), child)
    });
    // SIGTERM, but before the next start, which would find the zombie's entry in /proc.
    host.daemon.signal(nix::sys::signal::Signal::SIGTERM);
    child.wait().unwrap();
    took
}

/// Threads and processes made during one login, as strace sees them.
fn children_of_a_login(people: &mut People, contender: Contender) -> (usize, usize) {
    let (person, code) = people.next(contender);
    let login = client::command(contender, &person.name);
    let trace = Path::new("/run/bench-trace");
    let mut strace = as_root("strace");
    strace
        .args(["-f", "-qq", "-e", "trace=clone,clone3,fork,vfork", "-o"])
        .arg(trace)
        .arg(login.get_program())
        .args(login.get_args());
    let mut child = strace.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{code}").unwrap();
    assert!(child.wait().unwrap().success(), "a login under strace");
    let text = fs::read_to_string(trace).unwrap();
    let calls: Vec<_> = text.lines().filter(|line| !line.contains("resumed>")).collect();
    let threads = calls.iter().filter(|line| line.contains("CLONE_THREAD")).count();
    (threads, calls.len() - threads)
}
