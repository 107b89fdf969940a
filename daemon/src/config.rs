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
use twinlock_interface::names::MAX_CONTEXT_BYTES;
use twinlock_verifier::{
    hotp::LookAhead, judge::Rules, remembered::RememberRule, throttle::Limits, time::Timestamp,
    totp::Window,
};

/// Where the settings live; the file may be missing, every setting has a default.
pub(crate) const PATH: &str = "/etc/twinlock/twinlock.toml";

/// How far ahead enrolment during a login may end: until then a password alone can enrol.
const ENROLL_AT_MOST: Duration = Duration::from_hours(90 * 24);

/// What the daemon does with an account that has no authenticator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unenrolled {
    /// Asks and refuses, so that an unenrolled account looks like any other.
    #[default]
    Refuse,
    /// Until `enroll_until`, lets people enrol in the login itself; afterwards as [`Self::Refuse`].
    Enroll,
    /// Answers `not-required`: for the weeks in which a host is being enrolled.
    Allow,
}

/// Settings in the shape the program uses.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Issuer in the key URI; `None` means the host name.
    pub(crate) issuer: Option<String>,
    pub(crate) unenrolled: Unenrolled,
    /// When enrolment during a login ends; later it takes a ticket.
    pub(crate) enroll_until: Option<Timestamp>,
    /// How long a login may wait for its answer.
    pub(crate) session_lifetime: Duration,
    /// How long a pending enrolment can be confirmed.
    pub(crate) pending_lifetime: Duration,
    pub(crate) rules: Rules,
    pub(crate) remember: RememberRule,
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
    enroll_until: Option<toml::value::Datetime>,
    window: Option<u32>,
    look_ahead: Option<u32>,
    session_seconds: Option<u64>,
    pending_minutes: Option<u64>,
    lock: Lock,
    remember: Remember,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Lock {
    after: Option<u32>,
    minutes: Option<u64>,
    at_most_hours: Option<u64>,
    close_after: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Remember {
    minutes: Option<u64>,
    services: Option<Vec<String>>,
}

impl Config {
    /// Whether an account without an authenticator is asked for a code all the same, so that nobody
    /// may part with their last one.
    pub(crate) fn requires_code(&self) -> bool {
        self.unenrolled != Unenrolled::Allow
    }

    /// Whether a login may enrol at `now` without a ticket.
    pub(crate) fn enrolls_at(&self, now: Timestamp) -> bool {
        let is_open = |end| now < end && !self.ends_too_late(now);
        self.unenrolled == Unenrolled::Enroll && self.enroll_until.is_some_and(is_open)
    }

    /// Whether `enroll_until` is further ahead than it may be. That does not end the start, because
    /// the clock may be what is wrong (I22); it does not enrol anybody either.
    pub(crate) fn ends_too_late(&self, now: Timestamp) -> bool {
        self.enroll_until.is_some_and(|end| end.saturating_since(now) > ENROLL_AT_MOST)
    }

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
        let enroll_until = file.enroll_until.as_ref().map(moment).transpose()?;
        if (file.unenrolled == Unenrolled::Enroll) != enroll_until.is_some() {
            return Err(ConfigError::OutOfBounds {
                key: "enroll_until",
                allowed: "given together with unenrolled = \"enroll\", and only then",
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
        let session =
            bounded(file.session_seconds, 300, 10..=3600, "session_seconds", "10 to 3600")?;
        let pending =
            bounded(file.pending_minutes, 15, 1..=1440, "pending_minutes", "1 to 1440")? * 60;
        let rules = Rules {
            window: window(file.window)?,
            look_ahead: look_ahead(file.look_ahead)?,
            limits: limits(&file.lock)?,
        };
        Ok(Self {
            issuer: file.issuer,
            unenrolled: file.unenrolled,
            enroll_until,
            session_lifetime: Duration::from_secs(session),
            pending_lifetime: Duration::from_secs(pending),
            rules,
            remember: remember(file.remember)?,
        })
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

fn limits(lock: &Lock) -> Result<Limits, ConfigError> {
    let defaults = Limits::default();
    let lock_for = bounded(lock.minutes, 15, 1..=1440, "lock.minutes", "1 to 1440")? * 60;
    let lock_at_most =
        bounded(lock.at_most_hours, 24, 1..=168, "lock.at_most_hours", "1 to 168")? * 3600;
    if lock_at_most < lock_for {
        return Err(ConfigError::OutOfBounds {
            key: "lock.at_most_hours",
            allowed: "no shorter than lock.minutes",
        });
    }
    Ok(Limits {
        // Zero would mean "no limit" to one reader and "always locked" to another.
        lock_after: failures(lock.after, defaults.lock_after, "lock.after")?,
        lock_for: Duration::from_secs(lock_for),
        lock_at_most: Duration::from_secs(lock_at_most),
        close_after: failures(lock.close_after, defaults.close_after, "lock.close_after")?,
    })
}

/// A date means its first moment where the host is.
fn moment(datetime: &toml::value::Datetime) -> Result<Timestamp, ConfigError> {
    let text = datetime.to_string();
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Some(moment),
        Err(_) => text
            .parse::<jiff::civil::Date>()
            .and_then(|date| date.to_zoned(jiff::tz::TimeZone::system()))
            .map(|zoned| zoned.timestamp())
            .ok(),
    };
    moment
        .filter(|_| datetime.date.is_some() && datetime.time.is_some() == datetime.offset.is_some())
        .and_then(|moment| u64::try_from(moment.as_second()).ok())
        .map(Timestamp::from_unix)
        .ok_or(ConfigError::OutOfBounds {
            key: "enroll_until",
            allowed: "a date such as 2030-01-31, or a time such as 2030-01-31T12:00:00Z",
        })
}

/// A source is remembered for a day at most, and no service is by default one of those where a code
/// guards more than the way in (sudo).
fn remember(table: Remember) -> Result<RememberRule, ConfigError> {
    let minutes = bounded(table.minutes, 0, 0..=1440, "remember.minutes", "0 to 1440")?;
    let services = table.services.unwrap_or_else(|| vec!["sshd".to_owned()]);
    let fits = |service: &String| !service.is_empty() && service.len() <= MAX_CONTEXT_BYTES;
    if services.len() > 64 || !services.iter().all(fits) {
        return Err(ConfigError::OutOfBounds {
            key: "remember.services",
            allowed: "at most 64 names of PAM services",
        });
    }
    Ok(RememberRule { lifetime: Duration::from_secs(minutes * 60), services })
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

    /// 2030-01-01 00:00:00 UTC.
    const NOW: Timestamp = Timestamp::from_unix(1_893_456_000);

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let file = toml::from_str(text)
            .map_err(|error| ConfigError::Malformed(PATH.into(), error.to_string()))?;
        Config::check(file)
    }

    #[test]
    fn an_empty_file_is_the_documented_default() {
        let config = parse("").unwrap();
        assert_eq!(config.unenrolled, Unenrolled::Refuse);
        assert_eq!((config.rules.window, config.rules.look_ahead), Default::default());
        assert_eq!(config.session_lifetime, Duration::from_secs(300));
        assert_eq!(config.pending_lifetime, Duration::from_secs(900));
        assert_eq!(config.rules.limits.lock_after.get(), 5);
        assert_eq!(config.rules.limits.lock_for, Duration::from_secs(900));
        assert_eq!(config.rules.limits.lock_at_most, Duration::from_secs(86_400));
        assert_eq!(config.rules.limits.close_after.get(), 100);
    }

    #[test]
    fn enrolment_in_a_login_ends_when_the_file_says() {
        let until = |text: &str| parse(&format!("unenrolled = \"enroll\"\n{text}")).unwrap();
        let config = until("enroll_until = 2030-01-31T12:00:00+01:00");
        // 2030-01-31 11:00:00 UTC.
        let end = Timestamp::from_unix(1_896_087_600);
        assert_eq!(config.enroll_until, Some(end));
        assert!(config.enrolls_at(Timestamp::from_unix(end.unix() - 1)));
        assert!(config.enrolls_at(NOW));
        assert!(!config.enrolls_at(end));
        assert!(config.requires_code());
        let day = until("enroll_until = 2030-01-31").enroll_until.unwrap().unix();
        let midnight = 1_896_048_000;
        assert!(day.abs_diff(midnight) <= 14 * 3600, "midnight somewhere on earth");
        assert!(!parse("").unwrap().enrolls_at(NOW));
        let far = until("enroll_until = 2030-04-02T00:00:01Z");
        assert!(far.ends_too_late(NOW) && !far.enrolls_at(NOW));
        assert!(!far.ends_too_late(end) && far.enrolls_at(end));
    }

    #[test]
    fn nothing_is_remembered_unless_asked_for() {
        assert!(parse("").unwrap().remember.lifetime.is_zero());
        let rule = parse("[remember]\nminutes = 30").unwrap().remember;
        assert_eq!(rule.lifetime, Duration::from_secs(1800));
        assert_eq!(rule.services, ["sshd"]);
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
            ("remember.minutes", "[remember]\nminutes = 1441"),
            ("remember.services", "[remember]\nservices = [\"\"]"),
            ("enroll_until", "unenrolled = \"enroll\""),
            ("enroll_until", "enroll_until = 2030-01-31"),
            ("enroll_until", "unenrolled = \"enroll\"\nenroll_until = 12:00:00"),
            ("enroll_until", "unenrolled = \"enroll\"\nenroll_until = 2030-01-31T12:00:00"),
        ] {
            let Err(ConfigError::OutOfBounds { key: named, .. }) = parse(text) else {
                panic!("{text}")
            };
            assert_eq!(named, key, "{text}");
        }
    }
}
