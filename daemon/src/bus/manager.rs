//! `org.twinlock.Twinlock1.Manager`.

use std::sync::Arc;

use twinlock_interface::Error;
use zbus::message::Header;

use super::{authorization::Operation, door::Door, reply};
use crate::{administer, failure::Failure};

pub(super) struct Manager(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Manager")]
impl Manager {
    async fn unlock(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let done = async {
            let call = self.0.enter(&header, Operation::ManagerUnlock).await?;
            let account = self.0.account(&call, &user).await?.ok_or(Failure::NoSuchAccount)?;
            administer::unlock(&self.0.daemon, call.caller, account).await
        };
        done.await.map_err(|failure| reply::error(&self.0.daemon, failure))
    }

    async fn reset(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let done = async {
            let call = self.0.enter(&header, Operation::ManagerReset).await?;
            let account = self.0.account(&call, &user).await?;
            administer::reset(&self.0.daemon, call.caller, &user, account).await
        };
        done.await.map_err(|failure| reply::error(&self.0.daemon, failure))
    }
}
