//! A moment, in whole seconds since the Unix epoch.

use core::time::Duration;

/// Whole seconds since the Unix epoch, leap seconds not counted (RFC 6238 4.1 asks for no more).
/// The arithmetic saturates: no clock reading can make a decision panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From seconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn unix(self) -> u64 {
        self.0
    }

    /// The moment `duration` later; a fraction of a second is dropped.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// How far apart two moments are, whichever comes first. What ends after a distance ends for
    /// a clock that was set back as well (I22).
    pub(crate) const fn distance(self, other: Self) -> Duration {
        Duration::from_secs(self.0.abs_diff(other.0))
    }
}
