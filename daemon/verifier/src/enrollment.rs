//! From a shown secret to a confirmed authenticator, by type: there is no [`Confirmed`] without a
//! code that its secret made (I18).

use core::time::Duration;

use crate::{
    Authenticator, AuthenticatorId, MovingFactor, Otp, Rules, Timestamp,
    comparison::{Match, compare},
};

/// An authenticator whose secret was shown and which is not yet confirmed.
pub struct Pending {
    authenticator: Authenticator,
    started_at: Timestamp,
}

/// Shows that a phone was seen to have an authenticator's secret, with the moving factor that
/// showing it spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    authenticator: AuthenticatorId,
    spent: MovingFactor,
}

/// Whether an enrolment that began at `started_at` has ended: `lifetime` after its start, or that
/// long before it on a clock that was set back (I22).
#[must_use]
pub fn is_expired(started_at: Timestamp, now: Timestamp, lifetime: Duration) -> bool {
    now.distance(started_at) >= lifetime
}

impl Pending {
    /// A fresh or stored pending enrolment.
    #[must_use]
    pub fn new(authenticator: Authenticator, started_at: Timestamp) -> Self {
        Self { authenticator, started_at }
    }

    /// What the phone is to be given.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// When the secret was first shown.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When it ends, if the clock runs on evenly.
    #[must_use]
    pub fn expires_at(&self, lifetime: Duration) -> Timestamp {
        self.started_at.saturating_add(lifetime)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp, lifetime: Duration) -> bool {
        is_expired(self.started_at, now, lifetime)
    }

    /// Confirms the authenticator with a code that its secret makes now and that is not spent; the
    /// code is spent by it. Nothing is charged: whoever asks has seen the secret. The caller has seen
    /// to it that the enrolment has not expired.
    #[must_use]
    pub fn confirm(&self, otp: &Otp, now: Timestamp, rules: &Rules) -> Option<Confirmed> {
        match compare(&self.authenticator, otp, now, rules) {
            Match::Fresh(spent) => Some(Confirmed { authenticator: self.authenticator.id, spent }),
            Match::Spent | Match::OutOfStep(_) | Match::Different => None,
        }
    }
}

impl Confirmed {
    pub(crate) fn new(authenticator: AuthenticatorId, spent: MovingFactor) -> Self {
        Self { authenticator, spent }
    }

    /// Which one was confirmed.
    #[must_use]
    pub fn authenticator(&self) -> AuthenticatorId {
        self.authenticator
    }

    /// The moving factor of the confirming code: to be stored as spent.
    #[must_use]
    pub fn spent(&self) -> MovingFactor {
        self.spent
    }
}
