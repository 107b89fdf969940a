//! Every text a person can see, keyed by message, so that a language is an addition.
//!
//! A prompt carries everything to show and ends in the prompt line; text of several lines begins
//! with a newline, because the ssh client prints `(user@host) ` in front of it. No prompt may be
//! `Password:`, which sudo replaces.

use std::time::Duration;

use twinlock_verifier::{throttle::Closure, time::Timestamp};

/// A text and what varies in it.
pub(crate) enum Message {
    CodePrompt,
    /// One-time codes are refused here, a recovery code is not.
    RecoveryPrompt(Wait),
    NotAccepted,
    Wait(Wait),
    RecoveryCodeUsed {
        left: u32,
    },
    NotAuthorized,
    NoSuchAccount,
    NotEnrolled,
    AlreadyEnrolled,
    NoPendingEnrollment,
    NoSuchSession,
    AccountMismatch,
    LimitsExceeded,
    /// The daemon cannot decide; the log says why.
    Unavailable,
}

/// How long nothing will be accepted.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Minutes(u64),
    UntilUnlocked,
}

impl Wait {
    pub(crate) fn new(closure: &Closure, now: Timestamp) -> Self {
        match closure {
            Closure::Until(end) => {
                let left = end.saturating_since(now).max(Duration::from_secs(1));
                Self::Minutes(left.as_secs().div_ceil(60))
            }
            Closure::Indefinite => Self::UntilUnlocked,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Minutes(1) => "for one minute".to_owned(),
            Self::Minutes(minutes @ 0..120) => format!("for {minutes} minutes"),
            Self::Minutes(minutes) => format!("for {} hours", minutes.div_ceil(60)),
            Self::UntilUnlocked => "until an administrator unlocks the account".to_owned(),
        }
    }
}

impl Message {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::RecoveryPrompt(wait) => format!(
                "\nToo many wrong codes: one-time codes are refused {}.\nRecovery code: ",
                wait.words()
            ),
            Self::Wait(wait) => {
                format!("Too many wrong codes: refused {}.", wait.words())
            }
            Self::RecoveryCodeUsed { left: left @ 2.. } => {
                format!("Recovery code used up. {left} are left.")
            }
            fixed => fixed.fixed_text().to_owned(),
        }
    }

    /// The texts in which nothing varies.
    fn fixed_text(&self) -> &'static str {
        match self {
            Self::CodePrompt => "One-time code: ",
            Self::NotAccepted => "Code not accepted.",
            Self::RecoveryCodeUsed { left: 1 } => "Recovery code used up. One is left.",
            Self::RecoveryCodeUsed { .. } => {
                "That was your last recovery code. For new ones, `twinlock remove` with a code from \
                 the app and enrol again; without the app, ask an administrator to reset the account."
            }
            Self::NotAuthorized => {
                "You may do this to your own account only; for others, ask root."
            }
            Self::NoSuchAccount => "There is no such account.",
            Self::NotEnrolled => "The account has no authenticator.",
            Self::AlreadyEnrolled => {
                "The account has an authenticator already. Remove it first, with a code from it; \
                 root can reset the account."
            }
            Self::NoPendingEnrollment => "No enrolment is under way, or it has expired.",
            Self::NoSuchSession => "This login is over. Start again.",
            Self::AccountMismatch => "This name or user id was recorded for another account.",
            Self::LimitsExceeded => "Too many calls. Try again in a minute.",
            Self::Unavailable => "twinlockd cannot answer now. The system log says why.",
            // Has its words above.
            Self::RecoveryPrompt(_) | Self::Wait(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_round_words() {
        let now = Timestamp::from_unix(1_000_000);
        for (seconds, words) in [
            (0, "for one minute"),
            (60, "for one minute"),
            (61, "for 2 minutes"),
            (900, "for 15 minutes"),
            (86_400, "for 24 hours"),
        ] {
            let closure = Closure::Until(now.saturating_add(Duration::from_secs(seconds)));
            assert_eq!(Wait::new(&closure, now).words(), words);
        }
    }
}
