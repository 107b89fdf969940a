//! What every use case works with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    audit::Audit,
    config::Config,
    failure::Failure,
    identity::{Identities, Identity},
    recovery_hash::RecoveryHasher,
    sessions::Sessions,
    store::{Store, accounts::Lookup},
    vault::Vault,
};

pub(crate) struct Daemon {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) identities: Identities,
    pub(crate) recovery_hasher: RecoveryHasher,
    pub(crate) audit: Audit,
    sessions: Mutex<Sessions>,
}

impl Daemon {
    pub(crate) fn new(
        config: Config,
        store: Store,
        vault: Arc<Vault>,
        audit: Audit,
    ) -> Result<Self, Failure> {
        Ok(Self {
            sessions: Mutex::new(Sessions::new(config.session_lifetime)),
            identities: Identities::new(),
            recovery_hasher: RecoveryHasher::new()?,
            config,
            store,
            vault,
            audit,
        })
    }

    /// The open logins. Held for a table look-up, never across an await.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // A panic cannot leave the table half changed in a way that opens a door.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity under which an account is recorded. Names that share a uid share one record,
    /// as long as the host still gives the recorded name that uid (I10); `None` when the name or
    /// the uid was given to somebody else.
    pub(crate) async fn recorded(&self, identity: Identity) -> Result<Option<Identity>, Failure> {
        let asked = identity.clone();
        let recorded = self.store.run(move |records| {
            Ok(match records.account(&asked)? {
                Lookup::Mismatch { recorded } => Some(recorded),
                Lookup::Absent | Lookup::Found(_) => None,
            })
        });
        match recorded.await? {
            None => Ok(Some(identity)),
            Some(recorded) if recorded.uid == identity.uid => {
                let today = self.identities.by_name(&recorded.name).await?;
                Ok(today.filter(|today| *today == recorded))
            }
            Some(_) => Ok(None),
        }
    }
}
