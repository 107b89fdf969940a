//! Enrolment inside the login that requires it: the key, its first code, the recovery codes, and on
//! into the session.
//!
//! - MUST charge a wrong first code as a wrong code (I6).
//! - MUST go on with the very key that was shown, and with no other.
//! - MUST end where the policy that lets it was changed meanwhile (I9).
//! - MUST spend the first code when it is judged, and let the authenticator count only once the
//!   recovery codes are noted: a connection cut before leaves a pending enrolment to go on with (I18).

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};
use twinlock_interface::Step;
use twinlock_verifier::{
    answer::{Answer, Otp},
    authenticator::AuthenticatorId,
    enrollment::{Confirmed, Pending},
    judge::{self, Proof, Refusal, Verdict},
    source::Source,
    throttle::{Limits, Throttle},
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{EventOf, Next, ask, remember, subject, wait};
use crate::{
    audit::{Action, Outcome, Subject},
    clock,
    daemon::Daemon,
    enroll::{self, Begun, complete_first},
    failure::{Failure, closure_word, refusal_word},
    identity::Identity,
    messages::{Message, Why},
    picture::half_blocks,
    proof::OnAccept,
    recovery_hash::{self, SetFor},
    sessions::{FirstCode, Noted, Session, Stage},
    store::{Records, StoreError, accounts::Uncharged, authenticators::Origin},
    vault::Vault,
};

/// Wrong codes after which a login ends, as one does that asks for a code.
const TRIES: u8 = 3;
/// How long the last answer waits for the hashes: less than the module waits for the daemon.
const PATIENCE: Duration = Duration::from_millis(800);

/// Shows the key, and asks for its first code. `ticket` is the hash of the one that opened this, if one
/// had to.
pub(super) async fn offer(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    ticket: Option<String>,
) -> Result<Next, Failure> {
    let origin = Origin::Login(session.source);
    let login = subject(session, Action::Login);
    let begun = match enroll::begin_in_login(daemon, &login, identity, origin, ticket).await {
        Ok(begun) => begun,
        // Enrolled since this login began, or the ticket is one no more.
        Err(Failure::ProofRequired) => return Ok(ended()),
        Err(failure) => return Err(failure),
    };
    let (pending, resumed) = match begun {
        Begun::Anew(pending) => (pending, false),
        Begun::Before(pending) => (pending, true),
    };
    let id = pending.authenticator().id;
    let so_far = FirstCode { pending: id, tries_left: TRIES, plain: false, resumed };
    Ok(Next::Ask(page(daemon, session, identity, &pending, so_far), Stage::FirstCode(so_far)))
}

/// The key that is being enrolled.
fn page(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    pending: &Pending,
    so_far: FirstCode,
) -> Step {
    let material = enroll::material(daemon, identity, pending);
    let key = grouped(&material.secret_base32);
    let picture = if so_far.plain { None } else { half_blocks(&material.key_uri) };
    let (issuer, user) = (&daemon.issuer(), identity.name.as_str());
    let parameters = &pending.authenticator().parameters;
    // Whoever has not seen the key before should know that somebody has.
    let begun = so_far.resumed.then(|| clock::time_of_day(pending.started_at()));
    let begun = begun.as_deref();
    let why = Why {
        until: session.demand.decision.enroll_until.map(clock::date_and_time),
        reason: session.demand.reason.clone(),
    };
    let (key, why) = (key.as_str(), &why);
    ask(&match &picture {
        Some(picture) => Message::EnrollByPicture { picture, key, begun, why },
        None => Message::EnrollByHand { issuer, user, key, parameters, begun, why },
    })
}

/// Holds an answer against the pending enrolment that was shown.
pub(super) async fn first_code(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    so_far: FirstCode,
    answer: Answer,
) -> Result<Next, Failure> {
    let Answer::Otp(otp) = answer else {
        return no_code(daemon, session, identity, so_far).await;
    };
    let now = clock::now();
    Ok(match judge_first(daemon, session, identity, so_far, otp, now).await? {
        None => ended(),
        Some(Verdict::Accepted(confirmed)) => show_recovery_codes(daemon, confirmed)?,
        Some(Verdict::Refused(_)) => again(so_far),
        Some(Verdict::Throttled(closure)) => Next::End(wait(&closure, now), EventOf::Transaction),
    })
}

/// Nothing that could be a code: perhaps the picture was not to be seen; perhaps nobody is there, and
/// a program answers.
async fn no_code(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    so_far: FirstCode,
) -> Result<Next, Failure> {
    if so_far.plain {
        let text = Message::EnrollAtTerminal.text();
        let event = EventOf::Words(Outcome::Refused, "malformed");
        return Ok(Next::End(Step::Refuse { text }, event));
    }
    let still = Still::new(daemon, identity, so_far);
    let pending = daemon.store.run(move |records| still.pending(records)).await?;
    let so_far = FirstCode { plain: true, ..so_far };
    Ok(match pending {
        Some((pending, _)) => {
            Next::Ask(page(daemon, session, identity, &pending, so_far), Stage::FirstCode(so_far))
        }
        None => ended(),
    })
}

fn again(so_far: FirstCode) -> Next {
    match so_far.tries_left.checked_sub(1) {
        None | Some(0) => {
            let text = Message::NotAccepted.text();
            Next::End(Step::Refuse { text }, EventOf::Transaction)
        }
        Some(tries_left) => {
            let stage = Stage::FirstCode(FirstCode { tries_left, ..so_far });
            Next::Ask(ask(&Message::FirstCodeWrong), stage)
        }
    }
}

/// The pending enrolment that a login has shown, if it is still there.
struct Still {
    identity: Identity,
    id: AuthenticatorId,
    now: Timestamp,
    lifetime: Duration,
    vault: Arc<Vault>,
}

impl Still {
    fn new(daemon: &Daemon, identity: &Identity, so_far: FirstCode) -> Self {
        Self {
            identity: identity.clone(),
            id: so_far.pending,
            now: clock::now(),
            lifetime: daemon.config.pending_lifetime,
            vault: daemon.vault.clone(),
        }
    }

    /// With the account's throttle. Nothing when it was cancelled, exchanged or confirmed, or has
    /// expired, while the person looked at it.
    fn pending(&self, records: &Records<'_>) -> Result<Option<(Pending, Throttle)>, StoreError> {
        let record = records.record_of(&self.identity)?;
        let mut pending = record.pending.iter();
        let Some(sealed) = pending.find(|sealed| sealed.authenticator.id == self.id) else {
            return Ok(None);
        };
        let pending = sealed.unseal(&self.vault)?;
        let usable = record.confirmed.is_empty() && !pending.is_expired(self.now, self.lifetime);
        Ok(usable.then_some((pending, record.throttle)))
    }
}

async fn judge_first(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    so_far: FirstCode,
    otp: Otp,
    now: Timestamp,
) -> Result<Option<Verdict<Confirmed>>, Failure> {
    let still = Still::new(daemon, identity, so_far);
    let (source, rules) = (session.source, daemon.rules());
    let login = subject(session, Action::Login);
    let judged = daemon.store.run(move |records| {
        let Some((pending, throttle)) = still.pending(records)? else { return Ok(None) };
        let judgement = judge::judge_first_code(&pending, &throttle, &otp, &source, now, &rules);
        let verdict =
            judgement.store(|change| records.apply(&still.identity, &throttle, change, now))?;
        if let Verdict::Refused(Refusal::Replayed(_)) = verdict {
            records.count_uncharged(Uncharged::Replayed)?;
        }
        let refused = match &verdict {
            // The recovery codes come first.
            Verdict::Accepted(_) => None,
            Verdict::Refused(refusal) => Some((Outcome::Refused, refusal_word(refusal))),
            Verdict::Throttled(closure) => Some((Outcome::Throttled, closure_word(closure))),
        };
        if let Some((outcome, reason)) = refused {
            records.note(login.ended(outcome, reason, now))?;
        }
        Ok(Some(verdict))
    });
    Ok(judged.await?)
}

/// Shows fresh recovery codes, whose hashes are worked out while they are noted.
fn show_recovery_codes(daemon: &Daemon, confirmed: Confirmed) -> Result<Next, Failure> {
    let codes = recovery_hash::fresh_codes()?;
    let shown: Vec<Zeroizing<String>> = codes.iter().map(|code| code.to_display()).collect();
    let step = ask(&Message::NoteRecoveryCodes(&shown));
    let hasher = daemon.recovery_hasher.clone();
    let mut hashes = JoinSet::new();
    hashes.spawn(async move {
        let turn = hasher.set_turn(SetFor::Login).await?;
        hasher.hash_set(turn, &codes).await
    });
    Ok(Next::Ask(step, Stage::Noted(Noted { confirmed, hashes })))
}

/// The recovery codes are noted: from now on the authenticator counts.
pub(super) async fn noted(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    mut noted: Noted,
) -> Result<Next, Failure> {
    let Ok(hashed) = timeout(PATIENCE, noted.hashes.join_next()).await else {
        return Ok(Next::Ask(ask(&Message::NotReady), Stage::Noted(noted)));
    };
    let died = Failure::Internal("a hashing task ended early");
    let Some(Ok(hashes)) = hashed else { return Err(died) };
    let completion = Completion {
        login: subject(session, Action::Login),
        revision: session.demand.revision,
        identity: identity.clone(),
        confirmed: noted.confirmed,
        hashes: hashes?,
        source: session.source,
        now: clock::now(),
        limits: daemon.rules().limits,
    };
    let remember = remember(session, completion.now);
    let completed = daemon.store.run(move |records| completion.carry_out(records, &remember));
    if !completed.await? {
        return Ok(ended());
    }
    let text = Message::Enrolled.text();
    Ok(Next::End(Step::Accept { text }, EventOf::Transaction))
}

/// An enrolment whose recovery codes are noted.
struct Completion {
    login: Subject,
    /// Of the policy that lets it.
    revision: u64,
    identity: Identity,
    confirmed: Confirmed,
    hashes: Vec<String>,
    source: Source,
    now: Timestamp,
    limits: Limits,
}

impl Completion {
    /// Whether the pending enrolment was still there to be completed; somebody may have cancelled it
    /// since, or confirmed it in another login.
    fn carry_out(self, records: &Records<'_>, remember: &OnAccept<()>) -> Result<bool, StoreError> {
        let Self { login, revision, identity, confirmed, hashes, source, now, limits } = self;
        let record = records.record_of(&identity)?;
        let is_this = |id| id == confirmed.authenticator();
        let is_pending = record.pending.iter().any(|pending| is_this(pending.authenticator.id));
        if !record.confirmed.is_empty() || !is_pending || records.policy_revision()? != revision {
            return Ok(false);
        }
        complete_first(records, identity.uid, &confirmed, hashes, now)?;
        let after = record.throttle.after_accept(&source, now, &limits);
        records.write_throttle(identity.uid, &record.throttle, &after)?;
        let (authenticator, factor) = (confirmed.authenticator(), confirmed.spent());
        remember(records, &identity, &Proof::Otp { authenticator, factor })?;
        records.note(login.about(Action::EnrollmentConfirm).done(now))?;
        records.note(login.ended(Outcome::Accepted, "enrolled", now))?;
        Ok(true)
    }
}

pub(super) fn ended() -> Next {
    let text = Message::EnrollAgain.text();
    Next::End(Step::Refuse { text }, EventOf::Words(Outcome::Refused, "not-pending"))
}

/// Four symbols at a time, as people type them.
fn grouped(key: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(key.len().saturating_mul(2)));
    for (position, symbol) in key.chars().enumerate() {
        if position > 0 && position.is_multiple_of(4) {
            grouped.push(' ');
        }
        grouped.push(symbol);
    }
    grouped
}
