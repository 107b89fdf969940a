//! Decisions and changes, a row each, written in the transaction of what they tell.

use rusqlite::{Row, named_params, params};
use twinlock_interface::{Event as Entry, EventQuery, names::PAGE};
use twinlock_verifier::time::Timestamp;

use super::{Records, StoreError, numbers::seconds};
use crate::{
    audit::{Action, Event, Outcome},
    config::Retention,
};

/// Events that are too old and go in one turn of the housekeeping, so that a clock that is wrong for a
/// moment does not take all of them.
const AT_ONCE: i64 = 500;

/// Every filter is a bound that is always there, so that the statements are two and no text of a caller
/// is in them.
macro_rules! conditions {
    () => {
        "(:user IS NULL OR user = :user) AND (:action IS NULL OR action = :action)
         AND (:outcome IS NULL OR outcome = :outcome) AND (:service IS NULL OR service = :service)
         AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until)
         AND id > coalesce(:after, -1) AND id < coalesce(:before, 9223372036854775807)"
    };
}
impl Records<'_> {
    /// Writes the event down. Its line goes to the log after COMMIT, and not at all when this is
    /// rolled back.
    pub(crate) fn note(&self, event: Event) -> Result<(), StoreError> {
        let subject = &event.subject;
        let context = subject.context.as_ref();
        let item = |item: Option<&String>| item.map(String::as_str).unwrap_or_default().to_owned();
        self.connection
            .prepare_cached(
                "INSERT INTO events (at, class, action, outcome, reason, user, uid, caller,
                    service, rhost, tty, ruser, details)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                seconds(event.at),
                Class::of(&event) as i64,
                subject.action.as_str(),
                event.outcome.as_str(),
                event.reason,
                subject.user,
                subject.uid,
                subject.caller,
                item(context.and_then(|context| context.service.as_ref())),
                item(context.and_then(|context| context.rhost.as_ref())),
                item(context.and_then(|context| context.tty.as_ref())),
                item(context.and_then(|context| context.ruser.as_ref())),
                event.details,
            ])?;
        self.outbox.borrow_mut().push(event);
        Ok(())
    }

    /// The events that are wanted, oldest first.
    pub(crate) fn events(&self, wanted: &EventQuery) -> Result<Vec<Entry>, StoreError> {
        let forward = wanted.after.is_some();
        let sql = if forward {
            concat!("SELECT * FROM events WHERE ", conditions!(), " ORDER BY id LIMIT :limit")
        } else {
            concat!("SELECT * FROM events WHERE ", conditions!(), " ORDER BY id DESC LIMIT :limit")
        };
        let number = |number: Option<u64>| number.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let mut query = self.connection.prepare_cached(sql)?;
        let rows = query.query_map(
            named_params! {
                ":user": wanted.user, ":action": wanted.action, ":outcome": wanted.outcome,
                ":service": wanted.service, ":since": number(wanted.since),
                ":until": number(wanted.until), ":after": number(wanted.after),
                ":before": number(wanted.before),
                ":limit": wanted.limit.map_or(page, |limit| i64::from(limit).clamp(1, page)),
            },
            read,
        )?;
        let mut events = rows.collect::<Result<Vec<_>, _>>()?;
        if !forward {
            events.reverse();
        }
        Ok(events)
    }

    /// Removes the events that are older, or more, than are to be kept (I21).
    pub(crate) fn trim_events(&self, now: Timestamp, keep: Retention) -> Result<(), StoreError> {
        let age = i64::try_from(keep.age.as_secs()).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "DELETE FROM events WHERE id IN (
                    SELECT id FROM events WHERE at < ?1 - ?2 ORDER BY at LIMIT ?3)",
            )?
            .execute(params![seconds(now), age, AT_ONCE])?;
        for class in [Class::Attempt, Class::Account, Class::Administration] {
            self.connection
                .prepare_cached(
                    "DELETE FROM events WHERE class = ?1 AND id <= (
                        SELECT id FROM events WHERE class = ?1
                        ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![class as i64, keep.rows])?;
        }
        Ok(())
    }
}

/// What an event is, for how long it is kept. Whoever can make events of one kind by the thousand washes
/// away none of the others.
#[derive(Clone, Copy)]
enum Class {
    /// What came to nothing, and what anybody may do over and over.
    Attempt = 0,
    /// Logins that gave a code, and what people did with their authenticators.
    Account = 1,
    /// What administrators did.
    Administration = 2,
}

impl Class {
    fn of(event: &Event) -> Self {
        match (event.outcome, event.subject.action) {
            (Outcome::Refused | Outcome::Throttled | Outcome::Failed | Outcome::NotRequired, _)
            | (_, Action::EnrollmentBegin | Action::EnrollmentCancel) => Self::Attempt,
            (
                Outcome::Accepted | Outcome::Done,
                Action::Login
                | Action::EnrollmentConfirm
                | Action::EnrollmentRename
                | Action::EnrollmentRemove
                | Action::EnrollmentRenewCodes
                | Action::EnrollmentCheck
                | Action::EnrollmentStatus,
            ) => Self::Account,
            (
                Outcome::Accepted | Outcome::Done,
                Action::Unlock
                | Action::Reset
                | Action::IssueTicket
                | Action::Import
                | Action::ListAccounts
                | Action::ListEvents
                | Action::PolicyShow
                | Action::PolicyApply
                | Action::PolicyExplain,
            ) => Self::Administration,
        }
    }
}

fn read(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    let number = |column: &str| -> Result<u64, rusqlite::Error> {
        Ok(row.get::<_, i64>(column)?.try_into().unwrap_or(0))
    };
    Ok(Entry {
        id: number("id")?,
        at: number("at")?,
        action: row.get("action")?,
        outcome: row.get("outcome")?,
        reason: row.get("reason")?,
        user: row.get("user")?,
        uid: row.get("uid")?,
        caller: row.get("caller")?,
        service: row.get("service")?,
        rhost: row.get("rhost")?,
        tty: row.get("tty")?,
        ruser: row.get("ruser")?,
        details: row.get("details")?,
    })
}
