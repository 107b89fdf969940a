//! `twinlock rename`: give an authenticator another name.

use serde::Serialize;
use twinlock_interface::proxy::EnrollmentProxy;

use crate::{
    account_name,
    arguments::{OwnOrNamed, Rename},
    bus,
    failure::Failure,
    output::{self, Format},
    printable, prompt, recovery_codes,
};

pub(crate) fn run(options: &Rename, format: Format) -> Result<(), Failure> {
    let Rename { authenticator, name, user } = options;
    let user = account_name::of(&OwnOrNamed { user: user.clone() })?;
    let line = prompt::line("Code from the app, or a recovery code: ", format)?;
    let code = prompt::sendable_code(&line)?;
    bus::call(async |bus| {
        EnrollmentProxy::new(bus).await?.rename(&user, authenticator, name, code).await
    })?;
    output::result(
        format,
        &words(&user, authenticator, name),
        &RenameObject { user: &user, authenticator, name, renamed: true },
    )?;
    recovery_codes::warn_if_few(&user, code, format)
}

fn words(user: &str, authenticator: &str, name: &str) -> String {
    let [user, authenticator, name] = [user, authenticator, name].map(printable::line);
    format!("The authenticator \"{authenticator}\" of {user} is called \"{name}\" now.\n")
}

#[derive(Serialize)]
struct RenameObject<'a> {
    user: &'a str,
    authenticator: &'a str,
    name: &'a str,
    renamed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        let object = RenameObject {
            user: "alice",
            authenticator: "phone",
            name: "old phone",
            renamed: true,
        };
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            r#"{"user":"alice","authenticator":"phone","name":"old phone","renamed":true}"#
        );
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        let words = words("a\u{1b}", "b\u{1b}", "c\u{1b}");
        assert_eq!(words.matches("\\u{1b}").count(), 3, "{words}");
        assert!(!words.contains('\u{1b}'));
    }
}
