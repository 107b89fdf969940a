//! Accounts as the use cases see them, and what may be done to them inside a transaction.

use std::cell::RefCell;

use rusqlite::{Connection, OptionalExtension, params};
use twinlock_interface::names::PAGE;
use twinlock_verifier::{judge::Change, throttle::Throttle, time::Timestamp};

use super::{
    StoreError,
    authenticators::{SealedConfirmed, SealedPending},
};
use crate::{audit::Event, identity::Identity};

/// The records, inside one savepoint.
pub(crate) struct Records<'c> {
    pub(super) connection: &'c Connection,
    /// Events of this savepoint, for the log.
    pub(super) outbox: &'c RefCell<Vec<Event>>,
}

/// What the store holds under an identity.
pub(crate) enum Lookup {
    /// Nothing. Such an account can still be charged.
    Absent,
    Found(AccountRecord),
    /// The uid is recorded under another name, or the name under another uid (I10).
    Mismatch {
        recorded: Identity,
    },
}

impl Lookup {
    /// The account's records, empty when there are none yet; `None` for a mismatch.
    pub(crate) fn record(self) -> Option<AccountRecord> {
        match self {
            Self::Absent => Some(AccountRecord::default()),
            Self::Found(record) => Some(record),
            Self::Mismatch { .. } => None,
        }
    }
}

/// What every decision about an account needs. Recovery codes, ticket and remembered sources are
/// loaded by whoever needs them.
#[derive(Default)]
pub(crate) struct AccountRecord {
    pub(crate) confirmed: Vec<SealedConfirmed>,
    /// Oldest first.
    pub(crate) pending: Vec<SealedPending>,
    pub(crate) throttle: Throttle,
}

/// Attempts that are counted for nobody; they also cost the same write as a charged one, so that
/// the time of an answer does not tell them apart (I16).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Uncharged {
    UnknownName,
    Malformed,
    Replayed,
}

impl<'c> Records<'c> {
    pub(super) fn new(connection: &'c Connection, outbox: &'c RefCell<Vec<Event>>) -> Self {
        Self { connection, outbox }
    }

    /// Loads the account, or says why it may not be used.
    pub(crate) fn account(&self, identity: &Identity) -> Result<Lookup, StoreError> {
        // Of two records that each hold one half, the one of another uid goes first: it refuses.
        let recorded = self
            .connection
            .prepare_cached(
                "SELECT uid, name FROM accounts WHERE uid = ?1 OR name = ?2 ORDER BY uid = ?1",
            )?
            .query_row(params![identity.uid, identity.name], |row| {
                Ok(Identity { uid: row.get(0)?, name: row.get(1)? })
            })
            .optional()?;
        match recorded {
            None => Ok(Lookup::Absent),
            Some(recorded) if recorded != *identity => Ok(Lookup::Mismatch { recorded }),
            Some(_) => {
                let (confirmed, pending) = self.authenticators(identity.uid)?;
                Ok(Lookup::Found(AccountRecord {
                    confirmed,
                    pending,
                    throttle: self.throttle(identity.uid)?,
                }))
            }
        }
    }

    /// The records of an identity that was found good before the job.
    pub(crate) fn record_of(&self, identity: &Identity) -> Result<AccountRecord, StoreError> {
        let changed = StoreError::Corrupt("an identity changed under its job");
        self.account(identity)?.record().ok_or(changed)
    }

    /// The uid recorded under `name`, for accounts the host no longer knows.
    pub(crate) fn uid_of(&self, name: &str) -> Result<Option<u32>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT uid FROM accounts WHERE name = ?1")?;
        Ok(query.query_row([name], |row| row.get(0)).optional()?)
    }

    /// A page of recorded accounts, by uid.
    pub(crate) fn accounts(&self, after: Option<u32>) -> Result<Vec<Identity>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT uid, name FROM accounts WHERE uid > ?1 ORDER BY uid LIMIT ?2",
        )?;
        let after = after.map_or(-1, i64::from);
        let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let rows = query.query_map(params![after, page], |row| {
            Ok(Identity { uid: row.get(0)?, name: row.get(1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Makes sure the account has a row to hang records on.
    pub(crate) fn ensure(&self, identity: &Identity) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO accounts (uid, name) VALUES (?1, ?2) ON CONFLICT (uid) DO NOTHING",
            )?
            .execute(params![identity.uid, identity.name])?;
        Ok(())
    }

    /// Stores what a judgement says must be stored. `before` is the throttle as this transaction
    /// found it.
    pub(crate) fn apply(
        &self,
        identity: &Identity,
        before: &Throttle,
        change: &Change,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some((authenticator, factor)) = change.spent {
            self.spend(identity.uid, authenticator, factor, now)?;
        }
        if let Some((authenticator, seen)) = change.out_of_step {
            self.note_out_of_step(identity.uid, authenticator, seen)?;
        }
        if let Some(code) = change.spent_recovery_code {
            self.spend_recovery_code(identity.uid, code, now)?;
        }
        if let Some(throttle) = &change.throttle {
            self.ensure(identity)?;
            self.write_throttle(identity.uid, before, throttle)?;
        }
        Ok(())
    }

    /// Counts an attempt that is charged to nobody.
    pub(crate) fn count_uncharged(&self, kind: Uncharged) -> Result<(), StoreError> {
        let kind = match kind {
            Uncharged::UnknownName => "unknown-name",
            Uncharged::Malformed => "malformed",
            Uncharged::Replayed => "replayed",
        };
        self.connection
            .prepare_cached(
                "INSERT INTO uncharged_attempts (kind, attempts) VALUES (?1, 1)
                 ON CONFLICT (kind) DO UPDATE SET attempts = attempts + 1",
            )?
            .execute([kind])?;
        Ok(())
    }

    /// Forgets the account and everything that hangs on it; says whether there was one.
    pub(crate) fn forget(&self, uid: u32) -> Result<bool, StoreError> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM accounts WHERE uid = ?1")?
            .execute([uid])?;
        Ok(gone > 0)
    }

    /// Forgets an account on which nothing hangs, so that a cancelled enrolment leaves nothing.
    pub(crate) fn forget_if_empty(&self, uid: u32) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "DELETE FROM accounts WHERE uid = ?1
                    AND NOT EXISTS (SELECT 1 FROM authenticators WHERE uid = ?1)
                    AND NOT EXISTS (SELECT 1 FROM recovery_codes WHERE uid = ?1)
                    AND NOT EXISTS (SELECT 1 FROM enrollment_tickets WHERE uid = ?1)
                    AND NOT EXISTS (SELECT 1 FROM throttle_lanes WHERE uid = ?1)",
            )?
            .execute([uid])?;
        Ok(())
    }

    /// Forgets an account of which nothing is known but failures; says whether it did.
    pub(crate) fn forget_if_never_enrolled(&self, uid: u32) -> Result<bool, StoreError> {
        let gone = self
            .connection
            .prepare_cached(
                "DELETE FROM accounts WHERE uid = ?1
                    AND NOT EXISTS (SELECT 1 FROM authenticators WHERE uid = ?1)
                    AND NOT EXISTS (SELECT 1 FROM recovery_codes WHERE uid = ?1)",
            )?
            .execute([uid])?;
        Ok(gone > 0)
    }
}
