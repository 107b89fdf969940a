//! Who calls how often.
//!
//! uid 0 is not limited: it is sshd, sudo and login, and holding them back is what a flood wants.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Calls of one unprivileged uid at a time.
const IN_FLIGHT: usize = 8;
/// Calls of one unprivileged uid in a minute.
const PER_MINUTE: u32 = 60;
/// Further calls in that minute that are told so. Whoever goes on gets no answer at all.
const TOLD_PER_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Connections whose uid is remembered. A connection beyond is asked for again.
const REMEMBERED: usize = 4096;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Answered with `LimitsExceeded`.
    Told,
    /// Dropped unanswered.
    Dropped,
}

/// Shared by the socket, which counts, and the door, which answers.
#[derive(Clone, Default)]
pub(super) struct Traffic(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// uid by unique name. A bus never gives a unique name twice, so an entry cannot become wrong.
    uids: HashMap<String, u32>,
    /// The names in `uids`, oldest first.
    order: VecDeque<String>,
    by_uid: HashMap<u32, Own>,
}

/// One unprivileged uid.
#[derive(Default)]
struct Own {
    in_flight: usize,
    /// Calls since `since`.
    calls: u32,
    since: Option<Instant>,
}

/// A call under way; it counts until dropped.
pub(super) struct UnderWay {
    uid: u32,
    traffic: Traffic,
}

impl Traffic {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The uid behind a unique name, if the bus has been asked for it.
    pub(super) fn uid_of(&self, name: &str) -> Option<u32> {
        self.table().uids.get(name).copied()
    }

    /// Remembers what the bus answered.
    pub(super) fn remember(&self, name: &str, uid: u32) {
        let mut table = self.table();
        if table.uids.insert(name.to_owned(), uid).is_some() {
            return;
        }
        table.order.push_back(name.to_owned());
        if table.order.len() > REMEMBERED
            && let Some(oldest) = table.order.pop_front()
        {
            table.uids.remove(&oldest);
        }
    }

    /// Whether `uid` has used up even its patience in this minute.
    pub(super) fn is_flooding(&self, uid: u32, now: Instant) -> bool {
        let table = self.table();
        let own = table.by_uid.get(&uid);
        own.is_some_and(|own| !own.is_stale(now) && own.calls >= PER_MINUTE + TOLD_PER_MINUTE)
    }

    /// Counts a message of `uid`.
    pub(super) fn count(&self, uid: u32, now: Instant) -> Verdict {
        if uid == 0 {
            return Verdict::Pass;
        }
        let mut table = self.table();
        // Bounded by the uids that called within a minute (I21).
        table.by_uid.retain(|_, own| own.in_flight > 0 || !own.is_stale(now));
        let own = table.by_uid.entry(uid).or_default();
        if own.is_stale(now) {
            (own.calls, own.since) = (0, Some(now));
        }
        own.calls = own.calls.saturating_add(1);
        match own.calls {
            0..=PER_MINUTE => Verdict::Pass,
            calls if calls <= PER_MINUTE + TOLD_PER_MINUTE => Verdict::Told,
            _ => Verdict::Dropped,
        }
    }

    /// Begins a call of `uid`, unless it has used up its minute or its number at a time.
    pub(super) fn begin(&self, uid: u32, now: Instant) -> Option<UnderWay> {
        let mut table = self.table();
        if uid != 0 {
            let own = table.by_uid.entry(uid).or_default();
            if own.in_flight >= IN_FLIGHT || (!own.is_stale(now) && own.calls > PER_MINUTE) {
                return None;
            }
            own.in_flight = own.in_flight.saturating_add(1);
        }
        Some(UnderWay { uid, traffic: self.clone() })
    }
}

impl Own {
    fn is_stale(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(own) = self.traffic.table().by_uid.get_mut(&self.uid) {
            own.in_flight = own.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_served_then_told_then_dropped_and_forgiven_after_a_minute() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        for call in 1..=200 {
            let expected = match call {
                1..=60 => Verdict::Pass,
                61..=120 => Verdict::Told,
                _ => Verdict::Dropped,
            };
            assert_eq!(traffic.count(1000, now), expected, "call {call}");
        }
        assert!(traffic.is_flooding(1000, now));
        assert!(traffic.begin(1000, now).is_none());
        assert_eq!(traffic.count(1001, now), Verdict::Pass);
        assert_eq!(traffic.count(0, now), Verdict::Pass);
        assert!(!traffic.is_flooding(1000, now + MINUTE));
        assert_eq!(traffic.count(1000, now + MINUTE), Verdict::Pass);
    }

    #[test]
    fn eight_calls_of_a_uid_are_under_way_at_most() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        traffic.count(1000, now);
        let mut calls: Vec<_> = (0..8).map(|_| traffic.begin(1000, now).unwrap()).collect();
        assert!(traffic.begin(1000, now).is_none());
        assert!(traffic.begin(0, now).is_some());
        calls.pop();
        assert!(traffic.begin(1000, now).is_some());
    }

    #[test]
    fn remembered_names_are_bounded() {
        let traffic = Traffic::default();
        for number in 0..2 * REMEMBERED {
            traffic.remember(&format!(":1.{number}"), 1000);
        }
        assert_eq!(traffic.table().uids.len(), REMEMBERED);
        assert_eq!(traffic.uid_of(":1.0"), None);
        assert_eq!(traffic.uid_of(&format!(":1.{}", 2 * REMEMBERED - 1)), Some(1000));
    }
}
