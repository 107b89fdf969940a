//! Stacks for the tests: Debian's and Red Hat's files, as they ship them, and the recipes of the README.

use std::{fs, path::Path};

use crate::pam_config::{Kind, Stack, Tree};

/// What pam-auth-update makes on Debian 12.
pub(super) const COMMON_AUTH: &str = "\
auth\t[success=1 default=ignore]\tpam_unix.so nullok
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
";
/// What authselect makes on Red Hat's, profile sssd.
pub(super) const PASSWORD_AUTH: &str = "\
auth        required                                     pam_env.so
auth        required                                     pam_faildelay.so delay=2000000
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        [default=1 ignore=ignore success=ok]         pam_localuser.so
auth        sufficient                                   pam_unix.so nullok
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        sufficient                                   pam_sss.so forward_pass
auth        required                                     pam_deny.so
";
/// Debian's services, remarks and session lines left out.
pub(super) const SERVICES: [(&str, &str); 7] = [
    ("common-auth", COMMON_AUTH),
    ("other", "@include common-auth\n"),
    ("sshd", "@include common-auth\naccount required pam_nologin.so\n"),
    ("sudo", "session required pam_limits.so\n@include common-auth\n"),
    ("sudo-i", "session required pam_limits.so\n@include common-auth\n"),
    ("su", "auth sufficient pam_rootok.so\n@include common-auth\n"),
    ("su-l", "auth include su\n"),
];

/// A private root directory with these files in `/etc/pam.d`.
pub(super) struct Planted {
    root: tempfile::TempDir,
    pub(super) tree: Tree,
}

impl Planted {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/pam.d")).unwrap();
        let tree = Tree::at(root.path());
        let planted = Self { root, tree };
        for (name, text) in files {
            planted.write(&format!("/etc/pam.d/{name}"), text);
        }
        planted
    }

    /// Debian's files.
    pub(super) fn debian() -> Self {
        Self::new(&SERVICES)
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.tree.on_disk(Path::new(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts the README's recipe in the place of the line that includes the password.
    pub(super) fn with_recipe(self, service: &str, recipe: &str) -> Self {
        let path = format!("/etc/pam.d/{service}");
        let shipped = fs::read_to_string(self.tree.on_disk(Path::new(&path))).unwrap();
        let lines = crate::doctor::planted::recipe(recipe);
        self.write(&path, &shipped.replacen("@include common-auth", lines.trim_end(), 1));
        self
    }
}

/// The auth stack of `service` among these files.
pub(super) fn stack(files: &[(&str, &str)], service: &str) -> Stack {
    Planted::new(files).tree.stack(service, Kind::Auth)
}

/// The lines of the README's code block whose opening fence says `conf NAME`.
pub(super) fn recipe(name: &str) -> &'static str {
    const README: &str = include_str!("../../../README.md");
    let (_, block) = README.split_once(&format!("```conf {name}\n")).unwrap();
    block.split_once("```").unwrap().0
}
