//! Logins in threads that come and go, a transaction each.

use std::{collections::BTreeMap, ffi::CStr, thread, time::Duration};

use serde_json::{Value, json};
use twinlock_tests::pam_client::{
    Code, PROMPT_ECHO_OFF, PROMPT_ECHO_ON, Phase, Reply, Transaction,
};

use crate::Job;

/// Logins at the same time.
const AT_ONCE: usize = 4;

/// A transaction on its way from the thread that used it to the one that ends it.
struct Handed(Transaction<'static>);

// SAFETY: libpam lets any thread use a handle, one at a time, and the conversation holds nothing.
unsafe impl Send for Handed {}

/// glibc takes a signal for itself when a program makes its first thread.
pub(crate) fn be_threaded() {
    thread::spawn(|| ()).join().unwrap();
}

/// Makes about `count` logins and returns how many ended with which code. Every other transaction
/// is ended, and its module unloaded, by the thread that logged in; the rest after that thread is
/// gone.
pub(crate) fn log_in(job: &Job, count: usize) -> Value {
    let mut codes = BTreeMap::<String, usize>::new();
    for round in 0..count.div_ceil(AT_ONCE) {
        let ends_itself = round % 2 == 0;
        let bystander = thread::spawn(|| thread::sleep(Duration::from_millis(2)));
        let spawn = |_| {
            let (service, user) = (job.service.clone(), job.user.clone());
            thread::spawn(move || {
                let (code, pam) = authenticate(&service, user.as_deref());
                (code, (!ends_itself).then_some(pam))
            })
        };
        let logins: Vec<_> = (0..AT_ONCE).map(spawn).collect();
        let done: Vec<_> = logins.into_iter().map(|login| login.join().unwrap()).collect();
        for (code, pam) in done {
            *codes.entry(code.0.to_string()).or_default() += 1;
            drop(pam.map(|pam| pam.0));
        }
        bystander.join().unwrap();
    }
    json!(codes)
}

/// One login, answered with what is no code, so that no account is locked.
fn authenticate(service: &CStr, user: Option<&CStr>) -> (Code, Handed) {
    let talk = |style, _: &CStr| match style {
        PROMPT_ECHO_OFF | PROMPT_ECHO_ON => Reply::Text(c"no code".into()),
        _ => Reply::Nothing,
    };
    let mut pam = Transaction::start(service, user, talk).unwrap();
    (pam.run(Phase::Authenticate, 0), Handed(pam))
}
