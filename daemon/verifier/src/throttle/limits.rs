//! How many failures a lane takes, and how it closes.

use core::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

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

/// Limits that go by a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Five failures lock for 15 minutes, doubling up to 24 hours; 100 close.
    #[default]
    Default,
    /// Five failures lock for 15 minutes; 100 close (CIS benchmarks).
    Cis,
    /// Three failures close until an administrator or a recovery code opens (DISA STIG).
    Stig,
    /// Ten failures lock for 30 minutes, doubling up to 24 hours; 100 close (PCI DSS 8.3.4).
    Pci,
}

/// A word that is no [`Profile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProfile;

/// Why a lane takes no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// Locked; attempts count again from this moment on.
    Until(Timestamp),
    /// Closed until an administrator or a recovery code opens it.
    Indefinite,
}

const QUARTER_HOUR: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Limits {
    /// Those of [`Profile::Default`].
    fn default() -> Self {
        Profile::Default.limits()
    }
}

impl Profile {
    const ALL: [Self; 4] = [Self::Default, Self::Cis, Self::Stig, Self::Pci];

    /// `default`, `cis`, `stig` or `pci`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Cis => "cis",
            Self::Stig => "stig",
            Self::Pci => "pci",
        }
    }

    /// What it stands for.
    #[must_use]
    pub fn limits(self) -> Limits {
        let (lock_after, lock_for, lock_at_most, close_after) = match self {
            Self::Default => (5, QUARTER_HOUR, DAY, 100),
            Self::Cis => (5, QUARTER_HOUR, QUARTER_HOUR, 100),
            // Closed at once: no lock is ever reached.
            Self::Stig => (3, QUARTER_HOUR, DAY, 3),
            Self::Pci => (10, QUARTER_HOUR.saturating_mul(2), DAY, 100),
        };
        let failures = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Limits {
            lock_after: failures(lock_after),
            lock_for,
            lock_at_most,
            close_after: failures(close_after),
        }
    }
}

impl Limits {
    /// Of each number the stricter one.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            lock_after: self.lock_after.min(other.lock_after),
            lock_for: self.lock_for.max(other.lock_for),
            lock_at_most: self.lock_at_most.max(other.lock_at_most),
            close_after: self.close_after.min(other.close_after),
        }
    }

    /// How long the lock lasts that the last multiple of `lock_after` up to `failures` set.
    pub(super) fn lock_length(&self, failures: u32) -> Duration {
        let doublings = (failures / self.lock_after).saturating_sub(1);
        let length = 1_u32.checked_shl(doublings).and_then(|f| self.lock_for.checked_mul(f));
        length.map_or(self.lock_at_most, |length| length.min(self.lock_at_most))
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(word: &str) -> Result<Self, UnknownProfile> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == word).ok_or(UnknownProfile)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile is default, cis, stig or pci")
    }
}

impl core::error::Error for UnknownProfile {}
