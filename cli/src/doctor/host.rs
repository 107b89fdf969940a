//! The host under it all: its clock and its disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use super::finding::Finding;
use crate::{check::host_clock, moment::Moment};

/// Programs that keep a clock right, as the kernel cuts their names.
const TIME_SERVICES: [&str; 8] =
    ["chronyd", "ntpd", "ntpsec", "openntpd", "systemd-timesyn", "timed", "phc2sys", "ptp4l"];
/// 2025-01-01 UTC: this program is younger.
const BEFORE_ANY_RELEASE: u64 = 1_735_689_600;
/// 2100-01-01 UTC.
const FAR_AHEAD: u64 = 4_102_444_800;
/// A login that is refused because its failure cannot be written needs less, a month of logins more.
const LITTLE_BYTES: u64 = 16 * 1024 * 1024;
const LOW_PERCENT: u64 = 5;
const FEW_INODES: u64 = 64;

/// The file system that the daemon's database lies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) bytes_free: u64,
    /// 0 where the file system counts none.
    pub(super) inodes: u64,
    pub(super) inodes_free: u64,
}

/// What is asked of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// Seconds since the Unix epoch.
    pub(super) now: u64,
    /// `None` where the kernel does not say.
    pub(super) clock_is_synchronised: Option<bool>,
    pub(super) time_service: Option<String>,
    pub(super) space: Option<Space>,
}

impl Host {
    /// Looks; `state` is where the daemon keeps its files.
    pub(super) fn look(state: &Path) -> Self {
        Self {
            now: Moment::now().seconds(),
            clock_is_synchronised: host_clock::is_synchronised(),
            time_service: time_service(Path::new("/proc")),
            space: space(state),
        }
    }
}

/// Everything that is to be said about the host.
pub(super) fn findings(host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !(BEFORE_ANY_RELEASE..FAR_AHEAD).contains(&host.now) {
        findings.push(Finding::problem(
            "clock-wrong",
            "The clock of this host is years off.",
            "No code of any phone is right, and locks and windows end at the wrong time.",
            "Set it, `date --set` or `sudo timedatectl set-ntp true`.",
        ));
    }
    if host.clock_is_synchronised == Some(false) {
        let (what, advice) = match &host.time_service {
            Some(service) => (
                format!("{service} runs, but has not set the clock of this host yet."),
                "`timedatectl`, or `chronyc tracking`, tells why.".to_owned(),
            ),
            None => (
                "Nothing keeps the clock of this host right.".to_owned(),
                "`sudo timedatectl set-ntp true`, or install an NTP daemon such as chrony."
                    .to_owned(),
            ),
        };
        let risk = "Once it is a minute off, right codes are refused.";
        findings.push(Finding::warning("clock-not-synchronised", what, risk, advice));
    }
    findings.extend(host.space.as_ref().and_then(of_space));
    findings
}

fn of_space(space: &Space) -> Option<Finding> {
    let risk =
        "What cannot be written down is not accepted: when the disk is full, everybody is refused.";
    let advice =
        format!("Make room on the file system of {}: `df -h`, `df -i`.", space.path.display());
    let low = || space.bytes_free.saturating_mul(100) < space.bytes.saturating_mul(LOW_PERCENT);
    let finding = if space.bytes_free < LITTLE_BYTES {
        let what = format!("{} KiB are left for the database.", space.bytes_free / 1024);
        Finding::problem("disk-full", what, risk, advice)
    } else if space.inodes > 0 && space.inodes_free < FEW_INODES {
        let what = format!("{} inodes are left for the database.", space.inodes_free);
        Finding::problem("disk-full", what, risk, advice)
    } else if low() {
        let what = format!("Less than {LOW_PERCENT} % of the database's file system is free.");
        Finding::warning("disk-nearly-full", what, risk, advice)
    } else {
        return None;
    };
    Some(finding.in_file(&space.path))
}

/// `path`, or the nearest directory above it that is there.
#[allow(clippy::useless_conversion, reason = "on 32-bit hosts these numbers are narrower")]
fn space(path: &Path) -> Option<Space> {
    let path = path.ancestors().find(|path| path.exists())?;
    let about = statvfs(path).ok()?;
    let unit = u64::from(about.fragment_size());
    Some(Space {
        path: path.to_owned(),
        bytes: u64::from(about.blocks()).saturating_mul(unit),
        bytes_free: u64::from(about.blocks_available()).saturating_mul(unit),
        inodes: u64::from(about.files()),
        inodes_free: u64::from(about.files_available()),
    })
}

/// The name of a running program that keeps the clock right.
fn time_service(proc: &Path) -> Option<String> {
    let processes = fs::read_dir(proc).ok()?.flatten();
    let mut names = processes.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        fs::read_to_string(entry.path().join("comm")).ok()
    });
    names
        .find_map(|name| TIME_SERVICES.into_iter().find(|known| *known == name.trim()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIBIBYTE: u64 = 1024 * 1024 * 1024;

    fn space_of(bytes: u64, bytes_free: u64, inodes: u64, inodes_free: u64) -> Space {
        Space { path: "/var/lib/twinlock".into(), bytes, bytes_free, inodes, inodes_free }
    }

    fn healthy() -> Host {
        Host {
            now: 1_795_000_000,
            clock_is_synchronised: Some(true),
            time_service: Some("chronyd".into()),
            space: Some(space_of(GIBIBYTE, GIBIBYTE / 2, 1000, 500)),
        }
    }

    fn names(host: &Host) -> Vec<&'static str> {
        findings(host).iter().map(|finding| finding.name).collect()
    }

    #[test]
    fn a_healthy_host_has_nothing_said_about_it() {
        assert_eq!(names(&healthy()), Vec::<&str>::new());
        let silent =
            Host { clock_is_synchronised: None, time_service: None, space: None, ..healthy() };
        assert_eq!(names(&silent), Vec::<&str>::new());
    }

    #[test]
    fn a_clock_that_nobody_keeps_right_is_told() {
        for (service, said) in
            [(None, "Nothing keeps"), (Some("ntpd".to_owned()), "ntpd runs, but")]
        {
            let host =
                Host { clock_is_synchronised: Some(false), time_service: service, ..healthy() };
            let findings = findings(&host);
            assert_eq!(findings[0].name, "clock-not-synchronised");
            assert!(findings[0].what.starts_with(said), "{}", findings[0].what);
        }
        for now in [0, 1_000_000_000, 5_000_000_000] {
            assert_eq!(names(&Host { now, ..healthy() }), ["clock-wrong"]);
        }
    }

    #[test]
    fn a_disk_that_is_full_or_nearly_so_is_told() {
        for (space, expected) in [
            (space_of(GIBIBYTE, LITTLE_BYTES - 1, 0, 0), "disk-full"),
            (space_of(GIBIBYTE, GIBIBYTE / 2, 1000, FEW_INODES - 1), "disk-full"),
            (space_of(GIBIBYTE, GIBIBYTE / 21, 0, 0), "disk-nearly-full"),
        ] {
            let host = Host { space: Some(space), ..healthy() };
            assert_eq!(names(&host), [expected]);
        }
        let enough = Host { space: Some(space_of(GIBIBYTE, GIBIBYTE / 19, 0, 0)), ..healthy() };
        assert_eq!(names(&enough), Vec::<&str>::new());
    }

    #[test]
    fn this_host_can_be_looked_at() {
        let space = space(Path::new("/var/lib/twinlock/none")).unwrap();
        assert!(space.bytes > 0 && space.bytes_free <= space.bytes, "{space:?}");
    }

    #[test]
    fn a_time_service_is_known_by_its_process() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: &str, name: &str| {
            fs::create_dir(proc.path().join(pid)).unwrap();
            fs::write(proc.path().join(pid).join("comm"), format!("{name}\n")).unwrap();
        };
        process("1", "init");
        process("self", "chronyd");
        assert_eq!(time_service(proc.path()), None);
        process("77", "systemd-timesyn");
        assert_eq!(time_service(proc.path()).as_deref(), Some("systemd-timesyn"));
    }
}
