//! How many failures a lane takes, and how it closes.

use core::{num::NonZeroU32, time::Duration};

use crate::Timestamp;

/// The bounds of a lane (NIST SP 800-63B 5.2.2 asks for at most 100 consecutive failures).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures to a lock: the lane locks at each multiple.
    pub lock_after: NonZeroU32,
    /// Length of the first lock; each further one is twice as long.
    pub lock_for: Duration,
    /// Length of the longest lock.
    pub lock_at_most: Duration,
    /// Failures at which a lane closes until somebody opens it.
    pub close_after: NonZeroU32,
}

/// Why a lane takes no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// Locked; attempts count again from this moment on.
    Until(Timestamp),
    /// Closed until an administrator or a recovery code opens it.
    Indefinite,
}

impl Default for Limits {
    /// Five failures lock for 15 minutes, doubling up to 24 hours; 100 close.
    fn default() -> Self {
        Self {
            lock_after: NonZeroU32::MIN.saturating_add(4),
            lock_for: Duration::from_secs(15 * 60),
            lock_at_most: Duration::from_secs(24 * 60 * 60),
            close_after: NonZeroU32::MIN.saturating_add(99),
        }
    }
}

impl Limits {
    /// How long the lock lasts that the last multiple of `lock_after` up to `failures` set.
    pub(super) fn lock_length(&self, failures: u32) -> Duration {
        let doublings = (failures / self.lock_after).saturating_sub(1);
        let length = 1_u32.checked_shl(doublings).and_then(|f| self.lock_for.checked_mul(f));
        length.map_or(self.lock_at_most, |length| length.min(self.lock_at_most))
    }
}
