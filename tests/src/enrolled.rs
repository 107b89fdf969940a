//! Getting a second factor, the way a script does it: `twinlock enroll --json`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::Stdio,
};

use serde_json::Value;

use crate::{Host, Phone, User};

/// What a person has in hand after enrolling.
#[derive(Debug)]
pub struct Enrolled {
    /// The authenticator app.
    pub phone: Phone,
    /// The recovery codes, none of them used; none when the account has some already.
    pub recovery_codes: Vec<String>,
}

impl Host {
    /// Enrols `user` with a phone; the code that confirms it is spent.
    ///
    /// # Panics
    /// When the enrolment does not go through.
    #[must_use]
    pub fn enroll(&self, user: &User) -> Enrolled {
        self.enroll_with(user, &[], None)
    }

    /// Enrols `user` with a phone of some kind, or one more: `options` are those of `twinlock
    /// enroll`, and `proof` is what an account that has a phone already must show first.
    ///
    /// # Panics
    /// When the enrolment does not go through.
    #[must_use]
    pub fn enroll_with(&self, user: &User, options: &[&str], proof: Option<&str>) -> Enrolled {
        let mut child = self
            .cli_command(user, &[&["enroll", "--json"], options].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        if let Some(proof) = proof {
            writeln!(input, "{proof}").unwrap();
        }
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || serde_json::from_str::<Value>(&lines.next()?.ok()?).ok();
        let key = next();
        let phone = key
            .as_ref()
            .and_then(|key| key.get("key_uri")?.as_str())
            .map(|key_uri| self.phone(key_uri));
        if let Some(phone) = &phone {
            writeln!(input, "{}", phone.fresh_code()).unwrap();
        }
        drop(input);
        let codes = next();
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success(), "enroll {}: {status}: {key:?} {complaint}", user.name);
        let recovery_codes = codes
            .and_then(|codes| serde_json::from_value(codes.get("recovery_codes")?.clone()).ok())
            .expect("recovery codes");
        Enrolled { phone: phone.expect("a key"), recovery_codes }
    }

    /// How an account stands, as `twinlock status --json` tells its owner.
    ///
    /// # Panics
    /// When it does not tell.
    #[must_use]
    pub fn status(&self, user: &User) -> Value {
        let outcome = self.cli(user, &["status", "--json"]).expect_success("status");
        serde_json::from_str(&outcome.stdout).unwrap()
    }
}
