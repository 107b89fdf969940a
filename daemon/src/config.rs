//! `/etc/twinlock/twinlock.toml`: the daemon's settings.
//!
//! A key nobody knows, a value out of bounds or a file others may write ends the start with an
//! error that names it: a typo must not silently become a weaker setting.

use std::{
    fs,
    num::NonZeroU32,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use twinlock_verifier::{
    hotp::LookAhead,
    throttle::{Limits, Profile},
    totp::Window,
};

/// Where the settings live; the file may be missing, every setting has a default.
pub(crate) const PATH: &str = "/etc/twinlock/twinlock.toml";

/// Settings in the shape the program uses.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Issuer in the key URI; `None` means the host name.
    pub(crate) issuer: Option<String>,
    /// How long a login may wait for its answer.
    pub(crate) session_lifetime: Duration,
    /// How long a pending enrolment can be confirmed.
    pub(crate) pending_lifetime: Duration,
    pub(crate) window: Window,
    pub(crate) look_ahead: LookAhead,
    pub(crate) lock: Lock,
    pub(crate) audit: Retention,
}

/// The numbers of the throttle that the file gives; the policy's profile gives the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lock {
    after: Option<NonZeroU32>,
    lasts: Option<Duration>,
    at_most: Option<Duration>,
    close_after: Option<NonZeroU32>,
}

/// How long events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Of attempts, of accounts' own events and of administration, each: a flood of the ones does not
    /// wash away the others.
    pub(crate) rows: u32,
    pub(crate) age: Duration,
}

#[derive(Debug)]
pub(crate) enum ConfigError {
    Unreadable(PathBuf, std::io::Error),
    Writable(PathBuf),
    Malformed(PathBuf, String),
    OutOfBounds { key: &'static str, allowed: &'static str },
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Writable(path) => write!(
                f,
                "{0}: must belong to root and be writable by root only; \
                 run: chown root: {0} && chmod go-w {0}",
                path.display()
            ),
            Self::Malformed(path, reason) => write!(f, "{}: {reason}", path.display()),
            Self::OutOfBounds { key, allowed } => {
                write!(f, "{PATH}: `{key}` must be {allowed}")
            }
        }
    }
}

/// The file as it is written. Every key is optional.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    issuer: Option<String>,
    window: Option<u32>,
    look_ahead: Option<u32>,
    session_seconds: Option<u64>,
    pending_minutes: Option<u64>,
    lock: LockTable,
    audit: AuditTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LockTable {
    after: Option<u32>,
    minutes: Option<u64>,
    at_most_hours: Option<u64>,
    close_after: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuditTable {
    rows: Option<u64>,
    days: Option<u64>,
}

impl Config {
    /// Reads and checks the file at `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable(path.to_owned(), error);
        let text = match fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(error)),
            Ok(metadata) if metadata.uid() != 0 || metadata.mode() & 0o022 != 0 => {
                return Err(ConfigError::Writable(path.to_owned()));
            }
            Ok(_) => fs::read_to_string(path).map_err(unreadable)?,
        };
        let file: File = toml::from_str(&text)
            .map_err(|error| ConfigError::Malformed(path.to_owned(), error.to_string()))?;
        Self::check(file)
    }

    fn check(file: File) -> Result<Self, ConfigError> {
        if let Some(issuer) = &file.issuer
            && (issuer.is_empty() || issuer.len() > 64 || issuer.chars().any(char::is_control))
        {
            return Err(ConfigError::OutOfBounds {
                key: "issuer",
                allowed: "1 to 64 bytes without control characters",
            });
        }
        let session =
            bounded(file.session_seconds, 300, 10..=3600, "session_seconds", "10 to 3600")?;
        let pending =
            bounded(file.pending_minutes, 15, 1..=1440, "pending_minutes", "1 to 1440")? * 60;
        Ok(Self {
            issuer: file.issuer,
            session_lifetime: Duration::from_secs(session),
            pending_lifetime: Duration::from_secs(pending),
            window: window(file.window)?,
            look_ahead: look_ahead(file.look_ahead)?,
            lock: lock(&file.lock)?,
            audit: retention(&file.audit)?,
        })
    }
}

impl Lock {
    /// The limits in force. Numbers of the file take the place of the defaults, and of any other
    /// profile's where they are stricter: a line that was left behind must not soften a profile.
    pub(crate) fn with(&self, profile: Profile) -> Limits {
        let base = profile.limits();
        let lock_for = self.lasts.unwrap_or(base.lock_for);
        let own = Limits {
            lock_after: self.after.unwrap_or(base.lock_after),
            lock_for,
            lock_at_most: self.at_most.unwrap_or(base.lock_at_most).max(lock_for),
            close_after: self.close_after.unwrap_or(base.close_after),
        };
        match profile {
            Profile::Default => own,
            Profile::Cis | Profile::Stig | Profile::Pci => own.stricter(base),
        }
    }
}

fn window(steps: Option<u32>) -> Result<Window, ConfigError> {
    let out_of_bounds =
        |_| ConfigError::OutOfBounds { key: "window", allowed: "0, 1 or 2 time steps" };
    steps.map_or(Ok(Window::default()), |steps| Window::new(steps).map_err(out_of_bounds))
}

fn look_ahead(counters: Option<u32>) -> Result<LookAhead, ConfigError> {
    let out_of_bounds =
        |_| ConfigError::OutOfBounds { key: "look_ahead", allowed: "1 to 50 counters" };
    counters.map_or(Ok(LookAhead::default()), |n| LookAhead::new(n).map_err(out_of_bounds))
}

fn lock(table: &LockTable) -> Result<Lock, ConfigError> {
    let minutes = bounded(table.minutes, 15, 1..=1440, "lock.minutes", "1 to 1440")?;
    let hours = bounded(table.at_most_hours, 24, 1..=168, "lock.at_most_hours", "1 to 168")?;
    if hours * 60 < minutes {
        return Err(ConfigError::OutOfBounds {
            key: "lock.at_most_hours",
            allowed: "no shorter than lock.minutes",
        });
    }
    Ok(Lock {
        // Zero would mean "no limit" to one reader and "always locked" to another.
        after: failures(table.after, "lock.after")?,
        lasts: table.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        at_most: table.at_most_hours.map(|hours| Duration::from_secs(hours * 3600)),
        close_after: failures(table.close_after, "lock.close_after")?,
    })
}

fn retention(table: &AuditTable) -> Result<Retention, ConfigError> {
    let rows = bounded(table.rows, 50_000, 1000..=1_000_000, "audit.rows", "1000 to 1000000")?;
    let days = bounded(table.days, 365, 1..=3650, "audit.days", "1 to 3650")?;
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    Ok(Retention { rows, age: Duration::from_secs(days * 24 * 3600) })
}

fn bounded(
    value: Option<u64>,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
    key: &'static str,
    allowed: &'static str,
) -> Result<u64, ConfigError> {
    let value = value.unwrap_or(default);
    if range.contains(&value) { Ok(value) } else { Err(ConfigError::OutOfBounds { key, allowed }) }
}

/// NIST SP 800-63B allows at most 100 consecutive failures.
fn failures(value: Option<u32>, key: &'static str) -> Result<Option<NonZeroU32>, ConfigError> {
    let check = |value| {
        NonZeroU32::new(value)
            .filter(|value| value.get() <= 100)
            .ok_or(ConfigError::OutOfBounds { key, allowed: "1 to 100" })
    };
    value.map(check).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let file = toml::from_str(text)
            .map_err(|error| ConfigError::Malformed(PATH.into(), error.to_string()))?;
        Config::check(file)
    }

    #[test]
    fn an_empty_file_is_the_documented_default() {
        let config = parse("").unwrap();
        assert_eq!((config.window, config.look_ahead), Default::default());
        assert_eq!(config.session_lifetime, Duration::from_secs(300));
        assert_eq!(config.pending_lifetime, Duration::from_secs(900));
        assert_eq!(config.lock.with(Profile::Default), Limits::default());
        let year = Duration::from_secs(365 * 24 * 3600);
        assert_eq!(config.audit, Retention { rows: 50_000, age: year });
    }

    #[test]
    fn the_file_replaces_defaults_and_softens_no_profile() {
        let lock = parse("[lock]\nafter = 8\nminutes = 60\nat_most_hours = 48").unwrap().lock;
        let limits = lock.with(Profile::Default);
        assert_eq!(limits.lock_after.get(), 8);
        assert_eq!(limits.lock_for, Duration::from_hours(1));
        assert_eq!(limits.lock_at_most, Duration::from_hours(48));
        for profile in [Profile::Cis, Profile::Stig, Profile::Pci] {
            let (with, alone) = (lock.with(profile), profile.limits());
            assert_eq!(with, with.stricter(alone), "{profile:?}");
        }
        assert_eq!(lock.with(Profile::Stig).close_after.get(), 3);
        assert_eq!(lock.with(Profile::Pci).lock_after.get(), 8);
    }

    #[test]
    fn a_typo_is_an_error_that_names_it() {
        let error = parse("isuer = \"box\"").unwrap_err().to_string();
        assert!(error.contains("isuer"), "{error}");
        let error = parse("[lock]\nafer = 3").unwrap_err().to_string();
        assert!(error.contains("afer"), "{error}");
    }

    #[test]
    fn a_limit_can_be_neither_off_nor_beyond_the_standard() {
        for (key, text) in [
            ("lock.after", "[lock]\nafter = 0"),
            ("lock.after", "[lock]\nafter = 101"),
            ("lock.close_after", "[lock]\nclose_after = 0"),
            ("lock.close_after", "[lock]\nclose_after = 101"),
            ("lock.minutes", "[lock]\nminutes = 0"),
            ("lock.at_most_hours", "[lock]\nminutes = 90\nat_most_hours = 1"),
            ("window", "window = 3"),
            ("session_seconds", "session_seconds = 0"),
            ("pending_minutes", "pending_minutes = 0"),
            ("issuer", "issuer = \"\""),
            ("look_ahead", "look_ahead = 0"),
            ("look_ahead", "look_ahead = 51"),
            ("audit.rows", "[audit]\nrows = 999"),
            ("audit.days", "[audit]\ndays = 0"),
        ] {
            let Err(ConfigError::OutOfBounds { key: named, .. }) = parse(text) else {
                panic!("{text}")
            };
            assert_eq!(named, key, "{text}");
        }
    }
}
