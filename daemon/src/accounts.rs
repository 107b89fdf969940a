//! The accounts, for those who look after them.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use twinlock_interface::{AccountQuery, AccountSummary, names::PAGE};
use twinlock_verifier::time::Timestamp;

use crate::{
    audit::Subject,
    clock,
    daemon::Daemon,
    failure::{Failure, Invalid},
    identity::Identity,
    policy::{self, Named},
    status::{Progress, last_accepted_at},
    store::accounts::AccountRecord,
};

/// For all of a page's look-ups together: a user database that hangs must not keep the list.
const PATIENCE: Duration = Duration::from_secs(4);

/// Lists accounts by uid, a page at a time.
pub(crate) async fn accounts(
    daemon: &Daemon,
    call: &Subject,
    query: AccountQuery,
) -> Result<Vec<AccountSummary>, Failure> {
    if query.names.len() > PAGE {
        return Err(Invalid::TooManyNames.into());
    }
    let page = Page { daemon, caller: call.caller, ends: Instant::now() + PATIENCE };
    let mut summaries = Vec::new();
    if query.names.is_empty() {
        for recorded in daemon.store.run(move |records| records.accounts(query.after)).await? {
            summaries.push(page.of_recorded(recorded).await?);
        }
    } else {
        for name in &query.names {
            summaries.extend(page.of_name(name).await?);
        }
        summaries.sort_by_key(|one| one.uid);
        // Names that share a uid are one account (I10).
        summaries.dedup_by_key(|one| one.uid);
    }
    Ok(summaries)
}

struct Page<'d> {
    daemon: &'d Daemon,
    caller: u32,
    ends: Instant,
}

impl Page<'_> {
    /// One that the daemon knows. Whether the host still does is left open where it does not tell.
    async fn of_recorded(&self, recorded: Identity) -> Result<AccountSummary, Failure> {
        let today = self.daemon.identities.by_name(self.caller, &recorded.name);
        let is_stale = match timeout_at(self.ends, today).await {
            Ok(Ok(today)) => today.as_ref() != Some(&recorded),
            Ok(Err(_)) | Err(_) => false,
        };
        let named = Named { asked: &recorded, recorded: &recorded };
        let asked = recorded.clone();
        let record = self.daemon.store.run(move |records| records.account(&asked)).await?.record();
        self.summary(named, record.unwrap_or_default(), is_stale).await
    }

    /// One that the host knows, or used to.
    async fn of_name(&self, name: &str) -> Result<Option<AccountSummary>, Failure> {
        let found = self.daemon.identities.by_name(self.caller, name);
        match timeout_at(self.ends, found).await {
            Ok(Ok(Some(asked))) => {
                match self.daemon.account(self.caller, asked.clone()).await {
                    Ok((recorded, record)) => {
                        let named = Named { asked: &asked, recorded: &recorded };
                        Ok(Some(self.summary(named, record, false).await?))
                    }
                    // Recorded for somebody else: refused, whatever it asks.
                    Err(Failure::AccountMismatch) => {
                        let named = Named { asked: &asked, recorded: &asked };
                        Ok(Some(self.summary(named, AccountRecord::default(), true).await?))
                    }
                    Err(failure) => Err(failure),
                }
            }
            Ok(Ok(None)) => {
                let asked = name.to_owned();
                let uid = self.daemon.store.run(move |records| records.uid_of(&asked)).await?;
                let Some(uid) = uid else { return Ok(None) };
                let gone = Identity { uid, name: name.to_owned() };
                Ok(Some(self.of_recorded(gone).await?))
            }
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    async fn summary(
        &self,
        named: Named<'_>,
        record: AccountRecord,
        is_stale: bool,
    ) -> Result<AccountSummary, Failure> {
        let Self { daemon, caller, ends } = *self;
        let Identity { uid, name } = named.recorded.clone();
        let recovery = daemon.store.run(move |records| records.recovery_codes(uid));
        let recovery_codes_left =
            if record.confirmed.is_empty() { 0 } else { recovery.await?.left() };
        let (now, limits) = (clock::now(), daemon.rules().limits);
        let required = policy::requirement(daemon, caller, named, now);
        let required = match timeout_at(ends, required).await {
            Ok(required) => required,
            Err(_) => Some(policy::Requirement::untold()),
        };
        let progress = Progress::of(daemon, &record, now);
        let by = required.iter().flat_map(|one| &one.decision.by);
        Ok(AccountSummary {
            user: name,
            uid,
            state: progress.state,
            since: progress.since.map(Timestamp::unix),
            required: required.is_some(),
            required_by: by.map(|rule| rule.0).collect(),
            last_accepted_at: last_accepted_at(&record).map(Timestamp::unix),
            authenticators: u32::try_from(record.confirmed.len()).unwrap_or(u32::MAX),
            recovery_codes_left,
            failures: record.throttle.failures(),
            locked_until: record.throttle.locked_until(now, &limits).map(Timestamp::unix),
            closed: record.throttle.closed(now, &limits),
            stale: is_stale,
        })
    }
}
