//! Where the answer to a login's first question comes from, and what of it goes where.
//!
//! Three options put password and code into one prompt: `use_first_pass` and `try_first_pass` take
//! the code from what an earlier module collected, `forward_pass` takes it off the end of the line
//! and leaves the rest to the module behind. Without them a line is sent whole or not at all and
//! what an earlier module collected is not read. Later questions never come here.

use twinlock_interface::answer_shape::{RECOVERY_SYMBOLS, sendable};
use zeroize::Zeroizing;

/// Symbols between two dashes of a recovery code as it is written down.
const GROUP_SYMBOLS: usize = 4;
/// Bytes of a recovery code as it is written down, `XXXX-XXXX-XXXX-XXXX`.
const WRITTEN_BYTES: usize = RECOVERY_SYMBOLS + RECOVERY_SYMBOLS / GROUP_SYMBOLS - 1;

/// What somebody typed, byte for byte: a password need not be UTF-8.
pub(crate) type Line = Zeroizing<Vec<u8>>;

/// What the pam.d line says about the first question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstAnswer {
    /// `try_first_pass`, `use_first_pass` or neither.
    pub(crate) first_pass: FirstPass,
    /// `forward_pass`: the line is a password with the code behind it.
    pub(crate) forward: bool,
    /// `digits=`: how many digits a one-time code has where it has to be told from a password.
    pub(crate) digits: usize,
}

/// What becomes of PAM_AUTHTOK, the line that an earlier module collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FirstPass {
    /// It is not read.
    #[default]
    Unread,
    /// It is the answer if it looks like one; if it does not, or is refused, the person is asked.
    Try,
    /// It is the answer, whatever it is. Nobody is asked.
    Use,
}

/// An answer taken apart. The default is the empty one: the daemon refuses it and charges nothing.
#[derive(Default)]
pub(crate) struct Answer {
    /// What is sent to the daemon.
    pub(crate) code: Zeroizing<String>,
    /// What stood before the code in a `forward_pass` line. Never empty.
    pub(crate) password: Option<Line>,
}

impl Default for FirstAnswer {
    fn default() -> Self {
        Self { first_pass: FirstPass::Unread, forward: false, digits: 6 }
    }
}

impl FirstAnswer {
    /// The answer that needs no prompt, if there is one. `first_pass` reads PAM_AUTHTOK and is not
    /// called where that is not to be read.
    pub(crate) fn collected(self, first_pass: impl FnOnce() -> Option<Line>) -> Option<Answer> {
        match self.first_pass {
            FirstPass::Unread => None,
            FirstPass::Try => first_pass().and_then(|line| self.strictly(&line)),
            FirstPass::Use => {
                Some(first_pass().and_then(|line| self.strictly(&line)).unwrap_or_default())
            }
        }
    }

    /// The answer in a line typed at the prompt.
    pub(crate) fn typed(self, line: &Line) -> Answer {
        if self.forward { self.strictly(line).unwrap_or_default() } else { Answer::whole(line) }
    }

    /// The answer in a line that may as well be a password: nothing unless its end, or all of it
    /// where nothing is forwarded, has exactly the form of a code.
    fn strictly(self, line: &Line) -> Option<Answer> {
        let (password, code) = line.split_at_checked(code_starts(line, self.digits)?)?;
        // A code alone is no password and code. Forwarded, the empty rest would be taken for a
        // password by some modules (pam_unix with nullok) and for none, so ask again, by others.
        if password.is_empty() == self.forward {
            return None;
        }
        let code = Zeroizing::new(str::from_utf8(code).ok()?.to_owned());
        Some(Answer { code, password: self.forward.then(|| password.to_vec().into()) })
    }
}

impl Answer {
    /// The answer in a line that holds a code or nothing: the spellings a person may use are the
    /// daemon's to read. A login password typed or resent here reaches neither the bus nor the
    /// daemon.
    pub(crate) fn whole(line: &Line) -> Self {
        let code = sendable(str::from_utf8(line).unwrap_or_default());
        Self { code: Zeroizing::new(code.to_owned()), password: None }
    }
}

/// Where in `line` the code starts that it ends in. A recovery code in its written form has a dash
/// where a one-time code would have a digit, so no line ends in both.
fn code_starts(line: &[u8], digits: usize) -> Option<usize> {
    let ends_in = |length: usize, is_code: fn(&[u8]) -> bool| {
        let start = line.len().checked_sub(length)?;
        line.get(start..).is_some_and(is_code).then_some(start)
    };
    ends_in(WRITTEN_BYTES, is_written_recovery_code)
        .or_else(|| ends_in(digits, |end| end.iter().all(u8::is_ascii_digit)))
}

/// `XXXX-XXXX-XXXX-XXXX` of the symbols that [`sendable`] knows, any case.
fn is_written_recovery_code(text: &[u8]) -> bool {
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() && *byte != b'9';
    text.len() == WRITTEN_BYTES
        && text
            .split(|&byte| byte == b'-')
            .all(|group| group.len() == GROUP_SYMBOLS && group.iter().all(is_symbol))
}

#[cfg(test)]
mod tests;
