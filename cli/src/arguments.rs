//! The command line.

pub(crate) mod audit;
mod doctor;
pub(crate) mod enroll;
mod help;
pub(crate) mod import;
pub(crate) mod pam;
pub(crate) mod policy;
pub(crate) mod users;

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

use audit::Audit;
use enroll::Enroll;
use import::Import;
use pam::Pam;
use policy::Policy;
use users::Users;

/// Enrol, look at and repair the second factor of accounts on this host
#[derive(Parser, Debug)]
#[command(name = "twinlock", version, after_help = help::TWINLOCK, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Print results and errors as JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Set up an authenticator app and get recovery codes
    #[command(after_help = help::ENROLL)]
    Enroll(Enroll),
    /// Show whether an account is enrolled, locked, and what is left
    #[command(after_help = help::STATUS)]
    Status(OwnOrNamed),
    /// Try a code, and see whether the clocks agree
    #[command(after_help = help::CHECK)]
    Check(OwnOrNamed),
    /// Count the recovery codes, or renew them
    #[command(after_help = help::CODES)]
    Codes(Codes),
    /// Give an authenticator another name, against a code
    #[command(after_help = help::RENAME)]
    Rename(Rename),
    /// Remove one authenticator or all, against a code
    #[command(after_help = help::REMOVE)]
    Remove(Remove),
    /// Let somebody enrol during a login, once
    #[command(after_help = help::TICKET)]
    Ticket(Named),
    /// Let an account try again after too many wrong codes
    #[command(after_help = help::UNLOCK)]
    Unlock(Named),
    /// Remove an account's authenticators without a code
    #[command(after_help = help::RESET)]
    Reset(Reset),
    /// Take over authenticators that another program kept
    #[command(after_help = import::IMPORT)]
    Import(Import),
    /// Say who must give a code, and see why
    #[command(after_help = policy::help::POLICY)]
    Policy(Policy),
    /// List accounts, enrolled and not
    #[command(after_help = users::USERS)]
    Users(Users),
    /// List logins and changes
    #[command(after_help = audit::AUDIT)]
    Audit(Audit),
    /// Ask for codes in PAM services, on trial first
    #[command(after_help = pam::PAM)]
    Pam(Pam),
    /// Look for holes and faults in PAM, sshd, sudo, policy and host
    #[command(after_help = doctor::DOCTOR)]
    Doctor,
}

/// An account that is the caller's own unless named.
#[derive(Args, Debug)]
pub(crate) struct OwnOrNamed {
    /// Account; yours when left out
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
}

/// An account that has to be named: nobody unlocks "whoever I am" on purpose.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// Account
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: String,
}

/// `renew` is a command when it stands where the account could; after `--` it is an account.
#[derive(Args, Debug)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Codes {
    #[command(flatten)]
    pub(crate) target: OwnOrNamed,
    #[command(subcommand)]
    pub(crate) action: Option<CodesAction>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum CodesAction {
    /// Make ten new recovery codes, against a code
    #[command(after_help = help::RENEW)]
    Renew(OwnOrNamed),
}

/// The account is an option here: three names in a row would be taken for each other.
#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// Name of the authenticator
    #[arg(value_name = "OLD", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) authenticator: String,
    /// Its new name
    #[arg(value_name = "NEW", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// Account; yours when left out
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) target: OwnOrNamed,
    /// Remove this one only
    // Not empty, which on the bus means all of them.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) authenticator: Option<String>,
    /// Remove all of them, where there are several
    #[arg(long, conflicts_with = "authenticator")]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) target: Named,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn json_is_understood_before_and_after_the_command() {
        for line in ["twinlock --json status", "twinlock status --json", "twinlock status a --json"]
        {
            assert!(parse(line).unwrap().json, "{line}");
        }
        assert!(!parse("twinlock status").unwrap().json);
    }

    #[test]
    fn no_code_fits_on_the_command_line() {
        for line in [
            "twinlock enroll alice 123456",
            "twinlock remove alice 123456",
            "twinlock remove --code 123456",
            "twinlock check alice 123456",
            "twinlock codes renew alice 123456",
        ] {
            assert_eq!(
                parse(line).unwrap_err().kind(),
                ErrorKind::UnknownArgument,
                "{line} was accepted"
            );
        }
    }

    #[test]
    fn who_acts_on_others_names_them() {
        for line in ["twinlock unlock", "twinlock ticket", "twinlock reset", "twinlock reset --yes"]
        {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
        }
        let Command::Reset(reset) = parse("twinlock reset bob --yes").unwrap().command else {
            panic!("not a reset");
        };
        assert!(reset.yes && reset.target.user == "bob");
    }

    #[test]
    fn an_empty_name_is_no_name() {
        let line = ["twinlock", "status", ""];
        assert_eq!(Arguments::try_parse_from(line).unwrap_err().kind(), ErrorKind::InvalidValue);
    }

    fn codes(line: &str) -> Codes {
        match parse(line).unwrap().command {
            Command::Codes(codes) => codes,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn renew_is_a_command_until_two_dashes_make_it_an_account() {
        for line in
            ["twinlock codes renew", "twinlock --json codes renew", "twinlock codes --json renew"]
        {
            let codes = codes(line);
            assert!(matches!(codes.action, Some(CodesAction::Renew(OwnOrNamed { user: None }))));
            assert!(codes.target.user.is_none(), "{line}");
        }
        let renewed = codes("twinlock codes renew alice").action;
        assert!(
            matches!(renewed, Some(CodesAction::Renew(target)) if target.user.as_deref() == Some("alice"))
        );
        for name in ["alice", "-- renew", "help"] {
            let codes = codes(&format!("twinlock codes {name}"));
            assert!(codes.action.is_none(), "{name}");
            assert_eq!(codes.target.user.as_deref(), name.split(' ').next_back());
        }
    }

    #[test]
    fn an_authenticator_without_a_name_is_not_all_of_them() {
        let line = ["twinlock", "remove", "--authenticator", ""];
        assert_eq!(Arguments::try_parse_from(line).unwrap_err().kind(), ErrorKind::InvalidValue);
        let Command::Remove(remove) = parse("twinlock remove").unwrap().command else {
            panic!("not a removal");
        };
        assert!(remove.authenticator.is_none());
    }

    #[test]
    fn renaming_takes_two_names_and_perhaps_an_account() {
        let Command::Rename(rename) = parse("twinlock rename a b --user c").unwrap().command else {
            panic!("not a renaming");
        };
        assert_eq!((&*rename.authenticator, &*rename.name), ("a", "b"));
        assert_eq!(rename.user.as_deref(), Some("c"));
        assert!(parse("twinlock rename a").is_err());
        assert!(parse("twinlock rename a b c").is_err());
    }

    #[test]
    fn help_names_every_exit_status_and_gives_examples() {
        let mut command = Arguments::command();
        let help = command.render_long_help().to_string();
        for status in ["0    done", "1    refused", "2    the command line", "3    twinlockd"] {
            assert!(help.contains(status), "{status}");
        }
        every_subcommand_has_examples(&mut command);
    }

    fn every_subcommand_has_examples(command: &mut clap::Command) {
        for subcommand in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            let help = subcommand.render_long_help().to_string();
            assert!(help.contains("Examples:"), "{help}");
            every_subcommand_has_examples(subcommand);
        }
    }
}
