//! One question on stderr, one line from stdin.
//!
//! Works without a terminal. Reads byte by byte, so that the next program in a script finds the
//! rest of the input where it was, and so that no code stays behind in a buffer.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr},
    },
};
use twinlock_interface::{answer_shape, names::MAX_ANSWER_BYTES};
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    output::{self, Format},
};

/// The longest line that is kept; of a longer one only this much, which is too long for a code, an
/// account name and a key alike.
pub(crate) const MAX_LINE_BYTES: usize = 4096;
const _: () = assert!(MAX_LINE_BYTES > MAX_ANSWER_BYTES);

/// What came of a question.
#[derive(Debug)]
enum Input {
    /// A line, without its end. Empty when it was not UTF-8.
    Line(Zeroizing<String>),
    /// The input ended, by Ctrl-D or because there was no more.
    End,
    /// Ctrl-C.
    Interrupted,
}

/// Whether there is a person to ask.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

/// Shows `question` and waits for one line. A script that asked for JSON is not shown the
/// question: its stderr carries errors only.
pub(crate) fn line(question: &str, format: Format) -> Result<Zeroizing<String>, Failure> {
    answer(ask(question, format, Typing::Shown))
}

/// [`line`] for what must not stay on the screen: what is typed is not shown.
pub(crate) fn hidden_line(question: &str, format: Format) -> Result<Zeroizing<String>, Failure> {
    answer(ask(question, format, Typing::Hidden))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Typing {
    Shown,
    Hidden,
}

impl Typing {
    /// Whatever would end the process has to leave a terminal that shows what is typed.
    fn interrupting(self) -> &'static [Signal] {
        match self {
            Self::Shown => &[Signal::SIGINT],
            Self::Hidden => &[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT],
        }
    }
}

fn ask(question: &str, format: Format, typing: Typing) -> io::Result<Input> {
    let (stdin, interactive) = (io::stdin(), is_interactive());
    // In this order, so that no signal finds the terminal changed and the process unprepared.
    let interrupt = Interrupt::watch(typing.interrupting())?;
    let _hidden = if typing == Typing::Hidden { Hidden::typing_on(&stdin)? } else { None };
    let shown = interactive || format == Format::Text;
    if shown {
        output::remark(question);
    }
    let input = read(&stdin, &interrupt)?;
    // Enter has ended the line on a terminal that shows it, and nothing else has.
    let ended = interactive && typing == Typing::Shown && matches!(input, Input::Line(_));
    if shown && !ended {
        output::remark("\n");
    }
    Ok(input)
}

fn answer(input: io::Result<Input>) -> Result<Zeroizing<String>, Failure> {
    match input {
        Ok(Input::Line(line)) => Ok(line),
        Ok(Input::End) => Err(Failure::no_input()),
        Ok(Input::Interrupted) => Err(Failure::interrupted()),
        Err(error) => Err(Failure::input(&error)),
    }
}

/// What may be sent as a code. Anything else that was typed, a password for example, stays in this
/// process.
pub(crate) fn sendable_code(line: &str) -> Result<&str, Failure> {
    match answer_shape::sendable(line) {
        "" => Err(Failure::not_a_code()),
        code => Ok(code),
    }
}

fn read(source: &impl AsFd, interrupt: &Interrupt) -> io::Result<Input> {
    let mut file = File::from(source.as_fd().try_clone_to_owned()?);
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES));
    loop {
        if interrupt.comes_before(&file)? {
            return Ok(Input::Interrupted);
        }
        let mut byte = Zeroizing::new([0_u8]);
        match file.read(byte.as_mut_slice()) {
            Ok(0) if line.is_empty() => return Ok(Input::End),
            Ok(0) => return Ok(Input::Line(text(&line))),
            Ok(_) if *byte == [b'\n'] => return Ok(Input::Line(text(&line))),
            Ok(_) if line.len() < MAX_LINE_BYTES => line.extend_from_slice(byte.as_slice()),
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) => {}
            Err(error) => return Err(error),
        }
    }
}

fn text(line: &[u8]) -> Zeroizing<String> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Zeroizing::new(str::from_utf8(line).unwrap_or_default().to_owned())
}

/// Ctrl-C as an event instead of the end of the process, so that the person can be told what they
/// leave behind. In force until dropped.
struct Interrupt {
    signals: SigSet,
    events: SignalFd,
}

impl Interrupt {
    fn watch(interrupting: &[Signal]) -> io::Result<Self> {
        let signals = SigSet::from_iter(interrupting.iter().copied());
        let events =
            SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        signals.thread_block()?;
        Ok(Self { signals, events })
    }

    /// Waits for Ctrl-C or for `file` to have something, and takes the Ctrl-C if it was that.
    fn comes_before(&self, file: &File) -> io::Result<bool> {
        let mut watched = [
            PollFd::new(self.events.as_fd(), PollFlags::POLLIN),
            PollFd::new(file.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => Ok(self.events.read_signal()?.is_some()),
            Err(Errno::EINTR) => self.comes_before(file),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        // Failing leaves Ctrl-C blocked; there is nobody to tell.
        let _ = self.signals.thread_unblock();
    }
}

/// A terminal that does not show what is typed, until dropped.
struct Hidden {
    terminal: OwnedFd,
    before: Termios,
}

impl Hidden {
    /// `None` when `source` is no terminal: there is nothing to hide.
    fn typing_on(source: &impl AsFd) -> io::Result<Option<Self>> {
        if !source.as_fd().is_terminal() {
            return Ok(None);
        }
        let terminal = source.as_fd().try_clone_to_owned()?;
        let before = tcgetattr(&terminal)?;
        let mut during = before.clone();
        during.local_flags.remove(LocalFlags::ECHO | LocalFlags::ECHONL);
        tcsetattr(&terminal, SetArg::TCSANOW, &during)?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that has gone away needs no mending.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};

    use nix::pty::openpty;

    use super::*;
    use crate::failure::Name;

    fn lines_of(input: &[u8]) -> Vec<Option<String>> {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(input).unwrap();
        drop(writer);
        let interrupt = Interrupt::watch(Typing::Shown.interrupting()).unwrap();
        let mut lines = Vec::new();
        loop {
            match read(&reader, &interrupt).unwrap() {
                Input::Line(line) => lines.push(Some(line.to_string())),
                Input::End => return lines,
                Input::Interrupted => panic!("nobody pressed Ctrl-C"),
            }
        }
    }

    #[test]
    fn one_line_is_taken_and_the_rest_is_left() {
        let (mut reader, mut writer) = pipe().unwrap();
        writer.write_all(b"123456\nnext").unwrap();
        drop(writer);
        let first = read(&reader, &Interrupt::watch(&[]).unwrap());
        assert!(matches!(first, Ok(Input::Line(line)) if *line == "123456"));
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "next");
    }

    #[test]
    fn the_end_of_input_is_no_empty_line() {
        assert_eq!(lines_of(b""), []);
        assert_eq!(lines_of(b"\n"), [Some(String::new())]);
        assert_eq!(lines_of(b"a\r\nb"), [Some("a".into()), Some("b".into())]);
        assert_eq!(lines_of(b"\xff\n"), [Some(String::new())]);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        assert_eq!(lines_of(&[b'1'; 3 * MAX_LINE_BYTES]), [Some("1".repeat(MAX_LINE_BYTES))]);
    }

    #[test]
    fn only_what_could_be_a_code_is_sent() {
        assert_eq!(sendable_code("123 456").unwrap(), "123 456");
        assert_eq!(sendable_code("hunter2").unwrap_err().name, Name::WrongCode);
    }

    #[test]
    fn ctrl_c_is_an_answer() {
        let (reader, _writer) = pipe().unwrap();
        let interrupt = Interrupt::watch(&[Signal::SIGINT]).unwrap();
        nix::sys::signal::raise(Signal::SIGINT).unwrap();
        assert!(
            interrupt
                .comes_before(&File::from(reader.as_fd().try_clone_to_owned().unwrap()))
                .unwrap()
        );
    }

    #[test]
    fn typing_is_hidden_on_a_terminal_and_shown_again_afterwards() {
        let pair = openpty(None, None).unwrap();
        let terminal = &pair.slave;
        let echoes = || tcgetattr(terminal).unwrap().local_flags.contains(LocalFlags::ECHO);
        assert!(echoes());
        let hidden = Hidden::typing_on(terminal).unwrap();
        assert!(hidden.is_some() && !echoes());
        drop(hidden);
        assert!(echoes());
    }

    #[test]
    fn a_pipe_has_nothing_to_hide() {
        let (reader, _writer) = pipe().unwrap();
        assert!(Hidden::typing_on(&reader).unwrap().is_none());
    }
}
