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

/// What moves the codes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factor {
    /// Time, in steps of so many seconds.
    Time(u64),
    /// A counter, which begins at this number.
    Counter(u64),
}

/// A phone with one account in its app, or a token with a button.
#[derive(Debug)]
pub struct Phone {
    /// The shared secret in base32.
    pub secret: String,
    digits: String,
    factor: Factor,
    algorithm: String,
    clock: Clock,
    /// The last step or counter whose code was handed out as a fresh one.
    spent: Mutex<Option<u64>>,
}

impl Phone {
    /// Reads what a QR code says. `clock` is where the phone has its time from.
    ///
    /// # Panics
    /// When it is no key URI.
    #[must_use]
    pub fn scan(key_uri: &str, clock: Clock) -> Self {
        let rest = key_uri.strip_prefix("otpauth://").expect("a key URI");
        let (kind, label) = rest.split_once('/').expect("a label");
        let (_, query) = label.split_once('?').expect("parameters");
        let parameters: HashMap<_, _> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let parameter =
            |name: &str, default: &str| (*parameters.get(name).unwrap_or(&default)).to_owned();
        let factor = match kind {
            "totp" => Factor::Time(parameter("period", "30").parse().unwrap()),
            "hotp" => Factor::Counter(parameter("counter", "").parse().expect("a counter")),
            other => panic!("a key URI of kind {other}"),
        };
        Self {
            secret: parameter("secret", ""),
            digits: parameter("digits", "6"),
            factor,
            algorithm: parameter("algorithm", "SHA1").to_lowercase(),
            clock,
            spent: Mutex::new(None),
        }
    }

    /// The time step the phone is in, or the counter a token stands at: that of its next code.
    #[must_use]
    pub fn step(&self) -> u64 {
        match self.factor {
            Factor::Time(period) => self.clock.now() / period,
            Factor::Counter(first) => self.spent.lock().unwrap().map_or(first, |last| last + 1),
        }
    }

    /// The code the phone shows now, whether or not it was used already; of a token the next one,
    /// without a press of the button.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_at(self.step())
    }

    /// The code of a time step: whole periods since the Unix epoch (RFC 6238 4.2). Of a token, that
    /// of a counter.
    ///
    /// # Panics
    /// When oathtool does not know the parameters.
    #[must_use]
    pub fn code_at(&self, step: u64) -> String {
        // oathtool's counters know SHA-1 alone; a time step of one second is a counter, too.
        let period = match self.factor {
            Factor::Time(period) => period,
            Factor::Counter(_) => 1,
        };
        let outcome = run(
            as_root("oathtool")
                .arg(format!("--totp={}", self.algorithm))
                .arg(format!("--digits={}", self.digits))
                .arg(format!("--time-step-size={period}s"))
                .arg(format!("--now=@{}", step * period))
                .args(["--base32", "-"]),
            &self.secret,
        );
        outcome.expect_success("oathtool").stdout.trim().to_owned()
    }

    /// A code that was never handed out and is good now: of this step or a later one. Where the
    /// clock is settable, it is moved on to that step; elsewhere the window is used up first, and
    /// then the step is waited for. Of a token, the next code.
    ///
    /// # Panics
    /// When the clock cannot be moved.
    #[must_use]
    pub fn fresh_code(&self) -> String {
        let mut spent = self.spent.lock().unwrap();
        let next = spent.map(|last| last + 1);
        let step = match self.factor {
            Factor::Counter(first) => next.unwrap_or(first),
            Factor::Time(period) => {
                let present = || self.clock.now() / period;
                let step = next.unwrap_or_default().max(present());
                if self.clock.is_settable() {
                    let ahead = (step * period).saturating_sub(self.clock.now());
                    self.clock.advance(Duration::from_secs(ahead));
                }
                while present() + WINDOW < step {
                    thread::sleep(Duration::from_millis(100));
                }
                step
            }
        };
        *spent = Some(step);
        self.code_at(step)
    }

    /// Presses the button of a token this often without using what it shows.
    pub fn press(&self, times: u64) {
        let next = self.step() + times;
        *self.spent.lock().unwrap() = next.checked_sub(1);
    }

    /// The code that was handed out last, once more.
    ///
    /// # Panics
    /// When none was.
    #[must_use]
    pub fn spent_code(&self) -> String {
        let spent = *self.spent.lock().unwrap();
        self.code_at(spent.expect("no code was handed out yet"))
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
        let Factor::Time(period) = self.factor else { return };
        let left = period - self.clock.now() % period;
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
