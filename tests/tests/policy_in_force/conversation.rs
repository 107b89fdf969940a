//! A login through libpam and the README's stacks, in this very process: cheap enough for hundreds.

use std::{
    cell::RefCell,
    ffi::{CStr, CString},
};

use twinlock_tests::{
    enrolling::FIRST_CODE,
    pam,
    pam_client::{Code, Item, PROMPT_ECHO_OFF, PROMPT_ECHO_ON, Phase, Reply, Transaction},
    readme,
    ssh::{CODE_PROMPT, PASSWORD_PROMPT, RECOVERY_PROMPT},
};

use crate::scene::{Occasion, Person};

/// What a login met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// It was let in behind its first factor, and asked for nothing else.
    Unasked,
    /// It was asked for a code, and a right one let it in.
    Code,
    /// It was asked for a code, and none let it in.
    Refusal,
    /// It was shown a key.
    Enrollment,
    /// It was told that there were too many wrong codes.
    Lock,
}

impl Met {
    /// What follows from a word of `twinlock policy explain`.
    pub(crate) fn explained(outlook: &str) -> Self {
        match outlook {
            "not-asked" | "remembered" => Self::Unasked,
            "asks-for-code" => Self::Code,
            "refused" => Self::Refusal,
            "enrolls" => Self::Enrollment,
            "locked" => Self::Lock,
            other => panic!("no outlook is called {other}"),
        }
    }
}

/// Writes the stacks of `sshd`, `sshd-key`, `sudo` and `su`.
pub(crate) fn write_stacks() {
    pam::password_and_code("sshd");
    pam::code_alone("sshd", "sshd-key");
    pam::password_and_code("sudo");
    // Without pam_rootok, for which whoever calls is enough.
    pam::service("su", &[readme::recipe("pam-password-and-code")]);
}

/// Goes through a login up to its end, or to where it enrols or is locked.
pub(crate) fn log_in(person: &Person, occasion: &Occasion) -> Met {
    let said = RefCell::new(Vec::new());
    let talk = |style, text: &CStr| {
        let text = text.to_string_lossy().into_owned();
        let reply = match style {
            PROMPT_ECHO_OFF | PROMPT_ECHO_ON => answer(person, &text),
            _ => Reply::Nothing,
        };
        said.borrow_mut().push(text);
        reply
    };
    let service = CString::new(occasion.service).unwrap();
    let name = CString::new(person.name()).unwrap();
    let mut pam = Transaction::start(&service, Some(&name), talk).unwrap();
    for (item, value) in [
        (Item::RHost, occasion.rhost),
        (Item::Tty, occasion.tty),
        (Item::RUser, if occasion.tty == c"ssh" { c"" } else { &name }),
    ] {
        assert_eq!(pam.set(item, value), Code::SUCCESS);
    }
    if occasion.service == "sshd-key" {
        let key = c"SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE\n";
        assert_eq!(pam.put_variable(key), Code::SUCCESS);
    }
    let code = pam.run(Phase::Authenticate, 0);
    drop(pam);
    let said = said.into_inner();
    let was_asked = |end: &str| said.iter().any(|text| text.ends_with(end));
    match code {
        Code::CONV_ERR if was_asked(FIRST_CODE) => Met::Enrollment,
        Code::CONV_ERR if was_asked(RECOVERY_PROMPT) => Met::Lock,
        Code::AUTH_ERR if was_asked(CODE_PROMPT) => Met::Refusal,
        Code::SUCCESS if was_asked(CODE_PROMPT) => Met::Code,
        Code::SUCCESS => Met::Unasked,
        other => panic!("{} {occasion:?}: {other:?} {said:#?}", person.name()),
    }
}

/// Hangs up where there is nothing to say.
fn answer(person: &Person, question: &str) -> Reply {
    if question.ends_with(PASSWORD_PROMPT) {
        Reply::Text(person.password())
    } else if question.ends_with(CODE_PROMPT) {
        Reply::Text(CString::new(person.code()).unwrap())
    } else {
        Reply::Failure
    }
}
