//! The safe view of PAM: items, prompts, system log.
//!
//! All unsafe code of the module is here. `pam-bindings` covers the rest: it calls the hooks,
//! reads items, and frees and wipes answers.

#![allow(unsafe_code, reason = "libpam's functions; every block says why it is sound")]

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use std::ffi::CString;

use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamMessageStyle,
    PamResultCode,
};
use pam::conv::Conv;
use pam::items::{AuthTok, ItemType, RHost, RUser, Service, Tty};
use pam::module::PamHandle;
use twinlock_interface::LoginContext;
use twinlock_interface::names::MAX_CONTEXT_BYTES;
use zeroize::Zeroizing;

use crate::conversation::{Claimant, Host, NoClaimant, NotForwarded, Unanswered};
use crate::first_answer::Line;
use crate::first_factor;

// security/pam_ext.h, security/pam_modules.h.
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
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_set_item(pamh: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
}

/// The only format: a text is never one itself.
const VERBATIM: &CStr = c"%s";

/// A PAM transaction as the conversation sees it.
pub(crate) struct PamHost<'a> {
    handle: &'a mut PamHandle,
    debug: bool,
    password_is_checked: bool,
}

impl<'a> PamHost<'a> {
    /// `password_is_checked`: whether the pam.d line says that the ones before it end the login at a
    /// wrong password.
    pub(crate) fn new(handle: &'a mut PamHandle, debug: bool, password_is_checked: bool) -> Self {
        Self { handle, debug, password_is_checked }
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

    fn ask(&mut self, text: &str, echo: bool) -> Result<Line, Unanswered> {
        let style = if echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        let host = self.handle.get_item::<Conv<'_>>().ok().flatten().ok_or(Unanswered)?;
        let answer = host.send(style, text).ok().flatten().ok_or(Unanswered)?;
        Ok(Zeroizing::new(answer.as_bytes().to_owned()))
    }

    fn password_checked(&self) -> bool {
        let item = self.handle.get_item::<AuthTok<'_>>();
        let collected = item.ok().flatten().is_some_and(|item| !item.as_bytes().is_empty());
        collected && self.password_is_checked
    }

    fn first_pass(&self) -> Option<Line> {
        let item = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        Some(Zeroizing::new(item.as_bytes().to_owned()))
    }

    fn forward(&mut self, password: &Line) -> Result<(), NotForwarded> {
        // With all the room at once: a vector that grows leaves unwiped copies behind.
        let mut item = Zeroizing::new(Vec::with_capacity(password.len().saturating_add(1)));
        item.extend_from_slice(password);
        item.push(0);
        let item = CStr::from_bytes_with_nul(&item).map_err(|_| NotForwarded)?;
        // SAFETY: `handle` is the live handle libpam passed to this hook and is borrowed mutably,
        // so no item is borrowed meanwhile. PAM_AUTHTOK is a NUL-terminated string, which libpam
        // copies; `item` outlives the call.
        let answer =
            unsafe { pam_set_item(self.handle, ItemType::AuthTok as c_int, item.as_ptr().cast()) };
        if answer == PamResultCode::PAM_SUCCESS as c_int { Ok(()) } else { Err(NotForwarded) }
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
fn context(handle: &mut PamHandle) -> LoginContext {
    let tty = handle.get_item::<Tty<'_>>().ok().flatten().and_then(|item| carried(&item));
    let auth_info = environment(handle, c"SSH_AUTH_INFO_0");
    let first_factor = auth_info
        .and_then(|methods| first_factor::proved_to_sshd(tty.as_deref(), methods.to_bytes()));
    LoginContext {
        service: handle.get_item::<Service<'_>>().ok().flatten().and_then(|item| carried(&item)),
        rhost: handle.get_item::<RHost<'_>>().ok().flatten().and_then(|item| carried(&item)),
        tty,
        ruser: handle.get_item::<RUser<'_>>().ok().flatten().and_then(|item| carried(&item)),
        first_factor: first_factor.map(str::to_owned),
        expects: None,
    }
}

/// A variable of the PAM environment: the transaction's own list, not the process's.
fn environment<'a>(handle: &'a mut PamHandle, name: &CStr) -> Option<&'a CStr> {
    // SAFETY: `handle` is the live handle libpam passed to this hook; `name` is NUL-terminated and
    // outlives the call.
    let value = unsafe { pam_getenv(handle, name.as_ptr()) };
    // SAFETY: libpam returns null or a NUL-terminated string inside the transaction's list. It stays
    // until the list changes, which takes the handle, and that is borrowed as long as the value.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
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
