//! The stage: a phone that makes codes, and a host that keeps what it is told to store.

use std::time::Duration;

use proptest::prelude::*;
use twinlock_verifier::{
    Account, Answer, Authenticator, AuthenticatorId, Change, Closure, Confirmed, Kind, Lane,
    LaneKey, MovingFactor, Otp, Parameters, Pending, Period, RecoveryAttempt, RecoveryCodeId,
    ReplayRecord, RightTicket, Rules, SharedSecret, Source, Throttle, Timestamp, Verdict,
    charge_recovery, hotp, judge, judge_first_code, redeem, redeem_ticket,
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

pub(crate) fn step_at(now: Timestamp) -> MovingFactor {
    MovingFactor::at(now, Period::default())
}

pub(crate) fn typed(text: &str) -> Otp {
    let Answer::Otp(otp) = Answer::parse(text) else { panic!("{text:?} is no code") };
    otp
}

/// A code of no phone on this stage: they all show six digits.
pub(crate) fn wrong() -> Otp {
    typed("0000000")
}

/// A phone that shows time steps or a token that counts: a secret makes the same codes in both.
#[derive(Clone, Copy)]
pub(crate) struct Phone(pub(crate) u8);

impl Phone {
    pub(crate) fn secret(self) -> SharedSecret {
        SharedSecret::from_bytes(&[self.0; 20]).unwrap()
    }

    pub(crate) fn id(self) -> AuthenticatorId {
        AuthenticatorId(i64::from(self.0))
    }

    pub(crate) fn code(self, MovingFactor(factor): MovingFactor) -> String {
        let Parameters { algorithm, digits, .. } = Parameters::default();
        format!("{:06}", hotp(&self.secret(), factor, algorithm, digits))
    }

    pub(crate) fn otp(self, factor: u64) -> Otp {
        typed(&self.code(MovingFactor(factor)))
    }

    pub(crate) fn otp_at(self, now: Timestamp) -> Otp {
        typed(&self.code(step_at(now)))
    }
}

/// What a disk holds of a phone.
#[derive(Clone, Copy)]
pub(crate) struct Enrolled {
    pub(crate) phone: Phone,
    pub(crate) kind: Kind,
    pub(crate) record: ReplayRecord,
}

impl Enrolled {
    pub(crate) fn authenticator(self) -> Authenticator {
        let parameters = Parameters { kind: self.kind, ..Parameters::default() };
        let (id, secret) = (self.phone.id(), self.phone.secret());
        Authenticator { id, parameters, secret, record: self.record }
    }
}

/// What a disk holds. Every attempt reads it anew, as after a restart.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) phones: Vec<Enrolled>,
    pub(crate) rows: Vec<(String, Lane)>,
    pub(crate) rules: Rules,
    pub(crate) last_change: Change,
}

impl Host {
    pub(crate) fn with_phones(phones: impl IntoIterator<Item = u8>) -> Self {
        Self::with(phones, Kind::Totp(Period::default()))
    }

    pub(crate) fn with_tokens(phones: impl IntoIterator<Item = u8>) -> Self {
        Self::with(phones, Kind::Hotp)
    }

    fn with(phones: impl IntoIterator<Item = u8>, kind: Kind) -> Self {
        let record = ReplayRecord::default();
        let enrolled = |phone| Enrolled { phone: Phone(phone), kind, record };
        Self { phones: phones.into_iter().map(enrolled).collect(), ..Self::default() }
    }

    pub(crate) fn record(&mut self, phone: Phone) -> &mut ReplayRecord {
        &mut self.phones.iter_mut().find(|of| of.phone.0 == phone.0).unwrap().record
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

    /// A first code of a pending enrolment, judged and stored.
    pub(crate) fn first_code(
        &mut self,
        pending: &Pending,
        otp: &Otp,
        source: &Source,
        now: Timestamp,
    ) -> Verdict<Confirmed> {
        let judgement = judge_first_code(pending, &self.throttle(), otp, source, now, &self.rules);
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

    /// Both halves for a ticket.
    pub(crate) fn redeem_ticket(
        &mut self,
        matched: bool,
        now: Timestamp,
    ) -> Result<Verdict<RightTicket>, Closure> {
        let attempt = self.charge_recovery(now)?;
        let judgement = redeem_ticket(attempt, &self.throttle(), matched);
        Ok(judgement.store(|change| self.apply(change)).unwrap())
    }

    pub(crate) fn account(&self) -> Account {
        let authenticators = self.phones.iter().map(|phone| phone.authenticator()).collect();
        Account { authenticators, throttle: self.throttle() }
    }

    fn apply(&mut self, change: &Change) -> Result<(), &'static str> {
        let phone = |AuthenticatorId(id)| Phone(u8::try_from(id).unwrap());
        if let Some((id, spent)) = change.spent {
            *self.record(phone(id)) = ReplayRecord { last_spent: Some(spent), out_of_step: None };
        }
        if let Some((id, counter)) = change.out_of_step {
            self.record(phone(id)).out_of_step = Some(counter);
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
