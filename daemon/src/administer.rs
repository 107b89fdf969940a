//! What root does to other people's accounts.

use crate::{
    audit::{Action, Event, Outcome},
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    store::accounts::Lookup,
};

/// Forgets an account's failures and opens every lane; authenticators and replay records stay.
pub(crate) async fn unlock(daemon: &Daemon, caller: u32, account: Identity) -> Result<(), Failure> {
    let (account, _) = daemon.account(account).await?;
    let asked = account.clone();
    let unlocked = daemon.store.run(move |records| {
        if let Lookup::Found(record) = records.account(&asked)? {
            let mut throttle = record.throttle;
            throttle.unlock();
            records.write_throttle(asked.uid, &throttle)?;
        }
        Ok(())
    });
    unlocked.await?;
    note(daemon, caller, Action::Unlock, &account.name, Some(account.uid));
    Ok(())
}

/// Forgets everything about an account. Takes the recorded name as well as today's, so that it
/// clears up after an account that was deleted or given another uid.
pub(crate) async fn reset(
    daemon: &Daemon,
    caller: u32,
    name: &str,
    account: Option<Identity>,
) -> Result<(), Failure> {
    let (asked, today) = (name.to_owned(), account.clone());
    let forgotten = daemon.store.run(move |records| {
        let by_name = records.uid_of(&asked)?;
        let mut any = false;
        for uid in by_name.into_iter().chain(today.map(|today| today.uid)) {
            any |= records.forget(uid)?;
        }
        Ok(any)
    });
    if !forgotten.await? {
        return Err(if account.is_some() { Failure::NotEnrolled } else { Failure::NoSuchAccount });
    }
    note(daemon, caller, Action::Reset, name, account.map(|account| account.uid));
    Ok(())
}

fn note(daemon: &Daemon, caller: u32, action: Action, user: &str, uid: Option<u32>) {
    let outcome = Outcome::Done;
    daemon.audit.record(&Event { action, outcome, reason: "-", user, uid, caller, context: None });
}
