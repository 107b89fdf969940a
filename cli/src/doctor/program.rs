//! Running another program of the host: by its absolute path, with an environment of our own, no longer
//! than a few seconds, and with a bound to what is read from it.

use std::{
    io::Read,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// `sshd -T` takes some milliseconds, `systemctl` some more.
const DEADLINE: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 256 * 1024;

/// What a program said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the first of `candidates` that is there. `None` when none is, or when it does not end in time.
///
/// The caller's environment does not reach it: under sudo that belongs to somebody with fewer rights.
pub(crate) fn run(candidates: &[&str], arguments: &[&str]) -> Option<Said> {
    run_within(DEADLINE, candidates, arguments)
}

fn run_within(deadline: Duration, candidates: &[&str], arguments: &[&str]) -> Option<Said> {
    let program = candidates.iter().find(|path| Path::new(path).is_file())?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let said = listen(&mut child, Instant::now() + deadline);
    if said.is_none() {
        // It may be gone already.
        let _ = child.kill();
    }
    let status = child.wait().ok()?;
    said.map(|said| Said { succeeded: status.success(), ..said })
}

/// Reads both streams to their end. `None` when that takes too long or is too much.
fn listen(child: &mut Child, end: Instant) -> Option<Said> {
    let (mut stdout, mut stderr) = (child.stdout.take()?, child.stderr.take()?);
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let (mut speaks, mut complains) = (true, true);
    while speaks || complains {
        let streams = [speaks.then(|| stdout.as_fd()), complains.then(|| stderr.as_fd())];
        let [says, complains_now] = ready(streams, end)?;
        if says {
            speaks = more(&mut stdout, &mut said)?;
        }
        if complains_now {
            complains = more(&mut stderr, &mut complained)?;
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some(Said { succeeded: false, stdout: text(said), stderr: text(complained) })
}

/// Waits until one of the open streams has something to read or ends; `None` when the time is over.
fn ready(streams: [Option<BorrowedFd<'_>>; 2], end: Instant) -> Option<[bool; 2]> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return None;
    }
    let open = streams.iter().flatten();
    let mut descriptors: Vec<_> = open.map(|&fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    let left = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
    // Interrupted, it is asked again until the time is over.
    let _ = poll(&mut descriptors, PollTimeout::from(left));
    let mut answers = descriptors.iter().map(|descriptor| descriptor.any().unwrap_or(false));
    Some(streams.map(|stream| stream.is_some() && answers.next().unwrap_or(false)))
}

/// Reads what is there. Whether there may be more; `None` when it is too much.
fn more(stream: &mut impl Read, text: &mut Vec<u8>) -> Option<bool> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).ok()?;
    text.extend_from_slice(buffer.get(..count)?);
    (text.len() <= MOST_BYTES).then_some(count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Option<Said> {
        run_within(Duration::from_secs(5), &["/nonexistent", "/bin/sh"], &["-c", script])
    }

    #[test]
    fn both_streams_and_the_ending_are_told() {
        let said = shell("echo out; echo err >&2; exit 3").unwrap();
        assert_eq!((&*said.stdout, &*said.stderr, said.succeeded), ("out\n", "err\n", false));
        assert!(shell("true").unwrap().succeeded);
        assert_eq!(run(&["/nonexistent"], &[]), None);
    }

    #[test]
    fn the_callers_environment_does_not_reach_it() {
        let said = shell("env").unwrap().stdout;
        let names: Vec<_> = said.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(
            names.iter().all(|name| ["PATH", "LC_ALL", "PWD", "_", "SHLVL"].contains(name)),
            "{said}"
        );
    }

    #[test]
    fn one_that_does_not_end_or_says_too_much_is_ended() {
        let begin = Instant::now();
        assert_eq!(
            run_within(Duration::from_millis(200), &["/bin/sh"], &["-c", "exec sleep 60"]),
            None
        );
        assert_eq!(shell("exec cat /dev/zero"), None);
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_fills_one_pipe_while_the_other_is_silent_is_read() {
        let said = shell("head -c 200000 /dev/zero | tr '\\0' x >&2").unwrap();
        assert_eq!((said.stdout.len(), said.stderr.len()), (0, 200_000));
    }
}
