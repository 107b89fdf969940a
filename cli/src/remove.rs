//! `twinlock remove`: remove one authenticator or all, against a code.

use serde::Serialize;
use twinlock_interface::{Status, proxy::EnrollmentProxy};

use crate::{
    account_name,
    arguments::Remove,
    bus,
    failure::Failure,
    output::{self, Format},
    printable, prompt, recovery_codes,
};

pub(crate) fn run(options: &Remove, format: Format) -> Result<(), Failure> {
    let user = account_name::of(&options.target)?;
    let status = bus::call(async |bus| EnrollmentProxy::new(bus).await?.status(&user).await)?;
    let named = options.authenticator.as_deref();
    let announcement = announcement(&status, named, options.all)?;
    if format == Format::Text && prompt::is_interactive() {
        output::remark(&announcement);
    }
    let line = prompt::line("Code from the app, or a recovery code: ", format)?;
    let code = prompt::sendable_code(&line)?;
    // An empty name means all of them; the command line lets none through.
    let which = named.unwrap_or_default();
    bus::call(async |bus| EnrollmentProxy::new(bus).await?.remove(&user, which, code).await)?;
    output::result(
        format,
        &words(&user, named),
        &RemoveObject { user: &user, authenticator: named, removed: true },
    )?;
    recovery_codes::warn_if_few(&user, code, format)
}

/// What a person should know before the code is spent; empty when it is what anybody expects.
fn announcement(status: &Status, named: Option<&str>, all: bool) -> Result<String, Failure> {
    let names: Vec<_> =
        status.authenticators.iter().map(|one| printable::line(&one.name)).collect();
    match (named, names.as_slice()) {
        (None, [_, _, ..]) if !all => Err(Failure::usage(format!(
            "{} has {} authenticators ({}). Say which with --authenticator NAME, or --all.",
            printable::line(&status.user),
            names.len(),
            names.join(", ")
        ))),
        (None, [_, _, ..]) => Ok(format!(
            "All {} authenticators of {} are going to be removed ({}), and the recovery codes.\n",
            names.len(),
            printable::line(&status.user),
            names.join(", ")
        )),
        (Some(named), [last]) if printable::line(named) == *last => {
            Ok("It is the last authenticator: the recovery codes are removed with it.\n".to_owned())
        }
        _ => Ok(String::new()),
    }
}

fn words(user: &str, named: Option<&str>) -> String {
    let user = printable::line(user);
    match named {
        None => format!("Every authenticator and the recovery codes of {user} are removed.\n"),
        Some(name) => {
            format!("The authenticator \"{}\" of {user} is removed.\n", printable::line(name))
        }
    }
}

#[derive(Serialize)]
struct RemoveObject<'a> {
    user: &'a str,
    authenticator: Option<&'a str>,
    removed: bool,
}

#[cfg(test)]
mod tests {
    use twinlock_interface::AuthenticatorStatus;

    use super::*;

    fn with(names: &[&str]) -> Status {
        let authenticators = names
            .iter()
            .map(|name| AuthenticatorStatus { name: (*name).to_owned(), ..Default::default() })
            .collect();
        Status { user: "alice".into(), authenticators, ..Status::default() }
    }

    #[test]
    fn json_keys_are_the_documented_ones() {
        for (authenticator, expected) in [
            (None, r#"{"user":"alice","authenticator":null,"removed":true}"#),
            (Some("tablet"), r#"{"user":"alice","authenticator":"tablet","removed":true}"#),
        ] {
            let object = RemoveObject { user: "alice", authenticator, removed: true };
            assert_eq!(serde_json::to_string(&object).unwrap(), expected);
        }
    }

    #[test]
    fn several_go_together_only_when_that_is_said() {
        let told = announcement(&with(&["phone", "tab\u{1b}let"]), None, true).unwrap();
        assert!(told.starts_with("All 2 authenticators of alice "), "{told}");
        assert!(told.contains("(phone, tab\\u{1b}let)"), "{told}");
        let Err(refused) = announcement(&with(&["phone", "tablet"]), None, false) else {
            panic!("neither one nor all")
        };
        assert!(refused.message.contains("(phone, tablet)"), "{}", refused.message);
        assert!(refused.message.contains("--all"), "{}", refused.message);
    }

    #[test]
    fn the_last_one_takes_the_recovery_codes_along() {
        assert!(
            announcement(&with(&["phone"]), Some("phone"), false)
                .unwrap()
                .contains("recovery codes")
        );
    }

    #[test]
    fn nothing_is_announced_that_anybody_expects() {
        for (names, named) in [
            (&[][..], None),
            (&["phone"], None),
            (&["phone", "tablet"], Some("phone")),
            (&["phone"], Some("tablet")),
        ] {
            assert_eq!(
                announcement(&with(names), named, false).unwrap(),
                "",
                "{names:?} {named:?}"
            );
        }
    }

    #[test]
    fn the_result_names_what_was_removed() {
        assert!(words("alice", None).contains("recovery codes of alice are removed"));
        assert!(words("alice", Some("phone")).starts_with("The authenticator \"phone\" of alice "));
    }
}
