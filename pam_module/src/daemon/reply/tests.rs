//! Our reading of headers against the messages zbus writes.

use core::num::NonZeroU32;

use twinlock_interface::step::WireStep;
use zbus::Message;

use super::*;

fn serial(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn step() -> WireStep {
    WireStep { kind: "ask".into(), text: "Código: ".into(), echo: true }
}

/// A reply to call 77 as it reaches a client: with serial, sender and destination.
fn reply(endian: Endian) -> Vec<u8> {
    let call = Message::method_call("/x", "Y")
        .endian(endian)
        .serial(serial(77))
        .sender(":1.9")
        .build(&())
        .unwrap();
    let reply =
        Message::method_return(&call.header()).sender(":1.10").build(&("handle", step())).unwrap();
    reply.data().to_vec()
}

#[test]
fn a_reply_is_read_in_either_byte_order() {
    for endian in [Endian::Little, Endian::Big] {
        let bytes = reply(endian);
        assert_eq!(Header::message_length(&bytes[..FIXED_BYTES]), Some(bytes.len()));
        let reply = Reply::parse(bytes).unwrap();
        assert_eq!(reply.header.reply_serial, Some(77));
        let body = reply.unless_error().unwrap().body::<(String, WireStep)>(&["s(ssb)"]);
        assert_eq!(body, Ok(("handle".into(), step())));
    }
}

#[test]
fn an_error_is_known_by_its_name_alone() {
    let call = Message::method_call("/x", "Y").serial(serial(77)).build(&()).unwrap();
    let error = Message::error(&call.header(), "org.example.No").build(&"secret text").unwrap();
    let reply = Reply::parse(error.data().to_vec()).unwrap();
    assert_eq!(reply.header.reply_serial, Some(77));
    assert_eq!(reply.unless_error().unwrap_err(), Failure::Answered("org.example.No".into()));
}

#[test]
fn a_signal_answers_nothing() {
    let signal = Message::signal("/x", "org.example.X", "NameAcquired").build(&":1.9").unwrap();
    let message = Reply::parse(signal.data().to_vec()).unwrap();
    assert_eq!(message.header.reply_serial, None);
    assert_eq!(message.unless_error().unwrap_err(), Failure::Malformed);
}

#[test]
fn a_body_of_other_types_is_malformed() {
    for signatures in [&["s"][..], &["s(ssb)s"], &["(s(ssb))"], &[]] {
        let reply = Reply::parse(reply(Endian::Little)).unwrap();
        assert_eq!(reply.body::<(String, WireStep)>(signatures), Err(Failure::Malformed));
    }
}

#[test]
fn a_body_with_something_behind_it_is_malformed() {
    let mut reply = Reply::parse(reply(Endian::Little)).unwrap();
    reply.body.push(0);
    assert_eq!(reply.body::<(String, WireStep)>(&["s(ssb)"]), Err(Failure::Malformed));
}

#[test]
fn no_cut_message_is_a_reply() {
    let whole = reply(Endian::Little);
    for length in 0..whole.len() {
        assert!(Reply::parse(whole[..length].to_vec()).is_none(), "{length} bytes");
    }
}

/// Every byte of a reply changed to several values: whatever is read, nothing is read that is not
/// there.
#[test]
fn a_damaged_message_is_read_without_harm() {
    let whole = reply(Endian::Little);
    for at in 0..whole.len() {
        for value in [0, 1, 7, 8, 0x7f, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let _ = Header::message_length(&damaged);
            if let Some(reply) = Reply::parse(damaged) {
                let _ = reply.body::<(String, WireStep)>(&["s(ssb)"]);
            }
        }
    }
}
