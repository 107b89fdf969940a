//! Who may write what decides about logins.

/// Bits of a mode with which a group or everybody may write. Root's own group counts, too: whoever is a
/// member of it need not be root.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Whether root alone may write a file or directory of this owner and mode.
pub(crate) fn is_roots_alone(owner: u32, mode: u32) -> bool {
    owner == 0 && mode & WRITABLE_BY_OTHERS == 0
}
