//! `pam_twinlock.so`: the terminal of `twinlockd` inside a PAM host.
//!
//! It shows what the daemon tells it to show, asks what it is told to ask, and turns the daemon's
//! last word into a PAM code. It holds no policy, no secret, no translation and no clock.
//!
//! | room | what it holds |
//! |---|---|
//! | `options` | the words after `pam_twinlock.so` in a pam.d line |
//! | `conversation` | the one loop: begin, ask, answer, until a word ends it |
//! | `first_answer` | password and code in one prompt: what is sent, what is left to the next module |
//! | `first_factor` | what sshd says was proved before |
//! | `handle` | the safe view of PAM: items, prompts, system log; all unsafe code |
//! | `daemon` | the bus client: one connection and one runtime per exchange |
//! | `return_code` | which PAM code each ending is |
//! | `guard` | what a bug may do to the host: nothing but a refusal |
//!
//! # What the host keeps (I13)
//! No thread, descriptor, signal disposition or mask, umask, directory, environment or locale of
//! the host is different after a call, and nothing is written to its standard streams. Two things
//! stay behind on purpose: the module stays mapped (`-z nodelete`), and a line to the system log
//! goes through libpam to libc's `syslog`, which keeps its own socket open as it does for every
//! other module. A login that succeeds without `debug` writes no line.

#![deny(unsafe_code)]

// Under panic=abort a bug here would end sshd's or sudo's process instead of refusing one login.
#[cfg(not(panic = "unwind"))]
compile_error!("pam_twinlock must be compiled with panic=unwind");

mod conversation;
mod daemon;
mod first_answer;
mod first_factor;
mod guard;
mod handle;
mod options;
mod return_code;

use core::ffi::CStr;

use pam::constants::{PAM_SILENT, PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};

use crate::daemon::BusDaemon;
use crate::handle::PamHost;
use crate::options::Options;
use crate::return_code::{Outcome, code};

/// The six symbols libpam looks for, made by the macro; nothing else is exported.
mod entry_points {
    use super::Twinlock;

    pam::pam_hooks!(Twinlock);
}

struct Twinlock;

impl PamHooks for Twinlock {
    fn sm_authenticate(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| authenticate(pamh, &args, flags))
    }

    /// There are no credentials to set. Success whatever the options are, because sshd ends the
    /// session when a stack of this module alone answers anything else here.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    fn acct_mgmt(pamh: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| misplaced(pamh, "account"))
    }

    fn sm_open_session(pamh: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| misplaced(pamh, "session"))
    }

    fn sm_close_session(pamh: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| misplaced(pamh, "session"))
    }

    fn sm_chauthtok(pamh: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(pamh, |pamh| misplaced(pamh, "password"))
    }
}

fn authenticate(pamh: &mut PamHandle, args: &[&CStr], flags: PamFlag) -> PamResultCode {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(refusal) => {
            handle::log_error(pamh, &refusal.to_string());
            return code(Outcome::Misconfigured, options::NotRequired::default());
        }
    };
    let mut host = PamHost::new(pamh, options.debug, options.password_checked);
    let mut daemon = BusDaemon::new(options.bus, options.timeout);
    let silent = flags & PAM_SILENT != 0;
    let outcome = conversation::run(&mut host, &mut daemon, options.first_answer, silent);
    code(outcome, options.not_required)
}

/// The module enforces nothing outside `auth`; any friendly answer there would look as if it did.
fn misplaced(pamh: &PamHandle, management_group: &str) -> PamResultCode {
    handle::log_error(
        pamh,
        &format!("pam_twinlock.so belongs in auth lines, it does nothing in {management_group}"),
    );
    code(Outcome::Misconfigured, options::NotRequired::default())
}

fn guarded(
    pamh: &mut PamHandle,
    hook: impl FnOnce(&mut PamHandle) -> PamResultCode,
) -> PamResultCode {
    guard::run(|| hook(pamh)).unwrap_or_else(|panicked| {
        handle::log_error(pamh, &panicked.to_string());
        code(Outcome::Panicked, options::NotRequired::default())
    })
}
