//! `twinlock pam`: the command line and its help.

use std::time::Duration;

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use crate::date;

/// Shortest and longest trial, in seconds: time to log in once, and no longer than somebody waits.
const TRIAL_SECONDS: std::ops::RangeInclusive<u64> = 10..=3600;

#[derive(Args, Debug)]
pub(crate) struct Pam {
    #[command(subcommand)]
    pub(crate) action: PamAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum PamAction {
    /// Ask for a code in these services from now on
    #[command(after_help = ENABLE)]
    Enable(Enable),
    /// Keep what is on trial
    #[command(after_help = CONFIRM)]
    Confirm(Confirm),
    /// Ask for no code in these services any more
    #[command(after_help = DISABLE)]
    Disable(Disable),
    /// Show which services ask for a code, and what is on trial
    #[command(after_help = STATUS)]
    Status,
    /// Put back what is on trial, or was left half done
    #[command(after_help = RESTORE)]
    Restore(Restore),
}

#[derive(Args, Debug)]
pub(crate) struct Enable {
    /// PAM services, such as sshd and sudo
    #[arg(required = true, value_name = "SERVICE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) services: Vec<String>,
    /// Put everything back after this time (10s to 1h) unless confirmed from a new login
    #[arg(long = "try", value_name = "TIME", value_parser = trial_time)]
    pub(crate) trial: Option<Duration>,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on although settings of sshd or sudo let people in without a code, or cannot ask for one
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on although you yourself would be refused
    #[arg(long)]
    pub(crate) even_if_locked_out: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Confirm {
    /// Keep it although nobody has logged in through it
    #[arg(long)]
    pub(crate) untested: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Disable {
    /// PAM services, such as sshd and sudo
    #[arg(required = true, value_name = "SERVICE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) services: Vec<String>,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// Wait for the end of the trial first
    #[arg(long, hide = true)]
    pub(crate) at_deadline: bool,
    /// Do nothing before the end of the trial
    #[arg(long, hide = true, conflicts_with = "at_deadline")]
    pub(crate) if_due: bool,
}

/// `120s`, `2m` or `1h`.
fn trial_time(text: &str) -> Result<Duration, String> {
    date::seconds(text)
        .filter(|seconds| TRIAL_SECONDS.contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "a time from 10s to 1h, such as 120s or 2m".to_owned())
}

pub(super) const PAM: &str = "\
Edits the files of services in /etc/pam.d by the recipes of the README, so that
each keeps every other byte. Needs root.

Examples:
  sudo twinlock pam enable sshd sudo --try 120s
  sudo twinlock pam status";

const ENABLE: &str = "\
Puts one line behind those that check the password. Where sshd asks for a key
first (AuthenticationMethods publickey,keyboard-interactive:pam) of everybody, in all
Match blocks too, the code takes the place of the password. The settings of sshd and
sudo are never changed: where they have to be, the lines to write are shown. sudo-i is taken along with sudo, and su-l
with su, where they do not read the other's file.

Shows the changes and asks. Files that pam-auth-update, authselect and the like
make are refused, and so is a change that a login could pass without a code, or
after which you could not log in yourself.

With --try the command stays and counts down: log in from a second terminal, and
run `sudo twinlock pam confirm` there. Unless that is done, everything is put back:
at once on Ctrl-C or when this terminal is closed, at the end of the time whatever was
killed, and at the next start of the host (by systemd or cron).

Exit status 1 also stands for a trial that was put back. With --json:
  {\"services\":[\"sshd\"],\"files\":[\"/etc/pam.d/sshd\"],\"changed\":true}
where \"changed\" is false with --dry-run.

Examples:
  sudo twinlock pam enable sshd sudo --try 120s
  sudo twinlock pam enable sudo --dry-run";

const CONFIRM: &str = "\
Run it in a login of yours that was made through a service on trial, such as a new
ssh session: the audit has to hold one that gave a right code, a recovery code, or
enrolled. Without any, as with an account that is asked for no code, or is remembered
and spared it, nothing is proven, and only --untested keeps the trial.
`twinlock audit` shows what it holds.

With --json, where \"untested\" are the services that you have not logged in through:
  {\"services\":[\"sshd\",\"sudo\"],\"confirmed\":true,\"untested\":[\"sudo\"]}

Examples:
  sudo twinlock pam confirm";

const DISABLE: &str = "\
Brings each file back as it was before `twinlock pam enable`, byte for byte; where
somebody has edited it since, or wrote the line by hand, only the line is taken
out, unless a login would need less than before then. Where a jump above counts the
line, one that does nothing takes its place. Asks nothing.

With --json:
  {\"services\":[\"sshd\"],\"files\":[\"/etc/pam.d/sshd\"],\"changed\":true}

Examples:
  sudo twinlock pam disable sshd sudo";

const STATUS: &str = "\
With --json:
  {\"services\":[{\"service\":\"sshd\",\"file\":\"/etc/pam.d/sshd\",\"way\":\"password\",
   \"by\":\"twinlock\",\"since\":1795000000,\"edited_since\":false,\"on_trial\":true}],
   \"trial\":{\"services\":[\"sshd\"],\"seconds_left\":87,\"guarded\":true}}
on one line. \"way\" is \"password\" where the code comes after the password, \"key\"
where it stands alone behind sshd's key, and \"one-line\" for both in one line. \"by\"
is \"hand\" for a line that `twinlock pam enable` did not write, and \"since\" is null
then. \"trial\" is null when there is none.

Examples:
  sudo twinlock pam status";

const RESTORE: &str = "\
Puts back at once what is on trial, and what a command left half done that was
killed; without either it does nothing. This is what runs at the start of the host.
In a file that somebody has edited since, where a login without the line would need
less than before, the line stays, and that is said.

With --json:
  {\"services\":[\"sshd\"],\"files\":[\"/etc/pam.d/sshd\"],\"changed\":true}

Examples:
  sudo twinlock pam restore";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_as_long_as_somebody_waits() {
        for (text, seconds) in
            [("120s", 120), ("2m", 120), ("1h", 3600), ("10s", 10), ("3600s", 3600)]
        {
            assert_eq!(trial_time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "9s",
            "120",
            "3601s",
            "61m",
            "2h",
            "1d",
            "-20s",
            "+20s",
            "20 s",
            "1.5m",
            "20é",
            "99999999999h",
        ] {
            assert!(trial_time(text).is_err(), "{text}");
        }
    }
}
