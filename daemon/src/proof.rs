//! Evaluating an answer: the one path on which a code is compared.
//!
//! - MUST charge an attempt durably before its outcome can be seen (I5): a one-time code is judged
//!   and stored in one transaction; a recovery code is charged in a transaction of its own before
//!   its bcrypt begins.
//! - MUST store that a code is spent in the transaction that accepts it (I1, I3), and whatever the
//!   proof is for in that same transaction.
//! - MUST neither compare nor charge while the throttle is closed (I6).
//! - MUST cost the same, an fsync included, for whoever is not there (I16).

use std::sync::Arc;

use twinlock_verifier::{
    answer::{Answer, Otp},
    judge::{self, Account, RecoveryAttempt, Refusal, Rules, Verdict},
    recovery::RecoveryCode,
    source::Source,
    throttle::Closure,
    time::Timestamp,
};

use crate::{
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    store::{
        Records, StoreError,
        accounts::{AccountRecord, Uncharged},
    },
    vault::Vault,
};

/// An answer and the circumstances it is judged under.
pub(crate) struct Attempt {
    pub(crate) identity: Identity,
    pub(crate) answer: Answer,
    pub(crate) source: Source,
    pub(crate) now: Timestamp,
}

/// What came of it.
pub(crate) enum Ruling {
    Judged {
        verdict: Verdict,
        /// Unused recovery codes afterwards.
        recovery_codes_left: u32,
    },
    /// The identity is not the recorded one (I10): refused, nothing compared.
    Mismatch,
}

/// What is done in the transaction that accepts the proof.
pub(crate) type OnAccept = fn(&Records<'_>, &Identity) -> Result<(), StoreError>;

/// Judges the attempt.
pub(crate) async fn prove(
    daemon: &Daemon,
    attempt: Attempt,
    on_accept: OnAccept,
) -> Result<Ruling, Failure> {
    let Attempt { identity, answer, source, now } = attempt;
    let case = Case {
        identity,
        source,
        now,
        rules: daemon.config.rules,
        vault: daemon.vault.clone(),
        on_accept,
    };
    match answer {
        Answer::Otp(otp) => {
            Ok(daemon.store.run(move |records| case.judge_otp(records, &otp)).await?)
        }
        Answer::RecoveryCode(code) => case.prove_recovery(daemon, &code).await,
        Answer::Malformed => Ok(daemon.store.run(refuse_malformed).await?),
    }
}

/// Spends the time an attempt takes, for a claimant who does not exist.
pub(crate) async fn prove_nothing(daemon: &Daemon, answer: &Answer) -> Result<(), Failure> {
    let count = |records: &Records<'_>| records.count_uncharged(Uncharged::UnknownName);
    daemon.store.run(count).await?;
    if let Answer::RecoveryCode(code) = answer {
        daemon.recovery_hasher.like_nobody(code).await?;
        // A wrong code of somebody's is looked for, which writes nothing.
        daemon.no_account().await?;
    }
    Ok(())
}

fn refuse_malformed(records: &Records<'_>) -> Result<Ruling, StoreError> {
    records.count_uncharged(Uncharged::Malformed)?;
    let verdict = judge::malformed().store(|_| Ok::<_, StoreError>(()))?;
    Ok(Ruling::Judged { verdict, recovery_codes_left: 0 })
}

/// An attempt without its answer.
#[derive(Clone)]
struct Case {
    identity: Identity,
    source: Source,
    now: Timestamp,
    rules: Rules,
    vault: Arc<Vault>,
    on_accept: OnAccept,
}

/// Where a recovery code stands after its charge.
enum Charged {
    Mismatch,
    Throttled(Closure),
    /// A hash of the account's set, if it has one.
    Evaluate(RecoveryAttempt, Option<String>),
}

impl Case {
    fn judge_otp(&self, records: &Records<'_>, otp: &Otp) -> Result<Ruling, StoreError> {
        let Some(record) = self.load(records)? else { return Ok(Ruling::Mismatch) };
        let recovery_codes_left = record.recovery.left();
        let authenticators = record.confirmed.iter().map(|sealed| sealed.unseal(&self.vault));
        let account = Account {
            authenticators: authenticators.collect::<Result<_, _>>()?,
            throttle: record.throttle,
        };
        let judgement = judge::judge(&account, otp, &self.source, self.now, &self.rules);
        let verdict = judgement.store(|change| records.apply(&self.identity, change, self.now))?;
        if let Verdict::Refused(Refusal::Replayed(_)) = verdict {
            records.count_uncharged(Uncharged::Replayed)?;
        }
        self.finish(records, verdict, recovery_codes_left)
    }

    async fn prove_recovery(self, daemon: &Daemon, code: &RecoveryCode) -> Result<Ruling, Failure> {
        let charging = self.clone();
        let charged = daemon.store.run(move |records| charging.charge_recovery(records)).await?;
        let (attempt, sibling) = match charged {
            Charged::Mismatch => return Ok(Ruling::Mismatch),
            Charged::Throttled(closure) => {
                let verdict = Verdict::Throttled(closure);
                return Ok(Ruling::Judged { verdict, recovery_codes_left: 0 });
            }
            Charged::Evaluate(attempt, sibling) => (attempt, sibling),
        };
        let hash = daemon.recovery_hasher.like(sibling.as_deref(), code).await?;
        Ok(daemon.store.run(move |records| self.redeem(records, attempt, &hash)).await?)
    }

    fn charge_recovery(&self, records: &Records<'_>) -> Result<Charged, StoreError> {
        let Some(record) = self.load(records)? else { return Ok(Charged::Mismatch) };
        let charge = judge::charge_recovery(&record.throttle, self.now, &self.rules);
        let stored = charge.store(|change| records.apply(&self.identity, change, self.now))?;
        Ok(match stored {
            Ok(attempt) => Charged::Evaluate(attempt, record.recovery.salted().map(str::to_owned)),
            Err(closure) => Charged::Throttled(closure),
        })
    }

    fn redeem(
        &self,
        records: &Records<'_>,
        attempt: RecoveryAttempt,
        hash: &str,
    ) -> Result<Ruling, StoreError> {
        let Some(record) = self.load(records)? else { return Ok(Ruling::Mismatch) };
        let matched = record.recovery.unused_with_hash(hash);
        let left = record.recovery.left().saturating_sub(u32::from(matched.is_some()));
        let judgement =
            judge::redeem(attempt, &record.throttle, matched, &self.source, self.now, &self.rules);
        let verdict = judgement.store(|change| records.apply(&self.identity, change, self.now))?;
        self.finish(records, verdict, left)
    }

    fn finish(
        &self,
        records: &Records<'_>,
        verdict: Verdict,
        recovery_codes_left: u32,
    ) -> Result<Ruling, StoreError> {
        if let Verdict::Accepted(_) = verdict {
            (self.on_accept)(records, &self.identity)?;
        }
        Ok(Ruling::Judged { verdict, recovery_codes_left })
    }

    fn load(&self, records: &Records<'_>) -> Result<Option<AccountRecord>, StoreError> {
        Ok(records.account(&self.identity)?.record())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, strategy::ValueTree};
    use twinlock_interface::{answer_shape::sendable, names::MAX_ANSWER_BYTES};
    use twinlock_verifier::answer::{Answer, MAX_BYTES};

    proptest! {
        /// The module drops what is not shaped like a code; it must not drop a code.
        #[test]
        fn whatever_parses_as_a_code_may_travel(text in spelled_like_a_code()) {
            if !matches!(Answer::parse(&text), Answer::Malformed) {
                prop_assert_eq!(sendable(&text), text.as_str());
            }
        }
    }

    /// Symbols in the number of a code or nearly, with filling between them.
    fn spelled_like_a_code() -> impl Strategy<Value = String> {
        prop_oneof!["([0-9][ \\t-]?){5,9}\\r?\\n?", "[ -]?([A-Za-z0-9][ -]?){15,17}"]
    }

    #[test]
    fn the_spellings_include_codes_of_both_kinds() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let (mut otp, mut recovery) = (0, 0);
        for _ in 0..500 {
            let text = spelled_like_a_code().new_tree(&mut runner).unwrap().current();
            match Answer::parse(&text) {
                Answer::Otp(_) => otp += 1,
                Answer::RecoveryCode(_) => recovery += 1,
                Answer::Malformed => {}
            }
        }
        assert!(otp > 50 && recovery > 10, "{otp} {recovery}");
    }

    #[test]
    fn both_sides_hold_answers_to_the_same_length() {
        assert_eq!(MAX_ANSWER_BYTES, MAX_BYTES);
    }
}
