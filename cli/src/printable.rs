//! Text from elsewhere, made safe for a terminal.
//!
//! Account names come from LDAP as well as from `/etc/passwd`, and either may hold what a terminal
//! takes for a command.

use std::borrow::Cow;

/// `text` with control and direction-changing characters written as `\u{1b}`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_harmful)
}

/// The same for text of several lines: line feeds stay.
pub(crate) fn paragraph(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_harmful(c))
}

fn escaped(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&unwanted) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if unwanted(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_comes_through() {
        assert_eq!(line("a\u{1b}[2Jb\n\u{9b}c\u{7f}"), "a\\u{1b}[2Jb\\u{a}\\u{9b}c\\u{7f}");
        assert_eq!(line("\u{202e}ecila"), "\\u{202e}ecila");
        assert_eq!(paragraph("one\ntwo\r"), "one\ntwo\\u{d}");
    }

    #[test]
    fn ordinary_names_are_left_alone() {
        for name in ["alice", "DOM\\bob", "zoë", "山田"] {
            assert!(matches!(line(name), Cow::Borrowed(same) if same == name));
        }
    }
}
