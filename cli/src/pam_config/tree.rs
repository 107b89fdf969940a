//! Where libpam looks for files, and reading them with a bound.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use super::line::{Line, lines};
use crate::bounded_file;

/// In the order of libpam: the first directory that has the file wins. The last two are where
/// distributions that build libpam with a vendor directory keep theirs; elsewhere they are missing.
pub(crate) const DIRECTORIES: [&str; 4] =
    ["/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d", "/usr/etc/pam.d"];
/// Several times the largest file that distributions ship.
pub(crate) const MOST_BYTES: usize = 128 * 1024;
/// More services than any host has.
const MOST_SERVICES: usize = 1024;

/// The pam.d directories below a root directory, which is `/` but for tests and files that are only
/// planned. Paths are told as the host names them, without the root.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    /// Files as they would be, by the host's names for them.
    planned: BTreeMap<PathBuf, Vec<u8>>,
}

impl Tree {
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), planned: BTreeMap::new() }
    }

    /// The same with a file that holds `content` at `path` of the host, whatever is there now.
    pub(crate) fn with(mut self, path: &Path, content: &[u8]) -> Self {
        self.planned.insert(path.to_owned(), content.to_owned());
        self
    }

    /// Where `path` of the host lies.
    pub(crate) fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The file that a service or an `include` called `name` is read from, if there is one.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        let candidates = DIRECTORIES.iter().map(|directory| Path::new(directory).join(name));
        // An absolute name replaces the directory, as it does for libpam.
        candidates
            .into_iter()
            .find(|path| self.planned.contains_key(path) || self.on_disk(path).exists())
    }

    /// The names of all services, sorted. Programs reach those in lower case only: `pam_start` turns
    /// their names into it.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for directory in DIRECTORIES {
            let Ok(entries) = fs::read_dir(self.on_disk(Path::new(directory))) else { continue };
            let files = entries.flatten().filter(|entry| {
                // Not the entry's own type: a link to a file is a file to libpam.
                fs::metadata(entry.path()).is_ok_and(|about| about.is_file())
            });
            names.extend(files.filter_map(|entry| entry.file_name().into_string().ok()));
        }
        let reachable = names.into_iter().filter(|name| !name.contains(char::is_uppercase));
        reachable.take(MOST_SERVICES).collect()
    }

    /// The lines of the file at `path` of the host.
    pub(crate) fn lines(&self, path: &Path) -> io::Result<Vec<Line>> {
        if let Some(content) = self.planned.get(path) {
            return Ok(lines(&String::from_utf8_lossy(content)));
        }
        let content = bounded_file::content(&self.on_disk(path), MOST_BYTES)?;
        Ok(lines(&String::from_utf8_lossy(&content)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrators_file_wins_over_the_packages() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::at(root.path());
        assert_eq!((tree.file("polkit-1"), tree.services()), (None, vec![]));
        for directory in ["/usr/lib/pam.d", "/etc/pam.d"] {
            let on_disk = tree.on_disk(Path::new(directory));
            fs::create_dir_all(&on_disk).unwrap();
            fs::write(on_disk.join("polkit-1"), format!("auth required {directory}.so\n")).unwrap();
            assert_eq!(tree.file("polkit-1"), Some(Path::new(directory).join("polkit-1")));
            assert_eq!(tree.lines(&tree.file("polkit-1").unwrap()).unwrap().len(), 1);
        }
        assert_eq!(tree.services(), ["polkit-1"]);
    }

    #[test]
    fn a_file_that_is_planned_stands_before_the_one_on_disk() {
        let root = tempfile::tempdir().unwrap();
        let path = Path::new("/etc/pam.d/sshd");
        let tree = Tree::at(root.path()).with(path, b"auth required pam_unix.so\n");
        assert_eq!(tree.file("sshd").as_deref(), Some(path));
        assert_eq!(tree.lines(path).unwrap().len(), 1);
        assert!(!tree.on_disk(path).exists());
    }

    #[test]
    fn a_name_that_no_program_reaches_is_no_service_and_a_link_is_one() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::at(root.path());
        let directory = tree.on_disk(Path::new("/etc/pam.d"));
        fs::create_dir_all(directory.join("subdirectory")).unwrap();
        fs::write(directory.join("SSHD"), "").unwrap();
        fs::write(directory.join("sshd"), "").unwrap();
        std::os::unix::fs::symlink("sshd", directory.join("remote")).unwrap();
        std::os::unix::fs::symlink("gone", directory.join("dangling")).unwrap();
        assert_eq!(tree.services(), ["remote", "sshd"]);
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::at(root.path());
        fs::create_dir_all(tree.on_disk(Path::new("/etc/pam.d"))).unwrap();
        let path = Path::new("/etc/pam.d/large");
        fs::write(tree.on_disk(path), "#".repeat(MOST_BYTES + 1)).unwrap();
        assert!(tree.lines(path).unwrap_err().to_string().contains("larger than"));
    }
}
