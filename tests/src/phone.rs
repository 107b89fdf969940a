//! An authenticator app. oathtool computes the codes, so that the verifier is held against an
//! implementation that shares no line with it.

use std::{
    collections::HashMap,
    sync::Mutex,
    thread,
    time::{Duration, SystemTime},
};

use crate::{
    clock::Clock,
    command::{as_root, run},
};

/// Steps either side of now that the daemon accepts when nothing else is configured.
const WINDOW: u64 = 1;

/// A phone with one account in its app.
#[derive(Debug)]
pub struct Phone {
    /// The shared secret in base32.
    pub secret: String,
    digits: String,
    /// Length of a time step in seconds.
    pub period: u64,
    algorithm: String,
    clock: Clock,
    /// The last step whose code was handed out as a fresh one.
    spent: Mutex<u64>,
}

impl Phone {
    /// Reads what a QR code says. `clock` is where the phone has its time from.
    ///
    /// # Panics
    /// When it is no key URI for time-based codes.
    #[must_use]
    pub fn scan(key_uri: &str, clock: Clock) -> Self {
        let label = key_uri.strip_prefix("otpauth://totp/").expect("a TOTP key URI");
        let (_, query) = label.split_once('?').expect("parameters");
        let parameters: HashMap<_, _> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let parameter =
            |name: &str, default: &str| (*parameters.get(name).unwrap_or(&default)).to_owned();
        Self {
            secret: parameter("secret", ""),
            digits: parameter("digits", "6"),
            period: parameter("period", "30").parse().unwrap(),
            algorithm: parameter("algorithm", "SHA1").to_lowercase(),
            clock,
            spent: Mutex::new(0),
        }
    }

    /// The time step the phone is in.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.clock.now() / self.period
    }

    /// The code the phone shows now, whether or not it was used already.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_at(self.step())
    }

    /// The code of a time step: whole periods since the Unix epoch (RFC 6238 4.2).
    ///
    /// # Panics
    /// When oathtool does not know the parameters.
    #[must_use]
    pub fn code_at(&self, step: u64) -> String {
        let outcome = run(
            as_root("oathtool")
                .arg(format!("--totp={}", self.algorithm))
                .arg(format!("--digits={}", self.digits))
                .arg(format!("--time-step-size={}s", self.period))
                .arg(format!("--now=@{}", step * self.period))
                .args(["--base32", "-"]),
            &self.secret,
        );
        outcome.expect_success("oathtool").stdout.trim().to_owned()
    }

    /// A code that was never handed out and is good now: of this step or a later one. Where the
    /// clock is settable, it is moved on to that step; elsewhere the window is used up first, and
    /// then the step is waited for.
    ///
    /// # Panics
    /// When the clock cannot be moved.
    #[must_use]
    pub fn fresh_code(&self) -> String {
        let mut spent = self.spent.lock().unwrap();
        let step = (*spent + 1).max(self.step());
        if self.clock.is_settable() {
            let ahead = (step * self.period).saturating_sub(self.clock.now());
            self.clock.advance(Duration::from_secs(ahead));
        }
        while self.step() + WINDOW < step {
            thread::sleep(Duration::from_millis(100));
        }
        *spent = step;
        self.code_at(step)
    }

    /// The code that was handed out last, once more.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn spent_code(&self) -> String {
        let spent = *self.spent.lock().unwrap();
        assert_ne!(spent, 0, "no code was handed out yet");
        self.code_at(spent)
    }

    /// A code that is wrong now and will be for a while: `nth` chooses among several.
    #[must_use]
    pub fn wrong_code(&self, nth: usize) -> String {
        let now = self.step();
        let good: Vec<_> = (now.saturating_sub(4)..now + 8).map(|s| self.code_at(s)).collect();
        let width = self.digits.parse().unwrap();
        (0..)
            .map(|number| format!("{number:0width$}"))
            .filter(|code| !good.contains(code))
            .nth(nth)
            .expect("a million codes")
    }

    /// Sleeps, on a clock that cannot be moved, until at least `seconds` of the step are left, for
    /// a test that must not run into the next one.
    pub fn wait_for_room(&self, seconds: u64) {
        let left = self.period - self.clock.now() % self.period;
        if left < seconds {
            if self.clock.is_settable() {
                self.clock.advance(Duration::from_secs(left));
            } else {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                let into_second = now.map_or(0, |now| now.subsec_millis());
                let wait = Duration::from_secs(left) - Duration::from_millis(into_second.into());
                thread::sleep(wait);
            }
        }
    }
}
