//! `org.twinlock.Twinlock1.Enrollment`.

use std::sync::Arc;

use twinlock_interface::{Error, Material, Status};
use zbus::message::Header;
use zeroize::Zeroizing;

use super::{
    authorization::Operation,
    door::{Call, Door},
    reply,
};
use crate::{enroll, failure::Failure, identity::Identity};

pub(super) struct Enrollment(pub(super) Arc<Door>);

impl Enrollment {
    async fn admit(
        &self,
        header: &Header<'_>,
        operation: Operation,
        user: &str,
    ) -> Result<(Call, Identity), Failure> {
        let call = self.0.enter(header, operation).await?;
        let account = self.0.account(&call, user).await?.ok_or(Failure::NoSuchAccount)?;
        Ok((call, account))
    }

    fn told(&self, failure: Failure) -> Error {
        reply::error(&self.0.daemon, failure)
    }
}

#[zbus::interface(name = "org.twinlock.Twinlock1.Enrollment")]
impl Enrollment {
    #[zbus(out_args("material"))]
    async fn begin(
        &self,
        user: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Material, Error> {
        let done = async {
            let (call, account) = self.admit(&header, Operation::EnrollmentBegin, &user).await?;
            enroll::begin(&self.0.daemon, call.caller, account).await
        };
        done.await.map_err(|failure| self.told(failure))
    }

    #[zbus(out_args("recovery_codes"))]
    async fn confirm(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        let code = Zeroizing::new(code);
        let done = async {
            let (call, account) = self.admit(&header, Operation::EnrollmentConfirm, &user).await?;
            enroll::confirm(&self.0.daemon, call.caller, account, &code).await
        };
        let codes = done.await.map_err(|failure| self.told(failure))?;
        Ok(codes.iter().map(|code| code.to_string()).collect())
    }

    async fn cancel(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let done = async {
            let (call, account) = self.admit(&header, Operation::EnrollmentCancel, &user).await?;
            enroll::cancel(&self.0.daemon, call.caller, account).await
        };
        done.await.map_err(|failure| self.told(failure))
    }

    async fn remove(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let code = Zeroizing::new(code);
        let done = async {
            let (call, account) = self.admit(&header, Operation::EnrollmentRemove, &user).await?;
            enroll::remove(&self.0.daemon, call.caller, account, &code).await
        };
        done.await.map_err(|failure| self.told(failure))
    }

    #[zbus(out_args("status"))]
    async fn status(
        &self,
        user: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Status, Error> {
        let done = async {
            let (_call, account) = self.admit(&header, Operation::EnrollmentStatus, &user).await?;
            enroll::status(&self.0.daemon, account).await
        };
        done.await.map_err(|failure| self.told(failure))
    }
}
