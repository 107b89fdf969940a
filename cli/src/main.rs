//! `twinlock`: enrol, look at and repair one-time code authenticators.
//!
//! A client of `twinlockd` on the system bus and nothing else: it opens no database, holds no key
//! and decides nothing. One file per command; what they share stands in the other modules.

#![deny(unsafe_code)]

mod account_name;
mod accounts;
mod arguments;
mod audit;
mod bounded_file;
mod bus;
mod check;
mod codes;
mod date;
mod doctor;
mod enroll;
mod environment;
mod failure;
mod import;
mod login_person;
mod moment;
mod output;
mod ownership;
mod pace;
mod pam;
mod pam_config;
mod passwd;
mod policy;
mod printable;
mod prompt;
mod qr;
mod recovery_codes;
mod remove;
mod rename;
mod reset;
mod status;
mod ticket;
mod unlock;
mod user_database;
mod users;
mod wrapping;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::{prctl, signal};

use arguments::{Arguments, Command};
use failure::{Exit, Failure};
use output::Format;

fn main() -> ExitCode {
    // A core file would carry the shared secret (I15). When the kernel refuses, nothing is lost
    // but this precaution.
    let _ = prctl::set_dumpable(false);

    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_understood(&error),
    };
    let format = if arguments.json { Format::Json } else { Format::Text };
    let done = run(arguments.command, format);
    bus::dismiss_agent();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure, format),
    }
}

fn run(command: Command, format: Format) -> Result<(), Failure> {
    match command {
        Command::Enroll(options) => enroll::run(&options, format),
        Command::Status(target) => status::run(&target, format),
        Command::Check(target) => check::run(&target, format),
        Command::Codes(options) => codes::run(&options, format),
        Command::Rename(options) => rename::run(&options, format),
        Command::Remove(options) => remove::run(&options, format),
        Command::Ticket(target) => ticket::run(&target, format),
        Command::Unlock(target) => unlock::run(&target, format),
        Command::Reset(options) => reset::run(&options, format),
        Command::Import(options) => import::run(&options, format),
        Command::Policy(options) => policy::run(&options, format),
        Command::Users(options) => users::run(&options, format),
        Command::Audit(options) => audit::run(&options, format),
        Command::Pam(options) => pam::run(&options, format),
        Command::Doctor => doctor::run(format),
    }
}

fn report(failure: &Failure, format: Format) -> ExitCode {
    output::failure(failure, format);
    if failure.exit == Exit::Interrupted {
        // The shell tells an interrupted program from a finished one by the signal it died of.
        let _ = signal::raise(signal::Signal::SIGINT);
    }
    ExitCode::from(failure.exit.code())
}

/// Help and version go to stdout with 0, everything else is a usage error.
fn not_understood(error: &clap::Error) -> ExitCode {
    // clap gave no arguments back, so the switch has to be looked for by hand.
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        return report(&Failure::usage(error.to_string()), Format::Json);
    }
    // Nothing can be told to a closed stream.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
