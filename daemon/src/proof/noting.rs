//! The event of a ruling.

use std::sync::Arc;

use twinlock_verifier::time::Timestamp;

use super::Ruling;
use crate::{
    audit::{Event, Subject},
    failure::Failure,
};

/// What the log says of a ruling; nothing where more is to come.
pub(crate) type Noting<T> = Arc<dyn Fn(&Ruling<T>) -> Option<Event> + Send + Sync>;

/// The same for a command that does something with the proof.
pub(crate) fn by_command<T: 'static>(call: &Subject, now: Timestamp) -> Noting<Result<T, Failure>> {
    let call = call.clone();
    Arc::new(move |ruling| {
        let event = match (ruling, ruling.as_failure()) {
            (_, Some(failure)) => {
                let (outcome, reason) = failure.audited();
                call.ended(outcome, reason, now)
            }
            (Ruling::Accepted { done: Err(failure), .. }, None) => {
                let (outcome, reason) = failure.audited();
                call.ended(outcome, reason, now)
            }
            (_, None) => call.done(now),
        };
        Some(event)
    })
}

/// The same where an accept is not the end of it: that is noted by whoever goes on.
pub(crate) fn refusals_of<T: 'static>(
    call: &Subject,
    now: Timestamp,
) -> Noting<Result<T, Failure>> {
    let all = by_command(call, now);
    Arc::new(move |ruling| ruling.as_failure().and_then(|_| all(ruling)))
}
