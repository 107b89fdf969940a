//! The one loop: begin, ask, answer, until a word ends it.
//!
//! It knows neither PAM nor D-Bus, so that the tests can play both with scripts.

use core::fmt;

use twinlock_interface::answer_shape::sendable;
use twinlock_interface::step::{UnknownKind, WireStep};
use twinlock_interface::{LoginContext, Step};
use zeroize::Zeroizing;

use crate::daemon::Failure;
use crate::return_code::Outcome;

/// Most questions one login may ask, where today's daemon asks one. A daemon that never stops asking
/// must not hold a PAM host for good.
const MAX_QUESTIONS: usize = 16;

/// The program that loaded the module, and the person behind it.
pub(crate) trait Host {
    /// Who logs in, and from where. May ask the person for a name.
    fn claimant(&mut self) -> Result<Claimant, NoClaimant>;
    /// Shows exactly `text` and reads one answer, hidden unless `echo`. An answer that is not
    /// UTF-8 is returned as the empty one: no code is spelt that way.
    fn ask(&mut self, text: &str, echo: bool) -> Result<Zeroizing<String>, Unanswered>;
    /// Shows good news. Hosts may fail to, and it does not matter.
    fn inform(&mut self, text: &str);
    /// Shows bad news. Hosts may fail to, and it does not matter.
    fn complain(&mut self, text: &str);
    /// Tells the administrator why nobody could decide.
    fn log_error(&mut self, line: &str);
    /// Tells the administrator what happens, where the pam.d line says `debug`.
    fn log_debug(&mut self, line: &str);
}

/// `twinlockd`, or what plays it.
pub(crate) trait Daemon {
    /// `Login.Begin`: the session's handle and its first step.
    fn begin(&mut self, user: &str, context: &LoginContext) -> Result<(String, WireStep), Failure>;
    /// `Login.Answer`: the next step.
    fn answer(&mut self, session: &str, answer: &str) -> Result<WireStep, Failure>;
}

/// Who logs in, copied out of PAM before anything else happens.
pub(crate) struct Claimant {
    pub(crate) user: String,
    pub(crate) context: LoginContext,
}

/// Why there is no claimant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoClaimant {
    /// The host would not ask for a name.
    Unanswered,
    /// What PAM holds is not UTF-8 and so no account the daemon could know.
    NotAName,
}

/// The host would not show a question, or gave no answer to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered;

/// Leads one person through the daemon's questions. `silent` is PAM_SILENT: it hides remarks,
/// never questions.
pub(crate) fn run(host: &mut impl Host, daemon: &mut impl Daemon, silent: bool) -> Outcome {
    match questions(host, daemon) {
        Ok((outcome, remark)) => {
            if !silent {
                show(host, outcome, &remark);
            }
            host.log_debug(&format!("ended: {outcome:?}"));
            outcome
        }
        Err(broken) => {
            host.log_error(&broken.to_string());
            broken.outcome()
        }
    }
}

/// The ending the daemon chose and its remark for the person.
fn questions(
    host: &mut impl Host,
    daemon: &mut impl Daemon,
) -> Result<(Outcome, String), BrokenOff> {
    let Claimant { user, context } = host.claimant()?;
    let (session, mut step) = daemon.begin(&user, &context)?;
    for asked in 0..=MAX_QUESTIONS {
        let (text, echo) = match Step::try_from(step)? {
            Step::Ask { text, echo } => (text, echo),
            Step::Accept { text } => return Ok((Outcome::Accepted, text)),
            Step::NotRequired => return Ok((Outcome::NotRequired, String::new())),
            Step::Refuse { text } => return Ok((Outcome::Refused, text)),
            Step::Wait { text } => return Ok((Outcome::Closed, text)),
        };
        if asked == MAX_QUESTIONS {
            break;
        }
        let answer = host.ask(&text, echo)?;
        host.log_debug(&format!("question {} answered", asked + 1));
        // A login password typed or resent here reaches neither the bus nor the daemon.
        step = daemon.answer(&session, sendable(&answer))?;
    }
    Err(BrokenOff::Endless)
}

fn show(host: &mut impl Host, outcome: Outcome, remark: &str) {
    if remark.is_empty() {
        return;
    }
    if outcome == Outcome::Accepted { host.inform(remark) } else { host.complain(remark) }
}

/// What kept the daemon from deciding. None of it lets anybody in (I8).
enum BrokenOff {
    NoClaimant(NoClaimant),
    Unanswered,
    Daemon(Failure),
    UnknownWord,
    Endless,
}

impl BrokenOff {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NoClaimant(NoClaimant::NotAName) => Outcome::Refused,
            Self::NoClaimant(NoClaimant::Unanswered) | Self::Unanswered => {
                Outcome::ConversationFailed
            }
            Self::Daemon(_) | Self::UnknownWord | Self::Endless => Outcome::Unavailable,
        }
    }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::NoClaimant(NoClaimant::Unanswered) => "the host supplied no account name",
            Self::NoClaimant(NoClaimant::NotAName) => "the account name is not UTF-8",
            Self::Unanswered => "the host did not answer the question",
            Self::Daemon(failure) => return write!(f, "{failure}, login denied"),
            Self::UnknownWord => "twinlockd said a word this module does not know",
            Self::Endless => "twinlockd asks too many questions",
        };
        write!(f, "{what}, login denied")
    }
}

impl From<NoClaimant> for BrokenOff {
    fn from(reason: NoClaimant) -> Self {
        Self::NoClaimant(reason)
    }
}

impl From<Unanswered> for BrokenOff {
    fn from(_: Unanswered) -> Self {
        Self::Unanswered
    }
}

impl From<Failure> for BrokenOff {
    fn from(failure: Failure) -> Self {
        Self::Daemon(failure)
    }
}

impl From<UnknownKind> for BrokenOff {
    fn from(_: UnknownKind) -> Self {
        Self::UnknownWord
    }
}

#[cfg(test)]
mod tests;
