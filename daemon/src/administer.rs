//! What root does to other people's accounts.

use crate::{daemon::Daemon, failure::Failure, identity::Identity, store::accounts::Lookup};

/// Forgets an account's failures and opens every lane; authenticators and replay records stay.
pub(crate) async fn unlock(daemon: &Daemon, caller: u32, account: Identity) -> Result<(), Failure> {
    let (account, _) = daemon.account(caller, account).await?;
    let unlocked = daemon.store.run(move |records| {
        if let Lookup::Found(record) = records.account(&account)? {
            let mut throttle = record.throttle;
            throttle.unlock();
            records.write_throttle(account.uid, &throttle)?;
        }
        Ok(())
    });
    Ok(unlocked.await?)
}

/// Forgets everything about an account. Takes the recorded name as well as today's, so that it
/// clears up after an account that was deleted or given another uid.
pub(crate) async fn reset(
    daemon: &Daemon,
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
    Ok(())
}
