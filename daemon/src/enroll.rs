//! Enrolment: pending, then confirmed.
//!
//! - MUST never replace an authenticator, nor exchange the secret of a pending enrolment (I18).
//! - MUST store authenticator, spent code and recovery codes in one transaction (I18).
//! - MUST take a fresh proof before an account that has an authenticator gets another, and not spend it
//!   on what cannot be (I12).
//! - MUST go on with a pending enrolment only from where it was begun: whoever began it has seen its
//!   key, and must not be handed the account's real owner to confirm it.

use std::{sync::Arc, time::Duration};

use twinlock_interface::{EnrollmentRequest, Material, names::MAX_AUTHENTICATORS};
use twinlock_verifier::{
    answer::{Answer, Otp},
    enrollment::{Confirmed, Pending},
    judge::{Refusal, Rules},
    key_uri::key_uri,
    shared_secret::SharedSecret,
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    audit::{Action, Subject},
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    new_authenticator::{self, Wanted},
    proof::{self, Attempt, OnAccept},
    recovery_hash::{self, SetFor},
    store::{
        Records, StoreError,
        accounts::AccountRecord,
        authenticators::{Origin, SealedPending},
        recovery_codes::HashedSet,
    },
    vault::Vault,
};

/// Starts a pending enrolment, or shows the one that is under way again.
pub(crate) async fn begin(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    mut request: Zeroizing<EnrollmentRequest>,
) -> Result<Material, Failure> {
    let caller = call.caller;
    let (account, record) = daemon.account(caller, account).await?;
    let proof = request.proof.take().map(Zeroizing::new);
    let wanted = Wanted::read(&request)?;
    let start = Arc::new(Start::new(daemon, call, &account, wanted, Origin::Command)?);
    if record.confirmed.is_empty() || caller == 0 {
        let begun = start.clone().carry_out_by_itself(daemon, caller == 0).await?;
        return Ok(material(daemon, &account, begun.pending()));
    }
    let proof = proof.ok_or(Failure::ProofRequired)?;
    // Before the proof, so that it is not spent on what cannot be; and again with it.
    let first_look = start.clone();
    daemon.store.decide(move |records| first_look.plan(records).map(drop)).await?;
    let attempt = Attempt::by_command(call, account.clone(), Answer::parse(&proof));
    let carry_out: OnAccept<Result<Begun, Failure>> =
        Arc::new(move |records, _, _| proof::settled(start.carry_out(records, true)));
    // Beginning has noted it.
    let refusals = proof::refusals_of(call, attempt.now);
    let begun = proof::prove(daemon, attempt, carry_out, refusals).await?.settled()?;
    Ok(material(daemon, &account, begun.pending()))
}

/// The pending enrolment that a login shows: the one begun from there, or a new one.
pub(crate) async fn begin_in_login(
    daemon: &Daemon,
    login: &Subject,
    account: &Identity,
    origin: Origin,
    ticket: Option<String>,
) -> Result<Begun, Failure> {
    let start = Start::new(daemon, login, account, Wanted::default(), origin)?;
    Arc::new(Start { ticket, ..start }).carry_out_by_itself(daemon, false).await
}

/// An authenticator that is wanted, and all it takes to begin its enrolment.
struct Start {
    call: Subject,
    account: Identity,
    wanted: Wanted,
    /// Where none was brought.
    fresh: SharedSecret,
    origin: Origin,
    /// The hash of the ticket it takes, if it takes one.
    ticket: Option<String>,
    now: Timestamp,
    lifetime: Duration,
    vault: Arc<Vault>,
}

/// A pending enrolment, and when.
pub(crate) enum Begun {
    Anew(Pending),
    /// Somebody has seen its key.
    Before(Pending),
}

impl Begun {
    fn pending(&self) -> &Pending {
        match self {
            Self::Anew(pending) | Self::Before(pending) => pending,
        }
    }
}

/// What becomes of it.
enum Plan {
    GoOn(Pending),
    /// Under this name.
    Begin(String),
}

impl Start {
    fn new(
        daemon: &Daemon,
        call: &Subject,
        account: &Identity,
        wanted: Wanted,
        origin: Origin,
    ) -> Result<Self, Failure> {
        Ok(Self {
            call: call.about(Action::EnrollmentBegin),
            account: account.clone(),
            wanted,
            fresh: new_authenticator::random_secret()?,
            origin,
            ticket: None,
            now: clock::now(),
            lifetime: daemon.config.pending_lifetime,
            vault: daemon.vault.clone(),
        })
    }

    async fn carry_out_by_itself(
        self: Arc<Self>,
        daemon: &Daemon,
        proved: bool,
    ) -> Result<Begun, Failure> {
        daemon.store.decide(move |records| self.carry_out(records, proved)).await
    }

    fn carry_out(&self, records: &Records<'_>, proved: bool) -> Result<Begun, Failure> {
        // Enrolled since it was looked at: another one takes a proof now.
        if !proved && !records.record_of(&self.account)?.confirmed.is_empty() {
            return Err(Failure::ProofRequired);
        }
        // Another was issued since, or the account was reset.
        if let Some(ticket) = &self.ticket
            && records.ticket(self.account.uid)?.is_none_or(|found| found.hash != *ticket)
        {
            return Err(Failure::ProofRequired);
        }
        let plan = self.plan(records)?;
        records.note(self.call.done(self.now))?;
        match plan {
            Plan::GoOn(pending) => Ok(Begun::Before(pending)),
            Plan::Begin(name) => {
                let uid = self.account.uid;
                records.ensure(&self.account)?;
                let new = self.wanted.named(name, &self.fresh);
                let begun = (&self.origin, self.now);
                Ok(Begun::Anew(records.insert_pending(uid, new, begun, &self.vault)?))
            }
        }
    }

    /// Looks whether it can be, and changes nothing.
    fn plan(&self, records: &Records<'_>) -> Result<Plan, Failure> {
        let record = records.record_of(&self.account)?;
        if let Some(pending) = self.goes_on_with(&record.pending)? {
            return Ok(Plan::GoOn(pending));
        }
        if record.confirmed.len() >= MAX_AUTHENTICATORS {
            return Err(Failure::TooManyAuthenticators);
        }
        if self.key_is_taken(&record)? {
            return Err(Failure::KeyTaken);
        }
        let names: Vec<_> =
            record.confirmed.iter().map(|one| one.authenticator.name.as_str()).collect();
        match &self.wanted.name {
            Some(name) if names.contains(&name.as_str()) => Err(Failure::NameTaken),
            Some(name) => Ok(Plan::Begin(name.clone())),
            None => Ok(Plan::Begin(new_authenticator::free_name(&names))),
        }
    }

    fn goes_on_with(&self, pending: &[SealedPending]) -> Result<Option<Pending>, Failure> {
        let Some(sealed) = pending.iter().find(|sealed| sealed.is_from(&self.origin)) else {
            return Ok(None);
        };
        let pending = sealed.unseal(&self.vault)?;
        if pending.is_expired(self.now, self.lifetime) {
            return Ok(None);
        }
        if self.wanted.is_like(&sealed.authenticator.name, pending.authenticator()) {
            return Ok(Some(pending));
        }
        Err(Failure::EnrollmentUnderWay)
    }

    /// Each authenticator remembers only what it has spent itself, so a key in two of them would be
    /// good twice (I1).
    fn key_is_taken(&self, record: &AccountRecord) -> Result<bool, Failure> {
        let Some(key) = self.wanted.brought_key() else { return Ok(false) };
        for one in &record.confirmed {
            if one.authenticator.unseal(&self.vault)?.secret.is_same_key(key) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Confirms the pending enrolment; returns the recovery codes in the form people read, or none when
/// the account keeps those it has.
pub(crate) async fn confirm(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    code: &str,
) -> Result<Vec<Zeroizing<String>>, Failure> {
    let (account, _) = daemon.account(call.caller, account).await?;
    let otp: Option<Otp> = match Answer::parse(code) {
        Answer::Otp(otp) => Some(otp),
        Answer::RecoveryCode(_) | Answer::Malformed => None,
    };
    let first = Arc::new(FirstCode {
        call: call.clone(),
        account,
        otp,
        now: clock::now(),
        lifetime: daemon.config.pending_lifetime,
        rules: daemon.rules(),
        vault: daemon.vault.clone(),
    });
    // Looked at three times at the same moment: so that a wrong code costs no bcrypt, that an
    // enrolment cancelled while this one queued costs none either, and inside the transaction that
    // confirms, where a second confirmation finds nothing.
    let look = || {
        let first = first.clone();
        daemon.store.decide(move |records| first.confirmed_by(records))
    };
    if look().await?.is_another {
        daemon.store.decide(move |records| first.complete(records, None)).await?;
        return Ok(Vec::new());
    }
    let turn = daemon.recovery_hasher.set_turn(SetFor::Command).await?;
    look().await?;
    let codes = recovery_hash::fresh_codes()?;
    let hashes = daemon.recovery_hasher.hash_set(turn, &codes).await?;
    daemon.store.decide(move |records| first.complete(records, Some(hashes))).await?;
    Ok(codes.iter().map(|code| code.to_display()).collect())
}

/// A code that is held against the pending enrolment.
struct FirstCode {
    call: Subject,
    account: Identity,
    otp: Option<Otp>,
    now: Timestamp,
    lifetime: Duration,
    rules: Rules,
    vault: Arc<Vault>,
}

/// It matched.
struct Match {
    confirmed: Confirmed,
    /// Whether the account has an authenticator already, and keeps its recovery codes.
    is_another: bool,
}

impl FirstCode {
    /// Changes nothing.
    fn confirmed_by(&self, records: &Records<'_>) -> Result<Match, Failure> {
        let record = records.record_of(&self.account)?;
        // One that a login shows is that login's to confirm.
        let mut pending = record.pending.iter();
        let sealed = pending.find(|sealed| sealed.is_from(&Origin::Command));
        let sealed = sealed.ok_or(Failure::NoPendingEnrollment)?;
        let pending = sealed.unseal(&self.vault)?;
        if pending.is_expired(self.now, self.lifetime) {
            return Err(Failure::NoPendingEnrollment);
        }
        let otp = self.otp.as_ref().ok_or(Failure::Refused(Refusal::Malformed))?;
        let confirmed = pending.confirm(otp, self.now, &self.rules);
        let confirmed = confirmed.ok_or(Failure::Refused(Refusal::WrongCode))?;
        Ok(Match { confirmed, is_another: !record.confirmed.is_empty() })
    }

    fn complete(&self, records: &Records<'_>, hashes: Option<Vec<String>>) -> Result<(), Failure> {
        let Match { confirmed, .. } = self.confirmed_by(records)?;
        match hashes {
            Some(hashes) => {
                complete_first(records, self.account.uid, &confirmed, hashes, self.now)?
            }
            None => records.confirm_pending(self.account.uid, &confirmed, self.now)?,
        }
        Ok(records.note(self.call.done(self.now))?)
    }
}

/// Makes the account's first authenticator of a pending enrolment, with fresh recovery codes; any
/// other pending one ends.
pub(crate) fn complete_first(
    records: &Records<'_>,
    uid: u32,
    confirmed: &Confirmed,
    hashes: Vec<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    records.confirm_pending(uid, confirmed, now)?;
    records.drop_pending(uid)?;
    records.drop_ticket(uid)?;
    records.replace_recovery_codes(uid, &HashedSet { hashes, imported: false })
}

/// Drops the pending enrolment and leaves nothing behind.
pub(crate) async fn cancel(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
) -> Result<(), Failure> {
    let (account, _) = daemon.account(call.caller, account).await?;
    let (uid, done) = (account.uid, call.done(clock::now()));
    let dropped = daemon.store.run(move |records| {
        let dropped = records.drop_pending(uid)?;
        records.forget_if_empty(uid)?;
        if dropped {
            records.note(done)?;
        }
        Ok(dropped)
    });
    if !dropped.await? {
        return Err(Failure::NoPendingEnrollment);
    }
    Ok(())
}

/// What the phone is to be given.
pub(crate) fn material(daemon: &Daemon, account: &Identity, pending: &Pending) -> Material {
    let authenticator = pending.authenticator();
    let next = authenticator.record.last_spent.map_or(0, |spent| spent.0.saturating_add(1));
    let uri = key_uri(
        &daemon.issuer(),
        &account.name,
        &authenticator.secret,
        &authenticator.parameters,
        next,
    );
    Material {
        key_uri: uri.to_string(),
        secret_base32: authenticator.secret.to_base32().to_string(),
        expires_at: pending.expires_at(daemon.config.pending_lifetime).unix(),
    }
}
