//! Eight digits, which are a one-time code or a recovery code that another program issued.

use std::sync::Arc;

use twinlock_verifier::{answer::Otp, judge::Refusal, recovery::RecoveryCode};

use super::{Case, Noting, Ruling};
use crate::{
    daemon::Daemon,
    failure::Failure,
    store::{Records, StoreError, authenticators::SealedConfirmed},
};

/// What eight digits can be for an account.
enum EightDigits {
    Otp,
    RecoveryCode,
    Either,
}

impl<T: Send + 'static> Case<T> {
    /// Eight digits are a one-time code, or a recovery code that another program issued. Whichever
    /// they could be for the account is charged; where they could not be a recovery code, the work of
    /// one is done all the same (I16).
    pub(super) async fn prove_eight_digits(
        self,
        daemon: &Daemon,
        otp: Otp,
        code: &RecoveryCode,
    ) -> Result<Ruling<T>, Failure> {
        let looking = self.clone();
        let meant = daemon.store.run(move |records| looking.eight_digits(records)).await?;
        if let EightDigits::RecoveryCode = meant {
            return self.prove_look_up_secret(daemon, code).await;
        }
        if let EightDigits::Either = meant {
            return self.prove_either(daemon, otp, code).await;
        }
        let ruling = self.clone().prove_otp(daemon, otp).await?;
        match (meant, &ruling) {
            // Not while the lane is closed: nothing is charged then, and the work would be free.
            (EightDigits::Otp, Ruling::Refused(_)) => self.decoy(daemon, code, ruling).await,
            _ => Ok(ruling),
        }
    }

    /// Both are looked for; what is noted is the ruling that the caller learns.
    async fn prove_either(
        self,
        daemon: &Daemon,
        otp: Otp,
        code: &RecoveryCode,
    ) -> Result<Ruling<T>, Failure> {
        let noting = self.noting.clone();
        let is_final = |ruling: &Ruling<T>| {
            // A replay is not charged, in whatever lane.
            let replayed = matches!(ruling, Ruling::Refused(Refusal::Replayed(_)));
            replayed || !matches!(ruling, Ruling::Refused(_) | Ruling::Throttled(_))
        };
        let final_only: Noting<T> = {
            let noting = noting.clone();
            Arc::new(move |ruling| if is_final(ruling) { noting(ruling) } else { None })
        };
        let first = Self { noting: final_only, ..self.clone() };
        let ruling = first.prove_otp(daemon, otp).await?;
        if let Ruling::Refused(Refusal::Replayed(_)) = ruling {
            return self.decoy(daemon, code, ruling).await;
        }
        if is_final(&ruling) {
            return Ok(ruling);
        }
        let told = noting(&ruling);
        let second: Noting<T> = Arc::new(move |ruling| match ruling {
            Ruling::Accepted { .. } => noting(ruling),
            _ => told.clone(),
        });
        match (Self { noting: second, ..self }).prove_look_up_secret(daemon, code).await? {
            accepted @ Ruling::Accepted { .. } => Ok(accepted),
            _ => Ok(ruling),
        }
    }

    /// Spends the time a wrong recovery code takes.
    async fn decoy(
        self,
        daemon: &Daemon,
        code: &RecoveryCode,
        ruling: Ruling<T>,
    ) -> Result<Ruling<T>, Failure> {
        daemon.recovery_hasher.like_nobody(code).await?;
        daemon.no_account().await?;
        Ok(ruling)
    }

    fn eight_digits(&self, records: &Records<'_>) -> Result<EightDigits, StoreError> {
        let Some(record) = self.load(records)? else { return Ok(EightDigits::Otp) };
        let digits = |one: &SealedConfirmed| one.authenticator.parameters.digits.get();
        let as_otp = record.confirmed.iter().any(|one| digits(one) == 8);
        let as_recovery_code = !record.confirmed.is_empty()
            && records.recovery_codes(self.identity.uid)?.salted(true).is_some();
        Ok(match (as_otp, as_recovery_code) {
            (true, true) => EightDigits::Either,
            (false, true) => EightDigits::RecoveryCode,
            (_, false) => EightDigits::Otp,
        })
    }
}
