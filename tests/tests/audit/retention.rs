//! What is kept has bounds (I21), and what was accepted and changed is not washed away by refusals.

use std::time::Duration;

use tokio::task::JoinSet;
use twinlock_interface::{Event, EventQuery, LoginContext, proxy::LoginProxy};
use twinlock_tests::{Host, in_sandbox};

use crate::scene::{Scene, brief};

/// The least that can be set.
const ROWS: usize = 1000;
const DAY: Duration = Duration::from_secs(86_400);
/// Nobody has to give a code at this service.
const RULES: &str = "[[rule]]\nlevel = \"exempt\"\neveryone = true\nservices = [\"cron\"]\n";

fn refusals(scene: &Scene<'_>, count: usize) {
    in_batches(scene, count, |login| async move {
        login.answer("0123456789abcdef0123456789abcdef", "").await.unwrap_err();
    });
}

fn exempt_logins(scene: &Scene<'_>, count: usize) {
    in_batches(scene, count, |login| async move {
        let cron = LoginContext { service: Some("cron".to_owned()), ..LoginContext::default() };
        let (_, step) = login.begin("alice", &cron).await.unwrap();
        assert_eq!(step.kind, "not-required");
    });
}

/// Calls, so many at a time that they share a transaction.
fn in_batches<F: Future<Output = ()> + Send + 'static>(
    scene: &Scene<'_>,
    count: usize,
    call: impl Fn(LoginProxy<'static>) -> F,
) {
    scene.root.run(async {
        let login = LoginProxy::new(scene.root.connection()).await.unwrap();
        let mut running = JoinSet::new();
        for _ in 0..count {
            if running.len() == 64 {
                running.join_next().await.unwrap().unwrap();
            }
            running.spawn(call(login.clone()));
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    });
}

/// Rows with this outcome.
fn count(scene: &Scene<'_>, outcome: &str) -> usize {
    scene.rows(0).iter().filter(|row| row.outcome == outcome).count()
}

/// Ends the daemon; the next one puts things in order when it starts.
fn restart(host: &Host) {
    host.daemon.kill();
    host.daemon.start();
}

/// What anybody can make any number of.
fn anybodys(row: &Event) -> bool {
    row.outcome == "refused" || row.outcome == "not-required" || row.action == "enrollment-begin"
}

#[test]
fn what_anybody_may_do_has_an_allowance_of_its_own_and_what_was_accepted_stays() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        host.settings("[audit]\nrows = 1000\n");
        let (_, alices) = scene.enrolled("alice");
        scene.policy(RULES);
        let _ = scene.login("alice", &alices.phone.fresh_code());
        let kept = scene.rows(0);
        let kept: Vec<_> = kept.iter().filter(|row| !anybodys(row)).collect();
        assert!(kept.iter().any(|row| brief(row) == "login accepted otp alice 1000 by 0"));
        refusals(&scene, ROWS + 200);
        assert!(count(&scene, "refused") >= ROWS + 200);
        restart(host);
        await_rows(host, "SELECT count(*) FROM events WHERE outcome = 'refused'", ROWS);
        // The youngest of them.
        let left = scene.rows(0);
        let youngest = left.iter().filter(|row| row.outcome == "refused");
        let ids: Vec<_> = youngest.map(|row| row.id).collect();
        assert_eq!(ids.last().unwrap() - ids[0], u64::try_from(ROWS).unwrap() - 1);
        let still: Vec<_> = left.iter().filter(|row| !anybodys(row)).collect();
        assert_eq!(still, kept);

        // Nor do logins that are asked for nothing, which are to be had by the thousand as well.
        exempt_logins(&scene, ROWS + 100);
        restart(host);
        await_rows(host, "SELECT count(*) FROM events WHERE outcome = 'refused'", 0);
        assert_eq!(count(&scene, "not-required"), ROWS);
        let still = scene.rows(0);
        assert!(kept.iter().all(|row| still.contains(row)), "{still:?}");
        // Numbers of rows that are gone do not come back.
        let last = left.last().unwrap().id;
        let query = EventQuery { limit: Some(1), ..EventQuery::default() };
        assert!(scene.events(&query)[0].id > last);
    });
}

#[test]
fn what_is_older_than_it_is_kept_goes_whatever_it_is() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        host.settings("[audit]\ndays = 2\n");
        let (_, alices) = scene.enrolled("alice");
        let log_in = || drop(scene.login("alice", &alices.phone.fresh_code()));
        log_in();
        host.clock.advance(DAY * 2 - Duration::from_secs(600));
        log_in();
        restart(host);
        let accepted = "SELECT count(*) FROM events WHERE outcome = 'accepted'";
        let enrolled = "SELECT count(*) FROM events WHERE action = 'enrollment-confirm'";
        let refused = "SELECT count(*) FROM events WHERE outcome = 'refused'";
        assert_eq!((count(&scene, "accepted"), count(&scene, "done")), (2, 2));
        host.clock.advance(Duration::from_secs(1200));
        restart(host);
        await_rows(host, accepted, 1);
        await_rows(host, enrolled, 0);
        // A clock that was set back takes nothing away, and what it sees then is told as well.
        host.clock.set_back(DAY);
        let _ = scene.login("nosuch", "");
        restart(host);
        await_rows(host, refused, 1);
        await_rows(host, accepted, 1);
    });
}

/// Waits until the database has so many.
fn await_rows(host: &Host, sql: &str, rows: usize) {
    host.await_database(sql, &rows.to_string());
}
