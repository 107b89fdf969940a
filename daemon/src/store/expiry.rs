//! What ends by itself is also removed by itself: nothing of an enrolment that was left lies around.

use std::time::Duration;

use rusqlite::params;
use twinlock_verifier::time::Timestamp;

use super::{Records, StoreError, numbers::seconds, tickets::TICKET_LIFETIME};
use crate::config::Retention;

/// How long they last, where that is a setting.
#[derive(Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) pending: Duration,
    /// The longest that any rule remembers.
    pub(crate) remembered: Duration,
    pub(crate) events: Retention,
}

impl Records<'_> {
    /// Removes expired pending enrolments, tickets, remembered sources and events, and accounts on which
    /// nothing hangs any more. A time that far ahead is one of a clock that was set back (I22).
    pub(crate) fn remove_expired(
        &self,
        now: Timestamp,
        lifetimes: Lifetimes,
    ) -> Result<(), StoreError> {
        let Lifetimes { pending, remembered, events } = lifetimes;
        let mut touched = self.delete_older(
            "DELETE FROM authenticators
             WHERE confirmed_at IS NULL AND abs(started_at - ?1) >= ?2 RETURNING uid",
            now,
            pending,
        )?;
        touched.extend(self.delete_older(
            "DELETE FROM enrollment_tickets WHERE abs(issued_at - ?1) >= ?2 RETURNING uid",
            now,
            TICKET_LIFETIME,
        )?);
        self.delete_older(
            "DELETE FROM remembered_sources WHERE abs(accepted_at - ?1) >= ?2 RETURNING uid",
            now,
            remembered,
        )?;
        self.trim_events(now, events)?;
        touched.into_iter().try_for_each(|uid| self.forget_if_empty(uid))
    }

    fn delete_older(
        &self,
        sql: &'static str,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Vec<u32>, StoreError> {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let uids = statement.query_map(params![seconds(now), lifetime], |row| row.get(0))?;
        Ok(uids.collect::<Result<_, _>>()?)
    }
}
