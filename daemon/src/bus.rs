//! The daemon's side of the contract: who calls, may they, and how answers and errors travel.
//!
//! Every method goes through [`door::Door`] first; what a caller may see of an internal error is
//! decided in [`reply`] and nowhere else.

mod authorization;
mod door;
mod enrollment;
mod login;
mod manager;
mod policy;
mod polkit;
mod reply;
mod socket;
mod traffic;

use std::{sync::Arc, time::Duration};

use tokio::net::UnixStream;
use twinlock_interface::names;
use zbus::{
    Connection,
    connection::{AuthMechanism, Builder},
    fdo::{DBusProxy, RequestNameFlags, RequestNameReply},
    proxy::CacheProperties,
};

use crate::daemon::Daemon;
use door::Door;
use polkit::Polkit;
use socket::{BusSocket, Replies};
use traffic::Traffic;

/// How long the bus may take to say who a caller is. It takes microseconds or has stopped.
const ANSWER_OF_THE_BUS: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) enum BusError {
    Bus(zbus::Error),
    NameTaken,
}

impl From<zbus::Error> for BusError {
    fn from(error: zbus::Error) -> Self {
        Self::Bus(error)
    }
}

impl std::fmt::Display for BusError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bus(error) => write!(
                f,
                "system bus at {}: {error}; is dbus running, and is the policy file of twinlock \
                 installed?",
                names::SYSTEM_BUS_ADDRESS
            ),
            Self::NameTaken => {
                write!(f, "{}: another twinlockd owns the name", names::BUS_NAME)
            }
        }
    }
}

/// The daemon on the bus.
pub(crate) struct Served {
    connection: Connection,
    /// Where the bus is asked about callers. Without it nobody would be answered.
    callers: Connection,
}

impl Served {
    /// Resolves when either connection has ended.
    pub(crate) async fn lost(&self) {
        tokio::select! {
            () = self.connection.closed() => {}
            () = self.callers.closed() => {}
        }
    }

    /// Gives the name up, so that who calls from now on activates the next daemon, and waits for
    /// the calls under way.
    pub(crate) async fn end(self) {
        drop(self.connection.release_name(names::BUS_NAME).await);
        self.connection.graceful_shutdown().await;
    }
}

/// Connects, puts the object in place, and only then takes the name: a client that sees the name
/// finds the object.
pub(crate) async fn serve(daemon: Arc<Daemon>) -> Result<Served, BusError> {
    let traffic = Traffic::default();
    let (stream, replies) = (connect().await?, Replies::FromTheBus);
    let socket = BusSocket { stream, traffic: traffic.clone(), replies };
    let connection =
        Builder::socket(socket).auth_mechanism(AuthMechanism::External).build().await?;
    let bus = ask_about_callers().await?;
    let callers = bus.inner().connection().clone();
    let door = Arc::new(Door { daemon, bus, traffic, polkit: Polkit::default() });
    let objects = connection.object_server();
    objects.at(names::OBJECT_PATH, login::Login(door.clone())).await?;
    objects.at(names::OBJECT_PATH, enrollment::Enrollment(door.clone())).await?;
    objects.at(names::OBJECT_PATH, policy::Policy(door.clone())).await?;
    objects.at(names::OBJECT_PATH, manager::Manager(door)).await?;
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(names::BUS_NAME, flags).await? {
        RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner => {
            Ok(Served { connection, callers })
        }
        RequestNameReply::InQueue | RequestNameReply::Exists => Err(BusError::NameTaken),
    }
}

async fn connect() -> zbus::Result<UnixStream> {
    Ok(UnixStream::connect(names::SYSTEM_BUS_SOCKET).await?)
}

/// A connection on which the bus is asked who a caller is, and nothing else.
async fn ask_about_callers() -> Result<DBusProxy<'static>, BusError> {
    let (stream, replies) = (connect().await?, Replies::FromTheBus);
    let socket = BusSocket { stream, traffic: Traffic::default(), replies };
    let connection = Builder::socket(socket)
        .auth_mechanism(AuthMechanism::External)
        .method_timeout(ANSWER_OF_THE_BUS)
        .build()
        .await?;
    Ok(DBusProxy::builder(&connection).cache_properties(CacheProperties::No).build().await?)
}
