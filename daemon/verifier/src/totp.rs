//! Time steps and the window around the present one (RFC 6238).

use core::fmt;

use crate::MovingFactor;

/// How long a time step lasts: 15 to 300 seconds (RFC 6238 calls it X and recommends 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u32);

/// A period outside 15 to 300 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodOutOfRange(pub u32);

/// How many steps a phone's clock may be away: 0 to 2 back, and at most one ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u32);

/// A window wider than two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOutOfRange(pub u32);

/// Steps in the widest window: two back, the present one, one ahead.
const CANDIDATES: usize = 4;

impl Period {
    /// `seconds`, 15 to 300.
    pub const fn new(seconds: u32) -> Result<Self, PeriodOutOfRange> {
        match seconds {
            15..=300 => Ok(Self(seconds)),
            other => Err(PeriodOutOfRange(other)),
        }
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for Period {
    fn default() -> Self {
        Self(30)
    }
}

impl Window {
    /// `steps` back, 0 to 2.
    pub const fn new(steps: u32) -> Result<Self, WindowOutOfRange> {
        match steps {
            0..=2 => Ok(Self(steps)),
            other => Err(WindowOutOfRange(other)),
        }
    }

    /// Steps back.
    #[must_use]
    pub const fn steps(self) -> u32 {
        self.0
    }

    /// Steps ahead: never more than one, so that a code cannot be kept for later (I22).
    const fn ahead(self) -> u32 {
        if self.0 == 0 { 0 } else { 1 }
    }

    /// The steps around the step `now`, ascending; steps before the epoch are left out.
    pub(crate) fn around(self, now: MovingFactor) -> [Option<MovingFactor>; CANDIDATES] {
        let step = |back: u32| {
            let in_window = (back <= self.0).then_some(u64::from(back));
            in_window.and_then(|back| now.0.checked_sub(back)).map(MovingFactor)
        };
        let next = now.next().filter(|_| self.ahead() == 1);
        [step(2), step(1), step(0), next]
    }
}

impl Default for Window {
    /// One step of delay, as RFC 6238 5.2 recommends, and one ahead.
    fn default() -> Self {
        Self(1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PeriodOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a time step lasts 15 to 300 seconds, not {}", self.0)
    }
}

impl core::error::Error for PeriodOutOfRange {}

impl fmt::Display for WindowOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the window is 0 to 2 steps, not {}", self.0)
    }
}

impl core::error::Error for WindowOutOfRange {}
