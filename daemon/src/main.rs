//! `twinlockd`: decides about one-time codes, for `pam_twinlock.so` and `twinlock`, over the
//! system bus.
//!
//! Read [`login`] for the main path, [`proof`] for the one place where a code is compared,
//! [`store`] for how a yes reaches the disk first, [`bus`] for who may call.

#![deny(unsafe_code)]

mod accounts;
mod administer;
mod audit;
mod authenticators;
mod bus;
mod check;
mod clock;
mod config;
mod daemon;
mod enroll;
mod failure;
mod identity;
mod import;
mod login;
mod messages;
mod new_authenticator;
mod picture;
mod policy;
mod proof;
mod recovery_hash;
mod renew_codes;
mod run;
mod sessions;
mod status;
mod store;
mod vault;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: twinlockd [--version | --help]

The Twinlock daemon. It takes no options: the system bus or systemd starts it,
/etc/twinlock/twinlock.toml configures it, /var/lib/twinlock holds its state.
See twinlock(1) for what people and administrators use.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => {}
        (Some("--version"), None) => {
            println!("twinlockd {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        (Some("--help"), None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    match run::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            audit::last_words(&error.to_string());
            ExitCode::from(error.exit_status())
        }
    }
}
