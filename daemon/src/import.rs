//! Taking over what another program kept.
//!
//! - MUST be all or nothing, and never for an account that has an authenticator (I18).
//! - MUST keep spent what the other program has seen spent (I1, I3).

use std::collections::HashSet;

use twinlock_interface::{ImportedAuthenticator, names::MAX_AUTHENTICATORS};
use twinlock_verifier::{
    recovery::{CODES_PER_SET, RecoveryCode},
    time::Timestamp,
};

use crate::{
    audit::Subject,
    clock,
    daemon::Daemon,
    failure::{Failure, Invalid},
    identity::Identity,
    new_authenticator,
    recovery_hash::SetFor,
    store::{Records, authenticators::NewAuthenticator, recovery_codes::HashedSet},
};

/// Takes it over for an account without an authenticator, or only says whether it would.
pub(crate) async fn import(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    (authenticators, recovery_codes): (&[ImportedAuthenticator], &[String]),
    dry_run: bool,
) -> Result<(), Failure> {
    let (account, record) = daemon.account(call.caller, account).await?;
    if !record.confirmed.is_empty() {
        return Err(Failure::AlreadyEnrolled);
    }
    let now = clock::now();
    let new = read_authenticators(authenticators, now)?;
    let codes = read_recovery_codes(recovery_codes)?;
    if dry_run {
        return Ok(());
    }
    let turn = daemon.recovery_hasher.set_turn(SetFor::Command).await?;
    let hashes = daemon.recovery_hasher.hash_set(turn, &codes).await?;
    let set = HashedSet { hashes, imported: true };
    let vault = daemon.vault.clone();
    let done = call.done(now);
    let take_over = move |records: &Records<'_>| {
        if !records.record_of(&account)?.confirmed.is_empty() {
            return Err(Failure::AlreadyEnrolled);
        }
        records.ensure(&account)?;
        records.drop_pending(account.uid)?;
        records.drop_ticket(account.uid)?;
        for one in new {
            records.insert_confirmed(account.uid, one, now, &vault)?;
        }
        records.replace_recovery_codes(account.uid, &set)?;
        Ok(records.note(done)?)
    };
    daemon.store.decide(take_over).await
}

fn read_authenticators(
    authenticators: &[ImportedAuthenticator],
    now: Timestamp,
) -> Result<Vec<NewAuthenticator>, Failure> {
    if authenticators.is_empty() {
        return Err(Invalid::NoAuthenticators.into());
    }
    if authenticators.len() > MAX_AUTHENTICATORS {
        return Err(Failure::TooManyAuthenticators);
    }
    let mut new: Vec<NewAuthenticator> = Vec::with_capacity(authenticators.len());
    for imported in authenticators {
        let one = new_authenticator::read_imported(imported, now)?;
        if new.iter().any(|other| other.name == one.name) {
            return Err(Failure::NameTaken);
        }
        // Each authenticator remembers only what it has spent itself (I1).
        if new.iter().any(|other| other.secret.is_same_key(&one.secret)) {
            return Err(Failure::KeyTaken);
        }
        new.push(one);
    }
    Ok(new)
}

/// Each once: one that stood in the file twice is still good once only (I3).
fn read_recovery_codes(typed: &[String]) -> Result<Vec<RecoveryCode>, Failure> {
    let once: HashSet<_> = typed.iter().collect();
    let codes: Option<Vec<_>> = once.into_iter().map(|code| RecoveryCode::imported(code)).collect();
    codes.filter(|codes| codes.len() <= CODES_PER_SET).ok_or_else(|| Invalid::RecoveryCodes.into())
}
