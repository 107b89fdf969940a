//! `twinlock import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(super) const IMPORT: &str = "\
For administrators. Takes over what another program kept, so that people go on
with the phone they have: authenticators, counters, scratch codes. A code that was
spent before is not accepted again. The files stay as they are; take the other
program out of /etc/pam.d, and delete them, afterwards.

Each account is imported whole or not at all. An account that has an
authenticator already is skipped. What was kept, converted and dropped is told for
each; secrets and codes are never shown. The exit status is 0 when every account
was imported, or would be, and 1 when one was refused or skipped.

With --json there is one object per account, on one line:
  {\"user\":\"alice\",\"source\":\"/home/alice/.google_authenticator\",
   \"outcome\":\"imported\",\"reason\":null,
   \"authenticators\":[{\"name\":\"phone\",\"kind\":\"totp\",\"algorithm\":\"SHA1\",
   \"digits\":6,\"period\":30,\"last_spent\":null}],\"recovery_codes\":5,
   \"converted\":[\"...\"],\"dropped\":[\"...\"],\"warnings\":[\"...\"]}
\"outcome\" is \"imported\", \"would-be-imported\", \"skipped\" or \"refused\"; \"reason\"
says why for the last two, after which the error \"NotImported\" ends the command.
\"user\" is null where it could not be told.

Examples:
  sudo twinlock import --dry-run google-authenticator --tree /home
  sudo twinlock import google-authenticator /home/alice
  sudo twinlock import oath /etc/users.oath";

const GOOGLE_AUTHENTICATOR: &str = "\
The account is the owner of the file, who must own the directory it lies in, too.
No link is followed, neither at PATH nor below it.

Where pam_google_authenticator.so has secret=/some/directory/${USER}, the files
are named after their accounts and may belong to root: say --by-file-name, and
name that directory or files in it.

A secret of 80 bits, which old versions made, is refused: enrol anew.

Examples:
  sudo twinlock import google-authenticator /home/alice /home/bob
  sudo twinlock import google-authenticator --dry-run --tree /home
  sudo twinlock import google-authenticator --by-file-name /var/lib/google-authenticator";

const OATH: &str = "\
The file must belong to root, and nobody else may be able to write it. Several
lines of one user become as many authenticators: token, token 2, ...

The file does not tell which time step the last code was made for. Where that may
be one to come, the account is refused until a time that the report names: run the
command again then.

Examples:
  sudo twinlock import oath --dry-run /etc/users.oath
  sudo twinlock import oath /etc/users.oath";

#[derive(Args, Debug)]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) source: Source,
    /// Read and report, but import nothing
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Source {
    /// From the .google_authenticator files of pam_google_authenticator.so
    #[command(after_help = GOOGLE_AUTHENTICATOR)]
    GoogleAuthenticator(GoogleAuthenticator),
    /// From the users.oath file of pam_oath.so
    #[command(after_help = OATH)]
    Oath(Oath),
}

#[derive(Args, Debug)]
pub(crate) struct GoogleAuthenticator {
    /// A .google_authenticator file, or a home that has one
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// PATH is a directory of homes
    #[arg(long)]
    pub(crate) tree: bool,
    /// Files are named after their accounts; PATH is one, or a directory of them
    #[arg(long, conflicts_with = "tree")]
    pub(crate) by_file_name: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Oath {
    /// The users.oath file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parse(line: &str) -> Result<Import, clap::Error> {
        match Arguments::try_parse_from(line.split_whitespace())?.command {
            Command::Import(import) => Ok(import),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_dry_run_is_understood_before_and_after_the_source() {
        for line in [
            "twinlock import --dry-run oath /etc/users.oath",
            "twinlock import oath --dry-run /etc/users.oath",
            "twinlock import oath /etc/users.oath --dry-run",
        ] {
            assert!(parse(line).unwrap().dry_run, "{line}");
        }
        assert!(!parse("twinlock import oath /etc/users.oath").unwrap().dry_run);
    }

    #[test]
    fn a_source_and_its_paths_have_to_be_named() {
        for line in ["twinlock import oath", "twinlock import google-authenticator"] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
        }
        let line = "twinlock import";
        let kind = parse(line).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    }

    #[test]
    fn homes_and_files_named_after_accounts_are_two_things() {
        let line = "twinlock import google-authenticator --tree --by-file-name /home";
        assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::ArgumentConflict);
    }
}
