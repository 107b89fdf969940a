//! sudo: whether its settings lead round the stack that asks for the code.
//!
//! Read from the sudoers files themselves: `sudo -V` does not tell these settings, `cvtsudoers` is
//! missing from sudo-rs and names no lines. Rules from LDAP or sssd are not seen.

mod sudoers;

use super::{finding::Finding, stacks};
use crate::pam_config::{Kind, Stack, Tree};

pub(crate) use sudoers::{Said, Sudoers};

/// What sudo remembers a success for is told from here on, in minutes.
const LONG_MINUTES: f64 = 60.0;
/// Cloud images have a few; more tell nothing new.
const MOST_LINES: usize = 16;

/// Everything that is to be said about sudo. Nothing when no stack of sudo asks for a code.
pub(crate) fn findings(tree: &Tree, sudoers: &Sudoers, with_code: &[Stack]) -> Vec<Finding> {
    if !with_code.iter().any(|stack| stack.service == "sudo" || stack.service == "sudo-i") {
        return Vec::new();
    }
    let found = sudoers.said.iter().filter_map(|said| {
        let finding = match said {
            Said::Setting { place, whom, name, value } => {
                setting(tree, whom, name, value.as_deref())?.at(place)
            }
            Said::WithoutPassword { place } => without_password("`NOPASSWD`").at(place),
        };
        Some(finding.of_service("sudo"))
    });
    found.take(MOST_LINES).collect()
}

fn setting(tree: &Tree, whom: &str, name: &str, value: Option<&str>) -> Option<Finding> {
    match (name, value) {
        ("pam_service" | "pam_login_service" | "pam_askpass_service", Some(service)) => {
            other_service(tree, name, service)
        }
        ("exempt_group", Some(group)) => Some(Finding::warning(
            "sudo-exempts-group",
            format!(
                "`exempt_group` lets the members of {group} off the password, and so off the code."
            ),
            "Whoever takes over a session of theirs is root, and nothing is asked.",
            "Take the setting out.",
        )),
        ("!authenticate", _) if whom.is_empty() => Some(Finding::warning(
            "sudo-asks-nobody",
            "`!authenticate` holds for everybody.",
            "sudo asks for no password and no code.",
            "Take the setting out, or limit it: `Defaults:NAME !authenticate`.",
        )),
        ("!authenticate", _) => Some(without_password("`!authenticate`")),
        ("passprompt_override", _) => Some(Finding::warning(
            "sudo-prompt-replaced",
            "`passprompt_override` puts sudo's own prompt in the place of the module's.",
            "People are asked for a password where the code is meant, and no text of Twinlock is shown.",
            "Take the setting out.",
        )),
        ("!timestamp_timeout", _) => None,
        ("timestamp_timeout", Some(value)) => remembers(value.parse().ok()?),
        _ => None,
    }
}

fn other_service(tree: &Tree, name: &str, service: &str) -> Option<Finding> {
    if stacks::asks_for_code(&tree.stack(service, Kind::Auth)) {
        return None;
    }
    Some(Finding::problem(
        "sudo-other-service",
        format!("sudo uses the PAM service {service} (`{name}`), whose stack asks for no code."),
        "Whoever calls sudo that way is asked for no code.",
        format!("`sudo twinlock pam enable {service} --try 120s`, or take the setting out."),
    ))
}

fn without_password(word: &str) -> Finding {
    Finding::note(
        "sudo-without-password",
        format!("{word} asks for nothing, and so for no code."),
        "Whoever the line is about needs neither.",
        "Take it out where that is not meant.",
    )
}

fn remembers(minutes: f64) -> Option<Finding> {
    if minutes < 0.0 {
        return Some(Finding::warning(
            "sudo-remembers",
            "`timestamp_timeout` is negative: sudo asks once until the next start of the host.",
            "A session that is taken over later is asked for no code.",
            "Write `Defaults timestamp_timeout=5`, or 0 to be asked every time.",
        ));
    }
    (minutes > LONG_MINUTES).then(|| {
        Finding::note(
            "sudo-remembers",
            format!("sudo asks again only after {minutes} minutes."),
            "A session that is taken over meanwhile is asked for no code.",
            "Write `Defaults timestamp_timeout=5`, or 0 to be asked every time.",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::doctor::planted::Planted;

    /// `name file:line` of each.
    fn told(sudoers: &str) -> Vec<String> {
        let planted = Planted::debian()
            .with_recipe("sudo", "pam-password-and-code")
            .with_recipe("sudo-i", "pam-password-and-code");
        planted.write("/etc/sudoers", sudoers);
        let with_code = stacks::with_code(&planted.tree);
        let sudoers = Sudoers::read(&planted.tree, Path::new("/etc/sudoers"));
        let findings = findings(&planted.tree, &sudoers, &with_code);
        let told = findings.iter().map(|one| format!("{} {}", one.name, one.line.unwrap()));
        told.collect()
    }

    #[test]
    fn nothing_is_wrong_with_debians_file() {
        let shipped = "Defaults\tenv_reset\nDefaults\tmail_badpass\nDefaults\tsecure_path=\"/a:/b\"\n\
                       Defaults\tuse_pty\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n\
                       @includedir /etc/sudoers.d\n";
        assert_eq!(told(shipped), Vec::<String>::new());
    }

    #[test]
    fn each_planted_fault_is_found_on_its_line() {
        for (line, expected) in [
            ("Defaults pam_service=su", "sudo-other-service 2"),
            ("Defaults env_reset, pam_login_service = \"su\"", "sudo-other-service 2"),
            ("Defaults pam_askpass_service=su", "sudo-other-service 2"),
            ("Defaults exempt_group = wheel", "sudo-exempts-group 2"),
            ("Defaults !authenticate", "sudo-asks-nobody 2"),
            ("Defaults:alice !authenticate", "sudo-without-password 2"),
            ("alice ALL=(ALL) NOPASSWD: ALL", "sudo-without-password 2"),
            ("Defaults passprompt_override", "sudo-prompt-replaced 2"),
            ("Defaults timestamp_timeout=-1", "sudo-remembers 2"),
            ("Defaults timestamp_timeout=90.5", "sudo-remembers 2"),
        ] {
            assert_eq!(told(&format!("# x\n{line}\n")), [expected], "{line}");
        }
        for line in [
            "Defaults pam_service=sudo-i",
            "Defaults timestamp_timeout=15",
            "Defaults !passprompt_override",
            "Defaults !exempt_group",
            "#alice ALL=(ALL) NOPASSWD: ALL",
            "alice ALL=(ALL) PASSWD: ALL # NOPASSWD:",
        ] {
            assert_eq!(told(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_sudo_that_asks_for_no_code_is_left_alone() {
        let planted = Planted::debian();
        planted.write("/etc/sudoers", "Defaults !authenticate\n");
        let sudoers = Sudoers::read(&planted.tree, Path::new("/etc/sudoers"));
        assert!(findings(&planted.tree, &sudoers, &[]).is_empty());
    }
}
