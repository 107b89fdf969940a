//! The client side of the contract.
//!
//! What each method does, who may call it and which errors it answers with stands in the XML
//! description; the signatures are held equal by a test.

use zbus::proxy;

use crate::{
    AccountQuery, AccountSummary, CodeCheck, EnrollmentRequest, Error, Event, EventQuery,
    Explanation, ImportedAuthenticator, LoginContext, Material, Policy as Rules, PolicyChange,
    Question, Status, step::WireStep,
};

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

/// An account's own authenticators. Called by the person, or by root for them.
#[proxy(
    interface = "org.twinlock.Twinlock1.Enrollment",
    default_service = "org.twinlock.Twinlock1",
    default_path = "/org/twinlock/Twinlock1"
)]
pub trait Enrollment {
    /// Starts the pending enrolment, or resumes it.
    fn begin(&self, user: &str, request: &EnrollmentRequest) -> Result<Material, Error>;

    /// Confirms it with a code; returns the recovery codes, shown this once, or none when the
    /// account keeps those it has.
    fn confirm(&self, user: &str, code: &str) -> Result<Vec<String>, Error>;

    /// Drops it.
    fn cancel(&self, user: &str) -> Result<(), Error>;

    /// Gives an authenticator another name, against a fresh code.
    fn rename(&self, user: &str, authenticator: &str, name: &str, code: &str) -> Result<(), Error>;

    /// Removes one authenticator, or all of them for an empty name, against a fresh code or a
    /// recovery code. The recovery codes go with the last.
    fn remove(&self, user: &str, authenticator: &str, code: &str) -> Result<(), Error>;

    /// Makes new recovery codes against a fresh code; the old ones are dead.
    fn renew_codes(&self, user: &str, code: &str) -> Result<Vec<String>, Error>;

    /// Spends a code and tells which authenticator made it, and how far off its clock is.
    fn check(&self, user: &str, code: &str) -> Result<CodeCheck, Error>;

    /// Tells how the account stands.
    fn status(&self, user: &str) -> Result<Status, Error>;
}

/// Who must give a code. Called by administrators; people may ask about themselves.
#[proxy(
    interface = "org.twinlock.Twinlock1.Policy",
    default_service = "org.twinlock.Twinlock1",
    default_path = "/org/twinlock/Twinlock1"
)]
pub trait Policy {
    /// Tells all of it.
    #[zbus(allow_interactive_auth)]
    fn show(&self) -> Result<Rules, Error>;

    /// Changes it, all or nothing; returns what it is then.
    #[zbus(allow_interactive_auth)]
    fn apply(&self, change: &PolicyChange) -> Result<Rules, Error>;

    /// Tells what a login of `user` would meet, and why.
    #[zbus(allow_interactive_auth)]
    fn explain(&self, user: &str, question: &Question) -> Result<Explanation, Error>;
}

/// Other people's accounts. Called by administrators.
#[proxy(
    interface = "org.twinlock.Twinlock1.Manager",
    default_service = "org.twinlock.Twinlock1",
    default_path = "/org/twinlock/Twinlock1"
)]
pub trait Manager {
    /// Forgets an account's failures and opens every lane.
    #[zbus(allow_interactive_auth)]
    fn unlock(&self, user: &str) -> Result<(), Error>;

    /// Forgets everything about the account, without a code.
    #[zbus(allow_interactive_auth)]
    fn reset(&self, user: &str) -> Result<(), Error>;

    /// Makes a ticket, which opens enrolment during a login once; returns it with its end.
    #[zbus(allow_interactive_auth)]
    fn issue_ticket(&self, user: &str) -> Result<(String, u64), Error>;

    /// Takes over what another program kept for an account without an authenticator, all or nothing;
    /// or only says whether it would.
    #[zbus(allow_interactive_auth)]
    fn import(
        &self,
        user: &str,
        authenticators: &[ImportedAuthenticator],
        recovery_codes: &[&str],
        dry_run: bool,
    ) -> Result<(), Error>;

    /// Lists accounts, by uid, a page at a time.
    #[zbus(allow_interactive_auth)]
    fn accounts(&self, query: &AccountQuery) -> Result<Vec<AccountSummary>, Error>;

    /// Lists decisions and changes, oldest first, a page at a time.
    #[zbus(allow_interactive_auth)]
    fn events(&self, query: &EventQuery) -> Result<Vec<Event>, Error>;
}
