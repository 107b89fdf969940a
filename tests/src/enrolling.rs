//! The pages of a login that enrols, and the person who goes through them.

use std::{
    thread,
    time::{Duration, Instant},
};

use twinlock_interface::{LoginContext, Step};

use crate::{
    Enrolled, Host, Phone, Terminal,
    login::{Line, from_address},
    screen::Screen,
};

/// What every page that waits for a code of the key ends in.
pub const FIRST_CODE: &str = "Code from the app: ";
/// What a wrong one is told.
pub const WRONG_FIRST_CODE: &str = "That is not the code of this key now.";
/// End of the page with the recovery codes.
pub const NOTED: &str = "Press Enter when you have them: ";
/// What is asked, perhaps again and again, while the daemon still hashes them.
pub const NOT_READY: &str = "Press Enter again: ";
/// What follows.
pub const ENROLLED: &str = "This account is enrolled now.";

/// What a login is told whose enrolment somebody else has ended or finished.
pub const ENDED: &str = "This enrolment ended meanwhile. Log in again.";

/// What sshd tells about a login from `address` for which it has checked a password.
#[must_use]
pub fn behind_a_password(address: &str) -> LoginContext {
    let first_factor = Some("password".to_owned());
    LoginContext { first_factor, ..from_address(address) }
}

/// The page of a step that ends in the question `end`.
///
/// # Panics
/// When the step asks something else, or nothing.
#[must_use]
pub fn page(step: Step, end: &str) -> String {
    match step {
        Step::Ask { text, echo: false } if text.ends_with(end) => text,
        other => panic!("no question {end:?}: {other:?}"),
    }
}

/// The key on a page, as an app takes it: base32 without blanks.
///
/// # Panics
/// When the page shows none, or two.
#[must_use]
pub fn key_on(page: &str) -> String {
    let of_a_key = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    let is_group = |group: &str| group.len() == 4 && group.chars().all(of_a_key);
    let mut keys = page.lines().filter_map(|line| {
        let groups: Vec<_> = line.trim_start_matches("Key:").split_whitespace().collect();
        (groups.len() == 8 && groups.iter().all(|group| is_group(group))).then(|| groups.concat())
    });
    let key = keys.next().unwrap_or_else(|| panic!("no key on:\n{page}"));
    assert_eq!(keys.next(), None, "two keys on:\n{page}");
    key
}

/// The recovery codes on a page.
///
/// # Panics
/// When they are not ten.
#[must_use]
pub fn recovery_codes_on(page: &str) -> Vec<String> {
    let is_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
    let codes: Vec<_> = page.split_whitespace().filter(is_code).map(str::to_owned).collect();
    assert_eq!(codes.len(), 10, "recovery codes on:\n{page}");
    codes
}

impl Terminal {
    /// Waits for the page with the key and returns the key.
    pub fn key_page(&mut self) -> String {
        key_on(&self.page(FIRST_CODE))
    }

    /// Waits for the page with the recovery codes and returns them.
    pub fn recovery_page(&mut self) -> Vec<String> {
        recovery_codes_on(&self.page(NOTED))
    }

    /// Presses Enter at the page with the recovery codes, and again where that is asked for.
    pub fn note(&mut self) {
        self.type_line("");
        while self.expect_any(&[NOT_READY, ENROLLED]) == Some(0) {
            self.type_line("");
        }
    }

    /// Goes through the rest of an enrolment, from the page with the key on, and returns the
    /// recovery codes.
    pub fn finish_enrolling(&mut self, phone: &Phone) -> Vec<String> {
        self.type_line(&phone.fresh_code());
        let codes = self.recovery_page();
        self.note();
        codes
    }
}

impl Screen {
    /// Goes through an enrolment: the picture, its first code, the recovery codes.
    ///
    /// # Panics
    /// When the key of the picture is not the one to type.
    #[must_use]
    pub fn enroll(&self, host: &Host) -> Enrolled {
        let page = self.expect(FIRST_CODE);
        let phone = host.phone(&self.scan());
        assert_eq!(phone.secret, key_on(&page));
        self.type_line(&phone.fresh_code());
        let recovery_codes = recovery_codes_on(&self.expect(NOTED));
        self.note();
        Enrolled { phone, recovery_codes }
    }

    /// Presses Enter at the page with the recovery codes, and again where that is asked for.
    pub fn note(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        for asked in 0.. {
            self.type_line("");
            let waits = || {
                let text = self.text();
                let question = if asked == 0 { NOTED } else { NOT_READY };
                text.trim_end().ends_with(question.trim_end())
                    && text.matches(NOT_READY.trim_end()).count() == asked
            };
            while waits() {
                assert!(Instant::now() < end, "nothing follows:\n{}", self.text());
                thread::sleep(Duration::from_millis(20));
            }
            if !self.text().trim_end().ends_with(NOT_READY.trim_end()) {
                return;
            }
        }
    }
}

impl Line {
    /// Opens a login of alice, who is shown a key: the session's handle, and the key.
    ///
    /// # Panics
    /// When something else is shown.
    #[must_use]
    pub fn key_page(&self, from: &LoginContext) -> (String, String) {
        let (session, step) = self.begin("alice", from).unwrap();
        (session, key_on(&page(step, FIRST_CODE)))
    }

    /// Answers a question with a right first code, and returns the recovery codes shown for it.
    ///
    /// # Panics
    /// When something else is shown.
    #[must_use]
    pub fn recovery_page(&self, session: &str, code: &str) -> Vec<String> {
        recovery_codes_on(&page(self.answer(session, code).unwrap(), NOTED))
    }

    /// Presses Enter at the page with the recovery codes, and again where that is asked for; returns
    /// what follows.
    ///
    /// # Panics
    /// When the daemon does not answer.
    #[must_use]
    pub fn note(&self, session: &str) -> Step {
        loop {
            match self.answer(session, "").unwrap() {
                Step::Ask { text, .. } if text.ends_with(NOT_READY) => {}
                step => return step,
            }
        }
    }
}

impl Host {
    /// An authenticator app into which the key of a page was typed.
    #[must_use]
    pub fn phone_with(&self, key: &str) -> Phone {
        self.phone(&format!("otpauth://totp/{}?secret={key}", crate::host::NAME))
    }
}
