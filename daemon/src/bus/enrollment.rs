//! `org.twinlock.Twinlock1.Enrollment`.

use std::sync::Arc;

use twinlock_interface::{CodeCheck, EnrollmentRequest, Error, Material, Status};
use zbus::message::Header;
use zeroize::Zeroizing;

use super::{authorization::Operation, door::Door};
use crate::{authenticators, check, enroll, renew_codes, status};

pub(super) struct Enrollment(pub(super) Arc<Door>);

#[zbus::interface(name = "org.twinlock.Twinlock1.Enrollment")]
impl Enrollment {
    #[zbus(out_args("material"))]
    async fn begin(
        &self,
        user: String,
        request: EnrollmentRequest,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Material, Error> {
        let request = Zeroizing::new(request);
        let begin = async |daemon: &_, call: &_, account| {
            enroll::begin(daemon, call, account, request).await
        };
        self.0.for_account(&header, Operation::EnrollmentBegin, &user, begin).await
    }

    #[zbus(out_args("recovery_codes"))]
    async fn confirm(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        let code = Zeroizing::new(code);
        let confirm = async |daemon: &_, call: &_, account| {
            enroll::confirm(daemon, call, account, &code).await
        };
        let codes =
            self.0.for_account(&header, Operation::EnrollmentConfirm, &user, confirm).await?;
        Ok(codes.iter().map(|code| code.to_string()).collect())
    }

    async fn cancel(&self, user: String, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.0.for_account(&header, Operation::EnrollmentCancel, &user, enroll::cancel).await
    }

    async fn rename(
        &self,
        user: String,
        authenticator: String,
        name: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let code = Zeroizing::new(code);
        let rename = async |daemon: &_, call: &_, account| {
            authenticators::rename(daemon, call, account, (&authenticator, &name), &code).await
        };
        self.0.for_account(&header, Operation::EnrollmentRename, &user, rename).await
    }

    async fn remove(
        &self,
        user: String,
        authenticator: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let code = Zeroizing::new(code);
        let remove = async |daemon: &_, call: &_, account| {
            authenticators::remove(daemon, call, account, &authenticator, &code).await
        };
        self.0.for_account(&header, Operation::EnrollmentRemove, &user, remove).await
    }

    #[zbus(out_args("recovery_codes"))]
    async fn renew_codes(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, Error> {
        let code = Zeroizing::new(code);
        let renew = async |daemon: &_, call: &_, account| {
            renew_codes::renew_codes(daemon, call, account, &code).await
        };
        let codes =
            self.0.for_account(&header, Operation::EnrollmentRenewCodes, &user, renew).await?;
        Ok(codes.iter().map(|code| code.to_string()).collect())
    }

    #[zbus(out_args("check"))]
    async fn check(
        &self,
        user: String,
        code: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<CodeCheck, Error> {
        let code = Zeroizing::new(code);
        let check =
            async |daemon: &_, call: &_, account| check::check(daemon, call, account, &code).await;
        self.0.for_account(&header, Operation::EnrollmentCheck, &user, check).await
    }

    #[zbus(out_args("status"))]
    async fn status(
        &self,
        user: String,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Status, Error> {
        self.0.for_account(&header, Operation::EnrollmentStatus, &user, status::status).await
    }
}
