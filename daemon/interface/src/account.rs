//! What enrolment asks for, and what enrolment, status and check return.

use core::fmt;

use serde::{Deserialize, Serialize};
use zbus::wire::Type;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What a person needs to set up their phone; D-Bus signature `(sst)`.
#[derive(Serialize, Deserialize, Type, Zeroize, ZeroizeOnDrop)]
pub struct Material {
    /// Key URI for the QR code: `otpauth://totp/…` or `otpauth://hotp/…`, with issuer, algorithm,
    /// digits, and period or counter.
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

/// What `Enrollment.Begin` is asked for; D-Bus signature `a{sv}`. A missing entry means the default.
/// An empty request resumes whatever is under way. Whoever holds one wraps it in `Zeroizing`.
#[derive(Clone, Default, Serialize, Deserialize, Type, Zeroize)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct EnrollmentRequest {
    /// What the person calls this authenticator; without it `phone`, `phone 2`, …
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `totp` (default) or `hotp`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `SHA1` (default), `SHA256` or `SHA512`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Digits of a code, 6 (default) to 8.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub digits: Option<u32>,
    /// Seconds in a time step, 15 to 300 (default 30). For `totp` only.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// Counter of the next code. For `hotp` with a `secret` only; default 0.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// A shared secret the phone has already, in base32. Without it the daemon makes one.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// A key URI the phone has read already, in place of `secret` and of everything from `kind` to
    /// `counter`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub key_uri: Option<String>,
    /// A fresh code or a recovery code, from the owner of an account that has an authenticator.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

impl fmt::Debug for EnrollmentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollmentRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An authenticator that another program kept, as `Manager.Import` takes it; D-Bus signature
/// `a{sv}`. Whoever holds one wraps it in `Zeroizing`.
#[derive(Clone, Default, Serialize, Deserialize, Type, Zeroize)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct ImportedAuthenticator {
    /// What to call it.
    #[serde(with = "zbus::wire::as_variant")]
    pub name: String,
    /// `totp` or `hotp`.
    #[serde(with = "zbus::wire::as_variant")]
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    #[serde(with = "zbus::wire::as_variant")]
    pub algorithm: String,
    /// Digits of a code, 6 to 8.
    #[serde(with = "zbus::wire::as_variant")]
    pub digits: u32,
    /// Seconds in a time step; 0 for `hotp`.
    #[serde(with = "zbus::wire::as_variant")]
    pub period: u32,
    /// The shared secret in base32.
    #[serde(with = "zbus::wire::as_variant")]
    pub secret: String,
    /// The latest time step or counter that is spent. When it is missing, nothing is spent for
    /// `hotp`, and everything up to now for `totp`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub last_spent: Option<u64>,
}

impl fmt::Debug for ImportedAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedAuthenticator").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How far an account's enrolment has come: `off`, `pending` or `on` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No authenticator.
    #[default]
    Off,
    /// A secret has been shown and not yet confirmed.
    Pending,
    /// At least one authenticator.
    On,
}

/// What became of a code that was tried: `accepted`, `spent` or `out-of-window` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
pub enum CodeOutcome {
    /// Right, and spent by having been tried.
    Accepted,
    /// Right once: accepted before.
    #[default]
    Spent,
    /// Made by an authenticator of the account, but for another time.
    OutOfWindow,
}

/// An authenticator as `Enrollment.Status` shows it; D-Bus signature `a{sv}`. Times are seconds
/// since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct AuthenticatorStatus {
    /// What the person calls it.
    #[serde(with = "zbus::wire::as_variant")]
    pub name: String,
    /// `totp` or `hotp`.
    #[serde(with = "zbus::wire::as_variant")]
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    #[serde(with = "zbus::wire::as_variant")]
    pub algorithm: String,
    /// Digits of a code.
    #[serde(with = "zbus::wire::as_variant")]
    pub digits: u32,
    /// Seconds in a time step; 0 for `hotp`.
    #[serde(with = "zbus::wire::as_variant")]
    pub period: u32,
    /// Since when it counts.
    #[serde(with = "zbus::wire::as_variant")]
    pub confirmed_at: u64,
    /// When a code of it was last accepted.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub last_accepted_at: Option<u64>,
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
    /// How far its enrolment has come.
    #[serde(with = "zbus::wire::as_variant")]
    pub state: State,
    /// Since when `state` holds; missing for `off`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Whether this host asks an account like this one for a code even when it has no authenticator.
    #[serde(with = "zbus::wire::as_variant")]
    pub required: bool,
    /// Confirmed authenticators, oldest first.
    #[serde(with = "zbus::wire::as_variant")]
    pub authenticators: Vec<AuthenticatorStatus>,
    /// When a pending enrolment ends.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Unused recovery codes.
    #[serde(with = "zbus::wire::as_variant")]
    pub recovery_codes_left: u32,
    /// When the others of the set were used, oldest first.
    #[serde(with = "zbus::wire::as_variant")]
    pub recovery_codes_used_at: Vec<u64>,
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
    /// The lanes in which nothing is accepted now.
    #[serde(with = "zbus::wire::as_variant")]
    pub locks: Vec<Lock>,
    /// Why a code is required, in words: the rule that decides, or that it is built in.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub required_because: Option<String>,
    /// Until when a login may enrol.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub enroll_until: Option<u64>,
}

/// A lane of the throttle that takes no attempt; D-Bus signature `a{sv}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Lock {
    /// `local`, `own-program`, `unknown`, `recovery`, or the network that has a lane of its own.
    #[serde(with = "zbus::wire::as_variant")]
    pub lane: String,
    /// Failures in it.
    #[serde(with = "zbus::wire::as_variant")]
    pub failures: u32,
    /// When it opens by itself, in seconds since the Unix epoch; missing when it does not.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// What `Enrollment.Check` found; D-Bus signature `a{sv}`. Whether the host's own clock is
/// synchronised, the client asks the kernel (adjtimex(2)): the daemon's system call filter keeps it
/// away from clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct CodeCheck {
    /// What became of the code.
    #[serde(with = "zbus::wire::as_variant")]
    pub outcome: CodeOutcome,
    /// The name of the authenticator that makes this code.
    #[serde(with = "zbus::wire::as_variant")]
    pub authenticator: String,
    /// Seconds by which the time step of the code misses the host's time: negative when the phone is
    /// behind, 0 when it is the present step. Missing for `hotp` and for a spent code.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub offset_seconds: Option<i64>,
}
