//! bcrypt for recovery codes: slow on purpose, so off the async thread and a few at a time.

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
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
pub(crate) struct RecoveryHasher {
    logins: Arc<Semaphore>,
    sets: Arc<Semaphore>,
    one_set: Semaphore,
    decoys: Arc<Semaphore>,
    /// Salts the work done for accounts without a set, which must cost the same (I16).
    decoy: [u8; 16],
}

/// The turn to hash a set; one at a time, in the order of asking.
pub(crate) struct SetTurn<'a>(#[expect(dead_code, reason = "held")] SemaphorePermit<'a>);

impl RecoveryHasher {
    pub(crate) fn new() -> Result<Self, Failure> {
        let turns = || Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self {
            logins: turns(),
            sets: turns(),
            one_set: Semaphore::new(1),
            decoys: turns(),
            decoy: random()?,
        })
    }

    /// Waits for the turn to hash a set.
    pub(crate) async fn set_turn(&self) -> Result<SetTurn<'_>, Failure> {
        self.one_set.acquire().await.map(SetTurn).map_err(|_| Failure::Internal("hasher closed"))
    }

    /// Ten fresh codes and their hashes under one fresh salt, in the same order.
    pub(crate) async fn fresh_set(
        &self,
        _turn: SetTurn<'_>,
    ) -> Result<(Vec<RecoveryCode>, Vec<String>), Failure> {
        let salt = random()?;
        let codes = (0..CODES_PER_SET)
            .map(|_| random().map(RecoveryCode::from_random))
            .collect::<Result<Vec<_>, _>>()?;
        let running: Vec<_> = codes
            .iter()
            .map(|code| tokio::spawn(hash(self.sets.clone(), code.canonical(), salt)))
            .collect();
        let mut hashes = Vec::with_capacity(codes.len());
        for one in running {
            hashes.push(one.await.map_err(|_| Failure::Internal("a hashing task ended early"))??);
        }
        Ok((codes, hashes))
    }

    /// The hash of a typed code under the salt of `sibling`, any hash of the account's set; the
    /// same work under a decoy salt when there is none.
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
    let _permit =
        turn.acquire_owned().await.map_err(|_| Failure::Internal("the hasher is closed"))?;
    spawn_blocking(move || bcrypt::non_truncating_hash_with_salt(code.as_bytes(), COST, salt))
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
