//! Somebody else under twinlockd's name on the real bus.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::mpsc,
    thread,
};

use futures_core::Stream;
use twinlock_interface::names::{BUS_NAME, LOGIN, SYSTEM_BUS_ADDRESS};
use zbus::{Message, MessageStream, connection::Builder, message::Type};

use crate::bus::block_on;

/// Takes twinlockd's name and answers every `Login` call with the message that `answer` makes of
/// it, or with none, until the sandbox ends. A running twinlockd has to be killed before, and is
/// not started any more.
///
/// # Panics
/// When the name cannot be had.
pub fn start(mut answer: impl FnMut(&Message) -> Option<Message> + Send + 'static) {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        block_on(async {
            let bus = Builder::address(SYSTEM_BUS_ADDRESS).build().await.unwrap();
            let mut calls = MessageStream::from(&bus);
            bus.request_name(BUS_NAME).await.unwrap();
            ready.send(()).unwrap();
            while let Some(Ok(call)) = poll_fn(|cx| Pin::new(&mut calls).poll_next(cx)).await {
                let to_login = call.header().interface().is_some_and(|name| *name == LOGIN);
                if call.message_type() == Type::MethodCall
                    && to_login
                    && let Some(reply) = answer(&call)
                {
                    // A caller that hung up is no reason to stop.
                    let _ = bus.send(&reply).await;
                }
            }
            pending::<()>().await;
        });
    });
    is_ready.recv().unwrap();
}
