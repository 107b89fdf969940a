//! The host's user database, which may be a directory that hangs.

use std::{sync::mpsc::channel, thread, time::Duration};

use crate::{failure::Failure, printable};

/// Longer than any that works takes.
const DEADLINE: Duration = Duration::from_secs(5);

/// Looks something up about `name`, on a thread of its own that is left alone when it does not come back:
/// it ends with the process.
///
/// Fails when nothing comes in time, which says nothing about the name.
pub(crate) fn look_up<T: Send + 'static>(
    name: &str,
    look_up: impl FnOnce(&str) -> T + Send + 'static,
) -> Result<T, Failure> {
    let (tell, told) = channel();
    let asked = name.to_owned();
    thread::spawn(move || drop(tell.send(look_up(&asked))));
    told.recv_timeout(DEADLINE).map_err(|_| {
        Failure::no_user_database(&format!(
            "The user database does not answer about {}.",
            printable::line(name)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_passed_on_and_a_thread_that_dies_is_no_answer() {
        assert_eq!(look_up("alice", str::len).unwrap(), 5);
        let failure = look_up("ali\u{1b}ce", |_| -> u32 { panic!("as asked") }).unwrap_err();
        assert_eq!(failure.exit.code(), 3);
        assert!(failure.message.contains("about ali\\u{1b}ce"), "{}", failure.message);
    }
}
