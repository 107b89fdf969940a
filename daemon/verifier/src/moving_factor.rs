//! What a code is made from besides the secret, and what is spent by accepting it.

use crate::{Period, Timestamp};

/// Moving factor: the counter of RFC 4226 (C), or a time step: whole periods since the Unix epoch
/// (RFC 6238 4.2, T).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MovingFactor(pub u64);

impl MovingFactor {
    /// The time step that `now` lies in: T = floor(now / period), with T0 = 0 (RFC 6238 4.2).
    #[must_use]
    pub fn at(now: Timestamp, period: Period) -> Self {
        // The constructor keeps a period from being zero.
        Self(now.unix().checked_div(u64::from(period.seconds())).unwrap_or(0))
    }

    /// The one after it; the last one there is has none.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}
