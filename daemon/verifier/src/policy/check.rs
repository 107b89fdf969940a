//! What a rule may say, and in which combinations.

use core::{fmt, time::Duration};

use super::{Level, Rule, Scope, decision::is_near};
use crate::Timestamp;

/// Services, and places, that one rule may name.
const MOST_NAMED: usize = 64;
/// Length of a name, a reason or a message in bytes.
const LONGEST_TEXT: usize = 256;
/// How long a right code is remembered at most.
const REMEMBER_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a rule may not be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidRule {
    /// The name of the group or account is empty, too long, or holds control characters.
    Name,
    /// More than 64 services.
    TooManyServices,
    /// This is no name that PAM gives to a service.
    Service(String),
    /// More than 64 places.
    TooManyPlaces,
    /// Only required rules open enrolment.
    EnrollmentNotRequired,
    /// Enrolment would stay open for more than 90 days.
    EnrollmentTooLong,
    /// A code that nobody is asked for cannot be remembered.
    RememberedExempt,
    /// Codes are remembered for services that are named, and no others.
    RememberedEverywhere,
    /// Codes would be remembered for more than a day.
    RememberedTooLong,
    /// A requirement has no end.
    RequiredUntil,
    /// The reason is too long or holds control characters.
    Reason,
    /// Nobody would be told the message.
    MessageNotRequired,
    /// The message is too long or holds control characters.
    Message,
}

pub(super) fn check(rule: &Rule, now: Timestamp) -> Result<(), InvalidRule> {
    let demands = [
        (is_name_of(&rule.scope), InvalidRule::Name),
        (rule.services.len() <= MOST_NAMED, InvalidRule::TooManyServices),
        (rule.from.len() <= MOST_NAMED, InvalidRule::TooManyPlaces),
        (is_text(&rule.reason), InvalidRule::Reason),
        (is_text(&rule.message), InvalidRule::Message),
    ];
    if let Some((_, broken)) = demands.into_iter().find(|(kept, _)| !kept) {
        return Err(broken);
    }
    if let Some(service) = rule.services.iter().find(|service| !is_service(service)) {
        return Err(InvalidRule::Service(service.clone()));
    }
    check_required(rule, now)?;
    check_remembering(rule)
}

/// What goes with `required` only, and what with the others only.
fn check_required(rule: &Rule, now: Timestamp) -> Result<(), InvalidRule> {
    if rule.level == Level::Required {
        if rule.until.is_some() {
            return Err(InvalidRule::RequiredUntil);
        }
        if rule.enroll_until.is_some_and(|end| !is_near(end, now)) {
            return Err(InvalidRule::EnrollmentTooLong);
        }
        return Ok(());
    }
    if rule.enroll_until.is_some() {
        return Err(InvalidRule::EnrollmentNotRequired);
    }
    if rule.message.is_empty() { Ok(()) } else { Err(InvalidRule::MessageNotRequired) }
}

fn check_remembering(rule: &Rule) -> Result<(), InvalidRule> {
    if rule.remember.is_zero() {
        Ok(())
    } else if rule.level == Level::Exempt {
        Err(InvalidRule::RememberedExempt)
    } else if rule.services.is_empty() {
        Err(InvalidRule::RememberedEverywhere)
    } else if rule.remember > REMEMBER_AT_MOST {
        Err(InvalidRule::RememberedTooLong)
    } else {
        Ok(())
    }
}

fn is_name_of(scope: &Scope) -> bool {
    match scope {
        Scope::Everyone => true,
        Scope::Group(name) | Scope::User(name) => !name.is_empty() && is_text(name),
    }
}

/// libpam makes the name of a service lower-case, and it is the name of a file in /etc/pam.d: a rule
/// about any other name would never fit.
fn is_service(name: &str) -> bool {
    !name.is_empty()
        && is_text(name)
        && !name.bytes().any(|byte| byte == b'/' || byte.is_ascii_uppercase())
}

/// Short, and fit for one line of a terminal or a log.
fn is_text(text: &str) -> bool {
    text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control)
}

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => {
                "the name of a group or user has 1 to 256 bytes and no control characters"
            }
            Self::TooManyServices => "a rule names at most 64 services",
            Self::Service(service) => {
                return write!(
                    f,
                    "{service:?} is no name of a PAM service: it has 1 to 256 bytes, and neither \
                     capital letters, slashes nor control characters"
                );
            }
            Self::TooManyPlaces => "a rule names at most 64 places",
            Self::EnrollmentNotRequired => "only a required rule opens enrolment",
            Self::EnrollmentTooLong => "enrolment is open for at most 90 days",
            Self::RememberedExempt => "where nobody is asked for a code, none is remembered",
            Self::RememberedEverywhere => {
                "codes are remembered only for services that the rule names"
            }
            Self::RememberedTooLong => "a code is remembered for at most 24 hours",
            Self::RequiredUntil => "a required rule has no end: remove it instead",
            Self::Reason => "a reason has at most 256 bytes and no control characters",
            Self::MessageNotRequired => "only a required rule has a message for who is refused",
            Self::Message => "a message has at most 256 bytes and no control characters",
        })
    }
}

impl core::error::Error for InvalidRule {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{RuleId, Spot};

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn rule(level: Level) -> Rule {
        Rule {
            id: RuleId(0),
            level,
            scope: Scope::User("alice".to_owned()),
            uid: None,
            services: vec!["sshd".to_owned()],
            from: Vec::new(),
            enroll_until: None,
            remember: Duration::ZERO,
            until: None,
            reason: String::new(),
            message: String::new(),
            author: String::new(),
            created_at: NOW,
        }
    }

    #[track_caller]
    fn refuses(refusal: &InvalidRule, level: Level, change: impl FnOnce(&mut Rule)) {
        let mut rule = rule(level);
        assert_eq!(rule.check(NOW), Ok(()));
        change(&mut rule);
        assert_eq!(rule.check(NOW).as_ref(), Err(refusal));
    }

    #[track_caller]
    fn accepts(level: Level, change: impl FnOnce(&mut Rule)) {
        let mut rule = rule(level);
        change(&mut rule);
        assert_eq!(rule.check(NOW), Ok(()));
    }

    fn later(hours: u32) -> Option<Timestamp> {
        Some(NOW.saturating_add(HOUR.saturating_mul(hours)))
    }

    #[test]
    fn only_a_required_rule_opens_enrolment_for_90_days_at_most() {
        let (longest, too_long) = (later(90 * 24), later(90 * 24 + 1));
        accepts(Level::Required, |rule| rule.enroll_until = longest);
        accepts(Level::Required, |rule| rule.enroll_until = Some(Timestamp::from_unix(0)));
        let refusal = InvalidRule::EnrollmentTooLong;
        refuses(&refusal, Level::Required, |rule| rule.enroll_until = too_long);
        for level in [Level::Optional, Level::Exempt] {
            let refusal = InvalidRule::EnrollmentNotRequired;
            refuses(&refusal, level, |rule| rule.enroll_until = longest);
        }
    }

    #[test]
    fn only_a_required_rule_has_no_end_and_only_it_has_a_message() {
        let (end, message) = (later(1), || "Ask the desk.".to_owned());
        refuses(&InvalidRule::RequiredUntil, Level::Required, |rule| rule.until = end);
        accepts(Level::Required, |rule| rule.message = message());
        for level in [Level::Optional, Level::Exempt] {
            accepts(level, |rule| rule.until = end);
            refuses(&InvalidRule::MessageNotRequired, level, |rule| rule.message = message());
        }
    }

    #[test]
    fn codes_are_remembered_for_a_day_where_services_are_named_and_asked() {
        let (a_day, too_long) = (HOUR * 24, HOUR * 24 + Duration::from_secs(1));
        for level in [Level::Optional, Level::Required] {
            accepts(level, |rule| rule.remember = a_day);
            refuses(&InvalidRule::RememberedTooLong, level, |rule| rule.remember = too_long);
            refuses(&InvalidRule::RememberedEverywhere, level, |rule| {
                (rule.remember, rule.services) = (a_day, Vec::new());
            });
        }
        refuses(&InvalidRule::RememberedExempt, Level::Exempt, |rule| rule.remember = HOUR);
    }

    #[test]
    fn names_are_bounded_and_fit_for_a_line() {
        let long = |bytes: usize| "ä".repeat(bytes / 2);
        for scope in [Scope::User, Scope::Group] {
            for name in ["alice smith", "DOMAIN\\alice", "alice@example.org", "ünal", &long(256)] {
                accepts(Level::Exempt, |rule| rule.scope = scope(name.to_owned()));
            }
            for name in ["", "alice\n", "\u{1b}[2J", "a\0", "\u{85}", &long(258)] {
                let name = name.to_owned();
                refuses(&InvalidRule::Name, Level::Exempt, |rule| rule.scope = scope(name));
            }
        }
        accepts(Level::Required, |rule| rule.scope = Scope::Everyone);
        for text in ["two\nlines".to_owned(), long(258)] {
            let (reason, message) = (text.clone(), text);
            refuses(&InvalidRule::Reason, Level::Required, |rule| rule.reason = reason);
            refuses(&InvalidRule::Message, Level::Required, |rule| rule.message = message);
        }
        accepts(Level::Required, |rule| (rule.reason, rule.message) = (long(256), long(256)));
    }

    #[test]
    fn a_service_is_named_as_pam_names_it() {
        for service in ["sshd", "sudo-i", "my service", "x.y_z"] {
            accepts(Level::Exempt, |rule| rule.services.push(service.to_owned()));
        }
        for service in ["", "SSHD", "sshD", "/etc/pam.d/sshd", "ssh\nd", &"x".repeat(257)] {
            let refusal = InvalidRule::Service(service.to_owned());
            refuses(&refusal, Level::Exempt, |rule| rule.services.push(service.to_owned()));
        }
        let refusal = InvalidRule::Service("\u{1b}[2J".to_owned());
        assert!(!refusal.to_string().contains('\u{1b}'), "{refusal}");
    }

    #[test]
    fn a_rule_names_64_services_and_64_places_at_most() {
        accepts(Level::Exempt, |rule| rule.services = vec!["sshd".to_owned(); 64]);
        accepts(Level::Exempt, |rule| rule.from = vec![Spot::Local; 64]);
        refuses(&InvalidRule::TooManyServices, Level::Exempt, |rule| {
            rule.services = vec!["sshd".to_owned(); 65];
        });
        refuses(&InvalidRule::TooManyPlaces, Level::Exempt, |rule| {
            rule.from = vec![Spot::Local; 65];
        });
    }
}
