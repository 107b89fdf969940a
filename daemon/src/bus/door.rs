//! What every call passes before and after its use case: its size, who it comes from, how often,
//! whether they may, and one line in the log.
//!
//! The uid comes from the bus and never from an argument (CVE-2018-1116). It is asked for anew for
//! every call, and once more after polkit: whoever has left by then is not served, and not taken for
//! anybody (CVE-2021-3560).

use std::sync::Arc;

use twinlock_interface::{Error, names::MAX_NAME_BYTES};
use zbus::{fdo::DBusProxy, message::Header, names::BusName};

use super::{
    authorization::{Access, Operation},
    polkit::Polkit,
    reply,
    traffic::Traffic,
};
use crate::{
    audit::Subject,
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
    pub(super) polkit: Polkit,
}

/// A call that may be carried out.
pub(super) struct Admitted {
    /// What its events are about; the uid in it is from the bus.
    pub(super) subject: Subject,
    /// Whether it is carried out for root, or for somebody whom polkit lets act as administrator.
    /// Who is there for their own account is none, whoever they are.
    pub(super) is_administrator: bool,
    /// The account it is about. `None` only for administrators: to others an unknown name is as
    /// forbidden as somebody else's.
    pub(super) account: Option<Identity>,
}

impl Door {
    /// Lets a call in if it may, carries it out, and tells the caller what came of it. `user` is the
    /// name the call is about, if it is about one. What is done the use case notes, in the transaction
    /// that does it; what is refused is noted here, unless a transaction did.
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
        let mut subject = Subject {
            action: operation.action(),
            user: user.unwrap_or_default().chars().take(MAX_NAME_BYTES).collect(),
            uid: None,
            caller,
            context: None,
        };
        let result = async {
            let length = usize::try_from(header.primary().body_len()).unwrap_or(usize::MAX);
            if length > operation.longest_message() {
                return Err(Invalid::MessageTooLong.into());
            }
            let _under_way =
                self.traffic.begin(caller, clock::monotonic()).ok_or(Failure::LimitsExceeded)?;
            let (is_administrator, account) = self.admit(header, caller, operation, user).await?;
            subject.uid = account.as_ref().map(|account| account.uid);
            let admitted = Admitted { subject: subject.clone(), is_administrator, account };
            use_case(&self.daemon, admitted).await
        }
        .await;
        match result {
            Ok(done) => Ok(done),
            Err(failure) => {
                if !matches!(failure, Failure::Noted(_)) {
                    let (outcome, reason) = failure.audited();
                    self.daemon.note(subject.ended(outcome, reason, clock::now())).await;
                }
                Err(reply::error(&self.daemon, failure))
            }
        }
    }

    /// The same for what is about an account that there must be.
    pub(super) async fn for_account<T>(
        &self,
        header: &Header<'_>,
        operation: Operation,
        user: &str,
        use_case: impl AsyncFnOnce(&Daemon, &Subject, Identity) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let of_account = async |daemon: &Daemon, call: Admitted| {
            let account = call.account.ok_or(Failure::NoSuchAccount)?;
            use_case(daemon, &call.subject, account).await
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

    /// Finds out whether the call may be carried out, whether as an administrator's, and what it is about.
    async fn admit(
        &self,
        header: &Header<'_>,
        caller: u32,
        operation: Operation,
        user: Option<&str>,
    ) -> Result<(bool, Option<Identity>), Failure> {
        if user.is_some_and(|name| name.len() > MAX_NAME_BYTES) {
            return Err(Invalid::UserNameTooLong.into());
        }
        let has_owner = operation.has_owner();
        let mut is_administrator = false;
        if !has_owner {
            is_administrator = self.enter(header, caller, operation.access(caller, false)).await?;
        }
        let account = match user {
            Some(name) => self.daemon.identities.by_name(caller, name).await?,
            None => None,
        };
        if has_owner {
            let owns = account.as_ref().is_some_and(|account| account.uid == caller);
            is_administrator = self.enter(header, caller, operation.access(caller, owns)).await?;
        }
        Ok((is_administrator, account))
    }

    /// Returns whether the caller gets in as an administrator.
    async fn enter(
        &self,
        header: &Header<'_>,
        caller: u32,
        access: Access,
    ) -> Result<bool, Failure> {
        let permission = match access {
            Access::Root => return Ok(true),
            Access::Own => return Ok(false),
            Access::Denied => return Err(Failure::NotAuthorized),
            Access::Ask(permission) => permission,
        };
        let refused = Failure::NotAnAdministrator { action: permission.action_id() };
        if !self.polkit.permits(caller, header, permission, &self.daemon.audit).await? {
            return Err(refused);
        }
        // Minutes may have passed, and a name on the bus is never given twice.
        if self.caller(header).await == Some(caller) { Ok(true) } else { Err(refused) }
    }
}
