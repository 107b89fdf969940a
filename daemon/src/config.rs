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
use twinlock_verifier::{judge::Rules, throttle::Limits, totp::Window};

/// Where the settings live; the file may be missing, every setting has a default.
pub(crate) const PATH: &str = "/etc/twinlock/twinlock.toml";

/// What the daemon does with an account that has no authenticator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unenrolled {
    /// Asks and refuses, so that an unenrolled account looks like any other.
    #[default]
    Refuse,
    /// Answers `not-required`: for the weeks in which a host is being enrolled.
    Allow,
}

/// Settings in the shape the program uses.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Issuer in the key URI; `None` means the host name.
    pub(crate) issuer: Option<String>,
    pub(crate) unenrolled: Unenrolled,
    /// How long a login may wait for its answer.
    pub(crate) session_lifetime: Duration,
    /// How long a pending enrolment can be confirmed.
    pub(crate) pending_lifetime: Duration,
    pub(crate) rules: Rules,
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
    unenrolled: Unenrolled,
    window: Option<u32>,
    session_seconds: Option<u64>,
    pending_minutes: Option<u64>,
    lock: Lock,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Lock {
    after: Option<u32>,
    minutes: Option<u64>,
    at_most_hours: Option<u64>,
    close_after: Option<u32>,
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
        let defaults = Limits::default();
        let window = match file.window {
            None => Window::default(),
            Some(steps) => Window::new(steps).map_err(|_| ConfigError::OutOfBounds {
                key: "window",
                allowed: "0, 1 or 2 time steps",
            })?,
        };
        let lock_for = bounded(file.lock.minutes, 15, 1..=1440, "lock.minutes", "1 to 1440")? * 60;
        let lock_at_most =
            bounded(file.lock.at_most_hours, 24, 1..=168, "lock.at_most_hours", "1 to 168")? * 3600;
        if lock_at_most < lock_for {
            return Err(ConfigError::OutOfBounds {
                key: "lock.at_most_hours",
                allowed: "no shorter than lock.minutes",
            });
        }
        if let Some(issuer) = &file.issuer
            && (issuer.is_empty() || issuer.len() > 64 || issuer.chars().any(char::is_control))
        {
            return Err(ConfigError::OutOfBounds {
                key: "issuer",
                allowed: "1 to 64 bytes without control characters",
            });
        }
        Ok(Self {
            issuer: file.issuer,
            unenrolled: file.unenrolled,
            session_lifetime: Duration::from_secs(bounded(
                file.session_seconds,
                300,
                10..=3600,
                "session_seconds",
                "10 to 3600",
            )?),
            pending_lifetime: Duration::from_secs(
                bounded(file.pending_minutes, 15, 1..=1440, "pending_minutes", "1 to 1440")? * 60,
            ),
            rules: Rules {
                window,
                limits: Limits {
                    // Zero would mean "no limit" to one reader and "always locked" to another.
                    lock_after: failures(file.lock.after, defaults.lock_after, "lock.after")?,
                    lock_for: Duration::from_secs(lock_for),
                    lock_at_most: Duration::from_secs(lock_at_most),
                    close_after: failures(
                        file.lock.close_after,
                        defaults.close_after,
                        "lock.close_after",
                    )?,
                },
            },
        })
    }
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
fn failures(
    value: Option<u32>,
    default: NonZeroU32,
    key: &'static str,
) -> Result<NonZeroU32, ConfigError> {
    match value {
        None => Ok(default),
        Some(value) => NonZeroU32::new(value)
            .filter(|value| value.get() <= 100)
            .ok_or(ConfigError::OutOfBounds { key, allowed: "1 to 100" }),
    }
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
        assert_eq!(config.unenrolled, Unenrolled::Refuse);
        assert_eq!(config.session_lifetime, Duration::from_secs(300));
        assert_eq!(config.pending_lifetime, Duration::from_secs(900));
        assert_eq!(config.rules.limits.lock_after.get(), 5);
        assert_eq!(config.rules.limits.lock_for, Duration::from_secs(900));
        assert_eq!(config.rules.limits.lock_at_most, Duration::from_secs(86_400));
        assert_eq!(config.rules.limits.close_after.get(), 100);
    }

    #[test]
    fn a_typo_is_an_error_that_names_it() {
        let error = parse("unenroled = \"allow\"").unwrap_err().to_string();
        assert!(error.contains("unenroled"), "{error}");
        let error = parse("[lock]\nafer = 3").unwrap_err().to_string();
        assert!(error.contains("afer"), "{error}");
    }

    #[test]
    fn a_limit_can_be_neither_off_nor_beyond_the_standard() {
        for text in [
            "[lock]\nafter = 0",
            "[lock]\nafter = 101",
            "[lock]\nclose_after = 0",
            "[lock]\nclose_after = 101",
            "[lock]\nminutes = 0",
            "[lock]\nminutes = 90\nat_most_hours = 1",
            "window = 3",
            "session_seconds = 0",
            "pending_minutes = 0",
            "issuer = \"\"",
        ] {
            assert!(matches!(parse(text), Err(ConfigError::OutOfBounds { .. })), "{text}");
        }
    }
}
