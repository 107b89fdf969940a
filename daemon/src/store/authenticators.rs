//! Authenticators: name, sealed secret, parameters, replay record.

use rusqlite::{OptionalExtension, Row, params};
use twinlock_verifier::{
    authenticator::{Authenticator, AuthenticatorId, Kind, Parameters, ReplayRecord},
    enrollment::{Confirmed, Pending},
    moving_factor::MovingFactor,
    shared_secret::SharedSecret,
    source::Source,
    time::Timestamp,
};

use super::{
    Records, StoreError,
    numbers::{factor, moving_factor, seconds, timestamp},
};
use crate::vault::{Place, Vault};

const TABLE: &str = "authenticators";

/// Where an enrolment was begun: it is gone on with from there and nowhere else, because whoever
/// begins one has seen its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `twinlock enroll`, by the account's own uid or by root.
    Command,
    /// A login from there.
    Login(Source),
}

impl Origin {
    /// The word in the database. `None` for places that nobody can tell apart: what was begun there
    /// is never gone on with.
    fn word(&self) -> Option<String> {
        match self {
            Self::Command => Some("command".to_owned()),
            Self::Login(Source::Network(network)) => Some(format!("login {network}")),
            Self::Login(Source::Local) => Some("login local".to_owned()),
            Self::Login(Source::OwnProgram | Source::Unidentified) => None,
        }
    }
}

/// An authenticator that has no row yet.
pub(crate) struct NewAuthenticator {
    /// Unique within the account.
    pub(crate) name: String,
    pub(crate) parameters: Parameters,
    pub(crate) secret: SharedSecret,
    /// What another program has seen spent.
    pub(crate) last_spent: Option<MovingFactor>,
}

/// An authenticator as it lies on disk.
pub(crate) struct SealedAuthenticator {
    pub(crate) id: AuthenticatorId,
    uid: u32,
    pub(crate) name: String,
    pub(crate) parameters: Parameters,
    sealed: Vec<u8>,
    record: ReplayRecord,
    pub(crate) last_accepted_at: Option<Timestamp>,
}

/// One that counts.
pub(crate) struct SealedConfirmed {
    pub(crate) authenticator: SealedAuthenticator,
    pub(crate) confirmed_at: Timestamp,
}

/// Pending enrolments of one account; the oldest goes first (I21).
const PENDING: i64 = 4;

/// A pending enrolment: no login is judged by it.
pub(crate) struct SealedPending {
    pub(crate) authenticator: SealedAuthenticator,
    pub(crate) started_at: Timestamp,
    begun_from: String,
}

impl SealedAuthenticator {
    /// Opens the secret for one decision.
    pub(crate) fn unseal(&self, vault: &Vault) -> Result<Authenticator, StoreError> {
        let meaning = meaning(&self.parameters);
        let place = place(self.uid, self.id, &meaning);
        let bytes = vault.open(place, &self.sealed).map_err(StoreError::Vault)?;
        let secret = SharedSecret::from_bytes(&bytes)
            .map_err(|_| StoreError::Corrupt("secret of wrong length"))?;
        Ok(Authenticator { id: self.id, parameters: self.parameters, secret, record: self.record })
    }
}

impl SealedPending {
    /// Whether it was begun there.
    pub(crate) fn is_from(&self, origin: &Origin) -> bool {
        origin.word().is_some_and(|word| word == self.begun_from)
    }

    /// Opens the secret to show it again or to confirm it.
    pub(crate) fn unseal(&self, vault: &Vault) -> Result<Pending, StoreError> {
        Ok(Pending::new(self.authenticator.unseal(vault)?, self.started_at))
    }
}

/// The parameters are bound to the secret: changing them on disk must not make other codes match.
fn meaning(parameters: &Parameters) -> String {
    let Parameters { kind, algorithm, digits } = parameters;
    match kind {
        Kind::Totp(period) => format!("totp/{algorithm}/{digits}/{period}"),
        Kind::Hotp => format!("hotp/{algorithm}/{digits}"),
    }
}

fn place(uid: u32, id: AuthenticatorId, meaning: &str) -> Place<'_> {
    Place { table: TABLE, uid, row: id.0, meaning }
}

impl Records<'_> {
    /// The account's confirmed authenticators and its pending enrolments, oldest first.
    pub(super) fn authenticators(
        &self,
        uid: u32,
    ) -> Result<(Vec<SealedConfirmed>, Vec<SealedPending>), StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, uid, name, kind, algorithm, digits, period, sealed_secret, last_spent,
                    out_of_step, last_accepted_at, started_at, confirmed_at, begun_from
             FROM authenticators WHERE uid = ?1 ORDER BY id",
        )?;
        let mut rows = query.query([uid])?;
        let (mut confirmed, mut pending) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let authenticator = read(row)?;
            match row.get::<_, Option<i64>>(12)?.map(timestamp) {
                None => {
                    let started_at = timestamp(row.get(11)?);
                    let begun_from = row.get(13)?;
                    pending.push(SealedPending { authenticator, started_at, begun_from });
                }
                Some(confirmed_at) => {
                    confirmed.push(SealedConfirmed { authenticator, confirmed_at });
                }
            }
        }
        Ok((confirmed, pending))
    }

    /// Seals and stores a pending enrolment, in place of any earlier one from the same place.
    pub(crate) fn insert_pending(
        &self,
        uid: u32,
        new: NewAuthenticator,
        (origin, started_at): (&Origin, Timestamp),
        vault: &Vault,
    ) -> Result<Pending, StoreError> {
        let begun_from = origin.word().unwrap_or_default();
        self.connection
            .prepare_cached(
                "DELETE FROM authenticators WHERE uid = ?1 AND confirmed_at IS NULL
                    AND (begun_from = ?2 OR id NOT IN (
                        SELECT id FROM authenticators WHERE uid = ?1 AND confirmed_at IS NULL
                        ORDER BY id DESC LIMIT ?3))",
            )?
            .execute(params![uid, begun_from, PENDING - 1])?;
        let authenticator = self.insert(uid, new, (&begun_from, started_at), None, vault)?;
        Ok(Pending::new(authenticator, started_at))
    }

    /// Seals and stores an authenticator that counts at once.
    pub(crate) fn insert_confirmed(
        &self,
        uid: u32,
        new: NewAuthenticator,
        now: Timestamp,
        vault: &Vault,
    ) -> Result<(), StoreError> {
        self.insert(uid, new, ("command", now), Some(now), vault).map(drop)
    }

    fn insert(
        &self,
        uid: u32,
        new: NewAuthenticator,
        (begun_from, started_at): (&str, Timestamp),
        confirmed_at: Option<Timestamp>,
        vault: &Vault,
    ) -> Result<Authenticator, StoreError> {
        let NewAuthenticator { name, parameters, secret, last_spent } = new;
        // The row's id is part of what the seal binds, so the row comes first.
        let id: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO authenticators (uid, name, kind, algorithm, digits, period,
                    sealed_secret, started_at, confirmed_at, last_spent, begun_from)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, x'', ?7, ?8, ?9, ?10) RETURNING id",
            )?
            .query_row(
                params![
                    uid,
                    name,
                    parameters.kind.as_str(),
                    parameters.algorithm.as_str(),
                    parameters.digits.get(),
                    parameters.period_seconds(),
                    seconds(started_at),
                    confirmed_at.map(seconds),
                    last_spent.map(factor),
                    begun_from
                ],
                |row| row.get(0),
            )?;
        let id = AuthenticatorId(id);
        let meaning = meaning(&parameters);
        let sealed =
            vault.seal(place(uid, id, &meaning), secret.as_bytes()).map_err(StoreError::Vault)?;
        self.connection
            .prepare_cached("UPDATE authenticators SET sealed_secret = ?2 WHERE id = ?1")?
            .execute(params![id.0, sealed])?;
        let record = ReplayRecord { last_spent, out_of_step: None };
        Ok(Authenticator { id, parameters, secret, record })
    }

    /// Turns the pending enrolment into an authenticator whose confirming code is spent (I18). Another
    /// login may have spent a later one of it meanwhile, which stays spent (I2).
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
                 SET confirmed_at = ?3, last_accepted_at = ?3, out_of_step = NULL,
                     last_spent = max(coalesce(last_spent, ?4), ?4)
                 WHERE id = ?1 AND uid = ?2 AND confirmed_at IS NULL",
            )?
            .execute(params![
                confirmed.authenticator().0,
                uid,
                seconds(now),
                factor(confirmed.spent())
            ])?;
        exactly_one(rows)
    }

    /// One sealed field, if there is any: tells whether the database needs its master key.
    pub(crate) fn any_sealed_field(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT sealed_secret FROM authenticators LIMIT 1")?;
        Ok(query.query_row([], |row| row.get(0)).optional()?)
    }

    /// Drops every pending enrolment; says whether there was one.
    pub(crate) fn drop_pending(&self, uid: u32) -> Result<bool, StoreError> {
        let rows = self
            .connection
            .prepare_cached("DELETE FROM authenticators WHERE uid = ?1 AND confirmed_at IS NULL")?
            .execute([uid])?;
        Ok(rows > 0)
    }

    /// Gives an authenticator another name, which none of the account's may have.
    pub(crate) fn rename_authenticator(
        &self,
        id: AuthenticatorId,
        name: &str,
    ) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached("UPDATE authenticators SET name = ?2 WHERE id = ?1")?
            .execute(params![id.0, name])?;
        exactly_one(rows)
    }

    /// Removes one authenticator.
    pub(crate) fn remove_authenticator(&self, id: AuthenticatorId) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached("DELETE FROM authenticators WHERE id = ?1")?
            .execute([id.0])?;
        exactly_one(rows)
    }

    /// Records that a code is spent. The WHERE clause keeps I2 even against a caller's mistake.
    pub(super) fn spend(
        &self,
        uid: u32,
        id: AuthenticatorId,
        spent: MovingFactor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached(
                "UPDATE authenticators
                 SET last_spent = ?3, last_accepted_at = ?4, out_of_step = NULL
                 WHERE id = ?1 AND uid = ?2 AND (last_spent IS NULL OR last_spent < ?3)",
            )?
            .execute(params![id.0, uid, factor(spent), seconds(now)])?;
        exactly_one(rows)
    }

    /// Notes a code beyond the look-ahead, which the next one in a row confirms.
    pub(super) fn note_out_of_step(
        &self,
        uid: u32,
        id: AuthenticatorId,
        seen: MovingFactor,
    ) -> Result<(), StoreError> {
        let rows = self
            .connection
            .prepare_cached(
                "UPDATE authenticators SET out_of_step = ?3 WHERE id = ?1 AND uid = ?2",
            )?
            .execute(params![id.0, uid, factor(seen)])?;
        exactly_one(rows)
    }
}

fn read(row: &Row<'_>) -> Result<SealedAuthenticator, StoreError> {
    let (kind, algorithm): (String, String) = (row.get(3)?, row.get(4)?);
    let parameters = Parameters::from_parts(&kind, &algorithm, row.get(5)?, row.get(6)?)
        .map_err(|_| StoreError::Corrupt("authenticator parameters nobody wrote"))?;
    let number = |column| row.get::<_, Option<i64>>(column);
    Ok(SealedAuthenticator {
        id: AuthenticatorId(row.get(0)?),
        uid: row.get(1)?,
        name: row.get(2)?,
        parameters,
        sealed: row.get(7)?,
        record: ReplayRecord {
            last_spent: number(8)?.map(moving_factor),
            out_of_step: number(9)?.map(moving_factor),
        },
        last_accepted_at: number(10)?.map(timestamp),
    })
}

fn exactly_one(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Corrupt("a record changed under its job")) }
}
