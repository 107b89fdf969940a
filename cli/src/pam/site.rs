//! Where the files lie that this command reads and changes.

use std::path::{Path, PathBuf};

use crate::pam_config::Tree;

/// Root's own, and not inside the daemon's: the daemon's service has no say in what is put back.
const STATE: &str = "/var/lib/twinlock-pam";

/// The files below a root directory, which is `/` but for tests.
#[derive(Clone, Debug)]
pub(super) struct Site {
    root: PathBuf,
}

impl Site {
    pub(super) fn host() -> Self {
        Self::at(Path::new("/"))
    }

    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where `path` of the host lies.
    pub(super) fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The directory for what this command has to remember.
    pub(super) fn state(&self) -> PathBuf {
        self.on_disk(Path::new(STATE))
    }

    pub(super) fn tree(&self) -> Tree {
        Tree::at(&self.root)
    }
}
