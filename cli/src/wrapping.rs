//! Lines that end before the screen does.

/// Columns of the narrowest terminal anybody reads a table on.
const COLUMNS: usize = 80;

/// `words` in lines of at most 80 characters, each after `indent` and with its end. A word that is
/// longer stands on a line of its own.
pub(crate) fn wrapped(indent: &str, words: &str) -> String {
    hanging(indent, indent, words)
}

/// The same with another beginning of the first line.
pub(crate) fn hanging(first: &str, indent: &str, words: &str) -> String {
    hanging_within(COLUMNS, first, indent, words)
}

/// The same for a screen of so many columns.
pub(crate) fn hanging_within(columns: usize, first: &str, indent: &str, words: &str) -> String {
    let mut page = first.to_owned();
    let mut column = width(first);
    let mut is_begun = false;
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        if is_begun && column.saturating_add(1).saturating_add(width(word)) > columns {
            page.push('\n');
            page.push_str(indent);
            column = width(indent);
        } else if is_begun {
            page.push(' ');
            column = column.saturating_add(1);
        }
        page.push_str(word);
        column = column.saturating_add(width(word));
        is_begun = true;
    }
    page.push('\n');
    page
}

/// Columns that `text` takes, were all characters as wide as Latin ones.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_before_the_screen_does_and_goes_on_below_itself() {
        let words = "word ".repeat(40);
        let page = hanging("  12  ", "      ", &words);
        assert!(page.starts_with("  12  word word"), "{page}");
        assert!(page.lines().skip(1).all(|line| line.starts_with("      word")), "{page}");
        assert!(page.lines().all(|line| line.len() <= COLUMNS), "{page}");
        assert_eq!(page.split_whitespace().filter(|word| *word == "word").count(), 40);
        assert_eq!(page.lines().next().unwrap().len(), 6 + 14 * 5 + 4);
    }

    #[test]
    fn a_word_wider_than_the_screen_stays_whole() {
        let long = "x".repeat(200);
        assert_eq!(wrapped("  ", &format!("a {long} b")), format!("  a\n  {long}\n  b\n"));
        assert_eq!(wrapped("  ", &long), format!("  {long}\n"));
    }
}
