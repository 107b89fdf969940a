//! What the module tells the daemon about the login.

use serde::{Deserialize, Serialize};
use zbus::wire::Type;

/// PAM items that describe where a login comes from; D-Bus signature `a{sv}`, every value a
/// string. A missing entry means that PAM had no such item. Entries the daemon does not know are
/// ignored, so that a newer module can talk to an older daemon.
///
/// The daemon believes these only from a caller with uid 0; for anybody else it keeps `service` for
/// the log and `expects` for the wording, and takes the login for one by a program of that uid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct LoginContext {
    /// `PAM_SERVICE`, for example `sshd`.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `PAM_RHOST`: an address, a name, `UNKNOWN`, or for sudo the local host's own name. Never
    /// resolved.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    /// `PAM_TTY`: `ssh` under sshd, a device name elsewhere.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// `PAM_RUSER`: the local user who asked, under sudo and su.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub ruser: Option<String>,
    /// What the claimant has proved before this module was asked, as far as the host program or the
    /// modules before it tell: `publickey`, `hostbased`, `gssapi-with-mic` or `gssapi-keyex` (sshd's
    /// `SSH_AUTH_INFO_0`), or `password` (`PAM_AUTHTOK` is set, and the pam.d line says that it was
    /// checked). Enrolment during a login is offered only with it.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub first_factor: Option<String>,
    /// What the module is going to do with the answer: `code` when missing, or
    /// `password-and-code` when it will split a password off its front (`forward_pass`).
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub expects: Option<String>,
}
