//! Accounts in every state a method can find them in, and what an observer sees of them.

use std::cell::Cell;

use twinlock_interface::{LoginContext, Status};
use twinlock_tests::{
    Host, Phone, User,
    caller::{Caller, Refusal},
};

/// A host with root, Alice, whose account everything is about, and Bob.
pub(crate) struct Scene<'h> {
    pub(crate) host: &'h Host,
    pub(crate) root: Caller,
    pub(crate) alice: User,
    pub(crate) bob: User,
    fences: Cell<u32>,
}

impl<'h> Scene<'h> {
    pub(crate) fn set(host: &'h Host) -> Self {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        Self { host, root: host.caller(0), alice, bob, fences: Cell::new(0) }
    }

    /// Brings an account back to where nothing is known about it.
    pub(crate) fn forget(&self, user: &str) {
        match self.root.reset(user) {
            Ok(()) => {}
            Err(refusal) => assert_eq!(refusal.name, "NotEnrolled"),
        }
    }

    /// A pending enrolment of the account, begun by root.
    pub(crate) fn pending(&self, user: &str) -> Phone {
        self.forget(user);
        self.host.phone(&self.root.begin_enrollment(user).unwrap().key_uri)
    }

    /// An authenticator of the account, enrolled by root.
    pub(crate) fn enrolled(&self, user: &str) -> Phone {
        let phone = self.pending(user);
        self.root.confirm_enrollment(user, &phone.fresh_code()).unwrap();
        phone
    }

    /// Five wrong codes for the account from an address nobody logged in from.
    pub(crate) fn lock(&self, user: &str, phone: &Phone) {
        for nth in 0..5 {
            assert_eq!(self.login_from(FAR, user, &phone.wrong_code(nth)), "refuse");
        }
    }

    /// The last word of a login through sshd from `address`.
    pub(crate) fn login_from(&self, address: &str, user: &str, answer: &str) -> String {
        let (session, _) = self.root.begin_login(user, &through_sshd(address)).unwrap();
        self.root.answer_login(&session, answer).unwrap().kind
    }

    /// The prompt of a login in `context`, or nothing when it asks nothing.
    pub(crate) fn prompt(&self, user: &str, context: &LoginContext) -> String {
        let (_, step) = self.root.begin_login(user, context).unwrap();
        if step.kind == "ask" { step.text } else { String::new() }
    }

    pub(crate) fn status(&self, user: &str) -> Status {
        self.root.status(user).unwrap()
    }

    /// What the daemon has logged, once it has dealt with all that was sent to it before.
    pub(crate) fn log(&self) -> Vec<String> {
        let number = self.fences.get();
        self.fences.set(number + 1);
        let nobody = format!("fence-{number}");
        assert_eq!(self.login_from(FAR, &nobody, ""), "refuse");
        let _ = self.host.syslog.expect(&nobody);
        let lines = self.host.syslog.lines().into_iter();
        lines.filter(|line| line.contains("twinlockd[") && !line.contains("fence-")).collect()
    }
}

/// An address of the documentation (RFC 5737).
pub(crate) const FAR: &str = "203.0.113.9";

/// A login as sshd reports it.
pub(crate) fn through_sshd(address: &str) -> LoginContext {
    let text = |text: &str| Some(text.to_owned());
    LoginContext {
        service: text("sshd"),
        rhost: text(address),
        tty: text("ssh"),
        ..LoginContext::default()
    }
}

/// A login as login(1) reports it.
pub(crate) fn at_terminal() -> LoginContext {
    let text = |text: &str| Some(text.to_owned());
    LoginContext { service: text("login"), tty: text("/dev/tty1"), ..LoginContext::default() }
}

/// Name of the error, or nothing.
pub(crate) fn refusal<T>(result: Result<T, Refusal>) -> String {
    result.err().map(|refusal| refusal.name).unwrap_or_default()
}
