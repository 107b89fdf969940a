//! A person at a terminal: waits for a text, types a line.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::{Winsize, openpty},
    sys::termios::{LocalFlags, tcgetattr},
};

use std::os::fd::AsFd;

use crate::Outcome;

/// How long a person waits for the next text.
const PATIENCE: Duration = Duration::from_secs(30);
/// Wide and high enough for a QR code.
const SIZE: Winsize = Winsize { ws_row: 100, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };

/// A program at a pseudo-terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    line: File,
    shown: Vec<u8>,
    /// Up to where the person has read.
    read: usize,
}

impl Terminal {
    /// Starts `command` in a session of its own at a new terminal.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        let pair = openpty(&SIZE, None).unwrap();
        for end in [&pair.master, &pair.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        // setsid runs the program in its own place when that leads no process group.
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = command.get_current_dir() {
            session.current_dir(directory);
        }
        let end = || pair.slave.try_clone().unwrap();
        let child = session.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { child, line: pair.master.into(), shown: Vec::new(), read: 0 }
    }

    /// Waits until `text` appears after what was read so far.
    ///
    /// # Panics
    /// When it does not in time, or the program ends first.
    pub fn expect(&mut self, text: &str) {
        let found = self.expect_any(&[text]);
        assert_eq!(found, Some(0), "no {text:?} before the end of:\n{}", self.text());
    }

    /// Waits for `end` and returns all that was shown since the text waited for before it.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    pub fn page(&mut self, end: &str) -> String {
        let start = self.read;
        self.expect(end);
        String::from_utf8_lossy(&self.shown[start..self.read]).replace('\r', "")
    }

    /// Waits for the first of `texts` to appear and returns its place in the list; `None` when the
    /// program ends without any.
    ///
    /// # Panics
    /// When nothing of it happens in time.
    pub fn expect_any(&mut self, texts: &[&str]) -> Option<usize> {
        let end = Instant::now() + PATIENCE;
        loop {
            let unread = self.shown.get(self.read..).unwrap_or_default();
            let first = texts
                .iter()
                .enumerate()
                .filter_map(|(place, text)| Some((position(unread, text.as_bytes())?, place)))
                .min();
            if let Some((at, place)) = first {
                self.read += at + texts[place].len();
                return Some(place);
            }
            assert!(Instant::now() < end, "waited in vain for {texts:?} in:\n{}", self.text());
            if !self.watch() {
                return None;
            }
        }
    }

    /// Types `line` and the return key.
    ///
    /// # Panics
    /// When the program is gone.
    pub fn type_line(&mut self, line: &str) {
        self.line.write_all(format!("{line}\r").as_bytes()).unwrap();
    }

    /// Types Ctrl-C.
    ///
    /// # Panics
    /// When the program is gone.
    pub fn interrupt(&mut self) {
        self.line.write_all(b"\x03").unwrap();
    }

    /// Waits for `prompt` and types `line`.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    pub fn answer(&mut self, prompt: &str, line: &str) {
        self.expect(prompt);
        self.type_line(line);
    }

    /// Waits for `prompt` and for the terminal to hide what is typed: a program that hides it after
    /// its prompt drops what was typed in between.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    pub fn expect_hidden(&mut self, prompt: &str) {
        self.expect(prompt);
        let end = Instant::now() + PATIENCE;
        while tcgetattr(&self.line).unwrap().local_flags.contains(LocalFlags::ECHO) {
            assert!(Instant::now() < end, "what is typed stays visible:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for `prompt`, and for what is typed to be hidden, and types `line`.
    ///
    /// # Panics
    /// As [`expect`](Self::expect).
    pub fn answer_hidden(&mut self, prompt: &str, line: &str) {
        self.expect_hidden(prompt);
        self.type_line(line);
    }

    /// All that was on the screen so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).replace('\r', "")
    }

    /// What was on the screen after the last text waited for.
    #[must_use]
    pub fn unread(&self) -> String {
        String::from_utf8_lossy(self.shown.get(self.read..).unwrap_or_default()).replace('\r', "")
    }

    /// The process at the terminal.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the program to end.
    ///
    /// # Panics
    /// When it does not in time: it may be waiting for an answer nobody thought of.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            let open = self.watch();
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if !open {
                thread::sleep(Duration::from_millis(5));
            }
            assert!(Instant::now() < end, "still running:\n{}", self.text());
        };
        // The last words may still be on the line.
        while self.watch_for(0) == Some(true) {}
        Outcome { status, stdout: self.text(), stderr: String::new() }
    }

    /// Reads what comes; whether the terminal is still open.
    fn watch(&mut self) -> bool {
        self.watch_for(20).is_some()
    }

    /// Reads what comes within `milliseconds`: whether anything came, `None` at the end.
    fn watch_for(&mut self, milliseconds: u8) -> Option<bool> {
        let mut events = [PollFd::new(self.line.as_fd(), PollFlags::POLLIN)];
        match poll(&mut events, PollTimeout::from(milliseconds)) {
            Ok(0) | Err(Errno::EINTR) => return Some(false),
            Ok(_) => {}
            Err(error) => panic!("poll: {error}"),
        }
        let mut chunk = [0; 4096];
        match self.line.read(&mut chunk) {
            // The kernel says EIO when the last program has left the terminal.
            Ok(0) | Err(_) => None,
            Ok(length) => {
                self.shown.extend_from_slice(chunk.get(..length)?);
                Some(true)
            }
        }
    }
}

impl Drop for Terminal {
    /// A person who leaves hangs up.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
