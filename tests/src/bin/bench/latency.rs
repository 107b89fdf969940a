//! Logins one after the other.

use std::{thread, time::Duration};

use crate::{
    client::{Ended, log_in},
    contender::{ALL, in_turn},
    people::People,
};

/// Logins of each before the first one that counts.
const WARM_UP: usize = 6;
/// Between two logins, so that the second does not wait for what the first left to be done.
const PAUSE: Duration = Duration::from_millis(5);

/// One contender's logins.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    logins: Vec<Ended>,
}

impl Latency {
    pub(crate) fn count(&self) -> usize {
        self.logins.len()
    }

    /// Right codes that were refused.
    pub(crate) fn refused(&self) -> usize {
        self.logins.iter().filter(|login| !login.accepted).count()
    }

    /// The time from spawn to exit that `percent` of the logins do not exceed.
    pub(crate) fn whole(&self, percent: usize) -> Duration {
        percentile(self.logins.iter().map(|login| login.whole).collect(), percent)
    }

    /// The same of `pam_authenticate` alone.
    pub(crate) fn bare(&self, percent: usize) -> Duration {
        percentile(self.logins.iter().map(|login| login.bare).collect(), percent)
    }
}

/// Round robin, so that whatever the machine does meanwhile happens to all alike.
pub(crate) fn measure(people: &mut People, logins: usize) -> [Latency; ALL.len()] {
    let mut latencies: [Latency; ALL.len()] = Default::default();
    for round in 0..WARM_UP + logins {
        for contender in in_turn(round) {
            let (person, code) = people.next(contender);
            thread::sleep(PAUSE);
            let login = log_in(contender, &person.name, &code);
            if round >= WARM_UP {
                latencies[contender.index()].logins.push(login);
            }
        }
    }
    latencies
}

/// Nearest rank.
pub(crate) fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let times: Vec<_> = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(times.clone(), 50), Duration::from_millis(10));
        assert_eq!(percentile(times.clone(), 95), Duration::from_millis(19));
        assert_eq!(percentile(times, 100), Duration::from_millis(20));
    }
}
