//! The header of what comes back (D-Bus specification, "Message Format").
//!
//! Only what tells a reply from other traffic is read: which call it answers, whether it is an
//! error and which, and the types in its body. Every read is checked against the bytes there are;
//! whatever does not fit is no reply.

use serde::de::DeserializeOwned;
use zbus::wire::serialized::{Context, Data};
use zbus::wire::{Endian, Type};

use super::Failure;

/// The part of a message before its header fields, length of the fields included.
pub(super) const FIXED_BYTES: usize = 16;

const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const SIGNATURE: u8 = 8;

/// A message from the bus.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) header: Header,
    body: Vec<u8>,
}

/// What the module needs to know of a message's header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    kind: u8,
    endian: Endian,
    /// The serial of the call this answers; only replies and errors have one.
    pub(super) reply_serial: Option<u32>,
    error_name: String,
    signature: String,
}

impl Reply {
    /// Splits one whole message; nothing when it is malformed.
    pub(super) fn parse(mut message: Vec<u8>) -> Option<Self> {
        let (header, body_at) = Header::parse(&message)?;
        let body = message.split_off(body_at);
        Some(Self { header, body })
    }

    /// The reply, when it is one.
    pub(super) fn unless_error(self) -> Result<Self, Failure> {
        match self.header.kind {
            METHOD_RETURN => Ok(self),
            ERROR => Err(Failure::Answered(self.header.error_name)),
            _ => Err(Failure::Malformed),
        }
    }

    /// The body, when its signature is one of `signatures`, which all mean `T`.
    pub(super) fn body<T: DeserializeOwned + Type>(
        self,
        signatures: &[&str],
    ) -> Result<T, Failure> {
        if !signatures.contains(&self.header.signature.as_str()) {
            return Err(Failure::Malformed);
        }
        let length = self.body.len();
        let body = Data::new(self.body, Context::new(self.header.endian, 0));
        match body.deserialize() {
            Ok((value, read)) if read == length => Ok(value),
            _ => Err(Failure::Malformed),
        }
    }
}

impl Header {
    /// How long the message is whose first [`FIXED_BYTES`] bytes, at least, `start` holds.
    pub(super) fn message_length(start: &[u8]) -> Option<usize> {
        let mut bytes = Bytes::new(start)?;
        let (_kind, body) = bytes.fixed()?;
        let fields = bytes.count()?;
        FIXED_BYTES.checked_add(fields)?.checked_next_multiple_of(8)?.checked_add(body)
    }

    /// The header of `message`, and where its body starts.
    fn parse(message: &[u8]) -> Option<(Self, usize)> {
        let mut bytes = Bytes::new(message)?;
        let (kind, body) = bytes.fixed()?;
        let mut header = Self {
            kind,
            endian: bytes.endian,
            reply_serial: None,
            error_name: String::new(),
            signature: String::new(),
        };
        let fields_end = FIXED_BYTES.checked_add(bytes.count()?)?;
        while bytes.at < fields_end {
            bytes.align(8)?;
            header.field(&mut bytes)?;
        }
        let overrun = bytes.at != fields_end;
        bytes.align(8)?;
        let body_at = bytes.at;
        (!overrun && body_at.checked_add(body)? == message.len()).then_some((header, body_at))
    }

    /// Reads one header field: a code and a variant. Every field the specification knows holds a
    /// string or a number; a message with another is not for us.
    fn field(&mut self, bytes: &mut Bytes<'_>) -> Option<()> {
        let code = bytes.byte()?;
        let signature_length = bytes.byte()?;
        match (signature_length, bytes.byte()?, bytes.byte()?) {
            (1, b'u', 0) => {
                let number = bytes.number()?;
                if code == REPLY_SERIAL {
                    self.reply_serial = Some(number);
                }
            }
            (1, b's' | b'o', 0) => {
                let length = bytes.count()?;
                let text = bytes.text(length)?;
                if code == ERROR_NAME {
                    text.clone_into(&mut self.error_name);
                }
            }
            (1, b'g', 0) => {
                let length = bytes.byte()?.into();
                let text = bytes.text(length)?;
                if code == SIGNATURE {
                    text.clone_into(&mut self.signature);
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// A message being read from its first byte on.
struct Bytes<'a> {
    message: &'a [u8],
    at: usize,
    endian: Endian,
}

impl<'a> Bytes<'a> {
    fn new(message: &'a [u8]) -> Option<Self> {
        let endian = match message.first()? {
            b'l' => Endian::Little,
            b'B' => Endian::Big,
            _ => return None,
        };
        Some(Self { message, at: 1, endian })
    }

    /// Message type and length of the body, up to where the fields' length stands.
    fn fixed(&mut self) -> Option<(u8, usize)> {
        let kind = self.byte()?;
        let _flags = self.byte()?;
        let protocol_version = self.byte()?;
        let body = self.count()?;
        let _serial = self.number()?;
        (protocol_version == 1).then_some((kind, body))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn align(&mut self, boundary: usize) -> Option<()> {
        self.at = self.at.checked_next_multiple_of(boundary)?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4)?;
        let bytes = self.take(4)?.try_into().ok()?;
        Some(match self.endian {
            Endian::Little => u32::from_le_bytes(bytes),
            Endian::Big => u32::from_be_bytes(bytes),
        })
    }

    fn count(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    /// `length` bytes of UTF-8 and the NUL behind them.
    fn text(&mut self, length: usize) -> Option<&'a str> {
        let text = str::from_utf8(self.take(length)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }
}

#[cfg(test)]
mod tests;
