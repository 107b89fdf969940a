//! Schema and migrations.
//!
//! `user_version` counts the migrations that have run. Each runs in one transaction together with
//! its count, so a crash leaves either the old schema or the new one.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Migration N brings schema N-1 to schema N. Never edit one that was released: add another.
pub(super) const MIGRATIONS: &[&str] = &[
    // 1: accounts by uid, so that names sharing a uid share all state (I10). AUTOINCREMENT keeps
    // the ids of removed rows from coming back: sealed fields and replay records name them.
    "CREATE TABLE accounts (
        uid INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE authenticators (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        algorithm TEXT NOT NULL,
        digits INTEGER NOT NULL,
        period INTEGER NOT NULL,
        sealed_secret BLOB NOT NULL,
        started_at INTEGER NOT NULL,
        confirmed_at INTEGER,
        last_step INTEGER,
        last_accepted_at INTEGER
    ) STRICT;
    CREATE INDEX authenticators_of_account ON authenticators (uid);
    CREATE UNIQUE INDEX one_pending_enrollment ON authenticators (uid) WHERE confirmed_at IS NULL;

    CREATE TABLE recovery_codes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        hash TEXT NOT NULL,
        used_at INTEGER
    ) STRICT;
    CREATE INDEX recovery_codes_of_account ON recovery_codes (uid);

    CREATE TABLE throttle_lanes (
        uid INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        lane TEXT NOT NULL,
        failures INTEGER NOT NULL,
        locked_at INTEGER,
        last_failure INTEGER,
        last_accept INTEGER,
        PRIMARY KEY (uid, lane)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE uncharged_attempts (
        kind TEXT PRIMARY KEY,
        attempts INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    // 2: several named authenticators of both kinds, a pending enrolment for each place it was begun
    // from, recovery codes of another program, tickets, remembered sources. `period` is 0 where the
    // moving factor is a counter.
    "ALTER TABLE authenticators ADD COLUMN name TEXT NOT NULL DEFAULT 'phone';
    ALTER TABLE authenticators ADD COLUMN kind TEXT NOT NULL DEFAULT 'totp';
    ALTER TABLE authenticators ADD COLUMN begun_from TEXT NOT NULL DEFAULT 'command';
    ALTER TABLE authenticators RENAME COLUMN last_step TO last_spent;
    ALTER TABLE authenticators ADD COLUMN out_of_step INTEGER;
    CREATE UNIQUE INDEX authenticator_names ON authenticators (uid, name)
        WHERE confirmed_at IS NOT NULL;
    DROP INDEX one_pending_enrollment;
    CREATE UNIQUE INDEX one_pending_enrollment ON authenticators (uid, begun_from)
        WHERE confirmed_at IS NULL;

    ALTER TABLE recovery_codes ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE enrollment_tickets (
        uid INTEGER PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
        hash TEXT NOT NULL,
        issued_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE remembered_sources (
        uid INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        service TEXT NOT NULL,
        network TEXT NOT NULL,
        accepted_at INTEGER NOT NULL,
        PRIMARY KEY (uid, service, network)
    ) STRICT, WITHOUT ROWID;",
    // 3: who must give a code, and what happened. AUTOINCREMENT keeps the numbers of removed rules and
    // events from coming back. An event outlives its account, hence no reference. Each `class` has an
    // allowance of rows of its own.
    "CREATE TABLE policy (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,
        profile TEXT NOT NULL
    ) STRICT;
    INSERT INTO policy (one, revision, profile) VALUES (1, 0, 'default');

    CREATE TABLE policy_rules (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        level TEXT NOT NULL,
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        uid INTEGER,
        enroll_until INTEGER,
        remember_minutes INTEGER NOT NULL,
        ends_at INTEGER,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        author TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE policy_conditions (
        rule INTEGER NOT NULL REFERENCES policy_rules ON DELETE CASCADE,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (rule, kind, value)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        class INTEGER NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        user TEXT NOT NULL,
        uid INTEGER,
        caller INTEGER NOT NULL,
        service TEXT NOT NULL,
        rhost TEXT NOT NULL,
        tty TEXT NOT NULL,
        ruser TEXT NOT NULL,
        details TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_class ON events (class, id);
    CREATE INDEX events_by_time ON events (at);",
];

/// Brings the database to the newest schema.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
    };
    let found = version(connection)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (number, migration) in (1_i64..).zip(MIGRATIONS) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? < number {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}
