//! bcrypt for recovery codes: slow on purpose, so off the async thread and a few at a time.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinSet, spawn_blocking},
};
use twinlock_verifier::recovery::{CODES_PER_SET, RecoveryCode};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// 2^10 rounds: some 50 ms. The codes have 80 bit, so this guards against a stolen database and
/// a mistake in their generation, not against guessing at the prompt.
const COST: u32 = 10;
/// Hashes at a time, for each of the two purposes (I21).
const AT_ONCE: usize = 2;

/// Logins, enrolments and names nobody has queue apart: whoever enrols or invents names over and
/// over must not hold up a login, whose attempt is charged already (I20).
#[derive(Clone)]
pub(crate) struct RecoveryHasher {
    logins: Arc<Semaphore>,
    sets: Arc<Semaphore>,
    one_set_of_a_command: Arc<Semaphore>,
    one_set_of_a_login: Arc<Semaphore>,
    decoys: Arc<Semaphore>,
    /// Salts the work done for accounts without a set, which must cost the same (I16).
    decoy: [u8; 16],
}

/// What a set of recovery codes is made for. The two queue apart, because a login cannot wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SetFor {
    Command,
    Login,
}

/// The turn to hash a set; one at a time for each purpose, in the order of asking.
pub(crate) struct SetTurn(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

/// A fresh set of codes, not hashed yet.
pub(crate) fn fresh_codes() -> Result<Vec<RecoveryCode>, Failure> {
    (0..CODES_PER_SET).map(|_| random().map(RecoveryCode::from_random)).collect()
}

impl RecoveryHasher {
    pub(crate) fn new() -> Result<Self, Failure> {
        let turns = || Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self {
            logins: turns(),
            sets: turns(),
            one_set_of_a_command: Arc::new(Semaphore::new(1)),
            one_set_of_a_login: Arc::new(Semaphore::new(1)),
            decoys: turns(),
            decoy: random()?,
        })
    }

    /// Waits for the turn to hash a set.
    pub(crate) async fn set_turn(&self, purpose: SetFor) -> Result<SetTurn, Failure> {
        let turns = match purpose {
            SetFor::Command => &self.one_set_of_a_command,
            SetFor::Login => &self.one_set_of_a_login,
        };
        let turn = turns.clone().acquire_owned().await;
        turn.map(SetTurn).map_err(|_| Failure::Internal("the hasher is closed"))
    }

    /// The hashes of a set under one fresh salt, in the same order, worked out side by side. Whoever
    /// stops waiting for them stops the work.
    pub(crate) async fn hash_set(
        &self,
        _turn: SetTurn,
        codes: &[RecoveryCode],
    ) -> Result<Vec<String>, Failure> {
        let salt = random()?;
        let mut running = JoinSet::new();
        for (place, code) in codes.iter().enumerate() {
            let hash = hash(self.sets.clone(), code.canonical(), salt);
            running.spawn(async move { hash.await.map(|hash| (place, hash)) });
        }
        let mut hashes = Vec::with_capacity(codes.len());
        while let Some(one) = running.join_next().await {
            hashes.push(one.map_err(|_| Failure::Internal("a hashing task ended early"))??);
        }
        hashes.sort_unstable();
        Ok(hashes.into_iter().map(|(_, hash)| hash).collect())
    }

    /// A fresh ticket, which has the shape of a recovery code, and its hash.
    pub(crate) async fn fresh_ticket(&self) -> Result<(RecoveryCode, String), Failure> {
        let ticket = RecoveryCode::from_random(random()?);
        let hash = hash(self.sets.clone(), ticket.canonical(), random()?).await?;
        Ok((ticket, hash))
    }

    /// The hash of a typed code under the salt of `sibling`, any hash of the account's set or that of
    /// its ticket; the same work under a decoy salt when there is none.
    pub(crate) async fn like(
        &self,
        sibling: Option<&str>,
        code: &RecoveryCode,
    ) -> Result<String, Failure> {
        let salt = match sibling {
            None => self.decoy,
            Some(hash) => hash
                .parse::<bcrypt::HashParts>()
                .map_err(|_| Failure::Internal("a stored recovery hash is malformed"))?
                .get_salt_raw(),
        };
        hash(self.logins.clone(), code.canonical(), salt).await
    }

    /// The work of [`Self::like`], for a claimant who does not exist.
    pub(crate) async fn like_nobody(&self, code: &RecoveryCode) -> Result<(), Failure> {
        hash(self.decoys.clone(), code.canonical(), self.decoy).await.map(drop)
    }
}

async fn hash(
    turn: Arc<Semaphore>,
    code: Zeroizing<String>,
    salt: [u8; 16],
) -> Result<String, Failure> {
    let died = |_| Failure::Internal("a hashing thread died");
    let permit =
        turn.acquire_owned().await.map_err(|_| Failure::Internal("the hasher is closed"))?;
    spawn_blocking(move || {
        // Given back when the hash is done, not when the caller stops waiting.
        let _permit = permit;
        bcrypt::non_truncating_hash_with_salt(code.as_bytes(), COST, salt)
    })
    .await
    .map_err(died)?
    .map(|parts| parts.to_string())
    .map_err(|_| Failure::Internal("bcrypt refused its input"))
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_| Failure::Internal("no random bytes"))?;
    Ok(bytes)
}
