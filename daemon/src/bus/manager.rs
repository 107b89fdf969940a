//! `org.twinlock.Twinlock1.Manager`.

use std::sync::Arc;

use twinlock_interface::{
    AccountQuery, AccountSummary, Error, Event, EventQuery, ImportedAuthenticator,
};
use zbus::message::Header;
use zeroize::Zeroizing;

use super::{
    authorization::Operation,
    door::{Admitted, Door},
};
use crate::{accounts, administer, daemon::Daemon, import};

pub(super) struct Manager(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Manager")]
impl Manager {
    async fn unlock(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.0.for_account(&header, Operation::ManagerUnlock, &user, administer::unlock).await
    }

    async fn reset(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let reset = async |daemon: &_, call: Admitted| {
            administer::reset(daemon, &call.subject, &user, call.account).await
        };
        self.0.through(&header, Operation::ManagerReset, Some(&user), reset).await
    }

    #[zbus(out_args("ticket", "expires_at"))]
    async fn issue_ticket(
        &self,
        user: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(String, u64), Error> {
        let (ticket, expires_at) = self
            .0
            .for_account(&header, Operation::ManagerIssueTicket, &user, administer::issue_ticket)
            .await?;
        Ok((ticket.to_string(), expires_at.unix()))
    }

    async fn import(
        &self,
        user: String,
        authenticators: Vec<ImportedAuthenticator>,
        recovery_codes: Vec<String>,
        dry_run: bool,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (authenticators, recovery_codes) =
            (Zeroizing::new(authenticators), Zeroizing::new(recovery_codes));
        let import = async |daemon: &_, call: &_, account| {
            import::import(daemon, call, account, (&authenticators, &recovery_codes), dry_run).await
        };
        self.0.for_account(&header, Operation::ManagerImport, &user, import).await
    }

    #[zbus(out_args("accounts"))]
    async fn accounts(
        &self,
        query: AccountQuery,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<AccountSummary>, Error> {
        let list = async |daemon: &_, call: Admitted| {
            accounts::accounts(daemon, &call.subject, query).await
        };
        self.0.through(&header, Operation::ManagerAccounts, None, list).await
    }

    #[zbus(out_args("events"))]
    async fn events(
        &self,
        query: EventQuery,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<Event>, Error> {
        let list = async |daemon: &Daemon, _: Admitted| {
            Ok(daemon.store.run(move |records| records.events(&query)).await?)
        };
        self.0.through(&header, Operation::ManagerEvents, None, list).await
    }
}
