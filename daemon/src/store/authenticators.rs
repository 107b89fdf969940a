//! Authenticators: sealed secret, parameters, replay record.

use rusqlite::{OptionalExtension, Row, params};
use twinlock_verifier::{
    enrollment::{Confirmed, Pending},
    hotp::Digits,
    judge::{Authenticator, AuthenticatorId},
    shared_secret::SharedSecret,
    time::Timestamp,
    totp::{Period, TimeStep, TotpParameters},
};

use super::{
    Records, StoreError,
    numbers::{seconds, step, timestamp, unsigned},
};
use crate::vault::{Place, Vault};

const TABLE: &str = "authenticators";

/// A secret as it lies on disk, and what its seal binds it to.
struct SealedSecret {
    id: AuthenticatorId,
    uid: u32,
    parameters: TotpParameters,
    sealed: Vec<u8>,
}

impl SealedSecret {
    fn open(&self, vault: &Vault) -> Result<SharedSecret, StoreError> {
        let meaning = meaning(&self.parameters);
        let place = place(self.uid, self.id, &meaning);
        let bytes = vault.open(place, &self.sealed).map_err(StoreError::Vault)?;
        SharedSecret::from_bytes(&bytes).map_err(|_| StoreError::Corrupt("secret of wrong length"))
    }
}

/// A confirmed authenticator.
pub(crate) struct SealedAuthenticator {
    secret: SealedSecret,
    last_step: Option<TimeStep>,
    pub(crate) confirmed_at: Timestamp,
    pub(crate) last_accepted_at: Option<Timestamp>,
}

impl SealedAuthenticator {
    /// Opens the secret for one decision.
    pub(crate) fn unseal(&self, vault: &Vault) -> Result<Authenticator, StoreError> {
        Ok(Authenticator {
            id: self.secret.id,
            parameters: self.secret.parameters,
            secret: self.secret.open(vault)?,
            last_step: self.last_step,
        })
    }
}

/// A pending enrolment: no login is judged by it.
pub(crate) struct SealedPending {
    secret: SealedSecret,
    pub(crate) started_at: Timestamp,
}

impl SealedPending {
    /// Opens the secret to show it again or to confirm it.
    pub(crate) fn unseal(&self, vault: &Vault) -> Result<Pending, StoreError> {
        Ok(Pending::new(self.secret.open(vault)?, self.secret.parameters, self.started_at))
    }
}

/// The parameters are bound to the secret: changing them on disk must not make other codes match.
fn meaning(parameters: &TotpParameters) -> String {
    let TotpParameters { algorithm, digits, period } = parameters;
    format!("totp/{}/{}/{}", algorithm.as_str(), digits.get(), period.seconds())
}

fn place(uid: u32, id: AuthenticatorId, meaning: &str) -> Place<'_> {
    Place { table: TABLE, uid, row: id.0, meaning }
}

impl Records<'_> {
    /// The account's confirmed authenticators, oldest first, and its pending enrolment.
    pub(super) fn authenticators(
        &self,
        uid: u32,
    ) -> Result<(Vec<SealedAuthenticator>, Option<SealedPending>), StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, uid, algorithm, digits, period, sealed_secret, started_at, confirmed_at,
                    last_step, last_accepted_at
             FROM authenticators WHERE uid = ?1 ORDER BY id",
        )?;
        let mut rows = query.query([uid])?;
        let (mut confirmed, mut pending) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let secret = read(row)?;
            match row.get::<_, Option<i64>>(7)?.map(timestamp) {
                None => {
                    pending = Some(SealedPending { secret, started_at: timestamp(row.get(6)?) });
                }
                Some(confirmed_at) => confirmed.push(SealedAuthenticator {
                    secret,
                    confirmed_at,
                    last_step: row.get::<_, Option<i64>>(8)?.map(|steps| TimeStep(unsigned(steps))),
                    last_accepted_at: row.get::<_, Option<i64>>(9)?.map(timestamp),
                }),
            }
        }
        Ok((confirmed, pending))
    }

    /// Seals and stores a pending enrolment. The account must have none.
    pub(crate) fn insert_pending(
        &self,
        uid: u32,
        pending: &Pending,
        vault: &Vault,
    ) -> Result<(), StoreError> {
        let TotpParameters { algorithm, digits, period } = pending.parameters();
        // The row's id is part of what the seal binds, so the row comes first.
        let id: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO authenticators
                    (uid, algorithm, digits, period, sealed_secret, started_at)
                 VALUES (?1, ?2, ?3, ?4, x'', ?5) RETURNING id",
            )?
            .query_row(
                params![
                    uid,
                    algorithm.as_str(),
                    digits.get(),
                    period.seconds(),
                    seconds(pending.started_at())
                ],
                |row| row.get(0),
            )?;
        let meaning = meaning(pending.parameters());
        let sealed = vault
            .seal(place(uid, AuthenticatorId(id), &meaning), pending.secret().as_bytes())
            .map_err(StoreError::Vault)?;
        self.connection
            .prepare_cached("UPDATE authenticators SET sealed_secret = ?2 WHERE id = ?1")?
            .execute(params![id, sealed])?;
        Ok(())
    }

    /// Turns the pending enrolment into an authenticator whose confirming step is spent (I18).
    pub(crate) fn confirm_pending(
        &self,
        uid: u32,
        confirmed: &Confirmed,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached(
                "UPDATE authenticators
                 SET confirmed_at = ?2, last_step = ?3, last_accepted_at = ?2
                 WHERE uid = ?1 AND confirmed_at IS NULL",
            )?
            .execute(params![uid, seconds(now), step(confirmed.last_step())])?;
        exactly_one(rows)
    }

    /// One sealed field, if there is any: tells whether the database needs its master key.
    pub(crate) fn any_sealed_field(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT sealed_secret FROM authenticators LIMIT 1")?;
        Ok(query.query_row([], |row| row.get(0)).optional()?)
    }

    /// Drops the pending enrolment; says whether there was one.
    pub(crate) fn drop_pending(&self, uid: u32) -> Result<bool, StoreError> {
        let rows = self
            .connection
            .prepare_cached("DELETE FROM authenticators WHERE uid = ?1 AND confirmed_at IS NULL")?
            .execute([uid])?;
        Ok(rows > 0)
    }

    /// Removes every authenticator of the account.
    pub(crate) fn remove_authenticators(&self, uid: u32) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM authenticators WHERE uid = ?1")?
            .execute([uid])?;
        Ok(())
    }

    /// Records that a step is spent. The WHERE clause keeps I2 even against a caller's mistake.
    pub(super) fn spend_step(
        &self,
        uid: u32,
        id: AuthenticatorId,
        spent: TimeStep,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached(
                "UPDATE authenticators SET last_step = ?3, last_accepted_at = ?4
                 WHERE id = ?1 AND uid = ?2 AND (last_step IS NULL OR last_step < ?3)",
            )?
            .execute(params![id.0, uid, step(spent), seconds(now)])?;
        exactly_one(rows)
    }
}

fn read(row: &Row<'_>) -> Result<SealedSecret, StoreError> {
    let corrupt = StoreError::Corrupt("authenticator parameters nobody wrote");
    let parameters = (|| {
        Some(TotpParameters {
            algorithm: row.get::<_, String>(2).ok()?.parse().ok()?,
            digits: Digits::new(row.get(3).ok()?).ok()?,
            period: Period::new(row.get(4).ok()?).ok()?,
        })
    })()
    .ok_or(corrupt)?;
    Ok(SealedSecret {
        id: AuthenticatorId(row.get(0)?),
        uid: row.get(1)?,
        parameters,
        sealed: row.get(5)?,
    })
}

fn exactly_one(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Corrupt("a record changed under its job")) }
}
