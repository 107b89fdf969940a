//! Recovery codes are judged in two halves, because hashing one takes longer than a transaction
//! may: the attempt is charged and stored first, and only then may anybody look at the code (I5).

use super::{Change, Judgement, Proof, Refusal, Rules, Verdict};
use crate::{Closure, RecoveryCodeId, Source, Throttle, Timestamp};

/// Shows that an attempt with a recovery code was charged and stored. Good for one
/// [`redeem`], whatever comes of it.
#[must_use = "a charged attempt is to be redeemed"]
pub struct RecoveryAttempt(());

/// The first half: an attempt that becomes one by being stored.
#[must_use = "an attempt that is not stored is not counted"]
pub struct RecoveryCharge {
    outcome: Result<RecoveryAttempt, Closure>,
    change: Change,
}

impl RecoveryCharge {
    /// Hands the change to `persist`, and the attempt over when that succeeded. When the lane is
    /// closed the change is empty and there is no attempt.
    ///
    /// # Errors
    /// Whatever `persist` failed with; then there is no attempt.
    pub fn store<E>(
        self,
        persist: impl FnOnce(&Change) -> Result<(), E>,
    ) -> Result<Result<RecoveryAttempt, Closure>, E> {
        persist(&self.change)?;
        Ok(self.outcome)
    }
}

/// Shows that a ticket was the right one: it opens enrolment and lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightTicket(());

/// Charges an attempt with a recovery code, unless the lane of recovery codes is closed (I6).
pub fn charge_recovery(throttle: &Throttle, now: Timestamp, rules: &Rules) -> RecoveryCharge {
    if let Err(closure) = throttle.recovery_gate(now, &rules.limits) {
        return RecoveryCharge { outcome: Err(closure), change: Change::default() };
    }
    let mut throttle = throttle.clone();
    throttle.charge_recovery(now, &rules.limits);
    RecoveryCharge {
        outcome: Ok(RecoveryAttempt(())),
        change: Change { throttle: Some(throttle), ..Change::default() },
    }
}

/// The second half: `matched` is the unspent recovery code of this account that the answer is, if
/// any. `throttle` must be loaded in the transaction that stores the judgement, as others may
/// have been charged in between, and that transaction must see the code unspent (I3).
pub fn redeem(
    RecoveryAttempt(()): RecoveryAttempt,
    throttle: &Throttle,
    matched: Option<RecoveryCodeId>,
    source: &Source,
    now: Timestamp,
    rules: &Rules,
) -> Judgement {
    let Some(id) = matched else {
        return Judgement::unchanged(Verdict::Refused(Refusal::WrongCode));
    };
    let mut throttle = throttle.clone();
    throttle.clear_after_recovery(source, now, &rules.limits);
    Judgement {
        verdict: Verdict::Accepted(Proof::RecoveryCode { id }),
        change: Change {
            spent_recovery_code: Some(id),
            throttle: Some(throttle),
            ..Change::default()
        },
    }
}

/// The second half for a ticket: `matched` is whether the answer is the account's valid ticket.
/// A right one opens enrolment and lets nobody in. It clears the lane of recovery codes, in which
/// it was charged, and no other: it says nothing about where it comes from. `throttle` must be
/// loaded in the transaction that stores the judgement.
pub fn redeem_ticket(
    RecoveryAttempt(()): RecoveryAttempt,
    throttle: &Throttle,
    matched: bool,
) -> Judgement<RightTicket> {
    if !matched {
        return Judgement::unchanged(Verdict::Refused(Refusal::WrongCode));
    }
    let mut throttle = throttle.clone();
    throttle.clear_recovery();
    Judgement {
        verdict: Verdict::Accepted(RightTicket(())),
        change: Change { throttle: Some(throttle), ..Change::default() },
    }
}
