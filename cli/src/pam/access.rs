//! What the person who switches a service on would meet there.

use twinlock_interface::{
    EventQuery, Outlook, Question,
    proxy::{ManagerProxy, PolicyProxy},
};

use super::plan::Planned;
use crate::{bus, failure::Failure, login_person::Account};

/// Services that ask root nothing, and that ask for the code of whom they change to.
const OF_CALLER: [&str; 2] = ["sudo", "sudo-i"];
const OF_TARGET: [&str; 2] = ["su", "su-l"];
const ROOT: &str = "root";
/// Where the strictest rules count: no exemption of a network or of the console holds there, and nobody
/// is remembered. Whoever gets in from here gets in from everywhere.
const ANYWHERE: &str = "unknown";

/// Refuses what would leave `person` without a way in through one of the services in `planned`.
pub(super) fn refuse_lockout(person: &Account, planned: &[Planned]) -> Result<(), Failure> {
    let asked = planned.iter().filter_map(|one| Some((one, asked_for(person, &one.service)?)));
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return Ok(());
    }
    let outlooks = bus::call(async |bus| {
        let policy = PolicyProxy::new(bus).await?;
        let mut outlooks = Vec::new();
        for (one, account) in &asked {
            outlooks.push(policy.explain(account, &question(&one.service)).await?.outlook);
        }
        Ok(outlooks)
    })
    .map_err(|failure| {
        failure.advise("It cannot be told whether you could still log in: nothing was changed.")
    })?;
    for ((one, account), outlook) in asked.iter().zip(outlooks) {
        if let Some(objection) = objection(&one.service, account, outlook, one.enrolls) {
            return Err(Failure::would_lock_out(&objection));
        }
    }
    Ok(())
}

fn question(service: &str) -> Question {
    Question { service: Some(service.to_owned()), from: Some(ANYWHERE.to_owned()) }
}

/// Whose code `service` would ask `person` for, if anybody's.
fn asked_for<'p>(person: &'p Account, service: &str) -> Option<&'p str> {
    if OF_TARGET.contains(&service) {
        // root changes to anybody without being asked.
        return (person.uid != 0).then_some(ROOT);
    }
    (person.uid != 0 || !OF_CALLER.contains(&service)).then_some(&person.name)
}

/// What keeps `account` out. `enrolls` is whether the line as it would be offers enrolment: the daemon
/// does not know it, and takes a first factor for granted.
fn objection(service: &str, account: &str, outlook: Outlook, enrolls: bool) -> Option<String> {
    match outlook {
        Outlook::Enrolls if !enrolls => Some(format!(
            "{service} would ask {account} for a code, and {account} has no authenticator and could set \
             none up there: its stack comes to the line with a wrong password, too. Nothing was changed.\n\
             `twinlock enroll` sets one up. --even-if-locked-out goes on all the same."
        )),
        Outlook::Refused => Some(format!(
            "{service} would ask {account} for a code, and {account} has no authenticator: nothing was \
             changed.\n`twinlock enroll` sets one up. --even-if-locked-out goes on all the same."
        )),
        Outlook::Locked => Some(format!(
            "{account} is locked after too many wrong codes, and {service} would refuse the right one, \
             too: nothing was changed.\n`twinlock unlock {account}` ends it. --even-if-locked-out goes \
             on all the same."
        )),
        Outlook::AsksForCode | Outlook::NotAsked | Outlook::Remembered | Outlook::Enrolls => None,
    }
}

/// The number of the audit's youngest event; 0 when it has none.
pub(super) fn youngest_event() -> Result<u64, Failure> {
    let query = EventQuery { limit: Some(1), ..EventQuery::default() };
    let events = bus::call(async |bus| ManagerProxy::new(bus).await?.events(&query).await)?;
    Ok(events.iter().map(|event| event.id).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_whom_the_service_asks() {
        let person = |uid, name: &str| Account { uid, name: name.into() };
        let (alice, root) = (person(1000, "alice"), person(0, "root"));
        for service in ["sshd", "sudo", "login"] {
            assert_eq!(asked_for(&alice, service), Some("alice"), "{service}");
        }
        assert_eq!(asked_for(&alice, "su"), Some("root"));
        assert_eq!(asked_for(&root, "sshd"), Some("root"));
        for service in ["sudo", "sudo-i", "su", "su-l"] {
            assert_eq!(asked_for(&root, service), None, "{service}");
        }
    }

    #[test]
    fn enrolling_is_a_way_in_only_where_the_line_offers_it() {
        let objection = |outlook| objection("sshd", "alice", outlook, false);
        assert!(objection(Outlook::Enrolls).unwrap().contains("could set none up"));
        for outlook in [Outlook::AsksForCode, Outlook::NotAsked, Outlook::Remembered] {
            assert_eq!(objection(outlook), None);
        }
    }

    #[test]
    fn no_milder_place_is_asked_about() {
        let question = question("sshd");
        assert_eq!(
            (question.service.as_deref(), question.from.as_deref()),
            (Some("sshd"), Some("unknown"))
        );
    }

    #[test]
    fn only_who_would_be_refused_is_held_back() {
        for outlook in
            [Outlook::AsksForCode, Outlook::NotAsked, Outlook::Remembered, Outlook::Enrolls]
        {
            assert_eq!(objection("sshd", "alice", outlook, true), None);
        }
        assert!(
            objection("sshd", "alice", Outlook::Refused, true)
                .unwrap()
                .contains("`twinlock enroll`")
        );
        assert!(
            objection("sshd", "alice", Outlook::Locked, true)
                .unwrap()
                .contains("twinlock unlock alice")
        );
    }
}
