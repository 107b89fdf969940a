//! What the use cases rely on.

mod events;
mod policy;

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use twinlock_verifier::{
    authenticator::Parameters,
    moving_factor::MovingFactor,
    shared_secret::SharedSecret,
    source::Source,
    throttle::{Lane, Throttle},
    time::Timestamp,
};

use super::{
    accounts::Lookup,
    authenticators::{NewAuthenticator, Origin},
    expiry::Lifetimes,
    recovery_codes::HashedSet,
    tickets::{TICKET_LIFETIME, Ticket},
    *,
};
use crate::{
    config::Retention,
    identity::Identity,
    vault::{Vault, key_source::MasterKey},
};

fn state() -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    state
}

fn audit() -> Arc<Audit> {
    Arc::new(Audit::start().unwrap())
}

fn open(state: &tempfile::TempDir) -> Store {
    Store::open(state.path(), audit()).unwrap()
}

fn identity(uid: u32, name: &str) -> Identity {
    Identity { uid, name: name.into() }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn vault() -> Arc<Vault> {
    Arc::new(Vault::new(&MasterKey::from_bytes([7; 32])))
}

fn lifetimes() -> Lifetimes {
    let events = Retention { rows: 1000, age: Duration::from_secs(3600) };
    let (pending, remembered) = (Duration::from_secs(900), Duration::from_secs(600));
    Lifetimes { pending, remembered, events }
}

const STARTED: Timestamp = Timestamp::from_unix(1_000_000);

fn phone(byte: u8) -> NewAuthenticator {
    NewAuthenticator {
        name: "phone".into(),
        parameters: Parameters::default(),
        secret: SharedSecret::from_bytes(&[byte; 20]).unwrap(),
        last_spent: None,
    }
}

async fn enroll(store: &Store, vault: &Arc<Vault>, identity: Identity, byte: u8) {
    let vault = vault.clone();
    let job = move |records: &Records<'_>| {
        records.ensure(&identity)?;
        records
            .insert_pending(identity.uid, phone(byte), (&Origin::Command, STARTED), &vault)
            .map(drop)
    };
    store.run(job).await.unwrap();
}

fn raw(state: &Path) -> Connection {
    Connection::open(state.join(FILE)).unwrap()
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let state = state();
    let alice = identity(1000, "alice");
    block_on(async {
        let store = open(&state);
        enroll(&store, &vault(), alice.clone(), 1).await;
    });
    block_on(async {
        let store = open(&state);
        let record = store.run(move |records| records.account(&alice)).await.unwrap();
        let Lookup::Found(record) = record else { panic!("alice is gone") };
        let reopened = record.pending[0].unseal(&vault()).unwrap();
        assert_eq!(reopened.authenticator().secret.as_bytes(), [1; 20]);
    });
}

#[test]
fn a_failed_or_panicking_job_takes_nothing_with_it() {
    let state = state();
    block_on(async {
        let store = open(&state);
        let kept = store.run(|records| records.ensure(&identity(1, "kept")));
        let failed = store.run(|records| {
            records.ensure(&identity(2, "failed"))?;
            Err::<(), _>(StoreError::Corrupt("as asked"))
        });
        let panicked = store.run(|records| {
            records.ensure(&identity(3, "panicked"))?;
            panic!("as asked");
            #[expect(unreachable_code, reason = "gives the closure its type")]
            Ok(())
        });
        let (kept, failed, panicked) = tokio::join!(kept, failed, panicked);
        assert!(kept.is_ok());
        assert!(matches!(failed, Err(StoreError::Corrupt("as asked"))));
        assert!(matches!(panicked, Err(StoreError::Panicked)));
        for (name, uid) in [("kept", Some(1)), ("failed", None), ("panicked", None)] {
            assert_eq!(store.run(move |records| records.uid_of(name)).await.unwrap(), uid);
        }
    });
}

#[test]
fn a_job_runs_to_its_end_when_its_caller_is_gone() {
    let state = state();
    block_on(async {
        let store = open(&state);
        let asked = store.run(|records| records.ensure(&identity(1, "charged")));
        // Polled once: the job is queued, the caller leaves.
        tokio::select! { biased; _ = asked => {} () = std::future::ready(()) => {} }
        assert_eq!(store.run(|records| records.uid_of("charged")).await.unwrap(), Some(1));
    });
}

#[test]
fn a_name_or_uid_given_to_somebody_else_is_a_mismatch() {
    let state = state();
    block_on(async {
        let store = open(&state);
        enroll(&store, &vault(), identity(1000, "alice"), 1).await;
        for (uid, name) in [(1000, "bob"), (1001, "alice")] {
            let lookup = store.run(move |records| records.account(&identity(uid, name))).await;
            let Lookup::Mismatch { recorded } = lookup.unwrap() else { panic!("{uid} {name}") };
            assert_eq!(recorded, identity(1000, "alice"));
        }
    });
}

#[test]
fn a_secret_moved_between_accounts_opens_for_neither() {
    let state = state();
    block_on(async {
        let store = open(&state);
        enroll(&store, &vault(), identity(1000, "alice"), 1).await;
        enroll(&store, &vault(), identity(1001, "bob"), 2).await;
        drop(store);
    });
    swap_secrets(state.path());
    block_on(async {
        let store = open(&state);
        for (uid, name) in [(1000, "alice"), (1001, "bob")] {
            let lookup = store.run(move |records| records.account(&identity(uid, name))).await;
            let Lookup::Found(record) = lookup.unwrap() else { panic!("{name}") };
            let opened = record.pending[0].unseal(&vault());
            assert!(matches!(opened, Err(StoreError::Vault(_))), "{name}");
        }
    });
}

fn swap_secrets(state: &Path) {
    // The store thread lets go of its lock a moment after the handle is dropped.
    let connection = raw(state);
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection
        .execute_batch(
            "CREATE TEMP TABLE taken AS SELECT uid, sealed_secret FROM authenticators;
             UPDATE authenticators SET sealed_secret =
                (SELECT sealed_secret FROM taken WHERE taken.uid <> authenticators.uid);",
        )
        .unwrap();
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let state = state();
    drop(open(&state));
    raw(state.path()).pragma_update(None, "user_version", 99).unwrap();
    let Err(refused) = Store::open(state.path(), audit()) else { panic!("opened") };
    assert!(matches!(refused, StoreError::Newer { found: 99, .. }));
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

#[test]
fn migrating_twice_changes_nothing() {
    let mut connection = Connection::open_in_memory().unwrap();
    let schema = |connection: &Connection| -> String {
        connection
            .query_row("SELECT group_concat(sql, ';') FROM sqlite_schema", [], |row| row.get(0))
            .unwrap()
    };
    schema::migrate(&mut connection).unwrap();
    let once = schema(&connection);
    schema::migrate(&mut connection).unwrap();
    assert_eq!(schema(&connection), once);
}

/// What the first version of the schema looked like with one authenticator in it, by its own words.
fn write_first_schema(path: &Path, vault: &Vault) {
    let place = crate::vault::Place {
        table: "authenticators",
        uid: 1000,
        row: 7,
        meaning: "totp/SHA1/6/30",
    };
    let sealed = vault.seal(place, &[1; 20]).unwrap();
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(schema::MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.execute("INSERT INTO accounts VALUES (1000, 'alice')", []).unwrap();
    connection
        .execute(
            "INSERT INTO authenticators VALUES (7, 1000, 'SHA1', 6, 30, ?1, 5, 6, 42, 6)",
            [sealed],
        )
        .unwrap();
    connection
        .execute("INSERT INTO recovery_codes (uid, hash) VALUES (1000, 'a hash')", [])
        .unwrap();
}

#[test]
fn a_database_of_the_first_schema_keeps_its_secrets_and_what_is_spent() {
    let (state, vault) = (state(), vault());
    let path = state.path().join(FILE);
    write_first_schema(&path, &vault);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    block_on(async {
        let store = open(&state);
        let alice = identity(1000, "alice");
        let Lookup::Found(record) = store.run(move |r| r.account(&alice)).await.unwrap() else {
            panic!("alice is gone")
        };
        let phone = &record.confirmed[0].authenticator;
        assert_eq!((phone.name.as_str(), phone.parameters), ("phone", Parameters::default()));
        let opened = phone.unseal(&vault).unwrap();
        assert_eq!(opened.secret.as_bytes(), [1; 20]);
        assert_eq!(opened.record.last_spent, Some(MovingFactor(42)));
        let codes = store.run(|records| records.recovery_codes(1000)).await.unwrap();
        assert_eq!((codes.left(), codes.salted(false)), (1, Some("a hash")));
        assert_eq!(codes.salted(true), None, "they were not imported");
    });
}

#[test]
fn what_has_expired_is_removed_and_leaves_nothing() {
    let state = state();
    let lifetimes = lifetimes();
    let at = |seconds| Timestamp::from_unix(STARTED.unix() + seconds);
    block_on(async {
        let store = open(&state);
        enroll(&store, &vault(), identity(1000, "alice"), 1).await;
        let network = match Source::from_pam(Some("192.0.2.1"), None, "") {
            Source::Network(network) => network,
            other => panic!("{other:?}"),
        };
        let vault = vault();
        let others = move |records: &Records<'_>| {
            records.ensure(&identity(1001, "bob"))?;
            let ticket = Ticket { hash: "a hash".into(), issued_at: STARTED };
            records.replace_ticket(1001, &ticket)?;
            records.ensure(&identity(1002, "carol"))?;
            records.insert_confirmed(1002, phone(3), STARTED, &vault)?;
            records.replace_recovery_codes(
                1002,
                &HashedSet { hashes: vec!["a hash".into()], imported: false },
            )?;
            records.remember(1002, "sshd", network, STARTED)
        };
        store.run(others).await.unwrap();
        let left = async |now| {
            let left = move |records: &Records<'_>| {
                records.remove_expired(now, lifetimes)?;
                Ok((
                    records.uid_of("alice")?.is_some(),
                    records.uid_of("bob")?.is_some(),
                    records.remembered(1002, "sshd", network)?.is_some(),
                    records.uid_of("carol")?.is_some(),
                ))
            };
            store.run(left).await.unwrap()
        };
        assert_eq!(left(at(599)).await, (true, true, true, true));
        assert_eq!(left(at(600)).await, (true, true, false, true));
        assert_eq!(left(at(899)).await, (true, true, false, true));
        assert_eq!(left(at(900)).await, (false, true, false, true));
        assert_eq!(left(at(TICKET_LIFETIME.as_secs() - 1)).await, (false, true, false, true));
        assert_eq!(left(at(TICKET_LIFETIME.as_secs())).await, (false, false, false, true));
    });
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_alive_for_good() {
    let state = state();
    let lifetimes = lifetimes();
    block_on(async {
        let store = open(&state);
        enroll(&store, &vault(), identity(1000, "alice"), 1).await;
        let long_before = Timestamp::from_unix(STARTED.unix() - 900);
        store.run(move |records| records.remove_expired(long_before, lifetimes)).await.unwrap();
        assert_eq!(store.run(|records| records.uid_of("alice")).await.unwrap(), None);
    });
}

#[test]
fn no_account_is_remembered_from_more_than_32_places() {
    let state = state();
    block_on(async {
        let store = open(&state);
        let network = |last: u64| match Source::from_pam(Some(&format!("192.0.2.{last}")), None, "")
        {
            Source::Network(network) => network,
            other => panic!("{other:?}"),
        };
        let (first, second) = store
            .run(move |records| {
                records.ensure(&identity(1000, "alice"))?;
                for last in 0..33 {
                    let now = Timestamp::from_unix(1_000_000 + last);
                    records.remember(1000, "sshd", network(last), now)?;
                }
                let remembered = |last| records.remembered(1000, "sshd", network(last));
                Ok((remembered(0)?, remembered(1)?))
            })
            .await
            .unwrap();
        assert_eq!((first, second), (None, Some(Timestamp::from_unix(1_000_001))));
    });
}

#[test]
fn a_state_directory_or_database_others_can_touch_is_refused() {
    for (path, mode) in [("", 0o755), ("", 0o770), (FILE, 0o640), (FILE, 0o602)] {
        let state = state();
        drop(open(&state));
        let touched = state.path().join(path);
        fs::set_permissions(&touched, fs::Permissions::from_mode(mode)).unwrap();
        let refused = Store::open(state.path(), audit());
        assert!(matches!(refused, Err(StoreError::Unfit(..))), "{path:?} {mode:o}");
    }
}

#[test]
fn a_database_that_is_a_link_is_refused() {
    let (state, elsewhere) = (state(), tempfile::NamedTempFile::new().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), state.path().join(FILE)).unwrap();
    assert!(matches!(Store::open(state.path(), audit()), Err(StoreError::Io(..))));
}

#[test]
fn the_throttle_comes_back_as_it_was_stored() {
    let state = state();
    let alice = identity(1000, "alice");
    let time = |seconds| Some(Timestamp::from_unix(1_000_000 + seconds));
    let lanes = ["local", "own-program", "192.0.2.1", "2001:db8::/64", "unknown", "recovery"];
    let throttle = Throttle::from_rows((0_u32..).zip(lanes).map(|(number, key)| {
        let seconds = u64::from(number) * 10;
        let lane = Lane {
            failures: number,
            locked_at: time(seconds),
            last_failure: time(seconds + 1),
            last_accept: time(seconds + 2),
        };
        (key.parse().unwrap(), lane)
    }));
    let stored = throttle.clone();
    let storing = alice.clone();
    block_on(async {
        let store = open(&state);
        let write = move |records: &Records<'_>| {
            records.ensure(&storing)?;
            records.write_throttle(storing.uid, &Throttle::default(), &stored)
        };
        store.run(write).await.unwrap();
    });
    block_on(async {
        let store = open(&state);
        let Lookup::Found(record) = store.run(move |r| r.account(&alice)).await.unwrap() else {
            panic!("alice is gone")
        };
        assert_eq!(record.throttle, throttle);
    });
}
