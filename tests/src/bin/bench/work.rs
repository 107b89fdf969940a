//! Processor time, which says what a login costs even on a machine that does other things too.

use std::time::Duration;

use nix::{
    sys::{
        resource::{UsageWho, getrusage},
        time::TimeVal,
    },
    time::clock_getcpuclockid,
    unistd::Pid,
};
use twinlock_tests::{Host, bus::block_on};
use zbus::{fdo::DBusProxy, names::BusName};

/// Processor time of all threads, user and kernel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    /// Of the login processes.
    pub(crate) logins: Duration,
    /// Of twinlockd.
    pub(crate) daemon: Duration,
    /// Of the system bus.
    pub(crate) bus: Duration,
}

/// The two processes that work for a login without being part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Servants {
    daemon: u32,
    bus: u32,
}

impl Servants {
    pub(crate) fn of(host: &Host) -> Self {
        let bus = block_on(async {
            let bus = DBusProxy::new(&host.bus.connect().await).await.unwrap();
            let name = BusName::try_from("org.freedesktop.DBus").unwrap();
            bus.get_connection_unix_process_id(name).await.unwrap()
        });
        Self { daemon: host.daemon.start(), bus }
    }

    /// What has been done until now.
    pub(crate) fn work(&self) -> Work {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        Work {
            logins: duration(usage.user_time()) + duration(usage.system_time()),
            daemon: running_time(self.daemon),
            bus: running_time(self.bus),
        }
    }
}

impl Work {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            logins: self.logins - before.logins,
            daemon: self.daemon - before.daemon,
            bus: self.bus - before.bus,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.logins += other.logins;
        self.daemon += other.daemon;
        self.bus += other.bus;
    }
}

fn duration(time: TimeVal) -> Duration {
    let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(u64::try_from(microseconds).unwrap())
}

/// What the clock of `process` says; it counts threads that have ended, too.
fn running_time(process: u32) -> Duration {
    let clock = clock_getcpuclockid(Pid::from_raw(process.cast_signed())).unwrap();
    clock.now().unwrap().into()
}
