//! The stage: a phone that makes codes, and a host that keeps what it is told to store.

use std::time::Duration;

use proptest::prelude::*;
use twinlock_verifier::{
    Account, Answer, Authenticator, AuthenticatorId, Change, Closure, Lane, LaneKey, Otp,
    RecoveryAttempt, RecoveryCodeId, Rules, SharedSecret, Source, Throttle, TimeStep, Timestamp,
    TotpParameters, Verdict, charge_recovery, hotp, judge, redeem,
};

/// Monday morning.
pub(crate) const START: Timestamp = Timestamp::from_unix(1_800_000_000);
pub(crate) const MINUTE: u64 = 60;
pub(crate) const DAY: u64 = 24 * 60 * MINUTE;

/// Properties run often enough to find what they look for and leave no files behind.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Steps of the clock: mostly short and forwards, at times far and back.
pub(crate) fn any_tick() -> impl Strategy<Value = i64> {
    let day = i64::try_from(DAY).unwrap();
    prop_oneof![6 => 0..40_i64, 3 => 0..7200_i64, 1 => -7200..0_i64, 1 => -40 * day..40 * day]
}

pub(crate) fn moved(now: Timestamp, tick: i64) -> Timestamp {
    Timestamp::from_unix(now.unix().saturating_add_signed(tick))
}

pub(crate) fn later(now: Timestamp, seconds: u64) -> Timestamp {
    now.saturating_add(Duration::from_secs(seconds))
}

pub(crate) fn network(address: &str) -> Source {
    Source::from_pam(Some(address), Some("ssh"), "here")
}

pub(crate) fn step_at(now: Timestamp) -> TimeStep {
    TimeStep::at(now, TotpParameters::default().period)
}

pub(crate) fn typed(text: &str) -> Otp {
    let Answer::Otp(otp) = Answer::parse(text) else { panic!("{text:?} is no code") };
    otp
}

/// A code of no phone on this stage: they all show six digits.
pub(crate) fn wrong() -> Otp {
    typed("0000000")
}

#[derive(Clone, Copy)]
pub(crate) struct Phone(pub(crate) u8);

impl Phone {
    pub(crate) fn secret(self) -> SharedSecret {
        SharedSecret::from_bytes(&[self.0; 20]).unwrap()
    }

    pub(crate) fn code(self, step: TimeStep) -> String {
        let TotpParameters { algorithm, digits, .. } = TotpParameters::default();
        format!("{:06}", hotp(&self.secret(), step.0, algorithm, digits))
    }

    pub(crate) fn otp_at(self, now: Timestamp) -> Otp {
        typed(&self.code(step_at(now)))
    }
}

/// What a disk holds. Every attempt reads it anew, as after a restart.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) phones: Vec<(Phone, Option<TimeStep>)>,
    pub(crate) rows: Vec<(String, Lane)>,
    pub(crate) rules: Rules,
    pub(crate) last_change: Change,
}

impl Host {
    pub(crate) fn with_phones(phones: impl IntoIterator<Item = u8>) -> Self {
        let phones = phones.into_iter().map(|phone| (Phone(phone), None)).collect();
        Self { phones, ..Self::default() }
    }

    pub(crate) fn throttle(&self) -> Throttle {
        Throttle::from_rows(
            self.rows.iter().map(|(key, lane)| (key.parse().unwrap(), lane.clone())),
        )
    }

    pub(crate) fn lane(&self, key: LaneKey) -> Lane {
        let rows = self.throttle();
        rows.rows().find(|(of, _)| *of == key).map(|(_, lane)| lane.clone()).unwrap_or_default()
    }

    pub(crate) fn gate(&self, source: &Source, now: Timestamp) -> Result<(), Closure> {
        self.throttle().gate(source, now, &self.rules.limits)
    }

    pub(crate) fn unlock(&mut self) {
        let mut throttle = self.throttle();
        throttle.unlock();
        self.keep(&throttle);
    }

    /// An attempt with a one-time code, judged and stored.
    pub(crate) fn attempt(&mut self, otp: &Otp, source: &Source, now: Timestamp) -> Verdict {
        let judgement = judge(&self.account(), otp, source, now, &self.rules);
        judgement.store(|change| self.apply(change)).unwrap()
    }

    /// An attempt whose transaction does not commit.
    pub(crate) fn attempt_in_a_power_cut(&self, otp: &Otp, source: &Source, now: Timestamp) {
        let judgement = judge(&self.account(), otp, source, now, &self.rules);
        assert_eq!(judgement.store(|_| Err("power cut")), Err("power cut"));
    }

    /// The first half of an attempt with a recovery code.
    pub(crate) fn charge_recovery(&mut self, now: Timestamp) -> Result<RecoveryAttempt, Closure> {
        let charge = charge_recovery(&self.throttle(), now, &self.rules);
        charge.store(|change| self.apply(change)).unwrap()
    }

    /// Both halves; `matched` is what the hash comparison in between found.
    pub(crate) fn recover(
        &mut self,
        matched: Option<RecoveryCodeId>,
        source: &Source,
        now: Timestamp,
    ) -> Result<Verdict, Closure> {
        let attempt = self.charge_recovery(now)?;
        let judgement = redeem(attempt, &self.throttle(), matched, source, now, &self.rules);
        Ok(judgement.store(|change| self.apply(change)).unwrap())
    }

    fn account(&self) -> Account {
        let authenticators = self.phones.iter().map(|(phone, last_step)| Authenticator {
            id: AuthenticatorId(i64::from(phone.0)),
            parameters: TotpParameters::default(),
            secret: phone.secret(),
            last_step: *last_step,
        });
        Account { authenticators: authenticators.collect(), throttle: self.throttle() }
    }

    fn apply(&mut self, change: &Change) -> Result<(), &'static str> {
        if let Some((AuthenticatorId(spender), step)) = change.spent_step {
            let of_spender = |(phone, _): &&mut (Phone, _)| i64::from(phone.0) == spender;
            self.phones.iter_mut().find(of_spender).unwrap().1 = Some(step);
        }
        if let Some(throttle) = &change.throttle {
            self.keep(throttle);
        }
        self.last_change = change.clone();
        Ok(())
    }

    fn keep(&mut self, throttle: &Throttle) {
        self.rows = throttle.rows().map(|(key, lane)| (key.to_string(), lane.clone())).collect();
    }
}
