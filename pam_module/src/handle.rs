//! The safe view of PAM: items, prompts, system log.
//!
//! All unsafe code of the module is here. `pam-bindings` covers the rest: it calls the hooks,
//! reads items, and frees and wipes answers.

#![allow(unsafe_code, reason = "libpam's variadic functions; every block says why it is sound")]

use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use std::ffi::CString;

use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamMessageStyle,
    PamResultCode,
};
use pam::conv::Conv;
use pam::items::{RHost, RUser, Service, Tty};
use pam::module::PamHandle;
use twinlock_interface::LoginContext;
use twinlock_interface::names::MAX_CONTEXT_BYTES;
use zeroize::Zeroizing;

use crate::conversation::{Claimant, Host, NoClaimant, Unanswered};

// security/pam_ext.h.
#[link(name = "pam")]
unsafe extern "C" {
    fn pam_syslog(pamh: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_prompt(
        pamh: *mut PamHandle,
        style: c_int,
        response: *mut *mut c_char,
        format: *const c_char,
        ...
    ) -> c_int;
}

/// The only format: a text is never one itself.
const VERBATIM: &CStr = c"%s";

/// A PAM transaction as the conversation sees it.
pub(crate) struct PamHost<'a> {
    handle: &'a mut PamHandle,
    debug: bool,
}

impl<'a> PamHost<'a> {
    pub(crate) fn new(handle: &'a mut PamHandle, debug: bool) -> Self {
        Self { handle, debug }
    }

    /// Shows a text nobody has to answer. Not by `Conv::send`, which takes a host that rightly
    /// answers nothing for one that failed.
    fn tell(&mut self, style: PamMessageStyle, text: &str) {
        let Ok(text) = CString::new(text) else { return };
        // SAFETY: `handle` is the live handle libpam passed to this hook and is borrowed mutably,
        // so no item is borrowed meanwhile. `%s` takes the one NUL-terminated string that follows,
        // which outlives the call. A null `response` makes libpam free whatever the host answers.
        let _shown_or_not = unsafe {
            pam_prompt(self.handle, style, ptr::null_mut(), VERBATIM.as_ptr(), text.as_ptr())
        };
    }
}

impl Host for PamHost<'_> {
    fn claimant(&mut self) -> Result<Claimant, NoClaimant> {
        let user = self.handle.get_user(None).map_err(|code| match code {
            // What pam-bindings makes of a name that is not UTF-8.
            PamResultCode::PAM_SYSTEM_ERR => NoClaimant::NotAName,
            _ => NoClaimant::Unanswered,
        })?;
        Ok(Claimant { user, context: context(self.handle) })
    }

    fn ask(&mut self, text: &str, echo: bool) -> Result<Zeroizing<String>, Unanswered> {
        let style = if echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        let host = self.handle.get_item::<Conv<'_>>().ok().flatten().ok_or(Unanswered)?;
        let answer = host.send(style, text).ok().flatten().ok_or(Unanswered)?;
        Ok(Zeroizing::new(answer.as_str().unwrap_or_default().to_owned()))
    }

    fn inform(&mut self, text: &str) {
        self.tell(PAM_TEXT_INFO, text);
    }

    fn complain(&mut self, text: &str) {
        self.tell(PAM_ERROR_MSG, text);
    }

    fn log_error(&mut self, line: &str) {
        log_error(self.handle, line);
    }

    fn log_debug(&mut self, line: &str) {
        if self.debug {
            log(self.handle, libc::LOG_DEBUG, line);
        }
    }
}

/// Writes one line to the system log (facility authpriv), behind libpam's prefix with module,
/// service and management group.
pub(crate) fn log_error(handle: &PamHandle, line: &str) {
    log(handle, libc::LOG_ERR, line);
}

fn log(handle: &PamHandle, priority: c_int, line: &str) {
    let Ok(line) = CString::new(line) else { return };
    // SAFETY: `handle` is the live handle libpam passed to this hook and is only read. `%s` takes
    // the one NUL-terminated string that follows, which outlives the call.
    unsafe { pam_syslog(handle, priority, VERBATIM.as_ptr(), line.as_ptr()) };
}

/// Copies what the daemon gets to know. PAM's own strings may be freed by the next conversation.
fn context(handle: &PamHandle) -> LoginContext {
    LoginContext {
        service: handle.get_item::<Service<'_>>().ok().flatten().and_then(|item| carried(&item)),
        rhost: handle.get_item::<RHost<'_>>().ok().flatten().and_then(|item| carried(&item)),
        tty: handle.get_item::<Tty<'_>>().ok().flatten().and_then(|item| carried(&item)),
        ruser: handle.get_item::<RUser<'_>>().ok().flatten().and_then(|item| carried(&item)),
    }
}

/// The part of an item that may travel: nothing when it is not UTF-8, otherwise at most
/// [`MAX_CONTEXT_BYTES`] bytes of whole characters.
fn carried(item: &CStr) -> Option<String> {
    let text = item.to_str().ok()?;
    text.get(..text.floor_char_boundary(MAX_CONTEXT_BYTES)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_travels_whole_up_to_the_limit() {
        assert_eq!(carried(c"sshd").as_deref(), Some("sshd"));
        assert_eq!(carried(c"").as_deref(), Some(""));
        let longest = "x".repeat(MAX_CONTEXT_BYTES);
        assert_eq!(carried(&CString::new(longest.clone()).unwrap()), Some(longest));
    }

    #[test]
    fn a_longer_item_is_cut_between_characters() {
        let item = CString::new("ü".repeat(MAX_CONTEXT_BYTES)).unwrap();
        assert_eq!(carried(&item), Some("ü".repeat(MAX_CONTEXT_BYTES / 2)));
        let item = CString::new(format!("x{}", "ü".repeat(MAX_CONTEXT_BYTES))).unwrap();
        assert_eq!(carried(&item).map(|text| text.len()), Some(MAX_CONTEXT_BYTES - 1));
    }

    #[test]
    fn an_item_that_is_not_utf8_does_not_travel() {
        assert_eq!(carried(c"pts/\xff"), None);
    }
}
