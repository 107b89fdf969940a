//! `twinlock policy`.

pub(super) mod help;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use super::OwnOrNamed;
use crate::date::{self, Date};

#[derive(Args, Debug)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Action {
    /// Show the rules, and which comes first
    #[command(after_help = help::LIST)]
    List,
    /// Ask for a code, even where there is no authenticator yet
    #[command(after_help = help::REQUIRE)]
    Require(Require),
    /// Ask for a code where there is an authenticator
    #[command(after_help = help::OPTIONAL)]
    Optional(Optional),
    /// Ask for no code
    #[command(after_help = help::EXEMPT)]
    Exempt(Exempt),
    /// Remove rules by their numbers
    #[command(after_help = help::REMOVE)]
    Remove(Remove),
    /// Show or set how many failures lock an account, and for how long
    #[command(after_help = help::PROFILE)]
    Profile(SetProfile),
    /// Tell what a login would meet, and why
    #[command(after_help = help::EXPLAIN)]
    Explain(Explain),
    /// Write the policy as a file, to standard output
    #[command(after_help = help::EXPORT)]
    Export,
    /// Show what a file would change
    #[command(after_help = help::DIFF)]
    Diff(Diff),
    /// Make the policy what a file says
    #[command(after_help = help::APPLY)]
    Apply(Apply),
}

/// Whom a rule is about, and which of their logins.
#[derive(Args, Debug)]
pub(crate) struct About {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Only this PAM service, such as sshd; may be repeated
    #[arg(long = "service", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) services: Vec<String>,
    /// Only from this network, such as 192.0.2.0/24, or local for a console; may be repeated
    #[arg(long, value_name = "CIDR|local", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) from: Vec<String>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// About every account
    #[arg(long)]
    pub(crate) everyone: bool,
    /// About the members of this group
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) group: Option<String>,
    /// About this account
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
}

/// How careful a change is.
#[derive(Args, Debug)]
pub(crate) struct Care {
    /// Do it even if you, or root, could not log in any more
    #[arg(long)]
    pub(crate) even_if_locked_out: bool,
    /// Look at everything, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The same for a change that adds rules.
#[derive(Args, Debug)]
pub(crate) struct CareForNames {
    /// Accept accounts and groups that this host does not know
    #[arg(long)]
    pub(crate) unknown_names: bool,
    #[command(flatten)]
    pub(crate) care: Care,
}

#[derive(Args, Debug)]
pub(crate) struct Require {
    #[command(flatten)]
    pub(crate) about: About,
    /// Until when a login may enrol without a ticket, 90 days at most [default: 7d]
    #[arg(long, value_name = "DATE", conflicts_with = "no_enroll")]
    pub(crate) enroll_until: Option<Date>,
    /// Enrolment takes a ticket from the beginning
    #[arg(long)]
    pub(crate) no_enroll: bool,
    /// What to tell somebody without an authenticator who is refused
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) remember: Remember,
    /// Why, for whoever reads the policy
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) care: CareForNames,
}

#[derive(Args, Debug)]
pub(crate) struct Remember {
    /// Do not ask an address again for so long after a right code; at most 24h
    #[arg(long, value_name = "DURATION", value_parser = minutes, requires = "services")]
    pub(crate) remember: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct Optional {
    #[command(flatten)]
    pub(crate) about: About,
    #[command(flatten)]
    pub(crate) remember: Remember,
    /// When the rule ends; never when left out
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    /// Why, for whoever reads the policy
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) care: CareForNames,
}

#[derive(Args, Debug)]
pub(crate) struct Exempt {
    #[command(flatten)]
    pub(crate) about: About,
    /// When the exemption ends
    #[arg(long, value_name = "DATE", required_unless_present = "no_end")]
    pub(crate) until: Option<Date>,
    /// It never ends
    #[arg(long, conflicts_with = "until")]
    pub(crate) no_end: bool,
    /// Why, for whoever reads the policy
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) care: CareForNames,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// Numbers of rules, as `twinlock policy list` shows them
    #[arg(value_name = "ID", required = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rules: Vec<u32>,
    #[command(flatten)]
    pub(crate) care: Care,
}

#[derive(Args, Debug)]
pub(crate) struct SetProfile {
    /// The profile from now on; without it nothing is changed
    #[arg(value_enum)]
    pub(crate) name: Option<Profile>,
    #[command(flatten)]
    pub(crate) care: Care,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// 5 failures lock for 15 minutes, twice as long each time, 24 hours at most; 100 close
    Default,
    /// 5 failures lock for 15 minutes; 100 close (CIS benchmarks)
    Cis,
    /// 3 failures close until an administrator opens (DISA STIG)
    Stig,
    /// 10 failures lock for 30 minutes, twice as long each time; 100 close (PCI DSS 8.3.4)
    Pci,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) target: OwnOrNamed,
    /// The PAM service of the login; one that no rule names when left out
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) service: Option<String>,
    /// Where it comes from; an address that no rule names when left out
    #[arg(long, value_name = "ADDRESS|local|terminal|unknown", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) from: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The policy as a file; "-" for standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) wanted: Diff,
    #[command(flatten)]
    pub(crate) care: CareForNames,
}

/// Whole minutes. How many there may be is the daemon's to check.
fn minutes(text: &str) -> Result<u32, &'static str> {
    let seconds = date::seconds(text).filter(|seconds| seconds.is_multiple_of(60) && *seconds > 0);
    let minutes = seconds.and_then(|seconds| u32::try_from(seconds / 60).ok());
    minutes.ok_or("a duration of whole minutes is written 30m or 12h")
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parse(line: &str) -> Result<Action, ErrorKind> {
        let words = line.split_whitespace();
        let arguments = Arguments::try_parse_from(["twinlock", "policy"].into_iter().chain(words));
        match arguments.map_err(|error| error.kind())?.command {
            Command::Policy(policy) => Ok(policy.action),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refused(line: &str) -> ErrorKind {
        parse(line).map(|action| panic!("{line}: {action:?}")).unwrap_err()
    }

    #[test]
    fn a_rule_is_about_everyone_or_a_group_or_an_account() {
        for level in ["require", "optional", "exempt --reason r --no-end"] {
            for whom in ["--everyone", "--group wheel", "--user alice"] {
                assert!(parse(&format!("{level} {whom}")).is_ok(), "{level} {whom}");
            }
            assert_eq!(refused(level), ErrorKind::MissingRequiredArgument);
            for both in ["--everyone --user alice", "--group wheel --user alice"] {
                assert_eq!(refused(&format!("{level} {both}")), ErrorKind::ArgumentConflict);
            }
        }
    }

    #[test]
    fn an_exemption_has_a_reason_and_an_end_unless_it_is_said_to_have_none() {
        for line in [
            "exempt --user backup",
            "exempt --user backup --reason robot",
            "exempt --user backup --no-end",
        ] {
            assert_eq!(refused(line), ErrorKind::MissingRequiredArgument, "{line}");
        }
        let both = "exempt --user backup --reason robot --no-end --until 7d";
        assert_eq!(refused(both), ErrorKind::ArgumentConflict);
        let Ok(Action::Exempt(exempt)) = parse("exempt --user b --reason r --until 2030-01-31")
        else {
            panic!("not an exemption");
        };
        assert!(exempt.until.is_some() && !exempt.no_end);
    }

    #[test]
    fn conditions_may_be_repeated_and_take_one_value_each() {
        let line =
            "require --everyone --service sshd --service sudo --from local --from 10.0.0.0/8";
        let Ok(Action::Require(require)) = parse(line) else { panic!("not a rule") };
        assert_eq!(require.about.services, ["sshd", "sudo"]);
        assert_eq!(require.about.from, ["local", "10.0.0.0/8"]);
        assert_eq!(refused("require --everyone --service sshd sudo"), ErrorKind::UnknownArgument);
    }

    #[test]
    fn an_address_is_remembered_for_services_that_are_named() {
        let line = "require --everyone --remember 30m";
        assert_eq!(refused(line), ErrorKind::MissingRequiredArgument);
        let Ok(Action::Require(require)) = parse(&format!("{line} --service sshd")) else {
            panic!("not a rule");
        };
        assert_eq!(require.remember.remember, Some(30));
        for wrong in ["30", "0m", "90s", "99999999999h"] {
            let line = format!("require --everyone --service sshd --remember {wrong}");
            assert_eq!(refused(&line), ErrorKind::ValueValidation, "{wrong}");
        }
    }

    #[test]
    fn options_that_make_no_sense_for_a_level_do_not_exist_there() {
        for line in [
            "require --everyone --until 7d",
            "optional --everyone --enroll-until 7d",
            "optional --everyone --message no",
            "exempt --everyone --reason r --no-end --remember 30m --service sshd",
        ] {
            assert_eq!(refused(line), ErrorKind::UnknownArgument, "{line}");
        }
        let both = "require --everyone --no-enroll --enroll-until 7d";
        assert_eq!(refused(both), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn rules_are_removed_by_number() {
        let Ok(Action::Remove(remove)) = parse("remove 3 7") else { panic!("not a removal") };
        assert_eq!(remove.rules, [3, 7]);
        for wrong in ["remove 0", "remove wheel", "remove -1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(refused("remove"), ErrorKind::MissingRequiredArgument);
    }
}
