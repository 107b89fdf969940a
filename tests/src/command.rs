//! Running programs, as root or as somebody else.

use std::{
    ffi::OsStr,
    io::Write,
    process::{Command, ExitStatus, Stdio},
};

use serde_json::Value;

use crate::{host::User, sandbox::PATH};

/// What became of a program. A program at a [`Terminal`](crate::Terminal) has one stream only:
/// `stdout` is all that was on its screen.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Outcome {
    /// Whether it ended with 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Itself, for what must succeed.
    ///
    /// # Panics
    /// When it did not, with everything it said.
    pub fn expect_success(self, what: &str) -> Self {
        assert!(self.succeeded(), "{what}: {}\n{}{}", self.status, self.stdout, self.stderr);
        self
    }

    /// The `name` of the error that `twinlock --json` told.
    ///
    /// # Panics
    /// When it told none.
    #[must_use]
    pub fn error_name(&self) -> String {
        let error: Value = serde_json::from_str(self.stderr.trim()).unwrap_or_default();
        error["error"]["name"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// The object that `twinlock --json` printed first.
    ///
    /// # Panics
    /// When it printed none.
    #[must_use]
    pub fn json(&self) -> Value {
        let first = self.stdout.lines().next().and_then(|line| serde_json::from_str(line).ok());
        first.unwrap_or_else(|| panic!("{self:?}"))
    }

    /// Itself, for what must fail.
    ///
    /// # Panics
    /// When it did not, with everything it said.
    pub fn expect_failure(self, what: &str) -> Self {
        assert!(!self.succeeded(), "{what} succeeded:\n{}{}", self.stdout, self.stderr);
        self
    }
}

/// `program` with an environment that is the same in every sandbox, running as root.
pub fn as_root(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    clean(&mut command, "root", "/root", PATH);
    command
}

/// `program` running as `user`, in their home, with their groups.
pub fn as_user(user: &User, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={}", user.uid))
        .arg(format!("--regid={}", user.gid))
        .args(["--init-groups", "--"])
        .arg(program)
        .current_dir(&user.home);
    let home = user.home.to_str().unwrap();
    clean(&mut command, &user.name, home, "/usr/local/bin:/usr/bin:/bin");
    command
}

fn clean(command: &mut Command, name: &str, home: &str, path: &str) {
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("USER", name)
        .env("LOGNAME", name)
        .env("SHELL", "/bin/sh")
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm");
}

/// Runs `command` to its end with `input` on its standard input.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command, input: &str) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that reads nothing may be gone before all is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
