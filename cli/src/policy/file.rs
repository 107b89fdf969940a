//! `twinlock policy export`, `diff` and `apply`: the policy as a file.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

use serde::Serialize;
use twinlock_interface::{Profile, Rule};

use super::{
    change,
    object::{ChangeObject, RuleObject},
    plan::Plan,
    show,
};
use crate::{
    arguments::policy::{Apply, Diff},
    bounded_file,
    failure::{Exit, Failure},
    moment::{Moment, host_zone},
    output::{self, Format},
    printable,
};

/// Several times what a policy of the most rules takes, unless somebody tries to make it long.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    /// Missing when it is to stay as it is.
    pub(super) profile: Option<Profile>,
    pub(super) rules: Vec<Rule>,
}

pub(super) fn export(format: Format) -> Result<(), Failure> {
    let toml = write::document(&show()?);
    output::result(format, &toml, &ExportObject { toml: &toml })
}

#[derive(Serialize)]
struct ExportObject<'a> {
    toml: &'a str,
}

pub(super) fn diff(wanted: &Diff, moment: &Moment, format: Format) -> Result<(), Failure> {
    let document = read(&wanted.file)?;
    let policy = show()?;
    let plan = Plan::new(&policy, document);
    output::result(format, &plan.page(moment), &planned(&plan, &plan.removed_ids(), moment))?;
    if plan.is_empty() {
        return Ok(());
    }
    Err(Failure::policy_differs(
        "The policy is not what the file says. `twinlock policy apply` makes it so.",
    ))
}

pub(super) fn apply(options: &Apply, moment: &Moment, format: Format) -> Result<(), Failure> {
    let document = read(&options.wanted.file)?;
    let policy = show()?;
    let plan = Plan::new(&policy, document);
    if plan.is_empty() {
        let unchanged = planned(&plan, &[], moment);
        return output::result(format, &plan.page(moment), &unchanged);
    }
    let mut change = plan.change();
    change.unknown_names = options.care.unknown_names;
    let change = change::prepared(change, &options.care.care)?;
    if format == Format::Text {
        output::text(&plan.page(moment))?;
    }
    let done = change::send(change)?;
    let page = if done.is_dry_run() {
        "Nothing was changed: twinlockd would accept this.\n".to_owned()
    } else {
        format!("Done: the policy is at revision {}.\n", done.policy.revision)
    };
    output::result(format, &page, &done.object(moment))
}

/// What is not changed, in the shape of what is.
fn planned<'a>(plan: &'a Plan<'_>, removed: &'a [u32], moment: &Moment) -> ChangeObject<'a> {
    ChangeObject {
        revision: plan.before().revision,
        changed: false,
        profile: plan.profile(),
        removed,
        added: RuleObject::of_all(plan.added(), moment),
    }
}

fn read(path: &Path) -> Result<Document, Failure> {
    let is_stdin = path == Path::new("-");
    let content = if is_stdin {
        bounded_file::stdin(MOST_BYTES)
    } else {
        bounded_file::read(path, MOST_BYTES)
    };
    // 1 is for a difference.
    let content = content.map_err(|failure| Failure { exit: Exit::Usage, ..failure })?;
    let name = if is_stdin { "Standard input".to_owned() } else { path.display().to_string() };
    let name = printable::line(&name);
    let text = str::from_utf8(&content)
        .map_err(|_| Failure::policy_file(format!("{name} is not UTF-8.")))?;
    read::document(text, &host_zone()).map_err(|fault| {
        Failure::policy_file(format!("{name}: {}", printable::paragraph(fault.trim_end())))
    })
}
