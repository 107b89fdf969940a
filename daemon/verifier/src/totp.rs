//! Time-based one-time passwords (RFC 6238).

use core::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::{Algorithm, Digits, Otp, SharedSecret, Timestamp, hotp::hotp};

/// How long a time step lasts: 15 to 300 seconds (RFC 6238 calls it X and recommends 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u32);

/// A period outside 15 to 300 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodOutOfRange(pub u32);

/// Time step: whole periods since the Unix epoch (RFC 6238 4.2, T).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeStep(pub u64);

/// How an authenticator makes its codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TotpParameters {
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Length of a time step.
    pub period: Period,
}

/// How many steps a phone's clock may be away: 0 to 2 back, and at most one ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u32);

/// A window wider than two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowOutOfRange(pub u32);

/// The steps a code stands for, in ascending order; a step it does not stand for is a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchedSteps([Option<TimeStep>; CANDIDATES]);

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

impl TimeStep {
    /// The step that `now` lies in: T = floor(now / period), with T0 = 0 (RFC 6238 4.2).
    #[must_use]
    pub fn at(now: Timestamp, period: Period) -> Self {
        // The constructor keeps a period from being zero.
        Self(now.unix().checked_div(u64::from(period.0)).unwrap_or(0))
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

    /// The steps around `now`, ascending; steps before the epoch are left out.
    fn around(self, now: TimeStep) -> [Option<TimeStep>; CANDIDATES] {
        let step = |back: u32| {
            (back <= self.0).then(|| now.0.checked_sub(u64::from(back)).map(TimeStep)).flatten()
        };
        let next = now.0.checked_add(1).filter(|_| self.ahead() == 1).map(TimeStep);
        [step(2), step(1), step(0), next]
    }
}

impl Default for Window {
    /// One step of delay, as RFC 6238 5.2 recommends, and one ahead.
    fn default() -> Self {
        Self(1)
    }
}

/// Compares a code with every step in the window around `now`. The work depends on the window
/// alone: a match does not end it and a code of the wrong length does not spare it (I16).
#[must_use]
pub fn matching_steps(
    secret: &SharedSecret,
    parameters: &TotpParameters,
    otp: &Otp,
    now: Timestamp,
    window: Window,
) -> MatchedSteps {
    let TotpParameters { algorithm, digits, period } = *parameters;
    let same_length: Choice = otp.digits().get().ct_eq(&digits.get());
    let candidates = window.around(TimeStep::at(now, period));
    let matches = candidates.map(|candidate| match candidate {
        Some(step) => hotp(secret, step.0, algorithm, digits).ct_eq(&otp.value()) & same_length,
        None => Choice::from(0),
    });
    let mut steps = candidates;
    for (step, matched) in steps.iter_mut().zip(matches) {
        *step = step.filter(|_| bool::from(matched));
    }
    MatchedSteps(steps)
}

impl MatchedSteps {
    /// The latest step the code stands for. Should two steps in the window share a code, spending
    /// the later one spends both, so that the same digits are never accepted twice (RFC 6238 5.2).
    #[must_use]
    pub fn latest(&self) -> Option<TimeStep> {
        self.0.iter().copied().flatten().max()
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
