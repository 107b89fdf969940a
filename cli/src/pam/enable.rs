//! `twinlock pam enable`: ask for a code in services from now on.

use std::{io, time::Duration};

use nix::fcntl::Flock;

use super::{
    ChangedObject, access,
    boot_clock::BootTime,
    clear_up, difference, do_at_once, guard,
    journal::{self, Change, Doing, Enabled, Record, Trial},
    listed, lock, not_kept,
    plan::{self, Plan},
    reboot::{self, Means},
    restore,
    signals::Signals,
    site::Site,
    sshd::Sshd,
    trial, whoever_calls, write_files,
};
use crate::{
    arguments::pam::Enable,
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    printable, prompt,
};

pub(super) fn run(site: &Site, options: &Enable, format: Format) -> Result<(), Failure> {
    if !options.dry_run {
        let _lock = lock(site)?;
        clear_up(site)?;
    }
    let ask_sshd = || Sshd::look(&site.tree());
    let plan = plan::make(site, &options.services, &ask_sshd, options.force)?;
    let services: Vec<String> = plan.planned.iter().map(|one| one.service.clone()).collect();
    if !options.even_if_locked_out {
        access::refuse_lockout(&whoever_calls()?, &plan.planned)?;
    }
    if format == Format::Text {
        output::text(&page(&plan))?;
    }
    if options.dry_run || plan.planned.is_empty() {
        return tell(&plan, false, format);
    }
    let means = options.trial.map(|_| reboot::means(site));
    if means == Some(Means::Nobody) {
        output::remark(
            "A reboot in the middle of the trial would keep the change: neither systemd nor cron runs \
             here. `twinlock pam restore` puts it back then.\n",
        );
    }
    if !options.yes {
        ask(&services, format)?;
    }
    // From here on nothing ends this process halfway but being killed.
    let signals = Signals::hold().map_err(|error| not_kept(&error))?;
    let begun = lock(site)?;
    clear_up(site)?;
    if plan::make(site, &options.services, &ask_sshd, options.force)? != plan {
        return Err(Failure::not_editable(
            "A file was changed while you were reading. Nothing was changed; run this again.",
        ));
    }
    let record = record(site, &plan, options.trial)?;
    match (options.trial, means) {
        (Some(_), Some(means)) => on_trial(site, &record, means, begun, &signals, format)?,
        _ => do_at_once(site, &record)?,
    }
    tell(&plan, true, format)
}

/// The remarks and the changes.
fn page(plan: &Plan) -> String {
    let mut page = String::new();
    for remark in &plan.remarks {
        page.push_str(&printable::paragraph(remark));
        page.push('\n');
    }
    for one in &plan.planned {
        if !page.is_empty() {
            page.push('\n');
        }
        page.push_str(&difference::of(&one.edit));
    }
    page
}

fn ask(services: &[String], format: Format) -> Result<(), Failure> {
    if !prompt::is_interactive() {
        return Err(Failure::usage("There is no terminal to ask on: say --yes if it is meant."));
    }
    let question = format!("\nAsk for a code in {}? Type yes to go on: ", listed(services));
    let answer = prompt::line(&question, format)?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::not_confirmed()) }
}

/// What will count when all is done, with what is done now.
fn record(site: &Site, plan: &Plan, time: Option<Duration>) -> Result<Record, Failure> {
    let kept = |error: io::Error| not_kept(&error);
    let mut record = Record::kept(site).map_err(kept)?;
    let at = Moment::now().seconds();
    for one in &plan.planned {
        record.enabled.retain(|known| known.service != one.service);
        record.enabled.push(Enabled {
            service: one.service.clone(),
            way: one.way,
            at,
            edit: one.edit.clone(),
        });
    }
    let trial = match time {
        Some(time) => Some(Trial {
            // An audit that does not answer proves nothing later: --untested is what is left then.
            events_after: access::youngest_event().ok(),
            ends: BootTime::now().map_err(kept)?.after(time),
        }),
        None => None,
    };
    record.change = Some(Change {
        id: journal::new_id().map_err(kept)?,
        doing: Doing::Enabling,
        services: plan.planned.iter().map(|one| one.service.clone()).collect(),
        edits: plan.planned.iter().map(|one| one.edit.clone()).collect(),
        trial,
    });
    Ok(record)
}

/// In this order: the journal, who puts things back, the files.
fn on_trial(
    site: &Site,
    record: &Record,
    means: Means,
    begun: Flock<std::fs::File>,
    signals: &Signals,
    format: Format,
) -> Result<(), Failure> {
    let Some(change) = &record.change else { return Ok(()) };
    record.begin(site).map_err(|error| not_kept(&error))?;
    let ready = guard::start(site, &change.id)
        .and_then(|()| reboot::arm(site, means).map_err(|error| not_kept(&error)));
    if let Err(failure) = ready {
        restore::now(site)?;
        return Err(failure.advise("Nothing was changed."));
    }
    if let Err(failure) = write_files(site, Some(change)) {
        reboot::disarm(site);
        return Err(failure);
    }
    drop(begun);
    // One that cannot be stopped is as good.
    let _ = signals.allow_stopping();
    trial::watch(site, change, signals, format)
}

fn tell(plan: &Plan, changed: bool, format: Format) -> Result<(), Failure> {
    let services: Vec<_> = plan.planned.iter().map(|one| one.service.as_str()).collect();
    let words = match (services.is_empty(), changed) {
        (true, _) => "There is nothing to change.\n".to_owned(),
        (false, false) => "Nothing was changed.\n".to_owned(),
        (false, true) => format!(
            "{} ask{} for a code from now on.\n",
            listed(&services),
            if services.len() == 1 { "s" } else { "" }
        ),
    };
    let files = plan.planned.iter().map(|one| one.edit.path.clone()).collect();
    output::result(format, &words, &ChangedObject { services, files, changed })
}
