//! A rule from the command line.

use jiff::tz::TimeZone;
use twinlock_interface::{Level, Rule, Scope, names::MAX_ENROLLMENT_DAYS};

use super::meaning;
use crate::{
    arguments::policy::{About, Exempt, Optional, Require},
    date::Date,
    failure::Failure,
    moment::{Moment, host_zone},
    wrapping::wrapped,
};

/// For how long a login may enrol when nothing else is said: long enough for people to come by,
/// short enough that a stolen password does not enrol for months.
const ENROLLMENT_DAYS: u64 = 7;
const DAY: u64 = 86_400;

/// A rule to be added, and what was decided without being asked for.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) rule: Rule,
    /// Whole lines; empty when there is nothing to say.
    pub(super) remark: String,
}

pub(super) fn required(options: &Require, moment: &Moment) -> Result<Written, Failure> {
    let now = moment.seconds();
    let enroll_until = match (options.enroll_until, options.no_enroll) {
        (Some(date), _) => Some(ahead("--enroll-until", date, now, &host_zone())?),
        (None, true) => None,
        (None, false) => Some(now.saturating_add(ENROLLMENT_DAYS * DAY)),
    };
    if enroll_until.is_some_and(|end| end.saturating_sub(now) > MAX_ENROLLMENT_DAYS * DAY) {
        return Err(Failure::usage(format!(
            "Enrolment in a login may stay open for at most {MAX_ENROLLMENT_DAYS} days: until then \
             a password alone can enrol. Later it takes a ticket, which `twinlock ticket` makes."
        )));
    }
    let is_default = options.enroll_until.is_none() && !options.no_enroll;
    let remark = if is_default {
        let words = format!(
            "Nothing was said about enrolment, so who has no authenticator may enrol for \
             {ENROLLMENT_DAYS} days: --enroll-until and --no-enroll say otherwise."
        );
        format!("\n{}", wrapped("", &words))
    } else {
        String::new()
    };
    let rule = Rule {
        level: Level::Required,
        enroll_until,
        remember_minutes: options.remember.remember.unwrap_or(0),
        reason: options.reason.clone().unwrap_or_default(),
        message: options.message.clone().unwrap_or_default(),
        ..about(&options.about)
    };
    checked(rule).map(|rule| Written { rule, remark })
}

pub(super) fn optional(options: &Optional, moment: &Moment) -> Result<Written, Failure> {
    let rule = Rule {
        level: Level::Optional,
        remember_minutes: options.remember.remember.unwrap_or(0),
        until: end(options.until, moment)?,
        reason: options.reason.clone().unwrap_or_default(),
        ..about(&options.about)
    };
    checked(rule).map(|rule| Written { rule, remark: String::new() })
}

pub(super) fn exempt(options: &Exempt, moment: &Moment) -> Result<Written, Failure> {
    let rule = Rule {
        level: Level::Exempt,
        until: end(options.until, moment)?,
        reason: options.reason.clone(),
        ..about(&options.about)
    };
    checked(rule).map(|rule| Written { rule, remark: String::new() })
}

fn about(about: &About) -> Rule {
    let (scope, name) = match (&about.whom.group, &about.whom.user) {
        (Some(group), _) => (Scope::Group, group.clone()),
        (None, Some(user)) => (Scope::User, user.clone()),
        (None, None) => (Scope::Everyone, String::new()),
    };
    let (services, from) = (about.services.clone(), about.from.clone());
    Rule { scope, name, services, from, ..Rule::default() }
}

fn end(date: Option<Date>, moment: &Moment) -> Result<Option<u64>, Failure> {
    date.map(|date| ahead("--until", date, moment.seconds(), &host_zone())).transpose()
}

/// A time to come: one that has passed is a slip of the pen.
fn ahead(option: &str, date: Date, now: u64, zone: &TimeZone) -> Result<u64, Failure> {
    let end = date.ahead_of(now, zone)?;
    if end > now {
        Ok(end)
    } else {
        Err(Failure::usage(format!("The time of {option} has passed already.")))
    }
}

fn checked(rule: Rule) -> Result<Rule, Failure> {
    match meaning::fault(&rule) {
        Some(fault) => Err(Failure::usage(format!("That is no rule: {fault}."))),
        None => Ok(rule),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command, policy::Action};

    fn write(line: &str) -> Result<Written, Failure> {
        let words = line.split_whitespace();
        let arguments = ["twinlock", "policy"].into_iter().chain(words);
        let Command::Policy(policy) = Arguments::try_parse_from(arguments).unwrap().command else {
            panic!("{line}");
        };
        let moment = Moment::now();
        match &policy.action {
            Action::Require(options) => required(options, &moment),
            Action::Optional(options) => optional(options, &moment),
            Action::Exempt(options) => exempt(options, &moment),
            other => panic!("{other:?}"),
        }
    }

    fn days_to_enrol(line: &str) -> Option<u64> {
        let end = write(line).unwrap().rule.enroll_until?;
        Some(end.saturating_sub(Moment::now().seconds()).div_ceil(DAY))
    }

    #[test]
    fn a_requirement_opens_enrolment_for_a_week_and_says_so() {
        assert_eq!(days_to_enrol("require --everyone"), Some(7));
        let remark = write("require --everyone").unwrap().remark;
        assert!(remark.replace('\n', " ").contains("may enrol for 7 days"), "{remark}");
        assert!(remark.lines().all(|line| line.len() <= 80), "{remark}");
        assert_eq!(days_to_enrol("require --everyone --enroll-until 30d"), Some(30));
        assert_eq!(days_to_enrol("require --everyone --no-enroll"), None);
        for said in ["--enroll-until 7d", "--no-enroll"] {
            assert_eq!(write(&format!("require --everyone {said}")).unwrap().remark, "");
        }
    }

    #[test]
    fn enrolment_is_open_for_ninety_days_at_most_and_not_until_yesterday() {
        assert_eq!(days_to_enrol("require --everyone --enroll-until 90d"), Some(90));
        for wrong in ["91d", "2000-01-01", "0s"] {
            let failure = write(&format!("require --everyone --enroll-until {wrong}")).unwrap_err();
            assert_eq!(failure.exit.code(), 2, "{wrong}");
        }
    }

    #[test]
    fn all_that_was_said_is_in_the_rule() {
        let rule = write(
            "require --group wheel --service sshd --from local --no-enroll --remember 2h \
             --message call --reason why",
        );
        assert_eq!(
            rule.unwrap().rule,
            Rule {
                level: Level::Required,
                scope: Scope::Group,
                name: "wheel".into(),
                services: vec!["sshd".into()],
                from: vec!["local".into()],
                remember_minutes: 120,
                message: "call".into(),
                reason: "why".into(),
                ..Rule::default()
            }
        );
        let rule = write("exempt --user b --until 2030-01-31T00:00:00Z --reason r").unwrap().rule;
        assert_eq!((rule.level, rule.scope, &*rule.name), (Level::Exempt, Scope::User, "b"));
        assert_eq!((rule.until, &*rule.reason), (Some(1_896_048_000), "r"));
        let rule = write("optional --everyone --remember 30m --service sshd").unwrap().rule;
        assert_eq!((rule.level, rule.until, rule.remember_minutes), (Level::Optional, None, 30));
    }

    #[test]
    fn what_is_no_rule_is_not_sent() {
        let failure = write("require --everyone --from 10.0.0.7/8").unwrap_err();
        assert!(failure.message.contains("10.0.0.0/8"), "{}", failure.message);
        assert!(write("exempt --everyone --reason r --until 2000-01-01").is_err());
    }
}
