//! The policy: rules that let more people off than they say, and rules without effect.

use std::collections::BTreeMap;

use twinlock_interface::{AccountSummary, Level, Policy, Rule, Scope, State};

use super::finding::Finding;

const DAY: u64 = 24 * 3600;
/// A stolen password is enough for as long.
const LONG_WINDOW: u64 = 30 * DAY;
/// Names that fit a line.
const MOST_NAMES: usize = 8;

/// What the host says about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    AsksForCode,
    /// Its stack does not name the module.
    AsksForNone,
    /// There is no file of that name.
    Unknown,
}

/// What rules are held against.
pub(super) struct Known<'a> {
    /// Seconds since the Unix epoch.
    pub(super) now: u64,
    pub(super) service: &'a dyn Fn(&str) -> Service,
    /// Whether the host knows the account or group; `None` where it cannot be looked up.
    pub(super) is_known: &'a dyn Fn(Scope, &str) -> Option<bool>,
}

/// Whether somebody may enrol in a login now.
pub(super) fn enrollment_is_open(policy: &Policy, now: u64) -> bool {
    policy.rules.iter().any(|rule| is_open(rule, now))
}

fn is_open(rule: &Rule, now: u64) -> bool {
    rule.level == Level::Required && rule.enroll_until.is_some_and(|end| end > now)
}

/// Everything that is to be said about the rules.
pub(super) fn findings(policy: &Policy, known: &Known<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &policy.rules {
        if rule.until.is_some_and(|end| end <= known.now) {
            findings.push(Finding::note(
                "rule-ended",
                format!("Rule {} has ended.", rule.id),
                "It is as if it were gone.",
                remove(rule),
            ));
            continue;
        }
        findings.extend(milder(rule, policy, known.now));
        findings.extend(window(rule, known.now));
        findings.extend(nobody_of_that_name(rule, known));
        findings.extend(without_effect(rule, known));
    }
    findings
}

fn remove(rule: &Rule) -> String {
    format!("`twinlock policy list` shows it, `twinlock policy remove {}` takes it out.", rule.id)
}

/// Rules that let off too many, or for too long.
fn milder(rule: &Rule, policy: &Policy, now: u64) -> Option<Finding> {
    if rule.level != Level::Required && is_of_everybody(rule) && rule.until.is_none() {
        return asks_nobody(rule, policy, now);
    }
    (rule.level == Level::Exempt && rule.until.is_none()).then(|| {
        Finding::warning(
            "exemption-without-end",
            format!("Rule {} exempts {} without an end.", rule.id, whom(rule)),
            "Exemptions that nobody looks at again are how a second factor is lost.",
            "Make it again with `--until`, and remove this one.",
        )
    })
}

fn is_of_everybody(rule: &Rule) -> bool {
    rule.scope == Scope::Everyone && rule.services.is_empty() && rule.from.is_empty()
}

/// A rule that lets off everybody who has none of their own.
fn asks_nobody(rule: &Rule, policy: &Policy, now: u64) -> Option<Finding> {
    // Of rules of one scope the strictest counts.
    let is_overruled = policy.rules.iter().any(|other| {
        other.level == Level::Required
            && is_of_everybody(other)
            && other.until.is_none_or(|end| end > now)
    });
    if is_overruled {
        return None;
    }
    let advice = "`twinlock policy require --everyone` asks everybody; give this rule an end, a group or \
                  a service.";
    let of_all = "for everybody, every service and every place.";
    Some(if rule.level == Level::Exempt {
        Finding::warning(
            "policy-asks-nobody",
            format!("Rule {} is `exempt` {of_all}", rule.id),
            "Whoever has no rule of their own logs in without a code.",
            advice,
        )
    } else {
        // The first step of a rollout.
        Finding::note(
            "policy-asks-nobody",
            format!("Rule {} is `optional` {of_all}", rule.id),
            "Whoever has no rule of their own, and no authenticator, logs in without a code.",
            advice,
        )
    })
}

fn whom(rule: &Rule) -> String {
    match rule.scope {
        Scope::Everyone => "everybody".to_owned(),
        Scope::Group => format!("the group {}", rule.name),
        Scope::User => rule.name.clone(),
    }
}

fn window(rule: &Rule, now: u64) -> Option<Finding> {
    let end = rule.enroll_until.filter(|end| end.saturating_sub(now) > LONG_WINDOW)?;
    let days = end.saturating_sub(now) / DAY;
    (rule.level == Level::Required).then(|| {
        Finding::warning(
            "enrolment-open-long",
            format!("Under rule {} people may enrol in a login for another {days} days.", rule.id),
            "Until then a stolen password is enough to enrol in its owner's place.",
            "Close it sooner, a week after everybody was told, and give tickets to the rest: `twinlock \
             ticket NAME`.",
        )
    })
}

fn nobody_of_that_name(rule: &Rule, known: &Known<'_>) -> Option<Finding> {
    let kind = match rule.scope {
        Scope::Everyone => return None,
        Scope::Group => "group",
        Scope::User => "account",
    };
    // A look-up that failed says nothing.
    if (known.is_known)(rule.scope, &rule.name)? {
        return None;
    }
    Some(Finding::warning(
        "rule-for-nobody",
        format!(
            "Rule {} is about the {kind} {}, which this host does not know.",
            rule.id, rule.name
        ),
        "It applies to nobody today, and to whoever gets that name tomorrow.",
        remove(rule),
    ))
}

/// Services that the rule asks a code for, and that ask for none.
fn without_effect(rule: &Rule, known: &Known<'_>) -> Vec<Finding> {
    if rule.level == Level::Exempt {
        return Vec::new();
    }
    let found = rule.services.iter().filter_map(|service| {
        let (what, advice) = match (known.service)(service) {
            Service::AsksForCode => return None,
            Service::AsksForNone => (
                format!(
                    "Rule {} is about {service}, whose PAM stack does not name the module.",
                    rule.id
                ),
                format!("`sudo twinlock pam enable {service} --try 120s`."),
            ),
            Service::Unknown => (
                format!(
                    "Rule {} is about {service}, of which there is no file in /etc/pam.d.",
                    rule.id
                ),
                "Correct the name: it is that of the file in /etc/pam.d.".to_owned(),
            ),
        };
        let risk = "No code is asked for there, whatever the rule says.";
        Some(Finding::warning("rule-without-effect", what, risk, advice).of_service(service))
    });
    found.collect()
}

/// People who have to give a code and can neither give one nor enrol.
pub(super) fn unenrolled(
    policy: &Policy,
    accounts: &[&AccountSummary],
    now: u64,
) -> Option<Finding> {
    let rules: BTreeMap<u32, &Rule> = policy.rules.iter().map(|rule| (rule.id, rule)).collect();
    let may_enrol = |account: &AccountSummary| {
        let rules = account.required_by.iter().filter_map(|id| rules.get(id));
        rules.into_iter().any(|rule| is_open(rule, now))
    };
    let mut names: Vec<_> = accounts
        .iter()
        .copied()
        .filter(|account| account.required && account.state != State::On && !account.stale)
        .filter(|account| !may_enrol(account))
        .map(|account| account.user.as_str())
        .collect();
    if names.is_empty() {
        return None;
    }
    let count = names.len();
    names.truncate(MOST_NAMES);
    let more = if count > names.len() { ", …" } else { "" };
    let plural = if count == 1 { "account has" } else { "accounts have" };
    Some(Finding::warning(
        "unenrolled-refused",
        format!(
            "{count} {plural} to give a code and no authenticator: {}{more}.",
            names.join(", ")
        ),
        "They are refused wherever the code is asked for.",
        "`twinlock enroll NAME` with them, `twinlock ticket NAME`, or a window: `twinlock policy require`.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    const NOW: u64 = 1_795_000_000;

    fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
        let mut rule = Rule { id: 3, ..Rule::default() };
        change(&mut rule);
        rule
    }

    fn told(rules: Vec<Rule>) -> Vec<&'static str> {
        let service = |name: &str| match name {
            "sshd" => Service::AsksForCode,
            "su" => Service::AsksForNone,
            _ => Service::Unknown,
        };
        let is_known = |_, name: &str| match name {
            "unreachable" => None,
            name => Some(name != "gone"),
        };
        let known = Known { now: NOW, service: &service, is_known: &is_known };
        let policy = Policy { rules, ..Policy::default() };
        let findings = findings(&policy, &known);
        assert!(findings.iter().all(|one| one.what.contains("ule 3")), "{findings:?}");
        findings.iter().map(|finding| finding.name).collect()
    }

    #[test]
    fn an_ordinary_policy_has_nothing_said_about_it() {
        let everybody = rule(|rule| rule.enroll_until = Some(NOW + 7 * DAY));
        let group = rule(|rule| {
            (rule.scope, rule.name) = (Scope::Group, "wheel".into());
            rule.services = vec!["sshd".into()];
        });
        let robot = rule(|rule| {
            (rule.level, rule.scope, rule.name) = (Level::Exempt, Scope::User, "backup".into());
            (rule.from, rule.until) = (vec!["10.0.0.0/8".into()], Some(NOW + DAY));
            rule.services = vec!["su".into()];
        });
        let optional = rule(|rule| {
            (rule.level, rule.services) = (Level::Optional, vec!["sshd".into()]);
        });
        assert_eq!(told(vec![]), Vec::<&str>::new());
        assert_eq!(told(vec![everybody, group, robot, optional]), Vec::<&str>::new());
    }

    #[test]
    fn each_planted_fault_is_found() {
        let user = |level, name: &str, until| {
            rule(|rule| {
                (rule.level, rule.scope, rule.name) = (level, Scope::User, name.into());
                rule.until = until;
            })
        };
        let of = |level, until| rule(|rule| (rule.level, rule.until) = (level, until));
        let service = |level, name: &str| {
            rule(|rule| (rule.level, rule.services) = (level, vec![name.into()]))
        };
        for (rule, expected) in [
            (user(Level::Exempt, "backup", None), "exemption-without-end"),
            (of(Level::Exempt, None), "policy-asks-nobody"),
            (of(Level::Optional, None), "policy-asks-nobody"),
            (user(Level::Exempt, "backup", Some(NOW)), "rule-ended"),
            (user(Level::Required, "gone", None), "rule-for-nobody"),
            (service(Level::Required, "su"), "rule-without-effect"),
            (service(Level::Optional, "sshh"), "rule-without-effect"),
            (rule(|rule| rule.enroll_until = Some(NOW + 31 * DAY)), "enrolment-open-long"),
        ] {
            assert_eq!(told(vec![rule]), [expected]);
        }
        assert_eq!(told(vec![user(Level::Required, "unreachable", None)]), Vec::<&str>::new());
        assert_eq!(told(vec![user(Level::Exempt, "gone", Some(NOW - 1))]), ["rule-ended"]);
    }

    #[test]
    fn a_rule_that_lets_everybody_off_is_a_step_of_a_rollout_or_overruled_or_a_hole() {
        let severities = |rules: Vec<Rule>| {
            let known = Known { now: NOW, service: &|_| Service::Unknown, is_known: &|_, _| None };
            let findings = findings(&Policy { rules, ..Policy::default() }, &known);
            findings.iter().map(|one| (one.name, one.severity)).collect::<Vec<_>>()
        };
        let of = |level, until| rule(|rule| (rule.level, rule.until) = (level, until));
        let nobody = "policy-asks-nobody";
        let required = |until| of(Level::Required, until);
        for (level, severity) in
            [(Level::Optional, Severity::Note), (Level::Exempt, Severity::Warning)]
        {
            assert_eq!(severities(vec![of(level, None)]), [(nobody, severity)]);
            assert_eq!(severities(vec![of(level, None), required(None)]), []);
            assert_eq!(severities(vec![of(level, None), required(Some(NOW + 1))]), []);
            let ended = severities(vec![of(level, None), required(Some(NOW))]);
            assert!(ended.contains(&(nobody, severity)), "{ended:?}");
            let narrower = rule(|rule| rule.from = vec!["local".into()]);
            assert_eq!(severities(vec![of(level, None), narrower]), [(nobody, severity)]);
        }
    }

    #[test]
    fn what_is_missing_is_told_with_the_command_that_adds_it() {
        let known = Known { now: NOW, service: &|_| Service::AsksForNone, is_known: &|_, _| None };
        let rules = vec![rule(|rule| rule.services = vec!["su".into()])];
        let findings = findings(&Policy { rules, ..Policy::default() }, &known);
        assert_eq!(findings[0].advice, "`sudo twinlock pam enable su --try 120s`.");
    }

    #[test]
    fn a_window_is_open_until_its_end() {
        let open = |end| {
            let rules = vec![rule(|rule| rule.enroll_until = end)];
            enrollment_is_open(&Policy { rules, ..Policy::default() }, NOW)
        };
        assert!(open(Some(NOW + 1)));
        assert!(!open(Some(NOW)) && !open(None));
    }

    fn account(user: &str, state: State, required_by: Option<Vec<u32>>) -> AccountSummary {
        AccountSummary {
            user: user.into(),
            state,
            required: required_by.is_some(),
            required_by: required_by.unwrap_or_default(),
            ..AccountSummary::default()
        }
    }

    #[test]
    fn people_who_are_refused_until_somebody_helps_are_counted() {
        let open = rule(|rule| (rule.id, rule.enroll_until) = (1, Some(NOW + DAY)));
        let closed = rule(|rule| (rule.id, rule.enroll_until) = (2, Some(NOW - DAY)));
        let policy = Policy { rules: vec![open, closed], ..Policy::default() };
        let mut stale = account("old", State::Off, Some(vec![2]));
        stale.stale = true;
        let fine = [
            account("enrolled", State::On, Some(vec![2])),
            account("optional", State::Off, None),
            account("invited", State::Off, Some(vec![1])),
            stale,
        ];
        assert_eq!(unenrolled(&policy, &fine.each_ref(), NOW), None);
        let refused = [
            account("alice", State::Off, Some(vec![2])),
            account("bob", State::Pending, Some(vec![])),
        ];
        let told = unenrolled(&policy, &refused.each_ref(), NOW).unwrap();
        assert!(told.what.starts_with("2 accounts have to give a code"), "{}", told.what);
        assert!(told.what.ends_with("alice, bob."), "{}", told.what);
        let many: Vec<_> =
            (0..20).map(|n| account(&format!("user{n}"), State::Off, Some(vec![]))).collect();
        let told = unenrolled(&policy, &many.iter().collect::<Vec<_>>(), NOW).unwrap();
        assert!(told.what.starts_with("20 ") && told.what.ends_with("user7, …."), "{}", told.what);
    }
}
