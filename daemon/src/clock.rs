//! The only place that reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use twinlock_verifier::time::Timestamp;

/// The wall clock, in whole seconds since the Unix epoch. A clock before 1970 reads as 1970: no
/// code matches there, so nobody gets in by it.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_unix(since_epoch.as_secs())
}

/// A clock that nobody can set, for lifetimes inside this process.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// `14:03`, where the host is.
pub(crate) fn time_of_day(time: Timestamp) -> String {
    local(time, "%H:%M")
}

/// `2030-01-31 14:03`, where the host is.
pub(crate) fn date_and_time(time: Timestamp) -> String {
    local(time, "%Y-%m-%d %H:%M")
}

fn local(time: Timestamp, format: &str) -> String {
    let seconds = i64::try_from(time.unix()).unwrap_or(i64::MAX);
    let there = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    there.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}
