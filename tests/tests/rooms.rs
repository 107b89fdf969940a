//! Everything stands in its room: the source tree is read and held to the rules of
//! docs/architecture.md.
//!
//! Each rule is a function from text to complaints, and each is shown a violation first.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

/// A file of the checkout.
struct Source {
    /// From the top of the checkout, with `/`.
    path: String,
    text: String,
}

/// Words that belong to some files only.
struct Room {
    what: &'static str,
    words: &'static [&'static str],
    /// Beginnings of paths.
    belongs_to: &'static [&'static str],
    /// Beginnings of paths in which the words are looked for.
    applies_to: &'static [&'static str],
}

const EVERYWHERE: &[&str] = &[""];

const ROOMS: [Room; 6] = [
    Room {
        what: "SQL and its library",
        words: &[
            "rusqlite",
            "libsqlite3",
            "SELECT ",
            "INSERT INTO",
            "INSERT OR",
            "UPDATE ",
            "DELETE FROM",
            "CREATE TABLE",
            "PRAGMA",
            "BEGIN IMMEDIATE",
            "COMMIT;",
        ],
        belongs_to: &["daemon/src/store"],
        applies_to: EVERYWHERE,
    },
    Room {
        what: "the bus",
        words: &["zbus"],
        belongs_to: &["daemon/src/bus", "daemon/interface/", "pam_module/", "cli/"],
        applies_to: EVERYWHERE,
    },
    Room {
        what: "the cipher",
        words: &["aes_gcm", "Aes256Gcm"],
        belongs_to: &["daemon/src/vault"],
        applies_to: EVERYWHERE,
    },
    Room {
        what: "the wall clock",
        words: &["SystemTime::now", "UNIX_EPOCH", "CLOCK_REALTIME", "Timestamp::now", "Zoned::now"],
        // The CLI has a clock of its own, to tell people how long ago something was.
        belongs_to: &["daemon/src/clock.rs", "cli/src/moment.rs"],
        applies_to: EVERYWHERE,
    },
    Room {
        what: "the environment",
        // pam_getenv reads a list of libpam's own.
        words: &["std::env", "env::", " getenv", ":getenv", " setenv", ":setenv"],
        belongs_to: &[],
        applies_to: &["pam_module/"],
    },
    Room {
        what: "unsafe code",
        words: &["unsafe ", "unsafe{", "unsafe(", "allow(unsafe_code", "expect(unsafe_code"],
        belongs_to: &[
            "pam_module/src/handle.rs",
            "cli/src/check/host_clock.rs",
            "daemon/src/identity/group_database.rs",
        ],
        applies_to: &["pam_module/", "cli/", "daemon/"],
    },
];

/// Which crates of ours each crate may depend on, in whatever section.
const DIRECTIONS: [(&str, &[&str]); 6] = [
    ("twinlock-interface", &[]),
    ("twinlock-verifier", &[]),
    ("pam_twinlock", &["twinlock-interface"]),
    ("twinlock", &["twinlock-interface"]),
    ("twinlockd", &["twinlock-interface", "twinlock-verifier"]),
    ("twinlock-tests", &["twinlock-interface"]),
];

/// What must not be linked into sshd.
const NOT_IN_THE_MODULE: [&str; 9] = [
    "rusqlite",
    "libsqlite3-sys",
    "aes-gcm",
    "toml",
    "clap",
    "tracing",
    "twinlock-verifier",
    "bcrypt",
    "async-io",
];

/// Names that say nothing about what is behind them.
const SAY_NOTHING: [&str; 5] = ["utils", "util", "common", "helpers", "misc"];

/// Longest file outside tests, in lines.
const LINES: usize = 450;

#[test]
fn everything_stands_in_its_room() {
    let sources = rust_sources();
    for room in &ROOMS {
        let misplaced: Vec<_> = sources.iter().flat_map(|source| misplaced(room, source)).collect();
        assert!(misplaced.is_empty(), "{} outside its room:\n{}", room.what, misplaced.join("\n"));
        let lived_in = |source: &Source| {
            code(&source.text).any(|(_, line)| room.words.iter().any(|word| line.contains(word)))
        };
        let forbidden_throughout = room.belongs_to.is_empty();
        assert!(forbidden_throughout || sources.iter().any(lived_in), "{} is nowhere", room.what);
    }
}

#[test]
fn what_stands_outside_its_room_is_found() {
    for (what, path, text) in [
        ("SQL and its library", "daemon/src/login.rs", "use rusqlite::Connection;"),
        ("SQL and its library", "cli/src/status.rs", "let q = \"SELECT name FROM accounts\";"),
        ("the bus", "daemon/src/login.rs", "use zbus::Connection;"),
        ("the bus", "daemon/verifier/src/totp.rs", "let x: zbus::Error;"),
        ("the cipher", "daemon/src/store.rs", "use aes_gcm::Aes256Gcm;"),
        ("the wall clock", "daemon/src/login.rs", "let now = SystemTime::now();"),
        ("the wall clock", "cli/src/status.rs", "let now = Timestamp::now();"),
        ("the environment", "pam_module/src/options.rs", "use std::env;"),
        ("the environment", "pam_module/src/daemon.rs", "let x = std::env::var(\"X\");"),
        ("unsafe code", "pam_module/src/daemon.rs", "    unsafe { x() }"),
        ("unsafe code", "pam_module/src/lib.rs", "unsafe fn x() {}"),
        ("unsafe code", "pam_module/src/guard.rs", "#[allow(unsafe_code)]"),
    ] {
        let room = ROOMS.iter().find(|room| room.what == what).unwrap();
        assert_eq!(misplaced(room, &source(path, text)).len(), 1, "{path}: {text}");
        let remark = source(path, &format!("// {text}\n/// {text}"));
        assert!(misplaced(room, &remark).is_empty(), "a comment is no code: {}", remark.text);
    }
    let room = ROOMS.iter().find(|room| room.what == "the bus").unwrap();
    for at_home in ["daemon/src/bus.rs", "daemon/src/bus/door.rs", "cli/src/bus.rs"] {
        assert!(misplaced(room, &source(at_home, "use zbus::Connection;")).is_empty());
    }
}

#[test]
fn unsafe_code_is_forbidden_where_decisions_are_made_and_denied_elsewhere() {
    let sources = rust_sources();
    for (root, level) in [
        ("daemon/verifier/src/lib.rs", "forbid"),
        ("daemon/src/main.rs", "deny"),
        ("pam_module/src/lib.rs", "deny"),
        ("cli/src/main.rs", "deny"),
    ] {
        let text = &sources.iter().find(|source| source.path == root).unwrap().text;
        assert!(keeps_unsafe_out(text, level), "{root}");
    }
    assert!(keeps_unsafe_out("//! x\n#![forbid(unsafe_code)]\n", "forbid"));
    assert!(!keeps_unsafe_out("//! x\n#![deny(unsafe_code)]\n", "forbid"));
    assert!(!keeps_unsafe_out("//! x\n// #![forbid(unsafe_code)]\n", "forbid"));
}

#[test]
fn dependencies_go_one_way() {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let complaints = wrong_ways(&dependencies(&metadata));
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_dependency_the_wrong_way_is_found() {
    let metadata = |package: &str, dependency: &str, kind: &str| -> Value {
        serde_json::from_str(&format!(
            r#"{{"packages": [
                {{"name": "twinlock-interface", "dependencies": []}},
                {{"name": "twinlock-verifier", "dependencies": []}},
                {{"name": "twinlockd", "dependencies": []}},
                {{"name": "{package}", "dependencies":
                    [{{"name": "{dependency}", "kind": {kind}}}, {{"name": "libc", "kind": null}}]}}
            ]}}"#
        ))
        .unwrap()
    };
    for (package, dependency, kind) in [
        ("pam_twinlock", "twinlock-verifier", "null"),
        ("pam_twinlock", "twinlockd", "\"dev\""),
        ("twinlock", "twinlock-verifier", "\"build\""),
        ("twinlock-interface", "twinlock-verifier", "null"),
        ("twinlock-verifier", "twinlock-interface", "\"dev\""),
        ("a-new-crate", "libc", "null"),
    ] {
        let found = wrong_ways(&dependencies(&metadata(package, dependency, kind)));
        assert_eq!(found.len(), 1, "{package} -> {dependency}: {found:?}");
    }
    let right = metadata("pam_twinlock", "twinlock-interface", "null");
    assert_eq!(wrong_ways(&dependencies(&right)), Vec::<String>::new());
}

#[test]
fn the_module_links_no_database_no_cipher_and_no_parser_of_files() {
    let arguments = ["tree", "-p", "pam_twinlock", "-e", "normal", "--prefix", "none"];
    let tree = cargo(&arguments);
    assert!(tree.contains("twinlock-interface v"), "{tree}");
    assert_eq!(unwanted(&tree), Vec::<&str>::new());
    assert_eq!(unwanted("pam_twinlock v0.1.0 (/x)\ntoml_edit v1.0.0\ntoml v1.2.0\n"), ["toml"]);
    assert_eq!(unwanted("libsqlite3-sys v0.35.0 (*)\nzbus v6.2.1\n"), ["libsqlite3-sys"]);
}

#[test]
fn a_files_name_says_what_lives_there() {
    let sources = rust_sources();
    let silent: Vec<_> = sources.iter().map(|one| &*one.path).filter(|p| says_nothing(p)).collect();
    assert_eq!(silent, Vec::<&str>::new());
    for path in ["cli/src/utils.rs", "daemon/src/common/mod.rs", "tests/src/helpers/x.rs"] {
        assert!(says_nothing(path), "{path}");
    }
    assert!(!says_nothing("daemon/src/commonplace.rs"));
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let sources = rust_sources();
    let mute: Vec<_> = sources.iter().filter(|one| !begins_with_words(&one.text)).collect();
    assert!(mute.is_empty(), "{:?}", paths(&mute));
    assert!(begins_with_words("//! The clock.\n\nuse x;"));
    for mute in ["", "use x;\n", "// The clock.\n", "\n//! The clock.\n", "//!\nuse x;\n"] {
        assert!(!begins_with_words(mute), "{mute:?}");
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    let sources = rust_sources();
    let long: Vec<_> = sources.iter().filter(|source| is_too_long(source)).collect();
    assert!(long.is_empty(), "{:?}", paths(&long));
    let of = |path, lines| is_too_long(&source(path, &"x\n".repeat(lines)));
    assert!(of("daemon/src/login.rs", LINES + 1) && !of("daemon/src/login.rs", LINES));
    assert!(!of("tests/tests/rooms.rs", LINES + 1));
    assert!(!of("daemon/verifier/tests/promises/main.rs", LINES + 1));
}

#[test]
fn nothing_is_left_for_later() {
    let sources = all_sources();
    let unfinished: Vec<_> = sources.iter().filter(|one| is_unfinished(&one.text)).collect();
    assert!(unfinished.is_empty(), "{:?}", paths(&unfinished));
    for mark in LEFT_FOR_LATER {
        assert!(is_unfinished(&format!("// {mark}: later")));
    }
    assert!(!is_unfinished("// to do: nothing"));
}

#[test]
fn the_whole_tree_is_read() {
    let paths: BTreeSet<_> = all_sources().into_iter().map(|source| source.path).collect();
    for path in [
        "Cargo.toml",
        "README.md",
        "cli/src/main.rs",
        "daemon/src/main.rs",
        "daemon/interface/src/lib.rs",
        "daemon/interface/xml/org.twinlock.Twinlock1.xml",
        "daemon/verifier/src/lib.rs",
        "pam_module/src/handle.rs",
        "tests/src/lib.rs",
        "tests/tests/rooms.rs",
        "docs/architecture.md",
        ".github/CONTRIBUTING.md",
        "packaging/twinlockd.service.in",
    ] {
        assert!(paths.contains(path), "{path}");
    }
    assert!(!paths.iter().any(|path| path.starts_with("target/") || path.starts_with(".git/")));
}

/// Lines of code in `source` that hold a word of a room it does not stand in.
fn misplaced(room: &Room, source: &Source) -> Vec<String> {
    let among = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
    if among(room.belongs_to) || !among(room.applies_to) || is_test(&source.path) {
        return Vec::new();
    }
    code(&source.text)
        .filter(|(_, line)| room.words.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim()))
        .collect()
}

/// A test may look at its own room from outside.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests")
}

/// Numbered lines without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let without_remark = |line| match str::find(line, "// ") {
        Some(at) => &line[..at],
        None => line,
    };
    let is_doc = |line: &str| line.trim_start().starts_with("//");
    let lines = text.lines().enumerate().filter(move |(_, line)| !is_doc(line));
    lines.map(move |(index, line)| (index + 1, without_remark(line)))
}

fn keeps_unsafe_out(root: &str, level: &str) -> bool {
    root.lines().any(|line| line == format!("#![{level}(unsafe_code)]"))
}

/// Packages of the workspace, each with what it depends on.
fn dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            (name(package), dependencies.map(name).collect())
        })
        .collect()
}

fn wrong_ways(dependencies: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (package, wanted) in dependencies {
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(name, _)| name == package) else {
            complaints.push(format!("{package} has no place among the rooms"));
            continue;
        };
        let ours = wanted.iter().filter(|name| dependencies.contains_key(*name));
        for wrong in ours.filter(|name| !allowed.contains(&name.as_str())) {
            complaints.push(format!("{package} depends on {wrong}"));
        }
    }
    complaints
}

/// The crates in a list of `cargo tree` that have no business in sshd.
fn unwanted(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| NOT_IN_THE_MODULE.contains(name)).collect()
}

fn says_nothing(path: &str) -> bool {
    let mut parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    parts.any(|part| SAY_NOTHING.contains(&part))
}

fn begins_with_words(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("//! ").is_some_and(|words| !words.trim().is_empty())
}

fn is_too_long(source: &Source) -> bool {
    !is_test(&source.path) && source.text.lines().count() > LINES
}

/// Spelled so that this file is none of its own findings.
const LEFT_FOR_LATER: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

fn is_unfinished(text: &str) -> bool {
    LEFT_FOR_LATER.iter().any(|mark| text.contains(mark))
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn paths<'s>(sources: &[&'s Source]) -> Vec<&'s str> {
    sources.iter().map(|source| &*source.path).collect()
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rust_sources() -> Vec<Source> {
    all_sources().into_iter().filter(|source| source.path.ends_with(".rs")).collect()
}

/// Every text file of the checkout.
fn all_sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(checkout(), &mut found);
    found
}

fn collect(directory: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && name != ".git" {
                collect(&path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(checkout()).unwrap();
            found.push(Source { path: path.to_str().unwrap().to_owned(), text });
        }
    }
}

/// What cargo says about this workspace, without network and without changing the lock file.
fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--locked", "--offline"]).current_dir(checkout());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
