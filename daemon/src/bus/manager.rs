//! `org.twinlock.Twinlock1.Manager`.

use std::sync::Arc;

use twinlock_interface::Error;
use zbus::message::Header;

use super::{
    authorization::Operation,
    door::{Admitted, Door},
};
use crate::administer;

pub(super) struct Manager(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Manager")]
impl Manager {
    async fn unlock(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let unlock = async |daemon: &_, call: Admitted| {
            let (caller, account) = call.existing()?;
            administer::unlock(daemon, caller, account).await
        };
        self.0.through(&header, Operation::ManagerUnlock, Some(&user), unlock).await
    }

    async fn reset(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let reset =
            async |daemon: &_, call: Admitted| administer::reset(daemon, &user, call.account).await;
        self.0.through(&header, Operation::ManagerReset, Some(&user), reset).await
    }
}
