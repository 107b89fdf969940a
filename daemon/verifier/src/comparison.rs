//! What one authenticator says about a code.

use subtle::ConstantTimeEq;

use crate::{
    Authenticator, MovingFactor, Otp, Period, ReplayRecord, Rules, Timestamp, Window,
    authenticator::Kind,
    hotp::{LookAhead, RESYNC_REACH, hotp},
};

/// What one authenticator says about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// It stands for a moving factor later than every accepted one (I2).
    Fresh(MovingFactor),
    /// It stands for a spent one.
    Spent,
    /// HOTP: it stands for this counter, further ahead than one code may lead.
    OutOfStep(MovingFactor),
    /// It stands for none that could count now.
    Different,
}

/// Compares a code with every one the authenticator may show now. The work depends on the kind of
/// authenticator and the rules: a match does not end it, and a code of the wrong length does not
/// spare it (I16).
pub(crate) fn compare(
    authenticator: &Authenticator,
    otp: &Otp,
    now: Timestamp,
    rules: &Rules,
) -> Match {
    match authenticator.parameters.kind {
        Kind::Totp(period) => compare_steps(authenticator, otp, now, period, rules.window),
        Kind::Hotp => compare_counters(authenticator, otp, rules.look_ahead),
    }
}

/// Whether the code is the authenticator's for a moving factor. One that does not exist is
/// computed all the same, and matches nothing.
pub(crate) fn is_code_of(
    authenticator: &Authenticator,
    otp: &Otp,
    factor: Option<MovingFactor>,
) -> bool {
    let Authenticator { parameters, secret, .. } = authenticator;
    let MovingFactor(counter) = factor.unwrap_or(MovingFactor(0));
    let code = hotp(secret, counter, parameters.algorithm, parameters.digits);
    let same_length = otp.digits().get().ct_eq(&parameters.digits.get());
    bool::from(code.ct_eq(&otp.value()) & same_length) & factor.is_some()
}

/// The latest step that matches is the one that counts. Should two steps in the window share a
/// code, spending the later one spends both, so that the same digits are never accepted twice
/// (RFC 6238 5.2).
fn compare_steps(
    authenticator: &Authenticator,
    otp: &Otp,
    now: Timestamp,
    period: Period,
    window: Window,
) -> Match {
    let mut latest = None;
    for step in window.around(MovingFactor::at(now, period)) {
        if is_code_of(authenticator, otp, step) {
            latest = latest.max(step);
        }
    }
    match latest {
        Some(step) if Some(step) > authenticator.record.last_spent => Match::Fresh(step),
        Some(_) => Match::Spent,
        None => Match::Different,
    }
}

/// Compares with the last code that was spent, with all within reach of the next one, and with
/// the one that would be the second of two in a row.
///
/// The second code gains a guesser next to nothing (RFC 4226 7.4). The first is refused and
/// charged, tells nobody that it matched anything, and adds a single code, the one right after it,
/// to those that are accepted: a guess then fits one code more than the look-ahead has, out of
/// 10^digits, and still costs a failure.
fn compare_counters(authenticator: &Authenticator, otp: &Otp, look_ahead: LookAhead) -> Match {
    let ReplayRecord { last_spent, out_of_step } = authenticator.record;
    let next = last_spent.map_or(Some(MovingFactor(0)), MovingFactor::next);
    let second = out_of_step.and_then(MovingFactor::next).filter(|second| Some(*second) >= next);

    let is_spent = is_code_of(authenticator, otp, last_spent);
    let is_second = is_code_of(authenticator, otp, second);
    let (mut fresh, mut far) = (None, None);
    for offset in 0..RESYNC_REACH {
        let counter = next.and_then(|next| next.0.checked_add(u64::from(offset)));
        let counter = counter.map(MovingFactor);
        if is_code_of(authenticator, otp, counter) {
            let first = if offset < look_ahead.counters() { &mut fresh } else { &mut far };
            *first = first.or(counter);
        }
    }
    match (fresh.or(second.filter(|_| is_second)), far) {
        // Digits that the next codes repeat are not accepted twice in a row either.
        _ if is_spent => Match::Spent,
        (Some(counter), _) => Match::Fresh(counter),
        (None, Some(counter)) => Match::OutOfStep(counter),
        (None, None) => Match::Different,
    }
}
