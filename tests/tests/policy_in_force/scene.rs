//! People, with a phone and without, and what is explained of their logins.

use std::ffi::{CStr, CString};

use serde_json::Value;
use twinlock_tests::{
    Host, Phone, User,
    command::{as_root, run},
};

/// Where the two client networks are.
pub(crate) const NEAR: &str = "10.1.2.3";
pub(crate) const FAR: &str = "203.0.113.5";
/// A week, in seconds.
pub(crate) const WEEK: u64 = 7 * 24 * 3600;
/// A code that no phone here shows for as long as a test lasts: it has one digit more.
pub(crate) const WRONG: &str = "1234567";

/// An account and, if it is enrolled, its phone.
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) phone: Option<Phone>,
}

impl Person {
    pub(crate) fn enrolled(host: &Host, name: &str) -> Self {
        let user = host.user(name);
        let phone = Some(host.enroll(&user).phone);
        Self { user, phone }
    }

    pub(crate) fn without_phone(host: &Host, name: &str) -> Self {
        Self { user: host.user(name), phone: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.user.name
    }

    /// What this person answers to the question for a code: a right one, if there is any.
    pub(crate) fn code(&self) -> String {
        self.phone.as_ref().map_or_else(|| WRONG.to_owned(), Phone::fresh_code)
    }

    pub(crate) fn password(&self) -> CString {
        CString::new(self.user.password.clone()).unwrap()
    }
}

/// A login: what for, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    pub(crate) service: &'static str,
    /// The place in the words of `twinlock policy explain`.
    pub(crate) from: &'static str,
    /// What the host program tells libpam of it.
    pub(crate) rhost: &'static CStr,
    pub(crate) tty: &'static CStr,
}

/// What `twinlock policy explain` tells root, as an object.
pub(crate) fn explain(host: &Host, person: &str, service: &str, from: &str) -> Value {
    let asked = ["policy", "explain", person, "--service", service, "--from", from, "--json"];
    host.cli(&host.root(), &asked).expect_success("explain").json()
}

/// The word for what a login would meet.
pub(crate) fn outlook(host: &Host, person: &str, service: &str, from: &str) -> String {
    explain(host, person, service, from)["outlook"].as_str().unwrap().to_owned()
}

/// A group of that name with these members.
pub(crate) fn group(name: &str, members: &[&Person]) {
    run(as_root("groupadd").args(["--force", name]), "").expect_success("groupadd");
    for member in members {
        run(as_root("usermod").args(["-aG", name, member.name()]), "").expect_success("usermod");
    }
}

/// `twinlock policy WORDS…`, by root.
pub(crate) fn policy(host: &Host, words: &[&str]) {
    host.cli(&host.root(), &[&["policy"], words].concat()).expect_success(&words.join(" "));
}

/// Seconds since the Unix epoch, as TOML and `twinlock` write a point in time.
pub(crate) fn date(seconds: u64) -> String {
    let at = format!("--date=@{seconds}");
    let date = run(as_root("date").args(["--utc", &at, "+%Y-%m-%dT%H:%M:%SZ"]), "");
    date.expect_success("date").stdout.trim_end().to_owned()
}
