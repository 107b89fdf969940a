//! `twinlock unlock`: forget an account's failed attempts.

use serde::Serialize;
use twinlock_interface::proxy::ManagerProxy;

use crate::{
    arguments::Named,
    bus,
    failure::Failure,
    output::{self, Format},
    printable,
};

pub(crate) fn run(target: &Named, format: Format) -> Result<(), Failure> {
    let user = &target.user;
    bus::administer(async |bus| ManagerProxy::new(bus).await?.unlock(user).await)?;
    output::result(
        format,
        &format!("{} is unlocked: the next right code is accepted.\n", printable::line(user)),
        &UnlockObject { user, unlocked: true },
    )
}

#[derive(Serialize)]
struct UnlockObject<'a> {
    user: &'a str,
    unlocked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        assert_eq!(
            serde_json::to_string(&UnlockObject { user: "alice", unlocked: true }).unwrap(),
            r#"{"user":"alice","unlocked":true}"#
        );
    }
}
