//! Distinct logins, several at a time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use twinlock_tests::Host;

use crate::{
    client::log_in,
    contender::{ALL, Contender, in_turn},
    people::People,
    work::{Servants, Work},
};

/// Logins at a time.
pub(crate) const AT_ONCE: usize = 8;
/// The contenders take turns in this many parts.
const PARTS: usize = 8;

/// One contender's logins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throughput {
    pub(crate) logins: usize,
    pub(crate) took: Duration,
    /// Right codes that were refused.
    pub(crate) refused: usize,
    pub(crate) work: Work,
}

impl Throughput {
    /// Logins per second that got in.
    pub(crate) fn per_second(&self) -> f64 {
        let accepted = u32::try_from(self.logins - self.refused).unwrap();
        f64::from(accepted) / self.took.as_secs_f64()
    }

    /// Processor time per login, right or wrong, of one part of the work.
    pub(crate) fn work_per_login(&self, part: Duration) -> Duration {
        part / u32::try_from(self.logins).unwrap()
    }
}

pub(crate) fn measure(host: &Host, people: &mut People, logins: usize) -> [Throughput; ALL.len()] {
    let servants = Servants::of(host);
    let mut sums = [Throughput::default(); ALL.len()];
    for part in 0..PARTS {
        for contender in in_turn(part) {
            let share = logins * (part + 1) / PARTS - logins * part / PARTS;
            let before = servants.work();
            let one = run_part(people, contender, share);
            let sum = &mut sums[contender.index()];
            sum.logins += one.logins;
            sum.took += one.took;
            sum.refused += one.refused;
            sum.work.add(servants.work().since(before));
        }
    }
    sums
}

fn run_part(people: &mut People, contender: Contender, logins: usize) -> Throughput {
    let waiting: Vec<_> = (0..logins)
        .map(|_| {
            let (person, code) = people.next(contender);
            (person.name.clone(), code)
        })
        .collect();
    let (next, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some((name, code)) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !log_in(contender, name, code).accepted {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let (took, refused) = (started.elapsed(), refused.into_inner());
    Throughput { logins, took, refused, ..Default::default() }
}
