//! How many failures an account takes, and from where.
//!
//! A *known* source is a terminal of this host, the programs of the account's own uid, or a network
//! from which a code was accepted in the last 30 days. Each has a lane of its own; all others share
//! the unknown lane. A flood from elsewhere can therefore close the unknown lane and never a known
//! one (I20), and a success clears what its own source caused and nothing else (I7). The recovery
//! lane counts attempts with recovery codes, from anywhere.
//!
//! A row of a network without an accept is no lane: it notes the network's share of the unknown
//! lane, and is what a first success may take back from it. The number of rows is bounded (I21):
//! a flood from ever new addresses loses shares, never failures.

mod lane;
mod limits;

use std::collections::BTreeMap;

pub use self::{
    lane::{Lane, LaneKey, UnknownLane},
    limits::{Closure, Limits, Profile, UnknownProfile},
};
use crate::{Network, Source, Timestamp};

/// Networks with an accept that are remembered per account.
const ACCEPTED_NETWORKS: usize = 16;
/// Networks without one whose share of the unknown lane is remembered per account.
const SHARES: usize = 16;

/// The throttle of one account, over all its authenticators and login sessions.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Throttle {
    lanes: BTreeMap<LaneKey, Lane>,
}

impl Throttle {
    /// From stored rows.
    pub fn from_rows(rows: impl IntoIterator<Item = (LaneKey, Lane)>) -> Self {
        Self { lanes: rows.into_iter().collect() }
    }

    /// The rows to store, in the order of their keys.
    pub fn rows(&self) -> impl Iterator<Item = (LaneKey, &Lane)> {
        self.lanes.iter().map(|(key, lane)| (*key, lane))
    }

    /// Whether an attempt from this source may be compared at all (I6).
    pub fn gate(&self, source: &Source, now: Timestamp, limits: &Limits) -> Result<(), Closure> {
        self.gate_of(self.lane_of(source, now), now, limits)
    }

    /// Whether an attempt with a recovery code may be evaluated at all (I6).
    pub fn recovery_gate(&self, now: Timestamp, limits: &Limits) -> Result<(), Closure> {
        self.gate_of(LaneKey::Recovery, now, limits)
    }

    /// What an administrator does: forgets failures and locks in every lane. Which networks are
    /// known stays.
    pub fn unlock(&mut self) {
        self.lanes.values_mut().for_each(Lane::reopen);
        self.lanes.retain(|_, lane| lane.last_accept.is_some());
    }

    /// Failures that still count, over all lanes, each once.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.own_lanes().fold(0, |sum, (_, lane)| sum.saturating_add(lane.failures))
    }

    /// The lanes that take nothing now: each with its failures and when it opens. A network that is
    /// known no more has no lane.
    #[must_use]
    pub fn locks(&self, now: Timestamp, limits: &Limits) -> Vec<(LaneKey, u32, Closure)> {
        self.lanes
            .iter()
            .filter(|(key, lane)| !is_network(key) || lane.is_known(now))
            .filter_map(|(key, lane)| Some((*key, lane.failures, lane.closure(now, limits)?)))
            .collect()
    }

    /// When the last of the running locks ends.
    #[must_use]
    pub fn locked_until(&self, now: Timestamp, limits: &Limits) -> Option<Timestamp> {
        let end = |(_, _, closure)| match closure {
            Closure::Until(end) => Some(end),
            Closure::Indefinite => None,
        };
        self.locks(now, limits).into_iter().filter_map(end).max()
    }

    /// Whether a lane is closed until an administrator or a recovery code opens it.
    #[must_use]
    pub fn closed(&self, now: Timestamp, limits: &Limits) -> bool {
        self.locks(now, limits).iter().any(|(_, _, closure)| *closure == Closure::Indefinite)
    }

    /// Counts a failed attempt against the lane of its source.
    pub(crate) fn charge(&mut self, source: &Source, now: Timestamp, limits: &Limits) {
        let key = self.lane_of(source, now);
        self.lanes.entry(key).or_default().charge(now, limits);
        if let (LaneKey::Unknown, Source::Network(network)) = (key, source) {
            self.note_share(*network, now);
        }
    }

    /// Counts an attempt with a recovery code, whatever comes of it (I5).
    pub(crate) fn charge_recovery(&mut self, now: Timestamp, limits: &Limits) {
        self.lanes.entry(LaneKey::Recovery).or_default().charge(now, limits);
    }

    /// The throttle after a code from `source` was accepted.
    #[must_use]
    pub fn after_accept(&self, source: &Source, now: Timestamp, limits: &Limits) -> Self {
        let mut after = self.clone();
        after.clear(source, now, limits);
        after
    }

    /// What an accepted code does: forgets the failures of its own source, which is known from
    /// now on (I7). A source nobody can name again clears nothing.
    fn clear(&mut self, source: &Source, now: Timestamp, limits: &Limits) {
        let key = match source {
            Source::Local => LaneKey::Local,
            Source::OwnProgram => LaneKey::OwnProgram,
            Source::Network(network) => LaneKey::Network(*network),
            Source::Unidentified => return,
        };
        self.take_back_share(key, now, limits);
        if matches!(key, LaneKey::Network(_)) {
            self.make_room_for_accept(key);
        }
        let lane = self.lanes.entry(key).or_default();
        lane.failures = 0;
        lane.locked_at = None;
        lane.last_accept = Some(now);
    }

    /// What a right ticket does: forgets the attempts that led to it.
    pub(crate) fn clear_recovery(&mut self) {
        self.lanes.remove(&LaneKey::Recovery);
    }

    /// What an accepted recovery code does: opens every lane that nothing but a person can open,
    /// and clears the lane of recovery codes and the source's own. A lock that ends by itself
    /// stays: it holds off somebody else.
    pub(crate) fn clear_after_recovery(
        &mut self,
        source: &Source,
        now: Timestamp,
        limits: &Limits,
    ) {
        self.clear_recovery();
        if self.lanes.get(&LaneKey::Unknown).is_some_and(|lane| lane.is_closed(limits)) {
            // A share must not outlive the failures it is a share of.
            self.lanes.retain(|key, lane| !is_share(key, lane));
        }
        for (key, lane) in &mut self.lanes {
            if !is_share(key, lane) && lane.is_closed(limits) {
                lane.reopen();
            }
        }
        self.clear(source, now, limits);
    }

    fn gate_of(&self, key: LaneKey, now: Timestamp, limits: &Limits) -> Result<(), Closure> {
        match self.lanes.get(&key).and_then(|lane| lane.closure(now, limits)) {
            Some(closure) => Err(closure),
            None => Ok(()),
        }
    }

    /// The lane that decides about a source at `now`.
    #[must_use]
    pub fn lane_of(&self, source: &Source, now: Timestamp) -> LaneKey {
        match source {
            Source::Local => LaneKey::Local,
            Source::OwnProgram => LaneKey::OwnProgram,
            Source::Network(network) => {
                let key = LaneKey::Network(*network);
                let known = self.lanes.get(&key).is_some_and(|lane| lane.is_known(now));
                if known { key } else { LaneKey::Unknown }
            }
            Source::Unidentified => LaneKey::Unknown,
        }
    }

    /// Rows that are lanes: every failure stands in exactly one of them.
    fn own_lanes(&self) -> impl Iterator<Item = (&LaneKey, &Lane)> {
        self.lanes.iter().filter(|(key, lane)| !is_share(key, lane))
    }

    /// Notes that the unknown lane's newest failure is this network's.
    fn note_share(&mut self, network: Network, now: Timestamp) {
        let key = LaneKey::Network(network);
        // A network that is known no more begins anew: its old failures were never in the unknown
        // lane, and must not be taken back from there.
        if self.lanes.get(&key).is_some_and(|lane| lane.last_accept.is_some()) {
            self.lanes.remove(&key);
        }
        if !self.lanes.contains_key(&key) {
            self.drop_oldest(SHARES, is_share, |lane| lane.last_failure);
        }
        let share = self.lanes.entry(key).or_default();
        share.failures = share.failures.saturating_add(1);
        share.last_failure = Some(now);
    }

    /// Takes the source's own share out of the unknown lane. While that lane is locked the share
    /// stays: fewer failures would mean a shorter lock for everybody else in it.
    fn take_back_share(&mut self, key: LaneKey, now: Timestamp, limits: &Limits) {
        let share = self.lanes.get(&key).filter(|lane| is_share(&key, lane));
        let share = share.map_or(0, |lane| lane.failures);
        if let Some(unknown) = self.lanes.get_mut(&LaneKey::Unknown)
            && unknown.closure(now, limits).is_none()
        {
            unknown.failures = unknown.failures.saturating_sub(share);
        }
    }

    fn make_room_for_accept(&mut self, key: LaneKey) {
        if self.lanes.get(&key).is_none_or(|lane| lane.last_accept.is_none()) {
            let accepted =
                |key: &LaneKey, lane: &Lane| is_network(key) && lane.last_accept.is_some();
            self.drop_oldest(ACCEPTED_NETWORKS, accepted, |lane| lane.last_accept);
        }
    }

    /// Drops the oldest of a kind of rows until there is room for one more.
    fn drop_oldest(
        &mut self,
        capacity: usize,
        kind: impl Fn(&LaneKey, &Lane) -> bool,
        age: impl Fn(&Lane) -> Option<Timestamp>,
    ) {
        while self.lanes.iter().filter(|(key, lane)| kind(key, lane)).count() >= capacity {
            let rows = self.lanes.iter().filter(|(key, lane)| kind(key, lane));
            let Some(oldest) = rows.min_by_key(|(_, lane)| age(lane)).map(|(key, _)| *key) else {
                return;
            };
            self.lanes.remove(&oldest);
        }
    }
}

fn is_network(key: &LaneKey) -> bool {
    matches!(key, LaneKey::Network(_))
}

/// Whether a row is a network's share of the unknown lane rather than a lane.
fn is_share(key: &LaneKey, lane: &Lane) -> bool {
    is_network(key) && lane.last_accept.is_none()
}
