//! sudo, with a password and a one-time code.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::{Host, User, command::as_user, pam};

/// What sudo prints when it asks for the password here.
pub const PASSWORD_PROMPT: &str = "[sudo] password: ";

/// Lets every ordinary account become root by the rules of `/etc/pam.d/sudo`.
pub(crate) fn settle() {
    let rules = format!(
        "Defaults env_reset, passprompt=\"{PASSWORD_PROMPT}\"\n\
         Defaults secure_path=\"{}\"\n\
         ALL ALL=(ALL:ALL) ALL\n",
        crate::sandbox::PATH
    );
    fs::write("/etc/sudoers", rules).unwrap();
    fs::set_permissions("/etc/sudoers", fs::Permissions::from_mode(0o440)).unwrap();
}

impl Host {
    /// Makes sudo ask for a one-time code after the password, with a login shell (`sudo -i`, which
    /// is a PAM service of its own) and without.
    pub fn sudo_asks_for_a_code(&self) {
        pam::password_and_code("sudo");
        pam::password_and_code("sudo-i");
    }

    /// `sudo ARGUMENTS…` called by `user`, who is asked again every time.
    #[must_use]
    pub fn sudo(&self, user: &User, arguments: &[&str]) -> Command {
        let mut command = as_user(user, "sudo");
        command.arg("--reset-timestamp").args(arguments);
        command
    }
}
