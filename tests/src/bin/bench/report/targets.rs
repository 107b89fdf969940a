//! What we want of the numbers.

use std::fmt::{self, Display, Formatter};

use serde_json::{Value, json};

use super::Report;
use crate::latency::Latency;

// Places in `contender::ALL`.
const TWINLOCK: usize = 0;
const GOOGLE: usize = 1;
const OATH: usize = 2;

/// Bytes of the module at most.
const MODULE: f64 = 1e6;
/// Bytes of the daemon in memory at most.
const RESIDENT: f64 = 12e6;

/// Seconds.
type MedianOf = fn(&Latency) -> f64;

/// One of them. A figure is met when it is at most (or at least) its bound.
pub(super) struct Target {
    what: String,
    figure: f64,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    Below(f64),
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn new(what: impl Into<String>, figure: f64, bound: Bound) -> Self {
        Self { what: what.into(), figure, bound }
    }

    fn is_met(&self) -> bool {
        match self.bound {
            Bound::Below(bound) => self.figure < bound,
            Bound::AtMost(bound) => self.figure <= bound,
            Bound::AtLeast(bound) => self.figure >= bound,
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({ "target": self.what, "figure": self.figure, "met": self.is_met() })
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::Below(bound) => ("<", bound),
            Bound::AtMost(bound) => ("<=", bound),
            Bound::AtLeast(bound) => (">=", bound),
        };
        let word = if self.is_met() { "met   " } else { "MISSED" };
        let digits = if self.figure.fract() == 0.0 { 0 } else { 2 };
        write!(f, "{word}  {}: {:.digits$} {sign} {bound}", self.what, self.figure)
    }
}

impl Report {
    pub(super) fn targets(&self) -> Vec<Target> {
        let mut targets = self.speed();
        let refused: usize = self.latencies.iter().map(|(_, all)| all[TWINLOCK].refused()).sum();
        let refused = count(refused + self.throughput.map_or(0, |all| all[TWINLOCK].refused));
        targets.push(Target::new("right codes twinlock refused", refused, Bound::AtMost(0.0)));
        if let Some(all) = &self.race {
            let wrong = all[TWINLOCK].accepts.iter().filter(|accepts| **accepts != 1).count();
            let what = "raced codes twinlock did not accept exactly once";
            targets.push(Target::new(what, count(wrong), Bound::AtMost(0.0)));
        }
        if let Some(footprint) = &self.footprint {
            let (module, daemon) = (footprint.module_bytes[TWINLOCK], footprint.resident);
            let threads = count(footprint.threads[TWINLOCK]);
            targets.push(Target::new("bytes of the module", module as f64, Bound::AtMost(MODULE)));
            let what = "bytes of twinlockd in memory";
            targets.push(Target::new(what, daemon as f64, Bound::AtMost(RESIDENT)));
            targets.push(Target::new("threads made in the host", threads, Bound::AtMost(0.0)));
        }
        targets
    }

    fn speed(&self) -> Vec<Target> {
        let kinds: [(&str, MedianOf); 2] = [
            ("login", |one| one.whole(50).as_secs_f64()),
            ("pam_authenticate", |one| one.bare(50).as_secs_f64()),
        ];
        let mut targets = Vec::new();
        for (users, all) in &self.latencies {
            let oath = if *users <= 100 { Bound::AtMost(1.5) } else { Bound::Below(1.0) };
            for (kind, time) in kinds {
                let share = |of: usize| time(&all[TWINLOCK]) / time(&all[of]);
                let what = |of: &str| format!("median {kind}, {users} users, as a share of {of}");
                let google = Bound::Below(1.0);
                targets.push(Target::new(what("google_authenticator"), share(GOOGLE), google));
                targets.push(Target::new(what("oath"), share(OATH), oath));
            }
        }
        if let Some(all) = &self.throughput {
            let gain = all[TWINLOCK].per_second() / all[GOOGLE].per_second();
            let what = "logins/s in parallel, as a multiple of google_authenticator";
            targets.push(Target::new(what, gain, Bound::AtLeast(2.0)));
        }
        targets
    }
}

fn count(number: usize) -> f64 {
    number as f64
}
