//! `twinlock doctor`: what is wrong with this host, what could happen, and what to type.
//!
//! Gathering stands here and judging in the other files, which take what was gathered and are tested
//! without a host.
//!
//! | room | what it judges |
//! |---|---|
//! | [`stacks`], [`dispatch`], [`modules`], [`module_options`] | the PAM stacks that name the module |
//! | [`sshd`], [`sudo`] | what leads round them |
//! | [`files`] | who may write what decides about logins |
//! | [`host`], [`people`] | clock, disk, local accounts |
//! | [`installation`], [`daemon`], [`policy`] | the daemon, its files and what it says |
//! | [`finding`], [`report`] | one thing that was found, and all of them |
//! | [`program`] | running sshd and systemctl |

mod daemon;
pub(crate) mod dispatch;
mod files;
pub(crate) mod finding;
mod host;
mod installation;
mod module_options;
mod modules;
pub(crate) mod people;
mod policy;
pub(crate) mod program;
mod report;
pub(crate) mod sshd;
pub(crate) mod stacks;
pub(crate) mod sudo;

#[cfg(test)]
mod planted;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::unistd::{Group, User, geteuid};
use twinlock_interface::Scope;

use crate::{
    failure::Failure,
    output::Format,
    pam_config::{Kind, Stack, Tree},
};
use daemon::Told;
use finding::Finding;
use host::Host;
use policy::{Known, Service};
use report::Report;
use sshd::ConfigFile;
use stacks::Circumstances;
use sudo::Sudoers;

pub(crate) const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";
pub(crate) const SUDOERS: &str = "/etc/sudoers";
/// For the names in all rules together.
const LOOKING_UP: Duration = Duration::from_secs(10);

pub(crate) fn run(format: Format) -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Err(Failure::needs_root("Only root can read all that is to be looked at."));
    }
    examine(&Tree::at(Path::new("/"))).write(format)
}

/// Looks at everything there is below `tree`, and at the daemon of this host.
fn examine(tree: &Tree) -> Report {
    let with_code = stacks::with_code(tree);
    let told = daemon::ask(people::local(tree));
    let host = Host::look(Path::new(installation::STATE));
    let sshd_config = ConfigFile::read(tree, Path::new(SSHD_CONFIG));
    let asked = sshd::ask(&sshd_config);
    let sudoers = Sudoers::read(tree, Path::new(SUDOERS));

    let settings = asked.as_ref().map(|asked| match asked {
        Ok(settings) => settings.clone(),
        Err(_) => sshd_config.settings(),
    });
    let sshd_service = sshd::service(settings.as_ref());
    let enrollment_is_open =
        told.as_ref().is_ok_and(|told| policy::enrollment_is_open(&told.policy, host.now));
    let circumstances = Circumstances { sshd_service: &sshd_service, enrollment_is_open };

    let mut findings = stacks::findings(tree, &with_code, circumstances);
    if let Some(settings) = &settings {
        let stack = tree.stack(&sshd_service, Kind::Auth);
        if let Some(Err(said)) = &asked {
            findings.extend(sshd::invalid(said, &sshd_config, &stack));
        }
        let mut people = people::roots(tree);
        people.extend(told.iter().flat_map(Told::enrolled));
        findings.extend(sshd::findings(settings, &sshd_config, &stack, &people));
    }
    findings.extend(sudo::findings(tree, &sudoers, &with_code));
    findings.extend(people::empty_passwords(tree, &with_code));
    findings.extend(host::findings(&host));

    let line = with_code.iter().flat_map(|stack| &stack.steps).find(|step| step.is(modules::OURS));
    findings.extend(installation::findings(tree, line, told.is_ok()));
    findings.extend(installation::unit());
    match &told {
        Ok(told) => {
            let let_off = settings.as_ref().map(|set| sshd::machine_accounts(set, &sshd_config));
            findings.extend(of_policy(tree, told, &let_off.unwrap_or_default(), host.now));
        }
        Err(failure) => findings.push(daemon::silent(failure)),
    }
    let paths = deciding_files(tree, &with_code, &sshd_service, &sshd_config, &sudoers);
    let inventory = files::Inventory::of(tree, paths.iter().map(PathBuf::as_path));
    findings.extend(files::findings(&inventory));
    if with_code.is_empty() {
        findings.push(Finding::note(
            "not-switched-on",
            "No file in /etc/pam.d asks for a code.",
            "Nobody is asked for one.",
            "sshd's settings first, as the README shows; then `sudo twinlock pam enable sshd sudo --try 120s`.",
        ));
    }
    let services = with_code.into_iter().map(|stack| stack.service).collect();
    Report::new(finding::in_order(findings), services)
}

fn of_policy(tree: &Tree, told: &Told, let_off: &BTreeSet<String>, now: u64) -> Vec<Finding> {
    let service = |name: &str| {
        // As pam_start does it.
        let name = name.to_ascii_lowercase();
        if stacks::asks_for_code(&tree.stack(&name, Kind::Auth)) {
            Service::AsksForCode
        } else if tree.file(&name).is_some() {
            Service::AsksForNone
        } else {
            Service::Unknown
        }
    };
    let begin = Instant::now();
    let is_known = |scope, name: &str| match scope {
        Scope::Everyone => Some(true),
        // Each of them may wait for a directory that is down.
        _ if begin.elapsed() > LOOKING_UP => None,
        Scope::Group => Group::from_name(name).ok().map(|group| group.is_some()),
        Scope::User => User::from_name(name).ok().map(|user| user.is_some()),
    };
    let known = Known { now, service: &service, is_known: &is_known };
    let mut findings = policy::findings(&told.policy, &known);
    match &told.accounts {
        Ok(accounts) => {
            let people = accounts.iter().filter(|account| !let_off.contains(&account.user));
            findings.extend(policy::unenrolled(&told.policy, &people.collect::<Vec<_>>(), now));
        }
        Err(failure) => findings.push(daemon::accounts_untold(failure)),
    }
    findings
}

/// The files that decide about the logins that ask for a code.
fn deciding_files(
    tree: &Tree,
    with_code: &[Stack],
    sshd_service: &str,
    sshd_config: &ConfigFile,
    sudoers: &Sudoers,
) -> Vec<PathBuf> {
    let mut paths = installation::files(tree);
    for stack in with_code {
        for kind in Kind::ALL {
            paths.extend(tree.stack(&stack.service, kind).files);
        }
        match stack.service.as_str() {
            service if service == sshd_service => paths.extend(sshd_config.files.iter().cloned()),
            "sudo" | "sudo-i" => paths.extend(sudoers.files.iter().cloned()),
            _ => {}
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use planted::Planted;

    #[test]
    fn settings_decide_about_logins_whatever_the_services_are_called() {
        for (service, settings) in
            [("ssh-lan", SSHD_CONFIG), ("sudo", SUDOERS), ("sudo-i", SUDOERS)]
        {
            let planted = Planted::new(&[(service, "auth required pam_twinlock.so\n")]);
            planted.write(SSHD_CONFIG, "PAMServiceName ssh-lan\n");
            planted.write(SUDOERS, "");
            let tree = &planted.tree;
            let sshd_config = ConfigFile::read(tree, Path::new(SSHD_CONFIG));
            let sudoers = Sudoers::read(tree, Path::new(SUDOERS));
            let with_code = stacks::with_code(tree);
            let files = deciding_files(tree, &with_code, "ssh-lan", &sshd_config, &sudoers);
            let both = [SSHD_CONFIG, SUDOERS].map(PathBuf::from);
            let told: Vec<_> = both.into_iter().filter(|path| files.contains(path)).collect();
            assert_eq!(told, [PathBuf::from(settings)], "{service}");
        }
    }
}
