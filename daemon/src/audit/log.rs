//! The way to syslog.
//!
//! A thread of its own writes, because a stopped syslog daemon blocks its socket and must not
//! block a login.

use std::{
    io,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

use super::Event;

/// Lines that may wait for a slow syslog daemon; further ones are counted and dropped (I21). They
/// stand in the database all the same.
const QUEUE: usize = 1024;

struct Line {
    facility: Facility,
    severity: Severity,
    text: String,
}

impl Line {
    /// About the daemon itself. Never carries what a claimant typed.
    fn trouble(text: &str) -> Self {
        let text = text.replace(char::is_control, " ");
        Self { facility: Facility::LOG_DAEMON, severity: Severity::LOG_ERR, text }
    }
}

enum Entry {
    Line(Line),
    /// Everything before this is written: say so.
    Flush(SyncSender<()>),
}

/// A handle to the thread.
pub(crate) struct Audit {
    entries: SyncSender<Entry>,
    dropped: AtomicU64,
}

impl Audit {
    pub(crate) fn start() -> io::Result<Self> {
        let (entries, queue) = sync_channel(QUEUE);
        thread::Builder::new().name("audit".into()).spawn(move || write_entries(&queue))?;
        Ok(Self { entries, dropped: AtomicU64::new(0) })
    }

    /// Writes the line of a decision or a change. What is in the database comes here by way of the store.
    pub(crate) fn write(&self, event: &Event) {
        self.send(Line {
            facility: Facility::LOG_AUTHPRIV,
            severity: event.outcome.severity(),
            text: event.line(),
        });
    }

    /// Tells the administrator about the daemon itself.
    pub(crate) fn trouble(&self, text: &str) {
        self.send(Line::trouble(text));
    }

    /// Waits until what was recorded is written, but not for long: nothing to wait for comes from
    /// a stopped syslog daemon.
    pub(crate) fn flush(&self) {
        let (written, wait) = sync_channel(1);
        if self.entries.try_send(Entry::Flush(written)).is_ok() {
            // Late is as good as never: the process ends next.
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }

    fn send(&self, line: Line) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text = format!("{dropped} lines were dropped: syslog does not keep up");
            let gap = Line { facility: Facility::LOG_AUTHPRIV, severity: Severity::LOG_ERR, text };
            self.count_if_full(self.entries.try_send(Entry::Line(gap)), dropped);
        }
        self.count_if_full(self.entries.try_send(Entry::Line(line)), 1);
    }

    fn count_if_full(&self, sent: Result<(), TrySendError<Entry>>, lines: u64) {
        if sent.is_err() {
            self.dropped.fetch_add(lines, Ordering::Relaxed);
        }
    }
}

/// Writes one line about the daemon itself and returns when it is written: for a daemon that does
/// not get as far as having an [`Audit`], or ends with its own.
pub(crate) fn last_words(text: &str) {
    eprintln!("twinlockd: {text}");
    if let Ok(mut log) = syslog::unix(LocalFormat) {
        write(&mut log, &Line::trouble(text));
    }
}

fn write_entries(queue: &Receiver<Entry>) {
    let mut log = None;
    for entry in queue {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Flush(written) => {
                let _ = written.send(());
                continue;
            }
        };
        if log.is_none() {
            log = syslog::unix(LocalFormat).ok();
        }
        if log.as_mut().is_some_and(|log| write(log, &line)) {
            continue;
        }
        // The syslog daemon was restarted: its socket is another one now.
        log = syslog::unix(LocalFormat).ok();
        if !log.as_mut().is_some_and(|log| write(log, &line)) {
            eprintln!("{}", line.text);
        }
    }
}

fn write(log: &mut Logger<LoggerBackend, LocalFormat>, line: &Line) -> bool {
    // `err` only chooses a method of the format, which takes the severity from the line.
    log.err(line).is_ok()
}

/// The local form of RFC 3164 without a time: syslog daemons stamp what comes from `/dev/log`
/// themselves, in the host's own zone.
#[derive(Clone)]
struct LocalFormat;

impl LogFormat<&Line> for LocalFormat {
    fn format<W: io::Write>(&self, out: &mut W, _: Severity, line: &Line) -> syslog::Result<()> {
        let priority = line.facility as u32 | line.severity as u32;
        write!(out, "<{priority}>twinlockd[{}]: {}", std::process::id(), line.text)
            .map_err(syslog::Error::Io)
    }
}
