//! How sshd asks: the choice of the way that suits it, and what stands against it.
//!
//! What is in force is told by `sshd -T`, and its `Match` blocks by its files; both are judged by the
//! doctor. Its settings are never changed here.

use std::{collections::BTreeSet, path::Path};

use super::journal::Way;
use crate::{
    doctor::{
        self,
        finding::Finding,
        people,
        sshd::{ConfigFile, Method, Settings},
    },
    pam_config::{Stack, Tree},
};

/// The service of the README's recipes, and what sshd is called where it was not told another.
const SERVICE: &str = "sshd";

/// What sshd says of itself.
#[derive(Debug)]
pub(super) struct Sshd {
    settings: Settings,
    file: ConfigFile,
    /// Accounts with root's uid, which are no machine's.
    roots: BTreeSet<String>,
}

impl Sshd {
    /// Asks the sshd of this host, whose files lie below `tree`.
    pub(super) fn look(tree: &Tree) -> Result<Self, String> {
        let file = ConfigFile::read(tree, Path::new(doctor::SSHD_CONFIG));
        match doctor::sshd::ask(&file) {
            Some(Ok(settings)) => Ok(Self { settings, file, roots: people::roots(tree) }),
            Some(Err(said)) => Err(format!("`sshd -T` says: {}", said.trim())),
            None => Err("`sshd -T` does not run".to_owned()),
        }
    }

    /// `said` is what `sshd -T` prints.
    #[cfg(test)]
    pub(super) fn new(said: &str, tree: &Tree) -> Self {
        let file = ConfigFile::read(tree, Path::new(doctor::SSHD_CONFIG));
        Self { settings: Settings::parse(said), file, roots: people::roots(tree) }
    }

    /// The code takes the place of the password only where nobody comes to PAM without a key: neither
    /// outside of all `Match` blocks, nor inside any, nor where `sshd -T` was asked as.
    pub(super) fn way(&self) -> Way {
        let outside = self.settings_outside();
        let everywhere = self.file.blocks.iter().map(|block| self.settings.with(block));
        let everywhere: Vec<_> = everywhere.chain(outside).chain([self.settings.clone()]).collect();
        let in_force = self.settings.ways();
        let comes_to_pam = in_force.iter().any(|way| way.iter().any(|method| method.runs_pam()));
        if comes_to_pam && everywhere.iter().all(only_behind_key) {
            Way::Key
        } else {
            Way::Password
        }
    }

    /// What the files say for whom no block names. `sshd -T` tells somebody's settings, who may be in a
    /// block such as `Match Address *,!10.0.0.0/8`.
    fn settings_outside(&self) -> Option<Settings> {
        (!self.file.blocks.is_empty()).then(|| self.file.settings())
    }

    /// All that the doctor would say of sshd if its stack were `stack`.
    pub(super) fn findings(&self, stack: &Stack) -> Vec<Finding> {
        doctor::sshd::findings(&self.settings, &self.file, stack, &self.roots)
    }

    /// Whether it reads another file than this command writes.
    pub(super) fn is_of_other_service(&self) -> bool {
        self.settings.value("pamservicename").is_some_and(|name| name != SERVICE)
    }

    /// The lines to write, for who has to change something.
    pub(super) fn recipe(&self) -> String {
        // Whoever uses keys now goes on with them.
        let by_key = self.way() == Way::Key || !self.settings.is_yes("passwordauthentication");
        let methods =
            if by_key { "publickey,keyboard-interactive:pam" } else { "keyboard-interactive:pam" };
        format!(
            "Write /etc/ssh/sshd_config.d/10-twinlock.conf:\n\n  \
             UsePAM yes\n  KbdInteractiveAuthentication yes\n  PasswordAuthentication no\n  \
             AuthenticationMethods {methods}\n\n\
             then `sshd -t && systemctl reload ssh`, log in once more, and run this again. With\n\
             `publickey,keyboard-interactive:pam` the code is asked for behind a key, with\n\
             `keyboard-interactive:pam` behind the password."
        )
    }
}

/// Whether each way that comes to PAM asks for a key first, and can carry a code.
fn only_behind_key(settings: &Settings) -> bool {
    let ways = settings.ways();
    let mut through_pam = ways.iter().filter(|way| way.iter().any(|method| method.runs_pam()));
    through_pam.all(|way| {
        way.contains(&Method::PublicKey)
            && way.contains(&Method::KeyboardInteractive)
            && !way.contains(&Method::Password)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BEHIND_KEY: &str = "publickey,keyboard-interactive:pam";

    fn settings(methods: &str) -> String {
        format!(
            "port 22\nusepam yes\npubkeyauthentication yes\nkbdinteractiveauthentication yes\n\
             passwordauthentication no\nauthenticationmethods {methods}\n"
        )
    }

    /// The way where `sshd -T` says `methods` and `file` is sshd_config.
    fn way(methods: &str, file: &str) -> Way {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/ssh")).unwrap();
        fs::write(root.path().join("etc/ssh/sshd_config"), file).unwrap();
        Sshd::new(&settings(methods), &Tree::at(root.path())).way()
    }

    #[test]
    fn the_recipes_are_recognised() {
        for (methods, expected) in [
            ("keyboard-interactive:pam", Way::Password),
            (BEHIND_KEY, Way::Key),
            ("publickey,keyboard-interactive hostbased,keyboard-interactive", Way::Key),
            ("publickey,keyboard-interactive:pam keyboard-interactive:pam", Way::Password),
            ("publickey,password,keyboard-interactive", Way::Password),
            ("publickey", Way::Password),
            ("any", Way::Password),
        ] {
            assert_eq!(way(methods, ""), expected, "{methods}");
        }
    }

    #[test]
    fn a_block_that_asks_some_for_no_key_keeps_the_password_for_all() {
        let file = |block: &str| {
            format!(
                "UsePAM yes\nPasswordAuthentication no\nAuthenticationMethods {BEHIND_KEY}\n{block}"
            )
        };
        for block in [
            "Match Address 10.0.0.0/8\n  AuthenticationMethods keyboard-interactive\n",
            "Match User legacy\n  PasswordAuthentication yes\n  AuthenticationMethods password\n",
            "Match User x\n  X11Forwarding no\nMatch Group y\n  AuthenticationMethods any\n",
        ] {
            assert_eq!(way(BEHIND_KEY, &file(block)), Way::Password, "{block}");
        }
        for block in [
            "",
            "Match User git\n  X11Forwarding no\n",
            "Match User backup\n  AuthenticationMethods publickey\n",
            "Match Group admins\n  AuthenticationMethods publickey,keyboard-interactive\n",
        ] {
            assert_eq!(way(BEHIND_KEY, &file(block)), Way::Key, "{block}");
        }
        // What `sshd -T` was asked as is in this block, and others are not.
        let but_some =
            format!("Match Address *,!10.0.0.0/8\n  AuthenticationMethods {BEHIND_KEY}\n");
        assert_eq!(way(BEHIND_KEY, &format!("UsePAM yes\n{but_some}")), Way::Password);
    }

    #[test]
    fn the_lines_to_write_keep_keys_where_there_is_no_password() {
        let recipe = |said: &str| Sshd::new(said, &Tree::at(Path::new("/nowhere"))).recipe();
        let keys = settings("any");
        assert!(
            recipe(&keys)
                .contains("\n  AuthenticationMethods publickey,keyboard-interactive:pam\n")
        );
        let passwords = keys.replace("passwordauthentication no", "passwordauthentication yes");
        assert!(
            recipe(&passwords).contains("\n  AuthenticationMethods keyboard-interactive:pam\n")
        );
    }
}
