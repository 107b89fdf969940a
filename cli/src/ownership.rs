//! Who may write what decides about logins.

/// Bits of a mode with which a group or everybody may write. Root's own group counts, too: whoever is a
/// member of it need not be root.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Whether root alone may write a file or directory of this owner and mode.
pub(crate) fn is_roots_alone(owner: u32, mode: u32) -> bool {
    owner == 0 && !is_writable_by_others(mode)
}

/// Whether somebody besides its owner may write a file or directory of this mode.
pub(crate) fn is_writable_by_others(mode: u32) -> bool {
    mode & WRITABLE_BY_OTHERS != 0
}
