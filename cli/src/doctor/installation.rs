//! What `make install` puts in place, and what the daemon keeps: activation, bus policy, module, database
//! and key.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use twinlock_interface::names::BUS_NAME;

use super::{finding::Finding, modules::OURS, program};
use crate::{
    bounded_file,
    pam_config::{Call, Place, Step, Tree},
};

/// Where the daemon keeps its files.
pub(super) const STATE: &str = "/var/lib/twinlock";
/// Where `twinlock pam` notes a change of /etc/pam.d until it is done.
const JOURNAL: &str = "/var/lib/twinlock-pam/journal.json";
/// Where dbus-daemon looks for programs to start.
const ACTIVATIONS: [&str; 2] =
    ["/usr/local/share/dbus-1/system-services", "/usr/share/dbus-1/system-services"];
/// Where it reads policies.
const POLICIES: [&str; 2] = ["/usr/share/dbus-1/system.d", "/etc/dbus-1/system.d"];
/// Where libraries lie; modules are in `security` there, or in that of an architecture's directory.
const LIBRARIES: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];
const MOST_BYTES: usize = 64 * 1024;
/// 64 hex digits, with or without the end of a line.
const KEY_BYTES: [u64; 3] = [64, 65, 66];
const READABLE_BY_OTHERS: u32 = 0o077;

/// Everything that is to be said about bus, module and daemon as files. `step` is one that names the
/// module.
pub(super) fn findings(tree: &Tree, step: Option<&Step>, daemon_answers: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(activation(tree));
    findings.extend(bus_policy(tree));
    findings.extend(step.and_then(|step| module(tree, step)));
    findings.extend(state(&look_at_state(tree), daemon_answers));
    findings.extend(unfinished(tree));
    findings
}

/// A trial that runs, or a change that was cut off.
fn unfinished(tree: &Tree) -> Option<Finding> {
    let is_there = tree.on_disk(Path::new(JOURNAL)).exists();
    let finding = Finding::warning(
        "change-not-finished",
        "A change of `twinlock pam` is on trial, or was cut off.",
        "What is found here may be put back at any time, and at the next start of the host at the latest.",
        "`twinlock pam status` shows it. `sudo twinlock pam confirm` keeps what is on trial, `sudo \
         twinlock pam restore` puts it back.",
    );
    is_there.then(|| finding.in_file(Path::new(JOURNAL)))
}

/// The files of the installation whose owner and mode matter.
pub(super) fn files(tree: &Tree) -> Vec<PathBuf> {
    let named = |directories: &[&str], name: &str| -> Vec<PathBuf> {
        let paths = directories.iter().map(|directory| Path::new(directory).join(name));
        paths.filter(|path| tree.on_disk(path).exists()).collect()
    };
    let mut files = named(&ACTIVATIONS, &format!("{BUS_NAME}.service"));
    files.extend(named(&POLICIES, &format!("{BUS_NAME}.conf")));
    files.extend(module_path(tree));
    files.extend(daemon_path(tree));
    files.push("/etc/twinlock/twinlock.toml".into());
    files
}

fn activation_file(tree: &Tree) -> Option<PathBuf> {
    let name = format!("{BUS_NAME}.service");
    let mut paths = ACTIVATIONS.iter().map(|directory| Path::new(directory).join(&name));
    paths.find(|path| tree.on_disk(path).exists())
}

/// The program that the activation file starts, with the number of the line that names it.
fn started(tree: &Tree, file: &Path) -> Option<(PathBuf, usize)> {
    let text = bounded_file::content(&tree.on_disk(file), MOST_BYTES).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().zip(1..).find_map(|(line, number)| {
        let command = line.trim().strip_prefix("Exec=")?;
        Some((PathBuf::from(command.split_whitespace().next()?), number))
    })
}

fn daemon_path(tree: &Tree) -> Option<PathBuf> {
    started(tree, &activation_file(tree)?).map(|(program, _)| program)
}

fn activation(tree: &Tree) -> Option<Finding> {
    let risk = "The bus does not start the daemon, and every login that needs a code is refused.";
    let advice = "Install Twinlock again: `sudo make install`, or the package.";
    let Some(file) = activation_file(tree) else {
        let what =
            format!("The file {BUS_NAME}.service, by which the bus starts the daemon, is missing.");
        let directory = Path::new("/usr/share/dbus-1/system-services");
        return Some(Finding::problem("activation-missing", what, risk, advice).in_file(directory));
    };
    let Some((program, line)) = started(tree, &file) else {
        let what = "The file names no program to start.";
        return Some(Finding::problem("activation-broken", what, risk, advice).in_file(&file));
    };
    let runs = fs::metadata(tree.on_disk(&program))
        .is_ok_and(|about| about.is_file() && about.mode() & 0o111 != 0);
    if runs {
        return None;
    }
    let what = format!("The bus is to start {}, which is no program.", program.display());
    let place = Place { file, line };
    Some(Finding::problem("activation-broken", what, risk, advice).at(&place))
}

fn bus_policy(tree: &Tree) -> Option<Finding> {
    let name = format!("{BUS_NAME}.conf");
    let mut paths = POLICIES.iter().map(|directory| Path::new(directory).join(&name));
    if paths.any(|path| tree.on_disk(&path).exists()) {
        return None;
    }
    let finding = Finding::problem(
        "bus-policy-missing",
        format!("The file {name}, by which the bus lets calls through to the daemon, is missing."),
        "The bus refuses the daemon its name, and every login that needs a code is refused.",
        "Install Twinlock again: `sudo make install`, or the package.",
    );
    Some(finding.in_file(Path::new("/usr/share/dbus-1/system.d")))
}

/// Directories with libpam's own modules. A host with several architectures has several.
fn module_directories(tree: &Tree) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for library in LIBRARIES.map(Path::new) {
        directories.push(library.join("security"));
        let Ok(entries) = fs::read_dir(tree.on_disk(library)) else { continue };
        let names = entries.flatten().map(|entry| entry.file_name());
        let of_architectures = names.filter(|name| name.to_string_lossy().contains("-linux-"));
        directories.extend(of_architectures.map(|name| library.join(name).join("security")));
    }
    directories.retain(|directory| tree.on_disk(&directory.join("pam_unix.so")).exists());
    directories
}

/// The module beside libpam's own.
fn module_path(tree: &Tree) -> Option<PathBuf> {
    let modules = module_directories(tree).into_iter().map(|directory| directory.join(OURS));
    modules.into_iter().find(|path| tree.on_disk(path).exists())
}

fn module(tree: &Tree, step: &Step) -> Option<Finding> {
    let Call::Module { module, .. } = &step.call else { return None };
    let is_there = if module.starts_with('/') {
        tree.on_disk(Path::new(module)).exists()
    } else {
        // Where libpam cannot be found, nothing can be said.
        module_path(tree).is_some() || module_directories(tree).is_empty()
    };
    if is_there {
        return None;
    }
    let finding = Finding::problem(
        "module-missing",
        format!("The line names {module}, which does not lie where libpam looks for it."),
        "Every login through the line is refused.",
        "Install Twinlock again, with PAMDIR set if need be, or take the line out.",
    );
    Some(finding.at(&step.place))
}

/// The state of the systemd unit, where systemd runs the host.
pub(super) fn unit() -> Option<Finding> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let said = program::run(
        &["/usr/bin/systemctl", "/bin/systemctl"],
        &["show", "--property=LoadState,ActiveState,Result", "twinlockd.service"],
    )?;
    unit_state(&said.stdout)
}

fn unit_state(properties: &str) -> Option<Finding> {
    let value = |name: &str| {
        let mut lines = properties.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
    };
    if value("LoadState") == "masked" {
        return Some(Finding::problem(
            "unit-masked",
            "The systemd unit twinlockd.service is masked.",
            "The daemon is not started, and every login that needs a code is refused.",
            "`systemctl unmask twinlockd`.",
        ));
    }
    (value("ActiveState") == "failed").then(|| {
        Finding::problem(
            "unit-failed",
            format!("The systemd unit twinlockd.service has failed ({}).", value("Result")),
            "Unless the next call starts it, every login that needs a code is refused.",
            "`journalctl --unit twinlockd` says why, `systemctl restart twinlockd` tries again.",
        )
    })
}

/// A file or directory of the daemon's. Its content is never looked at.
struct Kept {
    path: PathBuf,
    /// `None` where it is missing.
    about: Option<About>,
}

struct About {
    owner: u32,
    mode: u32,
    bytes: u64,
    is_directory: bool,
}

/// The directory, the database with its log, and the key.
fn look_at_state(tree: &Tree) -> Vec<Kept> {
    let directory = Path::new(STATE);
    let names = ["twinlock.db", "twinlock.db-wal", "twinlock.db-shm", "master.key"];
    let paths = [directory.to_owned()].into_iter().chain(names.map(|name| directory.join(name)));
    paths
        .map(|path| {
            let about = fs::symlink_metadata(tree.on_disk(&path)).ok().map(|about| About {
                owner: about.uid(),
                mode: about.mode(),
                bytes: about.len(),
                is_directory: about.is_dir(),
            });
            Kept { path, about }
        })
        .collect()
}

fn state(kept: &[Kept], daemon_answers: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_there = |name: &str| {
        kept.iter()
            .any(|one| one.path.file_name().is_some_and(|n| n == name) && one.about.is_some())
    };
    for one in kept {
        let is_key = one.path.ends_with("master.key");
        let Some(about) = &one.about else {
            // The key may be a systemd credential; then the daemon answers.
            if is_key && is_there("twinlock.db") && !daemon_answers {
                findings.push(key_missing(&one.path));
            }
            continue;
        };
        if about.owner != 0 || about.mode & READABLE_BY_OTHERS != 0 {
            findings.push(not_private(&one.path, about, is_key));
        }
        if is_key && !KEY_BYTES.contains(&about.bytes) {
            findings.push(
                Finding::problem(
                    "key-malformed",
                    "The master key is not 64 hex digits long.",
                    "The daemon does not start with it, and every login that needs a code is refused.",
                    "Put it back from your backup.",
                )
                .in_file(&one.path),
            );
        }
    }
    findings
}

fn key_missing(path: &Path) -> Finding {
    Finding::problem(
        "key-missing",
        "There is a database, and no master key to open it.",
        "The daemon does not start, and every login that needs a code is refused.",
        "Put the key back from your backup. Without one everybody has to enrol anew.",
    )
    .in_file(path)
}

fn not_private(path: &Path, about: &About, is_key: bool) -> Finding {
    let mode = match (about.is_directory, is_key) {
        (true, _) => "0700",
        (_, true) => "0400",
        _ => "0600",
    };
    let path_name = path.display();
    let risk = if is_key {
        "Whoever can read the key and a backup of the database makes everybody's codes; and the daemon \
         does not start with such a key."
    } else {
        "Whoever can write it decides who is enrolled; and the daemon does not start with such a file."
    };
    Finding::problem(
        "state-not-private",
        format!("Somebody other than root may read or write it (uid {}, mode {:04o}).", about.owner, about.mode & 0o7777),
        risk,
        format!("`chown root: {path_name} && chmod {mode} {path_name}`, and ask yourself who has seen it."),
    )
    .in_file(path)
}

#[cfg(test)]
mod tests;
