//! A login: a question and its answer, and more of them where it enrols.
//!
//! - MUST answer `accept` only after a verdict that says so, which exists only after COMMIT (I4, I8).
//! - MUST answer `not-required` only for a known account, by a rule of the policy that says so (I8, I9).
//! - MUST ask whoever does not exist as it asks everybody, and refuse them at the same cost (I16).
//! - MUST take a session out of the table before its answer is looked at (I11).
//! - MUST offer enrolment only behind a first factor, while the policy or a ticket opens it.
//! - MUST believe where a login comes from only from root.
//! - MUST leave one event for every decision, in the transaction that makes it where there is one; the
//!   door leaves one for every call that fails before there is any.

mod enrolling;

use std::sync::Arc;

use twinlock_interface::{LoginContext, Outlook, Step};
use twinlock_verifier::{
    answer::Answer,
    judge::{Proof, Refusal},
    policy::{Decision, Level, Place},
    remembered::Remember,
    source::Source,
    throttle::{Closure, LaneKey, Throttle},
    time::Timestamp,
};

use crate::{
    audit::{Action, Outcome, Subject},
    clock,
    daemon::Daemon,
    failure::{Failure, closure_word, refusal_word},
    identity::Identity,
    messages::{Expects, Message, Wait},
    policy::{self, Demand, Named, outlook},
    proof::{self, Attempt, OnAccept, Ruling},
    sessions::{Claimant, Session, Stage},
    store::accounts::AccountRecord,
};

/// What follows an answer, or the call that opens the login.
enum Next {
    /// Another question of the same login.
    Ask(Step, Stage),
    /// The decision.
    End(Step, EventOf),
}

/// The event of a decision.
enum EventOf {
    /// Left by the transaction that made it.
    Transaction,
    /// Still to be left, in these words.
    Words(Outcome, &'static str),
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
    let asked = account.clone();
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
    let (context, source, place) = believed(caller, name, context);
    let now = clock::now();
    let lane = match &record {
        Some(record) => record.throttle.lane_of(&source, now),
        None => LaneKey::Unknown,
    };
    let demand = match (&claimant, &asked) {
        (Claimant::Known(recorded), Some(asked)) => {
            let occasion = policy::occasion(context.service.as_deref(), place);
            policy::demand(daemon, caller, Named { asked, recorded }, &occasion, now).await
        }
        (Claimant::Known(_), None) | (Claimant::Nobody { .. }, _) => Demand::default(),
    };
    let stage = Stage::Code;
    let mut session = Session { caller, claimant, source, lane, context, demand, stage };
    if !may_enroll(&session) || record.as_ref().is_some_and(|record| !record.confirmed.is_empty()) {
        // Meant for those who have no authenticator, and told to nobody without a first factor.
        session.demand.message.clear();
    }
    match first_step(daemon, &session, record.as_ref()).await? {
        Next::Ask(step, stage) => {
            session.stage = stage;
            Ok((daemon.sessions().open(session, clock::monotonic())?, step))
        }
        Next::End(step, event) => {
            note(daemon, &session, event).await;
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
        Ok(Next::End(step, event)) => {
            note(daemon, &session, event).await;
            Ok(step)
        }
        Err(failure) => {
            let (outcome, reason) = failure.audited();
            note(daemon, &session, EventOf::Words(outcome, reason)).await;
            Err(failure.noted())
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
            let refused =
                subject(session, Action::Login).ended(Outcome::Refused, reason, clock::now());
            proof::prove_nothing(daemon, &answer, refused).await?;
            return Ok(Next::End(refuse(session), EventOf::Transaction));
        }
        Claimant::Known(identity) => identity,
    };
    // A window that was closed meanwhile is closed for those who look at a key, too (I9). The next login
    // goes on with it, if it may.
    let is_another_policy = daemon.policies.now().revision != session.demand.revision;
    match stage {
        Stage::FirstCode(_) | Stage::Noted(_) if is_another_policy => Ok(enrolling::ended()),
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
    let ruling =
        proof::prove(daemon, attempt, accepted(daemon, session, now), noting(session, now)).await?;
    Ok(match ruling {
        Ruling::Accepted { proof: Proof::Otp { .. }, done: locked_elsewhere, .. } => {
            let remark = |closure| Message::LockedElsewhere(Wait::new(&closure, now)).text();
            let text = locked_elsewhere.map_or_else(String::new, remark);
            Next::End(Step::Accept { text }, EventOf::Transaction)
        }
        Ruling::Accepted { proof: Proof::RecoveryCode { .. }, recovery_codes_left, .. } => {
            let left = recovery_codes_left.unwrap_or_default();
            let text = Message::RecoveryCodeUsed { left }.text();
            Next::End(Step::Accept { text }, EventOf::Transaction)
        }
        Ruling::MayEnroll { ticket } if may_enroll(session) => {
            let (_, account) = daemon.account(session.caller, identity.clone()).await?;
            match account.throttle.gate(&session.source, now, &daemon.rules().limits) {
                Ok(()) => return enrolling::offer(daemon, session, identity, Some(ticket)).await,
                // Its first code would not be looked at.
                Err(closure) => Next::End(
                    wait(&closure, now),
                    EventOf::Words(Outcome::Throttled, closure_word(&closure)),
                ),
            }
        }
        Ruling::MayEnroll { .. } | Ruling::Refused(_) | Ruling::Mismatch => {
            Next::End(refuse(session), EventOf::Transaction)
        }
        Ruling::Throttled(closure) => Next::End(wait(&closure, now), EventOf::Transaction),
    })
}

/// What the log says of a ruling about a login.
fn noting(session: &Session, now: Timestamp) -> proof::Noting<Option<Closure>> {
    let (subject, may_enroll) = (subject(session, Action::Login), may_enroll(session));
    // What an administrator looks for who opened enrolment and sees nobody enrol.
    let no_first_factor = !may_enroll && session.demand.decision.enrolls_at(now);
    Arc::new(move |ruling| {
        let (outcome, reason) = match ruling {
            Ruling::Accepted { proof: Proof::Otp { .. }, .. } => (Outcome::Accepted, "otp"),
            Ruling::Accepted { proof: Proof::RecoveryCode { .. }, .. } => {
                (Outcome::Accepted, "recovery-code")
            }
            // Not decided yet.
            Ruling::MayEnroll { .. } if may_enroll => return None,
            Ruling::MayEnroll { .. } => (Outcome::Refused, "no-first-factor"),
            Ruling::Refused(Refusal::NotEnrolled) if no_first_factor => {
                (Outcome::Refused, "no-first-factor")
            }
            Ruling::Refused(refusal) => (Outcome::Refused, refusal_word(refusal)),
            Ruling::Throttled(closure) => (Outcome::Throttled, closure_word(closure)),
            Ruling::Mismatch => (Outcome::Refused, "account-mismatch"),
        };
        Some(subject.ended(outcome, reason, now))
    })
}

/// What is done with a right code, in the transaction that accepts it. Gives the lock that holds off
/// logins from elsewhere, for somebody who has shown both factors to know.
fn accepted(daemon: &Daemon, session: &Session, now: Timestamp) -> OnAccept<Option<Closure>> {
    let (remember, limits) = (remember(session, now), daemon.rules().limits);
    Arc::new(move |records, account, proof| {
        remember(records, account, proof)?;
        // Not worth a login, should it be what fails.
        let Ok(throttle) = records.throttle(account.uid) else { return Ok(None) };
        let locks = throttle.locks(now, &limits);
        let unknown = locks.into_iter().find(|(lane, ..)| *lane == LaneKey::Unknown);
        Ok(unknown.map(|(_, _, closure)| closure))
    })
}

/// Remembers where a right code came from, in the transaction that accepts it, where the policy
/// says so. Who logs in with a recovery code has lost a phone, and with it all that is remembered.
fn remember(session: &Session, now: Timestamp) -> OnAccept<()> {
    let rule = Remember { lifetime: session.demand.decision.remember };
    let source = session.source;
    let service = session.context.service.clone();
    Arc::new(move |records, account, proof| {
        if let Proof::RecoveryCode { .. } = proof {
            return records.forget_sources(account.uid);
        }
        match (rule.remembers(proof, &source), service.as_deref()) {
            (Some(network), Some(service)) => records.remember(account.uid, service, network, now),
            _ => Ok(()),
        }
    })
}

/// Root's word about a login is taken; anybody else is a program of that uid on this host.
fn believed(caller: u32, name: &str, context: LoginContext) -> (LoginContext, Source, Place) {
    if caller != 0 {
        let LoginContext { service, expects, .. } = context;
        let context = LoginContext { service, expects, ..Default::default() };
        return (context, Source::OwnProgram, Place::Untold);
    }
    let own_name = nix::unistd::gethostname().unwrap_or_default();
    let own_name = own_name.to_string_lossy();
    let (rhost, tty) = (context.rhost.as_deref(), context.tty.as_deref());
    let source = Source::from_pam(rhost, tty, &own_name);
    let source = source.asked_by(context.ruser.as_deref(), name);
    let place = Place::from_pam(rhost, tty, &own_name);
    (context, source, place)
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
    let (now, limits) = (clock::now(), daemon.rules().limits);
    let (decision, throttle) = (&session.demand.decision, &record.throttle);
    let is_enrolled = !record.confirmed.is_empty();
    let may_enroll = may_enroll(session);
    match outlook(decision, is_enrolled, throttle, &session.source, may_enroll, now, &limits) {
        Outlook::NotAsked => {
            let reason = match decision.level {
                Level::Exempt => "exempt",
                Level::Optional | Level::Required => "not-enrolled",
            };
            // Behind a method of sshd's own this module may stand alone, where an ignored module lets
            // nobody in; and sshd has vouched for the claimant.
            let step = match session.context.first_factor.as_deref() {
                Some(method) if session.caller == 0 && method != "password" => {
                    Step::Accept { text: String::new() }
                }
                _ => Step::NotRequired,
            };
            Ok(Next::End(step, EventOf::Words(Outcome::NotRequired, reason)))
        }
        Outlook::Locked => {
            let Err(closure) = throttle.gate(&session.source, now, &limits) else {
                return Ok(code());
            };
            // A recovery code has a lane of its own, so it can still open this one.
            Ok(if throttle.recovery_gate(now, &limits).is_ok() {
                let prompt = Message::RecoveryPrompt(expects, Wait::new(&closure, now));
                Next::Ask(ask(&prompt), Stage::Code)
            } else {
                throttled(&closure, now)
            })
        }
        Outlook::Enrolls => enrolling::offer(daemon, session, identity, None).await,
        Outlook::AsksForCode | Outlook::Remembered => {
            let service = session.context.service.as_deref();
            // Who types password and code in one line types them blindly: an unasked code would be
            // taken for a part of the password.
            if expects == Expects::Code
                && spared(daemon, identity, throttle, &session.source, service, decision, now)
                    .await?
            {
                let step = Step::Accept { text: String::new() };
                return Ok(Next::End(step, EventOf::Words(Outcome::Accepted, "remembered")));
            }
            Ok(code())
        }
        // sudo shows prompts and nothing else.
        Outlook::Refused if !session.demand.message.is_empty() => {
            let prompt = Message::TicketPrompt(&session.demand.message);
            Ok(Next::Ask(ask(&prompt), Stage::Code))
        }
        Outlook::Refused => Ok(code()),
    }
}

/// Whether this source gave a right code for this service so lately that it is not asked again.
pub(crate) async fn spared(
    daemon: &Daemon,
    identity: &Identity,
    throttle: &Throttle,
    source: &Source,
    service: Option<&str>,
    decision: &Decision,
    now: Timestamp,
) -> Result<bool, Failure> {
    let rule = Remember { lifetime: decision.remember };
    // Off by default, and then costs no look into the database.
    let (Some(network), Some(asked)) = (rule.place(source), service.map(str::to_owned)) else {
        return Ok(false);
    };
    let uid = identity.uid;
    let accepted_at =
        daemon.store.run(move |records| records.remembered(uid, &asked, network)).await?;
    let limits = daemon.rules().limits;
    Ok(accepted_at.is_some_and(|at| rule.spares(at, source, throttle, now, &limits)))
}

fn wait(closure: &Closure, now: Timestamp) -> Step {
    Step::Wait { text: Message::Wait(Wait::new(closure, now)).text() }
}

fn throttled(closure: &Closure, now: Timestamp) -> Next {
    Next::End(wait(closure, now), EventOf::Words(Outcome::Throttled, closure_word(closure)))
}

fn ask(message: &Message<'_>) -> Step {
    Step::Ask { text: message.text(), echo: false }
}

/// The same words for everybody, unless an administrator chose others for those who have no
/// authenticator: they are told behind a first factor only (I16).
fn refuse(session: &Session) -> Step {
    let chosen = &session.demand.message;
    let text = if chosen.is_empty() { Message::NotAccepted.text() } else { chosen.clone() };
    Step::Refuse { text }
}

/// What the login's events are about.
fn subject(session: &Session, action: Action) -> Subject {
    let (user, uid) = match &session.claimant {
        Claimant::Known(identity) => (identity.name.clone(), Some(identity.uid)),
        Claimant::Nobody { name, .. } => (name.clone(), None),
    };
    Subject { action, user, uid, caller: session.caller, context: Some(session.context.clone()) }
}

/// Leaves the decision's event, before anybody sees the decision.
async fn note(daemon: &Daemon, session: &Session, event: EventOf) {
    if let EventOf::Words(outcome, reason) = event {
        daemon.note(subject(session, Action::Login).ended(outcome, reason, clock::now())).await;
    }
}
