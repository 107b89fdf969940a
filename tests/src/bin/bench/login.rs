//! One login, as sshd makes it: a fresh process that loads libpam and the module, authenticates
//! and ends.
//!
//! It writes `?` when it is asked for the code, reads the code from its standard input, and at the
//! end writes how many nanoseconds `pam_authenticate` took. Its exit code is PAM's.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    io::{Write, stdin, stdout},
    process::ExitCode,
    ptr,
    time::Instant,
};

/// The hidden first argument.
pub(crate) const WORD: &str = "login";
/// What the child writes when it is asked.
pub(crate) const ASKED: u8 = b'?';
/// Where every login comes from: an address of the documentation block (RFC 5737).
pub(crate) const SOURCE: &CStr = c"198.51.100.7";

// security/_pam_types.h.
const PAM_SUCCESS: c_int = 0;
const PAM_BUF_ERR: c_int = 5;
const PAM_TTY: c_int = 3;
const PAM_RHOST: c_int = 4;
const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    unused: c_int,
}

#[repr(C)]
struct Conversation {
    converse: extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_set_item(handle: *mut c_void, item: c_int, value: *const c_void) -> c_int;
    fn pam_authenticate(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

pub(crate) fn run(service: &str, user: &str) -> ExitCode {
    let (service, user) = (CString::new(service).unwrap(), CString::new(user).unwrap());
    let conversation = Conversation { converse, data: ptr::null_mut() };
    let mut handle = ptr::null_mut();
    // SAFETY: the strings and the conversation outlive the handle, which is ended below.
    let started = unsafe {
        pam_start(service.as_ptr(), user.as_ptr(), &raw const conversation, &raw mut handle)
    };
    assert_eq!(started, PAM_SUCCESS, "pam_start");
    for (item, value) in [(PAM_RHOST, SOURCE), (PAM_TTY, c"ssh")] {
        // SAFETY: the handle is live; these items are NUL-terminated strings, which PAM copies.
        let set = unsafe { pam_set_item(handle, item, value.as_ptr().cast()) };
        assert_eq!(set, PAM_SUCCESS, "pam_set_item");
    }
    let before = Instant::now();
    // SAFETY: the handle is live.
    let code = unsafe { pam_authenticate(handle, 0) };
    let took = before.elapsed();
    // SAFETY: the handle is live and not used afterwards.
    unsafe { pam_end(handle, code) };
    println!("{}", took.as_nanos());
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Answers every question with the next line of standard input.
extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    _data: *mut c_void,
) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: calloc has no preconditions; zeroed responses answer nothing.
    let answers = unsafe { libc::calloc(count, size_of::<Response>()) }.cast::<Response>();
    if answers.is_null() {
        return PAM_BUF_ERR;
    }
    for nth in 0..count {
        // SAFETY: libpam passes `count` pointers to messages, Linux-PAM's way, and `answers` has
        // room for as many responses.
        let (message, answer) = unsafe { (&**messages.add(nth), &mut *answers.add(nth)) };
        if matches!(message.style, PAM_PROMPT_ECHO_OFF | PAM_PROMPT_ECHO_ON) {
            let line = CString::new(next_line()).unwrap();
            // SAFETY: `line` is NUL-terminated; the copy is libpam's to free.
            answer.text = unsafe { libc::strdup(line.as_ptr()) };
        }
    }
    // SAFETY: libpam passes a place for the array, which becomes its own.
    unsafe { *responses = answers };
    PAM_SUCCESS
}

fn next_line() -> String {
    let mut output = stdout();
    output.write_all(&[ASKED]).unwrap();
    output.flush().unwrap();
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
