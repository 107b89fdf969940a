//! PAM stacks: the distribution's own files, and the recipes of the README.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{files, readme};

/// The line of a second factor.
pub const TWINLOCK: &str = "auth required pam_twinlock.so";
/// What the module of [`keeper`] found.
const KEPT: &str = "/run/password-found";
/// The line Debian's services start their first factor with.
const PASSWORD: &str = "@include common-auth";

/// Writes `/etc/pam.d/SERVICE` with these lines and nothing else.
///
/// # Panics
/// When it cannot be written.
pub fn service(name: &str, lines: &[&str]) {
    fs::write(file(name), lines.join("\n") + "\n").unwrap();
}

/// The service `name` as the distribution ships it, with a one-time code after the password, by the
/// README's lines.
///
/// # Panics
/// When the distribution's file does not look like Debian's.
pub fn password_and_code(name: &str) {
    insert(name, name, readme::recipe("pam-password-and-code"));
}

/// The service `name` made from the distribution's `template`, with a one-time code alone, by the
/// README's lines: the first factor is sshd's own.
///
/// # Panics
/// When the distribution's file does not look like Debian's.
pub fn code_alone(template: &str, name: &str) {
    insert(template, name, readme::recipe("pam-key-and-code"));
}

/// The service `name` made from the distribution's `template`, with password and code in one line,
/// by the README's lines.
///
/// # Panics
/// When the distribution's file does not look like Debian's.
pub fn one_line(template: &str, name: &str) {
    insert(template, name, readme::recipe("pam-one-line"));
}

/// The line of a module that keeps the password it finds, and asks for one, `Password: `, only where
/// no module before it left any: what it keeps is what [`password_found`] tells.
///
/// # Panics
/// When its program cannot be written.
#[must_use]
pub fn keeper() -> String {
    const PROGRAM: &str = "/usr/local/bin/keep-password";
    fs::write(PROGRAM, format!("#!/bin/sh\nexec cat > {KEPT}\n")).unwrap();
    fs::set_permissions(PROGRAM, fs::Permissions::from_mode(0o755)).unwrap();
    format!("auth required pam_exec.so expose_authtok quiet {PROGRAM}")
}

/// The password that the module of [`keeper`] found last, byte for byte.
///
/// # Panics
/// When it found none since the last time.
#[must_use]
pub fn password_found() -> Vec<u8> {
    let kept = fs::read(KEPT).expect("a password that was kept");
    fs::remove_file(KEPT).unwrap();
    // Some versions of pam_exec end it as C does.
    kept.strip_suffix(&[0]).unwrap_or(&kept).to_owned()
}

/// Puts `lines` in the place of the one that includes the password.
fn insert(template: &str, name: &str, lines: &str) {
    let shipped = shipped(template);
    assert_eq!(shipped.matches(PASSWORD).count(), 1, "{PASSWORD:?} in the service {template}");
    assert!(lines.contains(PASSWORD), "a recipe shows where it goes:\n{lines}");
    fs::write(file(name), shipped.replacen(PASSWORD, lines.trim_end(), 1)).unwrap();
}

/// The host's own file, unless somebody put a second factor there already.
fn shipped(service: &str) -> String {
    // Some packages keep theirs where an administrator's goes before it.
    let places = [file(service), Path::new("/usr/lib/pam.d").join(service)];
    let text = places.iter().find_map(|path| fs::read_to_string(files::underneath(path)).ok());
    let text = text.expect("a file of the distribution");
    let lines = text.lines().filter(|line| !line.contains("pam_twinlock.so"));
    lines.map(|line| format!("{line}\n")).collect()
}

fn file(service: &str) -> PathBuf {
    Path::new("/etc/pam.d").join(service)
}

/// The shared stacks as Debian makes them for local accounts, without the pause after a wrong
/// password, which every test would sit through.
pub(crate) fn settle() {
    for kind in ["auth", "account", "session", "session-noninteractive", "password"] {
        let phase = kind.split('-').next().unwrap_or(kind);
        let unix = match phase {
            "auth" => "[success=1 default=ignore] pam_unix.so nodelay",
            "account" => "[success=1 new_authtok_reqd=done default=ignore] pam_unix.so",
            "session" => "[default=1] pam_permit.so",
            _ => "[success=1 default=ignore] pam_unix.so obscure",
        };
        let last = if phase == "session" { "session required pam_unix.so\n" } else { "" };
        let stack = format!(
            "{phase} {unix}\n{phase} requisite pam_deny.so\n{phase} required pam_permit.so\n{last}"
        );
        fs::write(file(&format!("common-{kind}")), stack).unwrap();
    }
}
