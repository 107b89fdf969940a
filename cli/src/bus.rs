//! One call to the daemon.

use std::time::Duration;

use tokio::runtime;
use twinlock_interface::{Error, names};
use zbus::{Connection, connection};

use crate::failure::Failure;

/// For connecting, authenticating, starting the daemon and the answer together, in seconds. The
/// slowest answer hashes ten recovery codes.
const DEADLINE_SECONDS: u64 = 10;

/// Connects, calls and hangs up: the bus counts connections per uid, and a person may take minutes
/// between two calls.
///
/// The address is the fixed one. The environment is not asked, because under sudo it belongs to
/// somebody with fewer rights than this process.
pub(crate) fn call<T>(
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
    // a limit around the whole exchange returns.
    let deadline = Duration::from_secs(DEADLINE_SECONDS);
    match runtime.block_on(async { tokio::time::timeout(deadline, exchange).await }) {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_elapsed) => Err(Failure::deadline(DEADLINE_SECONDS)),
    }
}
