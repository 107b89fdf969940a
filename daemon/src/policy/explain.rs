//! Why a login is asked for a code or not.

use std::collections::BTreeSet;

use twinlock_interface::{Explanation, Judged, Outlook, Question};
use twinlock_verifier::{
    policy::{Occasion, Place, RuleId, Service, Standing},
    source::Source,
    throttle::Closure,
    time::Timestamp,
};

use super::{InForce, Named, claimant, outlook, untold, wire, words};
use crate::{
    clock,
    daemon::Daemon,
    failure::{Failure, Invalid},
    identity::Identity,
    login::spared,
};

/// All of the policy.
pub(crate) fn show(daemon: &Daemon) -> twinlock_interface::Policy {
    wire::policy(&daemon.policies.now())
}

/// Tells what a login of the account would meet, as the login itself would find it.
pub(crate) async fn explain(
    daemon: &Daemon,
    caller: u32,
    is_administrator: bool,
    asked: Identity,
    question: Question,
) -> Result<Explanation, Failure> {
    let (account, record) = daemon.account(caller, asked.clone()).await?;
    let (place, source) = place(question.from.as_deref())?;
    // As pam_start spells it.
    let service = question.service.map(|service| service.to_ascii_lowercase());
    let named_service = service.clone().map_or(Service::Other, Service::Named);
    let occasion = Occasion { service: named_service, place };
    let now = clock::now();
    let in_force = daemon.policies.now();
    let InForce { policy, limits, .. } = &*in_force;
    let named = Named { asked: &asked, recorded: &account };
    let claimant = claimant(daemon, caller, named, &[policy]).await;
    let (decision, judged) = match &claimant {
        Some(claimant) => {
            (policy.decide(claimant, &occasion, now), policy.judged(claimant, &occasion, now))
        }
        None => (untold(), Vec::new()),
    };
    let enrolled = !record.confirmed.is_empty();
    let mut outlook = outlook(&decision, enrolled, &record.throttle, &source, true, now, limits);
    let service = service.as_deref();
    if outlook == Outlook::AsksForCode
        && spared(daemon, &account, &record.throttle, &source, service, &decision, now).await?
    {
        outlook = Outlook::Remembered;
    }
    let locked_until = match record.throttle.gate(&source, now, limits) {
        Err(Closure::Until(end)) => Some(end.unix()),
        Ok(()) | Err(Closure::Indefinite) => None,
    };
    let judged: Vec<_> = judged
        .into_iter()
        .filter(|one| is_administrator || one.standing != Standing::OtherAccount)
        .collect();
    let named: BTreeSet<RuleId> = judged.iter().map(|one| one.rule).collect();
    let told = policy.rules().iter().filter(|rule| named.contains(&rule.id));
    Ok(Explanation {
        user: account.name,
        level: wire::level(decision.level),
        outlook,
        enroll_until: decision.enroll_until.map(Timestamp::unix),
        remember_minutes: wire::minutes(decision.remember),
        message: words::youngest(&in_force, &decision.by, |rule| &rule.message),
        locked_until,
        judged: judged
            .iter()
            .map(|one| Judged {
                rule: one.rule.0,
                standing: wire::standing(one.standing),
                guessed: one.guessed,
            })
            .collect(),
        rules: told.map(wire::told).collect(),
    })
}

fn place(from: Option<&str>) -> Result<(Place, Source), Failure> {
    Ok(match from {
        None => (Place::Elsewhere, Source::Unidentified),
        Some("local") => (Place::Console, Source::Local),
        Some("terminal") => (Place::Untold, Source::Local),
        Some("unknown") => (Place::Untold, Source::Unidentified),
        Some(address) => match Place::from_pam(Some(address), None, "") {
            place @ Place::Address(_) => (place, Source::from_pam(Some(address), None, "")),
            _ => return Err(Invalid::Address.into()),
        },
    })
}
