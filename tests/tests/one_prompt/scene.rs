//! Alice, her phone, and stacks for her to log in through.

use twinlock_tests::{
    Enrolled, Host, User,
    pam::{self, TWINLOCK},
    pam_host::{self, PamHost, Report},
};

/// What the daemon asks for where the line is going to be split.
pub(crate) const BOTH_PROMPT: &str = "Password and one-time code: ";
pub(crate) const CODE_QUESTION: &str = "1 One-time code: ";
pub(crate) const BOTH_QUESTION: &str = "1 Password and one-time code: ";
/// What pam_unix, and the module that keeps passwords, ask for.
pub(crate) const PASSWORD_QUESTION: &str = "1 Password: ";
/// pam_unix in front of the module: it collects a line, and whether that is a password does not
/// matter.
pub(crate) const COLLECTS: &str = "auth optional pam_unix.so nodelay";

/// Failed attempts that count against `user`.
pub(crate) fn failures(host: &Host, user: &User) -> u64 {
    host.status(user)["failures"].as_u64().expect("a number")
}

/// A host whose clock can be set, with alice on it, enrolled.
pub(crate) fn with_alice(host: &Host) -> (User, Enrolled) {
    pam_host::install(env!("CARGO_BIN_EXE_pam-host"));
    host.settable_clock();
    let alice = host.user("alice");
    let enrolled = host.enroll(&alice);
    (alice, enrolled)
}

/// A login of alice's through a stack of these lines.
pub(crate) fn login(stack: &[&str], answers: &[&str]) -> Report {
    login_of("alice", stack, answers)
}

pub(crate) fn login_of(user: &str, stack: &[&str], answers: &[&str]) -> Report {
    pam::service("stack", stack);
    PamHost::new().authenticate("stack", user).answering(answers)
}

pub(crate) fn twinlock(options: &str) -> String {
    format!("{TWINLOCK} {options}")
}
