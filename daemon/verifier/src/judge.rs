//! The decision is a value: a verdict together with the change it rests on.
//!
//! A [`Judgement`] tells its verdict only to whoever has stored the change, so that nobody can
//! let a claimant in without recording that the code is spent (I1), nor refuse one without
//! recording the failure (I5).

mod redemption;

use core::hint::black_box;

pub use self::redemption::{RecoveryAttempt, RecoveryCharge, charge_recovery, redeem};
use crate::{
    Closure, Limits, Otp, RecoveryCodeId, SharedSecret, Source, Throttle, TimeStep, Timestamp,
    TotpParameters, Window, matching_steps,
};

/// Names a stored authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticatorId(pub i64);

/// One enrolled phone.
pub struct Authenticator {
    /// Its name in the store.
    pub id: AuthenticatorId,
    /// How it makes its codes.
    pub parameters: TotpParameters,
    /// What it shares with this host.
    pub secret: SharedSecret,
    /// The latest step accepted from it. Earlier ones are spent as well (I2).
    pub last_step: Option<TimeStep>,
}

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
    /// How many failures a lane takes.
    pub limits: Limits,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The claimant proved possession.
    Accepted(Proof),
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
        /// The step that is spent by it.
        step: TimeStep,
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
    /// A right code, but its step is spent. Not charged, yet worth an alert: a second person may
    /// have read it.
    Replayed(AuthenticatorId),
}

/// What must be stored, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The new `last_step` of an authenticator.
    pub spent_step: Option<(AuthenticatorId, TimeStep)>,
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
pub struct Judgement {
    verdict: Verdict,
    change: Change,
}

impl Judgement {
    /// Hands the change, which may be empty, to `persist`, and tells the verdict when that
    /// succeeded. The verdict must not leave the program before the change is durable (I4).
    ///
    /// # Errors
    /// Whatever `persist` failed with; then the verdict is lost, and that means no.
    pub fn store<E>(self, persist: impl FnOnce(&Change) -> Result<(), E>) -> Result<Verdict, E> {
        persist(&self.change)?;
        Ok(self.verdict)
    }

    fn unchanged(verdict: Verdict) -> Self {
        Self { verdict, change: Change::default() }
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
    let limits = &rules.limits;
    if let Err(closure) = account.throttle.gate(source, now, limits) {
        return Judgement::unchanged(Verdict::Throttled(closure));
    }
    let refusal = match compare(&account.authenticators, otp, now, rules.window) {
        Comparison::Fresh(id, step) => return accept(account, id, step, source, now, limits),
        Comparison::Spent(id) => {
            return Judgement::unchanged(Verdict::Refused(Refusal::Replayed(id)));
        }
        Comparison::Different if account.authenticators.is_empty() => Refusal::NotEnrolled,
        Comparison::Different => Refusal::WrongCode,
    };
    let mut throttle = account.throttle.clone();
    throttle.charge(source, now, limits);
    let change = Change { throttle: Some(throttle), ..Change::default() };
    Judgement { verdict: Verdict::Refused(refusal), change }
}

/// The judgement on an answer that is not shaped like a code.
pub fn malformed() -> Judgement {
    Judgement::unchanged(Verdict::Refused(Refusal::Malformed))
}

fn accept(
    account: &Account,
    authenticator: AuthenticatorId,
    step: TimeStep,
    source: &Source,
    now: Timestamp,
    limits: &Limits,
) -> Judgement {
    let mut throttle = account.throttle.clone();
    throttle.clear(source, now, limits);
    Judgement {
        verdict: Verdict::Accepted(Proof::Otp { authenticator, step }),
        change: Change {
            spent_step: Some((authenticator, step)),
            throttle: Some(throttle),
            ..Change::default()
        },
    }
}

/// What an account's authenticators say about a code.
enum Comparison {
    /// It stands for a step later than every accepted one (I2).
    Fresh(AuthenticatorId, TimeStep),
    /// It stands for spent steps only.
    Spent(AuthenticatorId),
    /// It stands for no step in the window.
    Different,
}

/// Compares with every authenticator, whether or not one matched already; an account without any
/// compares with a secret that nobody has, so that it answers no sooner (I16).
fn compare(
    authenticators: &[Authenticator],
    otp: &Otp,
    now: Timestamp,
    window: Window,
) -> Comparison {
    let (mut fresh, mut spent) = (None, None);
    for Authenticator { id, parameters, secret, last_step } in authenticators {
        let matched = matching_steps(secret, parameters, otp, now, window);
        match matched.latest() {
            Some(step) if Some(step) > *last_step => drop(fresh.get_or_insert((*id, step))),
            Some(_) => drop(spent.get_or_insert(*id)),
            None => {}
        }
    }
    if authenticators.is_empty() {
        let decoy = SharedSecret::decoy();
        black_box(matching_steps(&decoy, &TotpParameters::default(), otp, now, window));
    }
    match (fresh, spent) {
        (Some((id, step)), _) => Comparison::Fresh(id, step),
        (None, Some(id)) => Comparison::Spent(id),
        (None, None) => Comparison::Different,
    }
}
