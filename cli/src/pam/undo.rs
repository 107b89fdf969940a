//! Bringing files back as they were.

use std::io;

use super::{
    durable_file::{self, Image},
    journal::{self, Change, Doing, Edit, Record},
    removal,
    site::Site,
};
use crate::pam_config::{Directive, Kind, line};

/// The module whose lines these are.
pub(super) const MODULE: &str = "pam_twinlock.so";

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// It was as before already.
    AsBefore,
    /// It is as before, byte for byte.
    PutBack,
    /// Somebody edited it: only the line was taken out.
    LineTakenOut,
    /// Somebody edited it, and without the line it would not be safe, for this reason: it is left.
    LineKept(&'static str),
    /// Somebody edited it, and there is no line in it.
    Left,
}

/// A change that was put back, and what became of each file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undoing {
    pub(super) change: Change,
    pub(super) files: Vec<(Edit, Undone)>,
}

/// Puts back what is pending, and forgets it. Whoever calls holds the lock.
///
/// A file that cannot be put back keeps none of the others from it, and the change from being
/// forgotten.
pub(super) fn everything(site: &Site) -> io::Result<Option<Undoing>> {
    let Some((_, change)) = Record::pending(site)? else { return Ok(None) };
    let mut files = Vec::new();
    let mut failed = None;
    for edit in change.edits.iter().rev() {
        match put_back(site, edit, change.doing) {
            Ok(what) => files.push((edit.clone(), what)),
            Err(error) => {
                failed = Some(io::Error::other(format!("{}: {error}", edit.path.display())));
            }
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    journal::forget(site)?;
    files.reverse();
    Ok(Some(Undoing { change, files }))
}

/// Puts one file back.
fn put_back(site: &Site, edit: &Edit, doing: Doing) -> io::Result<Undone> {
    let path = site.on_disk(&edit.path);
    // What cannot be removed there is in nobody's way.
    let _ = durable_file::clear_up_beside(&path);
    let now = Image::of(&path)?;
    if now == edit.before {
        return Ok(Undone::AsBefore);
    }
    let (image, undone) = match doing {
        Doing::Disabling if content(now.as_ref()) == content(edit.after.as_ref()) => {
            (edit.before.clone(), Undone::PutBack)
        }
        Doing::Disabling => return Ok(Undone::Left),
        Doing::Enabling => without_line(site, edit, now),
    };
    if matches!(undone, Undone::Left | Undone::LineKept(_)) {
        return Ok(undone);
    }
    durable_file::bring_about(&path, image.as_ref())?;
    Ok(undone)
}

/// The file without what `edit` has put into it, where it is now `now`.
pub(super) fn without_line(
    site: &Site,
    edit: &Edit,
    now: Option<Image>,
) -> (Option<Image>, Undone) {
    // A file that is gone is brought back as well: without it nobody may be let in.
    if now.is_none() || content(now.as_ref()) == content(edit.after.as_ref()) {
        return (edit.before.clone(), Undone::PutBack);
    }
    match now {
        Some(now) => match removal::of_line(site, edit, &now.content) {
            Some(Ok(content)) => (Some(now.with(content)), Undone::LineTakenOut),
            Some(Err(why)) => (Some(now), Undone::LineKept(why)),
            None => (Some(now), Undone::Left),
        },
        None => (None, Undone::Left),
    }
}

fn content(image: Option<&Image>) -> Option<&[u8]> {
    image.map(|image| &*image.content)
}

/// `text` without the lines that name the module, and with the line reworded back. `None` where there
/// is none. `in_place` stands where each of them stood.
pub(super) fn taken_out(text: &[u8], edit: &Edit, in_place: Option<&str>) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let ours = lines_of_module(text);
    if ours.is_empty() {
        return None;
    }
    let bare = |line: &[u8]| line.trim_ascii_end().to_vec();
    let stands = |wanted: &str| lines.iter().any(|line| bare(line) == wanted.as_bytes());
    // What checks the password has to come back, even if somebody has taken out the remark it became.
    let mut missing = edit
        .reworded
        .as_ref()
        .filter(|reworded| !stands(&reworded.is) && !stands(&reworded.was))
        .map(|reworded| &reworded.was);
    let mut result = Vec::with_capacity(text.len());
    for (index, line) in lines.iter().enumerate() {
        if ours.contains(&(index + 1)) {
            if let Some(was) = missing.take() {
                result.extend_from_slice(was.as_bytes());
                result.push(b'\n');
            }
            let is_first = !ours.contains(&index)
                || !lines.get(index.wrapping_sub(1)).is_some_and(|line| goes_on_raw(line));
            if let Some(in_place) = in_place.filter(|_| is_first) {
                result.extend_from_slice(in_place.as_bytes());
                result.push(b'\n');
            }
            continue;
        }
        match &edit.reworded {
            Some(reworded) if bare(line) == reworded.is.as_bytes() => {
                result.extend_from_slice(reworded.was.as_bytes());
                result.extend_from_slice(line.get(reworded.is.len()..).unwrap_or_default());
            }
            _ => result.extend_from_slice(line),
        }
    }
    Some(result)
}

/// Numbers, counted from 1, of the lines that make `auth` call the module.
pub(super) fn lines_of_module(text: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(text);
    let physical: Vec<&str> = text.split('\n').collect();
    let mut numbers = Vec::new();
    for line in line::lines(&text) {
        let Directive::Module { kind: Kind::Auth, module, .. } = line.directive else { continue };
        if module.rsplit('/').next() != Some(MODULE) {
            continue;
        }
        let mut number = line.number;
        numbers.push(number);
        // A line that goes on on the next one goes as a whole.
        while physical.get(number - 1).is_some_and(|line| goes_on(line)) {
            number += 1;
            numbers.push(number);
        }
    }
    numbers
}

fn goes_on_raw(line: &[u8]) -> bool {
    goes_on(String::from_utf8_lossy(line).trim_end_matches('\n'))
}

/// Whether a line ends in a backslash that is no part of a remark.
pub(super) fn goes_on(line: &str) -> bool {
    !line.contains('#') && line.trim_end_matches([' ', '\t', '\r']).ends_with('\\')
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use super::*;
    use crate::pam::journal::Reworded;

    const BEFORE: &str = "# mine\n@include common-auth\naccount required pam_unix.so\n";
    const AFTER: &str = "# mine\n@include common-auth\nauth     required  pam_twinlock.so\n\
                         account required pam_unix.so\n";
    const KEY: &str = "# mine\n#@include common-auth\nauth     required  pam_twinlock.so\n\
                       account required pam_unix.so\n";

    struct Ground {
        root: tempfile::TempDir,
        site: Site,
    }

    impl Ground {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let site = Site::at(root.path());
            for directory in ["etc/pam.d", "var/lib"] {
                fs::create_dir_all(root.path().join(directory)).unwrap();
            }
            fs::write(root.path().join("etc/pam.d/common-auth"), "auth requisite pam_unix.so\n")
                .unwrap();
            drop(journal::lock(&site, Duration::ZERO).unwrap());
            Self { root, site }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.root.path().join("etc/pam.d").join(name)
        }

        fn edit(&self, name: &str, before: Option<&str>, after: &str) -> Edit {
            fs::write(self.path(name), after).unwrap();
            let after = Image::of(&self.path(name)).unwrap().unwrap();
            let before = before.map(|before| after.with(before.as_bytes().to_vec()));
            let reworded = (after.content == KEY.as_bytes()).then(|| Reworded {
                was: "@include common-auth".into(),
                is: "#@include common-auth".into(),
            });
            let path = Path::new("/etc/pam.d").join(name);
            Edit { path, before, after: Some(after), reworded }
        }

        fn begin(&self, doing: Doing, edits: Vec<Edit>) {
            let change = Change { id: "x".into(), doing, services: vec![], edits, trial: None };
            Record { change: Some(change), ..Record::default() }.begin(&self.site).unwrap();
        }

        fn undo(&self) -> Vec<Undone> {
            let undoing = everything(&self.site).unwrap().expect("something to undo");
            assert_eq!(everything(&self.site).unwrap(), None);
            undoing.files.into_iter().map(|(_, what)| what).collect()
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap()
        }
    }

    #[test]
    fn all_files_are_put_back_byte_for_byte() {
        let ground = Ground::new();
        let edits = vec![
            ground.edit("sshd", Some(BEFORE), AFTER),
            ground.edit("polkit-1", None, AFTER),
            ground.edit("sudo", Some(BEFORE), KEY),
            ground.edit("su", Some(BEFORE), AFTER),
        ];
        ground.begin(Doing::Enabling, edits);
        // As if the command had been killed before it came to this one.
        fs::write(ground.path("su"), BEFORE).unwrap();
        fs::write(ground.path(".su.twinlock-new"), "half").unwrap();
        assert_eq!(
            ground.undo(),
            [Undone::PutBack, Undone::PutBack, Undone::PutBack, Undone::AsBefore]
        );
        for name in ["sshd", "sudo", "su"] {
            assert_eq!(ground.text(name), BEFORE, "{name}");
        }
        assert!(!ground.path("polkit-1").exists() && !ground.path(".su.twinlock-new").exists());
    }

    #[test]
    fn from_a_file_that_was_edited_only_the_line_is_taken_out() {
        let ground = Ground::new();
        let edits = vec![
            ground.edit("sshd", Some(BEFORE), AFTER),
            ground.edit("sudo", Some(BEFORE), KEY),
            ground.edit("su", Some(BEFORE), KEY),
            ground.edit("login", None, AFTER),
        ];
        ground.begin(Doing::Enabling, edits);
        let note = "# somebody's\n";
        fs::write(ground.path("sshd"), format!("{AFTER}{note}")).unwrap();
        fs::write(ground.path("sudo"), KEY.replace("twinlock.so", "twinlock.so debug") + note)
            .unwrap();
        fs::write(ground.path("su"), KEY.replace("#@include common-auth\n", "")).unwrap();
        fs::write(ground.path("login"), format!("{note}{AFTER}")).unwrap();
        assert_eq!(ground.undo(), [Undone::LineTakenOut; 4]);
        assert_eq!(ground.text("sshd"), format!("{BEFORE}{note}"));
        assert_eq!(ground.text("sudo"), format!("{BEFORE}{note}"));
        assert_eq!(ground.text("su"), BEFORE);
        assert_eq!(ground.text("login"), format!("{note}{BEFORE}"));
    }

    #[test]
    fn the_line_stays_where_a_login_without_it_would_need_nothing() {
        let ground = Ground::new();
        let edits =
            vec![ground.edit("sshd", Some(BEFORE), AFTER), ground.edit("su", Some(BEFORE), AFTER)];
        ground.begin(Doing::Enabling, edits);
        let open = AFTER.replace("@include common-auth", "auth required pam_permit.so");
        fs::write(ground.path("su"), &open).unwrap();
        let undone = ground.undo();
        assert!(matches!(&*undone, [Undone::PutBack, Undone::LineKept(_)]), "{undone:?}");
        assert_eq!((ground.text("sshd"), ground.text("su")), (BEFORE.to_owned(), open));
    }

    #[test]
    fn a_file_that_is_gone_is_brought_back_and_one_without_the_line_is_left() {
        let ground = Ground::new();
        let edits =
            vec![ground.edit("sshd", Some(BEFORE), AFTER), ground.edit("su", Some(BEFORE), AFTER)];
        ground.begin(Doing::Enabling, edits);
        fs::remove_file(ground.path("sshd")).unwrap();
        fs::write(ground.path("su"), "auth required pam_deny.so\n").unwrap();
        assert_eq!(ground.undo(), [Undone::PutBack, Undone::Left]);
        assert_eq!(ground.text("sshd"), BEFORE);
        assert_eq!(ground.text("su"), "auth required pam_deny.so\n");
    }

    #[test]
    fn a_disabling_that_broke_off_asks_for_codes_again() {
        let ground = Ground::new();
        let edits =
            vec![ground.edit("sshd", Some(AFTER), BEFORE), ground.edit("su", Some(AFTER), BEFORE)];
        ground.begin(Doing::Disabling, edits);
        fs::write(ground.path("su"), format!("{BEFORE}# somebody's\n")).unwrap();
        assert_eq!(ground.undo(), [Undone::PutBack, Undone::Left]);
        assert_eq!(ground.text("sshd"), AFTER);
    }

    #[test]
    fn what_cannot_be_put_back_is_not_forgotten_and_holds_up_nothing_else() {
        let ground = Ground::new();
        let edits =
            vec![ground.edit("sshd", Some(BEFORE), AFTER), ground.edit("su", Some(BEFORE), AFTER)];
        ground.begin(Doing::Enabling, edits);
        fs::remove_file(ground.path("su")).unwrap();
        fs::create_dir(ground.path("su")).unwrap();
        assert!(everything(&ground.site).unwrap_err().to_string().contains("/etc/pam.d/su"));
        assert_eq!(ground.text("sshd"), BEFORE);
        fs::remove_dir(ground.path("su")).unwrap();
        assert_eq!(ground.undo(), [Undone::AsBefore, Undone::PutBack]);
    }

    #[test]
    fn a_line_is_known_by_its_module_and_goes_as_a_whole() {
        let text = b"# auth required pam_twinlock.so\nauth required \\\n  pam_twinlock.so debug\n\
                     account required pam_twinlock.so\n\
                     -auth [default=bad] /lib/security/pam_twinlock.so\n";
        assert_eq!(lines_of_module(text), [2, 3, 5]);
        assert_eq!(lines_of_module(b"auth required pam_unix.so\xff\n"), Vec::<usize>::new());
    }
}
