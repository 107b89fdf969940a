//! `org.twinlock.Twinlock1.Login`.

use std::sync::Arc;

use twinlock_interface::{Error, LoginContext, names, step::WireStep};
use zbus::message::Header;
use zeroize::Zeroizing;

use super::{
    authorization::Operation,
    door::{Admitted, Door},
};
use crate::{failure::Invalid, login};

pub(super) struct Login(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Login")]
impl Login {
    #[zbus(out_args("session", "step"))]
    async fn begin(
        &self,
        user: String,
        context: LoginContext,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(String, WireStep), Error> {
        let begin = async |daemon: &_, call: Admitted| {
            if !fits(&context) {
                return Err(Invalid::ContextTooLong.into());
            }
            login::begin(daemon, call.subject.caller, &user, call.account, context).await
        };
        let begun = self.0.through(&header, Operation::LoginBegin, Some(&user), begin).await;
        begun.map(|(session, step)| (session, step.into()))
    }

    #[zbus(out_args("step"))]
    async fn answer(
        &self,
        session: String,
        answer: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<WireStep, Error> {
        let text = Zeroizing::new(answer);
        let answer = async |daemon: &_, call: Admitted| {
            login::answer(daemon, call.subject.caller, &session, &text).await
        };
        self.0.through(&header, Operation::LoginAnswer, None, answer).await.map(WireStep::from)
    }
}

fn fits(context: &LoginContext) -> bool {
    let LoginContext { service, rhost, tty, ruser, first_factor, expects } = context;
    let fits = |text: &Option<String>| {
        text.as_ref().is_none_or(|text| text.len() <= names::MAX_CONTEXT_BYTES)
    };
    [service, rhost, tty, ruser, first_factor, expects].into_iter().all(fits)
}
