//! The files of pam.d, as libpam reads them: lines, includes and the stack of modules they make.
//!
//! What stands in [`line`] and [`control`] follows pam.conf(5) and, where that is silent, libpam
//! itself (`pam_handlers.c`, `pam_line.c`, `pam_misc.c` of Linux-PAM 1.5 to 1.7). A file that is not
//! understood here would be judged harmless there, so nothing is passed over: a line libpam cannot
//! read is a step that always fails, as it is for libpam.
//!
//! | room | what it holds |
//! |---|---|
//! | [`line`] | a file's text as lines with what they say |
//! | [`control`] | the third word of a line: what each answer of a module does to the stack |
//! | [`tree`] | where the files lie, and reading them |
//! | [`stack`] | the modules of a service one after the other, includes unfolded |

pub(crate) mod control;
pub(crate) mod line;
pub(crate) mod stack;
pub(crate) mod tree;

pub(crate) use control::{Action, Control, ReturnCode};
pub(crate) use line::{Directive, Kind};
pub(crate) use stack::{Call, Place, Stack, Step};
pub(crate) use tree::{MOST_BYTES, Tree};
