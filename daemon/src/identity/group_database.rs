//! The host's group database.
//!
//! `nix` reads every member into a list and gives up at 1 MiB, which a group of 65,536 members does
//! not fit. Nothing else in the daemon is unsafe.

#![allow(
    unsafe_code,
    reason = "getgrnam_r for large groups has no safe wrapper; every block says why it is sound"
)]

use core::{
    ffi::{CStr, c_char},
    mem::MaybeUninit,
    ptr,
};
use std::ffi::CString;

use nix::{
    errno::Errno,
    libc,
    unistd::{Gid, getgrouplist},
};

/// Room for an entry, in bytes: at first, and at most. 64 MiB hold millions of members.
const ROOM: usize = 16 << 10;
const MOST_ROOM: usize = 64 << 20;

/// Where groups are looked up. Calls may block for as long as they like.
pub(super) trait GroupDatabase: Send + Sync {
    /// The group called `name`, and whether its list of members names any of `members`. `None` when
    /// the database answers that there is none.
    fn group(&self, name: &str, members: &[&str]) -> Result<Option<Group>, Errno>;

    /// Every group of `user`, whose primary group is `gid`, as far as its sources answer.
    fn gids(&self, user: &str, gid: u32) -> Result<Vec<u32>, Errno>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) gid: u32,
    /// Whether the list of members names one of those who were asked about.
    pub(super) lists_any: bool,
}

/// The groups of this host.
pub(super) struct HostGroups;

impl GroupDatabase for HostGroups {
    fn group(&self, name: &str, members: &[&str]) -> Result<Option<Group>, Errno> {
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        let mut room = ROOM;
        loop {
            match look_up(&name, members, room) {
                Err(Errno::ERANGE) if room < MOST_ROOM => room *= 4,
                answer => return answer,
            }
        }
    }

    fn gids(&self, user: &str, gid: u32) -> Result<Vec<u32>, Errno> {
        let user = CString::new(user).map_err(|_| Errno::EINVAL)?;
        let gids = getgrouplist(&user, Gid::from_raw(gid))?;
        Ok(gids.into_iter().map(Gid::as_raw).collect())
    }
}

/// `ERANGE` when the entry needs more than `room` bytes.
fn look_up(name: &CStr, members: &[&str], room: usize) -> Result<Option<Group>, Errno> {
    let mut buffer = Vec::<c_char>::new();
    // No memory is an answer, not the end of the daemon.
    buffer.try_reserve_exact(room).map_err(|_| Errno::ENOMEM)?;
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut found = ptr::null_mut();
    // SAFETY: the name ends with NUL, the entry and the buffer have room for what is said of them, and
    // all of them outlive the call, which keeps none.
    let code = unsafe {
        libc::getgrnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.capacity(),
            &raw mut found,
        )
    };
    // Other codes than 0 that some systems have for "no such group" are those of sources that are down.
    if code != 0 {
        return Err(Errno::from_raw(code));
    }
    if found.is_null() {
        return Ok(None);
    }
    // SAFETY: not null means that the call filled the entry, which `found` then points to. What it
    // points to is in the buffer, which is neither moved nor changed before the last use.
    let group = unsafe {
        let entry = &*found;
        Group { gid: entry.gr_gid, lists_any: lists_any(entry.gr_mem, members) }
    };
    Ok(Some(group))
}

/// Whether one of `members` is in a list as long as those of directories are; none is copied.
///
/// # Safety
/// `list` is null, or an array of strings that end with NUL, which itself ends with null.
unsafe fn lists_any(mut list: *mut *mut c_char, members: &[&str]) -> bool {
    if list.is_null() || members.is_empty() {
        return false;
    }
    loop {
        // SAFETY: inside the array, as its end was not met yet.
        let member = unsafe { *list };
        if member.is_null() {
            return false;
        }
        // SAFETY: a string that ends with NUL, used before the list can change.
        let member = unsafe { CStr::from_ptr(member) }.to_bytes();
        if members.iter().any(|one| one.as_bytes() == member) {
            return true;
        }
        // SAFETY: the last element read was not the end, so there is a next one.
        list = unsafe { list.add(1) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::unistd::Group as Entry;

    use super::*;

    #[test]
    fn it_says_what_the_groups_file_says() {
        let file = fs::read_to_string("/etc/group").unwrap();
        let names: Vec<_> = file.lines().filter_map(|line| line.split(':').next()).collect();
        assert!(names.contains(&"root"));
        for name in names {
            let entry = Entry::from_name(name).unwrap().unwrap();
            let found = |member| HostGroups.group(name, &["nobody-of-that-name", member]);
            let gid = entry.gid.as_raw();
            for member in &entry.mem {
                assert_eq!(found(member), Ok(Some(Group { gid, lists_any: true })), "{name}");
            }
            assert_eq!(found("somebody-else"), Ok(Some(Group { gid, lists_any: false })), "{name}");
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_no_error() {
        for name in ["no-such-group-here", "root ", "ROOT", &"x".repeat(1000), ""] {
            assert_eq!(HostGroups.group(name, &[]), Ok(None), "{name:?}");
        }
        assert_eq!(HostGroups.group("root\0", &[]), Err(Errno::EINVAL));
    }

    #[test]
    fn an_entry_that_needs_more_room_says_so() {
        assert_eq!(look_up(c"root", &[], 2), Err(Errno::ERANGE));
        assert_eq!(look_up(c"root", &[], usize::MAX), Err(Errno::ENOMEM));
    }

    #[test]
    fn a_list_of_members_is_read_to_its_end_and_by_whole_names() {
        let names: Vec<_> = (0..70_000).map(|n| CString::new(format!("m{n}")).unwrap()).collect();
        let mut list: Vec<_> = names.iter().map(|name| name.as_ptr().cast_mut()).collect();
        list.push(ptr::null_mut());
        // SAFETY: an array of strings with a null at its end; nothing is written.
        let mut lists = |members: &[&str]| unsafe { lists_any(list.as_mut_ptr(), members) };
        assert!(lists(&["m0"]) && lists(&["m69999"]) && lists(&["nobody", "m500"]));
        assert!(!lists(&["m70000"]) && !lists(&["m"]) && !lists(&["m00"]) && !lists(&[]));
        let mut nobody = [ptr::null_mut()];
        // SAFETY: null, and an array that is at its end.
        assert!(unsafe {
            !lists_any(ptr::null_mut(), &["m0"]) && !lists_any(nobody.as_mut_ptr(), &["m0"])
        });
    }

    #[test]
    fn the_primary_group_is_among_all_groups() {
        assert!(HostGroups.gids("root", 4242).unwrap().contains(&4242));
        assert_eq!(HostGroups.gids("no-such-account-here", 7).unwrap(), [7]);
        assert_eq!(HostGroups.gids("root\0", 0), Err(Errno::EINVAL));
    }
}
