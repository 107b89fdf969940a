//! How an account stands.

use twinlock_interface::{AuthenticatorStatus, State, Status};
use twinlock_verifier::{enrollment::is_expired, time::Timestamp};

use crate::{
    clock, daemon::Daemon, failure::Failure, identity::Identity,
    store::authenticators::SealedConfirmed,
};

/// Tells how the account stands.
pub(crate) async fn status(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
) -> Result<Status, Failure> {
    let (account, record) = daemon.account(caller, account).await?;
    let uid = account.uid;
    let recovery = daemon.store.run(move |records| records.recovery_codes(uid)).await?;
    let now = clock::now();
    let lifetime = daemon.config.pending_lifetime;
    let expires_at = |started: Timestamp| started.saturating_add(lifetime);
    let pending = record
        .pending
        .iter()
        .map(|pending| pending.started_at)
        .rfind(|started| !is_expired(*started, now, lifetime));
    let (state, since) = match (record.confirmed.first(), pending) {
        (Some(first), _) => (State::On, Some(first.confirmed_at)),
        (None, Some(started)) => (State::Pending, Some(started)),
        (None, None) => (State::Off, None),
    };
    let limits = &daemon.config.rules.limits;
    let last_accepted_at =
        record.confirmed.iter().filter_map(|one| one.authenticator.last_accepted_at).max();
    Ok(Status {
        user: account.name,
        state,
        since: since.map(Timestamp::unix),
        required: daemon.config.requires_code(),
        authenticators: record.confirmed.iter().map(described).collect(),
        expires_at: pending.map(expires_at).map(Timestamp::unix),
        recovery_codes_left: recovery.left(),
        recovery_codes_used_at: recovery.used_at().into_iter().map(Timestamp::unix).collect(),
        last_accepted_at: last_accepted_at.map(Timestamp::unix),
        failures: record.throttle.failures(),
        locked_until: record.throttle.locked_until(now, limits).map(Timestamp::unix),
        closed: record.throttle.closed(limits),
    })
}

fn described(one: &SealedConfirmed) -> AuthenticatorStatus {
    let parameters = one.authenticator.parameters;
    AuthenticatorStatus {
        name: one.authenticator.name.clone(),
        kind: parameters.kind.as_str().to_owned(),
        algorithm: parameters.algorithm.as_str().to_owned(),
        digits: parameters.digits.get(),
        period: parameters.period_seconds(),
        confirmed_at: one.confirmed_at.unix(),
        last_accepted_at: one.authenticator.last_accepted_at.map(Timestamp::unix),
    }
}
