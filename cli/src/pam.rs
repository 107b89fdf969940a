//! `twinlock pam`: switching the code on in services, with a way back that needs nobody.
//!
//! What must hold, whatever happens to this process, its terminal or the host:
//!
//! - before the first file changes, the old bytes are on disk ([`journal`]);
//! - with `--try`, whoever puts them back is running by then, apart from this process and everything
//!   that may be killed with it ([`guard`]), and the next start of the host does it too ([`reboot`]);
//! - every file is the old one or the new one, never half of each ([`durable_file`]);
//! - it takes a login through the new stack to keep it ([`confirm`]).
//!
//! It runs as root: programs are called by their full paths with an environment of our own. It writes
//! files in `/etc/pam.d` and `/var/lib/twinlock-pam`, and for the time of a trial, where systemd does
//! not run, one in `/etc/cron.d`; where it does, it has `systemctl` enable the unit that puts things
//! back at the next start, and `systemd-run` start the guard. It reads besides what the doctor reads.

mod access;
mod boot_clock;
mod confirm;
mod difference;
mod disable;
mod durable_file;
mod enable;
mod guard;
mod insertion;
mod journal;
mod plan;
mod reboot;
mod removal;
mod restore;
mod service_file;
mod signals;
mod site;
mod sshd;
mod status;
mod trial;
mod undo;

use std::{io, path::PathBuf, time::Duration};

use nix::unistd::geteuid;
use serde::Serialize;

use crate::{
    arguments::pam::{Pam, PamAction},
    failure::Failure,
    login_person::{Account, LoginPerson},
    output::Format,
};
use journal::{Change, Edit, Record};
use site::Site;
use undo::Undone;

/// How long one run waits for another.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &Pam, format: Format) -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Err(Failure::needs_root("Only root can change what services ask for."));
    }
    let site = Site::host();
    match &options.action {
        PamAction::Enable(options) => enable::run(&site, options, format),
        PamAction::Confirm(options) => confirm::run(&site, options, format),
        PamAction::Disable(options) => disable::run(&site, options, format),
        PamAction::Status => status::run(&site, format),
        PamAction::Restore(options) => restore::run(&site, options, format),
    }
}

/// What `enable`, `disable` and `restore` tell scripts.
#[derive(Serialize)]
struct ChangedObject<'a> {
    services: Vec<&'a str>,
    files: Vec<PathBuf>,
    changed: bool,
}

/// Does `record.change` from beginning to end, all files or none. Whoever calls holds the lock.
fn do_at_once(site: &Site, record: &Record) -> Result<(), Failure> {
    record.begin(site).map_err(|error| not_kept(&error))?;
    write_files(site, record.change.as_ref())?;
    journal::finish(site).map_err(|error| not_kept(&error))
}

/// Writes the files of a change that is in the journal; puts all of them back when one cannot be
/// written.
fn write_files(site: &Site, change: Option<&Change>) -> Result<(), Failure> {
    for edit in change.map(|change| &*change.edits).unwrap_or_default() {
        let written = durable_file::bring_about(&site.on_disk(&edit.path), edit.after.as_ref());
        if let Err(error) = written {
            let failure =
                Failure::not_kept(&format!("{} was not written", edit.path.display()), &error);
            return Err(match undo::everything(site) {
                Ok(_) => failure.advise("Nothing was changed."),
                Err(error) => failure.advise(&format!(
                    "Nor could everything be put back: {error}. Run `twinlock pam restore`."
                )),
            });
        }
    }
    Ok(())
}

/// Puts back what an earlier run left half done, or what nobody confirmed in time. A trial that goes
/// on is left alone, and refused. Whoever calls holds the lock.
fn clear_up(site: &Site) -> Result<(), Failure> {
    let pending = Record::pending(site).map_err(|error| not_kept(&error))?;
    let Some((_, change)) = pending else { return Ok(()) };
    if !trial::left(&change).map_err(|error| not_kept(&error))?.is_zero() {
        return Err(Failure::on_trial());
    }
    restore::now(site)?;
    crate::output::remark("An earlier change was not finished, and has been put back.\n");
    Ok(())
}

fn not_kept(error: &io::Error) -> Failure {
    Failure::not_kept("The record of what is changed cannot be kept", error)
}

fn lock(site: &Site) -> Result<nix::fcntl::Flock<std::fs::File>, Failure> {
    journal::lock(site, PATIENCE).map_err(|error| not_kept(&error))?.ok_or_else(Failure::busy)
}

/// Whose way in is at stake, and whose login proves something.
fn whoever_calls() -> Result<Account, Failure> {
    let account = LoginPerson::of_process()?.account;
    account.ok_or_else(|| {
        Failure::no_own_account("The user database has no account for whoever called.")
    })
}

/// `sshd, sudo and su` for a sentence.
fn listed<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => only.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// What became of each file, a line each.
fn told(undone: &[(Edit, Undone)]) -> String {
    let line = |(edit, undone): &(Edit, Undone)| {
        let file = edit.path.display();
        let what = match undone {
            Undone::LineKept(why) => {
                return format!(
                    "ATTENTION: {file} STILL ASKS FOR A CODE. Somebody has edited it since, and without \
                     the line\n{why}. Correct the file, and take the line out by hand.\n"
                );
            }
            Undone::AsBefore => "had not been changed",
            Undone::PutBack if edit.before.is_none() => "is removed again",
            Undone::PutBack => "is as it was before",
            Undone::LineTakenOut => "was edited by somebody since: only the line is taken out",
            Undone::Left => "was edited by somebody since, and is left as it is",
        };
        format!("{file} {what}.\n")
    };
    undone.iter().map(line).collect()
}
