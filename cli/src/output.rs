//! Writing results to stdout and failures to stderr.
//!
//! Not with `print!`: that panics when the reader has gone away, and leaves what it wrote in a
//! buffer that nobody wipes.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::failure::{Failure, Name};

/// What the result is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// People.
    Text,
    /// Scripts: one object per line.
    Json,
}

/// Several times what any command prints, so that the text is not moved while it grows and leaves
/// no copy of a secret behind.
const PAGE_BYTES: usize = 16 * 1024;

/// An empty page, wiped when it is dropped.
pub(crate) fn page() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(PAGE_BYTES))
}

/// Writes `text` to stdout, past any buffer.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    stdout(text.as_bytes())
}

/// Writes `value` as one line of JSON to stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    stdout(json_line(value)?.as_bytes())
}

/// Writes a result in the wanted form.
pub(crate) fn result(format: Format, words: &str, value: &impl Serialize) -> Result<(), Failure> {
    match format {
        Format::Text => text(words),
        Format::Json => json(value),
    }
}

/// Tells why a command failed, on stderr. Nothing can be done when that is closed, too.
pub(crate) fn failure(failure: &Failure, format: Format) {
    let line = match format {
        Format::Text => format!("twinlock: {}\n", failure.message.trim_end()),
        Format::Json => json_line(&ErrorObject::from(failure))
            .map_or_else(|_| String::new(), |line| String::clone(&line)),
    };
    let _ = io::stderr().write_all(line.as_bytes());
}

/// A remark on stderr, for people only.
pub(crate) fn remark(words: &str) {
    let _ = io::stderr().write_all(words.as_bytes());
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    name: Name,
    message: &'a str,
}

impl<'a> From<&'a Failure> for ErrorObject<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self { error: ErrorBody { name: failure.name, message: &failure.message } }
    }
}

/// Waits for `time`, or until nobody reads stdout any more; says whether it was that. A terminal and
/// a file always have a reader.
pub(crate) fn reader_goes_within(time: Duration) -> bool {
    goes_within(&io::stdout(), time)
}

fn goes_within(output: &impl AsFd, time: Duration) -> bool {
    // Asked for nothing, poll(2) tells of the other end of a pipe that is closed.
    let mut watched = [PollFd::new(output.as_fd(), PollFlags::empty())];
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    poll(&mut watched, timeout).is_ok_and(|ready| ready > 0)
}

/// Whether nobody reads stdout any more.
pub(crate) fn reader_is_gone() -> bool {
    reader_goes_within(Duration::ZERO)
}

fn stdout(bytes: &[u8]) -> Result<(), Failure> {
    let descriptor = io::stdout().as_fd().try_clone_to_owned();
    descriptor
        .and_then(|descriptor| File::from(descriptor).write_all(bytes))
        .map_err(|error| Failure::output(&error))
}

/// JSON may hold C1 control characters as they are, a terminal obeys them: those are escaped as
/// well.
fn json_line(value: &impl Serialize) -> Result<Zeroizing<String>, Failure> {
    let mut raw = Zeroizing::new(Vec::with_capacity(PAGE_BYTES));
    serde_json::to_writer(&mut *raw, value).map_err(|error| Failure::output(&error.into()))?;
    let mut line = page();
    for character in String::from_utf8_lossy(&raw).chars() {
        if character.is_control() {
            line.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_object_with_name_and_message() {
        let failure = Failure::usage("two\nlines");
        assert_eq!(
            json_line(&ErrorObject::from(&failure)).unwrap().as_str(),
            "{\"error\":{\"name\":\"Usage\",\"message\":\"two\\nlines\"}}\n"
        );
    }

    #[test]
    fn a_pipe_that_nobody_reads_any_more_is_noticed_at_once() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!goes_within(&writer, Duration::from_millis(1)));
        drop(reader);
        assert!(goes_within(&writer, Duration::from_secs(60)));
        assert!(!goes_within(&File::open("/dev/null").unwrap(), Duration::ZERO));
    }

    #[test]
    fn json_does_not_drive_the_terminal_and_stays_the_same_text() {
        let name = "a\u{9b}2J\u{7f}\u{1b}é";
        let line = json_line(&name).unwrap();
        assert!(!line.trim_end().chars().any(char::is_control), "{line:?}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), name);
    }
}
