//! Where the line goes in the file of a service.

use super::{
    journal::{Reworded, Way},
    undo,
};
use crate::pam_config::{Action, Directive, Kind, ReturnCode, Stack, Step, line};

/// The line as the README has it.
const LINE: &str = "auth     required  pam_twinlock.so";
/// What is added where it is true.
const PASSWORD_CHECKED: &str = " password_checked";

/// Modules that succeed for a right password only. One that is not known may be anything, and the line
/// is not put behind it because of that.
const CHECKING: [&str; 8] = [
    "pam_unix.so",
    "pam_unix2.so",
    "pam_tcb.so",
    "pam_sss.so",
    "pam_ldap.so",
    "pam_winbind.so",
    "pam_krb5.so",
    "pam_systemd_home.so",
];

/// The file of a service as it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) content: Vec<u8>,
    pub(super) reworded: Option<Reworded>,
}

/// A line of the service's own file that is part of its `auth` stack.
struct Own<'a> {
    /// Counted from 1.
    number: usize,
    /// What it unfolds to.
    steps: Vec<&'a Step>,
    is_include: bool,
}

/// Puts the line into `text`, the file that `stack` begins with; the reason where it has no place.
pub(super) fn propose(
    text: &[u8],
    stack: &Stack,
    way: Way,
    password_checked: bool,
) -> Result<Proposal, String> {
    if stack.is_other || stack.steps.is_empty() {
        return Err("it has no auth lines of its own, and libpam takes those of `other`".into());
    }
    if stack.is_cut {
        return Err("its stack has no end".into());
    }
    let own = own_lines(stack);
    let password = own.iter().find(|line| line.steps.iter().any(|s| checks_password(s)));
    let behind = match password {
        Some(line) if line.is_include => line,
        _ => own.last().ok_or("it has no auth lines")?,
    };
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let line = lines.get(behind.number - 1).ok_or("its lines cannot be told")?;
    let line = str::from_utf8(line).map_err(|_| "the line in question is not UTF-8")?;
    let line = line.trim_end();
    if undo::goes_on(line) {
        return Err(format!("line {} goes on on the next one", behind.number));
    }
    let reworded = match way {
        Way::Key if !behind.is_include => {
            return Err(
                "its own lines check the password, and the code is to take its place".into()
            );
        }
        Way::Key => Some(Reworded { was: line.to_owned(), is: format!("#{line}") }),
        Way::Password | Way::OneLine => as_substack(text, behind, line)?,
    };
    let checked = if password_checked { PASSWORD_CHECKED } else { "" };
    let mut content = Vec::with_capacity(text.len() + LINE.len() * 2);
    for (index, raw) in lines.iter().enumerate() {
        if index + 1 != behind.number {
            content.extend_from_slice(raw);
            continue;
        }
        match &reworded {
            Some(reworded) => {
                content.extend_from_slice(reworded.is.as_bytes());
                content.extend_from_slice(raw.get(line.len()..).unwrap_or_default());
            }
            None => content.extend_from_slice(raw),
        }
        if !raw.ends_with(b"\n") {
            content.push(b'\n');
        }
        content.extend_from_slice(format!("{LINE}{checked}\n").as_bytes());
    }
    Ok(Proposal { content, reworded })
}

pub(super) fn checks_password(step: &Step) -> bool {
    step.module().is_some_and(|module| CHECKING.contains(&module))
}

fn own_lines(stack: &Stack) -> Vec<Own<'_>> {
    let mut own: Vec<Own<'_>> = Vec::new();
    for step in &stack.steps {
        let (number, is_include) = match step.through.first() {
            Some(place) => (place.line, true),
            None => (step.place.line, false),
        };
        match own.last_mut() {
            // The step that opens a substack stands in the same line as what is in it.
            Some(last) if last.number == number => {
                last.steps.push(step);
                last.is_include |= is_include;
            }
            _ => own.push(Own { number, steps: vec![step], is_include }),
        }
    }
    own
}

/// An `include` whose lines end the stack at a right password: what stands behind it would never be
/// come to. As a substack they end themselves only.
fn as_substack(text: &[u8], behind: &Own<'_>, line: &str) -> Result<Option<Reworded>, String> {
    let ends = |step: &&&Step| {
        let done =
            |control: &crate::pam_config::Control| control.on(ReturnCode::SUCCESS) == Action::Done;
        step.level == 0 && !step.is("pam_rootok.so") && step.control().is_some_and(done)
    };
    let Some(last) = behind.steps.iter().find(ends).filter(|_| behind.is_include) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(text);
    let said = line::lines(&text).into_iter().find(|line| line.number == behind.number);
    let is_auth_include = said.is_some_and(|line| {
        matches!(line.directive, Directive::Include { kind: Some(Kind::Auth), substack: false, .. })
    });
    let word = line.to_ascii_lowercase().find("include").filter(|_| is_auth_include);
    let Some((at, rest)) = word.and_then(|at| Some((at, line.get(at + "include".len()..)?))) else {
        return Err(format!(
            "line {} of {} ends the stack at a right password, so that no line behind it is come to",
            last.place.line,
            last.place.file.display()
        ));
    };
    let is = format!("{}substack{rest}", line.get(..at).unwrap_or_default());
    Ok(Some(Reworded { was: line.to_owned(), is }))
}

/// The steps before the first one that calls the module.
pub(super) fn before_module(stack: &Stack) -> Option<&[Step]> {
    let at = stack.steps.iter().position(|step| step.is(undo::MODULE))?;
    stack.steps.get(..at)
}

/// How often a stack calls the module.
pub(super) fn calls(stack: &Stack) -> usize {
    stack.steps.iter().filter(|step| step.is(undo::MODULE)).count()
}

#[cfg(test)]
mod tests;
