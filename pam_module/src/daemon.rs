//! The bus client: one connection and one runtime per exchange.
//!
//! Nothing is kept between exchanges. No connection is held while the person types, because a bus
//! admits few of them per uid, and because what is not there cannot be left behind in the host
//! (I13).
//!
//! | room | what it holds |
//! |---|---|
//! | [`connection`] | authentication, `Hello` and one call, sent in one write |
//! | [`reply`] | the header of what comes back |
//!
//! zbus writes the messages and reads their bodies; its connection is not used. That one is made
//! for programs that stay (reader task, match rules, broadcast queues, every transport), it costs
//! a second round trip, and it alone made the module larger than everything else together.
//!
//! Neither zbus nor tokio starts a thread or installs a signal handler on this way. That holds for
//! the features this crate turns on: a tokio with `signal` or `process` opens a pipe for signals
//! and keeps it, so the module is built by itself (`-p pam_twinlock`), never together with
//! programs that need those. One environment variable is looked at, by tokio's runtime builder:
//! `TOKIO_UNSTABLE_SHARDED_BLOCKING_QUEUE` chooses the kind of a queue for blocking work, which
//! stays empty here. Nothing else the environment says is read, the address of the bus least of
//! all.

mod connection;
mod reply;

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};

use tokio::{runtime, time};
use twinlock_interface::{LoginContext, names, step::WireStep};
use zbus::Message;

use crate::conversation::Daemon;
use reply::Reply;

/// Where the bus listens: a socket in the file system, whose path root has written down. Never an
/// address that runs a program or leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BusAddress(PathBuf);

impl BusAddress {
    /// Reads a D-Bus address of the form `unix:path=/…`; nothing for any other. The path may hold
    /// the characters that need no escape in an address, so neither a second address (`;`), a
    /// second key (`,`) nor an escape (`%`) fits in.
    pub(crate) fn parse(address: &str) -> Option<Self> {
        let path = address.strip_prefix("unix:path=")?;
        let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/.\\*".contains(&b));
        (plain && path.starts_with('/')).then(|| Self(path.into()))
    }
}

impl Default for BusAddress {
    fn default() -> Self {
        Self(names::SYSTEM_BUS_SOCKET.into())
    }
}

/// Why there is no step. The text is for the system log: it names errors and never quotes what
/// they say, because a reply may carry a text meant for the person alone (I15).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Bus and daemon together took longer over one exchange than `timeout=` allows.
    Deadline,
    /// The host's limits or its kernel would not give what an exchange needs.
    Runtime(io::ErrorKind),
    /// The bus is not there, or the connection broke.
    Socket(io::ErrorKind),
    /// The bus did not let us in.
    Rejected,
    /// Bus or daemon answered with this D-Bus error.
    Answered(String),
    /// Bus or daemon answered with something else than the contract says.
    Malformed,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("no answer from twinlockd in time"),
            Self::Runtime(kind) => write!(f, "cannot open descriptors for the bus: {kind}"),
            Self::Socket(kind) => write!(f, "cannot talk to the bus: {kind}"),
            Self::Rejected => f.write_str("the bus refused this process"),
            Self::Answered(name) => write!(f, "the bus or twinlockd answered {name}"),
            Self::Malformed => f.write_str("malformed answer from the bus or twinlockd"),
        }
    }
}

/// `twinlockd` as the conversation sees it.
///
/// Every exchange has the deadline for itself, not the login for all of them: a login that enrols has
/// several, and in one of them the daemon hashes ten recovery codes. The first that runs out ends the
/// login, at most three follow each other without the person (a first pass that is refused), and the
/// conversation bounds how many there are in all, so the module still returns within a known time
/// beyond what the person takes (I14).
pub(crate) struct BusDaemon {
    address: BusAddress,
    deadline: Duration,
}

impl BusDaemon {
    pub(crate) fn new(address: BusAddress, deadline: Duration) -> Self {
        Self { address, deadline }
    }

    /// Connects, makes one call, and closes everything again.
    fn exchange(&self, call: &Message) -> Result<Reply, Failure> {
        exchange_within(self.deadline, &self.address.0, call)
    }
}

/// One deadline around connect, authentication and call: a stopped bus hangs in any of them.
fn exchange_within(deadline: Duration, bus: &Path, call: &Message) -> Result<Reply, Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::Runtime(error.kind()))?;
    let result = runtime.block_on(async {
        time::timeout(deadline, connection::call(bus, call)).await.unwrap_or(Err(Failure::Deadline))
    });
    // Dropping may wait for blocking work; there is none, and this says so.
    runtime.shutdown_background();
    result
}

/// A call to the daemon, which the bus starts when it is not running.
fn login_call<B>(member: &'static str, body: &B) -> Result<Message, Failure>
where
    B: serde::Serialize + zbus::wire::DynamicType,
{
    Message::method_call(names::OBJECT_PATH, member)
        .destination(names::BUS_NAME)
        .interface(names::LOGIN)
        .build(body)
        .map_err(|_| Failure::Malformed)
}

impl Daemon for BusDaemon {
    fn begin(&mut self, user: &str, context: &LoginContext) -> Result<(String, WireStep), Failure> {
        let call = login_call(names::LOGIN_BEGIN, &(user, context))?;
        self.exchange(&call)?.body(names::LOGIN_BEGIN_REPLY)
    }

    fn answer(&mut self, session: &str, answer: &str) -> Result<WireStep, Failure> {
        let call = login_call(names::LOGIN_ANSWER, &(session, answer))?;
        self.exchange(&call)?.body(names::LOGIN_ANSWER_REPLY)
    }
}

#[cfg(test)]
mod tests;
