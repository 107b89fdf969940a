//! Running a test again inside namespaces of its own.
//!
//! The test binary starts itself once more under `unshare`, told to run just this one test; the
//! second run finds the marker and does the work. Mounts, processes, network, host name and IPC
//! are its own, and all of it ends with its first process.

use std::{
    any::type_name,
    env,
    ffi::OsString,
    fs::{self, File},
    io::{Read, Seek},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::memfd::{MFdFlags, memfd_create},
    unistd::geteuid,
};

use crate::{Host, stage};

/// Holds the name of the mount namespace outside.
const MARKER: &str = "TWINLOCK_SANDBOX";
/// Holds the path of the staged installation, as seen outside.
const STAGE: &str = "TWINLOCK_STAGE";
/// How long one test may take.
const DEADLINE: Duration = Duration::from_secs(240);

/// Search path inside, for root; the host's own may lead into a home.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `promise` on a private host.
///
/// # Panics
/// When the promise is broken, with everything that was printed.
pub fn in_sandbox<F: FnOnce(&Host)>(promise: F) {
    if is_inside() {
        promise(&Host::raise());
        return;
    }
    let test = test_name::<F>();
    let mut output = File::from(memfd_create("output", MFdFlags::MFD_CLOEXEC).unwrap());
    let status = finish(
        command()
            .args(["--exact", &test, "--include-ignored", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output.try_clone().unwrap()),
    );
    let mut text = Vec::new();
    output.rewind().unwrap();
    output.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    // An empty run is a success to the test runner, and would be a hole here.
    let ran = text.contains("test result: ok. 1 passed");
    assert!(status.success() && ran, "{test} in its sandbox: {status}\n{text}");
}

/// Whether this process runs inside a sandbox. The marker alone would not do: it can be inherited
/// or set by hand, and the files it would then mount over are the host's.
#[must_use]
pub fn is_inside() -> bool {
    env::var_os(MARKER).is_some_and(|outside| outside != mount_namespace())
}

/// This program once more, in a sandbox; arguments and standard streams are the caller's.
///
/// # Panics
/// Without root.
#[must_use]
pub fn command() -> Command {
    assert!(geteuid().is_root(), "the sandbox needs root: run this with sudo");
    // The shell is the first process inside: it collects the orphans, so that a killed daemon
    // leaves no zombie behind that looks alive.
    const INIT: &str = "\"$@\"; exit $?";
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--ipc", "--uts"])
        .args(["--fork", "--kill-child", "--mount-proc", "--propagation", "private"])
        .args(["sh", "-c", INIT, "sandbox"])
        .arg(env::current_exe().unwrap())
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("LANG", "C.UTF-8")
        .env("TERM", env::var_os("TERM").unwrap_or_else(|| "dumb".into()))
        .env("RUST_BACKTRACE", env::var_os("RUST_BACKTRACE").unwrap_or_else(|| "0".into()))
        .env(MARKER, mount_namespace())
        .env(STAGE, stage::tree());
    command
}

/// The staged installation, as named outside.
pub(crate) fn staged() -> PathBuf {
    env::var_os(STAGE).expect("only inside a sandbox").into()
}

fn mount_namespace() -> OsString {
    fs::read_link("/proc/self/ns/mnt").unwrap().into_os_string()
}

fn finish(command: &mut Command) -> ExitStatus {
    let mut child = command.spawn().expect("setpriv and unshare come with util-linux");
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            return child.wait().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The path of the test whose closure `F` is, as the test runner spells it: without the crate.
fn test_name<F>() -> String {
    let path = type_name::<F>();
    let test = path.split("::{{closure}}").next().unwrap_or(path);
    test.split_once("::").map_or(test, |(_crate, name)| name).to_owned()
}
