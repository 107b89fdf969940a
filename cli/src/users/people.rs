//! The people of this host, whether the daemon knows them or not.

use std::path::Path;

use nix::{errno::Errno, unistd::Group};
use twinlock_interface::Error;

use crate::{
    failure::Failure,
    passwd::{self, Entry},
    printable, user_database,
};

const PASSWD: &str = "/etc/passwd";
/// Root, and whoever looks like a person.
pub(super) fn of_host() -> Result<Vec<String>, Failure> {
    Ok(people(&passwd::read(Path::new(PASSWD))?))
}

/// The members of a group, and whose primary one it is as far as `/etc/passwd` tells.
pub(super) fn members(group: &str) -> Result<Vec<String>, Failure> {
    let found = user_database::look_up(group, Group::from_name)?.map_err(|errno| {
        let reason = match errno {
            // The library gives it 1 MiB.
            Errno::ERANGE => "it has too many members to be listed at once".to_owned(),
            other => other.to_string(),
        };
        Failure::no_own_account(format!(
            "The members of {} cannot be told: {reason}.\nName the accounts you mean.",
            printable::line(group)
        ))
    })?;
    let Some(group) = found else {
        return Err(Error::NoSuchGroup(format!(
            "The host knows no group {}.",
            printable::line(group)
        ))
        .into());
    };
    let text = passwd::read(Path::new(PASSWD))?;
    let primary = passwd::entries(&text).filter(|entry| entry.gid == group.gid.as_raw());
    let mut names: Vec<_> = primary.map(|entry| entry.name.to_owned()).chain(group.mem).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn people(passwd: &str) -> Vec<String> {
    let counts = |entry: &Entry<'_>| entry.is_person() || (entry.uid == 0 && entry.has_shell());
    passwd::entries(passwd).filter(counts).map(|entry| entry.name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_listed_with_the_people() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/usr/sbin/nologin\n\
                      daemon:x:1:1:daemon:/usr/sbin:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n";
        assert_eq!(people(passwd), ["root", "alice"]);
        assert!(people("").is_empty());
    }

    #[test]
    fn a_group_has_those_whose_primary_one_it_is() {
        assert!(members("root").unwrap().contains(&"root".to_owned()));
    }

    #[test]
    fn a_group_that_is_not_there_is_told() {
        let failure = members("no such\u{1b} group").unwrap_err();
        assert!(failure.message.contains("no group no such\\u{1b} group"), "{}", failure.message);
    }
}
