//! `twinlock audit`: decisions and changes, the newest of them, and those to come.

mod follow;
mod line;

use serde::Serialize;
use twinlock_interface::{Event, EventQuery, names::PAGE, proxy::ManagerProxy};

use crate::{
    arguments::audit::{Audit, Filter},
    bus,
    failure::{Failure, Name},
    moment::{Moment, host_zone},
    output::{self, Format},
    pace::Pace,
};

pub(crate) fn run(options: &Audit, format: Format) -> Result<(), Failure> {
    let filter = query(&options.filter, &Moment::now())?;
    let mut daemon = Bus::default();
    let shown = show(&mut daemon, &filter, options, format);
    match shown {
        // Who reads no more has seen enough.
        Err(failure) if failure.name == Name::Output && output::reader_is_gone() => Ok(()),
        other => other,
    }
}

fn show(
    daemon: &mut Bus,
    filter: &EventQuery,
    options: &Audit,
    format: Format,
) -> Result<(), Failure> {
    let events = newest(daemon, filter, options.limit)?;
    tell(&events, format)?;
    if !options.follow {
        if events.is_empty() && format == Format::Text {
            output::remark("There is no such event.\n");
        }
        return Ok(());
    }
    let last = match events.last() {
        Some(event) => event.id,
        // Nobody asked to see it, but what comes after it.
        None => newest(daemon, filter, 1)?.last().map_or(0, |event| event.id),
    };
    // A script's stderr carries errors only.
    let remark = |words: &str| match format {
        Format::Text => output::remark(words),
        Format::Json => (),
    };
    follow::from(last, filter, daemon, |events| tell(events, format), remark)
}

/// What is asked of the daemon.
trait Daemon {
    fn events(&mut self, query: &EventQuery) -> Result<Vec<Event>, Failure>;
}

/// The daemon on the system bus.
#[derive(Default)]
struct Bus {
    pace: Pace,
}

impl Daemon for Bus {
    fn events(&mut self, query: &EventQuery) -> Result<Vec<Event>, Failure> {
        self.pace.keep();
        bus::administer(async |bus| ManagerProxy::new(bus).await?.events(query).await)
    }
}

fn query(filter: &Filter, moment: &Moment) -> Result<EventQuery, Failure> {
    let (now, zone) = (moment.seconds(), host_zone());
    let back =
        |date: Option<crate::date::Date>| date.map(|date| date.back_from(now, &zone)).transpose();
    Ok(EventQuery {
        user: filter.user.clone(),
        action: filter.action.clone(),
        outcome: filter.outcome.map(|outcome| outcome.as_str().to_owned()),
        service: filter.service.clone(),
        since: back(filter.since)?,
        until: back(filter.until)?,
        ..EventQuery::default()
    })
}

/// The newest `limit` events, oldest first.
fn newest(
    daemon: &mut impl Daemon,
    filter: &EventQuery,
    limit: usize,
) -> Result<Vec<Event>, Failure> {
    // Pages come from the newest to the oldest, each with its oldest first.
    let mut pages: Vec<Vec<Event>> = Vec::new();
    let mut left = limit;
    let mut before = None;
    while left > 0 {
        let wanted = left.min(PAGE);
        let query = EventQuery { before, limit: u32::try_from(wanted).ok(), ..filter.clone() };
        let page = daemon.events(&query)?;
        let Some(oldest) = page.first().map(|event| event.id) else { break };
        let is_last = page.len() < wanted || before.is_some_and(|before| oldest >= before);
        left = left.saturating_sub(page.len());
        before = Some(oldest);
        pages.push(page);
        if is_last {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

fn tell(events: &[Event], format: Format) -> Result<(), Failure> {
    let moment = Moment::now();
    events.iter().try_for_each(|event| match format {
        Format::Text => output::text(&line::of(event, &moment)),
        Format::Json => output::json(&EventObject::from(event)),
    })
}

/// All keys always, so that a script need not ask which are there.
#[derive(Serialize)]
struct EventObject<'a> {
    id: u64,
    at: u64,
    action: &'a str,
    outcome: &'a str,
    reason: &'a str,
    user: &'a str,
    uid: Option<u32>,
    caller: u32,
    service: &'a str,
    rhost: &'a str,
    tty: &'a str,
    ruser: &'a str,
    details: &'a str,
}

impl<'a> From<&'a Event> for EventObject<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            id: event.id,
            at: event.at,
            action: &event.action,
            outcome: &event.outcome,
            reason: &event.reason,
            user: &event.user,
            uid: event.uid,
            caller: event.caller,
            service: &event.service,
            rhost: &event.rhost,
            tty: &event.tty,
            ruser: &event.ruser,
            details: &event.details,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn event(id: u64) -> Event {
        Event { id, ..Event::default() }
    }

    /// As many events, and how often it was asked.
    pub(super) struct Log {
        pub(super) events: u64,
        pub(super) calls: usize,
    }

    impl Daemon for Log {
        fn events(&mut self, query: &EventQuery) -> Result<Vec<Event>, Failure> {
            self.calls += 1;
            let most = usize::try_from(query.limit.unwrap_or(100).clamp(1, 100)).unwrap();
            let found = (1..=self.events)
                .filter(|id| query.before.is_none_or(|before| *id < before))
                .filter(|id| query.after.is_none_or(|after| *id > after));
            let ids: Vec<_> = match query.after {
                Some(_) => found.take(most).collect(),
                None => {
                    let all: Vec<_> = found.collect();
                    all[all.len().saturating_sub(most)..].to_vec()
                }
            };
            Ok(ids.into_iter().map(event).collect())
        }
    }

    #[test]
    fn the_newest_are_told_with_the_oldest_of_them_first() {
        for (events, limit, calls) in
            [(0, 50, 1), (30, 50, 1), (1000, 50, 1), (1000, 250, 3), (250, 9999, 3), (9, 0, 0)]
        {
            let mut log = Log { events, calls: 0 };
            let told = newest(&mut log, &EventQuery::default(), limit).unwrap();
            let first = events.saturating_sub(u64::try_from(limit).unwrap());
            let ids: Vec<_> = told.iter().map(|event| event.id).collect();
            assert_eq!(ids, (first + 1..=events).collect::<Vec<_>>(), "{events} {limit}");
            assert_eq!(log.calls, calls, "{events} {limit}");
        }
    }

    #[test]
    fn a_daemon_that_says_the_same_again_is_not_asked_for_ever() {
        struct Stuck;
        impl Daemon for Stuck {
            fn events(&mut self, _: &EventQuery) -> Result<Vec<Event>, Failure> {
                Ok((1..=100).map(event).collect())
            }
        }
        let told = newest(&mut Stuck, &EventQuery::default(), 100_000).unwrap();
        assert_eq!(told.len(), 200, "once, and once more to see that it is the same");
    }

    #[test]
    fn durations_count_back_from_now() {
        let moment = Moment::now();
        let filter = Filter { since: "2h".parse().ok(), ..Filter::default() };
        let query = query(&filter, &moment).unwrap();
        assert_eq!(query.since, Some(moment.seconds() - 7200));
        assert_eq!(query.until, None);
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        assert_eq!(
            serde_json::to_string(&EventObject::from(&event(12))).unwrap(),
            r#"{"id":12,"at":0,"action":"","outcome":"","reason":"","user":"","uid":null,"#
                .to_owned()
                + r#""caller":0,"service":"","rhost":"","tty":"","ruser":"","details":""}"#
        );
    }
}
