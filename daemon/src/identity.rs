//! Accounts and groups as the host's databases (NSS) know them.
//!
//! A look-up may go to the network and hang there: it runs off the async thread, a few at a time,
//! with a deadline. A failed look-up is an error, never "no such user", and a membership that cannot
//! be told is neither yes nor no (I9).

mod group_database;
mod memberships;
mod queue;
mod recent;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::unistd::{Uid, User};
use tokio::sync::mpsc::unbounded_channel;
use twinlock_interface::names::MAX_NAME_BYTES;
use twinlock_verifier::policy::Membership;

use self::{
    group_database::{GroupDatabase, HostGroups},
    memberships::Member,
    queue::Queue,
    recent::{Key, Recent},
};
use crate::clock;

// The module gives up after three seconds; the answers must be there before.
const ACCOUNT_DEADLINE: Duration = Duration::from_millis(1500);
const AFFILIATION_DEADLINE: Duration = Duration::from_secs(1);
const GROUP_DEADLINE: Duration = Duration::from_secs(1);

/// An account: one canonical name and one uid, together (I10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    /// As the user database spells it, whatever spelling was asked for.
    pub(crate) name: String,
}

/// What rules may say of an account.
#[derive(Debug)]
pub(crate) struct Affiliation {
    /// The canonical name, and the first one of its uid where that is another: a rule about one name
    /// of a uid is about all that is done under it (CVE-2024-9312).
    pub(crate) names: Vec<String>,
    /// By the groups that were asked about, each of them.
    pub(crate) memberships: BTreeMap<String, Membership>,
}

#[derive(Debug)]
pub(crate) enum IdentityError {
    /// No answer within the deadline.
    Slow,
    Failed(nix::Error),
    /// The name has lost its uid since it was looked up.
    Changed,
    /// The look-up's thread panicked or the runtime is ending.
    Aborted,
}

impl std::fmt::Display for IdentityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("user and group database: ")?;
        match self {
            Self::Slow => f.write_str("no answer in time"),
            Self::Failed(error) => error.fmt(f),
            Self::Changed => f.write_str("the account changed while it was looked at"),
            Self::Aborted => f.write_str("the look-up was aborted"),
        }
    }
}

pub(crate) struct Identities {
    users: Queue,
    groups: Queue,
    recent: Arc<Mutex<Recent>>,
    database: Arc<dyn GroupDatabase>,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self::with_groups_of(Arc::new(HostGroups))
    }

    fn with_groups_of(database: Arc<dyn GroupDatabase>) -> Self {
        let recent = Arc::default();
        Self { users: Queue::of_users(), groups: Queue::of_groups(), recent, database }
    }

    /// Looks `name` up for `caller`; `None` when the host answers that there is no such account.
    pub(crate) async fn by_name(
        &self,
        caller: u32,
        name: &str,
    ) -> Result<Option<Identity>, IdentityError> {
        if !is_askable(name) {
            return Ok(None);
        }
        let name = name.to_owned();
        let look_up = move || User::from_name(&name).map_err(IdentityError::Failed);
        let found = self.users.run(caller, ends_in(ACCOUNT_DEADLINE), look_up).await??;
        Ok(found.map(|user| Identity { uid: user.uid.as_raw(), name: user.name }))
    }

    /// The first name of a uid, if the host tells one in time.
    pub(crate) async fn name_of(&self, uid: u32) -> Option<String> {
        let look_up = move || User::from_uid(Uid::from_raw(uid)).map_err(IdentityError::Failed);
        let found = self.users.run(uid, ends_in(ACCOUNT_DEADLINE), look_up).await.ok()?.ok()?;
        found.map(|user| user.name)
    }

    /// The names of an account, and whether it is in each of `groups`. That is never an error: what
    /// cannot be told within the deadline is [`Membership::Unknown`].
    pub(crate) async fn affiliation(
        &self,
        caller: u32,
        identity: &Identity,
        groups: Vec<String>,
    ) -> Result<Affiliation, IdentityError> {
        let ends = ends_in(AFFILIATION_DEADLINE);
        let of = identity.clone();
        let entries = self.users.run(caller, ends, move || entries(&of)).await??;
        let names = entries.iter().map(|entry| entry.name.clone()).collect();
        let memberships = self.memberships(caller, identity, entries, groups, ends).await;
        Ok(Affiliation { names, memberships })
    }

    /// The gid of a group; `None` when the host answers that there is no such group, which is also
    /// what a directory that is down may look like.
    pub(crate) async fn group(
        &self,
        caller: u32,
        name: &str,
    ) -> Result<Option<u32>, IdentityError> {
        if !is_askable(name) {
            return Ok(None);
        }
        let (name, database) = (name.to_owned(), self.database.clone());
        let look_up = move || database.group(&name, &[]).map_err(IdentityError::Failed);
        let found = self.groups.run(caller, ends_in(GROUP_DEADLINE), look_up).await??;
        Ok(found.map(|group| group.gid))
    }

    async fn memberships(
        &self,
        caller: u32,
        identity: &Identity,
        entries: Vec<Entry>,
        groups: Vec<String>,
        ends: Instant,
    ) -> BTreeMap<String, Membership> {
        let key = |group: &str| Key::new(identity, group);
        let mut memberships: BTreeMap<_, _> = {
            let (recent, now) = (lock(&self.recent), clock::monotonic());
            let remembered = |group: &str| recent.get(&key(group), now);
            let tell = |group: String| (remembered(&group).unwrap_or(Membership::Unknown), group);
            groups.into_iter().map(tell).map(|(membership, group)| (group, membership)).collect()
        };
        let open = memberships.iter().filter(|(_, membership)| **membership == Membership::Unknown);
        let open: Vec<_> = open.map(|(group, _)| group.clone()).filter(|g| is_askable(g)).collect();
        if open.is_empty() {
            return memberships;
        }
        let (tell, mut told) = unbounded_channel();
        let (identity, recent) = (identity.clone(), self.recent.clone());
        let database = self.database.clone();
        let look_up = move || {
            let member = Member::new(&*database, &entries);
            for group in open {
                // The others are not looked up when nobody waits any more.
                if tell.is_closed() {
                    return;
                }
                let membership = member.of(&group);
                // Remembered even when it came too late, so that the next login finds it.
                lock(&recent).put(Key::new(&identity, &group), membership, clock::monotonic());
                drop(tell.send((group, membership)));
            }
        };
        // Whatever was told before the deadline counts, however the rest ended.
        drop(self.groups.run(caller, ends, look_up).await);
        while let Ok((group, membership)) = told.try_recv() {
            memberships.insert(group, membership);
        }
        memberships
    }
}

/// A line of the user database.
#[derive(Debug)]
struct Entry {
    name: String,
    /// Its primary group.
    gid: u32,
}

/// The account's own entry, and the first one of its uid where that is another.
fn entries(identity: &Identity) -> Result<Vec<Entry>, IdentityError> {
    let uid = Uid::from_raw(identity.uid);
    let own = User::from_name(&identity.name).map_err(IdentityError::Failed)?;
    let own = own.filter(|own| own.uid == uid).ok_or(IdentityError::Changed)?;
    let first = User::from_uid(uid).map_err(IdentityError::Failed)?;
    let first = first.filter(|first| first.name != own.name);
    let entry = |user: User| Entry { name: user.name, gid: user.gid.as_raw() };
    Ok([Some(own), first].into_iter().flatten().map(entry).collect())
}

fn is_askable(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains('\0')
}

fn ends_in(deadline: Duration) -> Instant {
    clock::monotonic() + deadline
}

/// A panic elsewhere leaves nothing half remembered.
fn lock(recent: &Mutex<Recent>) -> MutexGuard<'_, Recent> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
