//! What the rules that decided say.

use twinlock_verifier::policy::{Rule, RuleId};

use super::InForce;

/// Rules that are named one by one.
const NAMED: usize = 3;

/// A text of the youngest of them that has any.
pub(super) fn youngest(
    in_force: &InForce,
    by: &[RuleId],
    text: impl Fn(&Rule) -> &String,
) -> String {
    let deciding = in_force.policy.rules().iter().rev().filter(|rule| by.contains(&rule.id));
    deciding.map(text).find(|text| !text.is_empty()).cloned().unwrap_or_default()
}

/// Why a code is required, in the words of the rules that say so.
pub(super) fn because(in_force: &InForce, by: &[RuleId]) -> String {
    let rules = in_force.policy.rules().iter().filter(|rule| by.contains(&rule.id));
    let words: Vec<_> = rules
        .map(|rule| {
            let reason =
                if rule.reason.is_empty() { String::new() } else { format!(": {}", rule.reason) };
            format!("rule {} of {}{reason}", rule.id.0, rule.author)
        })
        .collect();
    match words.split_at_checked(NAMED) {
        _ if words.is_empty() => "no rule says otherwise".to_owned(),
        Some((first, more)) if !more.is_empty() => {
            format!("{}; and {} more", first.join("; "), more.len())
        }
        _ => words.join("; "),
    }
}
