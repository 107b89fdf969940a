//! The recipes of the README, cut out of it: what the tests try is what people copy.

const README: &str = include_str!("../../README.md");

/// The lines of the code block whose opening fence says `conf NAME`.
///
/// # Panics
/// When there is not exactly one such block.
#[must_use]
pub fn recipe(name: &str) -> &'static str {
    let fence = format!("```conf {name}\n");
    let mut blocks = README.split(&fence).skip(1);
    let block = blocks.next().unwrap_or_else(|| panic!("no recipe {name} in the README"));
    assert!(blocks.next().is_none(), "two recipes {name} in the README");
    block.split_once("```").unwrap_or_else(|| panic!("recipe {name} does not end")).0
}

/// The first two cells of each row of the table whose heading row starts with `heading`.
///
/// # Panics
/// When there is no such table.
#[must_use]
pub fn table(heading: &str) -> Vec<[&'static str; 2]> {
    let mut lines = README.lines().skip_while(|line| !line.starts_with(heading));
    assert!(lines.next().is_some(), "no table {heading} in the README");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        [cells.next().unwrap_or_default(), cells.next().unwrap_or_default()]
    })
    .collect()
}
