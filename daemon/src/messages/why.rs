//! Why an account has to enrol.

use super::printable;

/// Why an account has to enrol, as far as the policy tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Why {
    /// Until when it may, in the host's own time.
    pub(crate) until: Option<String>,
    /// In the words of whoever made the rule.
    pub(crate) reason: String,
}

impl Why {
    /// In what is left of a line: the picture has to stay on the screen.
    pub(super) fn short(&self) -> String {
        const ROOM: usize = 60;
        let Self { until, reason } = self;
        let mut words = match until {
            Some(until) => format!("Enrol by {until}"),
            None => "This account has to enrol".to_owned(),
        };
        if !reason.is_empty() {
            words.push_str(": ");
            words.push_str(&printable(reason));
        }
        if words.chars().count() > ROOM {
            words = words.chars().take(ROOM - 1).chain(['\u{2026}']).collect();
        }
        words.push('.');
        words
    }

    pub(super) fn whole(&self) -> String {
        let Self { until, reason } = self;
        let mut words = String::new();
        if let Some(until) = until {
            words.push_str(&format!("This account has to enrol, by {until} at the latest.\n"));
        }
        if !reason.is_empty() {
            words.push_str(&format!("Why: {}\n", printable(reason)));
        }
        words
    }
}
