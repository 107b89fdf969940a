//! Recovery codes: one salt per set, so that one bcrypt tells which of the ten was typed.

use rusqlite::params;
use subtle::ConstantTimeEq;
use twinlock_verifier::{recovery::RecoveryCodeId, time::Timestamp};

use super::{
    Records, StoreError,
    numbers::{seconds, timestamp},
};

/// An account's recovery codes; empty when it has none.
#[derive(Default)]
pub(crate) struct RecoverySet {
    codes: Vec<HashedCode>,
}

struct HashedCode {
    id: RecoveryCodeId,
    /// bcrypt in modular crypt format.
    hash: String,
    used_at: Option<Timestamp>,
    /// Of eight digits, from another program.
    imported: bool,
}

/// The hashes of a fresh set.
pub(crate) struct HashedSet {
    pub(crate) hashes: Vec<String>,
    /// Whether they are of eight digits, from another program.
    pub(crate) imported: bool,
}

impl RecoverySet {
    /// Any hash of the set, which names the salt and cost they all share; `None` when its codes are
    /// of the other shape.
    pub(crate) fn salted(&self, imported: bool) -> Option<&str> {
        let first = self.codes.first().filter(|first| first.imported == imported)?;
        Some(first.hash.as_str())
    }

    /// The unused code with this hash. Compares with every code of the set.
    pub(crate) fn unused_with_hash(&self, hash: &str) -> Option<RecoveryCodeId> {
        let mut found = None;
        for code in &self.codes {
            let same = bool::from(code.hash.as_bytes().ct_eq(hash.as_bytes()));
            if same && code.used_at.is_none() {
                found = Some(code.id);
            }
        }
        found
    }

    /// How many are unused.
    pub(crate) fn left(&self) -> u32 {
        let unused = self.codes.iter().filter(|code| code.used_at.is_none()).count();
        u32::try_from(unused).unwrap_or(u32::MAX)
    }

    /// When the others were used, in the order of their use.
    pub(crate) fn used_at(&self) -> Vec<Timestamp> {
        let mut used: Vec<_> = self.codes.iter().filter_map(|code| code.used_at).collect();
        used.sort_unstable();
        used
    }
}

impl Records<'_> {
    /// The account's current set.
    pub(crate) fn recovery_codes(&self, uid: u32) -> Result<RecoverySet, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, hash, used_at, imported FROM recovery_codes WHERE uid = ?1",
        )?;
        let codes = query.query_map([uid], |row| {
            Ok(HashedCode {
                id: RecoveryCodeId(row.get(0)?),
                hash: row.get(1)?,
                used_at: row.get::<_, Option<i64>>(2)?.map(timestamp),
                imported: row.get(3)?,
            })
        })?;
        Ok(RecoverySet { codes: codes.collect::<Result<_, _>>()? })
    }

    /// Kills the old set (I3).
    pub(crate) fn drop_recovery_codes(&self, uid: u32) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM recovery_codes WHERE uid = ?1")?
            .execute([uid])?;
        Ok(())
    }

    /// Kills the old set and stores the new one (I3).
    pub(crate) fn replace_recovery_codes(
        &self,
        uid: u32,
        set: &HashedSet,
    ) -> Result<(), StoreError> {
        self.drop_recovery_codes(uid)?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO recovery_codes (uid, hash, imported) VALUES (?1, ?2, ?3)",
        )?;
        for hash in &set.hashes {
            insert.execute(params![uid, hash, set.imported])?;
        }
        Ok(())
    }

    /// Consumes a code; a second use finds no row (I3).
    pub(super) fn spend_recovery_code(
        &self,
        uid: u32,
        id: RecoveryCodeId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached(
                "UPDATE recovery_codes SET used_at = ?3
                 WHERE id = ?1 AND uid = ?2 AND used_at IS NULL",
            )?
            .execute(params![id.0, uid, seconds(now)])?;
        if rows == 1 { Ok(()) } else { Err(StoreError::Corrupt("a recovery code was spent twice")) }
    }
}
