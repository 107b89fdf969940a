//! `/etc/passwd`: who is a person on this host.

use std::path::Path;

use crate::{bounded_file, failure::Failure};

/// Some hundred thousand accounts.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Where adduser and useradd put people, the upper end as Debian has it: above lie `nobody` and
/// dynamic users of systemd.
const PEOPLE: std::ops::RangeInclusive<u32> = 1000..=59_999;
/// Programs that a shell is set to so that nobody gets one, and those of sync, halt and shutdown.
const NO_SHELLS: [&str; 5] = ["nologin", "false", "sync", "halt", "shutdown"];

/// A line of `passwd(5)`.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    shell: &'a str,
}

impl Entry<'_> {
    /// Whether somebody can log in as it, by its uid a person. root is none.
    pub(crate) fn is_person(&self) -> bool {
        PEOPLE.contains(&self.uid) && self.has_shell()
    }

    pub(crate) fn has_shell(&self) -> bool {
        let program = self.shell.trim().rsplit('/').next().unwrap_or_default();
        !NO_SHELLS.contains(&program)
    }
}

/// The text at `path`.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let content = bounded_file::read(path, MOST_BYTES)?;
    // A name that is no text cannot be asked about; the others can.
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// What is no entry is passed over, and so is `+` of NIS.
pub(crate) fn entries(passwd: &str) -> impl Iterator<Item = Entry<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        // An empty one is /bin/sh (passwd(5)).
        let shell = fields.nth(2)?;
        let is_name = !name.is_empty()
            && !name.starts_with(['+', '-'])
            && !name.contains(char::REPLACEMENT_CHARACTER);
        is_name.then_some(Entry { name, uid, gid, shell })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_by_uid_and_shell() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\
                      daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
                      sync:x:4:65534:sync:/bin:/bin/sync\n\
                      alice:x:1000:1000:,,,:/home/alice:/bin/bash\n\
                      robot:x:1001:1001::/home/robot:/bin/false\n\
                      plain:x:1002:1002::/home/plain:\n\
                      bob smith:x:59999:100::/home/bob:/usr/bin/fish\n\
                      dynamic:x:61184:61184::/:/bin/sh\n\
                      nobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n\
                      +@people::::::\n\
                      +carol:x:1003:1003::/home/carol:/bin/sh\n\
                      broken\n\
                      short:x:1004:1004:\n\
                      :x:1005:1005::/:/bin/sh\n\
                      bad\u{fffd}name:x:1006:1006::/:/bin/sh\n\
                      minus:x:-2:1::/:/bin/sh\n";
        let people = entries(passwd).filter(Entry::is_person).map(|entry| entry.name);
        assert_eq!(people.collect::<Vec<_>>(), ["alice", "plain", "bob smith"]);
        let root = entries(passwd).next().unwrap();
        assert!(root.uid == 0 && root.has_shell() && !root.is_person());
    }
}
