//! What keeps `twinlock pam` from doing what was asked.

use std::io;

use super::{Exit, Failure, Name};
use crate::printable;

impl Failure {
    fn of_pam(name: Name, message: &str) -> Self {
        Self::new(name, Exit::Refused, printable::paragraph(message))
    }

    /// A file of pam.d that is no place for the line.
    pub(crate) fn not_editable(message: &str) -> Self {
        Self::of_pam(Name::NotEditable, message)
    }

    pub(crate) fn sshd_settings(message: &str) -> Self {
        Self::of_pam(Name::SshdSettings, message)
    }

    /// The stack as it would be lets somebody pass without a code, or asks twice.
    pub(crate) fn would_be_open(message: &str) -> Self {
        Self::of_pam(Name::WouldBeOpen, message)
    }

    pub(crate) fn would_lock_out(message: &str) -> Self {
        Self::of_pam(Name::WouldLockOut, message)
    }

    pub(crate) fn on_trial() -> Self {
        Self::of_pam(
            Name::OnTrial,
            "There is a change on trial. `twinlock pam confirm` keeps it, `twinlock pam restore` ends it.",
        )
    }

    pub(crate) fn no_trial(message: &str) -> Self {
        Self::of_pam(Name::NoTrial, message)
    }

    pub(crate) fn not_proven(message: &str) -> Self {
        Self::of_pam(Name::NotProven, message)
    }

    /// A trial that was not confirmed.
    pub(crate) fn put_back(message: &str) -> Self {
        Self::of_pam(Name::PutBack, message)
    }

    pub(crate) fn busy() -> Self {
        Self::of_pam(Name::Busy, "Another `twinlock pam` is at work. Try again in a moment.")
    }

    /// A file could not be written or read back.
    pub(crate) fn not_kept(what: &str, error: &io::Error) -> Self {
        Self::of_pam(Name::NotKept, &format!("{what}: {error}."))
    }
}
