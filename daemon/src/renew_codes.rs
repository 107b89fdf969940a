//! New recovery codes for old.
//!
//! - MUST take a fresh one-time code; a recovery code does not renew itself (I12).
//! - MUST kill the old set in the transaction that stores the new one (I3).

use std::sync::Arc;

use twinlock_verifier::{answer::Answer, judge::Proof};
use zeroize::Zeroizing;

use crate::{
    audit::Subject,
    authenticators::enrolled,
    clock,
    daemon::Daemon,
    failure::Failure,
    identity::Identity,
    proof::{self, Attempt, OnAccept},
    recovery_hash::{self, SetFor},
    store::recovery_codes::HashedSet,
};

/// Makes new recovery codes; returns them in the form people read.
pub(crate) async fn renew_codes(
    daemon: &Daemon,
    call: &Subject,
    account: Identity,
    code: &str,
) -> Result<Vec<Zeroizing<String>>, Failure> {
    let (account, _) = enrolled(daemon, call.caller, account).await?;
    let attempt = Attempt::by_command(call, account.clone(), Answer::parse(code));
    // Judged before the hashing, which takes longer than a transaction may. A crash in between spends
    // the code and leaves the old set.
    let by_which: OnAccept<Result<Proof, Failure>> = Arc::new(|_, _, proof| Ok(Ok(*proof)));
    let refusals = proof::refusals_of(call, attempt.now);
    let proof = proof::prove_otp_only(daemon, attempt, by_which, refusals).await?.settled()?;
    let codes = recovery_hash::fresh_codes()?;
    let turn = daemon.recovery_hasher.set_turn(SetFor::Command).await?;
    let hashes = daemon.recovery_hasher.hash_set(turn, &codes).await?;
    let set = HashedSet { hashes, imported: false };
    let renewed = call.done(clock::now());
    let stored = daemon.store.decide(move |records| {
        let record = records.record_of(&account)?;
        let proved = |id| matches!(proof, Proof::Otp { authenticator, .. } if authenticator == id);
        // Removed or reset meanwhile: whoever proved it has no say here any more.
        if !record.confirmed.iter().any(|one| proved(one.authenticator.id)) {
            return Err(Failure::NotEnrolled);
        }
        records.replace_recovery_codes(account.uid, &set)?;
        Ok(records.note(renewed)?)
    });
    stored.await?;
    Ok(codes.iter().map(|code| code.to_display()).collect())
}
