//! Dates and durations as people type them.

use std::str::FromStr;

use jiff::{
    Timestamp,
    civil::{self, DateTime},
    tz::TimeZone,
};

use crate::failure::Failure;

/// How a date may be written, for whoever wrote another one.
const FORMS: &str =
    "a date is written 2030-01-31, 2030-01-31T12:00:00Z, or as a duration such as 7d or 12h";

/// A point in time, or a distance from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Date {
    /// With an offset from UTC: the same everywhere. In seconds since the Unix epoch.
    Instant(i64),
    /// Without one: in the zone of the host. A day stands for its first moment.
    Civil(DateTime),
    /// In seconds, away from now.
    Distance(u64),
}

impl FromStr for Date {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(seconds) = seconds(text) {
            return Ok(Self::Distance(seconds));
        }
        // jiff reads more into a text than is meant here: a date out of a date with a time, and a
        // time without its offset.
        let (day, time) = text.split_once(['T', 't', ' ']).unzip();
        let Some(time) = time else {
            let day = text.parse::<civil::Date>().map_err(|_| FORMS)?;
            return if text.len() == "2030-01-31".len() {
                Ok(Self::Civil(day.to_datetime(civil::Time::midnight())))
            } else {
                Err(FORMS)
            };
        };
        if day.is_none_or(str::is_empty) {
            return Err(FORMS);
        }
        if time.contains(['Z', 'z', '+', '-', '[']) {
            let instant = text.parse::<Timestamp>().map_err(|_| FORMS)?;
            return Ok(Self::Instant(instant.as_second()));
        }
        text.parse().map(Self::Civil).map_err(|_| FORMS)
    }
}

impl Date {
    /// In seconds since the Unix epoch; a duration counts from `now` on.
    pub(crate) fn ahead_of(self, now: u64, zone: &TimeZone) -> Result<u64, Failure> {
        self.moment(zone, |distance| now.checked_add(distance))
    }

    /// The same, with a duration counted back from `now`.
    pub(crate) fn back_from(self, now: u64, zone: &TimeZone) -> Result<u64, Failure> {
        self.moment(zone, |distance| Some(now.saturating_sub(distance)))
    }

    fn moment(
        self,
        zone: &TimeZone,
        away: impl FnOnce(u64) -> Option<u64>,
    ) -> Result<u64, Failure> {
        let seconds = match self {
            Self::Instant(seconds) => u64::try_from(seconds).ok(),
            // In a gap of the clock this is the first moment after it, where it is ambiguous the
            // earlier one.
            Self::Civil(time) => {
                let zoned = time.to_zoned(zone.clone()).ok();
                zoned.and_then(|zoned| u64::try_from(zoned.timestamp().as_second()).ok())
            }
            Self::Distance(seconds) => away(seconds),
        };
        seconds
            .filter(|seconds| is_in_calendar(*seconds))
            .ok_or_else(|| Failure::usage("The date lies outside the years 1970 to 9999."))
    }
}

fn is_in_calendar(seconds: u64) -> bool {
    i64::try_from(seconds).is_ok_and(|seconds| Timestamp::from_second(seconds).is_ok())
}

/// The seconds of `90s`, `30m`, `12h`, `7d` or `2w`.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let number = text
        .strip_suffix(unit)
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_900_000_000;

    fn ahead(text: &str) -> u64 {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        text.parse::<Date>().unwrap().ahead_of(NOW, &zone).unwrap()
    }

    #[test]
    fn a_day_is_its_first_moment_where_the_host_stands() {
        assert_eq!(ahead("2030-01-31"), 1_896_044_400);
        assert_eq!(ahead("2030-01-31T00:00:00+01:00"), 1_896_044_400);
        assert_eq!(ahead("2030-01-31T00:00"), 1_896_044_400);
    }

    #[test]
    fn the_first_moment_of_a_day_without_a_midnight_is_later() {
        // Clocks go from 00:00 to 01:00 on the last Sunday of March.
        let zone = TimeZone::posix("XST-1XDT,M3.5.0/0,M10.5.0/0").unwrap();
        let day = "2030-03-31".parse::<Date>().unwrap().ahead_of(NOW, &zone).unwrap();
        let hour = "2030-03-31T01:00".parse::<Date>().unwrap().ahead_of(NOW, &zone).unwrap();
        assert_eq!(day, hour);
    }

    #[test]
    fn an_offset_makes_it_the_same_everywhere() {
        assert_eq!(ahead("2030-01-31T12:00:00Z"), 1_896_091_200);
        assert_eq!(ahead("2030-01-31 21:00:00+09:00"), 1_896_091_200);
    }

    #[test]
    fn a_duration_counts_from_now_one_way_or_the_other() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("12h", 43_200), ("2w", 1_209_600)] {
            assert_eq!(ahead(text), NOW + seconds);
            let date: Date = text.parse().unwrap();
            assert_eq!(date.back_from(NOW, &TimeZone::UTC).unwrap(), NOW - seconds);
        }
        let date: Date = "99999999d".parse().unwrap();
        assert_eq!(date.back_from(NOW, &TimeZone::UTC).unwrap(), 0);
        assert!(date.ahead_of(NOW, &TimeZone::UTC).is_err());
    }

    #[test]
    fn what_could_mean_two_things_is_not_understood() {
        for text in [
            "",
            "7",
            "d",
            "-7d",
            "+7d",
            "7 d",
            "7D",
            "1h30m",
            "tomorrow",
            "31.01.2030",
            "2030-13-01",
            "2030-1-31",
            "20300131",
            "T12:00",
            "2030-01-31T",
            "2030-01-31[Europe/Paris]",
            "12:00",
            "99999999999999999999d",
            "20000000000000000w",
            "2030-01-31T25:00:00Z",
            "+002030-01-31",
        ] {
            assert_eq!(text.parse::<Date>(), Err(FORMS), "{text}");
        }
    }

    #[test]
    fn before_the_epoch_there_is_nothing() {
        let date: Date = "1969-12-31T23:59:59Z".parse().unwrap();
        assert!(date.ahead_of(NOW, &TimeZone::UTC).is_err());
    }
}
