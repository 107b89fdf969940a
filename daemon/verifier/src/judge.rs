//! The decision is a value: a verdict together with the change it rests on.
//!
//! A [`Judgement`] tells its verdict only to whoever has stored the change, so that nobody can
//! let a claimant in without recording that the code is spent (I1), nor refuse one without
//! recording the failure (I5).

mod redemption;

use core::{hint::black_box, slice::from_ref};

pub use self::redemption::{
    RecoveryAttempt, RecoveryCharge, RightTicket, charge_recovery, redeem, redeem_ticket,
};
use crate::{
    Authenticator, AuthenticatorId, Closure, Confirmed, Limits, LookAhead, MovingFactor, Otp,
    Parameters, Pending, RecoveryCodeId, ReplayRecord, SharedSecret, Source, Throttle, Timestamp,
    Window,
    comparison::{Match, compare},
};

/// Everything about an account that a decision rests on.
pub struct Account {
    /// Empty when the account is not enrolled, or does not exist.
    pub authenticators: Vec<Authenticator>,
    /// The account's failures.
    pub throttle: Throttle,
}

/// The settings a decision rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How far a phone's clock may be away.
    pub window: Window,
    /// How far a token's counter may have run ahead.
    pub look_ahead: LookAhead,
    /// How many failures a lane takes.
    pub limits: Limits,
}

/// What was decided about an attempt to prove `P`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<P = Proof> {
    /// The claimant proved it.
    Accepted(P),
    /// The claimant did not. The reason is for the audit log, never for the claimant (I16).
    Refused(Refusal),
    /// The lane is closed: nothing was compared and nothing charged (I6).
    Throttled(Closure),
}

/// What was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Possession of a phone.
    Otp {
        /// Which.
        authenticator: AuthenticatorId,
        /// The moving factor that is spent by it.
        factor: MovingFactor,
    },
    /// Possession of a recovery code, which is spent by it.
    RecoveryCode {
        /// Which.
        id: RecoveryCodeId,
    },
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account has no authenticator. Charged, like a wrong code.
    NotEnrolled,
    /// Not shaped like a code. Not charged: some clients resend the password.
    Malformed,
    /// No authenticator makes this code now, or no recovery code is this one. Charged.
    WrongCode,
    /// A right code, but it is spent. Not charged, yet worth an alert: a second person may
    /// have read it.
    Replayed(AuthenticatorId),
}

/// What must be stored, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The new `last_spent` of an authenticator, whose `out_of_step` ends with it.
    pub spent: Option<(AuthenticatorId, MovingFactor)>,
    /// The new `out_of_step` of an authenticator. It stays until the next spend or the next such
    /// code, so that nobody else's wrong guesses keep a token from being resynchronised.
    pub out_of_step: Option<(AuthenticatorId, MovingFactor)>,
    /// The recovery code that is no longer one.
    pub spent_recovery_code: Option<RecoveryCodeId>,
    /// The account's new throttle, in full.
    pub throttle: Option<Throttle>,
}

impl Change {
    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A verdict that is told in exchange for storing what follows from it.
#[must_use = "an attempt that is not stored is not counted"]
pub struct Judgement<P = Proof> {
    verdict: Verdict<P>,
    change: Change,
}

impl<P> Judgement<P> {
    /// Hands the change, which may be empty, to `persist`, and tells the verdict when that
    /// succeeded. The verdict must not leave the program before the change is durable (I4).
    ///
    /// # Errors
    /// Whatever `persist` failed with; then the verdict is lost, and that means no.
    pub fn store<E>(self, persist: impl FnOnce(&Change) -> Result<(), E>) -> Result<Verdict<P>, E> {
        persist(&self.change)?;
        Ok(self.verdict)
    }

    fn unchanged(verdict: Verdict<P>) -> Self {
        Self { verdict, change: Change::default() }
    }

    fn proving<Q>(self, proof: impl FnOnce(P) -> Q) -> Judgement<Q> {
        let verdict = match self.verdict {
            Verdict::Accepted(proved) => Verdict::Accepted(proof(proved)),
            Verdict::Refused(refusal) => Verdict::Refused(refusal),
            Verdict::Throttled(closure) => Verdict::Throttled(closure),
        };
        Judgement { verdict, change: self.change }
    }
}

/// Decides about a one-time code.
pub fn judge(
    account: &Account,
    otp: &Otp,
    source: &Source,
    now: Timestamp,
    rules: &Rules,
) -> Judgement {
    let Account { authenticators, throttle } = account;
    let mut judgement = judge_otp(authenticators, throttle, otp, source, now, rules)
        .proving(|(authenticator, factor)| Proof::Otp { authenticator, factor });
    if let Verdict::Accepted(_) = judgement.verdict {
        judgement.change.throttle = Some(throttle.after_accept(source, now, &rules.limits));
    }
    judgement
}

/// Decides about the first code of a pending enrolment that a login shows: charged, replayed and
/// locked like any other. A right one clears no failures and makes no source known: that is for
/// enrolments that are completed ([`Throttle::after_accept`]).
pub fn judge_first_code(
    pending: &Pending,
    throttle: &Throttle,
    otp: &Otp,
    source: &Source,
    now: Timestamp,
    rules: &Rules,
) -> Judgement<Confirmed> {
    judge_otp(from_ref(pending.authenticator()), throttle, otp, source, now, rules)
        .proving(|(authenticator, spent)| Confirmed::new(authenticator, spent))
}

/// The judgement on an answer that is not shaped like a code.
pub fn malformed() -> Judgement {
    Judgement::unchanged(Verdict::Refused(Refusal::Malformed))
}

fn judge_otp(
    authenticators: &[Authenticator],
    throttle: &Throttle,
    otp: &Otp,
    source: &Source,
    now: Timestamp,
    rules: &Rules,
) -> Judgement<(AuthenticatorId, MovingFactor)> {
    let limits = &rules.limits;
    if let Err(closure) = throttle.gate(source, now, limits) {
        return Judgement::unchanged(Verdict::Throttled(closure));
    }
    let (refusal, out_of_step) = match compare_all(authenticators, otp, now, rules) {
        Outcome::Fresh(id, factor) => {
            let change = Change { spent: Some((id, factor)), ..Change::default() };
            return Judgement { verdict: Verdict::Accepted((id, factor)), change };
        }
        Outcome::Spent(id) => {
            return Judgement::unchanged(Verdict::Refused(Refusal::Replayed(id)));
        }
        Outcome::OutOfStep(id, counter) => (Refusal::WrongCode, Some((id, counter))),
        Outcome::Different if authenticators.is_empty() => (Refusal::NotEnrolled, None),
        Outcome::Different => (Refusal::WrongCode, None),
    };
    let mut throttle = throttle.clone();
    throttle.charge(source, now, limits);
    let change = Change { out_of_step, throttle: Some(throttle), ..Change::default() };
    Judgement { verdict: Verdict::Refused(refusal), change }
}

/// What an account's authenticators say about a code; of several, the first one that says it.
enum Outcome {
    Fresh(AuthenticatorId, MovingFactor),
    Spent(AuthenticatorId),
    OutOfStep(AuthenticatorId, MovingFactor),
    Different,
}

/// Compares with every authenticator, whether or not one matched already; an account without any
/// compares with a secret that nobody has, so that it answers no sooner (I16).
fn compare_all(
    authenticators: &[Authenticator],
    otp: &Otp,
    now: Timestamp,
    rules: &Rules,
) -> Outcome {
    let (mut fresh, mut spent, mut out_of_step) = (None, None, None);
    for authenticator in authenticators {
        let id = authenticator.id;
        match compare(authenticator, otp, now, rules) {
            Match::Fresh(factor) => fresh = fresh.or(Some((id, factor))),
            Match::Spent => spent = spent.or(Some(id)),
            Match::OutOfStep(counter) => out_of_step = out_of_step.or(Some((id, counter))),
            Match::Different => {}
        }
    }
    if authenticators.is_empty() {
        black_box(compare(&decoy(), otp, now, rules));
    }
    match (fresh, spent, out_of_step) {
        (Some((id, factor)), _, _) => Outcome::Fresh(id, factor),
        (None, Some(id), _) => Outcome::Spent(id),
        (None, None, Some((id, counter))) => Outcome::OutOfStep(id, counter),
        (None, None, None) => Outcome::Different,
    }
}

/// An authenticator that nobody has.
fn decoy() -> Authenticator {
    Authenticator {
        id: AuthenticatorId(0),
        parameters: Parameters::default(),
        secret: SharedSecret::decoy(),
        record: ReplayRecord::default(),
    }
}
