//! The system log of the private host: everything sent to `/dev/log`, in one file.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    thread,
    time::{Duration, Instant},
};

const SOCKET: &str = "/dev/log";
const FILE: &str = "/var/log/sandbox.log";
/// Longest message that is kept whole.
const MESSAGE: usize = 65_536;

/// The receiver; it works until the host ends.
#[derive(Debug)]
pub struct Syslog(());

impl Syslog {
    pub(crate) fn listen() -> Self {
        let socket = UnixDatagram::bind(SOCKET).unwrap();
        fs::set_permissions(SOCKET, Permissions::from_mode(0o666)).unwrap();
        File::create(FILE).unwrap();
        let mut file = OpenOptions::new().append(true).open(FILE).unwrap();
        thread::spawn(move || {
            let mut message = vec![0; MESSAGE];
            while let Ok(length) = socket.recv(&mut message) {
                let text = String::from_utf8_lossy(&message[..length]);
                // One message, one line; a line end inside would be a forged second one, and
                // must be seen as such by a test that looks for it.
                let line = text.trim_end_matches(['\0', '\n']).replace('\n', "\\n");
                let _ = writeln!(file, "{line}");
            }
        });
        Self(())
    }

    /// Every message so far, oldest first, as sent: `<priority>time ident[pid]: text`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let text = fs::read(FILE).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// Waits for a message that contains `text`, and returns it.
    ///
    /// # Panics
    /// When none comes within ten seconds.
    #[must_use]
    pub fn expect(&self, text: &str) -> String {
        self.expect_nth(text, 0)
    }

    /// Waits for one more than `nth` messages that contain `text`, and returns the last of them.
    ///
    /// # Panics
    /// When they do not come within ten seconds.
    #[must_use]
    pub fn expect_nth(&self, text: &str, nth: usize) -> String {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let lines = self.lines();
            if let Some(line) = lines.iter().filter(|line| line.contains(text)).nth(nth) {
                return line.clone();
            }
            assert!(
                Instant::now() < end,
                "no {text:?} ({nth}) in the system log:\n{}",
                lines.join("\n")
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}
