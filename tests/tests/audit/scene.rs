//! A host whose rows and lines are read together.

use std::cell::Cell;

use twinlock_interface::{Event, EventQuery, LoginContext, Step, names::PAGE, proxy::ManagerProxy};
use twinlock_tests::{
    Enrolled, Host, User,
    caller::Caller,
    login::{Line, from_address},
};

use crate::line;

/// Addresses of the documentation (RFC 5737).
pub(crate) const OFFICE: &str = "192.0.2.10";
pub(crate) const FAR: &str = "203.0.113.9";
/// A code of no phone here, which shows six digits.
pub(crate) const WRONG: &str = "1234567";
/// Shaped like a recovery code and like a ticket, and nobody's.
pub(crate) const WRONG_TICKET: &str = "AAAA-BBBB-CCCC-DDDD";

/// A host, and what its log said when it was looked at last.
pub(crate) struct Scene<'h> {
    pub(crate) host: &'h Host,
    pub(crate) root: Caller,
    pub(crate) sshd: Line,
    row: Cell<u64>,
    line: Cell<usize>,
    fences: Cell<u32>,
}

impl<'h> Scene<'h> {
    pub(crate) fn set(host: &'h Host) -> Self {
        host.settable_clock();
        let (row, line, fences) = Default::default();
        Self { host, root: host.caller(0), sshd: host.line(), row, line, fences }
    }

    /// An account with a phone; what that left is passed over.
    pub(crate) fn enrolled(&self, name: &str) -> (User, Enrolled) {
        let user = self.host.user(name);
        let enrolled = self.host.enroll(&user);
        let _ = self.left();
        (user, enrolled)
    }

    /// A policy; what that left is passed over.
    pub(crate) fn policy(&self, toml: &str) {
        self.host.policy(toml);
        let _ = self.left();
    }

    /// A login from far away: its last step.
    pub(crate) fn login(&self, user: &str, answer: &str) -> Step {
        self.sshd.login(user, &from_address(FAR), answer).unwrap()
    }

    /// A login that is asked nothing, or ends before.
    pub(crate) fn at_once(&self, user: &str, from: &LoginContext) -> Step {
        let (session, step) = self.sshd.begin(user, from).unwrap();
        assert!(session.is_empty(), "asked: {step:?}");
        step
    }

    /// What was left since the last time: rows, oldest first, for each of which there is one line that
    /// says the same, and nothing else from the daemon.
    pub(crate) fn left(&self) -> Vec<Event> {
        let fence = format!("fence-{}", self.fences.replace(self.fences.get() + 1));
        assert!(matches!(self.login(&fence, ""), Step::Refuse { .. }));
        let _ = self.host.syslog.expect(&format!("user=\"{fence}\""));
        let rows = self.rows(self.row.get());
        self.row.set(rows.last().unwrap().id);
        let all = self.host.syslog.lines();
        let new = all.iter().skip(self.line.replace(all.len()));
        let lines: Vec<_> = new.filter(|line| line.contains("twinlockd[")).collect();
        let told = |rows: &[Event]| rows.iter().map(brief).collect::<Vec<_>>();
        assert_eq!(rows.len(), lines.len(), "{:#?}\n{lines:#?}", told(&rows));
        for (row, line) in rows.iter().zip(lines) {
            let said = line::read(line).unwrap_or_else(|| panic!("no event: {line}"));
            assert_eq!(Event { id: 0, at: 0, ..row.clone() }, said, "{line}");
            let severity = match row.outcome.as_str() {
                "accepted" | "not-required" | "done" => 6,
                "refused" | "throttled" => 5,
                "failed" => 3,
                other => panic!("an outcome called {other}"),
            };
            assert_eq!(line::severity(line), Some(severity), "{line}");
        }
        rows.into_iter().filter(|row| !row.user.starts_with("fence-")).collect()
    }

    /// Does something, which leaves these events and no others.
    #[track_caller]
    pub(crate) fn leaves<T>(&self, expected: &[&str], what: impl FnOnce() -> T) -> T {
        let done = what();
        let left: Vec<_> = self.left().iter().map(brief).collect();
        assert_eq!(left, expected);
        done
    }

    /// All rows with a greater number.
    pub(crate) fn rows(&self, mut after: u64) -> Vec<Event> {
        let mut rows = Vec::new();
        loop {
            let query = EventQuery { after: Some(after), ..EventQuery::default() };
            let page = self.events(&query);
            let Some(last) = page.last() else { return rows };
            after = last.id;
            let is_last = page.len() < PAGE;
            rows.extend(page);
            if is_last {
                return rows;
            }
        }
    }

    /// `Manager.Events`.
    pub(crate) fn events(&self, query: &EventQuery) -> Vec<Event> {
        self.root.run(async {
            ManagerProxy::new(self.root.connection()).await.unwrap().events(query).await.unwrap()
        })
    }
}

/// What was tried, how it ended and why, whose it is and who asked.
pub(crate) fn brief(event: &Event) -> String {
    let Event { action, outcome, reason, user, uid, caller, .. } = event;
    let user = if user.is_empty() { "-" } else { user };
    let uid = uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string());
    format!("{action} {outcome} {reason} {user} {uid} by {caller}")
}
