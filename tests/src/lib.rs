//! A private host for every test: the real bus, sshd, sudo and PAM on their real paths, in
//! namespaces of their own, from which nothing reaches the host underneath.
//!
//! A new promise is a new file in `tests/`, named after it, and a test in it is a sentence:
//!
//! ```no_run
//! use twinlock_tests::{in_sandbox, ssh::FirstFactor};
//!
//! #[test]
//! fn a_user_who_is_not_enrolled_gets_no_shell() {
//!     in_sandbox(|host| {
//!         let alice = host.user("alice");
//!         let sshd = host.sshd(FirstFactor::Password);
//!         assert!(!sshd.lets_in(&alice, "123456"));
//!     });
//! }
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | [`sandbox`] | running a test again inside namespaces of its own |
//! | [`host`], `files` | the private host: users, programs; the file system under them |
//! | [`stage`] | what `make install` installs |
//! | [`bus`], [`daemon`], [`clock`], [`syslog`] | the system bus, twinlockd, its time, the log |
//! | [`directory`] | groups from elsewhere than `/etc/group` |
//! | [`ssh`], [`sudo`], [`pam`] | logins and the stacks they go through |
//! | [`readme`] | the README's recipes, which those stacks are made of |
//! | [`login`] | logins without sshd or sudo: over the bus, and by pamtester |
//! | [`phone`], [`enrolled`] | an authenticator app, played by oathtool, and getting one |
//! | [`enrolling`] | getting one inside a login |
//! | [`terminal`], [`screen`] | a person at a terminal; a picture of it |
//! | [`pam_client`], [`pam_host`] | libpam, called; a PAM host that watches itself |
//! | [`fake_daemon`], [`wire_bus`] | who plays twinlockd, or the whole bus, and lies |
//! | [`command`] | running programs |
//! | [`caller`], [`introspection`] | the daemon called directly; its description, read |

pub mod bus;
pub mod caller;
pub mod clock;
pub mod command;
pub mod daemon;
pub mod directory;
pub mod enrolled;
pub mod enrolling;
pub mod fake_daemon;
mod files;
pub mod host;
pub mod introspection;
pub mod login;
pub mod pam;
pub mod pam_client;
pub mod pam_host;
pub mod phone;
pub mod readme;
pub mod sandbox;
pub mod screen;
pub mod ssh;
pub mod stage;
pub mod sudo;
pub mod syslog;
pub mod terminal;
pub mod wire_bus;

pub use command::Outcome;
pub use enrolled::Enrolled;
pub use host::{Host, OPTIONAL, User};
pub use phone::Phone;
pub use sandbox::in_sandbox;
pub use terminal::Terminal;
