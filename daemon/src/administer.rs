//! What root does to other people's accounts.

use twinlock_verifier::time::Timestamp;
use zeroize::Zeroizing;

use crate::{
    audit::Subject,
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    store::{
        accounts::Lookup,
        tickets::{TICKET_LIFETIME, Ticket},
    },
};

/// Forgets an account's failures and opens every lane; authenticators and replay records stay.
pub(crate) async fn unlock(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
) -> Result<(), Failure> {
    let (account, _) = daemon.account(call.caller, account).await?;
    let done = call.done(clock::now());
    let unlocked = daemon.store.run(move |records| {
        if let Lookup::Found(record) = records.account(&account)? {
            let mut throttle = record.throttle.clone();
            throttle.unlock();
            records.write_throttle(account.uid, &record.throttle, &throttle)?;
        }
        records.note(done)
    });
    Ok(unlocked.await?)
}

/// Forgets everything about an account. Takes the recorded name as well as today's, so that it
/// clears up after an account that was deleted or given another uid.
pub(crate) async fn reset(
    daemon: &Daemon,
    call: &Subject,
    name: &str,
    account: Option<Identity>,
) -> Result<(), Failure> {
    let done = call.done(clock::now());
    let (asked, today) = (name.to_owned(), account.clone());
    let forgotten = daemon.store.run(move |records| {
        let by_name = records.uid_of(&asked)?;
        let mut any = false;
        for uid in by_name.into_iter().chain(today.map(|today| today.uid)) {
            any |= records.forget(uid)?;
        }
        if any {
            records.note(done)?;
        }
        Ok(any)
    });
    if !forgotten.await? {
        return Err(if account.is_some() { Failure::NotEnrolled } else { Failure::NoSuchAccount });
    }
    Ok(())
}

/// Makes a ticket, in place of any earlier one; returns it in the form people read, with its end.
pub(crate) async fn issue_ticket(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
) -> Result<(Zeroizing<String>, Timestamp), Failure> {
    let (account, _) = daemon.account(call.caller, account).await?;
    let (ticket, hash) = daemon.recovery_hasher.fresh_ticket().await?;
    let issued_at = clock::now();
    let done = call.done(issued_at);
    let stored = daemon.store.decide(move |records| {
        if !records.record_of(&account)?.confirmed.is_empty() {
            return Err(Failure::AlreadyEnrolled);
        }
        records.ensure(&account)?;
        // Whoever holds the ticket before this one may have seen the key.
        records.drop_pending(account.uid)?;
        records.replace_ticket(account.uid, &Ticket { hash, issued_at })?;
        Ok(records.note(done)?)
    });
    stored.await?;
    Ok((ticket.to_display(), issued_at.saturating_add(TICKET_LIFETIME)))
}
