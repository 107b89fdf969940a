//! Why a code does not match: by how much a phone's clock is off. Nothing here lets anybody in.

use core::time::Duration;

use crate::{
    Authenticator, AuthenticatorId, MovingFactor, Otp, Period, Timestamp, authenticator::Kind,
    comparison::is_code_of,
};

/// Seconds by which a time step misses `now`: 0 when `now` lies in it, negative when it has ended
/// (a phone that is behind: seconds since its last second), positive when it has not begun.
#[must_use]
pub fn offset_seconds(factor: MovingFactor, period: Period, now: Timestamp) -> i64 {
    let (now, period) = (i128::from(now.unix()), i128::from(period.seconds()));
    let first = i128::from(factor.0) * period;
    let last = first + period - 1;
    let offset = if now > last { last - now } else { (first - now).max(0) };
    i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX })
}

/// Looks for a code among the time steps that ended at most `back` ago, the present one, and those
/// that begin within `ahead`: the authenticator that makes it and the [`offset_seconds`] of the
/// nearest such step. HOTP has none. It is for a code that was judged and charged before; the work
/// grows with `back` and `ahead`.
#[must_use]
pub fn out_of_window(
    authenticators: &[Authenticator],
    otp: &Otp,
    now: Timestamp,
    back: Duration,
    ahead: Duration,
) -> Option<(AuthenticatorId, i64)> {
    let mut nearest: Option<(AuthenticatorId, i64)> = None;
    for authenticator in authenticators {
        let Kind::Totp(period) = authenticator.parameters.kind else { continue };
        let earliest = Timestamp::from_unix(now.unix().saturating_sub(back.as_secs()));
        let latest = now.saturating_add(ahead);
        let steps = MovingFactor::at(earliest, period).0..=MovingFactor::at(latest, period).0;
        for step in steps.map(MovingFactor) {
            let offset = offset_seconds(step, period, now);
            let nearer =
                nearest.is_none_or(|(_, best)| offset.unsigned_abs() < best.unsigned_abs());
            if is_code_of(authenticator, otp, Some(step)) && nearer {
                nearest = Some((authenticator.id, offset));
            }
        }
    }
    nearest
}
