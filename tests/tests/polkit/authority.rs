//! Somebody else under polkit's name, who answers as the test says.

use std::{collections::HashMap, future::poll_fn, pin::Pin, time::Duration};

use futures_core::Stream;
use nix::unistd::User;
use tokio::time::timeout;
use twinlock_tests::{
    Host,
    caller::Caller,
    command::{as_root, run},
};
use zbus::{Message, MessageStream, message::Type, wire::OwnedVariant};

const NAME: &str = "org.freedesktop.PolicyKit1";

/// polkit, played.
pub(crate) struct Authority {
    caller: Caller,
    calls: MessageStream,
}

/// A call of `CheckAuthorization`.
pub(crate) struct Question {
    pub(crate) kind: String,
    /// The subject in full: names and values.
    pub(crate) details: Vec<(String, String)>,
    pub(crate) action: String,
    pub(crate) interactive: bool,
    call: Message,
}

impl Authority {
    /// Takes polkit's name, which the host's own must not have yet.
    pub(crate) fn take_place(host: &Host) -> Self {
        let user = User::from_name("polkitd").unwrap().expect("the user polkit runs as");
        let caller = host.caller(user.uid.as_raw());
        let calls = MessageStream::from(caller.connection());
        caller.run(caller.connection().request_name(NAME)).unwrap();
        Self { caller, calls }
    }

    /// Waits for the next question.
    pub(crate) fn question(&mut self) -> Question {
        self.question_within(Duration::from_secs(10)).expect("a question")
    }

    pub(crate) fn question_within(&mut self, time: Duration) -> Option<Question> {
        let Self { caller, calls } = self;
        let next = async {
            loop {
                let next = poll_fn(|context| Pin::new(&mut *calls).poll_next(context)).await;
                let message = next.expect("the bus").unwrap();
                let member = message.header().member().map(|name| name.as_str().to_owned());
                if message.message_type() == Type::MethodCall
                    && member.as_deref() == Some("CheckAuthorization")
                {
                    return Question::read(message);
                }
            }
        };
        caller.run(async { timeout(time, next).await.ok() })
    }

    pub(crate) fn answer(&self, question: &Question, permits: bool, is_challenge: bool) {
        let result = (permits, is_challenge, HashMap::<String, String>::new());
        let header = question.call.header();
        let reply = Message::method_return(&header).build(&(result,)).unwrap();
        self.caller.run(self.caller.connection().send(&reply)).unwrap();
    }

    pub(crate) fn fail(&self, question: &Question) {
        let header = question.call.header();
        let reply = Message::error(&header, "org.freedesktop.PolicyKit1.Error.Failed");
        let reply = reply.build(&("out of order",)).unwrap();
        self.caller.run(self.caller.connection().send(&reply)).unwrap();
    }
}

impl Question {
    fn read(call: Message) -> Self {
        type Body =
            ((String, HashMap<String, OwnedVariant>), String, HashMap<String, String>, u32, String);
        let ((kind, details), action, _, flags, _) = call.body().deserialize::<Body>().unwrap();
        let details = details.into_iter().map(|(name, value)| {
            let text: String = value.try_into().expect("text alone");
            (name, text)
        });
        Self { kind, details: details.collect(), action, interactive: flags & 1 == 1, call }
    }
}

/// The host's own polkit is never started.
pub(crate) fn remove_the_hosts(host: &Host) {
    let activation = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
    run(as_root("rm").arg(activation), "").expect_success("rm");
    host.bus.reload();
}
