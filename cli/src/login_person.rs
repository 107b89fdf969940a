//! Who sits at the keyboard, however many times they have changed their uid since they logged in.

use std::fs;

use nix::unistd::{Uid, User, getuid};

use crate::{environment, failure::Failure};

/// Where the kernel keeps the uid of the login that a process descends from. Nobody but root can
/// change it, and root only once where the audit configuration says so.
const LOGIN_UID: &str = "/proc/self/loginuid";

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) name: String,
}

/// Whoever this process works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginPerson {
    /// As the likeliest source has it, whether the host has an account of this uid or not.
    pub(crate) uid: u32,
    /// The likeliest one that the host has. Another one than `uid` in a container, whose kernel
    /// remembers a login of the host around it, and where the account is gone.
    pub(crate) account: Option<Account>,
}

impl LoginPerson {
    /// Of this process. A user database that does not answer is an error, and no missing account.
    pub(crate) fn of_process() -> Result<Self, Failure> {
        let kept = fs::read_to_string(LOGIN_UID).ok();
        // Anybody may set it; root could as well say any name.
        let sudo = environment::sudo_uid().filter(|_| getuid().is_root());
        Self::among(candidates(kept.as_deref(), sudo, getuid().as_raw()), name_of)
    }

    fn among(
        uids: [Option<u32>; 3],
        name: impl Fn(u32) -> Result<Option<String>, Failure>,
    ) -> Result<Self, Failure> {
        let mut uids = uids.into_iter().flatten().peekable();
        let uid = uids.peek().copied().unwrap_or_default();
        for uid_of_account in uids {
            if let Some(name) = name(uid_of_account)? {
                return Ok(Self { uid, account: Some(Account { uid: uid_of_account, name }) });
            }
        }
        Ok(Self { uid, account: None })
    }

    /// Who it is, for the record: nobody else's name in the place of an account that is gone.
    pub(crate) fn author(&self) -> String {
        match &self.account {
            Some(account) if account.uid == self.uid => account.name.clone(),
            _ => format!("uid {}", self.uid),
        }
    }
}

/// The name of an account; `None` where the host has none.
pub(crate) fn name_of(uid: u32) -> Result<Option<String>, Failure> {
    let user = User::from_uid(Uid::from_raw(uid));
    user.map(|user| user.map(|user| user.name)).map_err(|error| {
        Failure::no_user_database(&format!(
            "The user database could not be asked who uid {uid} is: {error}.\nTry again, or say \
             --even-if-locked-out where there is such an option: then it need not be known whose way \
             in is at stake."
        ))
    })
}

/// The kernel's word counts most; where it keeps none (-1: a process that no login started, or a
/// kernel without audit), that of sudo; else it is who it is.
fn candidates(kept: Option<&str>, sudo: Option<u32>, own: u32) -> [Option<u32>; 3] {
    let kept = kept.and_then(|text| text.trim().parse().ok()).filter(|uid| *uid != u32::MAX);
    [kept, sudo, Some(own)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Exit, Name};

    /// On a host that has root, alice (1000) and bob (1001).
    fn person(kept: Option<&str>, sudo: Option<u32>, own: u32) -> (u32, Option<String>, String) {
        let known = |uid| {
            let known = [(0, "root"), (1000, "alice"), (1001, "bob")];
            Ok(known.into_iter().find(|(one, _)| *one == uid).map(|(_, name)| name.to_owned()))
        };
        let person = LoginPerson::among(candidates(kept, sudo, own), known).unwrap();
        let author = person.author();
        (person.uid, person.account.map(|account| account.name), author)
    }

    fn expected(uid: u32, account: Option<&str>, author: &str) -> (u32, Option<String>, String) {
        (uid, account.map(str::to_owned), author.to_owned())
    }

    #[test]
    fn the_kernel_knows_better_than_sudo_and_sudo_better_than_the_uid() {
        let unset = Some("4294967295\n");
        assert_eq!(person(Some("1000\n"), Some(1001), 0), expected(1000, Some("alice"), "alice"));
        assert_eq!(person(unset, Some(1001), 0), expected(1001, Some("bob"), "bob"));
        assert_eq!(person(unset, None, 0), expected(0, Some("root"), "root"));
        assert_eq!(person(None, None, 1001), expected(1001, Some("bob"), "bob"));
        assert_eq!(person(Some("nonsense"), None, 1000), expected(1000, Some("alice"), "alice"));
        assert_eq!(person(Some("0"), Some(1001), 0), expected(0, Some("root"), "root"));
    }

    #[test]
    fn an_account_that_is_gone_leaves_the_next_and_is_written_down_by_its_number() {
        assert_eq!(person(Some("7"), Some(1001), 0), expected(7, Some("bob"), "uid 7"));
        assert_eq!(person(Some("7"), None, 0), expected(7, Some("root"), "uid 7"));
        assert_eq!(person(None, None, 7), expected(7, None, "uid 7"));
    }

    #[test]
    fn a_database_that_is_down_is_no_missing_account() {
        let down = |_| Err(Failure::no_user_database("down"));
        let failure = LoginPerson::among([None, None, Some(0)], down).unwrap_err();
        assert_eq!((failure.name, failure.exit), (Name::Unavailable, Exit::Unreachable));
    }
}
