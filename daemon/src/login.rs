//! A login: one question, one answer.
//!
//! - MUST answer `accept` only after a verdict that says so, which exists only after COMMIT (I4, I8).
//! - MUST answer `not-required` only for a known account, by a setting that says so (I8, I9).
//! - MUST ask whoever does not exist as it asks everybody, and refuse them at the same cost (I16).
//! - MUST take a session out of the table before its answer is looked at (I11).
//! - MUST believe where a login comes from only from root.
//! - MUST leave one audit line for every decision; the door leaves one for every call that fails
//!   before there is any.

use twinlock_interface::{LoginContext, Step};
use twinlock_verifier::{
    answer::Answer,
    judge::{Proof, Verdict},
    source::Source,
    throttle::LaneKey,
    time::Timestamp,
};

use crate::{
    audit::{Action, Event, Outcome},
    clock,
    config::Unenrolled,
    daemon::Daemon,
    failure::{Failure, closure_word, refusal_word},
    identity::Identity,
    messages::{Message, Wait},
    proof::{self, Attempt, Ruling},
    sessions::{Claimant, Session},
    store::accounts::AccountRecord,
};

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
    let session = Session { caller, claimant, source, lane, context };
    let step = first_step(daemon, &session, record.as_ref());
    let handle = match step {
        Step::Ask { .. } => daemon.sessions().open(session, clock::monotonic())?,
        Step::Accept { .. } | Step::NotRequired | Step::Refuse { .. } | Step::Wait { .. } => {
            String::new()
        }
    };
    Ok((handle, step))
}

/// Judges the answer to the session's one question.
pub(crate) async fn answer(
    daemon: &Daemon,
    caller: u32,
    handle: &str,
    answer: &str,
) -> Result<Step, Failure> {
    let session = daemon.sessions().take(handle, caller, clock::monotonic())?;
    let answer = Answer::parse(answer);
    let now = clock::now();
    let (outcome, reason, step) = match &session.claimant {
        Claimant::Nobody { reason, .. } => {
            proof::prove_nothing(daemon, &answer).await?;
            (Outcome::Refused, *reason, refuse())
        }
        Claimant::Known(identity) => {
            let (identity, source) = (identity.clone(), session.source);
            let attempt = Attempt { identity, answer, source, now };
            match proof::prove(daemon, attempt, |_, _| Ok(())).await {
                Ok(ruling) => told(ruling, now),
                Err(failure) => {
                    let (outcome, reason) = failure.audited();
                    record(daemon, &session, outcome, reason);
                    return Err(failure);
                }
            }
        }
    };
    record(daemon, &session, outcome, reason);
    Ok(step)
}

/// Root's word about a login is taken; anybody else is a program of that uid on this host.
fn believed(caller: u32, name: &str, context: LoginContext) -> (LoginContext, Source) {
    if caller != 0 {
        let context = LoginContext { service: context.service, ..Default::default() };
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

/// The question, or the reason why there is none. Touches no secret.
fn first_step(daemon: &Daemon, session: &Session, account: Option<&AccountRecord>) -> Step {
    let Some(AccountRecord { confirmed, throttle, .. }) = account else {
        return ask(&Message::CodePrompt);
    };
    if confirmed.is_empty() && daemon.config.unenrolled == Unenrolled::Allow {
        record(daemon, session, Outcome::NotRequired, "not-enrolled");
        return Step::NotRequired;
    }
    let now = clock::now();
    let limits = &daemon.config.rules.limits;
    let Err(closure) = throttle.gate(&session.source, now, limits) else {
        return ask(&Message::CodePrompt);
    };
    // A recovery code has a lane of its own, so it can still open this one.
    let wait = Wait::new(&closure, now);
    if throttle.recovery_gate(now, limits).is_ok() {
        return ask(&Message::RecoveryPrompt(wait));
    }
    record(daemon, session, Outcome::Throttled, closure_word(&closure));
    Step::Wait { text: Message::Wait(wait).text() }
}

fn told(ruling: Ruling, now: Timestamp) -> (Outcome, &'static str, Step) {
    let (verdict, left) = match ruling {
        Ruling::Judged { verdict, recovery_codes_left } => (verdict, recovery_codes_left),
        Ruling::Mismatch => return (Outcome::Refused, "account-mismatch", refuse()),
    };
    match verdict {
        Verdict::Accepted(Proof::Otp { .. }) => {
            (Outcome::Accepted, "otp", Step::Accept { text: String::new() })
        }
        Verdict::Accepted(Proof::RecoveryCode { .. }) => {
            let text = Message::RecoveryCodeUsed { left }.text();
            (Outcome::Accepted, "recovery-code", Step::Accept { text })
        }
        Verdict::Refused(refusal) => (Outcome::Refused, refusal_word(&refusal), refuse()),
        Verdict::Throttled(closure) => {
            let text = Message::Wait(Wait::new(&closure, now)).text();
            (Outcome::Throttled, closure_word(&closure), Step::Wait { text })
        }
    }
}

fn ask(message: &Message) -> Step {
    Step::Ask { text: message.text(), echo: false }
}

fn refuse() -> Step {
    Step::Refuse { text: Message::NotAccepted.text() }
}

fn record(daemon: &Daemon, session: &Session, outcome: Outcome, reason: &'static str) {
    let (user, uid) = match &session.claimant {
        Claimant::Known(identity) => (identity.name.as_str(), Some(identity.uid)),
        Claimant::Nobody { name, .. } => (name.as_str(), None),
    };
    daemon.audit.record(&Event {
        action: Action::Login,
        outcome,
        reason,
        user,
        uid,
        caller: session.caller,
        context: Some(&session.context),
    });
}
