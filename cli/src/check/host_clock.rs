//! Whether the kernel takes this host's clock for synchronised.

#![allow(
    unsafe_code,
    reason = "adjtimex has no safe wrapper here; every block says why it is sound"
)]

use core::mem::MaybeUninit;

/// `None` when the kernel does not say, as under a filter of system calls that keeps clocks away.
pub(crate) fn is_synchronised() -> Option<bool> {
    let mut timex = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the kernel writes one `timex`, for which there is room. It reads `modes` first, which
    // is zero: nothing is adjusted, and nobody needs a privilege for that (adjtimex(2)).
    let state = unsafe { libc::adjtimex(timex.as_mut_ptr()) };
    // SAFETY: all its fields are integers, for which zero and whatever the kernel wrote are values.
    let timex = unsafe { timex.assume_init() };
    (state >= 0).then(|| says_synchronised(state, timex.status))
}

fn says_synchronised(state: libc::c_int, status: libc::c_int) -> bool {
    state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsynchronised_or_faulty_clock_is_not_synchronised() {
        assert!(says_synchronised(libc::TIME_OK, 0));
        assert!(says_synchronised(libc::TIME_INS, libc::STA_PLL | libc::STA_NANO));
        assert!(!says_synchronised(libc::TIME_OK, libc::STA_UNSYNC | libc::STA_PLL));
        assert!(!says_synchronised(libc::TIME_ERROR, 0));
    }
}
