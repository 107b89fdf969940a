//! Who may write the files that decide about logins.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::finding::Finding;
use crate::{ownership, pam_config::Tree};

const WRITABLE_BY_ALL: u32 = 0o002;
/// Where files belong that decide about logins; authselect's links lead to the first.
const HOMES: [&str; 4] = ["/etc", "/usr", "/lib", "/lib64"];

/// A file or directory as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: u32,
}

/// A symbolic link on the way to a file, and where it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) path: PathBuf,
    pub(super) target: PathBuf,
}

/// Files, links that lead to them, and all directories they lie in, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    pub(super) seen: Vec<Seen>,
    pub(super) links: Vec<Link>,
}

impl Inventory {
    /// Looks at `paths` of the host below `tree`. Those that are missing are left out.
    pub(super) fn of<'p>(tree: &Tree, paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut inventory = Self::default();
        let mut known = BTreeSet::new();
        for path in paths {
            let is_link =
                fs::symlink_metadata(tree.on_disk(path)).is_ok_and(|about| about.is_symlink());
            inventory.with_ancestors(tree, path, &mut known);
            if !is_link {
                continue;
            }
            // Only the host's own root has links that lead where they say.
            if let Ok(target) = fs::canonicalize(tree.on_disk(path)) {
                inventory.with_ancestors(tree, &target, &mut known);
                inventory.links.push(Link { path: path.to_owned(), target });
            }
        }
        inventory
    }

    fn with_ancestors(&mut self, tree: &Tree, path: &Path, known: &mut BTreeSet<PathBuf>) {
        for path in path.ancestors() {
            if !known.insert(path.to_owned()) {
                return;
            }
            let Ok(about) = fs::metadata(tree.on_disk(path)) else { continue };
            self.seen.push(Seen {
                path: path.to_owned(),
                is_directory: about.is_dir(),
                owner: about.uid(),
                group: about.gid(),
                mode: about.mode(),
            });
        }
    }
}

/// What somebody other than root may write.
pub(super) fn findings(inventory: &Inventory) -> Vec<Finding> {
    let mut findings: Vec<_> = inventory.seen.iter().filter_map(of_one).collect();
    for link in &inventory.links {
        if !HOMES.iter().any(|home| link.target.starts_with(home)) {
            findings.push(
                Finding::warning(
                    "link-elsewhere",
                    format!("It is a link to {}.", link.target.display()),
                    "What decides about logins lies where nobody looks for it, perhaps on a file system \
                     that is not always there.",
                    "Put the file itself in its place.",
                )
                .in_file(&link.path),
            );
        }
    }
    findings
}

fn of_one(seen: &Seen) -> Option<Finding> {
    if ownership::is_roots_alone(seen.owner, seen.mode) {
        return None;
    }
    let path = seen.path.display();
    let kind = if seen.is_directory { "directory" } else { "file" };
    let finding = if seen.owner != 0 {
        Finding::problem(
            "not-roots",
            format!("The {kind} belongs to uid {}.", seen.owner),
            "That account decides who gets in, and as whom.",
            format!("`chown root: {path}`, after a look at what stands there."),
        )
    } else if seen.mode & WRITABLE_BY_ALL != 0 {
        Finding::problem(
            "writable-by-others",
            format!("Everybody may write the {kind}."),
            "Anybody on this host decides who gets in, and as whom.",
            format!("`chmod o-w {path}`, after a look at what stands there."),
        )
    } else {
        Finding::problem(
            "writable-by-others",
            format!("The group with gid {} may write the {kind}.", seen.group),
            "Its members decide who gets in, and as whom.",
            format!("`chmod g-w {path}`, after a look at what stands there."),
        )
    };
    Some(finding.in_file(&seen.path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::doctor::planted::Planted;

    fn name(owner: u32, group: u32, mode: u32) -> Option<(&'static str, String)> {
        let path = PathBuf::from("/etc/pam.d/sshd");
        let seen = Seen { path, is_directory: false, owner, group, mode };
        of_one(&seen).map(|finding| (finding.name, finding.advice))
    }

    #[test]
    fn what_root_alone_may_write_is_in_order() {
        for (group, mode) in [(0, 0o644), (42, 0o640), (0, 0o1755)] {
            assert_eq!(name(0, group, mode), None, "{group} {mode:o}");
        }
    }

    #[test]
    fn what_others_may_write_is_found_with_the_command_that_mends_it() {
        for (owner, group, mode, expected, advice) in [
            (1000, 0, 0o644, "not-roots", "chown root: /etc/pam.d/sshd"),
            (0, 0, 0o646, "writable-by-others", "chmod o-w /etc/pam.d/sshd"),
            (0, 42, 0o664, "writable-by-others", "chmod g-w /etc/pam.d/sshd"),
            (0, 0, 0o664, "writable-by-others", "chmod g-w /etc/pam.d/sshd"),
            (0, 0, 0o1777, "writable-by-others", "chmod o-w /etc/pam.d/sshd"),
        ] {
            let (name, told) = name(owner, group, mode).unwrap();
            assert_eq!(name, expected);
            assert!(told.contains(advice), "{told}");
        }
    }

    #[test]
    fn a_file_is_looked_at_with_all_its_directories_once() {
        let planted = Planted::new(&[("sshd", ""), ("sudo", "")]);
        let paths = ["/etc/pam.d/sshd", "/etc/pam.d/sudo", "/etc/gone"].map(Path::new);
        fs::set_permissions(
            planted.tree.on_disk(Path::new("/etc/pam.d")),
            fs::Permissions::from_mode(0o777),
        )
        .unwrap();
        let inventory = Inventory::of(&planted.tree, paths);
        let seen: Vec<_> = inventory.seen.iter().map(|seen| seen.path.to_str().unwrap()).collect();
        assert_eq!(seen, ["/etc/pam.d/sshd", "/etc/pam.d", "/etc", "/", "/etc/pam.d/sudo"]);
        assert_eq!(inventory.seen[1].mode & 0o777, 0o777);
    }

    #[test]
    fn a_link_is_followed_and_told_when_it_leads_away() {
        let planted = Planted::new(&[]);
        let target = planted.root().join("elsewhere");
        fs::write(&target, "").unwrap();
        symlink(&target, planted.tree.on_disk(Path::new("/etc/pam.d/sshd"))).unwrap();
        let inventory = Inventory::of(&planted.tree, [Path::new("/etc/pam.d/sshd")]);
        assert_eq!(inventory.links.len(), 1);
        let at_home = Link { path: "/etc/pam.d/x".into(), target: "/etc/authselect/x".into() };
        let links = vec![inventory.links[0].clone(), at_home];
        let findings = findings(&Inventory { seen: vec![], links });
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].name, "link-elsewhere");
    }
}
