//! `twinlock policy`: who must give a code, and why.
//!
//! What the rules mean is for the daemon to say. Here they are written down, told in words, held
//! against a file, and sent, each change in one call.

mod caller;
mod change;
mod explain;
mod file;
mod list;
mod meaning;
mod new_rule;
mod object;
mod place;
mod plan;
mod profile;
mod words;

use twinlock_interface::{Policy, PolicyChange, proxy::PolicyProxy};

use crate::{
    arguments::policy as arguments,
    bus,
    failure::Failure,
    moment::Moment,
    output::{self, Format},
};
use new_rule::Written;

pub(crate) fn run(options: &arguments::Policy, format: Format) -> Result<(), Failure> {
    use arguments::Action;
    let moment = Moment::now();
    match &options.action {
        Action::List => list::run(&moment, format),
        Action::Require(rule) => {
            add(new_rule::required(rule, &moment)?, &rule.care, &moment, format)
        }
        Action::Optional(rule) => {
            add(new_rule::optional(rule, &moment)?, &rule.care, &moment, format)
        }
        Action::Exempt(rule) => add(new_rule::exempt(rule, &moment)?, &rule.care, &moment, format),
        Action::Remove(removal) => remove(removal, &moment, format),
        Action::Profile(options) => profile::run(options, &moment, format),
        Action::Explain(question) => explain::run(question, &moment, format),
        Action::Export => file::export(format),
        Action::Diff(wanted) => file::diff(wanted, &moment, format),
        Action::Apply(options) => file::apply(options, &moment, format),
    }
}

fn show() -> Result<Policy, Failure> {
    bus::administer(async |bus| PolicyProxy::new(bus).await?.show().await)
}

fn add(
    written: Written,
    care: &arguments::CareForNames,
    moment: &Moment,
    format: Format,
) -> Result<(), Failure> {
    let change = PolicyChange {
        added: vec![written.rule],
        unknown_names: care.unknown_names,
        ..PolicyChange::default()
    };
    let done = change::send(change::prepared(change, &care.care)?)?;
    let mut page = if done.is_dry_run() {
        "Nothing was changed. The rule would be:\n".to_owned()
    } else {
        "The rule is added:\n".to_owned()
    };
    for rule in done.added() {
        page.push_str(&words::block(rule, moment));
    }
    page.push_str(&written.remark);
    output::result(format, &page, &done.object(moment))
}

fn remove(removal: &arguments::Remove, moment: &Moment, format: Format) -> Result<(), Failure> {
    let mut rules = removal.rules.clone();
    rules.sort_unstable();
    rules.dedup();
    let change = PolicyChange { removed: rules.clone(), ..PolicyChange::default() };
    let done = change::send(change::prepared(change, &removal.care)?)?;
    let numbers: Vec<_> = rules.iter().map(u32::to_string).collect();
    let which = match numbers.as_slice() {
        [one] => format!("Rule {one}"),
        several => format!("Rules {}", several.join(", ")),
    };
    let page = match (done.is_dry_run(), numbers.len()) {
        (true, _) => format!("Nothing was changed. {which} would be removed.\n"),
        (false, 1) => format!("{which} is removed.\n"),
        (false, _) => format!("{which} are removed.\n"),
    };
    output::result(format, &page, &done.object(moment))
}
