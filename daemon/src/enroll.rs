//! Enrolment: pending, confirmed, removed.
//!
//! - MUST never replace an authenticator, nor exchange the secret of a pending enrolment (I18).
//! - MUST store authenticator, spent step and recovery codes in one transaction (I18).
//! - MUST take a fresh proof before anything is removed (I12).

use twinlock_interface::{Material, State, Status};
use twinlock_verifier::{
    answer::{Answer, Otp},
    enrollment::{Confirmed, Pending, is_expired},
    judge::{Refusal, Verdict},
    key_uri::key_uri,
    shared_secret::SharedSecret,
    source::Source,
    time::Timestamp,
    totp::TotpParameters,
};
use zeroize::Zeroizing;

use crate::{
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    proof::{self, Attempt, Ruling},
    store::{Records, StoreError, accounts::AccountRecord},
};

/// A code that does not match a pending enrolment.
const WRONG_CODE: Failure = Failure::Refused(Refusal::WrongCode);
/// 160 bit, as RFC 4226 R6 recommends.
const SECRET_BYTES: usize = 20;

/// Starts the pending enrolment, or shows the one that is under way again.
pub(crate) async fn begin(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
) -> Result<Material, Failure> {
    let (account, _) = daemon.account(caller, account).await?;
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(|_| Failure::Internal("no random bytes"))?;
    let fresh = SharedSecret::from_bytes(bytes.as_ref())
        .map_err(|_| Failure::Internal("a fresh secret has the wrong length"))?;
    let now = clock::now();
    let fresh = Pending::new(fresh, TotpParameters::default(), now);

    let (vault, lifetime) = (daemon.vault.clone(), daemon.config.pending_lifetime);
    let identity = account.clone();
    let pending = daemon.store.run(move |records| {
        let record = load(records, &identity)?;
        if !record.confirmed.is_empty() {
            return Ok(Err(Failure::AlreadyEnrolled));
        }
        if let Some(sealed) = record.pending {
            let pending = sealed.unseal(&vault)?;
            if !pending.is_expired(now, lifetime) {
                return Ok(Ok(pending));
            }
            records.drop_pending(identity.uid)?;
        }
        records.ensure(&identity)?;
        records.insert_pending(identity.uid, &fresh, &vault)?;
        Ok(Ok(fresh))
    });
    let pending = pending.await??;
    Ok(material(daemon, &account, &pending))
}

/// Confirms the pending enrolment; returns the recovery codes in the form people read.
pub(crate) async fn confirm(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
    code: &str,
) -> Result<Vec<Zeroizing<String>>, Failure> {
    let (account, _) = daemon.account(caller, account).await?;
    let now = clock::now();
    // Looked at three times with one `now`: so that a wrong code costs no bcrypt, that an enrolment
    // cancelled while this one queued costs none either, and inside the transaction that confirms,
    // where a second confirmation finds nothing.
    let look = || match_code(daemon, &account, code, now);
    let first = look();
    daemon.store.run(move |records| Ok(first(records)?.map(drop))).await??;
    let turn = daemon.recovery_hasher.set_turn().await?;
    let second = look();
    daemon.store.run(move |records| Ok(second(records)?.map(drop))).await??;
    let (codes, hashes) = daemon.recovery_hasher.fresh_set(turn).await?;
    let last = look();
    let uid = account.uid;
    let stored = daemon.store.run(move |records| {
        let confirmed = match last(records)? {
            Ok(confirmed) => confirmed,
            Err(failure) => return Ok(Err(failure)),
        };
        records.confirm_pending(uid, &confirmed, now)?;
        records.replace_recovery_codes(uid, &hashes)?;
        Ok(Ok(()))
    });
    stored.await??;
    Ok(codes.iter().map(|code| code.to_display()).collect())
}

/// A job that holds the code against the pending enrolment, and changes nothing.
fn match_code(
    daemon: &Daemon,
    account: &Identity,
    code: &str,
    now: Timestamp,
) -> impl FnOnce(&Records<'_>) -> Result<Result<Confirmed, Failure>, StoreError> + Send + use<> {
    let otp: Option<Otp> = match Answer::parse(code) {
        Answer::Otp(otp) => Some(otp),
        Answer::RecoveryCode(_) | Answer::Malformed => None,
    };
    let (vault, identity) = (daemon.vault.clone(), account.clone());
    let (lifetime, window) = (daemon.config.pending_lifetime, daemon.config.rules.window);
    move |records| {
        let Some(sealed) = load(records, &identity)?.pending else {
            return Ok(Err(Failure::NoPendingEnrollment));
        };
        let pending = sealed.unseal(&vault)?;
        if pending.is_expired(now, lifetime) {
            return Ok(Err(Failure::NoPendingEnrollment));
        }
        let Some(otp) = otp else { return Ok(Err(WRONG_CODE)) };
        Ok(pending.confirm(&otp, now, window).map_err(|_| WRONG_CODE))
    }
}

/// Drops the pending enrolment and leaves nothing behind.
pub(crate) async fn cancel(daemon: &Daemon, caller: u32, account: Identity) -> Result<(), Failure> {
    let (account, _) = daemon.account(caller, account).await?;
    let uid = account.uid;
    let dropped = daemon.store.run(move |records| {
        let dropped = records.drop_pending(uid)?;
        records.forget_if_empty(uid)?;
        Ok(dropped)
    });
    if !dropped.await? {
        return Err(Failure::NoPendingEnrollment);
    }
    Ok(())
}

/// Removes authenticators and recovery codes against a fresh proof. Failures and locks stay: else
/// enrolling anew would be a way to wash them off (I19).
pub(crate) async fn remove(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
    code: &str,
) -> Result<(), Failure> {
    let (account, record) = daemon.account(caller, account).await?;
    if record.confirmed.is_empty() {
        return Err(Failure::NotEnrolled);
    }
    let source = if caller == 0 { Source::Local } else { Source::OwnProgram };
    let attempt =
        Attempt { identity: account, answer: Answer::parse(code), source, now: clock::now() };
    match proof::prove(daemon, attempt, erase).await? {
        Ruling::Judged { verdict: Verdict::Accepted(_), .. } => Ok(()),
        Ruling::Judged { verdict: Verdict::Refused(refusal), .. } => Err(Failure::Refused(refusal)),
        Ruling::Judged { verdict: Verdict::Throttled(closure), .. } => {
            Err(Failure::Throttled(closure))
        }
        Ruling::Mismatch => Err(Failure::AccountMismatch),
    }
}

fn erase(records: &Records<'_>, account: &Identity) -> Result<(), StoreError> {
    records.remove_authenticators(account.uid)?;
    records.replace_recovery_codes(account.uid, &[])
}

/// Tells how the account stands.
pub(crate) async fn status(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
) -> Result<Status, Failure> {
    let (account, record) = daemon.account(caller, account).await?;
    let now = clock::now();
    let lifetime = daemon.config.pending_lifetime;
    let expires_at = |started: Timestamp| started.saturating_add(lifetime);
    let pending = record
        .pending
        .as_ref()
        .map(|pending| pending.started_at)
        .filter(|started| !is_expired(*started, now, lifetime));
    let (state, since) = match (record.confirmed.first(), pending) {
        (Some(first), _) => (State::On, Some(first.confirmed_at)),
        (None, Some(started)) => (State::Pending, Some(started)),
        (None, None) => (State::Off, None),
    };
    let limits = &daemon.config.rules.limits;
    Ok(Status {
        user: account.name,
        state: state.as_str().to_owned(),
        since: since.map(Timestamp::unix),
        expires_at: pending.map(expires_at).map(Timestamp::unix),
        recovery_codes_left: record.recovery.left(),
        last_accepted_at: record
            .confirmed
            .iter()
            .filter_map(|one| one.last_accepted_at)
            .max()
            .map(Timestamp::unix),
        failures: record.throttle.failures(),
        locked_until: record.throttle.locked_until(now, limits).map(Timestamp::unix),
        closed: record.throttle.closed(limits),
    })
}

fn load(records: &Records<'_>, account: &Identity) -> Result<AccountRecord, StoreError> {
    let changed = StoreError::Corrupt("an identity changed under its job");
    records.account(account)?.record().ok_or(changed)
}

fn material(daemon: &Daemon, account: &Identity, pending: &Pending) -> Material {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let issuer = match &daemon.config.issuer {
        Some(issuer) => issuer.clone(),
        None => host.to_string_lossy().into_owned(),
    };
    let uri = key_uri(&issuer, &account.name, pending.secret(), pending.parameters());
    Material {
        key_uri: uri.to_string(),
        secret_base32: pending.secret().to_base32().to_string(),
        expires_at: pending.expires_at(daemon.config.pending_lifetime).unix(),
    }
}
