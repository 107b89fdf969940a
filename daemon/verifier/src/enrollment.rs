//! From a shown secret to a confirmed authenticator, by type: there is no [`Confirmed`] without a
//! code that its secret made (I18).

use core::time::Duration;

use crate::{Otp, SharedSecret, TimeStep, Timestamp, TotpParameters, Window, matching_steps};

/// A secret that was shown and not yet confirmed.
pub struct Pending {
    secret: SharedSecret,
    parameters: TotpParameters,
    started_at: Timestamp,
}

/// A secret that a phone was seen to have, with the step that showing it spent.
pub struct Confirmed {
    secret: SharedSecret,
    parameters: TotpParameters,
    last_step: TimeStep,
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
    pub fn new(secret: SharedSecret, parameters: TotpParameters, started_at: Timestamp) -> Self {
        Self { secret, parameters, started_at }
    }

    /// What the phone is to be given.
    #[must_use]
    pub fn secret(&self) -> &SharedSecret {
        &self.secret
    }

    /// How the phone is to make its codes.
    #[must_use]
    pub fn parameters(&self) -> &TotpParameters {
        &self.parameters
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

    /// Confirms the secret with a code it makes now; the code is spent by it. The caller has
    /// seen to it that the enrolment has not expired.
    ///
    /// # Errors
    /// The unchanged pending enrolment, when the code is not one of this secret's.
    pub fn confirm(self, otp: &Otp, now: Timestamp, window: Window) -> Result<Confirmed, Self> {
        let matched = matching_steps(&self.secret, &self.parameters, otp, now, window);
        match matched.latest() {
            Some(last_step) => {
                Ok(Confirmed { secret: self.secret, parameters: self.parameters, last_step })
            }
            None => Err(self),
        }
    }
}

impl Confirmed {
    /// What the phone has.
    #[must_use]
    pub fn secret(&self) -> &SharedSecret {
        &self.secret
    }

    /// How it makes its codes.
    #[must_use]
    pub fn parameters(&self) -> &TotpParameters {
        &self.parameters
    }

    /// The step of the confirming code: spent, and to be stored as such.
    #[must_use]
    pub fn last_step(&self) -> TimeStep {
        self.last_step
    }
}
