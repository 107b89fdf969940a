//! Whose account is meant when nobody is named.

use nix::unistd::{User, getuid};

use crate::{arguments::OwnOrNamed, failure::Failure};

/// The account named on the command line, or else the caller's own by real uid. Which name is
/// right, and whether the caller may, is for the daemon to say.
pub(crate) fn of(target: &OwnOrNamed) -> Result<String, Failure> {
    match &target.user {
        Some(name) => Ok(name.clone()),
        None => of_caller(),
    }
}

fn of_caller() -> Result<String, Failure> {
    let uid = getuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => Ok(user.name),
        Ok(None) => Err(Failure::no_own_account(format!(
            "The user database has no account for uid {uid}. Name the account you mean."
        ))),
        Err(error) => Err(Failure::no_own_account(format!(
            "The user database could not be asked who uid {uid} is: {error}. \
             Name the account you mean, or try again."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_given_stands_as_it_is() {
        let target = OwnOrNamed { user: Some("No Such\u{7}User".into()) };
        assert_eq!(of(&target).unwrap(), "No Such\u{7}User");
    }

    #[test]
    fn without_a_name_it_is_the_real_uid_and_not_the_environment() {
        let own = User::from_uid(getuid()).unwrap().unwrap().name;
        assert_eq!(of(&OwnOrNamed { user: None }).unwrap(), own);
    }
}
