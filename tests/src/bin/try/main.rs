//! `make try`: Twinlock on a private copy of this host, with a real sshd to log in through.
//!
//! By hand, with a phone of one's own, or with `--auto`, where a phone is played and everything
//! the README promises is shown step by step. Nothing is left behind.

mod auto;
mod by_hand;
mod transcript;

use std::{
    env,
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
};

use nix::unistd::geteuid;
use twinlock_tests::{in_sandbox, sandbox};

fn main() -> ExitCode {
    let auto = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [word] if word == "--auto" => true,
        _ => return refuse("usage: twinlock-try [--auto]"),
    };
    if sandbox::is_inside() {
        in_sandbox(|host| if auto { auto::show(host) } else { by_hand::guide(host) });
        return ExitCode::SUCCESS;
    }
    if !geteuid().is_root() {
        return refuse("The sandbox needs root. Run: sudo make try");
    }
    let at_a_terminal = stdin().is_terminal() && stdout().is_terminal();
    if !auto && !at_a_terminal {
        return refuse("There is no terminal to type at. To watch it all played: make try AUTO=1");
    }
    match sandbox::command().args(env::args().skip(1)).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => refuse("Not everything went as promised; see above."),
        Err(error) => refuse(&format!("setpriv and unshare (util-linux): {error}")),
    }
}

fn refuse(reason: &str) -> ExitCode {
    eprintln!("make try: {reason}");
    ExitCode::FAILURE
}
