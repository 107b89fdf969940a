//! `twinlock reset`: remove an account's authenticator without a code.

use serde::Serialize;
use twinlock_interface::proxy::ManagerProxy;

use crate::{
    arguments::Reset,
    bus,
    failure::Failure,
    output::{self, Format},
    printable, prompt,
};

pub(crate) fn run(options: &Reset, format: Format) -> Result<(), Failure> {
    let user = &options.target.user;
    if !options.yes {
        confirm(user, format)?;
    }
    bus::administer(async |bus| ManagerProxy::new(bus).await?.reset(user).await)?;
    output::result(
        format,
        &format!("{} is reset and can enrol anew.\n", printable::line(user)),
        &ResetObject { user, reset: true },
    )
}

/// A person types the name again; a script says what it means beforehand.
fn confirm(user: &str, format: Format) -> Result<(), Failure> {
    if !prompt::is_interactive() {
        return Err(Failure::usage("There is no terminal to ask on: say --yes if it is meant."));
    }
    let question = format!(
        "This removes authenticator, recovery codes and failed attempts of {0}.\n\
         Type the account name to go on: ",
        printable::line(user)
    );
    is_same(user, &prompt::line(&question, format)?)
}

fn is_same(user: &str, typed: &str) -> Result<(), Failure> {
    if typed.trim() == user.trim() { Ok(()) } else { Err(Failure::not_confirmed()) }
}

#[derive(Serialize)]
struct ResetObject<'a> {
    user: &'a str,
    reset: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Name;

    #[test]
    fn json_keys_are_the_documented_ones() {
        assert_eq!(
            serde_json::to_string(&ResetObject { user: "alice", reset: true }).unwrap(),
            r#"{"user":"alice","reset":true}"#
        );
    }

    #[test]
    fn only_the_name_itself_confirms() {
        assert!(is_same("alice", "alice").is_ok());
        for typed in ["", "y", "yes", "Alice", "alic"] {
            assert_eq!(is_same("alice", typed).unwrap_err().name, Name::NotConfirmed, "{typed}");
        }
    }
}
