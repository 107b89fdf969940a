//! A PAM host under observation: the program `pam-host`, its questions and its report.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    User,
    command::{as_root, as_user},
    files,
    pam_client::Code,
};

/// The host program, once [`install`] has run.
pub const PROGRAM: &str = "/usr/local/bin/pam-host";

/// Puts the host program where everybody may run it. `built` is `env!("CARGO_BIN_EXE_pam-host")`,
/// which only a test knows.
///
/// # Panics
/// When it cannot be copied.
pub fn install(built: &str) {
    fs::copy(files::underneath(Path::new(built)), PROGRAM).unwrap();
}

/// A host about to start.
#[derive(Debug)]
pub struct PamHost {
    command: Command,
    words: Vec<OsString>,
}

impl PamHost {
    /// A host of root's.
    #[must_use]
    pub fn new() -> Self {
        Self { command: as_root(PROGRAM), words: Vec::new() }
    }

    /// A host that `user` runs, like a screen locker.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self { command: as_user(user, PROGRAM), words: Vec::new() }
    }

    /// A host under another program, which gets `words` and then the host's own.
    #[must_use]
    pub fn under(program: &str, words: &[&str]) -> Self {
        let mut command = as_root(program);
        command.args(words).arg(PROGRAM);
        Self { command, words: Vec::new() }
    }

    /// Adds words to its command line (see `src/bin/pam-host`).
    #[must_use]
    pub fn with<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Leaves it no environment but what [`env`](Self::env) sets from here on.
    #[must_use]
    pub fn without_environment(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Starts `pam_authenticate` of `user` through `service`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn authenticate(self, service: &str, user: impl AsRef<OsStr>) -> Login {
        self.run(service, user, &["authenticate"])
    }

    /// Starts these phases in one transaction.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn run(mut self, service: &str, user: impl AsRef<OsStr>, phases: &[&str]) -> Login {
        self.command.args(&self.words).arg(service).arg(user).args(phases);
        let mut child =
            self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("pam-host");
        Login {
            answers: child.stdin.take(),
            events: BufReader::new(child.stdout.take().unwrap()),
            child,
            remarks: Vec::new(),
        }
    }
}

impl Default for PamHost {
    fn default() -> Self {
        Self::new()
    }
}

/// A login under way.
#[derive(Debug)]
pub struct Login {
    child: Child,
    answers: Option<ChildStdin>,
    events: BufReader<ChildStdout>,
    remarks: Vec<String>,
}

/// What a login came to.
pub struct Report {
    /// Everything that was asked or said, in order, with the style in front: `1 One-time code: `.
    pub said: Vec<String>,
    /// One for each phase.
    pub calls: Vec<Call>,
    /// What was written to standard output and standard error.
    pub streams: String,
    /// The process before `pam_start` and after `pam_end`.
    pub whole: [Value; 2],
    /// Whether the module is still in memory at the end.
    pub mapped: bool,
    /// In a crowd: how many logins ended with which code.
    pub crowd: Value,
}

/// What a phase came to.
#[derive(Debug)]
pub struct Call {
    /// What libpam answered.
    pub code: Code,
    /// How long it took, without the time the conversation took.
    pub took: Duration,
    /// The process before and after it.
    pub state: [Value; 2],
}

impl Login {
    /// The next question, with its style in front.
    ///
    /// # Panics
    /// When there is none.
    pub fn question(&mut self) -> String {
        loop {
            let event = self.event().expect("a question");
            let text = said(&event).unwrap_or_else(|| panic!("no question: {event}"));
            self.remarks.push(text.clone());
            if text.starts_with(['1', '2']) {
                return text;
            }
        }
    }

    /// Answers the open question, or one to come.
    pub fn answer(&mut self, text: &str) {
        self.reply(&json!(text));
    }

    /// Takes the question and gives nothing back, as some hosts do for want of a person.
    pub fn answer_nothing(&mut self) {
        self.reply(&Value::Null);
    }

    fn reply(&mut self, answer: &Value) {
        // A host that refuses before it asks may be gone; its report tells.
        let _ = writeln!(self.answers.as_mut().unwrap(), "{answer}");
    }

    /// The rest of it; whatever else is asked makes the conversation fail.
    ///
    /// # Panics
    /// When the host does not end in an orderly way, or breaks its own report.
    #[must_use]
    pub fn end(mut self) -> Report {
        self.answers = None;
        let mut report = Value::Null;
        while let Some(event) = self.event() {
            match said(&event) {
                Some(text) => self.remarks.push(text),
                None => report = event,
            }
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the PAM host: {status}, after {:?}", self.remarks);
        let calls = report["calls"].as_array().into_iter().flatten();
        Report {
            said: self.remarks,
            calls: calls.map(Call::read).collect(),
            streams: report["streams"].as_str().unwrap().to_owned(),
            mapped: report["mapped"].as_bool().unwrap(),
            crowd: report["calls"].take(),
            whole: [report["born"].take(), report["left"].take()],
        }
    }

    /// Gives these answers, and takes what comes of it.
    #[must_use]
    pub fn answering(mut self, answers: &[&str]) -> Report {
        for answer in answers {
            self.answer(answer);
        }
        self.end()
    }

    fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.events.read_line(&mut line).unwrap();
        serde_json::from_str(&line).ok()
    }
}

impl Report {
    /// What `pam_authenticate` answered, when nothing else was called.
    ///
    /// # Panics
    /// When something else was called.
    #[must_use]
    pub fn code(&self) -> Code {
        assert_eq!(self.calls.len(), 1);
        self.calls[0].code
    }

    /// How long `pam_authenticate` took.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.calls[0].took
    }

    /// The questions among what was said.
    #[must_use]
    pub fn questions(&self) -> Vec<&str> {
        self.said.iter().map(String::as_str).filter(|text| text.starts_with(['1', '2'])).collect()
    }

    /// What differs in the host afterwards; empty as it should be.
    #[must_use]
    pub fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        for [before, after] in self.calls.iter().map(|call| &call.state).chain([&self.whole]) {
            let facts = before.as_object().unwrap();
            for (name, before) in facts {
                if *before != after[name] {
                    traces.push(format!("{name}: {before} became {}", after[name]));
                }
            }
        }
        if !self.streams.is_empty() {
            traces.push(format!("written to the standard streams: {:?}", self.streams));
        }
        traces
    }
}

/// Without the pages of process state, which [`Report::traces`] compares.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: Vec<_> = self.calls.iter().map(|call| (call.code, call.took)).collect();
        f.debug_struct("Report").field("said", &self.said).field("calls", &calls).finish()
    }
}

impl Call {
    fn read(call: &Value) -> Self {
        Self {
            code: Code(call["code"].as_i64().unwrap().try_into().unwrap()),
            took: Duration::from_secs_f64(call["milliseconds"].as_f64().unwrap() / 1000.0),
            state: [call["before"].clone(), call["after"].clone()],
        }
    }
}

fn said(event: &Value) -> Option<String> {
    Some(format!("{} {}", event.get("style")?, event.get("text")?.as_str()?))
}
