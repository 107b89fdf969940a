//! Who makes a change, and whose way in it must leave.

use nix::unistd::geteuid;

use crate::{
    failure::Failure,
    login_person::{self, LoginPerson},
};

/// Whoever sits at the keyboard, and root, whose way in is everybody's last one.
#[derive(Debug)]
pub(super) struct Caller {
    /// The accounts that must not lose their way in.
    pub(super) ways_in: Vec<String>,
    /// Who it is, for the daemon to write down. From root only.
    pub(super) author: Option<String>,
}

impl Caller {
    /// Of this process.
    pub(super) fn of_process() -> Result<Self, Failure> {
        let root = login_person::name_of(0)?;
        Ok(Self::new(LoginPerson::of_process()?, root, geteuid().is_root()))
    }

    fn new(person: LoginPerson, root: Option<String>, is_root: bool) -> Self {
        let author = is_root.then(|| person.author());
        let mut ways_in = Vec::from_iter(person.account.map(|account| account.name));
        ways_in.extend(root.filter(|root| !ways_in.contains(root)));
        Self { ways_in, author }
    }

    /// One whose way in does not matter. Who it is goes into the record all the same, as far as that
    /// can be told.
    pub(super) fn without_way_in() -> Self {
        let author = Self::of_process().ok().and_then(|caller| caller.author);
        Self { ways_in: Vec::new(), author }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login_person::Account;

    fn caller(
        uid: u32,
        account: Option<(u32, &str)>,
        is_root: bool,
    ) -> (Vec<String>, Option<String>) {
        let account = account.map(|(uid, name)| Account { uid, name: name.into() });
        let caller = Caller::new(LoginPerson { uid, account }, Some("root".into()), is_root);
        (caller.ways_in, caller.author)
    }

    fn expected(ways_in: &[&str], author: Option<&str>) -> (Vec<String>, Option<String>) {
        (ways_in.iter().map(|name| (*name).to_owned()).collect(), author.map(str::to_owned))
    }

    #[test]
    fn own_account_and_root_keep_their_way_in() {
        let alice = caller(1000, Some((1000, "alice")), true);
        assert_eq!(alice, expected(&["alice", "root"], Some("alice")));
        assert_eq!(caller(0, Some((0, "root")), true), expected(&["root"], Some("root")));
    }

    #[test]
    fn only_root_says_who_it_is() {
        let alice = caller(1000, Some((1000, "alice")), false);
        assert_eq!(alice, expected(&["alice", "root"], None));
    }

    #[test]
    fn an_account_that_is_gone_has_no_way_in_but_is_written_down() {
        assert_eq!(caller(7, None, true), expected(&["root"], Some("uid 7")));
        assert_eq!(caller(7, Some((0, "root")), true), expected(&["root"], Some("uid 7")));
    }
}
