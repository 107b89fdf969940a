//! The sudoers files, read for a few settings and for `NOPASSWD`. Whatever else they say is passed over.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    bounded_file,
    pam_config::{Place, Tree},
};

const MOST_BYTES: usize = 1024 * 1024;
const MOST_FILES: usize = 256;
/// As in sudo.
const DEEPEST: usize = 128;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// One setting of a `Defaults` line. `whom` is what stands right behind that word, such as `:alice`;
    /// empty for everybody. The name begins with `!` where the setting is switched off.
    Setting { place: Place, whom: String, name: String, value: Option<String> },
    /// A rule with `NOPASSWD:`.
    WithoutPassword { place: Place },
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sudoers {
    /// Every file that was read, in order.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) said: Vec<Said>,
}

impl Sudoers {
    /// Reads the file at `path` of the host below `tree`, and what it includes. What cannot be read is
    /// left out; sudo itself refuses then.
    pub(crate) fn read(tree: &Tree, path: &Path) -> Self {
        let mut sudoers = Self::default();
        sudoers.add(tree, path, 0);
        sudoers
    }

    fn add(&mut self, tree: &Tree, path: &Path, depth: usize) {
        if depth > DEEPEST || self.files.len() >= MOST_FILES {
            return;
        }
        let Ok(text) = bounded_file::content(&tree.on_disk(path), MOST_BYTES) else { return };
        self.files.push(path.to_owned());
        for (number, line) in joined(&String::from_utf8_lossy(&text)) {
            let place = Place { file: path.to_owned(), line: number };
            match included(&line, path) {
                Some(Included::File(file)) => self.add(tree, &file, depth + 1),
                Some(Included::Directory(directory)) => {
                    for name in names(&tree.on_disk(&directory)) {
                        self.add(tree, &directory.join(name), depth + 1);
                    }
                }
                None => self.line(without_remark(&line), &place),
            }
        }
    }

    fn line(&mut self, line: &str, place: &Place) {
        let line = line.trim();
        let Some(rest) = line.strip_prefix("Defaults") else {
            let words = line.split(|c: char| c.is_whitespace() || c == ')' || c == ',' || c == '=');
            if words.map(|word| word.split(':').next()).any(|word| word == Some("NOPASSWD")) {
                self.said.push(Said::WithoutPassword { place: place.clone() });
            }
            return;
        };
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (whom, settings) = rest.split_at(end);
        for setting in parts(settings) {
            let (name, value) = match setting.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().trim_matches('"').to_owned())),
                None => (&*setting, None),
            };
            self.said.push(Said::Setting {
                place: place.clone(),
                whom: whom.to_owned(),
                name: name.trim().replace("! ", "!"),
                value,
            });
        }
    }
}

/// Lines with those joined that end in a backslash, each with its first number.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let (line, continued) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match lines.last_mut().filter(|_| open) {
            Some((_, words)) => words.push_str(line),
            None => lines.push((index + 1, line.to_owned())),
        }
        open = continued;
    }
    lines
}

enum Included {
    File(PathBuf),
    Directory(PathBuf),
}

/// `@include`, `@includedir`, and the same with the older `#`. Relative names lie beside the file.
fn included(line: &str, file: &Path) -> Option<Included> {
    let rest = line.trim_start().strip_prefix(['@', '#'])?;
    let (word, name) = rest.split_once(char::is_whitespace)?;
    let name = name.trim().trim_matches('"').replace("\\ ", " ");
    let path = file.parent().unwrap_or(Path::new("/")).join(name);
    match word {
        "include" => Some(Included::File(path)),
        "includedir" => Some(Included::Directory(path)),
        _ => None,
    }
}

/// sudo passes over names with a dot and those that end in a tilde, and reads the rest in order.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let names =
        entries.flatten().take(4096).filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> =
        names.filter(|name| !name.contains('.') && !name.ends_with('~')).collect();
    names.sort();
    names
}

/// A `#` with a digit behind it is a uid or gid.
fn without_remark(line: &str) -> &str {
    let mut from = 0;
    while let Some(found) = line.get(from..).and_then(|rest| rest.find('#')) {
        let at = from + found;
        let behind = line.get(at + 1..).and_then(|rest| rest.chars().next());
        if !behind.is_some_and(|character| character.is_ascii_digit()) {
            return line.get(..at).unwrap_or(line);
        }
        from = at + 1;
    }
    line
}

/// Parts between commas, of which some stand in quotes.
fn parts(settings: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for character in settings.chars() {
        quoted ^= character == '"';
        if character == ',' && !quoted {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    let trimmed = parts.into_iter().map(|part| part.trim().to_owned());
    trimmed.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::planted::Planted;

    fn read(files: &[(&str, &str)]) -> Sudoers {
        let planted = Planted::new(&[]);
        for (path, text) in files {
            planted.write(path, text);
        }
        Sudoers::read(&planted.tree, Path::new("/etc/sudoers"))
    }

    fn settings(sudoers: &Sudoers) -> Vec<String> {
        sudoers
            .said
            .iter()
            .map(|said| match said {
                Said::Setting { place, whom, name, value } => {
                    let value = value.as_deref().unwrap_or("-");
                    format!("{}:{} [{whom}] {name} {value}", place.file.display(), place.line)
                }
                Said::WithoutPassword { place } => {
                    format!("{}:{}", place.file.display(), place.line)
                }
            })
            .collect()
    }

    #[test]
    fn settings_are_told_one_by_one_with_whom_they_are_about() {
        let sudoers = read(&[(
            "/etc/sudoers",
            "Defaults a, b=1,c = \"x, y\" , !d\nDefaults:alice,bob e # f\nDefaults@host \\\n  g, \\\nh\n",
        )]);
        assert_eq!(
            settings(&sudoers),
            [
                "/etc/sudoers:1 [] a -",
                "/etc/sudoers:1 [] b 1",
                "/etc/sudoers:1 [] c x, y",
                "/etc/sudoers:1 [] !d -",
                "/etc/sudoers:2 [:alice,bob] e -",
                "/etc/sudoers:3 [@host] g -",
                "/etc/sudoers:3 [@host] h -",
            ]
        );
    }

    #[test]
    fn included_files_are_read_where_sudo_reads_them() {
        let sudoers = read(&[
            (
                "/etc/sudoers",
                "#include local\n@includedir /etc/sudoers.d\n# include no\n#includex y\n",
            ),
            ("/etc/local", "Defaults a\n"),
            ("/etc/sudoers.d/20-b", "#1000 ALL=NOPASSWD:ALL\n"),
            ("/etc/sudoers.d/10-a", "Defaults b\n"),
            ("/etc/sudoers.d/README.txt", "Defaults c\n"),
            ("/etc/sudoers.d/old~", "Defaults c\n"),
            ("/etc/no", "Defaults c\n"),
        ]);
        assert_eq!(
            settings(&sudoers),
            ["/etc/local:1 [] a -", "/etc/sudoers.d/10-a:1 [] b -", "/etc/sudoers.d/20-b:1"]
        );
    }

    #[test]
    fn a_file_that_includes_itself_comes_to_an_end() {
        let sudoers = read(&[("/etc/sudoers", "@include sudoers\n@include sudoers\n")]);
        assert!(sudoers.files.len() <= MOST_FILES);
    }
}
