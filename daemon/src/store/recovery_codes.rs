//! Recovery codes: one salt per set, so that one bcrypt tells which of the ten was typed.

use rusqlite::params;
use subtle::ConstantTimeEq;
use twinlock_verifier::{recovery::RecoveryCodeId, time::Timestamp};

use super::{Records, StoreError, numbers::seconds};

/// An account's recovery codes; empty when it has none.
#[derive(Default)]
pub(crate) struct RecoverySet {
    codes: Vec<HashedCode>,
}

struct HashedCode {
    id: RecoveryCodeId,
    /// bcrypt in modular crypt format.
    hash: String,
    used: bool,
}

impl RecoverySet {
    /// Any hash of the set: it names the salt and cost they all share.
    pub(crate) fn salted(&self) -> Option<&str> {
        self.codes.first().map(|code| code.hash.as_str())
    }

    /// The unused code with this hash. Compares with every code of the set.
    pub(crate) fn unused_with_hash(&self, hash: &str) -> Option<RecoveryCodeId> {
        let mut found = None;
        for code in &self.codes {
            let same = bool::from(code.hash.as_bytes().ct_eq(hash.as_bytes()));
            if same && !code.used {
                found = Some(code.id);
            }
        }
        found
    }

    /// How many are unused.
    pub(crate) fn left(&self) -> u32 {
        let unused = self.codes.iter().filter(|code| !code.used).count();
        u32::try_from(unused).unwrap_or(u32::MAX)
    }
}

impl Records<'_> {
    pub(super) fn recovery_codes(&self, uid: u32) -> Result<RecoverySet, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, hash, used_at IS NOT NULL FROM recovery_codes WHERE uid = ?1",
        )?;
        let codes = query.query_map([uid], |row| {
            Ok(HashedCode { id: RecoveryCodeId(row.get(0)?), hash: row.get(1)?, used: row.get(2)? })
        })?;
        Ok(RecoverySet { codes: codes.collect::<Result<_, _>>()? })
    }

    /// Kills the old set and stores the new one (I3).
    pub(crate) fn replace_recovery_codes(
        &self,
        uid: u32,
        hashes: &[String],
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM recovery_codes WHERE uid = ?1")?
            .execute([uid])?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO recovery_codes (uid, hash) VALUES (?1, ?2)")?;
        for hash in hashes {
            insert.execute(params![uid, hash])?;
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
