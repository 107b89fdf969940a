//! twinlockd as seen from outside: a process that owns a name on the bus.

use std::{fs, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use twinlock_interface::names::BUS_NAME;
use zbus::{connection::Builder, fdo::DBusProxy, names::BusName};

use crate::bus::block_on;

/// The daemon, which the bus starts when it is called and which any test may kill.
#[derive(Debug)]
pub struct Daemon(());

impl Daemon {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Process id, when it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        block_on(async {
            let bus = bus().await?;
            let name = BusName::try_from(BUS_NAME).ok()?;
            bus.get_connection_unix_process_id(name).await.ok()
        })
    }

    /// Starts it, unless it runs, the way any call would. Its process id.
    ///
    /// # Panics
    /// When it does not come up, with what the bus says about it.
    pub fn start(&self) -> u32 {
        block_on(async {
            let bus = bus().await.expect("the system bus");
            let name = BUS_NAME.try_into().expect("a bus name");
            bus.start_service_by_name(name, 0).await.expect("twinlockd starts");
        });
        self.pid().expect("twinlockd runs")
    }

    /// Kills it (SIGKILL) if it runs, and returns when it is gone.
    pub fn kill(&self) {
        if let Some(pid) = self.pid() {
            self.signal(Signal::SIGKILL);
            while fs::exists(format!("/proc/{pid}")).unwrap_or(false) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Sends it a signal; SIGSTOP makes a daemon that is there and never answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("twinlockd runs");
        kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
    }
}

async fn bus() -> Option<DBusProxy<'static>> {
    let connection = Builder::address(twinlock_interface::names::SYSTEM_BUS_ADDRESS).build().await;
    DBusProxy::new(&connection.ok()?).await.ok()
}
