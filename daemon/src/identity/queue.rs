//! Blocking look-ups, a few at a time and each with a deadline.

use std::{sync::Arc, time::Instant};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout_at};

use super::IdentityError;

/// Turns for root, which asks for everybody's logins, and for everybody else, so that nobody holds up
/// the logins of others with names that take long. Users and groups queue apart, so that a source of
/// groups that hangs does not hold up who is who. All of them and the hashes (`recovery_hash`) together
/// are fewer than the runtime's blocking threads: a directory that hangs must not stop the hashing.
pub(super) struct Queue {
    root: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn of_users() -> Self {
        Self::with_turns(6, 2)
    }

    pub(super) fn of_groups() -> Self {
        Self::with_turns(4, 2)
    }

    fn with_turns(root: usize, others: usize) -> Self {
        let turns = |count| Arc::new(Semaphore::new(count));
        Self { root: turns(root), others: turns(others) }
    }

    /// Waits for a turn and for what `look_up` returns, both until `ends`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        caller: u32,
        ends: Instant,
        look_up: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, IdentityError> {
        let turn = if caller == 0 { self.root.clone() } else { self.others.clone() };
        timeout_at(ends.into(), async move {
            let permit = turn.acquire_owned().await.map_err(|_| IdentityError::Aborted)?;
            let work = move || {
                // Given back when the look-up ends, not when the caller stops waiting.
                let _permit = permit;
                look_up()
            };
            spawn_blocking(work).await.map_err(|_| IdentityError::Aborted)
        })
        .await
        .map_err(|_| IdentityError::Slow)?
    }
}
