//! sshd_config and what it includes: which line says what, and the `Match` blocks.
//!
//! Read as sshd_config(5) says: the first value counts, a file included inside a block belongs to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::settings::{Settings, canonical};
use crate::{
    bounded_file,
    pam_config::{Place, Tree},
};

const MOST_BYTES: usize = 1024 * 1024;
const MOST_FILES: usize = 256;
/// As in sshd (`SERVCONF_MAX_DEPTH`).
const DEEPEST: usize = 16;

/// One keyword with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    place: Place,
    /// In lower case, and by its present name.
    keyword: String,
    value: String,
}

/// A `Match` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) place: Place,
    /// What stands behind `Match`.
    pub(crate) criteria: String,
    settings: Vec<Setting>,
}

impl Block {
    pub(super) fn place_of(&self, keyword: &str) -> Option<&Place> {
        find(&self.settings, keyword)
    }

    pub(super) fn sets_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.place_of(keyword).is_some())
    }

    /// Keywords and values, of each keyword the first.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        // Whoever puts these into a map one by one has to end with the first.
        self.settings.iter().rev().map(|one| (one.keyword.as_str(), one.value.as_str()))
    }

    /// The accounts it is about, when it names them one by one.
    pub(super) fn users(&self) -> Option<&str> {
        let mut words = self.criteria.split_whitespace();
        let mut users = None;
        while let Some(criterion) = words.next() {
            let value = words.next()?;
            if criterion.eq_ignore_ascii_case("user") {
                users = Some(value);
            }
        }
        users.filter(|names| !names.contains(['*', '?', '!']))
    }
}

/// sshd_config as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// The one that includes the others.
    pub(crate) path: PathBuf,
    /// Every file that was read, in order.
    pub(crate) files: Vec<PathBuf>,
    settings: Vec<Setting>,
    pub(crate) blocks: Vec<Block>,
}

impl ConfigFile {
    /// Reads the file at `path` of the host below `tree`, and what it includes. What cannot be read is
    /// left out: sshd itself says what is wrong with it.
    pub(crate) fn read(tree: &Tree, path: &Path) -> Self {
        let mut file = Self { path: path.to_owned(), ..Self::default() };
        file.add(tree, path, None, 0);
        file
    }

    pub(super) fn place_of(&self, keyword: &str) -> Option<&Place> {
        find(&self.settings, keyword)
    }

    /// What is in force outside of all blocks, as far as the files tell: for where `sshd -T` does not.
    pub(crate) fn settings(&self) -> Settings {
        let said = self.settings.iter().map(|one| (one.keyword.as_str(), one.value.as_str()));
        Settings::said(said)
    }

    /// Adds a file; `block` is the one it is included in. A block ends with its file.
    fn add(&mut self, tree: &Tree, path: &Path, block: Option<usize>, depth: usize) {
        if depth > DEEPEST || self.files.len() >= MOST_FILES {
            return;
        }
        let Ok(text) = bounded_file::content(&tree.on_disk(path), MOST_BYTES) else { return };
        self.files.push(path.to_owned());
        let mut block = block;
        for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            let place = Place { file: path.to_owned(), line: index + 1 };
            let Some((keyword, value)) = keyword_and_value(line) else { continue };
            match keyword.as_str() {
                "match" => {
                    block = Some(self.blocks.len());
                    self.blocks.push(Block { place, criteria: value, settings: Vec::new() });
                }
                "include" => {
                    for included in value.split_whitespace() {
                        for path in matching(tree, included.trim_matches('"')) {
                            self.add(tree, &path, block, depth + 1);
                        }
                    }
                }
                _ => {
                    let setting = Setting { place, keyword, value };
                    match block.and_then(|index| self.blocks.get_mut(index)) {
                        Some(block) => block.settings.push(setting),
                        None => self.settings.push(setting),
                    }
                }
            }
        }
    }
}

fn find<'s>(settings: &'s [Setting], keyword: &str) -> Option<&'s Place> {
    settings.iter().find(|setting| setting.keyword == keyword).map(|setting| &setting.place)
}

/// `None` for remarks and empty lines. Keyword and value are parted by blanks or one `=`.
fn keyword_and_value(line: &str) -> Option<(String, String)> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let value = rest.strip_prefix('=').unwrap_or(rest).trim().trim_matches('"');
    (!keyword.is_empty()).then(|| (canonical(&keyword.to_ascii_lowercase()), value.to_owned()))
}

/// The files that a pattern of `Include` names, sorted; relative ones lie in `/etc/ssh`. Stars count in
/// the last part only.
fn matching(tree: &Tree, pattern: &str) -> Vec<PathBuf> {
    let pattern = Path::new("/etc/ssh").join(pattern);
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return vec![pattern];
    }
    let directory = pattern.parent().unwrap_or(Path::new("/"));
    let mut found: Vec<_> = names(&tree.on_disk(directory))
        .unwrap_or_default()
        .into_iter()
        // As in glob(7), a star does not stand for a leading dot.
        .filter(|found| fits(name, found) && (name.starts_with('.') || !found.starts_with('.')))
        .map(|name| directory.join(name))
        .collect();
    found.sort();
    found
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(directory)?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().into_string().ok()).take(4096).collect())
}

/// Whether `name` fits a pattern of `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last star stood, and how far it has eaten.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match (pattern.get(at), name.get(from)) {
            (Some('*'), _) => {
                star = Some((at, from));
                at += 1;
            }
            (Some('?'), _) => (at, from) = (at + 1, from + 1),
            (Some(wanted), Some(found)) if wanted == found => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((position, eaten)) => {
                    star = Some((position, eaten + 1));
                    (at, from) = (position + 1, eaten + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::planted::Planted;

    #[test]
    fn the_first_line_that_says_it_is_named_through_includes() {
        let planted = Planted::new(&[]);
        planted
            .write("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n\nUsePAM=no\n");
        planted.write("/etc/ssh/sshd_config.d/20-b.conf", "usepam yes\n");
        planted.write("/etc/ssh/sshd_config.d/10-a.conf", "# x\n PasswordAuthentication \"no\"\n");
        planted.write("/etc/ssh/sshd_config.d/30-c.disabled", "UsePAM no\n");
        let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
        let place = |keyword| {
            let place = file.place_of(keyword)?;
            Some((place.file.file_name()?.to_str()?.to_owned(), place.line))
        };
        assert_eq!(place("usepam"), Some(("20-b.conf".into(), 1)));
        assert_eq!(place("passwordauthentication"), Some(("10-a.conf".into(), 2)));
        assert_eq!(place("usedns"), None);
        assert_eq!(file.files.len(), 3);
    }

    #[test]
    fn what_stands_in_a_block_counts_for_it_alone_and_it_ends_with_its_file() {
        let planted = Planted::new(&[]);
        planted
            .write("/etc/ssh/sshd_config", "Include one\nUseDNS yes\nMatch all\n  Include two\n");
        planted.write("/etc/ssh/one", "Match User backup, host x\n UsePAM no\n UsePAM yes\n");
        planted.write("/etc/ssh/two", "X11Forwarding yes\n");
        let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
        assert!(file.place_of("usedns").is_some() && file.place_of("usepam").is_none());
        let [one, two] = file.blocks.as_slice() else { panic!("{file:?}") };
        assert!(one.sets_any(&["usepam"]) && !one.sets_any(&["usedns"]));
        assert_eq!(one.settings().last(), Some(("usepam", "no")));
        assert!(two.sets_any(&["x11forwarding"]));
    }

    #[test]
    fn accounts_are_known_when_they_are_named_one_by_one() {
        let users = |criteria: &str| {
            let place = Place { file: "x".into(), line: 1 };
            Block { place, criteria: criteria.into(), settings: vec![] }.users().map(str::to_owned)
        };
        assert_eq!(users("User backup"), Some("backup".into()));
        assert_eq!(users("Address 10.0.0.0/8 User a,b"), Some("a,b".into()));
        for criteria in ["User *", "User !root", "Group wheel", "all", "Address 10.0.0.0/8"] {
            assert_eq!(users(criteria), None, "{criteria}");
        }
    }

    #[test]
    fn stars_and_question_marks_stand_for_what_they_do_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "10-twinlock.conf", true),
            ("*.conf", ".conf.bak", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?.conf", "1.conf", true),
            ("?.conf", "10.conf", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_file_that_includes_itself_comes_to_an_end() {
        let planted = Planted::new(&[]);
        planted.write("/etc/ssh/sshd_config", "Include sshd_config\nInclude sshd_config\n");
        let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
        assert!(file.files.len() <= MOST_FILES);
    }
}
