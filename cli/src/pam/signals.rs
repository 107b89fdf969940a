//! Signals as events instead of the end of the process, so that nothing is left half done.

use std::{io, os::fd::AsFd, time::Duration};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

/// What asks a program to end: Ctrl-C, a terminal that is closed, a session that is ended.
const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGQUIT];

/// Holds signals back until dropped.
pub(super) struct Signals {
    held: SigSet,
    events: SignalFd,
}

impl Signals {
    /// Those that ask to end, and the one that stops a program that holds the lock.
    pub(super) fn hold() -> io::Result<Self> {
        let held = SigSet::from_iter(ENDING.into_iter().chain([Signal::SIGTSTP]));
        Self::hold_these(held, SigSet::from_iter(ENDING))
    }

    /// Every one that can be held back. Only being asked to end by name is an event: a terminal has no
    /// say any more.
    pub(super) fn hold_all() -> io::Result<Self> {
        Self::hold_these(SigSet::all(), SigSet::from_iter([Signal::SIGTERM]))
    }

    fn hold_these(held: SigSet, told: SigSet) -> io::Result<Self> {
        let events = SignalFd::with_flags(&told, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        held.thread_block()?;
        Ok(Self { held, events })
    }

    /// Lets the program be stopped (Ctrl-Z) again: it holds nobody up any more.
    pub(super) fn allow_stopping(&self) -> io::Result<()> {
        Ok(SigSet::from_iter([Signal::SIGTSTP]).thread_unblock()?)
    }

    /// The signal that comes within `time`, if one does.
    pub(super) fn wait(&self, time: Duration) -> io::Result<Option<Signal>> {
        let mut watched = [PollFd::new(self.events.as_fd(), PollFlags::POLLIN)];
        let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
        match poll(&mut watched, time) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let came = self.events.read_signal()?;
        Ok(came.and_then(|info| Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // One that was told has been taken; failing leaves signals held back in a process that ends.
        let _ = self.held.thread_unblock();
    }
}
