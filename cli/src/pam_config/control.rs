//! What each answer of a module does to the stack: `required`, or `[success=1 default=ignore]`.

use std::fmt;

/// What a module answers: one of `PAM_SUCCESS` and the others, by number (`_pam_types.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReturnCode(usize);

/// The answers as controls spell them, each at its number. `authtok_recover_err` is spelt so there,
/// and `PAM_AUTHTOK_RECOVERY_ERR` in C.
const CODES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

impl ReturnCode {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const SERVICE_ERR: Self = Self(3);
    /// What libpam takes for the answer of a line it could not read.
    pub(crate) const PERM_DENIED: Self = Self(6);
    pub(crate) const AUTH_ERR: Self = Self(7);
    pub(crate) const AUTHINFO_UNAVAIL: Self = Self(9);
    pub(crate) const MAXTRIES: Self = Self(11);
    pub(crate) const NEW_AUTHTOK_REQD: Self = Self(12);
    pub(crate) const CONV_ERR: Self = Self(19);
    pub(crate) const IGNORE: Self = Self(25);
    /// What libpam takes for the answer of a module that is not installed.
    pub(crate) const MODULE_UNKNOWN: Self = Self(28);

    /// Every answer there is but `incomplete`, after which a stack is entered once more at the same
    /// place.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..CODES.len() - 1).map(Self)
    }
}

impl fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CODES.get(self.0).copied().unwrap_or_default())
    }
}

/// What is done about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// So many of the following modules are passed over; never 0.
    Jump(u32),
}

const WORDS: [(&str, Action); 6] = [
    ("ignore", Action::Ignore),
    ("ok", Action::Ok),
    ("done", Action::Done),
    ("bad", Action::Bad),
    ("die", Action::Die),
    ("reset", Action::Reset),
];

/// The control of a module.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Control {
    /// As it was written, square brackets included.
    text: String,
    /// Behind a pointer: a stack has many modules, and a step should be small.
    actions: Box<[Action; CODES.len()]>,
    understood: bool,
}

impl Control {
    /// One of the four words, in whatever case, if it is one.
    pub(super) fn keyword(word: &str) -> Option<Self> {
        let (success, ignore, default) = match word.to_ascii_lowercase().as_str() {
            "required" => (Action::Ok, Action::Ignore, Action::Bad),
            "requisite" => (Action::Ok, Action::Ignore, Action::Die),
            "optional" => (Action::Ok, Action::Ignore, Action::Ignore),
            "sufficient" => (Action::Done, Action::Ignore, Action::Ignore),
            _ => return None,
        };
        let mut actions = [default; CODES.len()];
        for (code, action) in [
            (ReturnCode::SUCCESS, success),
            (ReturnCode::NEW_AUTHTOK_REQD, success),
            (ReturnCode::IGNORE, ignore),
        ] {
            set(&mut actions, code.0, action);
        }
        Some(Self { text: word.to_owned(), actions: Box::new(actions), understood: true })
    }

    /// The pairs between square brackets. What libpam does not understand makes every answer count as
    /// a failure, and so it is here.
    pub(super) fn pairs(inside: &str, text: &str) -> Self {
        let read = read_pairs(inside);
        Self {
            text: text.to_owned(),
            understood: read.is_some(),
            actions: Box::new(read.unwrap_or([Action::Bad; CODES.len()])),
        }
    }

    /// What `code` does to the stack.
    pub(crate) fn on(&self, code: ReturnCode) -> Action {
        self.actions.get(code.0).copied().unwrap_or(Action::Bad)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether libpam could read it; if not, every answer is [`Action::Bad`].
    pub(crate) fn is_understood(&self) -> bool {
        self.understood
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A word is known by its beginning, as in libpam: `okay` is `ok`, and then `ay` is an error.
fn read_pairs(mut rest: &str) -> Option<[Action; CODES.len()]> {
    let mut actions = [None; CODES.len()];
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(actions.map(|action| action.unwrap_or(Action::Bad)));
        }
        let found = CODES.iter().position(|name| rest.starts_with(name));
        let name = match found {
            Some(index) => CODES.get(index).copied()?,
            None => "default",
        };
        rest = rest.strip_prefix(name)?.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
        let (action, after) = read_action(rest)?;
        rest = after;
        match found {
            Some(index) => set(&mut actions, index, Some(action)),
            // For those not spoken of before: a later word about one of them replaces it.
            None => actions.iter_mut().for_each(|slot| *slot = slot.or(Some(action))),
        }
    }
}

fn read_action(text: &str) -> Option<(Action, &str)> {
    for (word, action) in WORDS {
        if let Some(rest) = text.strip_prefix(word) {
            return Some((action, rest));
        }
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    // More than any stack has, and libpam's own number would have overflowed.
    let distance = digits.parse().ok().filter(|&distance| distance > 0)?;
    Some((Action::Jump(distance), rest))
}

fn set<T>(slots: &mut [T], index: usize, value: T) {
    if let Some(slot) = slots.get_mut(index) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(inside: &str) -> Control {
        Control::pairs(inside, &format!("[{inside}]"))
    }

    #[test]
    fn the_four_words_are_what_the_manual_says_they_stand_for() {
        for (word, meaning) in [
            ("required", "success=ok new_authtok_reqd=ok ignore=ignore default=bad"),
            ("requisite", "success=ok new_authtok_reqd=ok ignore=ignore default=die"),
            ("sufficient", "success=done new_authtok_reqd=done default=ignore"),
            ("optional", "success=ok new_authtok_reqd=ok default=ignore"),
        ] {
            let keyword = Control::keyword(word).unwrap();
            assert_eq!(keyword.actions, pairs(meaning).actions, "{word}");
            assert_eq!(Control::keyword(&word.to_uppercase()).unwrap().actions, keyword.actions);
        }
        for word in ["include", "substack", "require", "", "[success=ok]"] {
            assert!(Control::keyword(word).is_none(), "{word}");
        }
    }

    #[test]
    fn what_is_not_spoken_of_is_bad_and_a_default_fills_the_rest() {
        let control = pairs("success=2");
        assert_eq!(control.on(ReturnCode::SUCCESS), Action::Jump(2));
        assert_eq!(control.on(ReturnCode::AUTH_ERR), Action::Bad);
        for inside in [
            "success=1 default=ignore",
            "default=ignore success=1",
            " success = 1\tdefault = ignore ",
            "success=1default=ignore",
        ] {
            let control = pairs(inside);
            assert!(control.is_understood(), "{inside}");
            assert_eq!(control.on(ReturnCode::SUCCESS), Action::Jump(1), "{inside}");
            assert_eq!(control.on(ReturnCode::IGNORE), Action::Ignore, "{inside}");
        }
        let first = pairs("default=die default=ok");
        assert_eq!(first.on(ReturnCode::AUTH_ERR), Action::Die);
    }

    #[test]
    fn what_libpam_cannot_read_makes_every_answer_a_failure() {
        for inside in [
            "succes=ok",
            "success",
            "success=",
            "success=0",
            "success=-1",
            "success=okay",
            "success=jump",
            "success=ok default",
            "SUCCESS=ok",
            "success=99999999999",
        ] {
            let control = pairs(inside);
            assert!(!control.is_understood(), "{inside}");
            assert!(ReturnCode::all().all(|code| control.on(code) == Action::Bad), "{inside}");
        }
    }

    #[test]
    fn every_answer_has_the_number_of_the_header() {
        for (code, name) in [
            (ReturnCode::SUCCESS, "success"),
            (ReturnCode::SERVICE_ERR, "service_err"),
            (ReturnCode::PERM_DENIED, "perm_denied"),
            (ReturnCode::AUTH_ERR, "auth_err"),
            (ReturnCode::AUTHINFO_UNAVAIL, "authinfo_unavail"),
            (ReturnCode::MAXTRIES, "maxtries"),
            (ReturnCode::NEW_AUTHTOK_REQD, "new_authtok_reqd"),
            (ReturnCode::CONV_ERR, "conv_err"),
            (ReturnCode::IGNORE, "ignore"),
            (ReturnCode::MODULE_UNKNOWN, "module_unknown"),
        ] {
            assert_eq!(code.to_string(), name);
        }
        assert_eq!(ReturnCode::all().count(), 31);
    }
}
