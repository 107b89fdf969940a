//! `twinlock audit`.

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

use crate::date::Date;

pub(super) const AUDIT: &str = "\
For administrators. Lists decisions and changes, the oldest first; of many the
newest, as many as --limit says. The system log has the same lines (authpriv).

A date is written 2030-01-31 (its first moment where the host stands),
2030-01-31T12:00:00Z, or as a duration back from now: 90s, 30m, 12h, 7d, 2w.

With --follow it goes on with what comes, until Ctrl-C or until nobody reads any
more, also while twinlockd is restarted.

With --json there is one object per event, on one line:
  {\"id\":12,\"at\":1795000000,\"action\":\"login\",\"outcome\":\"refused\",
   \"reason\":\"wrong-code\",\"user\":\"alice\",\"uid\":1000,\"caller\":0,
   \"service\":\"sshd\",\"rhost\":\"192.0.2.7\",\"tty\":\"ssh\",\"ruser\":\"\",\"details\":\"\"}
\"user\" is as the caller spelled it, and \"uid\" null where the host knows no such
account; \"caller\" is the uid of the program that asked.

Examples:
  sudo twinlock audit --user alice --since 2h
  sudo twinlock audit --outcome refused --since 2030-01-31 --limit 1000
  sudo twinlock audit --follow --limit 0 --json";

#[derive(Args, Debug)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Go on with what comes
    #[arg(long, conflicts_with = "until")]
    pub(crate) follow: bool,
}

/// Which events.
#[derive(Args, Debug, Default)]
pub(crate) struct Filter {
    /// About this account
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
    /// Of this action, such as login
    #[arg(long, value_name = "WORD", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) action: Option<String>,
    /// With this outcome
    #[arg(long, value_enum)]
    pub(crate) outcome: Option<Outcome>,
    /// For this PAM service
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) service: Option<String>,
    /// At this time or later
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<Date>,
    /// Before this time
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
}

/// The words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    Accepted,
    NotRequired,
    Refused,
    Throttled,
    Done,
    Failed,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotRequired => "not-required",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_spelled_on_the_command_line_as_in_the_log() {
        for outcome in Outcome::value_variants() {
            assert_eq!(outcome.to_possible_value().unwrap().get_name(), outcome.as_str());
        }
    }
}
