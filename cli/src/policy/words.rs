//! A rule as people read it.

use twinlock_interface::{Level, Rule, Scope};

use crate::{
    moment::Moment,
    printable,
    wrapping::{hanging, wrapped},
};

/// What stands below the number of a rule.
const INDENT: &str = "       ";

/// The rule that is not written anywhere, as the last of a list.
pub(super) fn built_in() -> String {
    hanging("    -  ", INDENT, "required for everyone (built in: where no rule fits)")
}

/// A rule with its number, a few lines.
pub(super) fn block(rule: &Rule, moment: &Moment) -> String {
    let number = if rule.id == 0 { "+".to_owned() } else { rule.id.to_string() };
    marked(&format!("{number:>5}  "), rule, moment)
}

/// The same with something else in front of the first line.
pub(super) fn marked(mark: &str, rule: &Rule, moment: &Moment) -> String {
    let mut page = hanging(mark, INDENT, &headline(rule, moment));
    for sentence in details(rule, moment) {
        page.push_str(&sentence_below(&sentence));
    }
    page
}

/// A sentence about the rule above it.
pub(super) fn sentence_below(sentence: &str) -> String {
    wrapped(INDENT, sentence)
}

pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Required => "required",
        Level::Optional => "optional",
        Level::Exempt => "exempt",
    }
}

pub(super) fn has_ended(rule: &Rule, moment: &Moment) -> bool {
    rule.until.is_some_and(|end| !moment.is_before(end))
}

/// `required for group wheel, service sshd, from 192.0.2.0/24`.
fn headline(rule: &Rule, moment: &Moment) -> String {
    let name = printable::line(&rule.name);
    let whom = match rule.scope {
        Scope::Everyone => "everyone".to_owned(),
        Scope::Group => format!("group {name}"),
        Scope::User => format!("user {name}"),
    };
    let mut words = format!("{} for {whom}", level(rule.level));
    match rule.services.as_slice() {
        [] => {}
        [one] => words.push_str(&format!(", service {}", printable::line(one))),
        several => words.push_str(&format!(", services {}", listed(several))),
    }
    if !rule.from.is_empty() {
        words.push_str(&format!(", from {}", listed(&rule.from)));
    }
    if has_ended(rule, moment) {
        words.push_str(" (ENDED)");
    }
    words
}

fn listed(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| printable::line(name)).collect();
    names.join(", ")
}

fn details(rule: &Rule, moment: &Moment) -> Vec<String> {
    let mut sentences = Vec::new();
    if rule.level == Level::Required {
        sentences.push(match rule.enroll_until {
            Some(end) if moment.is_before(end) => {
                format!("A login may enrol until {}.", moment.describe(end))
            }
            Some(end) => {
                format!("Enrolment takes a ticket since {}.", moment.describe(end))
            }
            None => "Enrolment takes a ticket.".to_owned(),
        });
    }
    if rule.remember_minutes > 0 {
        let minutes = rule.remember_minutes;
        sentences.push(format!("A right code is remembered for {minutes} minutes."));
    }
    match rule.until {
        Some(end) if moment.is_before(end) => {
            sentences.push(format!("Ends {}.", moment.describe(end)));
        }
        Some(end) => sentences.push(format!("Ended {}: as if gone.", moment.describe(end))),
        None if rule.level == Level::Exempt => sentences.push("Has no end.".to_owned()),
        None => {}
    }
    if !rule.message.is_empty() {
        sentences.push(format!("Who is refused reads: {}", printable::line(&rule.message)));
    }
    sentences.extend(origin(rule, moment));
    sentences
}

/// Who made it, when and why, as far as it has been made.
fn origin(rule: &Rule, moment: &Moment) -> Option<String> {
    let reason = printable::line(&rule.reason);
    if rule.author.is_empty() && rule.created_at == 0 {
        return (!reason.is_empty()).then(|| format!("Reason: {reason}"));
    }
    let author = printable::line(&rule.author);
    let made = format!("Made by {author} {}", moment.describe(rule.created_at));
    Some(if reason.is_empty() { format!("{made}.") } else { format!("{made}: {reason}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rule: &Rule) -> String {
        block(rule, &Moment::now())
    }

    fn rule() -> Rule {
        Rule {
            id: 7,
            scope: Scope::Group,
            name: "wheel".into(),
            services: vec!["sshd".into(), "sudo".into()],
            from: vec!["192.0.2.0/24".into(), "local".into()],
            author: "alice".into(),
            created_at: 1_111_111_109,
            reason: "ticket 4711".into(),
            ..Rule::default()
        }
    }

    #[test]
    fn a_rule_is_told_with_all_it_says() {
        let told = told(&Rule {
            enroll_until: Some(4_000_000_000),
            remember_minutes: 30,
            message: "Call 4711.".into(),
            ..rule()
        });
        assert!(told.starts_with(
            "    7  required for group wheel, services sshd, sudo, from 192.0.2.0/24, local\n"
        ));
        for words in [
            "A login may enrol until 2096-10-02",
            "remembered for 30 minutes",
            "reads: Call 4711.",
            "Made by alice 2005-03-1",
            "4711",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(told.lines().all(|line| line.len() <= 80), "{told}");
    }

    #[test]
    fn an_end_is_told_and_so_is_none() {
        let exempt = |until| told(&Rule { level: Level::Exempt, until, ..rule() });
        assert!(exempt(None).contains("Has no end."));
        assert!(exempt(Some(4_000_000_000)).contains("Ends 2096-10-02"));
        let ended = exempt(Some(1_111_111_109));
        assert!(ended.contains("(ENDED)") && ended.contains("Ended 2005-03-1"), "{ended}");
        let optional = told(&Rule { level: Level::Optional, ..rule() });
        assert!(!optional.contains("end"), "{optional}");
    }

    #[test]
    fn how_somebody_may_enrol_is_told_of_every_requirement() {
        assert!(told(&rule()).contains("Enrolment takes a ticket.\n"));
        let closed = told(&Rule { enroll_until: Some(1_111_111_109), ..rule() });
        assert!(closed.contains("Enrolment takes a ticket since 2005-03-1"), "{closed}");
    }

    #[test]
    fn nothing_in_a_rule_drives_the_terminal() {
        let bad = "a\u{1b}[2J\nb".to_owned();
        let told = told(&Rule {
            name: bad.clone(),
            services: vec![bad.clone()],
            from: vec![bad.clone()],
            reason: bad.clone(),
            message: bad.clone(),
            author: bad,
            ..rule()
        });
        assert!(!told.contains('\u{1b}') && !told.contains("\nb"), "{told}");
    }

    #[test]
    fn a_rule_that_is_not_made_yet_has_no_number_and_no_author() {
        let told = told(&Rule { id: 0, author: String::new(), created_at: 0, ..rule() });
        assert!(told.starts_with("    +  required") && told.contains("Reason: ticket 4711"));
        assert!(!told.contains("Made by"), "{told}");
    }
}
