//! The machine under the numbers, and its disk.
//!
//! The sandbox keeps what is written in memory, where an fsync costs nothing. The state of all
//! three contenders is therefore put on the disk the build tree lies on.

use std::{
    env, fs,
    fs::OpenOptions,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use nix::mount::{MsFlags, mount};
use serde_json::{Value, json};
use twinlock_tests::command::{as_root, run};

use crate::{latency::percentile, people::HOMES};

/// Where the sandbox shows the host's files, read-only.
const UNDERNEATH: &str = "/run/sandbox/host";
/// What is moved to the disk: name there, place, mode.
const STATE: [(&str, &str, u32); 3] = [
    ("homes", HOMES, 0o755),
    ("twinlock", "/var/lib/twinlock", 0o700),
    ("oath", "/var/lib/oath", 0o700),
];
const NOTHING: Option<&str> = None;

/// A fresh directory next to this program.
pub(crate) fn state_directory() -> PathBuf {
    let directory = env::current_exe().unwrap().with_file_name("twinlock-bench-state");
    remove(&directory);
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    directory
}

pub(crate) fn remove(directory: &Path) {
    if directory.exists() {
        fs::remove_dir_all(directory).unwrap();
    }
}

/// The prepared disk.
pub(crate) struct Ground {
    disk: PathBuf,
    measured: PathBuf,
}

impl Ground {
    /// Puts `state`, a path outside, under the directories of the three; or nothing, to leave them
    /// in memory.
    pub(crate) fn prepare(state: &Path, in_memory: bool) -> Self {
        let disk = PathBuf::from("/run/bench");
        fs::create_dir(&disk).unwrap();
        let source = Path::new(UNDERNEATH).join(state.strip_prefix("/").unwrap());
        bind(&source, &disk);
        // The sandbox sealed it with the rest of the host; this mount alone may be written.
        let writable = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID;
        mount(NOTHING, &disk, NOTHING, writable, NOTHING).unwrap();
        for (name, place, mode) in STATE {
            fs::create_dir_all(place).unwrap();
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
            if !in_memory {
                let directory = disk.join(name);
                fs::create_dir(&directory).unwrap();
                fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
                bind(&directory, Path::new(place));
            }
        }
        Self { disk, measured: PathBuf::from("/var/lib/oath") }
    }

    /// A file outside.
    pub(crate) fn numbers(&self, name: &str) -> PathBuf {
        self.disk.join(name)
    }

    /// What somebody must know to compare the numbers with theirs.
    pub(crate) fn conditions(&self) -> Value {
        let processors = thread::available_parallelism().map_or(0, usize::from);
        let file_system = said("stat", &["-f", "-c", "%T", self.measured.to_str().unwrap()]);
        json!({
            "distribution": entry("/etc/os-release", "PRETTY_NAME=").trim_matches('"'),
            "kernel": said("uname", &["-r"]),
            "processor": entry("/proc/cpuinfo", "model name").trim_start_matches(['\t', ' ', ':']),
            "processors": processors,
            "load_before": entry("/proc/loadavg", "").split(' ').next(),
            "file_system": file_system,
            "fdatasync_p50_us": self.sync_time(),
            "google_authenticator": package("libpam-google-authenticator"),
            "oath": package("libpam-oath"),
            "twinlock": env!("CARGO_PKG_VERSION"),
        })
    }

    /// Median of writing 4 KiB at the end of a file and waiting for the disk, in microseconds.
    fn sync_time(&self) -> u64 {
        let path = self.measured.join("sync");
        let file = OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
        let times = (0..200).map(|nth| {
            let before = Instant::now();
            file.write_all_at(&[1; 4096], nth * 4096).unwrap();
            file.sync_data().unwrap();
            before.elapsed()
        });
        let median = percentile(times.collect(), 50);
        fs::remove_file(path).unwrap();
        u64::try_from(median.as_micros()).unwrap()
    }
}

fn bind(source: &Path, target: &Path) {
    mount(Some(source), target, NOTHING, MsFlags::MS_BIND, NOTHING).unwrap_or_else(|error| {
        panic!("binding {} to {}: {error}", source.display(), target.display())
    });
}

fn entry(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or("unknown").to_owned()
}

fn said(program: &str, arguments: &[&str]) -> String {
    run(as_root(program).args(arguments), "").stdout.trim().to_owned()
}

fn package(name: &str) -> String {
    said("dpkg-query", &["-W", "-f", "${Version}", name])
}
