//! What comes, as it comes.

use twinlock_interface::{Event, EventQuery, names::PAGE};

use super::Daemon;
use crate::{
    failure::{Failure, Name},
    output, pace,
};

/// Tells events after number `last` until nobody reads any more. A daemon that cannot be reached is
/// asked again: it may be restarting. Ctrl-C ends the process as it ends any other.
pub(super) fn from(
    last: u64,
    filter: &EventQuery,
    daemon: &mut impl Daemon,
    tell: impl FnMut(&[Event]) -> Result<(), Failure>,
    remark: impl FnMut(&str),
) -> Result<(), Failure> {
    let wait = pace::between_news();
    Follow { last, is_lost: false, remark }
        .run(filter, daemon, tell, || !output::reader_goes_within(wait))
}

struct Follow<R> {
    last: u64,
    /// Whether the daemon was out of reach the last time.
    is_lost: bool,
    remark: R,
}

impl<R: FnMut(&str)> Follow<R> {
    /// `wait` waits, and says whether to go on.
    fn run(
        mut self,
        filter: &EventQuery,
        daemon: &mut impl Daemon,
        mut tell: impl FnMut(&[Event]) -> Result<(), Failure>,
        mut wait: impl FnMut() -> bool,
    ) -> Result<(), Failure> {
        loop {
            let query = EventQuery { after: Some(self.last), ..filter.clone() };
            let events = match daemon.events(&query) {
                Ok(events) => {
                    self.is_lost = false;
                    events
                }
                Err(failure) if is_passing(failure.name) => {
                    self.lost(&failure);
                    Vec::new()
                }
                Err(failure) => return Err(failure),
            };
            // What was told is not told again, whatever the daemon says.
            let news: Vec<_> = events.into_iter().filter(|event| event.id > self.last).collect();
            self.last = news.iter().map(|event| event.id).max().unwrap_or(self.last);
            tell(&news)?;
            if news.len() < PAGE && !wait() {
                return Ok(());
            }
        }
    }

    /// Says so once.
    fn lost(&mut self, failure: &Failure) {
        if !self.is_lost {
            let first = failure.message.lines().next().unwrap_or_default();
            (self.remark)(&format!("twinlock: {first} Waiting for it.\n"));
        }
        self.is_lost = true;
    }
}

/// Whether it may be different in a moment.
fn is_passing(name: Name) -> bool {
    matches!(
        name,
        Name::BusUnreachable
            | Name::DaemonUnreachable
            | Name::DeadlineExceeded
            | Name::BusFailure
            | Name::Unavailable
            | Name::LimitsExceeded
    )
}

#[cfg(test)]
mod tests {
    use twinlock_interface::Error;

    use super::{
        super::tests::{Log, event},
        *,
    };

    fn follow(last: u64, daemon: &mut impl Daemon, rounds: usize) -> Result<Vec<u64>, Failure> {
        remarking(last, daemon, rounds, |_| ())
    }

    fn remarking(
        last: u64,
        daemon: &mut impl Daemon,
        rounds: usize,
        remark: impl FnMut(&str),
    ) -> Result<Vec<u64>, Failure> {
        let mut told = Vec::new();
        let mut left = rounds;
        Follow { last, is_lost: false, remark }.run(
            &EventQuery::default(),
            daemon,
            |events| {
                told.extend(events.iter().map(|event| event.id));
                Ok(())
            },
            || {
                left -= 1;
                left > 0
            },
        )?;
        Ok(told)
    }

    #[test]
    fn what_is_new_is_told_once_and_a_backlog_without_waiting() {
        let mut log = Log { events: 350, calls: 0 };
        let told = follow(10, &mut log, 2).unwrap();
        assert_eq!(told, (11..=350).collect::<Vec<_>>());
        assert_eq!(log.calls, 5, "four pages, and once more after a wait");
    }

    /// Answers each call with the next of these.
    struct Script(Vec<Result<Vec<Event>, Error>>);

    impl Daemon for Script {
        fn events(&mut self, _: &EventQuery) -> Result<Vec<Event>, Failure> {
            self.0.remove(0).map_err(Failure::from)
        }
    }

    #[test]
    fn a_daemon_that_is_restarted_is_waited_for() {
        let away = || Err(Error::Bus(zbus::fdo::Error::NoReply("gone".into()).into()));
        let mut daemon = Script(vec![
            Ok(vec![event(1)]),
            away(),
            away(),
            Err(Error::LimitsExceeded("too many".into())),
            Ok(vec![event(1), event(2)]),
        ]);
        let mut remarks = Vec::new();
        let told = remarking(0, &mut daemon, 5, |words| remarks.push(words.to_owned()));
        assert_eq!(told.unwrap(), [1, 2]);
        assert_eq!(
            remarks,
            ["twinlock: twinlockd went away before it answered: gone. Waiting for it.\n"]
        );
    }

    #[test]
    fn a_refusal_ends_it() {
        let mut daemon = Script(vec![Err(Error::NotAuthorized("no".into()))]);
        let failure = follow(0, &mut daemon, 5).unwrap_err();
        assert_eq!(failure.name, Name::NotAuthorized);
    }
}
