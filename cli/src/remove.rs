//! `twinlock remove`: remove the authenticator, against a code.

use serde::Serialize;
use twinlock_interface::proxy::EnrollmentProxy;

use crate::{
    account_name,
    arguments::OwnOrNamed,
    bus,
    failure::Failure,
    output::{self, Format},
    printable, prompt,
};

pub(crate) fn run(target: &OwnOrNamed, format: Format) -> Result<(), Failure> {
    let user = account_name::of(target)?;
    let line = prompt::line("Code from the app, or a recovery code: ", format)?;
    let code = prompt::sendable_code(&line)?;
    bus::call(async |bus| EnrollmentProxy::new(bus).await?.remove(&user, code).await)?;
    output::result(
        format,
        &format!(
            "The authenticator and the recovery codes of {} are removed.\n",
            printable::line(&user)
        ),
        &RemoveObject { user: &user, removed: true },
    )
}

#[derive(Serialize)]
struct RemoveObject<'a> {
    user: &'a str,
    removed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        assert_eq!(
            serde_json::to_string(&RemoveObject { user: "alice", removed: true }).unwrap(),
            r#"{"user":"alice","removed":true}"#
        );
    }
}
