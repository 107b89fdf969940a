//! Times as people read them.

use std::fs;

use jiff::{Timestamp, tz::TimeZone};

/// The time zone of the host, for times that are written down. `TZ` would tell that of whoever
/// called.
pub(crate) fn host_zone() -> TimeZone {
    let rules = fs::read("/etc/localtime").ok();
    // A host without a zone keeps UTC.
    rules.and_then(|rules| TimeZone::tzif("Local", &rules).ok()).unwrap_or(TimeZone::UTC)
}

/// The clock and the time zone of this host, read once per page.
pub(crate) struct Moment {
    now: i64,
    zone: TimeZone,
}

impl Moment {
    pub(crate) fn now() -> Self {
        // A host without a zone keeps UTC.
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        Self { now: Timestamp::now().as_second(), zone }
    }

    /// Seconds since the Unix epoch; 0 before it.
    pub(crate) fn seconds(&self) -> u64 {
        u64::try_from(self.now).unwrap_or(0)
    }

    /// Whether `seconds` since the Unix epoch is still to come.
    pub(crate) fn is_before(&self, seconds: u64) -> bool {
        self.distance(seconds) > 0
    }

    /// `2026-11-20 11:45:02 CET (in 14 minutes)` for seconds since the Unix epoch.
    pub(crate) fn describe(&self, seconds: u64) -> String {
        match self.written(seconds, "%Y-%m-%d %H:%M:%S %Z") {
            Some(absolute) => format!("{absolute} ({})", relative(self.distance(seconds))),
            None => format!("{seconds} seconds after 1970"),
        }
    }

    /// `2026-11-20 11:45`, for the columns of a table.
    pub(crate) fn in_column(&self, seconds: u64) -> String {
        self.written(seconds, "%Y-%m-%d %H:%M").unwrap_or_else(|| format!("@{seconds}"))
    }

    /// `2026-11-20 11:45:02+01:00`, to the second and always of one length.
    pub(crate) fn in_log(&self, seconds: u64) -> String {
        self.written(seconds, "%Y-%m-%d %H:%M:%S%:z").unwrap_or_else(|| format!("@{seconds}"))
    }

    fn written(&self, seconds: u64, form: &str) -> Option<String> {
        let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
        Some(time.to_zoned(self.zone.clone()).strftime(form).to_string())
    }

    fn distance(&self, seconds: u64) -> i64 {
        i64::try_from(seconds).unwrap_or(i64::MAX).saturating_sub(self.now)
    }
}

/// Seconds from now in words, in the largest unit that still tells something.
fn relative(distance: i64) -> String {
    let seconds = distance.unsigned_abs();
    let minutes = seconds.saturating_add(30) / 60;
    let hours = minutes.saturating_add(30) / 60;
    let (amount, unit) = if seconds < 60 {
        (seconds, "second")
    } else if minutes < 60 {
        (minutes, "minute")
    } else if hours < 48 {
        (hours, "hour")
    } else {
        (hours.saturating_add(12) / 24, "day")
    };
    let plural = if amount == 1 { "" } else { "s" };
    match distance {
        0 => "now".to_owned(),
        1.. => format!("in {amount} {unit}{plural}"),
        _ => format!("{amount} {unit}{plural} ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: i64) -> Moment {
        Moment { now, zone: TimeZone::UTC }
    }

    #[test]
    fn a_time_is_told_absolutely_and_relatively() {
        assert_eq!(
            at(1_111_110_209).describe(1_111_111_109),
            "2005-03-18 01:58:29 UTC (in 15 minutes)"
        );
    }

    #[test]
    fn tables_and_logs_have_a_form_of_one_length() {
        assert_eq!(at(0).in_column(1_111_111_109), "2005-03-18 01:58");
        assert_eq!(at(0).in_log(1_111_111_109), "2005-03-18 01:58:29+00:00");
        assert_eq!(at(0).in_log(u64::MAX), format!("@{}", u64::MAX));
    }

    #[test]
    fn distances_are_rounded_to_one_unit() {
        for (distance, words) in [
            (0, "now"),
            (1, "in 1 second"),
            (-59, "59 seconds ago"),
            (60, "in 1 minute"),
            (14 * 60 + 10, "in 14 minutes"),
            (-3599, "1 hour ago"),
            (24 * 3600, "in 24 hours"),
            (-3 * 86_400, "3 days ago"),
        ] {
            assert_eq!(relative(distance), words, "{distance}");
        }
    }

    #[test]
    fn a_time_beyond_the_calendar_is_still_told() {
        assert_eq!(at(0).describe(u64::MAX), format!("{} seconds after 1970", u64::MAX));
        assert!(at(i64::MIN).describe(0).contains("1970-01-01"));
    }

    #[test]
    fn a_clock_before_the_epoch_stands_at_it() {
        assert_eq!([-1, 0, 7].map(|now| at(now).seconds()), [0, 0, 7]);
    }

    #[test]
    fn what_is_over_is_not_to_come() {
        assert!(at(10).is_before(11));
        assert!(!at(10).is_before(10));
    }
}
