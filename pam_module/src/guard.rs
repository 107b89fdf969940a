//! What a bug may do to the host: nothing but a refusal.
//!
//! A panic must neither cross into C nor print to the host's standard error, and the default panic
//! hook does print, with a backtrace when the caller's `RUST_BACKTRACE` says so. So the first call
//! puts a hook in front of it that is silent while the panicking thread is inside [`run`] and
//! passes everything else on.
//!
//! The hook stays, and yet the host keeps its own: a panic hook is a static of the standard
//! library, a cdylib has its own hidden copy of that library, and only the module's code uses that
//! copy. A host written in Rust, such as sudo-rs, has another. The passing on matters only where
//! the module is linked as an rlib and shares the copy.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The hook ran into a bug.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked {
    /// Source file and line. Never the panic's message: it may quote what somebody typed (I15).
    place: String,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "internal error at {}, login denied", self.place)
    }
}

/// Runs `hook` and turns a panic into a value, without a word on the host's standard error.
pub(crate) fn run<T>(hook: impl FnOnce() -> T) -> Result<T, Panicked> {
    silence_panics_inside();
    // A host's conversation function may start a second PAM transaction on the same thread.
    let nested = INSIDE.replace(true);
    // Nothing that `hook` borrows is looked at after a panic: the login is refused, and PAM's
    // handle is a pointer to C data.
    let result = panic::catch_unwind(AssertUnwindSafe(hook));
    INSIDE.set(nested);
    result.map_err(|_| Panicked { place: PLACE.take() })
}

fn silence_panics_inside() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let outside = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if INSIDE.get() { remember_place(panic) } else { outside(panic) }
        }));
    });
}

fn remember_place(panic: &PanicHookInfo<'_>) {
    let place =
        panic.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
    // Not `replace`, which panics while borrowed: a panic inside a panic hook aborts.
    PLACE.with(|remembered| {
        if let Ok(mut remembered) = remembered.try_borrow_mut() {
            *remembered = place;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_value_with_its_place_and_without_its_words() {
        let panicked = run(|| panic!("123456")).unwrap_err().to_string();
        assert!(panicked.contains("guard.rs:"), "{panicked}");
        assert!(!panicked.contains("123456"), "{panicked}");
    }

    #[test]
    fn a_panic_inside_a_nested_run_leaves_the_outer_one_guarded() {
        let outer = run(|| {
            assert!(run(|| panic!()).is_err());
            INSIDE.get()
        });
        assert_eq!(outer, Ok(true));
        assert!(!INSIDE.get());
    }
}
