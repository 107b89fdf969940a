//! What the daemon tells the module to do next.

use serde::{Deserialize, Serialize};
use zbus::wire::Type;

/// A step as it travels: `(kind, text, echo)`, D-Bus signature `(ssb)`.
///
/// `kind` is one of `ask`, `accept`, `not-required`, `refuse`, `wait`. `text` is the whole text
/// for the person, already in their language; for `ask` it carries everything to show *and* the
/// prompt line, because several sshd and sudo versions drop or delay separate messages. `echo`
/// says whether what is typed may be shown and means nothing outside `ask`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct WireStep {
    /// One of the five words above.
    pub kind: String,
    /// UTF-8 text for the person; may be empty, may have several lines.
    pub text: String,
    /// Whether the answer may be shown while it is typed.
    pub echo: bool,
}

/// A step as both programs think of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Show the text, read one answer, send it with `Login.Answer`.
    Ask {
        /// Everything to show, ending in the prompt line.
        text: String,
        /// Whether the answer may be shown while it is typed.
        echo: bool,
    },
    /// The claimant proved possession. The only step that lets anybody in.
    Accept {
        /// A remark to show, or empty.
        text: String,
    },
    /// No code is asked of this account here.
    NotRequired,
    /// Wrong, replayed, malformed or unknown: alike on purpose (I16).
    Refuse {
        /// What to show, or empty.
        text: String,
    },
    /// The account's throttle is closed; nothing was compared and nothing charged (I6).
    Wait {
        /// What to show: until when.
        text: String,
    },
}

/// A `kind` this side does not know. Whoever meets it must deny.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl TryFrom<WireStep> for Step {
    type Error = UnknownKind;

    fn try_from(WireStep { kind, text, echo }: WireStep) -> Result<Self, UnknownKind> {
        match kind.as_str() {
            "ask" => Ok(Self::Ask { text, echo }),
            "accept" => Ok(Self::Accept { text }),
            "not-required" => Ok(Self::NotRequired),
            "refuse" => Ok(Self::Refuse { text }),
            "wait" => Ok(Self::Wait { text }),
            _ => Err(UnknownKind),
        }
    }
}

impl From<Step> for WireStep {
    fn from(step: Step) -> Self {
        let (kind, text, echo) = match step {
            Step::Ask { text, echo } => ("ask", text, echo),
            Step::Accept { text } => ("accept", text, false),
            Step::NotRequired => ("not-required", String::new(), false),
            Step::Refuse { text } => ("refuse", text, false),
            Step::Wait { text } => ("wait", text, false),
        };
        Self { kind: kind.to_owned(), text, echo }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_survives_the_wire() {
        for step in [
            Step::Ask { text: "Code: ".into(), echo: true },
            Step::Accept { text: String::new() },
            Step::NotRequired,
            Step::Refuse { text: "No.".into() },
            Step::Wait { text: "Later.".into() },
        ] {
            assert_eq!(Step::try_from(WireStep::from(step.clone())), Ok(step));
        }
    }

    #[test]
    fn a_word_nobody_knows_is_no_step() {
        for kind in ["", "Accept", "accept ", "ACCEPT", "ok", "not_required"] {
            let wire = WireStep { kind: kind.into(), text: String::new(), echo: false };
            assert_eq!(Step::try_from(wire), Err(UnknownKind), "{kind:?}");
        }
    }

    #[test]
    fn the_signature_is_the_documented_one() {
        assert_eq!(WireStep::SIGNATURE.to_string(), "(ssb)");
    }
}
