//! What happened, and how long that is known.

use twinlock_interface::{EventQuery, LoginContext};

use super::*;
use crate::audit::{Action, Event, Outcome, Subject};

fn login(user: &str, outcome: Outcome, at: u64) -> Event {
    let context = LoginContext { service: Some("sshd".into()), ..LoginContext::default() };
    let subject = Subject {
        action: Action::Login,
        user: user.into(),
        uid: Some(1000),
        caller: 0,
        context: Some(context),
    };
    subject.ended(outcome, "as-asked", Timestamp::from_unix(at))
}

async fn note(store: &Store, event: Event) {
    store.run(move |records| records.note(event)).await.unwrap();
}

async fn asked(store: &Store, query: EventQuery) -> Vec<(String, u64)> {
    let events = store.run(move |records| records.events(&query)).await.unwrap();
    events.into_iter().map(|event| (event.user, event.at)).collect()
}

#[test]
fn a_job_that_fails_has_not_happened() {
    let state = state();
    block_on(async {
        let store = open(&state);
        let failed = store.run(|records| {
            records.note(login("alice", Outcome::Accepted, 1))?;
            Err::<(), _>(StoreError::Corrupt("as asked"))
        });
        assert!(failed.await.is_err());
        note(&store, login("bob", Outcome::Accepted, 2)).await;
        assert_eq!(asked(&store, EventQuery::default()).await, [("bob".to_owned(), 2)]);
    });
}

#[test]
fn events_are_found_by_what_they_tell_and_a_page_at_a_time() {
    let state = state();
    block_on(async {
        let store = open(&state);
        for at in 1..=250 {
            let (user, outcome) = match at % 2 {
                0 => ("alice", Outcome::Accepted),
                _ => ("bob", Outcome::Refused),
            };
            note(&store, login(user, outcome, at)).await;
        }
        let times = async |query| -> Vec<u64> {
            asked(&store, query).await.into_iter().map(|(_, at)| at).collect()
        };
        let all = EventQuery::default;
        assert_eq!(times(all()).await, (151..=250).collect::<Vec<_>>(), "the newest page");
        let first = EventQuery { after: Some(0), limit: Some(3), ..all() };
        assert_eq!(times(first).await, [1, 2, 3]);
        let before = EventQuery { before: Some(151), limit: Some(1000), ..all() };
        assert_eq!(times(before).await, (51..=150).collect::<Vec<_>>());
        let alice = EventQuery { user: Some("alice".into()), since: Some(246), ..all() };
        assert_eq!(times(alice).await, [246, 248, 250]);
        let refused = EventQuery { outcome: Some("refused".into()), until: Some(6), ..all() };
        assert_eq!(times(refused).await, [1, 3, 5]);
        for nothing in [
            EventQuery { user: Some("alice' OR 1 = 1 --".into()), ..all() },
            EventQuery { action: Some("reset".into()), ..all() },
            EventQuery { service: Some("sudo".into()), ..all() },
            EventQuery { after: Some(u64::MAX), ..all() },
        ] {
            assert!(times(nothing).await.is_empty());
        }
    });
}

#[test]
fn a_flood_of_attempts_washes_away_attempts_only_and_age_takes_all() {
    let state = state();
    block_on(async {
        let store = open(&state);
        note(&store, login("alice", Outcome::Accepted, 10)).await;
        let flood = |records: &Records<'_>| {
            (0..1500).try_for_each(|_| records.note(login("mallory", Outcome::Refused, 20)))
        };
        store.run(flood).await.unwrap();
        let keep = lifetimes().events;
        let count = async |now: u64| {
            let count = move |records: &Records<'_>| {
                records.trim_events(Timestamp::from_unix(now), keep)?;
                let sql = "SELECT count(*), min(at) FROM events";
                Ok(records.connection.query_row(sql, [], |row| {
                    Ok((row.get::<_, u32>(0)?, row.get::<_, Option<u32>>(1)?))
                })?)
            };
            store.run(count).await.unwrap()
        };
        assert_eq!(count(20).await, (1001, Some(10)));
        assert_eq!(count(10 + 3600).await, (1001, Some(10)));
        assert_eq!(count(11 + 3600).await, (1000, Some(20)));
        // Little by little: the clock may be what is wrong.
        assert_eq!(count(21 + 3600).await, (500, Some(20)));
        assert_eq!(count(21 + 3600).await, (0, None));
    });
}
