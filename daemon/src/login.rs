//! A login: a question and its answer, and more of them where it enrols.
//!
//! - MUST answer `accept` only after a verdict that says so, which exists only after COMMIT (I4, I8).
//! - MUST answer `not-required` only for a known account, by a setting that says so (I8, I9).
//! - MUST ask whoever does not exist as it asks everybody, and refuse them at the same cost (I16).
//! - MUST take a session out of the table before its answer is looked at (I11).
//! - MUST offer enrolment only behind a first factor, while the settings or a ticket open it.
//! - MUST believe where a login comes from only from root.
//! - MUST leave one audit line for every decision; the door leaves one for every call that fails
//!   before there is any.

mod enrolling;

use std::sync::Arc;

use twinlock_interface::{LoginContext, Step};
use twinlock_verifier::{
    answer::Answer,
    judge::{Proof, Refusal},
    source::Source,
    throttle::{Closure, LaneKey},
    time::Timestamp,
};

use crate::{
    audit::{Action, Event, Outcome},
    clock,
    config::Unenrolled,
    daemon::Daemon,
    failure::{Failure, closure_word, refusal_word},
    identity::Identity,
    messages::{Expects, Message, Wait},
    proof::{self, Attempt, OnAccept, Ruling},
    sessions::{Claimant, Session, Stage},
    store::accounts::AccountRecord,
};

/// What follows an answer, or the call that opens the login.
enum Next {
    /// Another question of the same login.
    Ask(Step, Stage),
    /// The decision, and its words for the log.
    End(Step, Outcome, &'static str),
}

/// Opens a login for `account`, or for a `name` the host does not know.
///
/// Returns the session's handle, empty when the step ends the login at once.
pub(crate) async fn begin(
    daemon: &Daemon,
    caller: u32,
    name: &str,
    account: Option<Identity>,
    context: LoginContext,
) -> Result<(String, Step), Failure> {
    let nobody = |reason| (Claimant::Nobody { name: name.to_owned(), reason }, None);
    let (claimant, record) = match account {
        None => {
            daemon.no_account().await?;
            nobody("unknown-name")
        }
        Some(account) => match daemon.account(caller, account).await {
            Ok((identity, record)) => (Claimant::Known(identity), Some(record)),
            Err(Failure::AccountMismatch) => nobody("account-mismatch"),
            Err(failure) => return Err(failure),
        },
    };
    let (context, source) = believed(caller, name, context);
    let lane = match &record {
        Some(record) => record.throttle.lane_of(&source, clock::now()),
        None => LaneKey::Unknown,
    };
    let mut session = Session { caller, claimant, source, lane, context, stage: Stage::Code };
    match first_step(daemon, &session, record.as_ref()).await? {
        Next::Ask(step, stage) => {
            session.stage = stage;
            Ok((daemon.sessions().open(session, clock::monotonic())?, step))
        }
        Next::End(step, outcome, reason) => {
            record_login(daemon, &session, outcome, reason);
            Ok((String::new(), step))
        }
    }
}

/// Judges the answer to the session's open question.
pub(crate) async fn answer(
    daemon: &Daemon,
    caller: u32,
    handle: &str,
    answer: &str,
) -> Result<Step, Failure> {
    let mut session = daemon.sessions().take(handle, caller, clock::monotonic())?;
    let stage = std::mem::replace(&mut session.stage, Stage::Code);
    match next(daemon, &session, stage, Answer::parse(answer)).await {
        Ok(Next::Ask(step, stage)) => {
            session.stage = stage;
            daemon.sessions().reopen(handle, session, clock::monotonic())?;
            Ok(step)
        }
        Ok(Next::End(step, outcome, reason)) => {
            record_login(daemon, &session, outcome, reason);
            Ok(step)
        }
        Err(failure) => {
            let (outcome, reason) = failure.audited();
            record_login(daemon, &session, outcome, reason);
            Err(failure)
        }
    }
}

async fn next(
    daemon: &Daemon,
    session: &Session,
    stage: Stage,
    answer: Answer,
) -> Result<Next, Failure> {
    let identity = match &session.claimant {
        Claimant::Nobody { reason, .. } => {
            proof::prove_nothing(daemon, &answer).await?;
            return Ok(Next::End(refuse(), Outcome::Refused, reason));
        }
        Claimant::Known(identity) => identity,
    };
    match stage {
        Stage::Code => judge_code(daemon, session, identity, answer).await,
        Stage::FirstCode(so_far) => {
            enrolling::first_code(daemon, session, identity, so_far, answer).await
        }
        Stage::Noted(noted) => enrolling::noted(daemon, session, identity, noted).await,
        Stage::Outrun => Ok(enrolling::ended()),
    }
}

async fn judge_code(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    answer: Answer,
) -> Result<Next, Failure> {
    let now = clock::now();
    let attempt = Attempt { identity: identity.clone(), answer, source: session.source, now };
    let ruling = proof::prove(daemon, attempt, remember(daemon, session, now)).await?;
    Ok(match ruling {
        Ruling::Accepted { proof: Proof::Otp { .. }, .. } => {
            Next::End(Step::Accept { text: String::new() }, Outcome::Accepted, "otp")
        }
        Ruling::Accepted { proof: Proof::RecoveryCode { .. }, recovery_codes_left, .. } => {
            let left = recovery_codes_left.unwrap_or_default();
            let text = Message::RecoveryCodeUsed { left }.text();
            Next::End(Step::Accept { text }, Outcome::Accepted, "recovery-code")
        }
        Ruling::MayEnroll { ticket } if may_enroll(session) => {
            let (_, account) = daemon.account(session.caller, identity.clone()).await?;
            match account.throttle.gate(&session.source, now, &daemon.config.rules.limits) {
                Ok(()) => return enrolling::offer(daemon, session, identity, Some(ticket)).await,
                // Its first code would not be looked at.
                Err(closure) => throttled(&closure, now),
            }
        }
        Ruling::MayEnroll { .. } => Next::End(refuse(), Outcome::Refused, "no-first-factor"),
        // What an administrator looks for who opened enrolment and sees nobody enrol.
        Ruling::Refused(Refusal::NotEnrolled)
            if daemon.config.enrolls_at(now) && !may_enroll(session) =>
        {
            Next::End(refuse(), Outcome::Refused, "no-first-factor")
        }
        Ruling::Refused(refusal) => refused(&refusal),
        Ruling::Throttled(closure) => throttled(&closure, now),
        Ruling::Mismatch => Next::End(refuse(), Outcome::Refused, "account-mismatch"),
    })
}

/// Remembers where a right code came from, in the transaction that accepts it, where the settings
/// say so. Who logs in with a recovery code has lost a phone, and with it all that is remembered.
fn remember(daemon: &Daemon, session: &Session, now: Timestamp) -> OnAccept<()> {
    let (rule, source) = (daemon.config.remember.clone(), session.source);
    let service = session.context.service.clone();
    Arc::new(move |records, account, proof| {
        if let Proof::RecoveryCode { .. } = proof {
            return records.forget_sources(account.uid);
        }
        let service = service.as_deref();
        match (rule.remembers(proof, &source, service), service) {
            (Some(network), Some(service)) => records.remember(account.uid, service, network, now),
            _ => Ok(()),
        }
    })
}

/// Root's word about a login is taken; anybody else is a program of that uid on this host.
fn believed(caller: u32, name: &str, context: LoginContext) -> (LoginContext, Source) {
    if caller != 0 {
        let LoginContext { service, expects, .. } = context;
        let context = LoginContext { service, expects, ..Default::default() };
        return (context, Source::OwnProgram);
    }
    let own_name = nix::unistd::gethostname().unwrap_or_default();
    let source = Source::from_pam(
        context.rhost.as_deref(),
        context.tty.as_deref(),
        &own_name.to_string_lossy(),
    );
    let source = source.asked_by(context.ruser.as_deref(), name);
    (context, source)
}

/// Whether whoever is at the other end has shown a first factor, as far as that can be known. A stack
/// in which this module stands alone, by mistake or by a lost setting, must not enrol anybody.
fn may_enroll(session: &Session) -> bool {
    session.caller == 0 && session.context.first_factor.is_some()
}

/// The question, or the reason why there is none.
async fn first_step(
    daemon: &Daemon,
    session: &Session,
    account: Option<&AccountRecord>,
) -> Result<Next, Failure> {
    let expects = Expects::of(&session.context);
    let code = || Next::Ask(ask(&Message::CodePrompt(expects)), Stage::Code);
    let (Claimant::Known(identity), Some(record)) = (&session.claimant, account) else {
        return Ok(code());
    };
    let enrolled = !record.confirmed.is_empty();
    if !enrolled && daemon.config.unenrolled == Unenrolled::Allow {
        return Ok(Next::End(Step::NotRequired, Outcome::NotRequired, "not-enrolled"));
    }
    let now = clock::now();
    let limits = &daemon.config.rules.limits;
    if let Err(closure) = record.throttle.gate(&session.source, now, limits) {
        // A recovery code has a lane of its own, so it can still open this one.
        let wait = Wait::new(&closure, now);
        return Ok(if record.throttle.recovery_gate(now, limits).is_ok() {
            Next::Ask(ask(&Message::RecoveryPrompt(expects, wait)), Stage::Code)
        } else {
            throttled(&closure, now)
        });
    }
    if !enrolled && daemon.config.enrolls_at(now) && may_enroll(session) {
        return enrolling::offer(daemon, session, identity, None).await;
    }
    if enrolled && is_remembered(daemon, session, identity, record, now).await? {
        let step = Step::Accept { text: String::new() };
        return Ok(Next::End(step, Outcome::Accepted, "remembered"));
    }
    Ok(code())
}

/// Whether this source gave a right code for this service so lately that it is not asked again.
async fn is_remembered(
    daemon: &Daemon,
    session: &Session,
    identity: &Identity,
    record: &AccountRecord,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (rule, source) = (&daemon.config.remember, session.source);
    let service = session.context.service.as_deref();
    // Off by default, and then costs no look into the database.
    let (Some(network), Some(asked)) = (rule.place(&source, service), service.map(str::to_owned))
    else {
        return Ok(false);
    };
    // Who types password and code in one line types them blindly: an unasked code would be taken for
    // a part of the password.
    if Expects::of(&session.context) == Expects::PasswordAndCode {
        return Ok(false);
    }
    let uid = identity.uid;
    let accepted_at =
        daemon.store.run(move |records| records.remembered(uid, &asked, network)).await?;
    let limits = &daemon.config.rules.limits;
    Ok(accepted_at.is_some_and(|accepted_at| {
        rule.spares(accepted_at, service, &source, &record.throttle, now, limits)
    }))
}

fn throttled(closure: &Closure, now: Timestamp) -> Next {
    let text = Message::Wait(Wait::new(closure, now)).text();
    Next::End(Step::Wait { text }, Outcome::Throttled, closure_word(closure))
}

fn refused(refusal: &Refusal) -> Next {
    Next::End(refuse(), Outcome::Refused, refusal_word(refusal))
}

fn ask(message: &Message<'_>) -> Step {
    Step::Ask { text: message.text(), echo: false }
}

fn refuse() -> Step {
    Step::Refuse { text: Message::NotAccepted.text() }
}

fn record_login(daemon: &Daemon, session: &Session, outcome: Outcome, reason: &'static str) {
    record(daemon, session, Action::Login, outcome, reason);
}

fn record(
    daemon: &Daemon,
    session: &Session,
    action: Action,
    outcome: Outcome,
    reason: &'static str,
) {
    let (user, uid) = match &session.claimant {
        Claimant::Known(identity) => (identity.name.as_str(), Some(identity.uid)),
        Claimant::Nobody { name, .. } => (name.as_str(), None),
    };
    daemon.audit.record(&Event {
        action,
        outcome,
        reason,
        user,
        uid,
        caller: session.caller,
        context: Some(&session.context),
    });
}
