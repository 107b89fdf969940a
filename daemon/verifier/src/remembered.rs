//! The source that gave a right code a while ago, and is not asked for another so soon.

use core::time::Duration;

use crate::{Limits, Network, Proof, Source, Throttle, Timestamp};

/// For how long, and for which services, a source that gave a right code is not asked for another.
/// Off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RememberRule {
    /// How long after an accept; zero is never.
    pub lifetime: Duration,
    /// PAM services, and no others.
    pub services: Vec<String>,
}

impl RememberRule {
    /// What to remember about an accept, if anything: the network that a one-time code came from,
    /// for a service that is listed. A recovery code is remembered nowhere, as it shows that the
    /// phone is gone.
    #[must_use]
    pub fn remembers(
        &self,
        proof: &Proof,
        source: &Source,
        service: Option<&str>,
    ) -> Option<Network> {
        match proof {
            Proof::Otp { .. } => self.place(source, service),
            Proof::RecoveryCode { .. } => None,
        }
    }

    /// The network of a source that this is about at all: for a service that is listed.
    #[must_use]
    pub fn place(&self, source: &Source, service: Option<&str>) -> Option<Network> {
        let listed = |service| self.services.iter().any(|listed| listed == service);
        match source {
            Source::Network(network) if !self.lifetime.is_zero() && service.is_some_and(listed) => {
                Some(*network)
            }
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
        service: Option<&str>,
        source: &Source,
        throttle: &Throttle,
        now: Timestamp,
        limits: &Limits,
    ) -> bool {
        self.place(source, service).is_some()
            && now.distance(accepted_at) < self.lifetime
            && throttle.gate(source, now, limits).is_ok()
    }
}
