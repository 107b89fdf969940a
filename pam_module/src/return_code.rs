//! Which PAM code each ending is.
//!
//! The matches name every variant on purpose: a new ending does not compile until somebody has
//! decided what it means to the host.

#![deny(clippy::wildcard_enum_match_arm)]

use pam::constants::PamResultCode;

use crate::options::NotRequired;

/// How an authentication ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// The daemon said `accept`.
    Accepted,
    /// The daemon said `refuse`, or the name cannot be an account's (I16).
    Refused,
    /// The daemon said `wait`: the throttle is closed.
    Closed,
    /// The daemon said `not-required`.
    NotRequired,
    /// No decision was to be had: no daemon, no bus, an error reply, a word nobody knows, or the
    /// deadline passed.
    Unavailable,
    /// The host would not show the question or gave no answer.
    ConversationFailed,
    /// The pam.d line is wrong.
    Misconfigured,
    /// A bug.
    Panicked,
}

/// The PAM code for `outcome`. PAM_SUCCESS stands for an explicit `accept` and, where the pam.d
/// line says so, for an explicit `not-required`; PAM_IGNORE for the latter only (I8).
pub(crate) fn code(outcome: Outcome, not_required: NotRequired) -> PamResultCode {
    match outcome {
        Outcome::Accepted => PamResultCode::PAM_SUCCESS,
        Outcome::Refused => PamResultCode::PAM_AUTH_ERR,
        Outcome::Closed => PamResultCode::PAM_MAXTRIES,
        Outcome::NotRequired => match not_required {
            NotRequired::Ignore => PamResultCode::PAM_IGNORE,
            NotRequired::Success => PamResultCode::PAM_SUCCESS,
        },
        Outcome::Unavailable => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        Outcome::ConversationFailed => PamResultCode::PAM_CONV_ERR,
        Outcome::Misconfigured | Outcome::Panicked => PamResultCode::PAM_SERVICE_ERR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_the_documented_code() {
        for (outcome, expected) in [
            (Outcome::Accepted, PamResultCode::PAM_SUCCESS),
            (Outcome::Refused, PamResultCode::PAM_AUTH_ERR),
            (Outcome::Closed, PamResultCode::PAM_MAXTRIES),
            (Outcome::NotRequired, PamResultCode::PAM_IGNORE),
            (Outcome::Unavailable, PamResultCode::PAM_AUTHINFO_UNAVAIL),
            (Outcome::ConversationFailed, PamResultCode::PAM_CONV_ERR),
            (Outcome::Misconfigured, PamResultCode::PAM_SERVICE_ERR),
            (Outcome::Panicked, PamResultCode::PAM_SERVICE_ERR),
        ] {
            assert_eq!(code(outcome, NotRequired::Ignore), expected, "{outcome:?}");
        }
    }

    #[test]
    fn not_required_success_lifts_that_word_and_no_other() {
        for outcome in [
            Outcome::Refused,
            Outcome::Closed,
            Outcome::Unavailable,
            Outcome::ConversationFailed,
            Outcome::Misconfigured,
            Outcome::Panicked,
        ] {
            assert_eq!(code(outcome, NotRequired::Success), code(outcome, NotRequired::Ignore));
        }
        assert_eq!(code(Outcome::NotRequired, NotRequired::Success), PamResultCode::PAM_SUCCESS);
    }
}
