//! Accounts as the host's user database (NSS) knows them.
//!
//! A look-up may go to the network and hang there: it runs off the async thread, a few at a time,
//! with a deadline. A failed look-up is an error, never "no such user" (I9).

use std::{sync::Arc, time::Duration};

use nix::unistd::User;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use twinlock_interface::names::MAX_NAME_BYTES;

/// The module gives up after three seconds; the answer must be there before.
const DEADLINE: Duration = Duration::from_secs(2);
/// Look-ups at a time: for root, which asks for everybody's logins, and for everybody else, so that
/// nobody holds up the logins of others with names that take long. Together fewer than the
/// runtime's blocking threads, so that a hanging directory does not stop the hashing either.
const AT_ONCE_FOR_ROOT: usize = 6;
const AT_ONCE_FOR_OTHERS: usize = 2;

/// An account: one canonical name and one uid, together (I10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    /// As the user database spells it, whatever spelling was asked for.
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) enum IdentityError {
    /// No answer within the deadline.
    Slow,
    Failed(nix::Error),
    /// The look-up's thread panicked or the runtime is ending.
    Aborted,
}

impl std::fmt::Display for IdentityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slow => write!(f, "user database: no answer within {} s", DEADLINE.as_secs()),
            Self::Failed(error) => write!(f, "user database: {error}"),
            Self::Aborted => f.write_str("user database: the look-up was aborted"),
        }
    }
}

pub(crate) struct Identities {
    root: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self {
            root: Arc::new(Semaphore::new(AT_ONCE_FOR_ROOT)),
            others: Arc::new(Semaphore::new(AT_ONCE_FOR_OTHERS)),
        }
    }

    /// Looks `name` up for `caller`; `None` when the host answers that there is no such account.
    pub(crate) async fn by_name(
        &self,
        caller: u32,
        name: &str,
    ) -> Result<Option<Identity>, IdentityError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains('\0') {
            return Ok(None);
        }
        let turn = if caller == 0 { self.root.clone() } else { self.others.clone() };
        let name = name.to_owned();
        timeout(DEADLINE, async move {
            let permit = turn.acquire_owned().await.map_err(|_| IdentityError::Aborted)?;
            spawn_blocking(move || {
                // Given back when the look-up ends, not when the caller stops waiting.
                let _permit = permit;
                User::from_name(&name)
            })
            .await
            .map_err(|_| IdentityError::Aborted)?
            .map_err(IdentityError::Failed)
        })
        .await
        .map_err(|_| IdentityError::Slow)?
        .map(|user| user.map(|user| Identity { uid: user.uid.as_raw(), name: user.name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(name: &str) -> Option<Identity> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(Identities::new().by_name(0, name)).unwrap()
    }

    #[test]
    fn root_is_found_and_nonsense_is_nobody() {
        assert_eq!(look_up("root"), Some(Identity { uid: 0, name: "root".into() }));
        for name in ["", "no-such-account-here", "root\0", "root ", "ROOT", &"x".repeat(1000)] {
            assert_eq!(look_up(name), None, "{name:?}");
        }
    }
}
