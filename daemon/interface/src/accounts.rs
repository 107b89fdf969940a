//! What administrators look at: accounts and events, a page at a time.

use serde::{Deserialize, Serialize};
use zbus::wire::Type;

use crate::State;

/// Which accounts `Manager.Accounts` lists; D-Bus signature `a{sv}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct AccountQuery {
    /// Accounts by name, which need not be known to the daemon; empty for all that are.
    #[serde(with = "zbus::wire::as_variant")]
    pub names: Vec<String>,
    /// Only those with a greater uid: the last one of the page before.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
}

/// An account as `Manager.Accounts` lists it; D-Bus signature `a{sv}`. Times are seconds since the
/// Unix epoch; a missing time means "not so".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct AccountSummary {
    /// Canonical account name; for an account that is gone from the host, the recorded one.
    #[serde(with = "zbus::wire::as_variant")]
    pub user: String,
    /// Its uid.
    #[serde(with = "zbus::wire::as_variant")]
    pub uid: u32,
    /// How far its enrolment has come.
    #[serde(with = "zbus::wire::as_variant")]
    pub state: State,
    /// Since when.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Whether some login is asked for a code even without an authenticator.
    #[serde(with = "zbus::wire::as_variant")]
    pub required: bool,
    /// Numbers of the rules that say so; empty when it is what is built in.
    #[serde(with = "zbus::wire::as_variant")]
    pub required_by: Vec<u32>,
    /// When a code was last accepted.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub last_accepted_at: Option<u64>,
    /// Confirmed authenticators.
    #[serde(with = "zbus::wire::as_variant")]
    pub authenticators: u32,
    /// Unused recovery codes.
    #[serde(with = "zbus::wire::as_variant")]
    pub recovery_codes_left: u32,
    /// Failed attempts that still count.
    #[serde(with = "zbus::wire::as_variant")]
    pub failures: u32,
    /// When the last temporary lock ends.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<u64>,
    /// Whether a lane is closed until an administrator or a recovery code opens it.
    #[serde(with = "zbus::wire::as_variant")]
    pub closed: bool,
    /// Whether the host has no such account any more, or gives its name or uid to another.
    #[serde(with = "zbus::wire::as_variant")]
    pub stale: bool,
}

/// Which events `Manager.Events` returns; D-Bus signature `a{sv}`. A missing entry means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct EventQuery {
    /// About this account.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Of this action, such as `login`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// With this outcome, such as `refused`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// For this PAM service.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// At this time or later.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Before this time.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Only those with a greater number; then the page holds the oldest of them, else the newest.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Only those with a smaller number.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many at most; 100 at most and by default.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A decision or a change; D-Bus signature `a{sv}`. The words are those of the line in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Event {
    /// Its number; greater ones are younger.
    #[serde(with = "zbus::wire::as_variant")]
    pub id: u64,
    /// When, in seconds since the Unix epoch.
    #[serde(with = "zbus::wire::as_variant")]
    pub at: u64,
    /// What was tried, such as `login`.
    #[serde(with = "zbus::wire::as_variant")]
    pub action: String,
    /// How it ended: `accepted`, `not-required`, `refused`, `throttled`, `done` or `failed`.
    #[serde(with = "zbus::wire::as_variant")]
    pub outcome: String,
    /// Why, such as `wrong-code`; `-` when there is nothing to say.
    #[serde(with = "zbus::wire::as_variant")]
    pub reason: String,
    /// The account it is about, as it is recorded, or as the caller spelled it where it is not; empty
    /// when it is about none.
    #[serde(with = "zbus::wire::as_variant")]
    pub user: String,
    /// Its uid, if the host knows one.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Uid of the bus client.
    #[serde(with = "zbus::wire::as_variant")]
    pub caller: u32,
    /// `PAM_SERVICE` of a login.
    #[serde(with = "zbus::wire::as_variant")]
    pub service: String,
    /// `PAM_RHOST` of a login.
    #[serde(with = "zbus::wire::as_variant")]
    pub rhost: String,
    /// `PAM_TTY` of a login.
    #[serde(with = "zbus::wire::as_variant")]
    pub tty: String,
    /// `PAM_RUSER` of a login.
    #[serde(with = "zbus::wire::as_variant")]
    pub ruser: String,
    /// What was changed, where that is not an account.
    #[serde(with = "zbus::wire::as_variant")]
    pub details: String,
}
