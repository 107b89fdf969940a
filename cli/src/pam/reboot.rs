//! Who puts things back when the host is started anew in the middle of a trial.

use std::{env, path::Path};

use nix::unistd::{getegid, geteuid};

use super::{
    durable_file::{self, Image},
    guard,
    site::Site,
};
use crate::doctor::program;

const UNIT: &str = "twinlock-pam-restore.service";
/// Where a link makes systemd start the unit: an administrator's, or a package's.
const WANTED_BY: [&str; 4] = [
    "/etc/systemd/system/multi-user.target.wants",
    "/usr/lib/systemd/system/multi-user.target.wants",
    "/lib/systemd/system/multi-user.target.wants",
    "/usr/local/lib/systemd/system/multi-user.target.wants",
];
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];
const CRON_DIRECTORY: &str = "/etc/cron.d";
/// cron passes over names with a dot.
const CRON_FILE: &str = "/etc/cron.d/twinlock-pam-trial";
/// What the crons that read that directory leave while they run.
const CRON_RUNS: [&str; 3] = ["/run/crond.pid", "/run/cron.pid", "/run/cron/crond.pid"];

/// Who would do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    Systemd,
    Cron,
    Nobody,
}

/// Who could, on this host.
pub(super) fn means(site: &Site) -> Means {
    let is_there = |path: &str| site.on_disk(Path::new(path)).exists();
    if is_there(guard::SYSTEMD) {
        let is_wanted = |directory: &str| {
            std::fs::symlink_metadata(site.on_disk(Path::new(directory)).join(UNIT)).is_ok()
        };
        if WANTED_BY.iter().any(|directory| is_wanted(directory)) || enable_unit() {
            return Means::Systemd;
        }
    }
    if is_there(CRON_DIRECTORY) && CRON_RUNS.iter().any(|path| is_there(path)) && line().is_some() {
        return Means::Cron;
    }
    Means::Nobody
}

fn enable_unit() -> bool {
    let arguments = ["--no-ask-password", "--quiet", "enable", UNIT];
    program::run(&SYSTEMCTL, &arguments).is_some_and(|said| said.succeeded)
}

/// Sees to it for the time of a trial.
pub(super) fn arm(site: &Site, means: Means) -> std::io::Result<()> {
    let (Means::Cron, Some(content)) = (means, line()) else { return Ok(()) };
    let image = Image {
        mode: 0o644,
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
        content: content.into_bytes(),
    };
    durable_file::replace(&site.on_disk(Path::new(CRON_FILE)), &image)
}

/// The trial is over.
pub(super) fn disarm(site: &Site) {
    let file = site.on_disk(Path::new(CRON_FILE));
    if file.exists() {
        // What cron runs then does nothing but remove it in turn.
        let _ = durable_file::bring_about(&file, None);
    }
}

/// Every minute as well, for crons that do not know `@reboot`, and for a guard that was killed.
fn line() -> Option<String> {
    let program = env::current_exe().ok()?;
    let program = program.to_str()?;
    // cron hands the line to a shell, and takes a percent sign for the end of it.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte);
    program.bytes().all(is_plain).then(|| {
        format!(
            "# Written by `twinlock pam enable --try` and removed at the end of the trial.\n\
             @reboot root {program} pam restore --if-due >/dev/null 2>&1\n\
             * * * * * root {program} pam restore --if-due >/dev/null 2>&1\n"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn cron_stands_in_where_systemd_does_not_run_and_only_for_the_trial() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        assert_eq!(means(&site), Means::Nobody);
        for directory in ["etc/cron.d", "run"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        assert_eq!(means(&site), Means::Nobody, "a cron that does not run");
        fs::write(root.path().join("run/crond.pid"), "1\n").unwrap();
        assert_eq!(means(&site), Means::Cron);
        arm(&site, Means::Cron).unwrap();
        let file = site.on_disk(Path::new(CRON_FILE));
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(" pam restore --if-due ").count(), 2, "{text}");
        disarm(&site);
        disarm(&site);
        assert!(!file.exists());
    }

    #[test]
    fn a_unit_that_is_wanted_does_it_where_systemd_runs() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        let wanted = root.path().join("usr/lib/systemd/system/multi-user.target.wants");
        for directory in [&wanted, &root.path().join("run/systemd/system")] {
            fs::create_dir_all(directory).unwrap();
        }
        std::os::unix::fs::symlink("../twinlock-pam-restore.service", wanted.join(UNIT)).unwrap();
        assert_eq!(means(&site), Means::Systemd);
        arm(&site, Means::Systemd).unwrap();
        assert!(!site.on_disk(Path::new(CRON_FILE)).exists());
    }
}
