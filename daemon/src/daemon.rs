//! What every use case works with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    audit::{Audit, Event},
    config::Config,
    failure::Failure,
    identity::{Identities, Identity},
    policy::Policies,
    recovery_hash::RecoveryHasher,
    sessions::Sessions,
    store::{
        Store,
        accounts::{AccountRecord, Lookup},
    },
    vault::Vault,
};

pub(crate) struct Daemon {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) identities: Identities,
    pub(crate) recovery_hasher: RecoveryHasher,
    pub(crate) audit: Arc<Audit>,
    pub(crate) policies: Policies,
    sessions: Mutex<Sessions>,
}

impl Daemon {
    pub(crate) fn new(
        config: Config,
        store: Store,
        vault: Arc<Vault>,
        audit: Arc<Audit>,
        policies: Policies,
    ) -> Result<Self, Failure> {
        Ok(Self {
            sessions: Mutex::new(Sessions::new(config.session_lifetime)),
            identities: Identities::new(),
            recovery_hasher: RecoveryHasher::new()?,
            config,
            store,
            vault,
            audit,
            policies,
        })
    }

    /// Writes down a decision that no transaction makes. One that cannot be written stands in the log at
    /// least: it changes nothing, and a full disk must not keep out the exempt administrator who comes
    /// to make room.
    pub(crate) async fn note(&self, event: Event) {
        let written = event.clone();
        if self.store.run(move |records| records.note(written)).await.is_err() {
            self.audit.write(&event);
        }
    }

    /// The issuer in key URIs.
    pub(crate) fn issuer(&self) -> String {
        self.config.issuer.clone().unwrap_or_else(|| {
            nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned()
        })
    }

    /// The open logins. Held for a table look-up, never across an await.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // A panic cannot leave the table half changed in a way that opens a door.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account an identity belongs to: the identity it is recorded under, and its records,
    /// which are empty when there are none. Names that share a uid share one account, as long as
    /// the host still gives the recorded name that uid (I10).
    ///
    /// Fails with `AccountMismatch` when name or uid were given to somebody else.
    pub(crate) async fn account(
        &self,
        caller: u32,
        identity: Identity,
    ) -> Result<(Identity, AccountRecord), Failure> {
        let recorded = match self.look_up(&identity).await? {
            Lookup::Mismatch { recorded } => recorded,
            lookup => return Ok((identity, lookup.record().ok_or(Failure::AccountMismatch)?)),
        };
        let today = self.identities.by_name(caller, &recorded.name).await?;
        let found = if today.as_ref() != Some(&recorded) {
            // Whoever the record was of is gone. Failures alone are not worth refusing the next
            // holder of the name or uid for good; an authenticator is.
            let gone = recorded.clone();
            if !self.store.run(move |records| records.forget_if_never_enrolled(gone.uid)).await? {
                return Err(Failure::AccountMismatch);
            }
            identity
        } else if recorded.uid == identity.uid {
            recorded
        } else {
            return Err(Failure::AccountMismatch);
        };
        let record = self.look_up(&found).await?.record().ok_or(Failure::AccountMismatch)?;
        Ok((found, record))
    }

    /// Takes as long as [`Self::account`] does for an account that is not there (I16).
    pub(crate) async fn no_account(&self) -> Result<(), Failure> {
        let nobody = Identity { uid: u32::MAX, name: String::new() };
        self.look_up(&nobody).await.map(drop)
    }

    async fn look_up(&self, identity: &Identity) -> Result<Lookup, Failure> {
        let asked = identity.clone();
        Ok(self.store.run(move |records| records.account(&asked)).await?)
    }
}
