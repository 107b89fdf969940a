//! Evaluating an answer: the one path on which a code is compared.
//!
//! - MUST charge an attempt durably before its outcome can be seen (I5): a one-time code is judged
//!   and stored in one transaction; a recovery code or ticket is charged in a transaction of its own
//!   before its bcrypt begins.
//! - MUST store that a code is spent in the transaction that accepts it (I1, I3), and whatever the
//!   proof is for in that same transaction.
//! - MUST leave the event of a ruling in the transaction that makes it.
//! - MUST neither compare nor charge while the throttle is closed (I6).
//! - MUST cost the same, an fsync included, for whoever is not there (I16).

mod eight_digits;
mod noting;

use std::sync::Arc;

use twinlock_verifier::{
    answer::{Answer, Otp},
    judge::{self, Account, Proof, RecoveryAttempt, Refusal, RightTicket, Rules, Verdict},
    recovery::RecoveryCode,
    source::Source,
    throttle::Closure,
    time::Timestamp,
};

use crate::{
    audit::{Event, Subject},
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    store::{
        Records, StoreError,
        accounts::{AccountRecord, Uncharged},
    },
    vault::Vault,
};

pub(crate) use noting::{Noting, by_command, refusals_of};

/// An answer and the circumstances it is judged under.
pub(crate) struct Attempt {
    pub(crate) identity: Identity,
    pub(crate) answer: Answer,
    pub(crate) source: Source,
    pub(crate) now: Timestamp,
}

impl Attempt {
    /// An attempt by a command rather than a login: root sits at this host, anybody else is a
    /// program of the account's own uid.
    pub(crate) fn by_command(call: &Subject, identity: Identity, answer: Answer) -> Self {
        let source = if call.caller == 0 { Source::Local } else { Source::OwnProgram };
        Self { identity, answer, source, now: clock::now() }
    }
}

/// What came of it, `T` being what was done with the proof.
pub(crate) enum Ruling<T> {
    Accepted {
        proof: Proof,
        done: T,
        /// Unused recovery codes afterwards, where the proof was one.
        recovery_codes_left: Option<u32>,
    },
    /// The answer is the ticket of an account without an authenticator.
    MayEnroll {
        /// The hash of the ticket, by which it is known.
        ticket: String,
    },
    Refused(Refusal),
    Throttled(Closure),
    /// The identity is not the recorded one (I10): refused, nothing compared.
    Mismatch,
}

impl<T> Ruling<T> {
    /// What a command makes of it that has no use for anything but an accept.
    fn as_failure(&self) -> Option<Failure> {
        Some(match self {
            Self::Accepted { .. } => return None,
            Self::MayEnroll { .. } => Failure::Refused(Refusal::WrongCode),
            Self::Refused(refusal) => Failure::Refused(*refusal),
            Self::Throttled(closure) => Failure::Throttled(*closure),
            Self::Mismatch => Failure::AccountMismatch,
        })
    }
}

impl<T> Ruling<Result<T, Failure>> {
    /// What a command did with the proof. [`by_command`] has noted whatever came of it.
    pub(crate) fn settled(self) -> Result<T, Failure> {
        match (self.as_failure(), self) {
            (None, Self::Accepted { done, .. }) => done.map_err(Failure::noted),
            (Some(failure), _) => Err(failure.noted()),
            (None, _) => Err(Failure::Internal("a ruling that is neither")),
        }
    }
}

/// What is done in the transaction that accepts the proof.
pub(crate) type OnAccept<T> =
    Arc<dyn Fn(&Records<'_>, &Identity, &Proof) -> Result<T, StoreError> + Send + Sync>;

/// A use case's answer as an [`OnAccept`] gives it: what it decided against is told and leaves the
/// proof spent, what it could not do rolls all of it back.
pub(crate) fn settled<T>(result: Result<T, Failure>) -> Result<Result<T, Failure>, StoreError> {
    match result {
        Err(Failure::Store(error)) => Err(error),
        decided => Ok(decided),
    }
}

/// For a proof that is its own purpose.
pub(crate) fn nothing_more() -> OnAccept<Result<(), Failure>> {
    Arc::new(|_, _, _| Ok(Ok(())))
}

/// Judges the attempt, whatever kind of code it is.
pub(crate) async fn prove<T: Send + 'static>(
    daemon: &Daemon,
    attempt: Attempt,
    on_accept: OnAccept<T>,
    noting: Noting<T>,
) -> Result<Ruling<T>, Failure> {
    let (case, answer) = Case::new(daemon, attempt, on_accept, noting);
    match answer {
        Answer::Otp(otp) => {
            let Some(code) = otp.as_recovery_code() else {
                return case.prove_otp(daemon, otp).await;
            };
            case.prove_eight_digits(daemon, otp, &code).await
        }
        Answer::RecoveryCode(code) => case.prove_look_up_secret(daemon, &code).await,
        Answer::Malformed => case.refuse_malformed(daemon).await,
    }
}

/// Judges the attempt where only a one-time code will do: anything else is malformed.
pub(crate) async fn prove_otp_only<T: Send + 'static>(
    daemon: &Daemon,
    attempt: Attempt,
    on_accept: OnAccept<T>,
    noting: Noting<T>,
) -> Result<Ruling<T>, Failure> {
    let (case, answer) = Case::new(daemon, attempt, on_accept, noting);
    match answer {
        Answer::Otp(otp) => case.prove_otp(daemon, otp).await,
        Answer::RecoveryCode(_) | Answer::Malformed => case.refuse_malformed(daemon).await,
    }
}

/// Spends the time an attempt takes, for a claimant who does not exist, and notes that it was refused.
pub(crate) async fn prove_nothing(
    daemon: &Daemon,
    answer: &Answer,
    refused: Event,
) -> Result<(), Failure> {
    let count = |records: &Records<'_>| {
        records.count_uncharged(Uncharged::UnknownName)?;
        records.note(refused)
    };
    daemon.store.run(count).await?;
    let imported;
    let look_up_secret = match answer {
        Answer::RecoveryCode(code) => code,
        Answer::Otp(otp) => match otp.as_recovery_code() {
            Some(code) => {
                imported = code;
                &imported
            }
            None => return Ok(()),
        },
        Answer::Malformed => return Ok(()),
    };
    daemon.recovery_hasher.like_nobody(look_up_secret).await?;
    // A wrong code of somebody's is looked for, which writes nothing.
    daemon.no_account().await
}

/// An attempt without its answer.
struct Case<T> {
    identity: Identity,
    source: Source,
    now: Timestamp,
    rules: Rules,
    vault: Arc<Vault>,
    on_accept: OnAccept<T>,
    noting: Noting<T>,
}

impl<T> Clone for Case<T> {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            source: self.source,
            now: self.now,
            rules: self.rules,
            vault: self.vault.clone(),
            on_accept: self.on_accept.clone(),
            noting: self.noting.clone(),
        }
    }
}

/// Where a look-up secret stands after its charge.
enum Charged {
    Mismatch,
    Throttled(Closure),
    /// A hash that names the salt, if the account has any of that shape.
    Evaluate(RecoveryAttempt, Option<String>),
}

impl<T: Send + 'static> Case<T> {
    fn new(
        daemon: &Daemon,
        attempt: Attempt,
        on_accept: OnAccept<T>,
        noting: Noting<T>,
    ) -> (Self, Answer) {
        let Attempt { identity, answer, source, now } = attempt;
        let (rules, vault) = (daemon.rules(), daemon.vault.clone());
        (Self { identity, source, now, rules, vault, on_accept, noting }, answer)
    }

    async fn refuse_malformed(self, daemon: &Daemon) -> Result<Ruling<T>, Failure> {
        let refused = daemon.store.run(move |records| {
            records.count_uncharged(Uncharged::Malformed)?;
            let verdict = judge::malformed().store(|_| Ok::<_, StoreError>(()))?;
            self.finish(records, verdict, None)
        });
        Ok(refused.await?)
    }

    async fn prove_otp(self, daemon: &Daemon, otp: Otp) -> Result<Ruling<T>, Failure> {
        Ok(daemon.store.run(move |records| self.judge_otp(records, &otp)).await?)
    }

    fn judge_otp(&self, records: &Records<'_>, otp: &Otp) -> Result<Ruling<T>, StoreError> {
        let Some(record) = self.load(records)? else {
            return self.conclude(records, Ruling::Mismatch);
        };
        let authenticators =
            record.confirmed.iter().map(|sealed| sealed.authenticator.unseal(&self.vault));
        let account = Account {
            authenticators: authenticators.collect::<Result<_, _>>()?,
            throttle: record.throttle,
        };
        let judgement = judge::judge(&account, otp, &self.source, self.now, &self.rules);
        let verdict = judgement
            .store(|change| records.apply(&self.identity, &account.throttle, change, self.now))?;
        if let Verdict::Refused(Refusal::Replayed(_)) = verdict {
            records.count_uncharged(Uncharged::Replayed)?;
        }
        self.finish(records, verdict, None)
    }

    /// A recovery code, or the ticket of an account without an authenticator.
    async fn prove_look_up_secret(
        self,
        daemon: &Daemon,
        code: &RecoveryCode,
    ) -> Result<Ruling<T>, Failure> {
        let (charging, imported) = (self.clone(), code.is_imported());
        let charged = daemon.store.run(move |records| charging.charge(records, imported)).await?;
        self.evaluate(daemon, charged, code).await
    }

    async fn evaluate(
        self,
        daemon: &Daemon,
        charged: Charged,
        code: &RecoveryCode,
    ) -> Result<Ruling<T>, Failure> {
        let (attempt, salted) = match charged {
            Charged::Mismatch => return Ok(Ruling::Mismatch),
            Charged::Throttled(closure) => return Ok(Ruling::Throttled(closure)),
            Charged::Evaluate(attempt, salted) => (attempt, salted),
        };
        let hash = daemon.recovery_hasher.like(salted.as_deref(), code).await?;
        Ok(daemon.store.run(move |records| self.redeem(records, attempt, &hash)).await?)
    }

    fn charge(&self, records: &Records<'_>, imported: bool) -> Result<Charged, StoreError> {
        let Some(record) = self.load(records)? else {
            self.conclude(records, Ruling::Mismatch)?;
            return Ok(Charged::Mismatch);
        };
        let charge = judge::charge_recovery(&record.throttle, self.now, &self.rules);
        let stored = charge
            .store(|change| records.apply(&self.identity, &record.throttle, change, self.now))?;
        let attempt = match stored {
            Ok(attempt) => attempt,
            Err(closure) => {
                self.conclude(records, Ruling::Throttled(closure))?;
                return Ok(Charged::Throttled(closure));
            }
        };
        let salted = if record.confirmed.is_empty() {
            records.ticket(self.identity.uid)?.map(|ticket| ticket.hash)
        } else {
            let set = records.recovery_codes(self.identity.uid)?;
            set.salted(imported).map(str::to_owned)
        };
        Ok(Charged::Evaluate(attempt, salted))
    }

    fn redeem(
        &self,
        records: &Records<'_>,
        attempt: RecoveryAttempt,
        hash: &str,
    ) -> Result<Ruling<T>, StoreError> {
        let Some(record) = self.load(records)? else {
            return self.conclude(records, Ruling::Mismatch);
        };
        let throttle = &record.throttle;
        let apply = |change: &_| records.apply(&self.identity, throttle, change, self.now);
        if record.confirmed.is_empty() {
            let ticket = records.ticket(self.identity.uid)?;
            let matched = ticket.is_some_and(|ticket| ticket.is_good(hash, self.now));
            let judgement = judge::redeem_ticket(attempt, throttle, matched);
            let ruling = match judgement.store(apply)? {
                Verdict::Accepted(RightTicket { .. }) => {
                    Ruling::MayEnroll { ticket: hash.to_owned() }
                }
                Verdict::Refused(refusal) => Ruling::Refused(refusal),
                Verdict::Throttled(closure) => Ruling::Throttled(closure),
            };
            return self.conclude(records, ruling);
        }
        let set = records.recovery_codes(self.identity.uid)?;
        let matched = set.unused_with_hash(hash);
        let left = set.left().saturating_sub(u32::from(matched.is_some()));
        let judgement =
            judge::redeem(attempt, throttle, matched, &self.source, self.now, &self.rules);
        let verdict = judgement.store(apply)?;
        self.finish(records, verdict, Some(left))
    }

    fn finish(
        &self,
        records: &Records<'_>,
        verdict: Verdict,
        recovery_codes_left: Option<u32>,
    ) -> Result<Ruling<T>, StoreError> {
        let ruling = match verdict {
            Verdict::Accepted(proof) => {
                let done = (self.on_accept)(records, &self.identity, &proof)?;
                Ruling::Accepted { proof, done, recovery_codes_left }
            }
            Verdict::Refused(refusal) => Ruling::Refused(refusal),
            Verdict::Throttled(closure) => Ruling::Throttled(closure),
        };
        self.conclude(records, ruling)
    }

    /// Leaves the event of the ruling.
    fn conclude(&self, records: &Records<'_>, ruling: Ruling<T>) -> Result<Ruling<T>, StoreError> {
        if let Some(event) = (self.noting)(&ruling) {
            records.note(event)?;
        }
        Ok(ruling)
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
