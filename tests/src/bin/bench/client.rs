//! Starting login processes and timing them.

use std::{
    env,
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{contender::Contender, login};

/// A login under way.
pub(crate) struct Login {
    started: Instant,
    child: Child,
    answers: ChildStdin,
    output: ChildStdout,
}

/// A login that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) accepted: bool,
    /// From before the process is made until it is gone.
    pub(crate) whole: Duration,
    /// `pam_authenticate` alone.
    pub(crate) bare: Duration,
}

/// The login program for `contender` and `user`, with the empty environment that sshd gives it.
pub(crate) fn command(contender: Contender, user: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([login::WORD, contender.service(), user]).env_clear();
    command
}

impl Login {
    pub(crate) fn start(contender: Contender, user: &str) -> Self {
        let mut command = command(contender, user);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        let (answers, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { started, child, answers, output }
    }

    /// Returns when the module asks for the code, or has ended without asking.
    pub(crate) fn wait_for_prompt(&mut self) {
        let mut byte = [0];
        let read = self.output.read(&mut byte).unwrap();
        assert!(read == 0 || byte[0] == login::ASKED || byte[0].is_ascii_digit());
    }

    pub(crate) fn answer(&mut self, code: &str) {
        // A module that asks nothing may be gone before this.
        let _ = self.answers.write_all(format!("{code}\n").as_bytes());
    }

    pub(crate) fn end(mut self) -> Ended {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let status = self.child.wait().unwrap();
        let whole = self.started.elapsed();
        let nanoseconds = text.trim_start_matches(char::from(login::ASKED)).trim().parse();
        let bare = Duration::from_nanos(nanoseconds.expect("the login program's own time"));
        Ended { accepted: status.success(), whole, bare }
    }
}

/// A whole login, its code at hand from the beginning.
pub(crate) fn log_in(contender: Contender, user: &str, code: &str) -> Ended {
    let mut login = Login::start(contender, user);
    login.answer(code);
    login.end()
}
