//! `org.twinlock.Twinlock1.Login`.

use std::sync::Arc;

use twinlock_interface::{Error, LoginContext, names, step::WireStep};
use zbus::message::Header;

use super::{authorization::Operation, door::Door, reply};
use crate::{failure::Failure, login};

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
        let begun = async {
            let call = self.0.enter(&header, Operation::LoginBegin).await?;
            let fits = |text: &Option<String>| {
                text.as_ref().is_none_or(|text| text.len() <= names::MAX_CONTEXT_BYTES)
            };
            let LoginContext { service, rhost, tty, ruser } = &context;
            if ![service, rhost, tty, ruser].into_iter().all(fits) {
                return Err(Failure::InvalidArgument("a context entry is too long"));
            }
            let account = self.0.account(&call, &user).await?;
            login::begin(&self.0.daemon, call.caller, &user, account, context).await
        };
        match begun.await {
            Ok((session, step)) => Ok((session, step.into())),
            Err(failure) => Err(reply::error(&self.0.daemon, failure)),
        }
    }

    #[zbus(out_args("step"))]
    async fn answer(
        &self,
        session: String,
        answer: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<WireStep, Error> {
        let answer = zeroize::Zeroizing::new(answer);
        let answered = async {
            let call = self.0.enter(&header, Operation::LoginAnswer).await?;
            login::answer(&self.0.daemon, call.caller, &session, &answer).await
        };
        answered.await.map(WireStep::from).map_err(|failure| reply::error(&self.0.daemon, failure))
    }
}
