//! Memberships that were told a moment ago, so that a burst of logins asks a directory once.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Identity, Membership};

/// Who was taken out of a group, or put into it, is treated as before for so long.
const LIFETIME: Duration = Duration::from_secs(10);
/// A full memory takes nothing new (I21).
const AT_MOST: usize = 1024;

/// An account, by uid and name, and the name of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    uid: u32,
    name: String,
    group: String,
}

impl Key {
    pub(super) fn new(identity: &Identity, group: &str) -> Self {
        Self { uid: identity.uid, name: identity.name.clone(), group: group.to_owned() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Recent(HashMap<Key, (Membership, Instant)>);

impl Recent {
    pub(super) fn get(&self, key: &Key, now: Instant) -> Option<Membership> {
        let (membership, since) = self.0.get(key)?;
        is_fresh(*since, now).then_some(*membership)
    }

    /// Takes what was told. That something could not be told is asked again (I9).
    pub(super) fn put(&mut self, key: Key, membership: Membership, now: Instant) {
        if membership == Membership::Unknown {
            return;
        }
        if self.0.len() >= AT_MOST {
            self.0.retain(|_, (_, since)| is_fresh(*since, now));
        }
        if self.0.len() < AT_MOST || self.0.contains_key(&key) {
            self.0.insert(key, (membership, now));
        }
    }
}

fn is_fresh(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        Key::new(&Identity { uid: 1000, name: "alice".into() }, &format!("group-{number}"))
    }

    #[test]
    fn an_answer_is_remembered_for_ten_seconds_and_for_its_own_account_and_group() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        recent.put(key(1), Membership::Member, now);
        recent.put(key(2), Membership::Stranger, now);
        assert_eq!(recent.get(&key(1), now), Some(Membership::Member));
        assert_eq!(recent.get(&key(2), now), Some(Membership::Stranger));
        assert_eq!(recent.get(&key(3), now), None);
        for (uid, name) in [(1001, "alice"), (1000, "bob")] {
            let other = Key::new(&Identity { uid, name: name.into() }, "group-1");
            assert_eq!(recent.get(&other, now), None, "{uid} {name}");
        }
        let last = now + LIFETIME - Duration::from_millis(1);
        assert_eq!(recent.get(&key(1), last), Some(Membership::Member));
        assert_eq!(recent.get(&key(1), now + LIFETIME), None);
    }

    #[test]
    fn what_cannot_be_told_is_not_remembered_and_forgets_nothing() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        recent.put(key(1), Membership::Unknown, now);
        assert_eq!(recent.get(&key(1), now), None);
        recent.put(key(1), Membership::Member, now);
        recent.put(key(1), Membership::Unknown, now);
        assert_eq!(recent.get(&key(1), now), Some(Membership::Member));
    }

    #[test]
    fn it_is_bounded_and_makes_room_of_what_has_ended() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        for number in 0..2 * AT_MOST {
            recent.put(key(number), Membership::Member, now);
        }
        assert_eq!(recent.0.len(), AT_MOST);
        assert_eq!(recent.get(&key(AT_MOST), now), None);
        recent.put(key(0), Membership::Stranger, now);
        assert_eq!(recent.get(&key(0), now), Some(Membership::Stranger));
        let later = now + LIFETIME;
        recent.put(key(AT_MOST), Membership::Member, later);
        assert_eq!(recent.get(&key(AT_MOST), later), Some(Membership::Member));
        assert_eq!(recent.0.len(), 1);
    }
}
