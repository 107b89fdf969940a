//! What people do with the authenticators they have: rename and remove them.
//!
//! - MUST take a fresh proof before anything changes, do the change in the transaction that accepts
//!   it, and not spend it on what cannot be (I12).
//! - MUST leave the last authenticator where a code is required of the account.

use std::sync::Arc;

use twinlock_verifier::{answer::Answer, authenticator::AuthenticatorId};

use crate::{
    audit::Subject,
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    new_authenticator::check_name,
    policy::{self, Named},
    proof::{self, Attempt, OnAccept},
    store::{Records, accounts::AccountRecord},
};

/// Gives the authenticator called `old` another name.
pub(crate) async fn rename(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    (old, new): (&str, &str),
    code: &str,
) -> Result<(), Failure> {
    check_name(new)?;
    let (account, record) = enrolled(daemon, call.caller, account).await?;
    to_rename(&record, old, new)?;
    let (old, new) = (old.to_owned(), new.to_owned());
    let rename = move |records: &Records<'_>, account: &Identity| {
        let id = to_rename(&records.record_of(account)?, &old, &new)?;
        Ok(records.rename_authenticator(id, &new)?)
    };
    let rename: OnAccept<Result<(), Failure>> =
        Arc::new(move |records, account, _| proof::settled(rename(records, account)));
    let attempt = Attempt::by_command(call, account, Answer::parse(code));
    let noting = proof::by_command(call, attempt.now);
    proof::prove(daemon, attempt, rename, noting).await?.settled()
}

/// The authenticator called `old`, if `new` is free.
fn to_rename(record: &AccountRecord, old: &str, new: &str) -> Result<AuthenticatorId, Failure> {
    let is_pending = record.pending.iter().any(|pending| pending.authenticator.name == new);
    if old != new && (id_of(record, new).is_ok() || is_pending) {
        return Err(Failure::NameTaken);
    }
    id_of(record, old)
}

/// Removes the authenticator of that name, or all of them for an empty one. Failures and locks stay:
/// else enrolling anew would be a way to wash them off (I19).
pub(crate) async fn remove(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    name: &str,
    code: &str,
) -> Result<(), Failure> {
    let (asked, revision) = (account.clone(), daemon.policies.now().revision);
    let (account, record) = enrolled(daemon, call.caller, account).await?;
    let named = Named { asked: &asked, recorded: &account };
    let keeps = keeps_last(daemon, call.caller, named).await;
    to_remove(&record, name, keeps.as_deref())?;
    let name = name.to_owned();
    let remove = move |records: &Records<'_>, account: &Identity| {
        if records.policy_revision()? != revision {
            return Err(Failure::PolicyChanged);
        }
        let record = records.record_of(account)?;
        let going = to_remove(&record, &name, keeps.as_deref())?;
        for id in &going {
            records.remove_authenticator(*id)?;
        }
        // Whoever had the phone that is going may have been the one who is remembered.
        records.forget_sources(account.uid)?;
        if going.len() == record.confirmed.len() {
            records.drop_pending(account.uid)?;
            records.drop_recovery_codes(account.uid)?;
        }
        Ok(())
    };
    let remove: OnAccept<Result<(), Failure>> =
        Arc::new(move |records, account, _| proof::settled(remove(records, account)));
    let attempt = Attempt::by_command(call, account, Answer::parse(code));
    let noting = proof::by_command(call, attempt.now);
    proof::prove(daemon, attempt, remove, noting).await?.settled()
}

/// Why the account has to keep its last authenticator, if it has to. root may reset it anyway.
async fn keeps_last(daemon: &Daemon, caller: u32, account: Named<'_>) -> Option<String> {
    if caller == 0 {
        return None;
    }
    policy::requirement(daemon, caller, account, clock::now()).await.map(|it| it.because)
}

/// Which authenticators go with `name`, if they may.
fn to_remove(
    record: &AccountRecord,
    name: &str,
    keeps_last: Option<&str>,
) -> Result<Vec<AuthenticatorId>, Failure> {
    let going = match name {
        "" => record.confirmed.iter().map(|one| one.authenticator.id).collect(),
        name => vec![id_of(record, name)?],
    };
    if let Some(because) = keeps_last
        && going.len() == record.confirmed.len()
    {
        return Err(Failure::Required(because.to_owned()));
    }
    Ok(going)
}

/// The account, which has an authenticator.
pub(crate) async fn enrolled(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
) -> Result<(Identity, AccountRecord), Failure> {
    let (account, record) = daemon.account(caller, account).await?;
    if record.confirmed.is_empty() { Err(Failure::NotEnrolled) } else { Ok((account, record)) }
}

fn id_of(record: &AccountRecord, name: &str) -> Result<AuthenticatorId, Failure> {
    let mut authenticators = record.confirmed.iter().map(|one| &one.authenticator);
    let found = authenticators.find(|one| one.name == name);
    found.map(|one| one.id).ok_or(Failure::NoSuchAuthenticator)
}
