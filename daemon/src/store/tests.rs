//! What the use cases rely on.

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use twinlock_verifier::{
    enrollment::Pending,
    shared_secret::SharedSecret,
    throttle::{Lane, Throttle},
    time::Timestamp,
    totp::TotpParameters,
};

use super::{accounts::Lookup, *};
use crate::{
    identity::Identity,
    vault::{Vault, key_source::MasterKey},
};

fn state() -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    state
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

fn pending(byte: u8) -> Pending {
    let secret = SharedSecret::from_bytes(&[byte; 20]).unwrap();
    Pending::new(secret, TotpParameters::default(), Timestamp::from_unix(1_000_000))
}

async fn enroll(store: &Store, vault: &Arc<Vault>, identity: Identity, byte: u8) {
    let vault = vault.clone();
    let job = move |records: &Records<'_>| {
        records.ensure(&identity)?;
        records.insert_pending(identity.uid, &pending(byte), &vault)
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
        let store = Store::open(state.path()).unwrap();
        enroll(&store, &vault(), alice.clone(), 1).await;
    });
    block_on(async {
        let store = Store::open(state.path()).unwrap();
        let record = store.run(move |records| records.account(&alice)).await.unwrap();
        let Lookup::Found(record) = record else { panic!("alice is gone") };
        let reopened = record.pending.unwrap().unseal(&vault()).unwrap();
        assert_eq!(reopened.secret().as_bytes(), [1; 20]);
    });
}

#[test]
fn a_failed_or_panicking_job_takes_nothing_with_it() {
    let state = state();
    block_on(async {
        let store = Store::open(state.path()).unwrap();
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
        let store = Store::open(state.path()).unwrap();
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
        let store = Store::open(state.path()).unwrap();
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
        let store = Store::open(state.path()).unwrap();
        enroll(&store, &vault(), identity(1000, "alice"), 1).await;
        enroll(&store, &vault(), identity(1001, "bob"), 2).await;
        drop(store);
    });
    swap_secrets(state.path());
    block_on(async {
        let store = Store::open(state.path()).unwrap();
        for (uid, name) in [(1000, "alice"), (1001, "bob")] {
            let lookup = store.run(move |records| records.account(&identity(uid, name))).await;
            let Lookup::Found(record) = lookup.unwrap() else { panic!("{name}") };
            let opened = record.pending.unwrap().unseal(&vault());
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
    drop(Store::open(state.path()).unwrap());
    raw(state.path()).pragma_update(None, "user_version", 99).unwrap();
    let Err(refused) = Store::open(state.path()) else { panic!("opened") };
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

#[test]
fn a_state_directory_or_database_others_can_touch_is_refused() {
    for (path, mode) in [("", 0o755), ("", 0o770), (FILE, 0o640), (FILE, 0o602)] {
        let state = state();
        drop(Store::open(state.path()).unwrap());
        let touched = state.path().join(path);
        fs::set_permissions(&touched, fs::Permissions::from_mode(mode)).unwrap();
        let refused = Store::open(state.path());
        assert!(matches!(refused, Err(StoreError::Unfit(..))), "{path:?} {mode:o}");
    }
}

#[test]
fn a_database_that_is_a_link_is_refused() {
    let (state, elsewhere) = (state(), tempfile::NamedTempFile::new().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), state.path().join(FILE)).unwrap();
    assert!(matches!(Store::open(state.path()), Err(StoreError::Io(..))));
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
        let store = Store::open(state.path()).unwrap();
        let write = move |records: &Records<'_>| {
            records.ensure(&storing)?;
            records.write_throttle(storing.uid, &stored)
        };
        store.run(write).await.unwrap();
    });
    block_on(async {
        let store = Store::open(state.path()).unwrap();
        let Lookup::Found(record) = store.run(move |r| r.account(&alice)).await.unwrap() else {
            panic!("alice is gone")
        };
        assert_eq!(record.throttle, throttle);
    });
}
