//! Authentication, `Hello` and one call, sent in one write.
//!
//! Nothing the module says depends on how the bus answers, so it says all of it at once and reads
//! the answers afterwards, in order (D-Bus specification, "Authentication Protocol" and "Message
//! Bus Messages: Hello"). A bus that rejects the first line ends the connection over the rest.

use core::time::Duration;
use std::io;
use std::path::Path;

use tokio::{net::UnixStream, time};
use zbus::Message;
use zeroize::Zeroizing;

use super::Failure;
use super::reply::{FIXED_BYTES, Header, Reply};

/// EXTERNAL without a name: the bus takes the uid from the socket, which is where it would check
/// any other claim.
const AUTHENTICATION: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

/// The bus's queue of pending connections is full; how long to wait before another try.
const BACKLOG_PAUSE: Duration = Duration::from_millis(10);

/// Longest line the bus may answer with while authenticating.
const MAX_LINE_BYTES: usize = 1024;
/// Longest message we take. A question that shows a QR code has some 4 KiB; this leaves room for a
/// larger one, and none for a flood.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Connects to the bus at `path`, sends `call`, and returns what the bus or the daemon answers.
pub(super) async fn call(path: &Path, call: &Message) -> Result<Reply, Failure> {
    let hello = Message::method_call("/org/freedesktop/DBus", "Hello")
        .destination("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .build(&())
        .map_err(|_| Failure::Malformed)?;
    // Wiped, because an answer may be part of it.
    let request = Zeroizing::new([AUTHENTICATION, hello.data(), call.data()].concat());

    let stream = connect(path).await?;
    send(&stream, &request).await?;
    let mut incoming = Incoming { stream, unread: Vec::new() };
    incoming.authenticated().await?;
    loop {
        let reply = incoming.message().await?;
        let answers = |question: &Message| {
            reply.header.reply_serial == Some(question.primary_header().serial_num().get())
        };
        if answers(call) {
            return reply.unless_error();
        }
        // A full bus refuses here already. Anything else on the way, such as the signal that we
        // have a name now, is not for us.
        if answers(&hello) {
            reply.unless_error()?;
        }
    }
}

async fn connect(path: &Path) -> Result<UnixStream, Failure> {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(stream),
            Err(full) if full.kind() == io::ErrorKind::WouldBlock => {
                time::sleep(BACKLOG_PAUSE).await;
            }
            Err(error) => return Err(broken(&error)),
        }
    }
}

async fn send(stream: &UnixStream, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        stream.writable().await.map_err(|error| broken(&error))?;
        // The standard library sends on sockets with MSG_NOSIGNAL: a bus that goes away is an
        // error here and not a SIGPIPE to the host.
        match stream.try_write(bytes) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(full) if full.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(())
}

fn broken(error: &io::Error) -> Failure {
    Failure::Socket(error.kind())
}

/// What the bus says to us.
struct Incoming {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Incoming {
    /// Reads the answers to [`AUTHENTICATION`]: a `DATA` that asks for more, then `OK`.
    async fn authenticated(&mut self) -> Result<(), Failure> {
        for expected in [&b"DATA"[..], b"OK "] {
            let line = self.line().await?;
            if !line.starts_with(expected) {
                return Err(Failure::Rejected);
            }
        }
        Ok(())
    }

    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                return Ok(self.unread.drain(..=end).collect());
            }
            if self.unread.len() > MAX_LINE_BYTES {
                return Err(Failure::Malformed);
            }
            self.read_more().await?;
        }
    }

    async fn message(&mut self) -> Result<Reply, Failure> {
        self.hold(FIXED_BYTES).await?;
        let length = Header::message_length(&self.unread).ok_or(Failure::Malformed)?;
        if length > MAX_REPLY_BYTES {
            return Err(Failure::Malformed);
        }
        self.hold(length).await?;
        let message: Vec<u8> = self.unread.drain(..length).collect();
        Reply::parse(message).ok_or(Failure::Malformed)
    }

    /// Waits until at least `bytes` bytes are unread.
    async fn hold(&mut self, bytes: usize) -> Result<(), Failure> {
        while self.unread.len() < bytes {
            self.read_more().await?;
        }
        Ok(())
    }

    async fn read_more(&mut self) -> Result<(), Failure> {
        let mut chunk = [0_u8; 4096];
        loop {
            self.stream.readable().await.map_err(|error| broken(&error))?;
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return Err(Failure::Socket(io::ErrorKind::UnexpectedEof)),
                Ok(read) => {
                    self.unread.extend(chunk.iter().take(read));
                    return Ok(());
                }
                Err(empty) if empty.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}
