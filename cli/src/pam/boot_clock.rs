//! Time since the host was started, which nobody can set.

use std::{fs, io, path::Path, time::Duration};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A moment of one run of the kernel. The wall clock is not asked: a trial must end in time when it
/// jumps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BootTime {
    /// Which run of the kernel it is, by its random id.
    boot: String,
    /// Milliseconds since its start, those spent asleep included.
    milliseconds: u64,
}

impl BootTime {
    pub(super) fn now() -> io::Result<Self> {
        let since_start = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
        let milliseconds = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        let boot = fs::read_to_string(Path::new(BOOT_ID))?.trim().to_owned();
        if boot.is_empty() {
            return Err(io::Error::other(format!("{BOOT_ID} is empty")));
        }
        Ok(Self { boot, milliseconds })
    }

    pub(super) fn after(&self, time: Duration) -> Self {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self { boot: self.boot.clone(), milliseconds: self.milliseconds.saturating_add(time) }
    }

    /// How long it is from `now` to this moment: nothing when it has passed, and when it belongs to
    /// another run of the kernel.
    pub(super) fn left(&self, now: &Self) -> Duration {
        if self.boot == now.boot {
            Duration::from_millis(self.milliseconds.saturating_sub(now.milliseconds))
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, milliseconds: u64) -> BootTime {
        BootTime { boot: boot.into(), milliseconds }
    }

    #[test]
    fn what_is_left_is_never_less_than_nothing() {
        let end = at("a", 1000).after(Duration::from_secs(10));
        assert_eq!(end.left(&at("a", 1000)), Duration::from_secs(10));
        assert_eq!(end.left(&at("a", 10_999)), Duration::from_millis(1));
        for over in [11_000, 11_001, u64::MAX] {
            assert_eq!(end.left(&at("a", over)), Duration::ZERO);
        }
    }

    #[test]
    fn another_start_of_the_host_ends_it() {
        let end = at("a", 1000).after(Duration::from_secs(10));
        assert_eq!(end.left(&at("b", 0)), Duration::ZERO);
    }

    #[test]
    fn the_clock_runs() {
        let before = BootTime::now().unwrap();
        let after = BootTime::now().unwrap();
        assert_eq!(before.boot, after.boot);
        assert!(before.boot.len() > 30 && before.milliseconds <= after.milliseconds);
    }
}
