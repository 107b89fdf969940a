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
/// Calls of one connection that are let in before the bus has said whose they are.
const FIRST_CALLS: u32 = 16;
/// Connections that are remembered, with their uid and before they have one.
const REMEMBERED: usize = 4096;

/// Shared by the socket, which counts and drops, and the door, which asks the bus and answers.
#[derive(Clone, Default)]
pub(super) struct Traffic(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// uid by unique name. A bus never gives a unique name twice, so an entry cannot become wrong.
    uids: HashMap<String, u32>,
    /// The names in `uids`, oldest first.
    order: VecDeque<String>,
    /// Calls let in from names that are not in `uids` yet.
    first_calls: HashMap<String, u32>,
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

    /// Whether a message from the connection called `name` is worth a task. What is not is dropped
    /// unanswered.
    pub(super) fn lets_in(&self, name: &str, now: Instant) -> bool {
        let mut table = self.table();
        match table.uids.get(name).copied() {
            Some(0) => true,
            Some(uid) => table.count(uid, 1, now) <= PER_MINUTE + TOLD_PER_MINUTE,
            None => {
                // A connection that never turns out to be anybody's leaves its number behind.
                if table.first_calls.len() >= REMEMBERED {
                    table.first_calls.clear();
                }
                let calls = table.first_calls.entry(name.to_owned()).or_default();
                *calls = calls.saturating_add(1);
                *calls <= FIRST_CALLS
            }
        }
    }

    /// Notes what the bus answered about a connection, and counts its first calls for that uid.
    pub(super) fn belongs_to(&self, name: &str, uid: u32, now: Instant) {
        let mut table = self.table();
        if table.uids.insert(name.to_owned(), uid).is_some() {
            return;
        }
        let calls = table.first_calls.remove(name).unwrap_or(1);
        if uid != 0 {
            table.count(uid, calls, now);
        }
        table.order.push_back(name.to_owned());
        if table.order.len() > REMEMBERED
            && let Some(oldest) = table.order.pop_front()
        {
            table.uids.remove(&oldest);
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

impl Table {
    /// Counts calls of `uid`; returns how many it has made in this minute.
    fn count(&mut self, uid: u32, calls: u32, now: Instant) -> u32 {
        // Bounded by the uids that called within a minute (I21).
        self.by_uid.retain(|_, own| own.in_flight > 0 || !own.is_stale(now));
        let own = self.by_uid.entry(uid).or_default();
        if own.is_stale(now) {
            (own.calls, own.since) = (0, Some(now));
        }
        own.calls = own.calls.saturating_add(calls);
        own.calls
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

    const NAME: &str = ":1.7";

    #[test]
    fn a_uid_is_served_then_told_then_dropped_and_forgiven_after_a_minute() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        assert!(traffic.lets_in(NAME, now));
        traffic.belongs_to(NAME, 1000, now);
        for call in 2..=200 {
            assert_eq!(traffic.lets_in(NAME, now), call <= 120, "call {call}");
            assert_eq!(traffic.begin(1000, now).is_some(), call <= 60, "call {call}");
        }
        assert!(traffic.begin(1001, now).is_some());
        assert!(traffic.begin(0, now).is_some());
        assert!(traffic.lets_in(NAME, now + MINUTE));
        assert!(traffic.begin(1000, now + MINUTE).is_some());
    }

    #[test]
    fn root_is_let_in_always() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        traffic.belongs_to(NAME, 0, now);
        assert!((0..1000).all(|_| traffic.lets_in(NAME, now)));
    }

    #[test]
    fn a_connection_is_let_in_a_few_times_before_it_is_anybodys_and_all_of_them_count() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        let let_in = (0..100).filter(|_| traffic.lets_in(NAME, now)).count();
        assert_eq!(let_in, 16);
        traffic.belongs_to(NAME, 1000, now);
        assert!(traffic.begin(1000, now).is_none());
    }

    #[test]
    fn eight_calls_of_a_uid_are_under_way_at_most() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        let mut calls: Vec<_> = (0..8).map(|_| traffic.begin(1000, now).unwrap()).collect();
        assert!(traffic.begin(1000, now).is_none());
        assert!(traffic.begin(0, now).is_some());
        calls.pop();
        assert!(traffic.begin(1000, now).is_some());
    }

    #[test]
    fn remembered_names_are_bounded() {
        let (traffic, now) = (Traffic::default(), Instant::now());
        for number in 0..2 * REMEMBERED {
            let name = format!(":1.{number}");
            traffic.lets_in(&name, now);
            traffic.lets_in(&format!(":2.{number}"), now);
            traffic.belongs_to(&name, 1000, now);
        }
        assert_eq!(traffic.table().uids.len(), REMEMBERED);
        assert!(traffic.table().first_calls.len() <= REMEMBERED);
    }
}
