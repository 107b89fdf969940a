//! How an account stands.

use twinlock_interface::{AuthenticatorStatus, Lock, State, Status};
use twinlock_verifier::{
    enrollment::is_expired,
    throttle::{Closure, Limits, Throttle},
    time::Timestamp,
};

use crate::{
    audit::Subject,
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    policy::{self, Named},
    store::{accounts::AccountRecord, authenticators::SealedConfirmed},
};

/// Tells how the account stands.
pub(crate) async fn status(
    daemon: &Daemon,
    call: &Subject,
    asked: Identity,
) -> Result<Status, Failure> {
    let (account, record) = daemon.account(call.caller, asked.clone()).await?;
    let uid = account.uid;
    let recovery = daemon.store.run(move |records| records.recovery_codes(uid)).await?;
    let (now, limits) = (clock::now(), daemon.rules().limits);
    let named = Named { asked: &asked, recorded: &account };
    let required = policy::requirement(daemon, call.caller, named, now).await;
    let progress = Progress::of(daemon, &record, now);
    Ok(Status {
        user: account.name,
        state: progress.state,
        since: progress.since.map(Timestamp::unix),
        required: required.is_some(),
        required_because: required.as_ref().map(|required| required.because.clone()),
        enroll_until: required
            .filter(|_| record.confirmed.is_empty())
            .filter(|required| required.decision.enrolls_at(now))
            .and_then(|required| required.decision.enroll_until)
            .map(Timestamp::unix),
        authenticators: record.confirmed.iter().map(described).collect(),
        expires_at: progress.expires_at.map(Timestamp::unix),
        recovery_codes_left: recovery.left(),
        recovery_codes_used_at: recovery.used_at().into_iter().map(Timestamp::unix).collect(),
        last_accepted_at: last_accepted_at(&record).map(Timestamp::unix),
        failures: record.throttle.failures(),
        locked_until: record.throttle.locked_until(now, &limits).map(Timestamp::unix),
        closed: record.throttle.closed(now, &limits),
        locks: locks(&record.throttle, now, &limits),
    })
}

/// How far an enrolment has come.
pub(crate) struct Progress {
    pub(crate) state: State,
    pub(crate) since: Option<Timestamp>,
    /// The end of a pending one.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Progress {
    pub(crate) fn of(daemon: &Daemon, record: &AccountRecord, now: Timestamp) -> Self {
        let lifetime = daemon.config.pending_lifetime;
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
        let expires_at = pending.map(|started| started.saturating_add(lifetime));
        Self { state, since, expires_at }
    }
}

/// When a code was last accepted.
pub(crate) fn last_accepted_at(record: &AccountRecord) -> Option<Timestamp> {
    record.confirmed.iter().filter_map(|one| one.authenticator.last_accepted_at).max()
}

fn locks(throttle: &Throttle, now: Timestamp, limits: &Limits) -> Vec<Lock> {
    let lock = |(lane, failures, closure): (_, u32, Closure)| Lock {
        lane: ToString::to_string(&lane),
        failures,
        until: match closure {
            Closure::Until(end) => Some(end.unix()),
            Closure::Indefinite => None,
        },
    };
    throttle.locks(now, limits).into_iter().map(lock).collect()
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
