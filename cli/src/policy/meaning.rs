//! What a rule says, apart from how it is spelt, and whether it may say so.

use jiff::Timestamp;
use twinlock_interface::{
    Level, Rule, Scope,
    names::{MAX_CONDITIONS, MAX_NAME_BYTES, MAX_REMARK_BYTES, MAX_REMEMBER_MINUTES},
};

use super::place::{self, NoPlace};

/// The rule in the one spelling that all rules of its meaning share, without what the daemon adds.
pub(super) fn of(rule: &Rule) -> Rule {
    let mut services = rule.services.clone();
    services.sort_unstable();
    services.dedup();
    let spelt = |place: &String| place::canonical(place).unwrap_or_else(|_| place.clone());
    let mut from: Vec<_> = rule.from.iter().map(spelt).collect();
    from.sort_unstable();
    from.dedup();
    Rule {
        id: 0,
        services,
        from,
        enroll_until: rule.enroll_until.map(in_calendar),
        until: rule.until.map(in_calendar),
        author: String::new(),
        created_at: 0,
        ..rule.clone()
    }
}

/// Rules in the order in which they are looked at: the narrowest scope first, then the strictest.
/// The first that fits a login decides.
pub(super) fn in_order(rules: &[Rule]) -> Vec<&Rule> {
    let mut ordered: Vec<_> = rules.iter().collect();
    ordered.sort_by_cached_key(|rule| {
        let rule = of(rule);
        let Rule { scope, level, name, services, from, reason, message, .. } = rule;
        let ends = (rule.enroll_until, rule.until, rule.remember_minutes);
        let weight = (std::cmp::Reverse(scope), std::cmp::Reverse(level));
        (weight, name, services, from, ends, reason, message)
    });
    ordered
}

/// A later time cannot be written in a file, and nobody will see the difference.
fn in_calendar(seconds: u64) -> u64 {
    seconds.min(u64::try_from(Timestamp::MAX.as_second()).unwrap_or(u64::MAX))
}

/// Why the daemon would refuse the rule, as far as that can be told from here.
pub(super) fn fault(rule: &Rule) -> Option<String> {
    let is_required = rule.level == Level::Required;
    let whom_is_said = match rule.scope {
        Scope::Everyone => rule.name.is_empty(),
        Scope::Group | Scope::User => !rule.name.is_empty(),
    };
    let demands = [
        (
            whom_is_said && rule.name.len() <= MAX_NAME_BYTES && is_plain(&rule.name),
            "the name of a group or account has 1 to 256 bytes and no control characters",
        ),
        (rule.services.len() <= MAX_CONDITIONS, "a rule names at most 64 services"),
        (rule.from.len() <= MAX_CONDITIONS, "a rule names at most 64 places"),
        (is_required || rule.enroll_until.is_none(), "only a required rule opens enrolment"),
        (is_required || rule.message.is_empty(), "only a required rule has a message"),
        (!is_required || rule.until.is_none(), "a required rule has no end: remove it instead"),
        (
            rule.remember_minutes == 0 || rule.level != Level::Exempt,
            "where nobody is asked for a code, none is remembered",
        ),
        (
            rule.remember_minutes == 0 || !rule.services.is_empty(),
            "codes are remembered only for services that the rule names",
        ),
        (
            rule.remember_minutes <= MAX_REMEMBER_MINUTES,
            "a code is remembered for at most 24 hours",
        ),
        (is_remark(&rule.reason), "a reason has at most 256 bytes and no control characters"),
        (is_remark(&rule.message), "a message has at most 256 bytes and no control characters"),
    ];
    let broken = demands.into_iter().find(|(kept, _)| !kept).map(|(_, words)| words.to_owned());
    let service = || rule.services.iter().find_map(|service| no_service(service));
    broken.or_else(service).or_else(|| rule.from.iter().find_map(|place| no_place(place)))
}

/// libpam makes the name of a service lower-case and takes what stands behind its last slash, so a
/// rule about any other name would never fit.
fn no_service(name: &str) -> Option<String> {
    let is_name = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && is_plain(name)
        && !name.bytes().any(|byte| byte == b'/' || byte.is_ascii_uppercase());
    (!is_name).then(|| {
        format!("{name:?} is no PAM service: those are named like the files in /etc/pam.d, in lower case")
    })
}

fn no_place(text: &str) -> Option<String> {
    match place::canonical(text).err()? {
        NoPlace::Malformed => {
            Some(format!("{text:?} is no place: write a network such as 192.0.2.0/24, or local"))
        }
        NoPlace::HostBits(network) => {
            let address = text.split_once('/').map_or(text, |(address, _)| address);
            Some(format!("{text:?} is two things: write {network} for the network, or {address}"))
        }
    }
}

fn is_remark(text: &str) -> bool {
    text.len() <= MAX_REMARK_BYTES && is_plain(text)
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        Rule { scope: Scope::Group, name: "wheel".into(), ..Rule::default() }
    }

    #[test]
    fn spelling_and_order_and_who_made_it_are_no_part_of_the_meaning() {
        let one = Rule {
            services: vec!["sudo".into(), "sshd".into(), "sudo".into()],
            from: vec!["local".into(), "192.0.2.7".into()],
            ..rule()
        };
        let other = Rule {
            id: 7,
            services: vec!["sshd".into(), "sudo".into()],
            from: vec!["::ffff:192.0.2.7".into(), "local".into()],
            author: "alice".into(),
            created_at: 9,
            ..rule()
        };
        assert_eq!(of(&one), of(&other));
        for different in [
            Rule { level: Level::Optional, ..other.clone() },
            Rule { name: "Wheel".into(), ..other.clone() },
            Rule { services: vec!["sshd".into()], ..other.clone() },
            Rule { from: Vec::new(), ..other.clone() },
            Rule { enroll_until: Some(0), ..other.clone() },
            Rule { until: Some(0), ..other.clone() },
            Rule { remember_minutes: 1, ..other.clone() },
            Rule { reason: "r".into(), ..other.clone() },
            Rule { message: "m".into(), ..other.clone() },
        ] {
            assert_ne!(of(&one), of(&different), "{different:?}");
        }
    }

    #[test]
    fn the_narrowest_and_then_the_strictest_comes_first() {
        let of = |id, scope, level| Rule { id, scope, level, ..Rule::default() };
        let rules = [
            of(1, Scope::Everyone, Level::Required),
            of(2, Scope::User, Level::Exempt),
            of(3, Scope::Group, Level::Optional),
            of(4, Scope::User, Level::Required),
            of(5, Scope::Group, Level::Required),
        ];
        let ids: Vec<_> = in_order(&rules).iter().map(|rule| rule.id).collect();
        assert_eq!(ids, [4, 2, 5, 3, 1]);
    }

    #[test]
    fn a_rule_that_contradicts_itself_has_a_fault() {
        let exempt = Rule { level: Level::Exempt, ..rule() };
        let many = |text: &str| vec![text.to_owned(); MAX_CONDITIONS + 1];
        let sshd = vec!["sshd".to_owned()];
        for (rule, words) in [
            (Rule { name: String::new(), ..rule() }, "1 to 256 bytes"),
            (Rule { name: "a\u{1b}".into(), ..rule() }, "control characters"),
            (Rule { scope: Scope::Everyone, ..rule() }, "the name of a group"),
            (Rule { services: many("sshd"), ..rule() }, "64 services"),
            (Rule { from: many("local"), ..rule() }, "64 places"),
            (Rule { enroll_until: Some(1), ..exempt.clone() }, "opens enrolment"),
            (Rule { message: "m".into(), ..exempt.clone() }, "has a message"),
            (Rule { until: Some(1), ..rule() }, "has no end"),
            (
                Rule { remember_minutes: 1, services: sshd.clone(), ..exempt.clone() },
                "none is remembered",
            ),
            (Rule { remember_minutes: 1, ..rule() }, "services that the rule names"),
            (Rule { remember_minutes: 1441, services: sshd.clone(), ..rule() }, "24 hours"),
            (Rule { reason: "x".repeat(257), ..rule() }, "a reason"),
            (Rule { message: "a\nb".into(), ..rule() }, "a message"),
            (Rule { services: vec!["SSHD".into()], ..rule() }, "no PAM service"),
            (Rule { services: vec!["/etc/pam.d/sshd".into()], ..rule() }, "no PAM service"),
            (Rule { from: vec!["localhost".into()], ..rule() }, "no place"),
            (Rule { from: vec!["10.0.0.7/8".into()], ..rule() }, "write 10.0.0.0/8"),
        ] {
            let told = fault(&rule).unwrap_or_default();
            assert!(told.contains(words), "{words}: {told}: {rule:?}");
        }
    }

    #[test]
    fn ordinary_rules_have_none() {
        let services = vec!["sshd".to_owned(), "systemd-user".to_owned()];
        for rule in [
            Rule::default(),
            Rule { name: "DOM\\domain users".into(), ..rule() },
            Rule { enroll_until: Some(1), message: "Call 4711.".into(), ..rule() },
            Rule { remember_minutes: 1440, services, ..rule() },
            Rule { level: Level::Exempt, until: Some(1), from: vec!["local".into()], ..rule() },
        ] {
            assert_eq!(fault(&rule), None, "{rule:?}");
        }
    }
}
