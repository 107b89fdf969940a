//! The one owner of the one database connection.
//!
//! Use cases send closures over a bounded channel and await the answer. The thread drains whatever
//! is waiting into one transaction, a savepoint per job, and answers only after COMMIT: a yes that
//! anybody can see is on disk (I4), and logins that arrive together share one fsync. A job runs to
//! its end even when its caller is gone, so a charge is never lost with a connection (I5).
//!
//! Rejected: a connection pool. With `synchronous=FULL` the writers would queue for the same fsync
//! one after the other, readers could see a state that is not durable yet, and two connections are
//! what the WAL-reset corruption of SQLite before 3.51.3 needs.
//!
//! WAL with `synchronous=FULL`, because WAL with NORMAL loses the last commits at power loss, and
//! a lost commit is a code that works twice.
//!
//! No SQL outside this folder.

pub(crate) mod accounts;
pub(crate) mod authenticators;
pub(crate) mod events;
pub(crate) mod expiry;
mod numbers;
pub(crate) mod policy;
pub(crate) mod recovery_codes;
mod remembered_sources;
mod schema;
#[cfg(test)]
mod tests;
mod throttle_lanes;
pub(crate) mod tickets;

use std::{
    cell::RefCell,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior, config::DbConfig};
use tokio::sync::{mpsc, oneshot};

pub(crate) use accounts::Records;

use crate::audit::{Audit, Event};

/// Name of the database in the state directory.
pub(crate) const FILE: &str = "twinlock.db";
/// Jobs that may wait; further ones are refused at once rather than piled up (I21).
const QUEUE: usize = 1024;
/// Jobs that share one transaction at most, so that the first does not wait for a flood.
const BATCH: usize = 64;

/// Inability to answer. A negative answer is a value, not one of these.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The state directory or the database is not what it must be.
    Unfit(PathBuf, String),
    Io(PathBuf, io::Error),
    /// The database was written by a newer twinlockd.
    Newer {
        found: i64,
        known: i64,
    },
    Sqlite(rusqlite::Error),
    /// COMMIT failed: nothing of the batch happened.
    NotCommitted(String),
    /// A row holds what this program never writes.
    Corrupt(&'static str),
    Vault(crate::vault::VaultError),
    /// The queue is full.
    Busy,
    /// A job panicked; its savepoint was rolled back.
    Panicked,
    /// The store thread is gone.
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unfit(path, reason) => write!(f, "{}: {reason}", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Newer { found, known } => write!(
                f,
                "the database has schema {found}, this twinlockd knows {known}: it was written by \
                 a newer version; install that version again, or restore a backup from before"
            ),
            Self::Sqlite(error) => write!(f, "database: {error}"),
            Self::NotCommitted(reason) => write!(f, "database: not committed: {reason}"),
            Self::Corrupt(what) => write!(f, "database: {what}"),
            Self::Vault(error) => write!(f, "database: a sealed field {error}"),
            Self::Busy => f.write_str("database: too many jobs are waiting"),
            Self::Panicked => f.write_str("database: a job panicked"),
            Self::Closed => f.write_str("database: closed"),
        }
    }
}

/// What remains to be done once the fate of the transaction is known: tell the caller.
type Report = Box<dyn FnOnce(Result<(), String>) + Send>;
/// Runs inside the transaction.
type Job = Box<dyn FnOnce(&Records<'_>) -> (bool, Report) + Send>;

/// A handle to the store thread.
#[derive(Clone)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Opens or creates the database in `state`, migrates it and starts the thread, which tells the
    /// log about the events that are committed.
    pub(crate) fn open(state: &Path, audit: Arc<Audit>) -> Result<Self, StoreError> {
        let path = private_directory(state)?.join(FILE);
        private_file(&path)?;
        let mut connection = Connection::open(&path)?;
        configure(&connection, &path)?;
        schema::migrate(&mut connection)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("store".into())
            .spawn(move || serve(&mut connection, queue, &audit))
            .map_err(|error| StoreError::Io(path, error))?;
        Ok(Self { jobs })
    }

    /// Runs `job` inside a transaction; its result arrives after COMMIT. An `Err` rolls back what
    /// the job did and nothing else.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Records<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.decide(job).await
    }

    /// The same for a job that may also decide against it, with an error of its own.
    pub(crate) async fn decide<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        job: impl FnOnce(&Records<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |records| {
            let outcome = catch_unwind(AssertUnwindSafe(|| job(records)))
                .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
            let keep = outcome.is_ok();
            let report: Report = Box::new(move |committed| {
                let outcome = match committed {
                    Ok(()) => outcome,
                    Err(reason) => outcome.and(Err(StoreError::NotCommitted(reason).into())),
                };
                // The caller may be gone; what was stored stays stored.
                drop(sender.send(outcome));
            });
            (keep, report)
        });
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        receiver.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

fn serve(connection: &mut Connection, mut queue: mpsc::Receiver<Job>, audit: &Audit) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
        let (mut reports, mut events) = (Vec::with_capacity(batch.len()), Vec::new());
        let committed = transact(connection, batch, &mut reports, &mut events)
            .map_err(|error| error.to_string());
        if committed.is_ok() {
            events.iter().for_each(|event| audit.write(event));
        }
        for report in reports {
            report(committed.clone());
        }
    }
}

/// One transaction for the whole batch, one savepoint per job.
fn transact(
    connection: &mut Connection,
    batch: Vec<Job>,
    reports: &mut Vec<Report>,
    events: &mut Vec<Event>,
) -> Result<(), rusqlite::Error> {
    // A transaction that cannot begin runs no job: their senders drop, and every caller is told.
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        let mut savepoint = transaction.savepoint()?;
        let outbox = RefCell::default();
        let (keep, report) = job(&Records::new(&savepoint, &outbox));
        reports.push(report);
        if keep {
            savepoint.commit()?;
            events.append(&mut outbox.into_inner());
        } else {
            savepoint.rollback()?;
            savepoint.commit()?;
        }
    }
    transaction.commit()
}

fn configure(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    // A daemon that is just ending holds the lock for a moment.
    connection.busy_timeout(Duration::from_secs(3))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Every statement here has one good plan; without this SQLite plans anew for each binding, which
    // was a tenth of the daemon's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    for (pragma, wanted) in [
        ("locking_mode", "exclusive"),
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
        ("secure_delete", "1"),
    ] {
        // Some set the value and answer with it, some answer nothing: ask afterwards.
        connection.pragma_update(None, pragma, wanted)?;
        let found: String = connection.pragma_query_value(None, pragma, |row| {
            row.get_ref(0).map(|value| match value {
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
        })?;
        if found != wanted {
            let reason = format!("SQLite answers {pragma}={found} where {wanted} is needed");
            return Err(StoreError::Unfit(path.to_owned(), reason));
        }
    }
    Ok(())
}

/// The state directory: made with 0700, refused when it is not root's alone.
fn private_directory(path: &Path) -> Result<&Path, StoreError> {
    let io = |error| StoreError::Io(path.to_owned(), error);
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
        _ => {}
    }
    let metadata = fs::symlink_metadata(path).map_err(io)?;
    if !metadata.is_dir() || metadata.uid() != 0 || metadata.mode() & 0o077 != 0 {
        let reason = format!(
            "must be a directory of root that nobody else can enter; \
             run: chown root: {0} && chmod 0700 {0}",
            path.display()
        );
        return Err(StoreError::Unfit(path.to_owned(), reason));
    }
    Ok(path)
}

/// The database file: made with 0600 before SQLite sees it, refused when others can touch it.
fn private_file(path: &Path) -> Result<(), StoreError> {
    let io = |error| StoreError::Io(path.to_owned(), error);
    let file = fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() || metadata.uid() != 0 || metadata.mode() & 0o077 != 0 {
        let reason = format!(
            "must be a plain file of root that nobody else can read; \
             run: chown root: {0} && chmod 0600 {0}",
            path.display()
        );
        return Err(StoreError::Unfit(path.to_owned(), reason));
    }
    Ok(())
}
