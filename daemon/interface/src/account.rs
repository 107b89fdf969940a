//! What enrolment and status return.

use core::fmt;

use serde::{Deserialize, Serialize};
use zbus::wire::Type;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What a person needs to set up their phone; D-Bus signature `(sst)`.
#[derive(Serialize, Deserialize, Type, Zeroize, ZeroizeOnDrop)]
pub struct Material {
    /// Key URI for the QR code: `otpauth://totp/…` with issuer, algorithm, digits and period.
    pub key_uri: String,
    /// The shared secret in base32 without padding, for typing.
    pub secret_base32: String,
    /// When the pending enrolment ends, in seconds since the Unix epoch.
    pub expires_at: u64,
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// How far an account's enrolment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No authenticator.
    Off,
    /// A secret has been shown and not yet confirmed.
    Pending,
    /// At least one authenticator.
    On,
}

impl State {
    /// The word on the wire: `off`, `pending` or `on`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Pending => "pending",
            Self::On => "on",
        }
    }
}

/// An account as `Enrollment.Status` shows it; D-Bus signature `a{sv}`. Times are seconds since
/// the Unix epoch; a missing time means "not so".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Status {
    /// Canonical account name, as the host's user database spells it.
    #[serde(with = "zbus::wire::as_variant")]
    pub user: String,
    /// `off`, `pending` or `on`.
    #[serde(with = "zbus::wire::as_variant")]
    pub state: String,
    /// Since when `state` holds; missing for `off`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// When a pending enrolment ends.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Unused recovery codes.
    #[serde(with = "zbus::wire::as_variant")]
    pub recovery_codes_left: u32,
    /// When the last code was accepted.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub last_accepted_at: Option<u64>,
    /// Failed attempts that still count, over all sources.
    #[serde(with = "zbus::wire::as_variant")]
    pub failures: u32,
    /// When the last temporary lock ends.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<u64>,
    /// Whether a lane is closed until an administrator or a recovery code opens it.
    #[serde(with = "zbus::wire::as_variant")]
    pub closed: bool,
}
