//! Times and moving factors as SQLite keeps them: signed, where ours are not. No clock reaches the
//! difference, and no counter that a phone has counted to.

use twinlock_verifier::{moving_factor::MovingFactor, time::Timestamp};

pub(super) fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.unix()).unwrap_or(i64::MAX)
}

pub(super) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_unix(unsigned(seconds))
}

pub(super) fn factor(factor: MovingFactor) -> i64 {
    i64::try_from(factor.0).unwrap_or(i64::MAX)
}

pub(super) fn moving_factor(number: i64) -> MovingFactor {
    MovingFactor(unsigned(number))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
