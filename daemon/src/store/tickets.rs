//! Tickets: what opens enrolment during a login, once. At most one per account; only its hash is
//! stored.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use subtle::ConstantTimeEq;
use twinlock_verifier::{enrollment::is_expired, time::Timestamp};

use super::{
    Records, StoreError,
    numbers::{seconds, timestamp},
};

/// How long a ticket opens enrolment.
pub(crate) const TICKET_LIFETIME: Duration = Duration::from_hours(24);

/// A ticket that was issued and not yet used.
pub(crate) struct Ticket {
    /// bcrypt in modular crypt format.
    pub(crate) hash: String,
    pub(crate) issued_at: Timestamp,
}

impl Ticket {
    /// Whether `hash` is its hash and it has not expired.
    pub(crate) fn is_good(&self, hash: &str, now: Timestamp) -> bool {
        let same = bool::from(self.hash.as_bytes().ct_eq(hash.as_bytes()));
        same && !is_expired(self.issued_at, now, TICKET_LIFETIME)
    }
}

impl Records<'_> {
    /// The account's ticket, expired or not.
    pub(crate) fn ticket(&self, uid: u32) -> Result<Option<Ticket>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT hash, issued_at FROM enrollment_tickets WHERE uid = ?1")?;
        let ticket = query.query_row([uid], |row| {
            Ok(Ticket { hash: row.get(0)?, issued_at: timestamp(row.get(1)?) })
        });
        Ok(ticket.optional()?)
    }

    /// Stores a ticket in place of any earlier one.
    pub(crate) fn replace_ticket(&self, uid: u32, ticket: &Ticket) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO enrollment_tickets (uid, hash, issued_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (uid) DO UPDATE
                    SET hash = excluded.hash, issued_at = excluded.issued_at",
            )?
            .execute(params![uid, ticket.hash, seconds(ticket.issued_at)])?;
        Ok(())
    }

    /// Consumes the account's ticket, if it has one.
    pub(crate) fn drop_ticket(&self, uid: u32) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM enrollment_tickets WHERE uid = ?1")?
            .execute([uid])?;
        Ok(())
    }
}
