//! What sshd says the claimant has proved before it asked PAM.
//!
//! sshd (`expose_authinfo` in its auth-pam.c) puts `SSH_AUTH_INFO_0` into the PAM environment: one
//! line for each method that succeeded, `method[/submethod] [details]`, for example
//! `publickey ssh-ed25519 AAAA...`.
//!
//! Why it can be believed. The PAM environment is a list inside libpam, empty at `pam_start`; the
//! process's own environment, which the caller of sudo writes, is never looked at. Only the host and
//! the modules before this one can add to the list. Those that copy what a user may write, such as
//! pam_env and its `~/.pam_environment`, do so for credentials and sessions, after everything here.
//! And the variable counts under sshd alone, known by the PAM_TTY `ssh` that it sets on Linux
//! whatever its service is called: sshd writes the variable anew, empty or not, before each
//! keyboard-interactive stack, over whatever stood there.

/// The PAM_TTY of every login through sshd.
const SSHD_TTY: &str = "ssh";

/// Methods that prove something without PAM. Not `password` and `keyboard-interactive`: their proof
/// is a yes of the very stack this module stands in, so it may be this module's own yes. Not `none`,
/// which proves nothing. Not a word OpenSSH does not have.
const METHODS: [&str; 4] = ["publickey", "hostbased", "gssapi-with-mic", "gssapi-keyex"];

/// The first method in `auth_info`, the value of `SSH_AUTH_INFO_0`, that is a first factor of its
/// own in a login whose PAM_TTY is `tty`.
pub(crate) fn proved_to_sshd(tty: Option<&str>, auth_info: &[u8]) -> Option<&'static str> {
    if tty != Some(SSHD_TTY) {
        return None;
    }
    auth_info.split(|&byte| byte == b'\n').find_map(|line| {
        let method = line.split(|&byte| byte == b' ').next()?;
        METHODS.into_iter().find(|known| known.as_bytes() == method)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE\n";

    #[test]
    fn a_public_key_that_sshd_has_checked_is_a_first_factor() {
        assert_eq!(proved_to_sshd(Some("ssh"), KEY), Some("publickey"));
        let both = [b"keyboard-interactive/pam\nnone\n", KEY].concat();
        assert_eq!(proved_to_sshd(Some("ssh"), &both), Some("publickey"));
        for method in METHODS {
            assert_eq!(proved_to_sshd(Some("ssh"), method.as_bytes()), Some(method));
        }
    }

    #[test]
    fn a_yes_of_this_very_stack_is_no_first_factor() {
        for line in ["keyboard-interactive/pam\n", "keyboard-interactive\n", "password\n"] {
            assert_eq!(proved_to_sshd(Some("ssh"), line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn nothing_and_what_sshd_does_not_write_is_no_first_factor() {
        for line in [
            &b""[..],
            b"\n\n",
            b"none\n",
            b"Publickey\n",
            b" publickey\n",
            b"publickey/x\n",
            b"publickeys\n",
            b"publickey\r\n",
            b"public\0key",
            b"pub\xffkey",
            b"x publickey\n",
        ] {
            assert_eq!(proved_to_sshd(Some("ssh"), line), None, "{line:?}");
        }
    }

    #[test]
    fn only_sshd_is_believed() {
        for tty in [None, Some(""), Some("pts/0"), Some("ssh "), Some("SSH")] {
            assert_eq!(proved_to_sshd(tty, KEY), None, "{tty:?}");
        }
    }
}
