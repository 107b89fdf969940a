//! One call to the daemon.

mod agent;

use std::time::Duration;

use nix::unistd::geteuid;
use tokio::runtime;
use twinlock_interface::{Error, names};
use zbus::{Connection, connection};

use crate::failure::Failure;

pub(crate) use agent::dismiss as dismiss_agent;

/// For connecting, authenticating, starting the daemon and the answer together, in seconds.
const DEADLINE_SECONDS: u64 = 10;
/// The same where ten recovery codes are hashed, which a loaded machine takes its time for. Giving
/// up on it would lose codes that count and are never shown again.
const HASHING_DEADLINE_SECONDS: u64 = 60;
/// The same where somebody may be asked for a password. The daemon gives up on them before, after
/// two minutes.
const ASKING_DEADLINE_SECONDS: u64 = 150;

/// Connects, calls and hangs up: the bus counts connections per uid, and a person may take minutes
/// between two calls.
///
/// The address is the fixed one. The environment is not asked, because under sudo it belongs to
/// somebody with fewer rights than this process.
pub(crate) fn call<T>(
    operation: impl AsyncFnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Failure> {
    call_within(DEADLINE_SECONDS, operation)
}

/// [`call`] for what makes the daemon hash recovery codes.
pub(crate) fn call_for_recovery_codes<T>(
    operation: impl AsyncFnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Failure> {
    call_within(HASHING_DEADLINE_SECONDS, operation)
}

/// [`call`] for what only administrators may: who is not root is asked for a password by polkit, at
/// the terminal if there is one.
pub(crate) fn administer<T>(
    operation: impl AsyncFnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Failure> {
    if geteuid().is_root() {
        return call(operation);
    }
    agent::attend();
    call_within(ASKING_DEADLINE_SECONDS, operation)
}

fn call_within<T>(
    seconds: u64,
    operation: impl AsyncFnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(&error))?;
    let exchange = async {
        let connection = connection::Builder::address(names::SYSTEM_BUS_ADDRESS)
            .build()
            .await
            .map_err(Error::from)?;
        operation(&connection).await
    };
    // zbus' own time limit covers neither connecting nor authenticating: with a stopped bus only
    // a limit around the whole exchange returns. It is off unless asked for, so this one is all.
    let deadline = Duration::from_secs(seconds);
    match runtime.block_on(async { tokio::time::timeout(deadline, exchange).await }) {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_elapsed) => Err(Failure::deadline(seconds)),
    }
}
