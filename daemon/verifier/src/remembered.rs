//! The source that gave a right code a while ago, and is not asked for another so soon.

use core::time::Duration;

use crate::{Limits, Network, Proof, Source, Throttle, Timestamp};

/// For how long a network that gave a right code is not asked for another, as the policy has it for
/// the account and the service. Never by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remember {
    /// How long after an accept; zero is never.
    pub lifetime: Duration,
}

impl Remember {
    /// What to remember about an accept, if anything: the network that a one-time code came from.
    /// A recovery code is remembered nowhere, as it shows that the phone is gone.
    #[must_use]
    pub fn remembers(&self, proof: &Proof, source: &Source) -> Option<Network> {
        match proof {
            Proof::Otp { .. } => self.place(source),
            Proof::RecoveryCode { .. } => None,
        }
    }

    /// The network of a source, if anything is remembered of it at all.
    #[must_use]
    pub fn place(&self, source: &Source) -> Option<Network> {
        match source {
            Source::Network(network) if !self.lifetime.is_zero() => Some(*network),
            _ => None,
        }
    }

    /// Whether an accept at `accepted_at`, from the same account, service and network, still spares
    /// the code. Never while the lane of the source is closed (I6), and for `lifetime` on either
    /// side of the accept, so that a clock set back ends it too (I22).
    #[must_use]
    pub fn spares(
        &self,
        accepted_at: Timestamp,
        source: &Source,
        throttle: &Throttle,
        now: Timestamp,
        limits: &Limits,
    ) -> bool {
        self.place(source).is_some()
            && now.distance(accepted_at) < self.lifetime
            && throttle.gate(source, now, limits).is_ok()
    }
}
