//! The three modules, each alone in a service of its own.

use std::{fs, path::PathBuf};

use twinlock_tests::pam;

use crate::enrolment::USERS_FILE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Twinlock,
    GoogleAuthenticator,
    Oath,
}

pub(crate) const ALL: [Contender; 3] =
    [Contender::Twinlock, Contender::GoogleAuthenticator, Contender::Oath];

impl Contender {
    /// Name of the module without prefix and suffix; also the name of its numbers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Twinlock => "twinlock",
            Self::GoogleAuthenticator => "google_authenticator",
            Self::Oath => "oath",
        }
    }

    /// PAM service.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Twinlock => "bench-twinlock",
            Self::GoogleAuthenticator => "bench-google-authenticator",
            Self::Oath => "bench-oath",
        }
    }

    /// Place in [`ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Twinlock => 0,
            Self::GoogleAuthenticator => 1,
            Self::Oath => 2,
        }
    }

    pub(crate) fn module(self) -> PathBuf {
        let file = format!("security/pam_{}.so", self.name());
        let is_there = |path: &PathBuf| path.exists();
        fs::read_dir("/usr/lib")
            .unwrap()
            .map(|entry| entry.unwrap().path().join(&file))
            .chain([PathBuf::from("/usr/lib").join(&file)])
            .find(is_there)
            .unwrap_or_else(|| panic!("no {file} below /usr/lib"))
    }

    /// Everything that is told to the module: the same window of one step either way.
    fn line(self) -> String {
        match self {
            Self::Twinlock => "auth required pam_twinlock.so".to_owned(),
            Self::GoogleAuthenticator => "auth required pam_google_authenticator.so".to_owned(),
            Self::Oath => {
                format!("auth required pam_oath.so usersfile={USERS_FILE} window=1 digits=6")
            }
        }
    }
}

/// All three, in every order in turn: what one leaves to be done, such as writing back a file or
/// closing a connection, happens to the next, and must not always be the same one's burden.
pub(crate) fn in_turn(round: usize) -> [Contender; ALL.len()] {
    let [first, second, third] = ALL;
    match round % 6 {
        0 => [first, second, third],
        1 => [third, second, first],
        2 => [second, third, first],
        3 => [first, third, second],
        4 => [third, first, second],
        _ => [second, first, third],
    }
}

pub(crate) fn write_services() {
    for contender in ALL {
        pam::service(contender.service(), &[&contender.line()]);
    }
    // libpam loads what this file names into every host program; Debian's would add the same
    // modules to all three and blur the difference.
    let deny = |kind| format!("{kind} required pam_deny.so");
    let lines = ["auth", "account", "password", "session"].map(deny);
    pam::service("other", &lines.each_ref().map(String::as_str));
}
