//! Somebody at the terminal who is not root, and whom polkit may ask for an administrator's
//! password: polkit's own agent for terminals, from the first call that needs it to the end of the
//! command, as systemctl has it.
//!
//! The password is typed into that program and goes to PAM. It never comes near this one.

use std::{
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, kill},
    unistd::{Pid, pipe2},
};

use crate::prompt;

/// Not looked for in the caller's PATH.
const PROGRAM: &str = "/usr/bin/pkttyagent";
/// How long it may take to tell polkit that it is there, in milliseconds. It takes tens of them.
const REGISTRATION: u16 = 5000;
/// How long it may take to put the terminal back as it was.
const FAREWELL: Duration = Duration::from_secs(1);

/// The agent of this process. There is one, since a command may make many calls, and it is ended by
/// hand, since nothing is dropped at the end of a process.
static AGENT: Mutex<Option<Agent>> = Mutex::new(None);

/// Sees to it that there is an agent, if there is somebody at a terminal. The call does without,
/// too: there may be another agent, or no question.
pub(super) fn attend() {
    let mut agent = AGENT.lock().unwrap_or_else(PoisonError::into_inner);
    if agent.is_none() {
        *agent = Agent::start();
    }
}

/// Ends the agent, if there is one.
pub(crate) fn dismiss() {
    drop(AGENT.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// A running agent; it ends when dropped.
struct Agent(Child);

impl Agent {
    /// Starts it and waits until polkit knows of it.
    fn start() -> Option<Self> {
        if !prompt::is_interactive() || !Path::new(PROGRAM).exists() {
            return None;
        }
        let (registered, tell) = pipe2(OFlag::O_CLOEXEC).ok()?;
        fcntl(&tell, FcntlArg::F_SETFD(FdFlag::empty())).ok()?;
        // By itself it answers for its parent, which is this process, and talks to the terminal
        // rather than through these three. Not with --fallback, which would leave the question to
        // the agent of a desktop: polkit then finds none for a caller that is in no session, as
        // where there is no logind.
        let mut agent = Command::new(PROGRAM);
        agent.args(["--notify-fd", &tell.as_raw_fd().to_string()]);
        agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let agent = Self(agent.spawn().ok()?);
        drop(tell);
        wait_for_end_of(&registered);
        Some(agent)
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // Asked to end it puts the terminal back, which hides what is typed during the question. It
        // is stopped where somebody sent it into the background.
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            let _ = kill(Pid::from_raw(self.0.id().cast_signed()), signal);
        }
        let end = Instant::now() + FAREWELL;
        while !self.has_ended() {
            if Instant::now() > end {
                let _ = self.0.kill();
                let _ = self.0.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Waits until nobody holds the other end of the pipe any more, but not for ever.
fn wait_for_end_of(pipe: &OwnedFd) {
    let mut events = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    while poll(&mut events, PollTimeout::from(REGISTRATION)) == Err(Errno::EINTR) {}
}
