//! `org.twinlock.Twinlock1.Enrollment`.

use std::sync::Arc;

use twinlock_interface::{Error, Material, Status};
use zbus::message::Header;
use zeroize::Zeroizing;

use super::{
    authorization::Operation,
    door::{Admitted, Door},
};
use crate::enroll;

pub(super) struct Enrollment(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Enrollment")]
impl Enrollment {
    #[zbus(out_args("material"))]
    async fn begin(
        &self,
        user: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Material, Error> {
        let begin = async |daemon: &_, call: Admitted| {
            let (caller, account) = call.existing()?;
            enroll::begin(daemon, caller, account).await
        };
        self.0.through(&header, Operation::EnrollmentBegin, Some(&user), begin).await
    }

    #[zbus(out_args("recovery_codes"))]
    async fn confirm(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        let code = Zeroizing::new(code);
        let confirm = async |daemon: &_, call: Admitted| {
            let (caller, account) = call.existing()?;
            enroll::confirm(daemon, caller, account, &code).await
        };
        let codes =
            self.0.through(&header, Operation::EnrollmentConfirm, Some(&user), confirm).await?;
        Ok(codes.iter().map(|code| code.to_string()).collect())
    }

    async fn cancel(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let cancel = async |daemon: &_, call: Admitted| {
            let (caller, account) = call.existing()?;
            enroll::cancel(daemon, caller, account).await
        };
        self.0.through(&header, Operation::EnrollmentCancel, Some(&user), cancel).await
    }

    async fn remove(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let code = Zeroizing::new(code);
        let remove = async |daemon: &_, call: Admitted| {
            let (caller, account) = call.existing()?;
            enroll::remove(daemon, caller, account, &code).await
        };
        self.0.through(&header, Operation::EnrollmentRemove, Some(&user), remove).await
    }

    #[zbus(out_args("status"))]
    async fn status(
        &self,
        user: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Status, Error> {
        let status = async |daemon: &_, call: Admitted| {
            let (caller, account) = call.existing()?;
            enroll::status(daemon, caller, account).await
        };
        self.0.through(&header, Operation::EnrollmentStatus, Some(&user), status).await
    }
}
