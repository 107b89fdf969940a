//! Who must give a code, as a login meets it.
//!
//! - MUST take what cannot be told for the stricter case (I9).
//! - MUST answer a login and an explanation from the same [`outlook`].

pub(crate) mod apply;
pub(crate) mod explain;
mod wire;
mod words;

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use twinlock_interface::Outlook;
use twinlock_verifier::{
    judge::Rules,
    policy::{Claimant, Decision, Level, Occasion, Place, Policy, Service},
    source::Source,
    throttle::{Limits, Profile, Throttle},
    time::Timestamp,
};

use crate::{config::Config, daemon::Daemon, identity::Identity, store::policy::StoredPolicy};

/// The policy and the limits that follow from it.
pub(crate) struct InForce {
    pub(crate) revision: u64,
    pub(crate) profile: Profile,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
}

/// The policy as it was last committed, at hand for every login.
pub(crate) struct Policies(RwLock<Arc<InForce>>);

impl InForce {
    fn new(stored: StoredPolicy, config: &Config) -> Self {
        let StoredPolicy { revision, profile, policy } = stored;
        Self { revision, profile, policy, limits: config.lock.with(profile) }
    }
}

impl Policies {
    pub(crate) fn new(stored: StoredPolicy, config: &Config) -> Self {
        Self(RwLock::new(Arc::new(InForce::new(stored, config))))
    }

    pub(crate) fn now(&self) -> Arc<InForce> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what was committed. Two changes may come here in the other order than they were
    /// committed in.
    fn committed(&self, stored: StoredPolicy, config: &Config) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if stored.revision > current.revision {
            *current = Arc::new(InForce::new(stored, config));
        }
    }
}

impl Daemon {
    /// What answers are judged by.
    pub(crate) fn rules(&self) -> Rules {
        let Config { window, look_ahead, .. } = self.config;
        Rules { window, look_ahead, limits: self.policies.now().limits }
    }
}

/// What the policy asks of a login, and the words that go with it.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) decision: Decision,
    /// Of the policy that was asked.
    pub(crate) revision: u64,
    pub(crate) reason: String,
    /// For somebody without an authenticator who is refused; empty when nobody chose any.
    pub(crate) message: String,
}

impl Default for Demand {
    fn default() -> Self {
        Self { decision: untold(), revision: 0, reason: String::new(), message: String::new() }
    }
}

/// An account under both its names: as whoever asks calls it, and as it is recorded. Rules are about
/// either (I10).
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) asked: &'a Identity,
    pub(crate) recorded: &'a Identity,
}

impl Named<'_> {
    fn names(self) -> Vec<String> {
        let mut names = vec![self.asked.name.clone()];
        if self.recorded != self.asked {
            names.push(self.recorded.name.clone());
        }
        names
    }
}

/// What is asked of a login on that occasion.
pub(crate) async fn demand(
    daemon: &Daemon,
    caller: u32,
    account: Named<'_>,
    occasion: &Occasion,
    now: Timestamp,
) -> Demand {
    let in_force = daemon.policies.now();
    let policy = &in_force.policy;
    let groups = policy.groups_for(&account.names(), occasion, now);
    let names_users = policy.names_users();
    let Some(claimant) = affiliated(daemon, caller, account, names_users, groups).await else {
        return Demand::default();
    };
    let decision = policy.decide(&claimant, occasion, now);
    let reason = words::youngest(&in_force, &decision.by, |rule| &rule.reason);
    let message = words::youngest(&in_force, &decision.by, |rule| &rule.message);
    Demand { decision, revision: in_force.revision, reason, message }
}

/// The account, with all that any rule of the policies could ask about it. `None` when the host cannot
/// tell its names: then nothing is milder than required.
pub(crate) async fn claimant(
    daemon: &Daemon,
    caller: u32,
    account: Named<'_>,
    policies: &[&Policy],
) -> Option<Claimant> {
    let names_users = policies.iter().any(|policy| policy.names_users());
    let groups = policies.iter().flat_map(|policy| policy.groups()).collect();
    affiliated(daemon, caller, account, names_users, groups).await
}

/// Asks the host no more than the rules ask.
async fn affiliated(
    daemon: &Daemon,
    caller: u32,
    account: Named<'_>,
    names_users: bool,
    groups: BTreeSet<&str>,
) -> Option<Claimant> {
    if !names_users && groups.is_empty() {
        return Some(Claimant { names: account.names(), ..Claimant::default() });
    }
    let groups = groups.into_iter().map(str::to_owned).collect();
    let told = daemon.identities.affiliation(caller, account.asked, groups).await.ok()?;
    let mut names = account.names();
    names.extend(told.names);
    names.sort_unstable();
    names.dedup();
    Some(Claimant { names, uid: Some(account.asked.uid), groups: told.memberships })
}

/// A code that is required of an account on some occasion.
pub(crate) struct Requirement {
    /// On the occasion that asks most.
    pub(crate) decision: Decision,
    /// Why, in words.
    pub(crate) because: String,
}

impl Requirement {
    /// For want of an answer from the user database.
    pub(crate) fn untold() -> Self {
        Self { decision: untold(), because: "the user database does not answer".to_owned() }
    }
}

/// What is required of the account, if a code is on any occasion.
pub(crate) async fn requirement(
    daemon: &Daemon,
    caller: u32,
    account: Named<'_>,
    now: Timestamp,
) -> Option<Requirement> {
    let in_force = daemon.policies.now();
    let Some(claimant) = claimant(daemon, caller, account, &[&in_force.policy]).await else {
        return Some(Requirement::untold());
    };
    let decision = in_force.policy.requires(&claimant, now)?;
    let because = words::because(&in_force, &decision.by);
    Some(Requirement { decision, because })
}

/// What a failed look-up counts as.
fn untold() -> Decision {
    Decision {
        level: Level::Required,
        enroll_until: None,
        remember: Duration::ZERO,
        by: Vec::new(),
        guessed: true,
    }
}

/// What a login meets, but for what is remembered of its source.
pub(crate) fn outlook(
    decision: &Decision,
    enrolled: bool,
    throttle: &Throttle,
    source: &Source,
    may_enroll: bool,
    now: Timestamp,
    limits: &Limits,
) -> Outlook {
    let is_asked = match decision.level {
        Level::Exempt => false,
        Level::Optional => enrolled,
        Level::Required => true,
    };
    if !is_asked {
        Outlook::NotAsked
    } else if throttle.gate(source, now, limits).is_err() {
        Outlook::Locked
    } else if enrolled {
        Outlook::AsksForCode
    } else if may_enroll && decision.enrolls_at(now) {
        Outlook::Enrolls
    } else {
        Outlook::Refused
    }
}

/// The occasion of a login that root's host program tells of, or of one that somebody else's does.
pub(crate) fn occasion(service: Option<&str>, place: Place) -> Occasion {
    let service = service.map_or(Service::Untold, |name| Service::Named(name.to_owned()));
    Occasion { service, place }
}
