//! Times and steps as SQLite keeps them: signed, where ours are not. No clock reaches the difference.

use twinlock_verifier::{time::Timestamp, totp::TimeStep};

pub(super) fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.unix()).unwrap_or(i64::MAX)
}

pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_unix(unsigned(seconds))
}

pub(super) fn step(step: TimeStep) -> i64 {
    i64::try_from(step.0).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
