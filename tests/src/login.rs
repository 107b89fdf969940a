//! Logins without sshd or sudo around them: over the bus, as `pam_twinlock.so` makes them, and
//! through libpam, by pamtester.

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::{Barrier, Once},
};

use tokio::runtime::{Builder, Runtime};
use twinlock_interface::{
    Error, LoginContext, Status, Step,
    proxy::{EnrollmentProxy, LoginProxy, ManagerProxy},
};
use zbus::Connection;

use crate::{Host, command::as_root, pam};

/// The PAM service of [`PamLogin`].
const SERVICE: &str = "second-factor";

/// A host program's line to the daemon, with root's credentials. It stays open for many logins.
#[derive(Debug)]
pub struct Line {
    runtime: Runtime,
    connection: Connection,
}

impl Host {
    /// A new line to the daemon.
    ///
    /// # Panics
    /// When the bus does not take it.
    #[must_use]
    pub fn line(&self) -> Line {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(self.bus.connect());
        Line { runtime, connection }
    }
}

impl Line {
    /// `Login.Begin`: the session's handle and its first step.
    ///
    /// # Errors
    /// What the daemon or the bus says instead.
    pub fn begin(&self, user: &str, from: &LoginContext) -> Result<(String, Step), Error> {
        self.runtime.block_on(async {
            let (session, step) = self.login_proxy().await.begin(user, from).await?;
            Ok((session, known(step)))
        })
    }

    /// `Login.Answer`: the next step.
    ///
    /// # Errors
    /// What the daemon or the bus says instead.
    pub fn answer(&self, session: &str, answer: &str) -> Result<Step, Error> {
        self.runtime
            .block_on(async { Ok(known(self.login_proxy().await.answer(session, answer).await?)) })
    }

    /// A whole login: whatever is asked is answered with `answer`.
    ///
    /// # Errors
    /// What the daemon or the bus says instead.
    pub fn login(&self, user: &str, from: &LoginContext, answer: &str) -> Result<Step, Error> {
        match self.begin(user, from)? {
            (session, Step::Ask { .. }) => self.answer(&session, answer),
            (_, step) => Ok(step),
        }
    }

    /// Opens `count` logins, waits at the barrier, and answers all of them at once.
    ///
    /// # Panics
    /// When a login is not asked for a code, or an answer gets no step in return.
    #[must_use]
    pub fn race(
        &self,
        count: usize,
        start: &Barrier,
        user: &str,
        from: &LoginContext,
        answer: &str,
    ) -> Vec<Step> {
        let sessions: Vec<_> = (0..count)
            .map(|_| match self.begin(user, from).unwrap() {
                (session, Step::Ask { .. }) => session,
                (_, step) => panic!("not asked: {step:?}"),
            })
            .collect();
        self.runtime.block_on(async {
            let login = self.login_proxy().await;
            start.wait();
            let running: Vec<_> = sessions
                .into_iter()
                .map(|session| {
                    let (login, answer) = (login.clone(), answer.to_owned());
                    tokio::spawn(async move { login.answer(&session, &answer).await })
                })
                .collect();
            let mut steps = Vec::with_capacity(running.len());
            for one in running {
                steps.push(known(one.await.unwrap().unwrap()));
            }
            steps
        })
    }

    /// `Enrollment.Status`, asked by root.
    ///
    /// # Panics
    /// When the daemon does not tell.
    #[must_use]
    pub fn status(&self, user: &str) -> Status {
        self.runtime.block_on(async {
            let enrollment = EnrollmentProxy::new(&self.connection).await.unwrap();
            enrollment.status(user).await.unwrap()
        })
    }

    /// `Manager.Unlock`.
    ///
    /// # Panics
    /// When the daemon does not do it.
    pub fn unlock(&self, user: &str) {
        self.runtime.block_on(async {
            let manager = ManagerProxy::new(&self.connection).await.unwrap();
            manager.unlock(user).await.unwrap();
        });
    }

    async fn login_proxy(&self) -> LoginProxy<'static> {
        LoginProxy::new(&self.connection).await.unwrap()
    }
}

fn known(step: twinlock_interface::step::WireStep) -> Step {
    Step::try_from(step).expect("a word the module knows")
}

/// What sshd tells about a login from `address`.
#[must_use]
pub fn from_address(address: &str) -> LoginContext {
    LoginContext {
        service: Some("sshd".to_owned()),
        rhost: Some(address.to_owned()),
        tty: Some("ssh".to_owned()),
        ..LoginContext::default()
    }
}

/// How libpam ended a login, in the words of `pam_strerror`.
pub mod ending {
    /// `PAM_SUCCESS`, for which pamtester has words of its own.
    pub const SUCCESS: &str = "successfully authenticated";
    /// `PAM_AUTH_ERR`.
    pub const AUTH_ERR: &str = "Authentication failure";
    /// `PAM_MAXTRIES`.
    pub const MAXTRIES: &str = "Have exhausted maximum number of retries for service";
    /// `PAM_AUTHINFO_UNAVAIL`.
    pub const AUTHINFO_UNAVAIL: &str = "Authentication service cannot retrieve authentication info";
}

/// A program that authenticates somebody through libpam and `pam_twinlock.so` alone: a process of
/// its own, stopped at the question.
#[derive(Debug)]
pub struct PamLogin {
    program: Child,
    shown: Vec<u8>,
}

/// What was shown in a login through libpam.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PamEnding {
    /// How it ended: one of [`ending`].
    pub code: String,
    /// Everything the person saw before.
    pub shown: String,
}

impl PamLogin {
    /// Starts a login of `user` that comes from `address`.
    ///
    /// # Panics
    /// When pamtester cannot be started.
    #[must_use]
    pub fn start(user: &str, address: &str) -> Self {
        // At its most talkative, and written once: another login may be reading the file.
        static WRITTEN: Once = Once::new();
        WRITTEN.call_once(|| pam::service(SERVICE, &[&format!("{} debug", pam::TWINLOCK)]));
        let mut pamtester = as_root("sh");
        // Prompts and verdicts in the order of their making.
        pamtester.args(["-c", "exec pamtester \"$@\" 2>&1", "pamtester"]).args([
            "-I",
            &format!("rhost={address}"),
            SERVICE,
            user,
            "authenticate",
        ]);
        Self { program: spawn(&mut pamtester), shown: Vec::new() }
    }

    /// Waits for the question and returns what is shown so far.
    ///
    /// # Panics
    /// When the login ends without one.
    pub fn question(&mut self) -> String {
        let mut byte = [0];
        while !self.shown.ends_with(b"code: ") {
            let screen = self.program.stdout.as_mut().unwrap();
            let read = screen.read(&mut byte).unwrap();
            assert!(read > 0, "no question: {}", String::from_utf8_lossy(&self.shown));
            self.shown.push(byte[0]);
        }
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Types `answer`.
    pub fn answer(&mut self, answer: &str) {
        // The program may have given up already; how it ended tells.
        let _ = writeln!(self.program.stdin.take().unwrap(), "{answer}");
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When pamtester says something else than it should.
    #[must_use]
    pub fn finish(mut self) -> PamEnding {
        self.program.stdout.take().unwrap().read_to_end(&mut self.shown).unwrap();
        let succeeded = self.program.wait().unwrap().success();
        let text = String::from_utf8_lossy(&self.shown);
        let (shown, code) = text.rsplit_once("pamtester: ").expect("a verdict");
        let code = code.trim();
        assert_eq!(succeeded, code == ending::SUCCESS, "{text}");
        PamEnding { code: code.to_owned(), shown: shown.to_owned() }
    }

    /// A whole login: whatever is asked is answered with `answer`.
    #[must_use]
    pub fn run(user: &str, address: &str, answer: &str) -> PamEnding {
        let mut login = Self::start(user, address);
        login.answer(answer);
        login.finish()
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}
