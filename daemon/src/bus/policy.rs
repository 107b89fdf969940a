//! `org.twinlock.Twinlock1.Policy`.

use std::sync::Arc;

use twinlock_interface::{Error, Explanation, PolicyChange, Question};
use zbus::message::Header;

use super::{
    authorization::Operation,
    door::{Admitted, Door},
};
use crate::{
    failure::Failure,
    policy::{apply, explain},
};

pub(super) struct Policy(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Policy")]
impl Policy {
    #[zbus(out_args("policy"))]
    async fn show(
        &self,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<twinlock_interface::Policy, Error> {
        let show = async |daemon: &_, _: Admitted| Ok(explain::show(daemon));
        self.0.through(&header, Operation::PolicyShow, None, show).await
    }

    #[zbus(out_args("policy"))]
    async fn apply(
        &self,
        change: PolicyChange,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<twinlock_interface::Policy, Error> {
        let apply =
            async |daemon: &_, call: Admitted| apply::apply(daemon, &call.subject, change).await;
        self.0.through(&header, Operation::PolicyApply, None, apply).await
    }

    #[zbus(out_args("explanation"))]
    async fn explain(
        &self,
        user: String,
        question: Question,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Explanation, Error> {
        let explain = async |daemon: &_, call: Admitted| {
            let account = call.account.ok_or(Failure::NoSuchAccount)?;
            let by_administrator = call.is_administrator;
            explain::explain(daemon, call.subject.caller, by_administrator, account, question).await
        };
        self.0.through(&header, Operation::PolicyExplain, Some(&user), explain).await
    }
}
