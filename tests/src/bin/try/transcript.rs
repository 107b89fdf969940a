//! What a reader sees of a run: headings, commands, screens.

use std::{
    io::{IsTerminal, stdout},
    panic,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use twinlock_tests::{Outcome, Terminal};

static STEP: AtomicUsize = AtomicUsize::new(0);

/// From here on a broken promise is told in one paragraph, without the words of a crash.
pub(crate) fn begin() {
    panic::set_hook(Box::new(|broken| {
        let reason = broken.payload_as_str().unwrap_or("no reason given");
        eprintln!("\nBROKEN in step {}: {reason}", STEP.load(Ordering::Relaxed));
    }));
}

/// A heading.
pub(crate) fn step(promise: &str) {
    let number = STEP.fetch_add(1, Ordering::Relaxed) + 1;
    let heading = format!("{number}. {promise}");
    println!("\n{heading}\n{}", "-".repeat(heading.len()));
}

/// A remark of the narrator.
pub(crate) fn remark(words: &str) {
    println!("# {words}");
}

/// A command as its user types it.
pub(crate) fn typed(who: &str, command: &str) {
    println!("{who} $ {command}");
}

/// Starts `command` at a terminal of its own, the way `who` would.
pub(crate) fn at_terminal(who: &str, words: &str, mut command: Command) -> Terminal {
    typed(who, words);
    if !stdout().is_terminal() {
        command.env("NO_COLOR", "1");
    }
    Terminal::start(&command)
}

/// Shows what was on a terminal, once its program has ended.
pub(crate) fn screen(terminal: Terminal) -> Outcome {
    let outcome = terminal.finish();
    said(&outcome);
    outcome
}

/// Shows what a program said.
pub(crate) fn said(outcome: &Outcome) {
    for line in outcome.stdout.lines().chain(outcome.stderr.lines()) {
        println!("    {line}");
    }
}
