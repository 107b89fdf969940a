//! Every text a person can see, keyed by message, so that a language is an addition.
//!
//! A prompt carries everything to show and ends in the prompt line; text of several lines begins
//! with a newline, because the ssh client prints `(user@host) ` in front of it. No prompt may be
//! `Password:`, which sudo replaces.

mod invalid;
mod why;

use std::time::Duration;

use twinlock_interface::LoginContext;
use twinlock_verifier::{
    authenticator::{Kind, Parameters},
    policy::Occasion,
    throttle::Closure,
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::failure::Invalid;
use invalid::invalid_text;

pub(crate) use why::Why;

/// A text and what varies in it.
pub(crate) enum Message<'a> {
    CodePrompt(Expects),
    /// What an administrator has to say to somebody who cannot have a code; a ticket is taken.
    TicketPrompt(&'a str),
    /// One-time codes are refused here, a recovery code is not.
    RecoveryPrompt(Expects, Wait),
    /// The key of an enrolment during the login, as a picture and to type.
    EnrollByPicture {
        picture: &'a str,
        key: &'a str,
        /// At what time of the day an earlier login began to show it.
        begun: Option<&'a str>,
        why: &'a Why,
    },
    /// The same in words that every terminal shows.
    EnrollByHand {
        issuer: &'a str,
        user: &'a str,
        key: &'a str,
        /// How codes are made.
        parameters: &'a Parameters,
        begun: Option<&'a str>,
        why: &'a Why,
    },
    FirstCodeWrong,
    /// There is nobody at a terminal to enrol.
    EnrollAtTerminal,
    /// The codes of an enrolment that counts once they are noted.
    NoteRecoveryCodes(&'a [Zeroizing<String>]),
    /// The hashes of the recovery codes are not worked out yet.
    NotReady,
    Enrolled,
    /// Somebody else ended or finished the enrolment.
    EnrollAgain,
    NotAccepted,
    Wait(Wait),
    RecoveryCodeUsed {
        left: u32,
    },
    NotAuthorized,
    NotAnAdministrator {
        /// What polkit calls it.
        action: &'static str,
    },
    NoSuchAccount,
    NotEnrolled,
    AlreadyEnrolled,
    ProofRequired,
    EnrollmentUnderWay,
    NoPendingEnrollment,
    NoSuchAuthenticator,
    NameTaken,
    KeyTaken,
    TooManyAuthenticators,
    /// And why it is.
    Required(&'a str),
    NoSuchGroup(&'a str),
    NoSuchUser(&'a str),
    NoSuchRule(u32),
    PolicyChanged,
    WouldLockOut(&'a str, &'a Occasion),
    /// A right code, while logins from elsewhere are held off.
    LockedElsewhere(Wait),
    NoSuchSession,
    AccountMismatch,
    LimitsExceeded,
    Invalid(&'a Invalid),
    /// The daemon cannot decide; the log says why.
    Unavailable,
}

/// What the module asks for in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    Code,
    /// The password comes first, for the modules after it.
    PasswordAndCode,
}

impl Expects {
    /// What a module said it will do with the answer. Whatever it does not know is a code alone.
    pub(crate) fn of(context: &LoginContext) -> Self {
        match context.expects.as_deref() {
            Some("password-and-code") => Self::PasswordAndCode,
            _ => Self::Code,
        }
    }
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

impl Message<'_> {
    pub(crate) fn text(&self) -> String {
        let fixed = match self {
            Self::RecoveryPrompt(expects, wait) => {
                let asked = match expects {
                    Expects::Code => "Recovery code",
                    Expects::PasswordAndCode => "Password, and a recovery code right behind it",
                };
                return format!(
                    "\nToo many wrong codes: one-time codes are refused {}.\n{asked}: ",
                    wait.words()
                );
            }
            Self::TicketPrompt(chosen) => {
                return format!(
                    "\n{}\n{}",
                    printable(chosen),
                    Self::CodePrompt(Expects::Code).text()
                );
            }
            Self::Wait(wait) => return format!("Too many wrong codes: refused {}.", wait.words()),
            Self::EnrollByPicture { picture, key, begun, why } => {
                let why = begun.map_or_else(|| why.short(), begun_words);
                return format!(
                    "\n{why} Key to type in:\n\
                     {key}\nor scan it. Enter alone shows the key without a picture.\n{picture}\n\
                     Code from the app: "
                );
            }
            Self::EnrollByHand { issuer, user, key, parameters, begun, why } => {
                let begun = begun.map_or_else(String::new, |at| begun_words(at) + "\n");
                let why = why.whole();
                return format!(
                    "\n{begun}{why}Add this to the authenticator app by hand:\n\
                     Name: {} {}\nKey:\n{key}\nType: {}\n\n\
                     The key stays the same for a while: if this takes long,\nlog in again.\n\
                     Code from the app: ",
                    printable(issuer),
                    printable(user),
                    kind_words(parameters)
                );
            }
            Self::NoteRecoveryCodes(codes) => return recovery_page(codes),
            Self::RecoveryCodeUsed { left: left @ FEW_CODES.. } => {
                return format!("Recovery code used up. {left} are left.");
            }
            Self::RecoveryCodeUsed { left: left @ 2.. } => {
                return format!(
                    "Recovery code used up. Only {left} are left: `twinlock codes renew` makes new \
                     ones."
                );
            }
            Self::NotAnAdministrator { action } => {
                return format!(
                    "Only an administrator may do this: root, or whom polkit lets do {action}."
                );
            }
            Self::Invalid(invalid) => return invalid_text(invalid),
            Self::RecoveryCodeUsed { left: 1 } => {
                "Recovery code used up. Only one is left: `twinlock codes renew` makes new ones."
            }
            Self::RecoveryCodeUsed { left: 0 } => {
                "That was your last recovery code. `twinlock codes renew` makes new ones with a code \
                 from the app; without the app, ask an administrator to reset the account."
            }
            Self::CodePrompt(Expects::Code) => "One-time code: ",
            Self::CodePrompt(Expects::PasswordAndCode) => "Password and one-time code: ",
            Self::FirstCodeWrong => {
                "\nThat is not the code of this key now. Wait for the next one.\nCode from the app: "
            }
            Self::NotReady => "\nOne moment, please. Press Enter again: ",
            Self::EnrollAtTerminal => {
                "This account has to enrol first. Log in once with ssh from a terminal: scp, sftp and \
                 scripts cannot enrol."
            }
            Self::Enrolled => "This account is enrolled now.",
            Self::EnrollAgain => "This enrolment ended meanwhile. Log in again.",
            Self::NotAccepted => "Code not accepted.",
            Self::NotAuthorized => {
                "You may do this to your own account only; for others, ask root."
            }
            Self::NoSuchAccount => "There is no such account.",
            Self::NotEnrolled => "The account has no authenticator.",
            Self::AlreadyEnrolled => "The account has an authenticator already.",
            Self::ProofRequired => {
                "The account has an authenticator: a code from it, or a recovery code, is needed."
            }
            Self::EnrollmentUnderWay => "An enrolment with another name or key is under way.",
            Self::NoPendingEnrollment => "No enrolment is under way, or it has expired.",
            Self::NoSuchAuthenticator => "The account has no authenticator of that name.",
            Self::NameTaken => "The account has an authenticator of that name already.",
            Self::KeyTaken => "The account has an authenticator with that key already.",
            Self::TooManyAuthenticators => {
                "The account has as many authenticators as it may have: eight."
            }
            Self::Required(because) => {
                return format!(
                    "The policy of this host asks the account for a code, so its last authenticator \
                     stays ({}).",
                    printable(because)
                );
            }
            Self::NoSuchGroup(name) => {
                return format!("This host knows no group {}.", printable(name));
            }
            Self::NoSuchUser(name) => {
                return format!("This host knows no account {}.", printable(name));
            }
            Self::NoSuchRule(id) => return format!("The policy has no rule {id}."),
            Self::WouldLockOut(user, occasion) => {
                return format!(
                    "{} is let in now and would be refused: {}. Enrol first, or leave a way in.",
                    printable(user),
                    printable(&occasion.to_string())
                );
            }
            Self::LockedElsewhere(wait) => {
                return format!(
                    "Somebody gave wrong codes for this account: logins from unknown addresses are \
                     refused {}.",
                    wait.words()
                );
            }
            Self::PolicyChanged => "The policy was changed meanwhile. Look at it again.",
            Self::NoSuchSession => "This login is over.",
            Self::AccountMismatch => "This name or user id was recorded for another account.",
            Self::LimitsExceeded => "Too many calls in a minute.",
            Self::Unavailable => "twinlockd cannot answer now.",
        };
        fixed.to_owned()
    }
}

/// Unused recovery codes from which on there are enough.
const FEW_CODES: u32 = 4;

/// For a key that was shown before, perhaps to somebody else. Short: the picture below has to stay on
/// the screen.
fn begun_words(at: &str) -> String {
    format!("Begun at {at}: if that was not you, tell an administrator.")
}

/// One to a line, so that the narrowest terminal keeps them whole.
fn recovery_page(codes: &[Zeroizing<String>]) -> String {
    let mut text =
        "\nRight. These are your recovery codes, each good for one login without the app:\n\n"
            .to_owned();
    for (number, code) in (1_u32..).zip(codes) {
        text.push_str(&format!("{number:>4}. {}\n", code.as_str()));
    }
    text.push_str(
        "\nNote them now: they are never shown again, and nothing counts before that.\n\
         Press Enter when you have them: ",
    );
    text
}

/// What names out of directories and settings must not do to a terminal. sshd escapes them; sudo, su
/// and login do not.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// What to choose in an app that asks.
fn kind_words(parameters: &Parameters) -> String {
    let Parameters { kind, algorithm, digits } = parameters;
    match kind {
        Kind::Totp(period) => {
            format!("time-based, {algorithm}, {digits} digits, every {period} seconds")
        }
        Kind::Hotp => format!("counter-based, {algorithm}, {digits} digits"),
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

    /// The pages of an enrolment in a login, with the widest that can stand in them.
    fn pages() -> [String; 5] {
        let codes = vec![Zeroizing::new("MZXW-6YTB-MZXW-6YTB".to_owned()); 10];
        let key = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ";
        let parameters = Parameters::default();
        let why = &Why { until: Some("2030-01-31 12:00".to_owned()), reason: "why not ".repeat(8) };
        [
            Message::EnrollByPicture { picture: "a picture", key, begun: None, why }.text(),
            Message::EnrollByPicture { picture: "a picture", key, begun: Some("14:03"), why }
                .text(),
            Message::EnrollByHand {
                issuer: "box",
                user: "alice",
                key,
                parameters: &parameters,
                begun: Some("14:03"),
                why,
            }
            .text(),
            Message::FirstCodeWrong.text(),
            Message::NoteRecoveryCodes(&codes).text(),
        ]
    }

    #[test]
    fn a_page_begins_on_a_line_of_its_own_and_fits_a_narrow_terminal() {
        for page in pages() {
            assert!(page.starts_with('\n') && page.ends_with(": "), "{page}");
            assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        }
    }

    #[test]
    fn no_prompt_is_one_that_sudo_replaces() {
        let prompts = [
            Message::CodePrompt(Expects::Code).text(),
            Message::CodePrompt(Expects::PasswordAndCode).text(),
            Message::RecoveryPrompt(Expects::PasswordAndCode, Wait::UntilUnlocked).text(),
        ];
        for prompt in pages().into_iter().chain(prompts) {
            assert!(!prompt.trim_end().ends_with("Password:"), "{prompt}");
        }
    }

    #[test]
    fn every_recovery_code_is_on_its_page() {
        let codes: Vec<_> = (0..10).map(|n| Zeroizing::new(format!("CODE-{n}"))).collect();
        let page = Message::NoteRecoveryCodes(&codes).text();
        for (number, code) in codes.iter().enumerate() {
            assert!(page.contains(&format!("{:>4}. {}\n", number + 1, code.as_str())), "{page}");
        }
    }

    #[test]
    fn few_recovery_codes_come_with_the_way_to_more() {
        for (left, warned) in [(9, false), (4, false), (3, true), (2, true), (1, true), (0, true)] {
            let text = Message::RecoveryCodeUsed { left }.text();
            assert_eq!(text.contains("codes renew"), warned, "{text}");
        }
    }
}
