//! Whether an account is in a group, told by gids alone: a name that one source gives to a group says
//! nothing about the group of that name in another (CVE-2025-49012).

use std::{cell::OnceCell, collections::HashSet};

use twinlock_verifier::policy::Membership;

use super::{Entry, group_database::GroupDatabase};

/// A group that nobody has.
const NOBODYS_GROUP: &str = "twinlock-no-such-group";

/// An account that is asked about; all its groups are read when they are first needed, and once.
pub(super) struct Member<'a> {
    database: &'a dyn GroupDatabase,
    entries: &'a [Entry],
    gids: OnceCell<Option<HashSet<u32>>>,
}

impl<'a> Member<'a> {
    pub(super) fn new(database: &'a dyn GroupDatabase, entries: &'a [Entry]) -> Self {
        Self { database, entries, gids: OnceCell::new() }
    }

    pub(super) fn of(&self, group: &str) -> Membership {
        let names: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        let Ok(Some(found)) = self.database.group(group, &names) else {
            return Membership::Unknown;
        };
        // What these two tell needs no other source, which may be the one that hangs.
        if found.lists_any || self.entries.iter().any(|entry| entry.gid == found.gid) {
            return Membership::Member;
        }
        match self.gids.get_or_init(|| self.all_gids()) {
            None => Membership::Unknown,
            Some(gids) if gids.contains(&found.gid) => Membership::Member,
            Some(_) => Membership::Stranger,
        }
    }

    /// `None` when they may not be all.
    fn all_gids(&self) -> Option<HashSet<u32>> {
        let mut gids = HashSet::new();
        for entry in self.entries {
            gids.extend(self.database.gids(&entry.name, entry.gid).ok()?);
        }
        // getgrouplist(3) leaves out what a source that fails would have said, and does not tell. Asked
        // for a group that nobody has, the last source tells whether it works; glibc keeps the failure
        // of an earlier one to itself, and the groups that only it knows are not found either.
        self.database.group(NOBODYS_GROUP, &[]).ok()?;
        Some(gids)
    }
}
