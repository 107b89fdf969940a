//! Accounts of the private host, written straight into its user database: ten thousand calls of
//! useradd would take longer than everything else.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _, path::PathBuf};

use crate::{
    codes::{Spent, totp},
    contender::{ALL, Contender},
};

const FIRST_UID: u32 = 20_000;
/// Homes on the measured disk.
pub(crate) const HOMES: &str = "/home/sandbox";

/// One account, enrolled with the same secret everywhere.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) secret: Vec<u8>,
}

impl Person {
    pub(crate) fn new(number: usize) -> Self {
        let uid = FIRST_UID + u32::try_from(number).unwrap();
        Self { name: format!("user{number:05}"), uid, secret: Vec::new() }
    }

    pub(crate) fn home(&self) -> PathBuf {
        PathBuf::from(HOMES).join(&self.name)
    }
}

/// Everybody, and which of their codes are spent where.
#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) all: Vec<Person>,
    spent: [Spent; ALL.len()],
}

impl People {
    /// Who logs in next, with a code `contender` has not seen.
    pub(crate) fn next(&mut self, contender: Contender) -> (&Person, String) {
        let (user, step) = self.spent[contender.index()].next(self.all.len());
        let person = &self.all[user];
        (person, totp(&person.secret, step))
    }
}

/// Makes the accounts known to the host.
pub(crate) fn add_accounts(people: &[Person]) {
    let (mut passwd, mut shadow, mut group) = (String::new(), String::new(), String::new());
    for person in people {
        let (name, uid, home) = (&person.name, person.uid, person.home());
        writeln!(passwd, "{name}:x:{uid}:{uid}::{}:/bin/sh", home.display()).unwrap();
        writeln!(shadow, "{name}:*:20000:0:99999:7:::").unwrap();
        writeln!(group, "{name}:x:{uid}:").unwrap();
    }
    for (file, lines) in [("passwd", passwd), ("shadow", shadow), ("group", group)] {
        let path = PathBuf::from("/etc").join(file);
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }
}
