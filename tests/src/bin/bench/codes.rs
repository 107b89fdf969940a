//! One-time codes, each used once per contender.
//!
//! The peers read the real clock, so the clock is nobody's to move: a fresh code is one of another
//! user, or of a later step.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Length of a time step in seconds.
pub(crate) const PERIOD: u64 = 30;
/// Steps ahead of now that every contender accepts.
const WINDOW: u64 = 1;

/// From one user to the next, so that early and late lines of every file have their turn. A prime,
/// and so without a common divisor with any number of users we have.
const STRIDE: usize = 7919;

/// The six digits of a time step (RFC 4226 5.3, RFC 6238 4.2).
pub(crate) fn totp(secret: &[u8], step: u64) -> String {
    let mut hmac = Hmac::<Sha1>::new_from_slice(secret).unwrap();
    hmac.update(&step.to_be_bytes());
    let hash = hmac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 0xf);
    let bytes: [u8; 4] = hash[offset..offset + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 1_000_000)
}

/// The time step we are in.
pub(crate) fn step_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / PERIOD
}

/// Which steps one contender has seen of whom.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    last: Vec<u64>,
    turn: usize,
}

impl Spent {
    /// Whose turn it is, and the step to use: everybody once before anybody again, so that a
    /// user's codes come as far apart as they can. Waits when the next user has no step left
    /// inside the window.
    pub(crate) fn next(&mut self, users: usize) -> (usize, u64) {
        self.last.resize(users, 0);
        let user = self.turn * STRIDE % users;
        self.turn += 1;
        let step = loop {
            let step = step_now().max(self.last[user] + 1);
            if step <= step_now() + WINDOW {
                break step;
            }
            thread::sleep(Duration::from_millis(100));
        };
        self.last[user] = step;
        (user, step)
    }
}

#[cfg(test)]
mod tests {
    use super::totp;

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let expected = ["755224", "287082", "359152", "969429", "338314"];
        for (counter, code) in (0..).zip(expected) {
            assert_eq!(totp(b"12345678901234567890", counter), code);
        }
    }
}
