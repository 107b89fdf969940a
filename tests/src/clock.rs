//! The time twinlockd and the phones live in.
//!
//! A code is good once, so a test that logs in five times would wait for two minutes. libfaketime
//! moves the daemon's wall clock instead, by an offset in a file that the phones read too. Its
//! monotonic clock, the module and every other program but the CLI keep the real time.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

const OFFSET: &str = "/run/twinlock-clock";
const WRAPPER: &str = "/usr/sbin/twinlockd-with-a-settable-clock";
const DAEMON: &str = "/usr/sbin/twinlockd";
const ACTIVATION: &str = "/usr/share/dbus-1/system-services/org.twinlock.Twinlock1.service";

/// A clock that runs at the usual pace and can be moved once taken over.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Path>);

impl Clock {
    pub(crate) fn real() -> Self {
        Self(Path::new(OFFSET).into())
    }

    /// Puts the daemon under libfaketime: whoever starts it starts a wrapper from now on.
    pub(crate) fn take_over(&self) {
        self.set_offset(0);
        let settings = self.assignments().join(" ");
        fs::write(WRAPPER, format!("#!/bin/sh\nexec env {settings} {DAEMON} \"$@\"\n")).unwrap();
        fs::set_permissions(WRAPPER, fs::Permissions::from_mode(0o755)).unwrap();
        let activation = fs::read_to_string(ACTIVATION).unwrap();
        let line = format!("Exec={DAEMON}\n");
        assert!(activation.contains(&line), "no {line:?} in {ACTIVATION}");
        fs::write(ACTIVATION, activation.replace(&line, &format!("Exec={WRAPPER}\n"))).unwrap();
    }

    /// What `env` must set for a program to live in the daemon's time, once that is settable.
    pub(crate) fn assignments(&self) -> Vec<String> {
        let set = |(name, value): &(&str, PathBuf)| format!("{name}={}", value.display());
        if self.is_settable() { environment().iter().map(set).collect() } else { Vec::new() }
    }

    /// Whether the clock can be moved.
    #[must_use]
    pub fn is_settable(&self) -> bool {
        self.0.exists()
    }

    /// Moves the clock on.
    ///
    /// # Panics
    /// When the clock is not settable.
    pub fn advance(&self, by: Duration) {
        self.set_offset(self.offset() + i64::try_from(by.as_secs()).unwrap());
    }

    /// Moves the clock back.
    ///
    /// # Panics
    /// When the clock is not settable.
    pub fn set_back(&self, by: Duration) {
        self.set_offset(self.offset() - i64::try_from(by.as_secs()).unwrap());
    }

    /// Seconds since the Unix epoch, in the daemon's time.
    ///
    /// # Panics
    /// Before 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        let real = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let offset = if self.is_settable() { self.offset() } else { 0 };
        real.checked_add_signed(offset).unwrap()
    }

    fn offset(&self) -> i64 {
        let text = fs::read_to_string(&self.0).expect("call Host::settable_clock first");
        text.trim().parse().unwrap()
    }

    /// Renamed into place, so that the daemon never reads half a number.
    fn set_offset(&self, seconds: i64) {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n")).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }
}

/// What puts a program under libfaketime.
fn environment() -> [(&'static str, PathBuf); 5] {
    [
        ("LD_PRELOAD", libfaketime()),
        ("FAKETIME_TIMESTAMP_FILE", OFFSET.into()),
        ("FAKETIME_NO_CACHE", "1".into()),
        // Two spellings, by version.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
    ]
}

fn libfaketime() -> PathBuf {
    fs::read_dir("/usr/lib")
        .unwrap()
        .map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("the package libfaketime")
}
