//! `twinlock users`.

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

pub(super) const USERS: &str = "\
For administrators. Lists the accounts that twinlockd knows and, of those that it
does not, the people of /etc/passwd: root and the uids from 1000 to 59999 that
have a login shell. With names, or a group, those accounts instead. Of a group in a
network directory, whose primary group it is cannot be listed.

\"Required by\" names the rules (`twinlock policy list`) that ask the account for a
code in some login even without an authenticator; \"built in\" where none does.

With --json there is one object per account, on one line:
  {\"user\":\"alice\",\"uid\":1000,\"state\":\"on\",\"since\":1795000000,\"required\":true,
   \"required_by\":[7],\"last_accepted_at\":null,\"authenticators\":1,
   \"recovery_codes_left\":9,\"failures\":0,\"locked_until\":null,\"closed\":false,
   \"stale\":false}
\"state\" is \"off\", \"pending\" or \"on\"; \"stale\" tells that the host has no such
account any more.

Examples:
  sudo twinlock users
  sudo twinlock users --required --state off
  sudo twinlock users --group wheel --locked";

#[derive(Args, Debug)]
pub(crate) struct Users {
    /// Accounts; all when left out
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) names: Vec<String>,
    /// The members of this group
    #[arg(long, value_name = "NAME", conflicts_with = "names",
        value_parser = NonEmptyStringValueParser::new())]
    pub(crate) group: Option<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// What an account must be to be listed.
#[derive(Args, Debug, Default)]
pub(crate) struct Filter {
    /// Only those whose enrolment has come so far
    #[arg(long, value_enum)]
    pub(crate) state: Option<State>,
    /// Only those that are locked or closed
    #[arg(long)]
    pub(crate) locked: bool,
    /// Only those that are asked for a code even without an authenticator
    #[arg(long)]
    pub(crate) required: bool,
    /// Only those that are gone from the host
    #[arg(long)]
    pub(crate) stale: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// No authenticator
    Off,
    /// A key was shown and not yet confirmed
    Pending,
    /// At least one authenticator
    On,
}

impl From<State> for twinlock_interface::State {
    fn from(state: State) -> Self {
        match state {
            State::Off => Self::Off,
            State::Pending => Self::Pending,
            State::On => Self::On,
        }
    }
}
