//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

const EXIT_STATUS: &str = "\
Exit status:
  0    done
  1    refused: wrong code, locked, not allowed, already or not enrolled, nothing typed
  2    the command line was not understood
  3    twinlockd or the system bus is out of reach, or cannot decide now
  130  interrupted with Ctrl-C

With --json the result is one JSON object per line on stdout, times are whole
seconds since 1970-01-01 UTC (null: not so), and an error is one line on stderr:
  {\"error\":{\"name\":\"WrongCode\",\"message\":\"...\"}}

Codes are read from standard input, never from the command line, where every
user of the host could see them.

Examples:
  twinlock enroll              enrol yourself
  twinlock status              how your account stands
  sudo twinlock unlock alice   let alice try again after too many wrong codes";

const ENROLL: &str = "\
Scan the QR code with any authenticator app, or type the key into it, then type
the code it shows. Only then does the enrolment count, and ten recovery codes are
shown, this once. Leaving at the prompt with Ctrl-C or Ctrl-D keeps the key
waiting for a while: run the command again to go on with the same one.

A wrong code may be tried again three times.

The QR code is drawn black on white on a terminal with colours. Without colours
(NO_COLOR, TERM=dumb, or output that is no terminal) it is drawn for a dark
terminal; say --qr=light for a light one. --qr=ascii, and any locale other than
UTF-8, draws it with \"##\" at twice the width.

With --json there are two lines on stdout, the second after the code was right:
  {\"user\":\"alice\",\"key_uri\":\"otpauth://...\",\"secret\":\"...\",\"expires_at\":1795000000}
  {\"user\":\"alice\",\"recovery_codes\":[\"XXXX-XXXX-XXXX-XXXX\",...]}
and with --cancel one:
  {\"user\":\"alice\",\"cancelled\":true}

Examples:
  twinlock enroll
  twinlock enroll --qr=light
  sudo twinlock enroll alice
  twinlock enroll --cancel";

const STATUS: &str = "\
With --json:
  {\"user\":\"alice\",\"state\":\"on\",\"since\":1795000000,\"expires_at\":null,
   \"recovery_codes_left\":10,\"last_accepted_at\":null,\"failures\":0,
   \"locked_until\":null,\"closed\":false}
on one line. \"state\" is \"off\", \"pending\" or \"on\".

Examples:
  twinlock status
  sudo twinlock status alice
  twinlock status --json | jq .recovery_codes_left";

const REMOVE: &str = "\
Takes a fresh code from the app, or an unused recovery code when the phone is
gone. Authenticator and recovery codes are removed.

With --json:
  {\"user\":\"alice\",\"removed\":true}

Examples:
  twinlock remove
  sudo twinlock remove alice";

const UNLOCK: &str = "\
For administrators. Forgets the account's failed attempts, so that a right code
is accepted again at once.

With --json:
  {\"user\":\"alice\",\"unlocked\":true}

Examples:
  sudo twinlock unlock alice";

const RESET: &str = "\
For administrators, when phone and recovery codes are both lost. Removes the
account's authenticator, recovery codes, pending enrolment and failed attempts
without asking for a code. On a terminal the account name has to be typed once
more; elsewhere --yes is needed.

With --json:
  {\"user\":\"alice\",\"reset\":true}

Examples:
  sudo twinlock reset alice
  sudo twinlock reset --yes alice";

/// Enrol, look at and repair the second factor of accounts on this host
#[derive(Parser, Debug)]
#[command(name = "twinlock", version, after_help = EXIT_STATUS, max_term_width = 100)]
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
    #[command(after_help = ENROLL)]
    Enroll(Enroll),
    /// Show whether an account is enrolled, locked, and what is left
    #[command(after_help = STATUS)]
    Status(OwnOrNamed),
    /// Remove the authenticator, against a code
    #[command(after_help = REMOVE)]
    Remove(OwnOrNamed),
    /// Let an account try again after too many wrong codes
    #[command(after_help = UNLOCK)]
    Unlock(Named),
    /// Remove an account's authenticator without a code
    #[command(after_help = RESET)]
    Reset(Reset),
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

#[derive(Args, Debug)]
pub(crate) struct Enroll {
    #[command(flatten)]
    pub(crate) target: OwnOrNamed,
    /// How to draw the QR code
    #[arg(long, value_enum, value_name = "HOW", default_value_t = QrChoice::Auto)]
    pub(crate) qr: QrChoice,
    /// Draw no QR code; the same as --qr=none
    #[arg(long, conflicts_with = "qr")]
    pub(crate) no_qr: bool,
    /// Drop the pending enrolment and its key
    #[arg(long, conflicts_with_all = ["qr", "no_qr"])]
    pub(crate) cancel: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) target: Named,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QrChoice {
    /// Black on white where there are colours, else as for a dark terminal
    Auto,
    /// Without colours, for light text on a dark ground
    Dark,
    /// Without colours, for dark text on a light ground
    Light,
    /// With "##" instead of block characters, twice as wide
    Ascii,
    /// Not at all
    None,
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
        ] {
            assert_eq!(
                parse(line).unwrap_err().kind(),
                ErrorKind::UnknownArgument,
                "{line} was accepted"
            );
        }
    }

    #[test]
    fn unlock_and_reset_want_a_name() {
        for line in ["twinlock unlock", "twinlock reset", "twinlock reset --yes"] {
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

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "twinlock enroll --qr=dark --no-qr",
            "twinlock enroll --cancel --no-qr",
            "twinlock enroll --cancel --qr=light",
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::ArgumentConflict, "{line}");
        }
    }

    #[test]
    fn help_names_every_exit_status_and_gives_examples() {
        let mut command = Arguments::command();
        let help = command.render_long_help().to_string();
        for status in ["0    done", "1    refused", "2    the command line", "3    twinlockd"] {
            assert!(help.contains(status), "{status}");
        }
        for subcommand in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            assert!(subcommand.render_long_help().to_string().contains("Examples:"));
        }
    }
}
