//! The policy as TOML.

use jiff::Timestamp;
use twinlock_interface::{Level, Policy, Rule, Scope};

use crate::policy::{meaning, profile, words};

/// The whole file, the same for the same policy.
pub(super) fn document(policy: &Policy) -> String {
    let mut file = format!("profile = {}\n", string(profile::word(policy.profile)));
    for rule in meaning::in_order(&policy.rules) {
        file.push_str("\n[[rule]]\n");
        for (key, value) in keys(&meaning::of(rule)) {
            file.push_str(&format!("{key} = {value}\n"));
        }
    }
    file
}

/// What the rule says, without what goes without saying.
fn keys(rule: &Rule) -> Vec<(&'static str, String)> {
    let mut keys = vec![("level", string(words::level(rule.level)))];
    keys.push(match rule.scope {
        Scope::Everyone => ("everyone", "true".to_owned()),
        Scope::Group => ("group", string(&rule.name)),
        Scope::User => ("user", string(&rule.name)),
    });
    for (key, list) in [("services", &rule.services), ("from", &rule.from)] {
        if !list.is_empty() {
            let list: Vec<_> = list.iter().map(|one| string(one)).collect();
            keys.push((key, format!("[{}]", list.join(", "))));
        }
    }
    keys.extend(rule.enroll_until.map(|end| ("enroll_until", date(end))));
    if rule.remember_minutes > 0 {
        keys.push(("remember_minutes", rule.remember_minutes.to_string()));
    }
    keys.extend(rule.until.map(|end| ("until", date(end))));
    for (key, text) in [("reason", &rule.reason), ("message", &rule.message)] {
        if !text.is_empty() {
            keys.push((key, string(text)));
        }
    }
    debug_assert!(rule.level == Level::Required || rule.enroll_until.is_none());
    keys
}

/// In UTC, which is the same on every host.
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|time| Timestamp::from_second(time).ok());
    time.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A basic string. What a terminal obeys, or what turns the direction of writing, is escaped like
/// what TOML wants escaped: the file is looked at.
fn string(text: &str) -> String {
    let mut string = String::with_capacity(text.len().saturating_add(2));
    string.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => string.extend(['\\', character]),
            _ if is_unseen(character) => {
                string.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

fn is_unseen(character: char) -> bool {
    let mut buffer = [0; 4];
    let text: &str = character.encode_utf8(&mut buffer);
    crate::printable::line(text) != text
}
