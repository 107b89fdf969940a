//! The one loop: begin, ask, answer, until a word ends it.
//!
//! It knows neither PAM nor D-Bus, so that the tests can play both with scripts.

use core::fmt;

use twinlock_interface::step::{UnknownKind, WireStep};
use twinlock_interface::{LoginContext, Step};

use crate::daemon::Failure;
use crate::first_answer::{Answer, FirstAnswer, FirstPass, Line};
use crate::return_code::Outcome;

/// Most answers one call may send. A login asks one question, one that enrols a few more: for a
/// ticket, for the first code under the QR code, again after a typing error, and whether the recovery
/// codes are noted. A daemon that never stops asking must not hold a PAM host for good.
const MAX_QUESTIONS: usize = 16;

/// The program that loaded the module, and the person behind it.
pub(crate) trait Host {
    /// Who logs in, and from where. May ask the person for a name.
    fn claimant(&mut self) -> Result<Claimant, NoClaimant>;
    /// Shows exactly `text` and reads one answer, hidden unless `echo`.
    fn ask(&mut self, text: &str, echo: bool) -> Result<Line, Unanswered>;
    /// Whether an earlier module collected a password that is not empty (PAM_AUTHTOK), and the pam.d
    /// line says that the login would have ended at a wrong one.
    fn password_checked(&self) -> bool;
    /// What an earlier module collected, to be taken for an answer.
    fn first_pass(&self) -> Option<Line>;
    /// Leaves `password` to the modules behind this one (PAM_AUTHTOK).
    fn forward(&mut self, password: &Line) -> Result<(), NotForwarded>;
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
    /// `first_factor` as far as the host tells; [`run`] adds a password that was collected before,
    /// and `expects`.
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

/// The host would not take the password for the modules behind this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotForwarded;

/// Leads one person through the daemon's questions. `silent` is PAM_SILENT: it hides remarks,
/// never questions.
pub(crate) fn run(
    host: &mut impl Host,
    daemon: &mut impl Daemon,
    first: FirstAnswer,
    silent: bool,
) -> Outcome {
    match questions(host, daemon, first) {
        Ok(Ending { outcome, remark }) => {
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

/// One login, or two where what an earlier module collected was tried first and refused.
fn questions(
    host: &mut impl Host,
    daemon: &mut impl Daemon,
    first: FirstAnswer,
) -> Result<Ending, BrokenOff> {
    let Claimant { user, mut context } = host.claimant()?;
    let collected = first.collected(|| host.first_pass());
    // What is, or may hold, the code proves nothing before it has been checked.
    let apart = !first.forward && collected.is_none();
    if !apart {
        // The key of an enrolment would be shown in place of the question this line is for.
        context.first_factor = None;
    } else if context.first_factor.is_none() && host.password_checked() {
        context.first_factor = Some("password".to_owned());
    }
    context.expects = first.forward.then(|| "password-and-code".to_owned());
    let again = collected.is_some() && first.first_pass == FirstPass::Try;

    let mut login = Login { host, daemon, first, user, context, answers: 0 };
    let ending = login.lead(collected)?;
    if again && ending.outcome == Outcome::Refused && login.answers == 1 {
        return login.lead(None);
    }
    Ok(ending)
}

/// The ending the daemon chose.
struct Ending {
    outcome: Outcome,
    /// For the person; may be empty.
    remark: String,
}

/// Both sides of a login.
struct Login<'a, H, D> {
    host: &'a mut H,
    daemon: &'a mut D,
    first: FirstAnswer,
    user: String,
    context: LoginContext,
    /// How many answers were sent.
    answers: usize,
}

impl<H: Host, D: Daemon> Login<'_, H, D> {
    /// Begins a login and answers until it ends. `answer` is given to its first question in place
    /// of what a prompt would bring.
    fn lead(&mut self, mut answer: Option<Answer>) -> Result<Ending, BrokenOff> {
        let (session, mut step) = self.daemon.begin(&self.user, &self.context)?;
        let mut is_first = true;
        let mut password = None;
        let (outcome, remark) = loop {
            let (text, echo) = match Step::try_from(step)? {
                Step::Ask { text, echo } => (text, echo),
                Step::Accept { text } => break (Outcome::Accepted, text),
                Step::NotRequired => break (Outcome::NotRequired, String::new()),
                Step::Refuse { text } => break (Outcome::Refused, text),
                Step::Wait { text } => break (Outcome::Closed, text),
            };
            if self.answers == MAX_QUESTIONS {
                return Err(BrokenOff::Endless);
            }
            let answer = match answer.take() {
                Some(collected) => collected,
                // A line that holds a password is hidden, whatever the daemon says.
                None if is_first => {
                    let hidden = self.first.forward;
                    self.first.typed(&self.host.ask(&text, echo && !hidden)?)
                }
                None => Answer::whole(&self.host.ask(&text, echo)?),
            };
            self.answers += 1;
            self.host.log_debug(&format!("question {} answered", self.answers));
            step = self.daemon.answer(&session, &answer.code)?;
            password = password.or(answer.password);
            is_first = false;
        };
        // Not after a refusal: a module behind this one would check the password, and by its delay
        // somebody without a code could tell when it is right.
        if matches!(outcome, Outcome::Accepted | Outcome::NotRequired)
            && let Some(password) = &password
        {
            self.host.forward(password)?;
        }
        Ok(Ending { outcome, remark })
    }
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
    NotForwarded,
}

impl BrokenOff {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NoClaimant(NoClaimant::NotAName) => Outcome::Refused,
            Self::NoClaimant(NoClaimant::Unanswered) | Self::Unanswered => {
                Outcome::ConversationFailed
            }
            Self::Daemon(_) | Self::UnknownWord | Self::Endless | Self::NotForwarded => {
                Outcome::Unavailable
            }
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
            Self::NotForwarded => "libpam did not take the password for the next module",
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

impl From<NotForwarded> for BrokenOff {
    fn from(_: NotForwarded) -> Self {
        Self::NotForwarded
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
