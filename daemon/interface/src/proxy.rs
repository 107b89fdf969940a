//! The client side of the contract.
//!
//! What each method does, who may call it and which errors it answers with stands in the XML
//! description; the signatures are held equal by a test.

use zbus::proxy;

use crate::{Error, LoginContext, Material, Status, step::WireStep};

/// A login in progress. Called by the module.
#[proxy(
    interface = "org.twinlock.Twinlock1.Login",
    default_service = "org.twinlock.Twinlock1",
    default_path = "/org/twinlock/Twinlock1"
)]
pub trait Login {
    /// Opens a session for `user`; returns its handle (empty when the step ends it) and the first
    /// step.
    fn begin(&self, user: &str, context: &LoginContext) -> Result<(String, WireStep), Error>;

    /// Answers the session's one open question.
    fn answer(&self, session: &str, answer: &str) -> Result<WireStep, Error>;
}

/// An account's own authenticator. Called by the person, or by root for them.
#[proxy(
    interface = "org.twinlock.Twinlock1.Enrollment",
    default_service = "org.twinlock.Twinlock1",
    default_path = "/org/twinlock/Twinlock1"
)]
pub trait Enrollment {
    /// Starts or resumes the pending enrolment.
    fn begin(&self, user: &str) -> Result<Material, Error>;

    /// Confirms it with a code; returns the recovery codes, shown this once.
    fn confirm(&self, user: &str, code: &str) -> Result<Vec<String>, Error>;

    /// Drops it.
    fn cancel(&self, user: &str) -> Result<(), Error>;

    /// Removes authenticator and recovery codes, against a fresh code or a recovery code.
    fn remove(&self, user: &str, code: &str) -> Result<(), Error>;

    /// Tells how the account stands.
    fn status(&self, user: &str) -> Result<Status, Error>;
}

/// Other people's accounts. Called by administrators.
#[proxy(
    interface = "org.twinlock.Twinlock1.Manager",
    default_service = "org.twinlock.Twinlock1",
    default_path = "/org/twinlock/Twinlock1"
)]
pub trait Manager {
    /// Forgets an account's failures and opens every lane.
    fn unlock(&self, user: &str) -> Result<(), Error>;

    /// Removes authenticators, recovery codes, pending enrolment and failures without a code.
    fn reset(&self, user: &str) -> Result<(), Error>;
}
