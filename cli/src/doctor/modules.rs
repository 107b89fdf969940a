//! What is known about PAM modules: which of them prove who somebody is, and what they can answer.
//!
//! A module that is not listed is taken for one that asks for a password and may answer anything:
//! nothing is complained about that a site's own module does.

use super::dispatch::Code;
use crate::pam_config::{ReturnCode, Step};

/// The module of this project.
pub(super) const OURS: &str = "pam_twinlock.so";

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It asks for the code.
    Code,
    /// It proves who somebody is: a password, a key, a finger.
    FirstFactor,
    /// It succeeds for root, who is asked nothing by sudo and su.
    Root,
    /// It proves nothing.
    Neither,
}

/// Other modules that ask for a one-time code.
const ONE_TIME_CODES: [&str; 9] = [
    "pam_google_authenticator.so",
    "pam_oath.so",
    "pam_yubico.so",
    "pam_duo.so",
    "pam_otpw.so",
    "pam_2fa.so",
    "pam_privacyidea.so",
    "pam_linotp.so",
    "pam_mobile_otp.so",
];

/// Modules that say yes without proof: to a time, a place, a group, or always.
const PROVE_NOTHING: [&str; 44] = [
    "pam_access.so",
    "pam_cap.so",
    "pam_ck_connector.so",
    "pam_deny.so",
    "pam_echo.so",
    "pam_ecryptfs.so",
    "pam_elogind.so",
    "pam_env.so",
    "pam_faildelay.so",
    "pam_faillock.so",
    "pam_gnome_keyring.so",
    "pam_group.so",
    "pam_issue.so",
    "pam_keyinit.so",
    "pam_kwallet.so",
    "pam_kwallet5.so",
    "pam_lastlog.so",
    "pam_lastlog2.so",
    "pam_limits.so",
    "pam_listfile.so",
    "pam_localuser.so",
    "pam_loginuid.so",
    "pam_mail.so",
    "pam_mkhomedir.so",
    "pam_motd.so",
    "pam_namespace.so",
    "pam_nologin.so",
    "pam_permit.so",
    "pam_pwhistory.so",
    "pam_securetty.so",
    "pam_selinux.so",
    "pam_sepermit.so",
    "pam_shells.so",
    "pam_succeed_if.so",
    "pam_systemd.so",
    "pam_tally.so",
    "pam_tally2.so",
    "pam_time.so",
    "pam_tty_audit.so",
    "pam_umask.so",
    "pam_usertype.so",
    "pam_warn.so",
    "pam_wheel.so",
    "pam_xauth.so",
];

pub(super) fn role(step: &Step) -> Role {
    match step.module() {
        Some(OURS) => Role::Code,
        Some("pam_rootok.so") => Role::Root,
        Some(module) if PROVE_NOTHING.contains(&module) || ONE_TIME_CODES.contains(&module) => {
            Role::Neither
        }
        Some(_) => Role::FirstFactor,
        None => Role::Neither,
    }
}

/// Whether the step asks for a one-time code, ours or another's.
pub(super) fn asks_for_code(step: &Step) -> bool {
    step.module().is_some_and(|module| module == OURS || ONE_TIME_CODES.contains(&module))
}

/// What a module may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: ReturnCode,
    /// What it means when the module is ours.
    pub(super) ours: Code,
}

/// Everything the module may answer when a stack is asked to authenticate; `vouched`: behind a key that
/// sshd checked as well.
pub(super) fn answers(step: &Step, vouched: bool) -> Vec<Answer> {
    let all_but_success = || ReturnCode::all().filter(|&code| code != ReturnCode::SUCCESS);
    let codes: Vec<ReturnCode> = match step.module() {
        Some(OURS) => return our_answers(step, vouched),
        Some("pam_permit.so") => vec![ReturnCode::SUCCESS],
        Some("pam_deny.so") => vec![ReturnCode::AUTH_ERR],
        // These say ignore where there is nothing to say no to.
        Some("pam_env.so" | "pam_faildelay.so" | "pam_warn.so" | "pam_echo.so") => {
            all_but_success().collect()
        }
        Some("pam_nologin.so") if !step.has("successok") => all_but_success().collect(),
        Some("pam_faillock.so") if step.has("authfail") => all_but_success().collect(),
        // Who is to prove something fails where it cannot, unless told otherwise (pam_sss:
        // `ignore_unknown_user`).
        Some(_) if role(step) == Role::FirstFactor && !is_told_to_ignore(step) => {
            ReturnCode::all().filter(|&code| code != ReturnCode::IGNORE).collect()
        }
        Some(_) => ReturnCode::all().collect(),
        // A line that cannot be read.
        None => vec![ReturnCode::PERM_DENIED],
    };
    codes.into_iter().map(|code| Answer { code, ours: Code::Unasked }).collect()
}

fn is_told_to_ignore(step: &Step) -> bool {
    step.arguments().iter().any(|argument| argument.starts_with("ignore"))
}

/// As the README's table of endings and `return_code.rs` of the module have them.
fn our_answers(step: &Step, vouched: bool) -> Vec<Answer> {
    let not_required =
        if step.has("not_required=success") { ReturnCode::SUCCESS } else { ReturnCode::IGNORE };
    let mut answers = vec![
        (ReturnCode::SUCCESS, Code::Accepted),
        (not_required, Code::NotRequired),
        (ReturnCode::AUTH_ERR, Code::Refused),
        (ReturnCode::MAXTRIES, Code::Refused),
        (ReturnCode::CONV_ERR, Code::Refused),
        (ReturnCode::SERVICE_ERR, Code::Refused),
        (ReturnCode::AUTHINFO_UNAVAIL, Code::Unavailable),
        // The module is not installed.
        (ReturnCode::MODULE_UNKNOWN, Code::Unavailable),
    ];
    if vouched {
        answers.push((ReturnCode::SUCCESS, Code::Vouched));
    }
    answers.into_iter().map(|(code, ours)| Answer { code, ours }).collect()
}
