//! The contract between `pam_twinlock.so`, `twinlockd` and `twinlock`.
//!
//! Everything that crosses the system bus is named, typed and described here, once:
//!
//! | room | what it holds |
//! |---|---|
//! | [`names`] | bus name, object path, interfaces, members of a login, the fixed bus address, limits |
//! | [`step`] | what the daemon tells the module to do next |
//! | [`context`] | what the module tells the daemon about the login |
//! | [`answer_shape`] | which answers may travel at all |
//! | [`account`] | what enrolment asks for, and what enrolment, status and check return |
//! | [`accounts`] | what administrators look at: accounts and events |
//! | [`policy`] | who must give a code: rules, changes, explanations |
//! | [`error`] | every error the daemon answers with, and when |
//! | [`proxy`] | the client side of the four interfaces |
//!
//! The committed description for other languages is `xml/org.twinlock.Twinlock1.xml`; a test holds
//! it, the live introspection and these proxies equal.
//!
//! This crate knows neither the daemon nor the module: it must stay cheap enough to be linked into
//! sshd.

pub mod account;
pub mod accounts;
pub mod answer_shape;
pub mod context;
pub mod error;
pub mod names;
pub mod policy;
pub mod proxy;
pub mod step;

pub use account::{
    AuthenticatorStatus, CodeCheck, CodeOutcome, EnrollmentRequest, ImportedAuthenticator, Lock,
    Material, State, Status,
};
pub use accounts::{AccountQuery, AccountSummary, Event, EventQuery};
pub use context::LoginContext;
pub use error::Error;
pub use policy::{
    Explanation, Judged, Level, Outlook, Policy, PolicyChange, Profile, Question, Rule, Scope,
    Standing,
};
pub use step::Step;

/// The committed D-Bus description of the contract, as shipped to other languages.
pub const INTROSPECTION_XML: &str = include_str!("../xml/org.twinlock.Twinlock1.xml");
