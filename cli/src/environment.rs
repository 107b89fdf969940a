//! The little that is read from the environment.
//!
//! It belongs to whoever called, so it only ever changes how something looks: never where the bus
//! is, whose account is meant, or what is allowed. The one exception is [`sudo_uid`].
#![allow(clippy::disallowed_methods, reason = "the one module that reads it")]

use std::env;

/// Whether the terminal can be expected to show block characters: whether the locale's character
/// set is UTF-8, by the precedence of POSIX (`LC_ALL`, `LC_CTYPE`, `LANG`; empty counts as unset).
pub(crate) fn locale_is_utf8() -> bool {
    names_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok()))
}

fn names_utf8(by_precedence: [Option<String>; 3]) -> bool {
    let locale = by_precedence.into_iter().flatten().find(|value| !value.is_empty());
    // language_territory.charset@modifier; the POSIX locale, which is the default, is not UTF-8.
    let charset = locale.as_deref().and_then(|locale| locale.split_once('.')).map(|(_, rest)| {
        rest.split_once('@').map_or(rest, |(charset, _)| charset).to_ascii_lowercase()
    });
    matches!(charset.as_deref(), Some("utf-8" | "utf8"))
}

/// Whether escape sequences for colour may be written to a terminal.
pub(crate) fn colour_is_welcome() -> bool {
    welcomes_colour(env::var("NO_COLOR").ok().as_deref(), env::var("TERM").ok().as_deref())
}

/// `NO_COLOR` counts when it is not empty (no-color.org).
fn welcomes_colour(no_color: Option<&str>, term: Option<&str>) -> bool {
    no_color.is_none_or(str::is_empty) && !matches!(term, None | Some("" | "dumb"))
}

/// Whether sudo started this. A hint for a remark, not for a decision: anybody can set it.
pub(crate) fn under_sudo() -> bool {
    env::var_os("SUDO_UID").is_some()
}

/// Who called sudo, for root on a kernel that keeps no login uid. Whoever could set it as root could
/// as well say any other name to the daemon.
pub(crate) fn sudo_uid() -> Option<u32> {
    env::var("SUDO_UID").ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(lc_all: &str, lc_ctype: &str, lang: &str) -> bool {
        names_utf8([lc_all, lc_ctype, lang].map(|value| Some(value.to_owned())))
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_character_set() {
        assert!(utf8("en_US.UTF-8", "C", "C"));
        assert!(!utf8("C", "en_US.UTF-8", "en_US.UTF-8"));
        assert!(utf8("", "de_DE.utf8", "C"));
        assert!(!utf8("", "POSIX", "de_DE.UTF-8"));
        assert!(utf8("", "", "C.UTF-8"));
        assert!(utf8("", "", "de_DE.UTF-8@euro"));
        assert!(!utf8("", "", "de_DE.ISO-8859-15@euro"));
        assert!(!utf8("", "", "de_DE"));
        assert!(!utf8("", "", ""));
        assert!(!names_utf8([None, None, None]));
    }

    #[test]
    fn colour_is_for_terminals_whose_owner_does_not_object() {
        assert!(welcomes_colour(None, Some("xterm-256color")));
        assert!(welcomes_colour(Some(""), Some("linux")));
        assert!(!welcomes_colour(Some("1"), Some("xterm")));
        assert!(!welcomes_colour(None, Some("dumb")));
        assert!(!welcomes_colour(None, None));
    }
}
