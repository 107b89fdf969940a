//! Trying a code: judged as in a login, and then explained to whoever it belongs to.

use std::time::Duration;

use twinlock_interface::{CodeCheck, CodeOutcome};
use twinlock_verifier::{
    answer::{Answer, Otp},
    authenticator::{AuthenticatorId, Kind},
    diagnosis,
    judge::{Proof, Refusal},
    moving_factor::MovingFactor,
    time::Timestamp,
};

use crate::{
    audit::Subject,
    authenticators::enrolled,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    proof::{self, Attempt, Ruling},
    store::accounts::AccountRecord,
};

/// How far away a code may lie for [`check`] to say so.
const DIAGNOSED: Duration = Duration::from_hours(1);

/// Judges a code as a login would, and says what is known about it.
pub(crate) async fn check(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    code: &str,
) -> Result<CodeCheck, Failure> {
    let (account, record) = enrolled(daemon, call.caller, account).await?;
    let attempt = Attempt::by_command(call, account.clone(), Answer::parse(code));
    let now = attempt.now;
    let report = |outcome, id, offset_seconds| CodeCheck {
        outcome,
        authenticator: name_of(&record, id),
        offset_seconds,
    };
    let noting = proof::by_command(call, now);
    match proof::prove_otp_only(daemon, attempt, proof::nothing_more(), noting).await? {
        Ruling::Accepted { proof: Proof::Otp { authenticator, factor }, .. } => {
            let offset = offset(&record, authenticator, factor, now);
            Ok(report(CodeOutcome::Accepted, authenticator, offset))
        }
        Ruling::Refused(Refusal::Replayed(id)) => Ok(report(CodeOutcome::Spent, id, None)),
        Ruling::Refused(Refusal::WrongCode) => {
            let Answer::Otp(otp) = Answer::parse(code) else {
                return Err(Failure::Refused(Refusal::Malformed).noted());
            };
            let (id, offset) = diagnose(daemon, call.caller, account, otp, now)
                .await?
                .ok_or_else(|| Failure::Refused(Refusal::WrongCode).noted())?;
            Ok(report(CodeOutcome::OutOfWindow, id, Some(offset)))
        }
        other => {
            let failure = other.settled().err();
            Err(failure.unwrap_or_else(|| Failure::Refused(Refusal::WrongCode).noted()))
        }
    }
}

/// Looks for the code outside the window. It was charged as a wrong one before. A code of the past is
/// worth nothing any more; one of the future will be a right one, so only root, who could read all
/// of them, is told.
async fn diagnose(
    daemon: &Daemon,
    caller: u32,
    account: Identity,
    otp: Otp,
    now: Timestamp,
) -> Result<Option<(AuthenticatorId, i64)>, Failure> {
    let vault = daemon.vault.clone();
    let ahead = if caller == 0 { DIAGNOSED } else { Duration::ZERO };
    let found = daemon.store.run(move |records| {
        let record = records.record_of(&account)?;
        let authenticators: Vec<_> = record
            .confirmed
            .iter()
            .map(|one| one.authenticator.unseal(&vault))
            .collect::<Result<_, _>>()?;
        Ok(diagnosis::out_of_window(&authenticators, &otp, now, DIAGNOSED, ahead))
    });
    Ok(found.await?)
}

fn offset(
    record: &AccountRecord,
    id: AuthenticatorId,
    factor: MovingFactor,
    now: Timestamp,
) -> Option<i64> {
    let one = record.confirmed.iter().find(|one| one.authenticator.id == id)?;
    match one.authenticator.parameters.kind {
        Kind::Totp(period) => Some(diagnosis::offset_seconds(factor, period, now)),
        Kind::Hotp => None,
    }
}

fn name_of(record: &AccountRecord, id: AuthenticatorId) -> String {
    let mut authenticators = record.confirmed.iter().map(|one| &one.authenticator);
    authenticators.find(|one| one.id == id).map(|one| one.name.clone()).unwrap_or_default()
}
