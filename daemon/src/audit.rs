//! One line on syslog (authpriv) for every decision and change.
//!
//! ```text
//! login outcome=refused reason=wrong-code user="alice" uid=1000 caller=0 service="sshd" rhost="192.0.2.7" tty="ssh" ruser=""
//! ```
//!
//! Keys are stable and always in this order. Everything a claimant can influence is quoted, with
//! control characters, quotes and backslashes escaped, so one event is one line (CVE-2023-28486 is
//! what happens otherwise). Answers, codes and secrets have no way into an [`Event`] (I15).
//!
//! A thread of its own writes, because a stopped syslog daemon blocks its socket and must not
//! block a login.

use std::{
    fmt::Write as _,
    io,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};
use twinlock_interface::LoginContext;

/// Lines that may wait for a slow syslog daemon; further ones are counted and dropped (I21).
const QUEUE: usize = 1024;

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Login,
    EnrollmentBegin,
    EnrollmentConfirm,
    EnrollmentCancel,
    EnrollmentRename,
    EnrollmentRemove,
    EnrollmentRenewCodes,
    EnrollmentCheck,
    EnrollmentStatus,
    Unlock,
    Reset,
    IssueTicket,
    Import,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::EnrollmentBegin => "enrollment-begin",
            Self::EnrollmentConfirm => "enrollment-confirm",
            Self::EnrollmentCancel => "enrollment-cancel",
            Self::EnrollmentRename => "enrollment-rename",
            Self::EnrollmentRemove => "enrollment-remove",
            Self::EnrollmentRenewCodes => "enrollment-renew-codes",
            Self::EnrollmentCheck => "enrollment-check",
            Self::EnrollmentStatus => "enrollment-status",
            Self::Unlock => "unlock",
            Self::Reset => "reset",
            Self::IssueTicket => "issue-ticket",
            Self::Import => "import",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Accepted,
    NotRequired,
    Refused,
    Throttled,
    Done,
    /// The daemon could not decide.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotRequired => "not-required",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Accepted | Self::NotRequired | Self::Done => Severity::LOG_INFO,
            Self::Refused | Self::Throttled => Severity::LOG_NOTICE,
            Self::Failed => Severity::LOG_ERR,
        }
    }
}

/// An event in the words of the log.
pub(crate) struct Event<'a> {
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    /// A fixed word such as `wrong-code`.
    pub(crate) reason: &'static str,
    pub(crate) user: &'a str,
    /// Missing when the host knows no such account.
    pub(crate) uid: Option<u32>,
    /// Uid of the bus client.
    pub(crate) caller: u32,
    pub(crate) context: Option<&'a LoginContext>,
}

impl Event<'_> {
    fn line(&self) -> String {
        let Self { action, outcome, reason, user, uid, caller, context } = self;
        let mut line = format!(
            "{} outcome={} reason={reason} user={} uid=",
            action.as_str(),
            outcome.as_str(),
            quoted(user)
        );
        let written = match uid {
            Some(uid) => write!(line, "{uid} caller={caller}"),
            None => write!(line, "- caller={caller}"),
        };
        debug_assert!(written.is_ok());
        if let Some(context) = context {
            for (key, value) in [
                ("service", &context.service),
                ("rhost", &context.rhost),
                ("tty", &context.tty),
                ("ruser", &context.ruser),
            ] {
                line.push(' ');
                line.push_str(key);
                line.push('=');
                line.push_str(&quoted(value.as_deref().unwrap_or_default()));
            }
        }
        line
    }
}

/// The text in double quotes, with nothing in it that could end the quotes or the line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for character in text.chars() {
        // Also escapes what is invisible or reorders text, such as U+202E.
        match character {
            '\'' => quoted.push('\''),
            other => quoted.extend(other.escape_debug()),
        }
    }
    quoted.push('"');
    quoted
}

struct Line {
    facility: Facility,
    severity: Severity,
    text: String,
}

impl Line {
    /// About the daemon itself. Never carries what a claimant typed.
    fn trouble(text: &str) -> Self {
        let text = text.replace(char::is_control, " ");
        Self { facility: Facility::LOG_DAEMON, severity: Severity::LOG_ERR, text }
    }
}

enum Entry {
    Line(Line),
    /// Everything before this is written: say so.
    Flush(SyncSender<()>),
}

/// The way to the log.
pub(crate) struct Audit {
    entries: SyncSender<Entry>,
    dropped: AtomicU64,
}

impl Audit {
    pub(crate) fn start() -> io::Result<Self> {
        let (entries, queue) = sync_channel(QUEUE);
        thread::Builder::new().name("audit".into()).spawn(move || write_entries(&queue))?;
        Ok(Self { entries, dropped: AtomicU64::new(0) })
    }

    /// Records a decision or a change.
    pub(crate) fn record(&self, event: &Event<'_>) {
        self.send(Line {
            facility: Facility::LOG_AUTHPRIV,
            severity: event.outcome.severity(),
            text: event.line(),
        });
    }

    /// Tells the administrator about the daemon itself.
    pub(crate) fn trouble(&self, text: &str) {
        self.send(Line::trouble(text));
    }

    /// Waits until what was recorded is written, but not for long: nothing to wait for comes from
    /// a stopped syslog daemon.
    pub(crate) fn flush(&self) {
        let (written, wait) = sync_channel(1);
        if self.entries.try_send(Entry::Flush(written)).is_ok() {
            // Late is as good as never: the process ends next.
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }

    fn send(&self, line: Line) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text = format!("{dropped} lines were dropped: syslog does not keep up");
            let gap = Line { facility: Facility::LOG_AUTHPRIV, severity: Severity::LOG_ERR, text };
            self.count_if_full(self.entries.try_send(Entry::Line(gap)), dropped);
        }
        self.count_if_full(self.entries.try_send(Entry::Line(line)), 1);
    }

    fn count_if_full(&self, sent: Result<(), TrySendError<Entry>>, lines: u64) {
        if sent.is_err() {
            self.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }
}

/// Writes one line about the daemon itself and returns when it is written: for a daemon that does
/// not get as far as having an [`Audit`], or ends with its own.
pub(crate) fn last_words(text: &str) {
    eprintln!("twinlockd: {text}");
    if let Ok(mut log) = syslog::unix(LocalFormat) {
        write(&mut log, &Line::trouble(text));
    }
}

fn write_entries(queue: &Receiver<Entry>) {
    let mut log = None;
    for entry in queue {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Flush(written) => {
                let _ = written.send(());
                continue;
            }
        };
        if log.is_none() {
            log = syslog::unix(LocalFormat).ok();
        }
        if log.as_mut().is_some_and(|log| write(log, &line)) {
            continue;
        }
        // The syslog daemon was restarted: its socket is another one now.
        log = syslog::unix(LocalFormat).ok();
        if !log.as_mut().is_some_and(|log| write(log, &line)) {
            eprintln!("{}", line.text);
        }
    }
}

fn write(log: &mut Logger<LoggerBackend, LocalFormat>, line: &Line) -> bool {
    // `err` only chooses a method of the format, which takes the severity from the line.
    log.err(line).is_ok()
}

/// The local form of RFC 3164 without a time: syslog daemons stamp what comes from `/dev/log`
/// themselves, in the host's own zone.
#[derive(Clone)]
struct LocalFormat;

impl LogFormat<&Line> for LocalFormat {
    fn format<W: io::Write>(&self, out: &mut W, _: Severity, line: &Line) -> syslog::Result<()> {
        let priority = line.facility as u32 | line.severity as u32;
        write!(out, "<{priority}>twinlockd[{}]: {}", std::process::id(), line.text)
            .map_err(syslog::Error::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str, rhost: &str) -> String {
        let context = LoginContext {
            service: Some("sshd".into()),
            rhost: Some(rhost.into()),
            tty: Some("ssh".into()),
            ..LoginContext::default()
        };
        Event {
            action: Action::Login,
            outcome: Outcome::Refused,
            reason: "wrong-code",
            user,
            uid: Some(1000),
            caller: 0,
            context: Some(&context),
        }
        .line()
    }

    #[test]
    fn keys_and_order_are_stable() {
        assert_eq!(
            line("alice", "192.0.2.7"),
            r#"login outcome=refused reason=wrong-code user="alice" uid=1000 caller=0 service="sshd" rhost="192.0.2.7" tty="ssh" ruser="""#
        );
    }

    #[test]
    fn nothing_typed_can_forge_a_second_line_or_field() {
        let line = line("eve\" outcome=accepted user=\"root\n<86>x", "a\u{1b}[2J\u{202e}\\");
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line}");
        let mut escaped = false;
        let mut ends_quotes = |character: char| {
            let unescaped = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            unescaped
        };
        assert_eq!(line.chars().filter(|c| ends_quotes(*c)).count(), 10, "{line}");
        assert!(line.contains(r#"user="eve\" outcome=accepted user=\"root\n<86>x" uid=1000"#));
    }
}
