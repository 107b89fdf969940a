//! `twinlock enroll`: show a key, take a code, show the recovery codes.

mod page;
mod picture;

use nix::unistd::getuid;
use serde::Serialize;
use twinlock_interface::{Material, proxy::EnrollmentProxy};
use zeroize::Zeroizing;

use crate::{
    account_name,
    arguments::Enroll,
    bus, environment,
    failure::{Failure, Name},
    output::{self, Format},
    printable, prompt,
};

/// How often a wrong code may be followed by another.
const RETRIES: u32 = 3;

pub(crate) fn run(options: &Enroll, format: Format) -> Result<(), Failure> {
    let user = account_name::of(&options.target)?;
    if options.cancel {
        return cancel(&user, format);
    }
    if format == Format::Text && is_root_by_sudo(options) {
        output::remark("twinlock: enrolling root; to enrol yourself run without sudo.\n");
    }

    let material = bus::call(async |bus| EnrollmentProxy::new(bus).await?.begin(&user).await)?;
    match format {
        Format::Text => page::show_key(&user, &material, options)?,
        Format::Json => output::json(&KeyObject::new(&user, &material))?,
    }
    let recovery_codes = confirm(&user, format)
        .map_err(|failure| with_way_back(failure, options.target.user.as_deref()))?;
    let shown = match format {
        Format::Text => page::show_recovery_codes(&user, &recovery_codes),
        Format::Json => output::json(&CodesObject { user: &user, recovery_codes: &recovery_codes }),
    };
    shown.map_err(|failure| {
        failure.advise(
            "The authenticator is on, but its recovery codes could not be shown and are never \
             shown again. To get new ones, `twinlock remove` it and enrol once more.",
        )
    })
}

/// Whether somebody may have forgotten that under sudo "yourself" is root.
fn is_root_by_sudo(options: &Enroll) -> bool {
    options.target.user.is_none() && getuid().is_root() && environment::under_sudo()
}

/// Asks until a code is right, the retries are used up, or the person leaves.
fn confirm(user: &str, format: Format) -> Result<Zeroizing<Vec<String>>, Failure> {
    let mut retries = RETRIES;
    let mut refusal = None;
    loop {
        let code = match prompt::line("Code from the app: ", format) {
            Ok(line) => line,
            // A script learns why its last code was refused; a person has read it already.
            Err(failure) if failure.name == Name::NoInput && format == Format::Json => {
                return Err(refusal.unwrap_or(failure));
            }
            Err(failure) => return Err(failure),
        };
        let failure = match confirm_with(user, &code) {
            Ok(recovery_codes) => return Ok(recovery_codes),
            Err(failure) => failure,
        };
        if failure.name != Name::WrongCode || retries == 0 {
            return Err(failure);
        }
        retries -= 1;
        if format == Format::Text {
            output::failure(&failure, format);
        }
        refusal = Some(failure);
    }
}

fn confirm_with(user: &str, code: &str) -> Result<Zeroizing<Vec<String>>, Failure> {
    let code = prompt::sendable_code(code)?;
    bus::call(async |bus| EnrollmentProxy::new(bus).await?.confirm(user, code).await)
        .map(Zeroizing::new)
}

fn cancel(user: &str, format: Format) -> Result<(), Failure> {
    bus::call(async |bus| EnrollmentProxy::new(bus).await?.cancel(user).await)?;
    output::result(
        format,
        &format!("The pending enrolment of {} is cancelled.\n", printable::line(user)),
        &CancelObject { user, cancelled: true },
    )
}

/// Adds how to go on, where there is something to go on with.
fn with_way_back(failure: Failure, named: Option<&str>) -> Failure {
    if !matches!(
        failure.name,
        Name::WrongCode
            | Name::NoInput
            | Name::Interrupted
            | Name::Throttled
            | Name::LimitsExceeded
    ) {
        return failure;
    }
    let name = named.map(|name| format!(" {}", printable::line(name))).unwrap_or_default();
    failure.advise(&format!(
        "The key keeps waiting for its first code: `twinlock enroll{name}` goes on with it, \
         `twinlock enroll --cancel{name}` drops it."
    ))
}

#[derive(Serialize)]
struct KeyObject<'a> {
    user: &'a str,
    key_uri: &'a str,
    secret: &'a str,
    expires_at: u64,
}

impl<'a> KeyObject<'a> {
    fn new(user: &'a str, material: &'a Material) -> Self {
        Self {
            user,
            key_uri: &material.key_uri,
            secret: &material.secret_base32,
            expires_at: material.expires_at,
        }
    }
}

#[derive(Serialize)]
struct CodesObject<'a> {
    user: &'a str,
    recovery_codes: &'a [String],
}

#[derive(Serialize)]
struct CancelObject<'a> {
    user: &'a str,
    cancelled: bool,
}

#[cfg(test)]
mod tests {
    use twinlock_interface::Error;

    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        let material =
            Material { key_uri: "otpauth://x".into(), secret_base32: "ABCD".into(), expires_at: 9 };
        assert_eq!(
            serde_json::to_string(&KeyObject::new("alice", &material)).unwrap(),
            r#"{"user":"alice","key_uri":"otpauth://x","secret":"ABCD","expires_at":9}"#
        );
        let codes = CodesObject { user: "alice", recovery_codes: &["A".into(), "B".into()] };
        assert_eq!(
            serde_json::to_string(&codes).unwrap(),
            r#"{"user":"alice","recovery_codes":["A","B"]}"#
        );
        assert_eq!(
            serde_json::to_string(&CancelObject { user: "alice", cancelled: true }).unwrap(),
            r#"{"user":"alice","cancelled":true}"#
        );
    }

    #[test]
    fn who_leaves_at_the_prompt_is_told_the_way_back() {
        for failure in
            [Failure::no_input(), Failure::interrupted(), Error::WrongCode("No.".into()).into()]
        {
            let message = with_way_back(failure, Some("bob")).message;
            assert!(message.contains("`twinlock enroll bob`"), "{message}");
            assert!(message.contains("`twinlock enroll --cancel bob`"), "{message}");
        }
        let message = with_way_back(Failure::no_input(), None).message;
        assert!(message.contains("`twinlock enroll`"), "{message}");
    }

    #[test]
    fn nobody_is_sent_back_to_a_key_that_is_gone() {
        let failure = Failure::from(Error::NoPendingEnrollment("It ended.".into()));
        assert!(!with_way_back(failure, None).message.contains("--cancel"));
    }
}
