//! `twinlock pam confirm`: keep what is on trial, from a login that it let in.

use std::collections::BTreeSet;

use serde::Serialize;
use twinlock_interface::{Event, EventQuery, names::PAGE, proxy::ManagerProxy};

use super::{
    journal::{self, Change, Record, Trial},
    listed, lock, not_kept, reboot,
    site::Site,
    trial, whoever_calls,
};
use crate::{
    arguments::pam::Confirm,
    bus,
    failure::Failure,
    login_person::Account,
    output::{self, Format},
};

/// More accepted logins than one trial sees.
const MOST_PAGES: usize = 50;
/// What an accepted login was accepted for when it went the whole way: one that is remembered would be
/// accepted by a stack that cannot ask.
const PROVING: [&str; 3] = ["otp", "recovery-code", "enrolled"];
/// Services whose code is not that of whoever called.
const OF_TARGET: [&str; 2] = ["su", "su-l"];

pub(super) fn run(site: &Site, options: &Confirm, format: Format) -> Result<(), Failure> {
    let change = on_trial(site)?;
    let person = whoever_calls()?;
    // Not under the lock: the guard must not wait for the bus.
    let tried = if options.untested { Ok(BTreeSet::new()) } else { tried(&change, &person) }?;
    let missing: Vec<&str> =
        change.services.iter().map(String::as_str).filter(|one| !tried.contains(*one)).collect();
    if !options.untested && tried.is_empty() {
        return Err(not_proven(&person, &change));
    }
    let _lock = lock(site)?;
    if on_trial(site)?.id != change.id {
        return Err(Failure::no_trial("Another trial has begun."));
    }
    journal::finish(site).map_err(|error| not_kept(&error))?;
    reboot::disarm(site);
    let object =
        ConfirmedObject { services: &change.services, confirmed: true, untested: &missing };
    output::result(format, &page(&change, &missing), &object)
}

/// The change on trial. One that is over is put back by whoever sees it first.
fn on_trial(site: &Site) -> Result<Change, Failure> {
    let none = || Failure::no_trial("There is nothing on trial.");
    if !site.state().is_dir() {
        return Err(none());
    }
    let pending = Record::pending(site).map_err(|error| not_kept(&error))?;
    let change = pending.map(|(_, change)| change).filter(|change| change.trial.is_some());
    let change = change.ok_or_else(none)?;
    if trial::left(&change).map_err(|error| not_kept(&error))?.is_zero() {
        return Err(Failure::no_trial("The trial is over, and everything is put back."));
    }
    Ok(change)
}

/// Services of the trial through which `person` has logged in since it began.
fn tried(change: &Change, person: &Account) -> Result<BTreeSet<String>, Failure> {
    let Some(Trial { events_after: Some(after), .. }) = change.trial else {
        return Err(Failure::not_proven(
            "When the trial began, the audit did not answer, so that it proves nothing now.\n\
             --untested keeps the change all the same.",
        ));
    };
    let mut tried = BTreeSet::new();
    let mut query = EventQuery {
        action: Some("login".into()),
        outcome: Some("accepted".into()),
        after: Some(after),
        ..EventQuery::default()
    };
    for _ in 0..MOST_PAGES {
        let events = bus::call(async |bus| ManagerProxy::new(bus).await?.events(&query).await)?;
        let proving = events.iter().filter(|event| proves(event, change, person));
        tried.extend(proving.map(|event| event.service.clone()));
        match events.last() {
            Some(last) if events.len() >= PAGE => query.after = Some(last.id),
            _ => break,
        }
    }
    Ok(tried)
}

/// Whether `event` is a login of `person` through a service of the trial. Of the host programs only
/// root's count: others could name any service.
fn proves(event: &Event, change: &Change, person: &Account) -> bool {
    let is_theirs = event.uid == Some(person.uid)
        || (OF_TARGET.contains(&event.service.as_str()) && event.ruser == person.name);
    event.action == "login"
        && event.outcome == "accepted"
        && PROVING.contains(&event.reason.as_str())
        && event.caller == 0
        && change.services.contains(&event.service)
        && is_theirs
}

fn not_proven(person: &Account, change: &Change) -> Failure {
    Failure::not_proven(&format!(
        "{} has not logged in with a code through {} since the trial began.\nDo that, and run this in \
         that login. --untested keeps the change all the same.",
        person.name,
        listed(&change.services).replace(" and ", " or ")
    ))
}

fn page(change: &Change, missing: &[&str]) -> String {
    let verb = |count| if count == 1 { "asks" } else { "ask" };
    let mut page = format!(
        "{} {} for a code from now on.\n",
        listed(&change.services),
        verb(change.services.len())
    );
    if !missing.is_empty() {
        page.push_str(&format!("Not tried yet: {}.\n", listed(missing)));
    }
    page
}

#[derive(Serialize)]
struct ConfirmedObject<'a> {
    services: &'a [String],
    confirmed: bool,
    untested: &'a [&'a str],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::journal::Doing;

    fn change() -> Change {
        Change {
            id: "x".into(),
            doing: Doing::Enabling,
            services: vec!["sshd".into(), "sudo".into(), "su".into()],
            edits: vec![],
            trial: None,
        }
    }

    fn login(service: &str) -> Event {
        Event {
            action: "login".into(),
            outcome: "accepted".into(),
            reason: "otp".into(),
            uid: Some(1000),
            service: service.into(),
            ..Event::default()
        }
    }

    #[test]
    fn only_an_own_login_with_a_code_through_the_new_stack_proves_it() {
        let alice = Account { uid: 1000, name: "alice".into() };
        let proves = |event: Event| super::proves(&event, &change(), &alice);
        assert!(proves(login("sshd")) && proves(login("sudo")));
        for reason in ["recovery-code", "enrolled"] {
            assert!(proves(Event { reason: reason.into(), ..login("sshd") }), "{reason}");
        }
        for reason in ["remembered", "-", ""] {
            assert!(!proves(Event { reason: reason.into(), ..login("sshd") }), "{reason}");
        }
        assert!(!proves(login("login")), "another service");
        assert!(!proves(Event { uid: Some(1001), ..login("sshd") }), "somebody else");
        assert!(!proves(Event { uid: None, ..login("sshd") }));
        assert!(!proves(Event { outcome: "not-required".into(), ..login("sshd") }));
        assert!(!proves(Event { outcome: "refused".into(), ..login("sshd") }));
        assert!(!proves(Event { action: "check".into(), ..login("sshd") }));
        assert!(!proves(Event { caller: 1000, ..login("sshd") }), "a program of their own");
    }

    #[test]
    fn su_is_proven_by_who_called_it() {
        let alice = Account { uid: 1000, name: "alice".into() };
        let to_root = |ruser: &str, service: &str| Event {
            uid: Some(0),
            ruser: ruser.into(),
            ..login(service)
        };
        assert!(proves(&to_root("alice", "su"), &change(), &alice));
        assert!(!proves(&to_root("bob", "su"), &change(), &alice));
        assert!(!proves(&to_root("alice", "sshd"), &change(), &alice));
    }

    #[test]
    fn what_was_not_tried_is_told() {
        let page = page(&change(), &["su"]);
        assert_eq!(page, "sshd, sudo and su ask for a code from now on.\nNot tried yet: su.\n");
        let object = ConfirmedObject { services: &["sshd".into()], confirmed: true, untested: &[] };
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            r#"{"services":["sshd"],"confirmed":true,"untested":[]}"#
        );
    }
}
