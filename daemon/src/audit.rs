//! Every decision and change: an [`Event`], which is a row of the database, written in the
//! transaction of what it tells, and a line on syslog (authpriv) after COMMIT.
//!
//! ```text
//! login outcome=refused reason=wrong-code user="alice" uid=1000 caller=0 service="sshd" rhost="192.0.2.7" tty="ssh" ruser=""
//! ```
//!
//! Keys are stable and always in this order; `details` follows where something else than an account was
//! changed. Everything a claimant can influence is quoted, with control characters, quotes and
//! backslashes escaped, so one event is one line (CVE-2023-28486 is what happens otherwise). Answers,
//! codes and secrets have no way into an [`Event`] (I15).

mod log;

use std::fmt::Write as _;

use syslog::Severity;
use twinlock_interface::LoginContext;
use twinlock_verifier::time::Timestamp;

pub(crate) use log::{Audit, last_words};

/// What was tried.
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
    ListAccounts,
    ListEvents,
    PolicyShow,
    PolicyApply,
    PolicyExplain,
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
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
            Self::ListAccounts => "list-accounts",
            Self::ListEvents => "list-events",
            Self::PolicyShow => "policy-show",
            Self::PolicyApply => "policy-apply",
            Self::PolicyExplain => "policy-explain",
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
    pub(crate) fn as_str(self) -> &'static str {
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

/// What a decision is about, before it is made.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) action: Action,
    pub(crate) user: String,
    /// Missing when the host knows no such account, or it is about none.
    pub(crate) uid: Option<u32>,
    /// Uid of the bus client.
    pub(crate) caller: u32,
    pub(crate) context: Option<LoginContext>,
}

impl Subject {
    /// Another action of the same call.
    pub(crate) fn about(&self, action: Action) -> Self {
        Self { action, ..self.clone() }
    }

    /// How it ended; `reason` is a fixed word such as `wrong-code`.
    pub(crate) fn ended(&self, outcome: Outcome, reason: &'static str, at: Timestamp) -> Event {
        Event { at, subject: self.clone(), outcome, reason, details: String::new() }
    }

    /// It was done.
    pub(crate) fn done(&self, at: Timestamp) -> Event {
        self.ended(Outcome::Done, "-", at)
    }
}

/// A decision or a change.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) subject: Subject,
    pub(crate) outcome: Outcome,
    pub(crate) reason: &'static str,
    /// What was changed, where that is not an account.
    pub(crate) details: String,
}

impl Event {
    fn line(&self) -> String {
        let Self { subject, outcome, reason, details, .. } = self;
        let Subject { action, user, uid, caller, context } = subject;
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
                push(&mut line, key, value.as_deref().unwrap_or_default());
            }
        }
        if !details.is_empty() {
            push(&mut line, "details", details);
        }
        line
    }
}

fn push(line: &mut String, key: &str, value: &str) {
    line.push(' ');
    line.push_str(key);
    line.push('=');
    line.push_str(&quoted(value));
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
        let subject = Subject {
            action: Action::Login,
            user: user.into(),
            uid: Some(1000),
            caller: 0,
            context: Some(context),
        };
        let now = Timestamp::from_unix(1_111_111_111);
        subject.ended(Outcome::Refused, "wrong-code", now).line()
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
