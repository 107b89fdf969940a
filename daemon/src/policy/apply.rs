//! A change to the policy.
//!
//! - MUST be done whole or not at all, together with the events that tell of it.
//! - MUST look for ways in that would be lost in the transaction that would lose them.
//! - MUST NOT take a name that the host does not know, unless that is meant: a typo in a required rule
//!   would ask nobody.

use twinlock_interface::{PolicyChange, names::MAX_REMARK_BYTES};
use twinlock_verifier::{
    policy::{Claimant, Policy, Rule, RuleId, Scope},
    throttle::Profile,
    time::Timestamp,
};

use super::{InForce, Named, claimant, wire};
use crate::{
    audit::{Outcome, Subject},
    clock,
    daemon::Daemon,
    failure::{Failure, Invalid},
    identity::Identity,
    store::{Records, StoreError, policy::StoredPolicy},
};

/// Longest line about a rule that an event holds, in bytes.
const MAX_DETAILS: usize = 1024;

/// Accounts that a change may be held against.
const MOST_WAYS_IN: usize = 8;

/// Changes the policy; returns what it is then.
pub(crate) async fn apply(
    daemon: &Daemon,
    subject: &Subject,
    request: PolicyChange,
) -> Result<twinlock_interface::Policy, Failure> {
    let PolicyChange { revision, removed, added, profile, ways_in, unknown_names, .. } = request;
    if ways_in.len() > MOST_WAYS_IN {
        return Err(Invalid::TooManyNames.into());
    }
    let author = author(daemon, subject.caller, request.author).await?;
    let change = Change {
        revision,
        removed: removed.into_iter().map(RuleId).collect(),
        added: read(daemon, subject.caller, added, &author, unknown_names).await?,
        author,
        profile: profile.map(wire::profile),
        subject: subject.clone(),
        now: clock::now(),
    };
    let ways_in = claimants(daemon, subject.caller, &ways_in, &change.added).await?;
    let dry_run = request.dry_run;
    let carried_out = daemon.store.decide(move |records| {
        let after = change.carry_out(records, &ways_in)?;
        if dry_run { Err(Undone::Preview(after)) } else { Ok(after) }
    });
    match carried_out.await {
        Ok(after) => {
            daemon.policies.committed(after, &daemon.config);
            Ok(wire::policy(&daemon.policies.now()))
        }
        Err(Undone::Preview(after)) => Ok(wire::policy(&InForce::new(after, &daemon.config))),
        Err(Undone::Failed(failure)) => Err(failure),
    }
}

/// The rules to be added, which name what there is.
async fn read(
    daemon: &Daemon,
    caller: u32,
    rules: Vec<twinlock_interface::Rule>,
    author: &str,
    unknown_names: bool,
) -> Result<Vec<Rule>, Failure> {
    let mut read = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut rule = wire::read(rule, author, clock::now())?;
        match &mut rule.scope {
            Scope::Everyone => {}
            Scope::Group(name) => {
                let found = daemon.identities.group(caller, name).await?;
                if found.is_none() && !unknown_names {
                    return Err(Failure::NoSuchGroup(name.clone()));
                }
            }
            // As the user database spells it.
            Scope::User(name) => match daemon.identities.by_name(caller, name).await? {
                Some(account) => {
                    *name = account.name;
                    rule.uid = Some(account.uid);
                }
                None if unknown_names => {}
                None => return Err(Failure::NoSuchUser(name.clone())),
            },
        }
        read.push(rule);
    }
    Ok(read)
}

/// Who makes the change. root is many people, and sudo knows which.
async fn author(daemon: &Daemon, caller: u32, claimed: Option<String>) -> Result<String, Failure> {
    match claimed.filter(|_| caller == 0) {
        Some(name) if name.is_empty() || name.len() > MAX_REMARK_BYTES => {
            Err(Invalid::Author.into())
        }
        Some(name) => Ok(name),
        None => {
            Ok(daemon.identities.name_of(caller).await.unwrap_or_else(|| format!("uid {caller}")))
        }
    }
}

/// The accounts that must not lose a way in.
async fn claimants(
    daemon: &Daemon,
    caller: u32,
    names: &[String],
    added: &[Rule],
) -> Result<Vec<(Identity, Claimant)>, Failure> {
    let (before, added) = (daemon.policies.now(), Policy::new(added.to_vec()));
    let mut claimants = Vec::with_capacity(names.len());
    for name in names {
        let Some(asked) = daemon.identities.by_name(caller, name).await? else { continue };
        let (account, _) = daemon.account(caller, asked.clone()).await?;
        let named = Named { asked: &asked, recorded: &account };
        let found = claimant(daemon, caller, named, &[&before.policy, &added]).await;
        let found = found.ok_or(Failure::Internal("the user database does not answer"))?;
        claimants.push((account, found));
    }
    Ok(claimants)
}

/// Why the transaction was rolled back.
enum Undone {
    Preview(StoredPolicy),
    Failed(Failure),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Change {
    revision: Option<u64>,
    removed: Vec<RuleId>,
    added: Vec<Rule>,
    /// Who makes the change.
    author: String,
    profile: Option<Profile>,
    subject: Subject,
    now: Timestamp,
}

impl Change {
    fn carry_out(
        &self,
        records: &Records<'_>,
        ways_in: &[(Identity, Claimant)],
    ) -> Result<StoredPolicy, Failure> {
        let before = records.policy()?;
        if self.revision.is_some_and(|revision| revision != before.revision) {
            return Err(Failure::PolicyChanged);
        }
        let profile = self.profile.filter(|profile| *profile != before.profile);
        if self.removed.is_empty() && self.added.is_empty() && profile.is_none() {
            return Ok(before);
        }
        let mut forgets = false;
        for id in &self.removed {
            let rule = before.policy.rules().iter().find(|rule| rule.id == *id);
            let (Some(rule), true) = (rule, records.remove_rule(*id)?) else {
                return Err(Failure::NoSuchRule(id.0));
            };
            forgets |= !rule.remember.is_zero();
            self.note(records, "removed", &wire::line(rule))?;
        }
        if forgets {
            // Should such a rule come back, it begins anew.
            records.forget_all_sources()?;
        }
        for rule in &self.added {
            let id = records.add_rule(rule)?;
            self.note(records, "added", &wire::line(&Rule { id, ..rule.clone() }))?;
        }
        if let Some(profile) = profile {
            self.note(records, "profile", profile.as_str())?;
        }
        records.count_policy_change(profile)?;
        let after = records.policy()?;
        after.policy.check().map_err(Invalid::Policy)?;
        for (account, claimant) in ways_in {
            let enrolled = !records.record_of(account)?.confirmed.is_empty();
            let lost =
                Policy::takes_way_in(&before.policy, &after.policy, claimant, enrolled, self.now);
            if let Some(occasion) = lost {
                return Err(Failure::WouldLockOut(account.name.clone(), occasion));
            }
        }
        Ok(after)
    }

    fn note(
        &self,
        records: &Records<'_>,
        what: &'static str,
        details: &str,
    ) -> Result<(), StoreError> {
        let mut event = self.subject.ended(Outcome::Done, what, self.now);
        let details = format!("by={} {details}", self.author);
        event.details = details.chars().take(MAX_DETAILS).collect();
        records.note(event)
    }
}
