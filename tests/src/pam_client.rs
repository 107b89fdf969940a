//! libpam as a host program sees it: one transaction, and a conversation that is a closure.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt, ptr,
};

/// `PAM_PROMPT_ECHO_OFF`: a question whose answer is hidden.
pub const PROMPT_ECHO_OFF: c_int = 1;
/// `PAM_PROMPT_ECHO_ON`: a question whose answer may be seen.
pub const PROMPT_ECHO_ON: c_int = 2;

/// What libpam answers a host.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub c_int);

// security/_pam_types.h.
impl Code {
    /// `PAM_SUCCESS`.
    pub const SUCCESS: Self = Self(0);
    /// `PAM_SERVICE_ERR`.
    pub const SERVICE_ERR: Self = Self(3);
    /// `PAM_PERM_DENIED`, which is also what libpam makes of a stack that ignored everything.
    pub const PERM_DENIED: Self = Self(6);
    /// `PAM_AUTH_ERR`.
    pub const AUTH_ERR: Self = Self(7);
    /// `PAM_AUTHINFO_UNAVAIL`.
    pub const AUTHINFO_UNAVAIL: Self = Self(9);
    /// `PAM_MAXTRIES`.
    pub const MAXTRIES: Self = Self(11);
    /// `PAM_CONV_ERR`.
    pub const CONV_ERR: Self = Self(19);
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SUCCESS => f.write_str("PAM_SUCCESS"),
            Self::SERVICE_ERR => f.write_str("PAM_SERVICE_ERR"),
            Self::PERM_DENIED => f.write_str("PAM_PERM_DENIED"),
            Self::AUTH_ERR => f.write_str("PAM_AUTH_ERR"),
            Self::AUTHINFO_UNAVAIL => f.write_str("PAM_AUTHINFO_UNAVAIL"),
            Self::MAXTRIES => f.write_str("PAM_MAXTRIES"),
            Self::CONV_ERR => f.write_str("PAM_CONV_ERR"),
            Self(other) => write!(f, "PAM code {other}"),
        }
    }
}

/// What a conversation gives back for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Text(CString),
    /// No answer: what messages that ask nothing get.
    Nothing,
    /// `PAM_CONV_ERR`.
    Failure,
}

/// A phase a host may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the functions they call")]
pub enum Phase {
    Authenticate,
    SetCred,
    AcctMgmt,
    OpenSession,
    CloseSession,
    ChAuthTok,
}

/// Something a host tells about the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the items they set")]
pub enum Item {
    Tty = 3,
    RHost = 4,
    RUser = 8,
}

type Handle = *mut c_void;
type Talk<'c> = Box<dyn FnMut(c_int, &CStr) -> Reply + 'c>;

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
    converse: extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int,
    context: *mut c_void,
}

// security/pam_appl.h.
#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        handle: *mut Handle,
    ) -> c_int;
    fn pam_end(handle: Handle, status: c_int) -> c_int;
    fn pam_set_item(handle: Handle, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(handle: Handle, assignment: *const c_char) -> c_int;
    fn pam_authenticate(handle: Handle, flags: c_int) -> c_int;
    fn pam_setcred(handle: Handle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: Handle, flags: c_int) -> c_int;
    fn pam_open_session(handle: Handle, flags: c_int) -> c_int;
    fn pam_close_session(handle: Handle, flags: c_int) -> c_int;
    fn pam_chauthtok(handle: Handle, flags: c_int) -> c_int;
}

/// A PAM transaction, ended when it is dropped.
pub struct Transaction<'c> {
    handle: Handle,
    last: c_int,
    /// libpam holds its address.
    _talk: Box<Talk<'c>>,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("last", &Code(self.last)).finish_non_exhaustive()
    }
}

impl<'c> Transaction<'c> {
    /// Starts one: reads `/etc/pam.d/SERVICE` and loads its modules.
    ///
    /// # Errors
    /// What libpam answers when it cannot.
    pub fn start(
        service: &CStr,
        user: Option<&CStr>,
        talk: impl FnMut(c_int, &CStr) -> Reply + 'c,
    ) -> Result<Self, Code> {
        let mut talk: Box<Talk<'c>> = Box::new(Box::new(talk));
        let context = (&raw mut *talk).cast();
        let conversation = Conversation { converse, context };
        let user = user.map_or(ptr::null(), CStr::as_ptr);
        let mut handle = ptr::null_mut();
        // SAFETY: both strings and the conversation live through the call, which copies them;
        // what the conversation points to lives as long as the transaction.
        let code =
            unsafe { pam_start(service.as_ptr(), user, &raw const conversation, &mut handle) };
        if code == 0 { Ok(Self { handle, last: 0, _talk: talk }) } else { Err(Code(code)) }
    }

    /// Tells libpam something about the login.
    pub fn set(&mut self, item: Item, value: &CStr) -> Code {
        // SAFETY: the handle is live, and the value is copied.
        Code(unsafe { pam_set_item(self.handle, item as c_int, value.as_ptr().cast()) })
    }

    /// Sets a variable of the PAM environment: `NAME=value`.
    pub fn put_variable(&mut self, assignment: &CStr) -> Code {
        // SAFETY: the handle is live, and the text is copied.
        Code(unsafe { pam_putenv(self.handle, assignment.as_ptr()) })
    }

    /// Runs the stack of one phase.
    pub fn run(&mut self, phase: Phase, flags: c_int) -> Code {
        let call = match phase {
            Phase::Authenticate => pam_authenticate,
            Phase::SetCred => pam_setcred,
            Phase::AcctMgmt => pam_acct_mgmt,
            Phase::OpenSession => pam_open_session,
            Phase::CloseSession => pam_close_session,
            Phase::ChAuthTok => pam_chauthtok,
        };
        // SAFETY: the handle is live and borrowed mutably.
        self.last = unsafe { call(self.handle, flags) };
        Code(self.last)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and nobody uses it afterwards.
        unsafe { pam_end(self.handle, self.last) };
    }
}

extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    context: *mut c_void,
) -> c_int {
    let count = usize::try_from(count).unwrap_or_default();
    // SAFETY: `context` is the box that `start` gave to libpam, which calls on the thread that
    // holds the transaction; Linux-PAM passes `count` pointers to messages.
    let (talk, messages) =
        unsafe { (&mut *context.cast::<Talk<'_>>(), std::slice::from_raw_parts(messages, count)) };
    let mut answers = Vec::new();
    for &message in messages {
        // SAFETY: each points to a message with a NUL-terminated text.
        let (style, text) = unsafe { ((*message).style, CStr::from_ptr((*message).text)) };
        match talk(style, text) {
            Reply::Text(answer) => answers.push(Some(answer)),
            Reply::Nothing => answers.push(None),
            Reply::Failure => return Code::CONV_ERR.0,
        }
    }
    // SAFETY: an array of `count` responses, all zero, which is a valid response each; libpam
    // frees the array and the texts with `free`, and strdup and calloc are what that is for.
    unsafe {
        let array = libc::calloc(count, size_of::<Response>()).cast::<Response>();
        for (nth, answer) in answers.iter().enumerate() {
            if let Some(answer) = answer {
                (*array.add(nth)).text = libc::strdup(answer.as_ptr());
            }
        }
        *responses = array;
    }
    0
}
