//! One lane of the throttle: a counter of failures, and the locks that follow from it.

use core::{fmt, str::FromStr, time::Duration};

use super::{Closure, Limits};
use crate::{Network, Timestamp};

/// How long after an accept a network counts as known.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneKey {
    /// Terminals of this host.
    Local,
    /// Programs of the account's own uid.
    OwnProgram,
    /// A network. Once a code was accepted from there the row is a lane of its own; before that
    /// it notes how many failures of the unknown lane are this network's.
    Network(Network),
    /// All sources that are not known, together.
    Unknown,
    /// Attempts with recovery codes, from anywhere.
    Recovery,
}

/// A text that names no lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLane;

/// The state of a lane. Nothing in it is derived from the limits, so that changed limits hold at
/// once.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Lane {
    /// Failed attempts since the last success that clears them.
    pub failures: u32,
    /// When the last lock began; its length follows from `failures`.
    pub locked_at: Option<Timestamp>,
    /// When the last failure was charged.
    pub last_failure: Option<Timestamp>,
    /// When a code was last accepted from here.
    pub last_accept: Option<Timestamp>,
}

impl Lane {
    /// Counts a failure, and locks at each multiple of `lock_after`.
    pub(super) fn charge(&mut self, now: Timestamp, limits: &Limits) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(now);
        if self.failures.is_multiple_of(limits.lock_after.get()) {
            self.locked_at = Some(now);
        }
    }

    /// Forgets failures and locks, and nothing else.
    pub(super) fn reopen(&mut self) {
        *self = Self { last_accept: self.last_accept, ..Self::default() };
    }

    pub(super) fn is_closed(&self, limits: &Limits) -> bool {
        self.failures >= limits.close_after.get()
    }

    /// Whether the lane takes no attempt at `now`. A lock ends at a distance from its beginning,
    /// so that a clock set back before it does not lock for good (I22).
    pub(super) fn closure(&self, now: Timestamp, limits: &Limits) -> Option<Closure> {
        if self.is_closed(limits) {
            return Some(Closure::Indefinite);
        }
        let locked_at = self.locked_at?;
        let length = limits.lock_length(self.failures);
        (now.distance(locked_at) < length).then(|| Closure::Until(locked_at.saturating_add(length)))
    }

    /// Whether a code was accepted from here within 30 days of `now`, either way (I22).
    pub(super) fn is_known(&self, now: Timestamp) -> bool {
        self.last_accept.is_some_and(|accept| now.distance(accept) < KNOWN_FOR)
    }
}

impl fmt::Display for LaneKey {
    /// `local`, `own-program`, `unknown`, `recovery`, or the network.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::OwnProgram => f.write_str("own-program"),
            Self::Network(network) => network.fmt(f),
            Self::Unknown => f.write_str("unknown"),
            Self::Recovery => f.write_str("recovery"),
        }
    }
}

impl FromStr for LaneKey {
    type Err = UnknownLane;

    fn from_str(text: &str) -> Result<Self, UnknownLane> {
        match text {
            "local" => Ok(Self::Local),
            "own-program" => Ok(Self::OwnProgram),
            "unknown" => Ok(Self::Unknown),
            "recovery" => Ok(Self::Recovery),
            network => network.parse().map(Self::Network).map_err(|_| UnknownLane),
        }
    }
}

impl fmt::Display for UnknownLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a lane is local, own-program, unknown, recovery or a network")
    }
}

impl core::error::Error for UnknownLane {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_one_name() {
        for name in ["local", "own-program", "unknown", "recovery", "192.0.2.1", "2001:db8::/64"] {
            assert_eq!(name.parse::<LaneKey>().map(|key| key.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "Local", "unidentified", "2001:db8::1"] {
            assert_eq!(name.parse::<LaneKey>(), Err(UnknownLane), "{name:?}");
        }
    }
}
