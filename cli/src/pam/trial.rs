//! A trial, watched by the command that began it.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{
    boot_clock::BootTime,
    journal::{Change, Record},
    listed, not_kept, reboot, restore,
    signals::Signals,
    site::Site,
};
use crate::{
    failure::Failure,
    output::{self, Format},
};

/// How often it looks whether somebody has confirmed.
const TICK: Duration = Duration::from_millis(200);
/// Back to the start of the line, and away with what stands there.
const OVER_IT: &str = "\r\u{1b}[K";

/// What is left of a change's trial; nothing for a change without one.
pub(super) fn left(change: &Change) -> io::Result<Duration> {
    match &change.trial {
        Some(trial) => Ok(trial.ends.left(&BootTime::now()?)),
        None => Ok(Duration::ZERO),
    }
}

/// Waits until `change` is confirmed, which is success, or put back.
pub(super) fn watch(
    site: &Site,
    change: &Change,
    signals: &Signals,
    format: Format,
) -> Result<(), Failure> {
    // A terminal that is gone is no reason to stop: it is one to put everything back, and is told by a
    // signal.
    let shown = format == Format::Text;
    if shown {
        output::remark(&format!(
            "\n{} now ask{} for a code, on trial. Keep this terminal open, log in from a second one,\n\
             and run there:\n\n  sudo twinlock pam confirm\n\n\
             Ctrl-C puts everything back at once.\n",
            listed(&change.services),
            if change.services.len() == 1 { "s" } else { "" }
        ));
    }
    let counts_down = shown && io::stderr().is_terminal();
    let watched = look_until_over(site, change, signals, counts_down);
    if counts_down {
        output::remark(OVER_IT);
    }
    reboot::disarm(site);
    watched
}

fn look_until_over(
    site: &Site,
    change: &Change,
    signals: &Signals,
    counts_down: bool,
) -> Result<(), Failure> {
    let mut told = None;
    loop {
        match Record::pending(site) {
            Ok(Some((_, pending))) if pending.id == change.id => {}
            Ok(_) => return outcome(site, change),
            Err(error) => {
                return Err(put_back(site, change, not_kept(&error)));
            }
        }
        // Without a clock there is no trial.
        let left = left(change).unwrap_or(Duration::ZERO);
        if left.is_zero() {
            return Err(put_back(site, change, Failure::put_back("Nobody confirmed it in time.")));
        }
        let seconds = left.as_secs().saturating_add(1);
        if counts_down && told != Some(seconds) {
            output::remark(&format!("{OVER_IT}{seconds} s left "));
            told = Some(seconds);
        }
        match signals.wait(TICK) {
            Ok(None) => {}
            Ok(Some(Signal::SIGINT)) => {
                return Err(put_back(site, change, Failure::interrupted()));
            }
            Ok(Some(_)) | Err(_) => {
                return Err(put_back(site, change, Failure::put_back("The trial was broken off.")));
            }
        }
    }
}

/// Somebody else has ended it: by confirming, or not.
fn outcome(site: &Site, change: &Change) -> Result<(), Failure> {
    let kept = Record::kept(site).map_err(|error| not_kept(&error))?;
    if kept.change.is_some_and(|kept| kept.id == change.id) {
        return Ok(());
    }
    Err(Failure::put_back("The trial ended unconfirmed, and everything was put back."))
}

/// Ends it here. The guard may be quicker, which is as well.
fn put_back(site: &Site, change: &Change, because: Failure) -> Failure {
    match restore::if_still(site, &change.id) {
        Ok(restored) if restored.is_empty() => because.advise("Everything was put back."),
        Ok(restored) => because.advise(restored.trim_end()),
        Err(failure) => because.advise(&format!(
            "{}\nThe guard goes on trying; `twinlock pam restore` tries at once.",
            failure.message.trim_end()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::journal::{Doing, Trial};

    #[test]
    fn a_change_without_a_trial_has_no_time_left() {
        let now = BootTime::now().unwrap();
        let mut change = Change {
            id: "x".into(),
            doing: Doing::Enabling,
            services: vec![],
            edits: vec![],
            trial: Some(Trial { ends: now.after(Duration::from_secs(60)), events_after: None }),
        };
        assert!(left(&change).unwrap() > Duration::from_secs(50));
        change.trial = Some(Trial { ends: now, events_after: None });
        assert!(left(&change).unwrap().is_zero());
        change.trial = None;
        assert!(left(&change).unwrap().is_zero());
    }
}
