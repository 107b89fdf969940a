//! Rules as they cross the bus.

use std::time::Duration;

use twinlock_interface as interface;
use twinlock_verifier::{
    policy::{Level, Rule, RuleId, Scope, Standing},
    throttle::Profile,
    time::Timestamp,
};

use super::InForce;
use crate::failure::{Failure, Invalid};

/// Reads a rule that is to be added, and checks it.
pub(super) fn read(rule: interface::Rule, author: &str, now: Timestamp) -> Result<Rule, Failure> {
    let scope = match (rule.scope, rule.name) {
        (interface::Scope::Everyone, name) if name.is_empty() => Scope::Everyone,
        (interface::Scope::Everyone, _) => return Err(Invalid::NameOfEveryone.into()),
        (interface::Scope::Group, name) => Scope::Group(name),
        (interface::Scope::User, name) => Scope::User(name),
    };
    let places = rule.from.iter().map(|place| place.parse());
    let rule = Rule {
        id: RuleId(0),
        level: match rule.level {
            interface::Level::Exempt => Level::Exempt,
            interface::Level::Optional => Level::Optional,
            interface::Level::Required => Level::Required,
        },
        scope,
        uid: None,
        services: rule.services,
        from: places.collect::<Result<_, _>>().map_err(Invalid::Place)?,
        enroll_until: rule.enroll_until.map(Timestamp::from_unix),
        remember: Duration::from_secs(u64::from(rule.remember_minutes).saturating_mul(60)),
        until: rule.until.map(Timestamp::from_unix),
        reason: rule.reason,
        message: rule.message,
        author: author.to_owned(),
        created_at: now,
    };
    rule.check(now).map_err(Invalid::Rule)?;
    Ok(rule)
}

/// A rule as it is told.
pub(super) fn told(rule: &Rule) -> interface::Rule {
    let (scope, name) = match &rule.scope {
        Scope::Everyone => (interface::Scope::Everyone, String::new()),
        Scope::Group(name) => (interface::Scope::Group, name.clone()),
        Scope::User(name) => (interface::Scope::User, name.clone()),
    };
    interface::Rule {
        id: rule.id.0,
        level: level(rule.level),
        scope,
        name,
        services: rule.services.clone(),
        from: rule.from.iter().map(ToString::to_string).collect(),
        enroll_until: rule.enroll_until.map(Timestamp::unix),
        remember_minutes: minutes(rule.remember),
        until: rule.until.map(Timestamp::unix),
        reason: rule.reason.clone(),
        message: rule.message.clone(),
        author: rule.author.clone(),
        created_at: rule.created_at.unix(),
    }
}

pub(super) fn policy(in_force: &InForce) -> interface::Policy {
    let limits = &in_force.limits;
    interface::Policy {
        revision: in_force.revision,
        profile: match in_force.profile {
            Profile::Default => interface::Profile::Default,
            Profile::Cis => interface::Profile::Cis,
            Profile::Stig => interface::Profile::Stig,
            Profile::Pci => interface::Profile::Pci,
        },
        lock_after: limits.lock_after.get(),
        lock_seconds: limits.lock_for.as_secs(),
        lock_at_most_seconds: limits.lock_at_most.as_secs(),
        close_after: limits.close_after.get(),
        rules: in_force.policy.rules().iter().map(told).collect(),
    }
}

pub(super) fn profile(profile: interface::Profile) -> Profile {
    match profile {
        interface::Profile::Default => Profile::Default,
        interface::Profile::Cis => Profile::Cis,
        interface::Profile::Stig => Profile::Stig,
        interface::Profile::Pci => Profile::Pci,
    }
}

pub(super) fn level(level: Level) -> interface::Level {
    match level {
        Level::Exempt => interface::Level::Exempt,
        Level::Optional => interface::Level::Optional,
        Level::Required => interface::Level::Required,
    }
}

pub(super) fn standing(standing: Standing) -> interface::Standing {
    match standing {
        Standing::Decides => interface::Standing::Decides,
        Standing::Milder => interface::Standing::Milder,
        Standing::Wider => interface::Standing::Wider,
        Standing::Ended => interface::Standing::Ended,
        Standing::OtherService => interface::Standing::OtherService,
        Standing::OtherPlace => interface::Standing::OtherPlace,
        Standing::OtherAccount => interface::Standing::OtherAccount,
    }
}

pub(super) fn minutes(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs() / 60).unwrap_or(u32::MAX)
}

/// A rule in one line, for the log.
pub(super) fn line(rule: &Rule) -> String {
    let whom = match rule.scope.name() {
        "" => rule.scope.kind().to_owned(),
        name => format!("{}={name}", rule.scope.kind()),
    };
    let (level, author) = (rule.level.as_str(), &rule.author);
    let mut line = format!("rule={} {level} {whom} author={author}", rule.id.0);
    let mut list = |key: &str, values: Vec<String>| {
        if !values.is_empty() {
            line.push_str(&format!(" {key}={}", values.join(",")));
        }
    };
    list("service", rule.services.clone());
    list("from", rule.from.iter().map(ToString::to_string).collect());
    let at =
        |time: Option<Timestamp>| time.map(|time| time.unix().to_string()).into_iter().collect();
    list("enroll_until", at(rule.enroll_until));
    list("until", at(rule.until));
    if !rule.remember.is_zero() {
        list("remember_minutes", vec![minutes(rule.remember).to_string()]);
    }
    list(
        "reason",
        Some(rule.reason.clone()).filter(|reason| !reason.is_empty()).into_iter().collect(),
    );
    line
}
