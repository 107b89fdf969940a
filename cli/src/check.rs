//! `twinlock check`: try a code, and see whether the clocks agree.

pub(crate) mod host_clock;

use serde::Serialize;
use twinlock_interface::{CodeCheck, CodeOutcome, proxy::EnrollmentProxy};

use crate::{
    account_name,
    arguments::OwnOrNamed,
    bus,
    failure::Failure,
    output::{self, Format},
    printable, prompt,
};

pub(crate) fn run(target: &OwnOrNamed, format: Format) -> Result<(), Failure> {
    let user = account_name::of(target)?;
    let line = prompt::line("Code from the app: ", format)?;
    let code = prompt::sendable_code(&line)?;
    let check = bus::call(async |bus| EnrollmentProxy::new(bus).await?.check(&user, code).await)?;
    let clock_synchronised = host_clock::is_synchronised();
    let verdict = verdict(&check, clock_synchronised);
    // What was found is a result even when the code was not accepted.
    if format == Format::Json {
        output::json(&CheckObject::new(&user, &check, clock_synchronised))?;
    }
    let words = verdict?;
    if format == Format::Text { output::text(&words) } else { Ok(()) }
}

/// The words for an accepted code, or the failure for any other.
fn verdict(check: &CodeCheck, clock_synchronised: Option<bool>) -> Result<String, Failure> {
    let name = printable::line(&check.authenticator);
    let clocks = clocks(check, clock_synchronised);
    let clocks = clocks.trim_end();
    match check.outcome {
        CodeOutcome::Accepted => Ok(format!(
            "Accepted: \"{name}\" makes this code. It is spent by that; a login takes the next one.\n\
             {clocks}\n"
        )),
        CodeOutcome::Spent => Err(Failure::code_spent(format!(
            "Not accepted: this code of \"{name}\" was used before. A code works once: wait for the \
             next.\n{clocks}"
        ))),
        CodeOutcome::OutOfWindow => Err(Failure::code_out_of_window(format!(
            "Not accepted: \"{name}\" makes this code, but not for now.\n{clocks}"
        ))),
    }
}

/// How the two clocks stand, and which of them to set.
fn clocks(check: &CodeCheck, clock_synchronised: Option<bool>) -> String {
    let out_of_window = check.outcome == CodeOutcome::OutOfWindow;
    let mut words = match check.offset_seconds {
        // Of a code that was used before the age says nothing.
        None => String::new(),
        Some(0) => "Its clock agrees with that of this host.\n".to_owned(),
        Some(offset) => {
            let seconds = offset.unsigned_abs();
            let plural = if seconds == 1 { "" } else { "s" };
            let direction = if offset < 0 { "behind" } else { "ahead of" };
            format!("It is {seconds} second{plural} {direction} the clock of this host.\n")
        }
    };
    words.push_str(match clock_synchronised {
        Some(true) => "The clock of this host is synchronised.\n",
        Some(false) => {
            "The clock of this host is not synchronised: `timedatectl` tells more, `sudo timedatectl \
             set-ntp true` or an NTP daemon such as chrony keeps it right.\n"
        }
        None => "Whether the clock of this host is synchronised, `timedatectl` tells.\n",
    });
    if out_of_window && check.offset_seconds.is_some() && clock_synchronised != Some(false) {
        words.push_str("If the code was fresh, let the phone set its time by the network.\n");
    }
    words
}

#[derive(Serialize)]
struct CheckObject<'a> {
    user: &'a str,
    outcome: CodeOutcome,
    authenticator: &'a str,
    offset_seconds: Option<i64>,
    clock_synchronised: Option<bool>,
}

impl<'a> CheckObject<'a> {
    fn new(user: &'a str, check: &'a CodeCheck, clock_synchronised: Option<bool>) -> Self {
        Self {
            user,
            outcome: check.outcome,
            authenticator: &check.authenticator,
            offset_seconds: check.offset_seconds,
            clock_synchronised,
        }
    }
}

#[cfg(test)]
mod tests {
    use CodeOutcome::{Accepted, OutOfWindow, Spent};

    use super::*;
    use crate::failure::Name;

    fn check(outcome: CodeOutcome, offset_seconds: Option<i64>) -> CodeCheck {
        CodeCheck { outcome, authenticator: "pho\u{1b}ne".into(), offset_seconds }
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        let phone = CodeCheck { authenticator: "phone".into(), ..check(Accepted, Some(-30)) };
        assert_eq!(
            serde_json::to_string(&CheckObject::new("alice", &phone, Some(true))).unwrap(),
            r#"{"user":"alice","outcome":"accepted","authenticator":"phone","#.to_owned()
                + r#""offset_seconds":-30,"clock_synchronised":true}"#
        );
        let spent = check(Spent, None);
        let spent = serde_json::to_string(&CheckObject::new("alice", &spent, None)).unwrap();
        assert!(spent.ends_with(r#""offset_seconds":null,"clock_synchronised":null}"#), "{spent}");
    }

    #[test]
    fn only_an_accepted_code_is_a_success() {
        let words = verdict(&check(Accepted, Some(0)), Some(true)).unwrap();
        assert!(words.starts_with("Accepted: \"pho\\u{1b}ne\" "), "{words}");
        for (outcome, offset, name, said) in [
            (Spent, None, Name::CodeSpent, "A code works once: wait for the next."),
            (OutOfWindow, Some(-90), Name::CodeOutOfWindow, "not for now"),
        ] {
            let failure = verdict(&check(outcome, offset), Some(true)).unwrap_err();
            assert_eq!((failure.name, failure.exit.code()), (name, 1));
            assert!(failure.message.contains(said), "{}", failure.message);
            assert!(failure.message.contains("\"pho\\u{1b}ne\""), "{}", failure.message);
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_in_seconds_and_direction() {
        for (offset, said) in [
            (-30, "It is 30 seconds behind the clock of this host"),
            (90, "It is 90 seconds ahead of the clock of this host"),
            (1, "It is 1 second ahead"),
            (i64::MIN, "It is 9223372036854775808 seconds behind"),
            (0, "Its clock agrees"),
        ] {
            let words = clocks(&check(Accepted, Some(offset)), Some(true));
            assert!(words.starts_with(said), "{words}");
        }
        assert!(clocks(&check(Spent, None), Some(true)).starts_with("The clock of this host is"));
    }

    #[test]
    fn the_clock_to_set_is_the_one_that_is_wrong() {
        let told = |outcome, offset, synchronised| clocks(&check(outcome, offset), synchronised);
        for offset in [None, Some(0), Some(-90)] {
            let words = told(OutOfWindow, offset, Some(false));
            assert!(words.contains("is not synchronised: `timedatectl`"), "{words}");
            assert!(!words.contains("the phone"), "{words}");
        }
        for synchronised in [Some(true), None] {
            let words = told(OutOfWindow, Some(-90), synchronised);
            assert!(words.contains("let the phone set its time"), "{words}");
        }
        assert!(!told(Accepted, Some(-30), Some(true)).contains("the phone"));
        assert!(!told(OutOfWindow, None, Some(true)).contains("the phone"));
    }
}
