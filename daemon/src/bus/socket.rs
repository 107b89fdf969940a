//! What is read from the bus at all.
//!
//! Every local user can send to a system service, faster than it can answer. zbus makes a task of
//! every call it reads, so what must not cost a task is dropped here (I20, I21):
//!
//! - No file descriptors are taken: the bus refuses messages that carry one to a peer that did not
//!   agree to them. With them, a flood of descriptors ends the connection, and with it the daemon.
//! - A message longer than any the contract needs is skipped without being held.
//! - A uid that goes on after it was told to stop is not answered, nor is a connection that sends
//!   more than a few calls before the bus has said whose it is.

use std::{io, os::fd::BorrowedFd};

use async_trait::async_trait;
use tokio::net::{
    UnixStream,
    unix::{OwnedReadHalf, OwnedWriteHalf},
};
use zbus::{
    Message,
    connection::socket::{ReadHalf, Socket, Split, WriteHalf},
    fdo::ConnectionCredentials,
    message::Type,
};

use super::traffic::Traffic;
use crate::clock;

/// Bytes before a message's header fields (D-Bus specification, "Message Format").
const FIXED_BYTES: usize = 16;
/// Longest message that is held. The contract's bodies end at 12 KiB; the header holds names of at
/// most 255 bytes each.
const MAX_MESSAGE_BYTES: u64 = 16 * 1024;

/// A socket to the bus that reads no more than it must.
pub(super) struct BusSocket {
    pub(super) stream: UnixStream,
    /// Which calls are read.
    pub(super) traffic: Traffic,
    pub(super) replies: Replies,
}

/// Whose replies and errors are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replies {
    FromTheBus,
    /// The bus lets nobody reply who was not asked.
    FromWhomIsAsked,
}

impl Socket for BusSocket {
    type ReadHalf = Gate;
    type WriteHalf = Writer;

    fn split(self) -> Split<Gate, Writer> {
        let (read, write) = self.stream.into_split();
        let Self { traffic, replies, .. } = self;
        let gate = Gate { stream: Reader(read), traffic, replies };
        Split::new(gate, Writer(write))
    }
}

/// The read half, and what it lets through.
pub(super) struct Gate {
    stream: Reader,
    traffic: Traffic,
    replies: Replies,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

#[async_trait]
impl ReadHalf for Gate {
    async fn receive_message(
        &mut self,
        sequence: u64,
        received: &mut Vec<u8>,
        fds: &mut Vec<std::os::fd::OwnedFd>,
    ) -> zbus::Result<Message> {
        loop {
            if let Some(length) = self.stream.unwanted(received).await? {
                self.stream.skip(received, length).await?;
                continue;
            }
            match self.stream.receive_message(sequence, received, fds).await {
                Ok(message) if self.passes(&message) => return Ok(message),
                Err(error @ zbus::Error::InputOutput(_)) => return Err(error),
                // Read whole, and not for us or not in a form we know. Some buses pass on header
                // fields that zbus refuses; that must not be the end of the connection.
                Ok(_) | Err(_) => {}
            }
        }
    }

    async fn recvmsg(
        &mut self,
        buffer: &mut [u8],
    ) -> io::Result<(usize, Vec<std::os::fd::OwnedFd>)> {
        self.stream.recvmsg(buffer).await
    }

    async fn peer_credentials(&mut self) -> io::Result<ConnectionCredentials> {
        Ok(ConnectionCredentials::default())
    }
}

impl Gate {
    fn passes(&self, message: &Message) -> bool {
        let header = message.header();
        let Some(sender) = header.sender() else { return false };
        match message.message_type() {
            Type::MethodCall => self.traffic.lets_in(sender, clock::monotonic()),
            Type::MethodReturn | Type::Error if self.replies == Replies::FromWhomIsAsked => true,
            // Of the bus itself; nobody else has anything to tell us.
            Type::MethodReturn | Type::Error | Type::Signal => *sender == "org.freedesktop.DBus",
        }
    }
}

/// Bytes from the bus.
#[derive(Debug)]
struct Reader(OwnedReadHalf);

impl Reader {
    /// The length of the next message when it is not to be held. `received` holds bytes that were
    /// read already, at least a fixed header's worth afterwards.
    async fn unwanted(&mut self, received: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let mut chunk = [0_u8; FIXED_BYTES];
        while received.len() < FIXED_BYTES {
            let wanted = FIXED_BYTES.saturating_sub(received.len());
            let buffer = chunk.get_mut(..wanted).unwrap_or_default();
            let read = self.read_some(buffer).await?;
            received.extend(buffer.iter().take(read));
        }
        let fixed = received.first_chunk();
        Ok(fixed.filter(|fixed| is_unwanted(fixed)).map(message_length))
    }

    /// Reads past a message of `length` bytes.
    async fn skip(&mut self, received: &mut Vec<u8>, length: u64) -> io::Result<()> {
        let held = usize::try_from(length).unwrap_or(usize::MAX).min(received.len());
        received.drain(..held);
        let mut left = length.saturating_sub(held as u64);
        let mut chunk = [0_u8; 4096];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            let read = self.read_some(chunk.get_mut(..wanted).unwrap_or_default()).await?;
            left = left.saturating_sub(read as u64);
        }
        Ok(())
    }

    async fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.recvmsg(buffer).await? {
            (0, _) => Err(io::ErrorKind::UnexpectedEof.into()),
            (read, _) => Ok(read),
        }
    }
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(
        &mut self,
        buffer: &mut [u8],
    ) -> io::Result<(usize, Vec<std::os::fd::OwnedFd>)> {
        loop {
            self.0.readable().await?;
            match self.0.try_read(buffer) {
                Err(empty) if empty.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(|read| (read, Vec::new())),
            }
        }
    }
}

/// Too long, or of a type or version nobody here speaks, at which zbus would end the connection.
fn is_unwanted(fixed: &[u8; FIXED_BYTES]) -> bool {
    let [_, kind, _, version, ..] = fixed;
    message_length(fixed) > MAX_MESSAGE_BYTES || !(1..=4).contains(kind) || *version != 1
}

/// Length of a message, by its fixed header. Nonsense is a length too: zbus refuses it.
fn message_length(fixed: &[u8; FIXED_BYTES]) -> u64 {
    let [order, _, _, _, body @ .., _, _, _, _, f0, f1, f2, f3] = fixed;
    let [b0, b1, b2, b3] = *body;
    let number = |bytes| match order {
        b'B' => u32::from_be_bytes(bytes),
        _ => u32::from_le_bytes(bytes),
    };
    let fields = u64::from(number([*f0, *f1, *f2, *f3]));
    FIXED_BYTES as u64 + fields.next_multiple_of(8) + u64::from(number([b0, b1, b2, b3]))
}

/// Bytes to the bus.
#[derive(Debug)]
pub(super) struct Writer(OwnedWriteHalf);

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if !fds.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        loop {
            self.0.writable().await?;
            // tokio sends with MSG_NOSIGNAL: a bus that goes away is an error, not a SIGPIPE.
            match self.0.try_write(bytes) {
                Err(full) if full.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        tokio::io::AsyncWriteExt::shutdown(&mut self.0).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed header with one byte changed.
    fn header(at: usize, byte: u8) -> [u8; FIXED_BYTES] {
        let mut fixed = [b'l', 1, 0, 1, 8, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0];
        fixed[at] = byte;
        fixed
    }

    #[test]
    fn the_length_of_a_message_is_header_fields_padding_and_body() {
        assert_eq!(message_length(&header(0, b'l')), 16 + 24 + 8);
        let big_endian = [b'B', 1, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 20];
        assert_eq!(message_length(&big_endian), 16 + 24 + 8);
        assert_eq!(message_length(&[u8::MAX; FIXED_BYTES]), 16 + (1 << 32) + u64::from(u32::MAX));
    }

    #[test]
    fn what_no_contract_needs_is_unwanted() {
        assert!(!is_unwanted(&header(0, b'l')));
        for (at, byte) in [(1, 0), (1, 5), (3, 2), (5, 64), (6, 1), (13, 64), (15, 1)] {
            assert!(is_unwanted(&header(at, byte)), "{byte} at {at}");
        }
    }
}
