//! What every call passes before and after its use case: its size, who it comes from, how often,
//! whether they may, and one line in the log.
//!
//! The uid comes from the bus and never from an argument (CVE-2018-1116). It is asked for anew for
//! every call: whoever has left by then is not served, and not taken for anybody (CVE-2021-3560).

use std::sync::Arc;

use twinlock_interface::{
    Error,
    names::{MAX_MESSAGE_BYTES, MAX_NAME_BYTES},
};
use zbus::{fdo::DBusProxy, message::Header, names::BusName};

use super::{authorization::Operation, reply, traffic::Traffic};
use crate::{
    audit::{Event, Outcome},
    clock,
    daemon::Daemon,
    failure::{Failure, Invalid},
    identity::Identity,
};

pub(super) struct Door {
    pub(super) daemon: Arc<Daemon>,
    /// A connection of its own, so that the answer does not queue behind a flood of calls.
    pub(super) bus: DBusProxy<'static>,
    pub(super) traffic: Traffic,
}

/// A call that may be carried out.
pub(super) struct Admitted {
    /// Its uid, from the bus.
    pub(super) caller: u32,
    /// The account it is about. `None` only for root: to others an unknown name is as forbidden as
    /// somebody else's.
    pub(super) account: Option<Identity>,
}

impl Door {
    /// Lets a call in if it may, carries it out, and tells log and caller what came of it. `user` is
    /// the name the call is about, if it is about one.
    pub(super) async fn through<T>(
        &self,
        header: &Header<'_>,
        operation: Operation,
        user: Option<&str>,
        use_case: impl AsyncFnOnce(&Daemon, Admitted) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let Some(caller) = self.caller(header).await else {
            // Nobody is there to read it.
            return Err(reply::error(&self.daemon, Failure::NotAuthorized));
        };
        let mut uid = None;
        let result = async {
            let length = usize::try_from(header.primary().body_len()).unwrap_or(usize::MAX);
            if length > MAX_MESSAGE_BYTES {
                return Err(Invalid::MessageTooLong.into());
            }
            let _under_way =
                self.traffic.begin(caller, clock::monotonic()).ok_or(Failure::LimitsExceeded)?;
            let account = self.account(caller, operation, user).await?;
            uid = account.as_ref().map(|account| account.uid);
            use_case(&self.daemon, Admitted { caller, account }).await
        }
        .await;
        let (outcome, reason) = match &result {
            Ok(_) => (Outcome::Done, "-"),
            Err(failure) => failure.audited(),
        };
        if operation.is_audited_here(outcome) {
            self.daemon.audit.record(&Event {
                action: operation.action(),
                outcome,
                reason,
                user: user.unwrap_or_default(),
                uid,
                caller,
                context: None,
            });
        }
        result.map_err(|failure| reply::error(&self.daemon, failure))
    }

    /// The same for what is about an account that there must be.
    pub(super) async fn for_account<T>(
        &self,
        header: &Header<'_>,
        operation: Operation,
        user: &str,
        use_case: impl AsyncFnOnce(&Daemon, u32, Identity) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let of_account = async |daemon: &Daemon, Admitted { caller, account }: Admitted| {
            use_case(daemon, caller, account.ok_or(Failure::NoSuchAccount)?).await
        };
        self.through(header, operation, Some(user), of_account).await
    }

    /// The uid of whoever sent the message, if they are still there.
    async fn caller(&self, header: &Header<'_>) -> Option<u32> {
        let sender = header.sender()?;
        let name = BusName::Unique(sender.as_ref());
        let uid = self.bus.get_connection_unix_user(name).await.ok()?;
        self.traffic.belongs_to(sender, uid, clock::monotonic());
        Some(uid)
    }

    async fn account(
        &self,
        caller: u32,
        operation: Operation,
        user: Option<&str>,
    ) -> Result<Option<Identity>, Failure> {
        let Some(name) = user else { return Ok(None) };
        if name.len() > MAX_NAME_BYTES {
            return Err(Invalid::UserNameTooLong.into());
        }
        // Nothing is looked up for those whom no answer would let in.
        if !operation.could_permit(caller) {
            return Err(Failure::NotAuthorized);
        }
        let account = self.daemon.identities.by_name(caller, name).await?;
        if operation.permits(caller, account.as_ref()) {
            Ok(account)
        } else {
            Err(Failure::NotAuthorized)
        }
    }
}
