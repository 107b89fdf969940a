//! Where a right code came from a while ago, one row per account, service and network.

use rusqlite::{OptionalExtension, params};
use twinlock_verifier::{source::Network, time::Timestamp};

use super::{
    Records, StoreError,
    numbers::{seconds, timestamp},
};

/// Rows of one account; the oldest goes first (I21).
const PER_ACCOUNT: i64 = 32;

impl Records<'_> {
    /// When a code was last accepted for `service` from `network`, if that is remembered.
    pub(crate) fn remembered(
        &self,
        uid: u32,
        service: &str,
        network: Network,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT accepted_at FROM remembered_sources
             WHERE uid = ?1 AND service = ?2 AND network = ?3",
        )?;
        let accepted =
            query.query_row(params![uid, service, network.to_string()], |row| row.get(0));
        Ok(accepted.optional()?.map(timestamp))
    }

    /// Remembers that a code was accepted.
    pub(crate) fn remember(
        &self,
        uid: u32,
        service: &str,
        network: Network,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO remembered_sources (uid, service, network, accepted_at)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (uid, service, network) DO UPDATE
                    SET accepted_at = excluded.accepted_at",
            )?
            .execute(params![uid, service, network.to_string(), seconds(now)])?;
        self.connection
            .prepare_cached(
                "DELETE FROM remembered_sources WHERE uid = ?1 AND (service, network) NOT IN (
                    SELECT service, network FROM remembered_sources WHERE uid = ?1
                    ORDER BY accepted_at DESC LIMIT ?2)",
            )?
            .execute(params![uid, PER_ACCOUNT])?;
        Ok(())
    }

    /// Forgets every source of everybody.
    pub(crate) fn forget_all_sources(&self) -> Result<(), StoreError> {
        self.connection.prepare_cached("DELETE FROM remembered_sources")?.execute([])?;
        Ok(())
    }

    /// Forgets every source of the account.
    pub(crate) fn forget_sources(&self, uid: u32) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM remembered_sources WHERE uid = ?1")?
            .execute([uid])?;
        Ok(())
    }
}
