//! Taking the line out of a file that somebody else has written too, unless that lets anybody in.
//!
//! Jumps such as `[success=1 default=ignore]` count lines: without ours, one that reaches over it ends
//! a line further on, which may be behind the one that checks the password.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    journal::Edit,
    site::Site,
    undo::{self, MODULE},
};
use crate::{
    doctor::dispatch::{self, Code, FirstFactor, Ways},
    pam_config::{Action, Kind, ReturnCode, Stack, Step, Tree},
};

/// Says nothing to anybody, and is counted.
const PLACE_HOLDER: &str =
    "auth     [default=ignore]  pam_permit.so # counted by the jumps above it";

/// `now`, the content of the file that `edit` is about, without the line; or what keeps it there. `None`
/// where there is none.
pub(super) fn of_line(
    site: &Site,
    edit: &Edit,
    now: &[u8],
) -> Option<Result<Vec<u8>, &'static str>> {
    let mut content = undo::taken_out(now, edit, None)?;
    let names = names_of(site, edit);
    let before = with(site, &names, now);
    let services = before.services().into_iter().map(|service| before.stack(&service, Kind::Auth));
    let readers: Vec<Stack> =
        services.filter(|stack| stack.files.iter().any(|file| names.contains(file))).collect();
    if readers.iter().any(|stack| is_jumped_over(&stack.steps)) {
        content = undo::taken_out(now, edit, Some(PLACE_HOLDER))?;
    }
    let after = with(site, &names, &content);
    let objection =
        readers.iter().find_map(|stack| objection(stack, &after.stack(&stack.service, Kind::Auth)));
    Some(objection.map_or(Ok(content), Err))
}

/// The file of `edit`, by every name that services know it by.
fn names_of(site: &Site, edit: &Edit) -> Vec<PathBuf> {
    let tree = site.tree();
    let resolved = |path: &Path| fs::canonicalize(site.on_disk(path)).ok();
    let own = resolved(&edit.path);
    let files = tree.services().into_iter().filter_map(|service| tree.file(&service));
    let links = files.filter(|file| *file != edit.path && own.is_some() && resolved(file) == own);
    links.chain([edit.path.clone()]).collect()
}

/// The tree with `content` in a file of these names.
fn with(site: &Site, names: &[PathBuf], content: &[u8]) -> Tree {
    names.iter().fold(site.tree(), |tree, name| tree.with(name, content))
}

/// What is wrong with a stack without the line that was not wrong with it.
fn objection(before: &Stack, after: &Stack) -> Option<&'static str> {
    let behind_key = before.service == "sshd";
    let ways = |stack: &Stack| dispatch::ways(&stack.steps, behind_key);
    let (was, is) = (ways(before), ways(after));
    let lets_in = |ways: &Ways| ways.in_.iter().any(|way| !way.by_root);
    if after.is_cut || is.is_cut {
        Some("it cannot be told what the stack would do")
    } else if after.steps.is_empty() || (after.is_other && !before.is_other) {
        Some("no line is left that asks for anything")
    } else if !without_proof(&is).is_subset(&without_proof(&was)) {
        Some("somebody gets in who has proved nothing")
    } else if lets_in(&was) && !lets_in(&is) {
        Some("nobody gets in")
    } else {
        None
    }
}

/// How the first factor stands on the ways in that prove nothing, even for whom a code is required of.
fn without_proof(ways: &Ways) -> BTreeSet<FirstFactor> {
    let unproved = ways.in_.iter().filter(|way| {
        !way.by_root
            && way.first != FirstFactor::Passed
            && !matches!(way.code, Code::Accepted | Code::NotRequired)
    });
    unproved.map(|way| way.first).collect()
}

/// Whether a jump reaches over a step of ours.
fn is_jumped_over(steps: &[Step]) -> bool {
    steps.iter().enumerate().any(|(here, step)| {
        let last = reach(steps, here);
        let passed_over = steps.get(here + 1..=last).unwrap_or_default();
        passed_over.iter().any(|one| one.is(MODULE) && one.level == step.level)
    })
}

/// The last step that the farthest jump of the one at `here` passes over.
fn reach(steps: &[Step], here: usize) -> usize {
    let control = steps.get(here).and_then(Step::control);
    let distances = control.into_iter().flat_map(|control| {
        ReturnCode::all().filter_map(|code| match control.on(code) {
            Action::Jump(distance) => Some(distance),
            _ => None,
        })
    });
    let level_of = |index: usize| steps.get(index).map(|step| step.level);
    let Some(level) = level_of(here) else { return here };
    let mut last = here;
    for _ in 0..distances.max().unwrap_or(0) {
        if level_of(last + 1).is_none_or(|next| next < level) {
            break;
        }
        last += 1;
        // A substack counts as one.
        while level_of(last + 1).is_some_and(|next| next > level) {
            last += 1;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "auth required pam_twinlock.so\n";
    const PASSWORD: &str = "auth requisite pam_unix.so\nauth required pam_permit.so\n";

    /// What becomes of a file `login`, which `remote` links to, beside `others`.
    fn without_line(text: &str, others: &[(&str, &str)]) -> Result<String, &'static str> {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        let directory = root.path().join("etc/pam.d");
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in others.iter().chain(&[("login", text)]) {
            fs::write(directory.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("login", directory.join("remote")).unwrap();
        let path = Path::new("/etc/pam.d/login").to_owned();
        let edit = Edit { path, before: None, after: None, reworded: None };
        let content = of_line(&site, &edit, text.as_bytes()).expect("a line to take out");
        content.map(|content| String::from_utf8(content).unwrap())
    }

    #[test]
    fn a_jump_that_counts_the_line_keeps_its_end() {
        let jump = "auth [success=1 default=ignore] pam_localuser.so\n";
        let held = format!("{jump}{PLACE_HOLDER}\n{PASSWORD}");
        assert_eq!(without_line(&format!("{jump}{LINE}{PASSWORD}"), &[]), Ok(held));
        // One that ends before the line is not in its way.
        for text in [format!("{jump}auth optional pam_warn.so\n"), PASSWORD.replace('\n', "\n ")] {
            let text = text.trim_end_matches(' ').to_owned();
            let with_line = format!("{text}{LINE}{PASSWORD}");
            assert_eq!(without_line(&with_line, &[]), Ok(format!("{text}{PASSWORD}")));
        }
    }

    #[test]
    fn the_line_stays_where_nothing_else_would_ask() {
        for text in [LINE.to_owned(), format!("{LINE}auth required pam_permit.so\n")] {
            assert!(without_line(&text, &[]).is_err(), "{text}");
        }
        // The module's own answer leads round the refusal.
        let jumping = "auth required pam_unix.so\nauth [success=1 default=ignore] pam_twinlock.so\n\
                       auth requisite pam_deny.so\nauth required pam_permit.so\n";
        assert_eq!(without_line(jumping, &[]), Err("nobody gets in"));
    }

    #[test]
    fn every_service_that_reads_the_file_is_judged() {
        let text = format!("auth required pam_unix.so\n{LINE}");
        let reader = "auth [success=2 default=ignore] pam_localuser.so\nauth include login\n\
                      auth requisite pam_unix.so\nauth required pam_permit.so\n";
        let held = format!("auth required pam_unix.so\n{PLACE_HOLDER}\n");
        let by_link = reader.replace("include login", "include remote");
        for reader in [reader, &by_link] {
            assert_eq!(without_line(&text, &[("su", reader)]), Ok(held.clone()));
        }
        let substack = reader.replace("include", "substack").replace("success=2", "success=1");
        assert_eq!(
            without_line(&text, &[("su", &substack)]),
            Ok("auth required pam_unix.so\n".to_owned())
        );
    }
}
