//! Asking for a code until one is right.

use zeroize::Zeroizing;

use crate::{
    failure::{Failure, Name},
    output::{self, Format},
    prompt,
};

/// How often a wrong code may be followed by another.
const RETRIES: u32 = 3;

/// Asks until `attempt` takes a code, the retries are used up, or the person leaves. `refusal` is
/// what a script learns when it has no code to give.
pub(super) fn ask<T>(
    question: &str,
    format: Format,
    refusal: Option<Failure>,
    attempt: impl FnMut(&str) -> Result<T, Failure>,
) -> Result<T, Failure> {
    repeat(format, refusal, || prompt::line(question, format), attempt)
}

fn repeat<T>(
    format: Format,
    mut refusal: Option<Failure>,
    mut next_line: impl FnMut() -> Result<Zeroizing<String>, Failure>,
    mut attempt: impl FnMut(&str) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut retries = RETRIES;
    loop {
        let line = match next_line() {
            Ok(line) => line,
            // A script learns why its last code was refused; a person has read it already.
            Err(failure) if failure.name == Name::NoInput && format == Format::Json => {
                return Err(refusal.unwrap_or(failure));
            }
            Err(failure) => return Err(failure),
        };
        let failure = match prompt::sendable_code(&line).and_then(&mut attempt) {
            Ok(taken) => return Ok(taken),
            Err(failure) => failure,
        };
        if failure.name != Name::WrongCode || retries == 0 {
            return Err(failure);
        }
        retries -= 1;
        if format == Format::Text {
            output::failure(&failure, format);
        }
        refusal = Some(failure);
    }
}

#[cfg(test)]
mod tests {
    use twinlock_interface::Error;

    use super::*;

    /// The outcome for somebody who types `lines` where only 123456 is right, and how many of them
    /// reached the daemon.
    fn typing(lines: &[&str], refusal: Option<Failure>) -> (Result<(), Name>, usize) {
        let mut lines = lines.iter();
        let next_line = || match lines.next() {
            Some(line) => Ok(Zeroizing::new((*line).to_owned())),
            None => Err(Failure::no_input()),
        };
        let mut sent = 0;
        let attempt = |code: &str| {
            sent += 1;
            if code == "123456" { Ok(()) } else { Err(Error::WrongCode("No.".into()).into()) }
        };
        let outcome = repeat(Format::Json, refusal, next_line, attempt);
        (outcome.map_err(|failure| failure.name), sent)
    }

    #[test]
    fn a_wrong_code_may_be_tried_again_three_times() {
        assert_eq!(typing(&["123456"], None), (Ok(()), 1));
        let wrong = "000000";
        assert_eq!(typing(&[wrong, wrong, wrong, "123456"], None), (Ok(()), 4));
        assert_eq!(
            typing(&[wrong, wrong, wrong, wrong, "123456"], None),
            (Err(Name::WrongCode), 4)
        );
    }

    #[test]
    fn what_is_no_code_counts_and_is_not_sent() {
        assert_eq!(typing(&["hunter2", "123456"], None), (Ok(()), 1));
        assert_eq!(typing(&["", "", "", "", "123456"], None), (Err(Name::WrongCode), 0));
    }

    #[test]
    fn a_script_without_a_code_learns_what_was_wanted() {
        assert_eq!(typing(&[], None).0, Err(Name::NoInput));
        let wanted = || Some(Failure::from(Error::ProofRequired("Prove it.".into())));
        assert_eq!(typing(&[], wanted()).0, Err(Name::ProofRequired));
        assert_eq!(typing(&["000000"], wanted()).0, Err(Name::WrongCode));
    }

    #[test]
    fn only_a_wrong_code_is_tried_again() {
        let attempt =
            |_: &str| -> Result<(), Failure> { Err(Error::Throttled("Later.".into()).into()) };
        let next_line = || Ok(Zeroizing::new("123456".to_owned()));
        let failure = repeat(Format::Json, None, next_line, attempt).unwrap_err();
        assert_eq!(failure.name, Name::Throttled);
    }
}
