//! Many calls in a row, no faster than the daemon hears them.
//!
//! It counts the calls of every uid but root's: 60 a minute, and who goes on all the same is not
//! answered any more.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::unistd::geteuid;

/// Calls that need not wait: as many as nobody's other programs are likely to miss.
const AT_ONCE: u32 = 20;
/// Between further ones, other than by root. With those at once 50 a minute.
const UNPRIVILEGED: Duration = Duration::from_secs(2);

/// Time between calls.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    calls: u32,
    /// When the next may be.
    next: Option<Instant>,
}

impl Pace {
    /// Waits until it is time for the next call.
    pub(crate) fn keep(&mut self) {
        if !geteuid().is_root() {
            thread::sleep(self.wait(Instant::now()));
        }
    }

    /// For how long to wait before the call that would be made `now`.
    fn wait(&mut self, now: Instant) -> Duration {
        self.calls = self.calls.saturating_add(1);
        let wait = match self.next {
            Some(next) if self.calls > AT_ONCE => next.saturating_duration_since(now),
            _ => Duration::ZERO,
        };
        self.next = now.checked_add(wait).and_then(|call| call.checked_add(UNPRIVILEGED));
        wait
    }
}

/// For how long to wait before asking for news again.
pub(crate) fn between_news() -> Duration {
    if geteuid().is_root() { Duration::from_secs(1) } else { UNPRIVILEGED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_no_minute_there_are_more_calls_than_are_heard() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        let times: Vec<_> = (0..500)
            .map(|_| {
                now += pace.wait(now);
                now
            })
            .collect();
        for begin in &times {
            let end = *begin + Duration::from_secs(60);
            let calls = times.iter().filter(|time| (*begin..end).contains(time)).count();
            assert!(calls <= 55, "{calls} calls");
        }
    }

    #[test]
    fn who_comes_late_anyhow_is_not_held_up() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        for _ in 0..500 {
            assert_eq!(pace.wait(now), Duration::ZERO);
            now += UNPRIVILEGED;
        }
    }
}
