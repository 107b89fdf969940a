//! A policy from TOML.
//!
//! A key nobody knows is an error, as a typo must not silently become a wider or weaker rule.

use std::ops::Range;

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::{Spanned, Value};
use twinlock_interface::{Level, Profile, Rule, Scope};

use super::Document;
use crate::{date::Date, policy::meaning};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: Option<Profile>,
    #[serde(default)]
    rule: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    level: Level,
    everyone: Option<bool>,
    group: Option<String>,
    user: Option<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    from: Vec<String>,
    enroll_until: Option<Value>,
    #[serde(default)]
    remember_minutes: u32,
    until: Option<Value>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// Reads a file; dates without an offset are meant in `zone`. The error names the line.
pub(super) fn document(text: &str, zone: &TimeZone) -> Result<Document, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    if file.profile.is_none() && file.rule.is_empty() {
        // More likely the end of something that went wrong than the wish to have no rules.
        return Err(
            "there is nothing in it. A policy without rules says at least: profile = \"default\""
                .to_owned(),
        );
    }
    let rules = file.rule.into_iter().map(|rule| {
        let line = line(text, &rule.span());
        let told = |fault| format!("line {line}: the rule that begins here: {fault}.");
        rule.into_inner().rule(zone).map_err(told)
    });
    Ok(Document { profile: file.profile, rules: rules.collect::<Result<_, _>>()? })
}

/// Counted from 1.
fn line(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

impl Written {
    fn rule(self, zone: &TimeZone) -> Result<Rule, String> {
        let (scope, name) = match (self.everyone, self.group, self.user) {
            (Some(true), None, None) => (Scope::Everyone, String::new()),
            (None, Some(group), None) => (Scope::Group, group),
            (None, None, Some(user)) => (Scope::User, user),
            _ => return Err("it needs one of everyone = true, group and user".to_owned()),
        };
        let date = |key, value: Option<Value>| value.map(|value| date(key, &value, zone));
        let rule = Rule {
            level: self.level,
            scope,
            name,
            services: self.services,
            from: self.from,
            enroll_until: date("enroll_until", self.enroll_until).transpose()?,
            remember_minutes: self.remember_minutes,
            until: date("until", self.until).transpose()?,
            reason: self.reason,
            message: self.message,
            ..Rule::default()
        };
        meaning::fault(&rule).map_or(Ok(rule), Err)
    }
}

/// A date of TOML, or a string with one. Not a duration: the file would mean something else with
/// every hour.
fn date(key: &str, value: &Value, zone: &TimeZone) -> Result<u64, String> {
    let text = match value {
        Value::Datetime(date) => date.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    match text.parse::<Date>() {
        Ok(Date::Distance(_)) | Err(_) => {
            Err(format!("{key} is a date such as 2030-01-31 or 2030-01-31T12:00:00Z"))
        }
        // Nothing is counted from now.
        Ok(date) => {
            date.ahead_of(0, zone).map_err(|_| format!("{key} lies outside the years 1970 to 9999"))
        }
    }
}
