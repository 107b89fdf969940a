//! The system bus of the private host: dbus-daemon on its real path with its real policy.

use std::{
    io,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use zbus::{Connection, connection::Builder};

use crate::command::as_root;

const SOCKET: &str = "/run/dbus/system_bus_socket";

/// A running dbus-daemon.
#[derive(Debug)]
pub struct Bus(Mutex<Child>);

impl Bus {
    pub(crate) fn start() -> Self {
        Self(Mutex::new(dbus_daemon()))
    }

    /// A connection to the bus with root's credentials. Call it within a runtime, for example
    /// [`block_on`].
    ///
    /// # Panics
    /// When the bus does not take it.
    pub async fn connect(&self) -> Connection {
        self.connect_as(0).await
    }

    /// A connection to the bus which the bus sees as `uid`'s.
    ///
    /// # Panics
    /// When the bus does not take it.
    pub async fn connect_as(&self, uid: u32) -> Connection {
        let stream = stream_of(uid).unwrap();
        Builder::unix_stream(stream).user_id(uid).build().await.unwrap()
    }

    /// Makes the bus read its policies and activation files again.
    ///
    /// # Panics
    /// When it does not.
    pub fn reload(&self) {
        block_on(async {
            let bus = zbus::fdo::DBusProxy::new(&self.connect().await).await.unwrap();
            bus.reload_config().await.unwrap();
        });
    }

    /// Stops the bus in the middle of whatever it does (SIGSTOP): it takes connections and never
    /// answers.
    ///
    /// # Panics
    /// When there is no bus.
    pub fn freeze(&self) {
        kill(self.pid(), Signal::SIGSTOP).unwrap();
    }

    /// Lets a frozen bus go on.
    ///
    /// # Panics
    /// When there is no bus.
    pub fn thaw(&self) {
        kill(self.pid(), Signal::SIGCONT).unwrap();
    }

    /// Ends the bus; its socket is gone.
    ///
    /// # Panics
    /// When there is no bus.
    pub fn kill(&self) {
        let mut child = self.0.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // dbus-daemon takes its socket away in an orderly end only.
        let _ = std::fs::remove_file(SOCKET);
    }

    /// A new bus, after [`kill`](Self::kill).
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&self) {
        *self.0.lock().unwrap() = dbus_daemon();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.lock().unwrap().id().cast_signed())
    }
}

/// Runs `future` on a runtime of its own, on this thread.
///
/// # Panics
/// When the kernel has no resources for a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn dbus_daemon() -> Child {
    let child = as_root("dbus-daemon")
        .args(["--system", "--nofork", "--nopidfile"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // It says the same in the system log.
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon");
    let end = Instant::now() + Duration::from_secs(10);
    while !(Path::new(SOCKET).exists() && UnixStream::connect(SOCKET).is_ok()) {
        assert!(Instant::now() < end, "the system bus did not come up");
        thread::sleep(Duration::from_millis(5));
    }
    child
}

/// A socket whose peer credentials are `uid`'s, which is all that the bus goes by.
fn stream_of(uid: u32) -> io::Result<UnixStream> {
    let connect = move || {
        become_in_this_thread(uid)?;
        UnixStream::connect(SOCKET)
    };
    thread::spawn(connect).join().map_err(|_| io::Error::other("the connecting thread died"))?
}

/// The kernel keeps ids per thread; glibc's `setresuid` would change them in all of them.
fn become_in_this_thread(uid: u32) -> io::Result<()> {
    for call in [libc::SYS_setresgid, libc::SYS_setresuid] {
        let id = libc::c_long::from(uid);
        // SAFETY: takes three ids by value and touches no memory of this process.
        if unsafe { libc::syscall(call, id, id, id) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
