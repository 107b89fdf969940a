//! `twinlock pam restore`: put back what is on trial, or was left half done.

use super::{
    ChangedObject, guard, lock, not_kept, reboot,
    site::Site,
    told, trial,
    undo::{self, Undoing},
};
use crate::{
    arguments::pam::Restore,
    failure::Failure,
    output::{self, Format},
    pam::journal::{Change, Record},
};

pub(super) fn run(site: &Site, options: &Restore, format: Format) -> Result<(), Failure> {
    if options.at_deadline {
        return guard::run(site);
    }
    if !site.state().is_dir() {
        return tell(None, format);
    }
    let _lock = lock(site)?;
    if options.if_due {
        let pending = Record::pending(site).map_err(|error| not_kept(&error))?;
        let goes_on = |change: &Change| trial::left(change).is_ok_and(|left| !left.is_zero());
        if pending.is_some_and(|(_, change)| goes_on(&change)) {
            return Ok(());
        }
    }
    let undone = undo::everything(site).map_err(|error| not_restored(&error))?;
    reboot::disarm(site);
    tell(undone.as_ref(), format)
}

/// Puts everything back. Whoever calls holds the lock.
pub(super) fn now(site: &Site) -> Result<String, Failure> {
    let undone = undo::everything(site).map_err(|error| not_restored(&error))?;
    reboot::disarm(site);
    Ok(undone.map(|undoing| told(&undoing.files)).unwrap_or_default())
}

/// The same where the change `id` is still pending; tells what became of each file.
pub(super) fn if_still(site: &Site, id: &str) -> Result<String, Failure> {
    let _lock = lock(site)?;
    let pending = Record::pending(site).map_err(|error| not_kept(&error))?;
    if pending.is_some_and(|(_, change)| change.id == id) { now(site) } else { Ok(String::new()) }
}

fn not_restored(error: &std::io::Error) -> Failure {
    Failure::not_kept("Not everything could be put back", error)
        .advise("Mend that and run `twinlock pam restore` again.")
}

fn tell(undoing: Option<&Undoing>, format: Format) -> Result<(), Failure> {
    let (services, files) = match undoing {
        Some(Undoing { change, files }) => {
            (change.services.iter().map(String::as_str).collect(), &**files)
        }
        None => (Vec::new(), &[][..]),
    };
    let changed = !files.is_empty();
    let words = if changed { told(files) } else { "There is nothing to put back.\n".to_owned() };
    let files = files.iter().map(|(edit, _)| edit.path.clone()).collect();
    output::result(format, &words, &ChangedObject { services, files, changed })
}
