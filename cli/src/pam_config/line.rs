//! The lines of a file in pam.d, each with its number and what it says.

use super::control::Control;

/// What a line is about: the management group of pam.conf(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Auth,
    Account,
    Password,
    Session,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Auth, Self::Account, Self::Password, Self::Session];

    /// As it is written in a file.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Password => "password",
            Self::Session => "session",
        }
    }
}

/// A line that says something, continued ones put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1; of a continued line the first.
    pub(crate) number: usize,
    pub(crate) directive: Directive,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// `auth required pam_unix.so nullok`
    Module {
        kind: Kind,
        /// A `-` stands before the kind: nothing is logged when the module is not installed.
        quiet: bool,
        control: Control,
        /// As it was written: a name or an absolute path.
        module: String,
        arguments: Vec<String>,
    },
    /// `auth include FILE`, `auth substack FILE`, and Debian's `@include FILE`, which has no kind and
    /// takes all of them.
    Include { kind: Option<Kind>, substack: bool, file: String },
    /// libpam cannot read it, and puts a module that always fails in its place: where the kind is what
    /// it cannot read, among those it is asked for, or in `auth`.
    Broken { kind: Option<Kind>, why: &'static str },
}

/// Characters between words. Not the carriage return, which libpam takes for part of a word.
const BLANK: [char; 3] = [' ', '\t', '\n'];

/// All lines of `text` that say something.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.split('\n').enumerate() {
        let raw = raw.trim_start_matches(BLANK);
        let (said, continued) = match raw.split_once('#') {
            // Behind a remark a backslash continues nothing.
            Some((said, _remark)) => (said, false),
            None => match raw.trim_end_matches(BLANK).strip_suffix('\\') {
                Some(said) => (said, true),
                None => (raw, false),
            },
        };
        if said.is_empty() && !continued {
            // An empty line or a remark in the middle of a continued one: libpam up to 1.6 reads on.
            continue;
        }
        let (number, mut words) = open.take().unwrap_or((index + 1, String::new()));
        words.push_str(said);
        if continued {
            words.push(' ');
            open = Some((number, words));
        } else if let Some(directive) = directive(&words) {
            lines.push(Line { number, directive });
        }
    }
    if let Some((number, _)) = open {
        let why = "the file ends in a continued line";
        lines.push(Line { number, directive: Directive::Broken { kind: None, why } });
    }
    lines
}

/// `None` for a line of blanks.
fn directive(text: &str) -> Option<Directive> {
    let mut words = Words(text);
    let kind = words.next()?;
    if kind.text.eq_ignore_ascii_case("@include") {
        return Some(include(None, false, words.next()));
    }
    let (kind, quiet) = match kind.text.strip_prefix('-') {
        Some(kind) => (kind.to_owned(), true),
        None => (kind.text, false),
    };
    let named = Kind::ALL.into_iter().find(|one| one.word().eq_ignore_ascii_case(&kind));
    let broken = |kind, why| Some(Directive::Broken { kind, why });
    let Some(kind) = named else {
        return broken(None, "the first word is none of auth, account, password and session");
    };
    let Some(control) = words.next() else {
        return broken(Some(kind), "there is no control");
    };
    for (word, substack) in [("include", false), ("substack", true)] {
        if control.text.eq_ignore_ascii_case(word) {
            return Some(include(Some(kind), substack, words.next()));
        }
    }
    let control = match Control::keyword(&control.text) {
        Some(keyword) => keyword,
        None if control.bracketed => Control::pairs(&control.text, &format!("[{}]", control.text)),
        None => Control::pairs(&control.text, &control.text),
    };
    let Some(module) = words.next() else {
        return broken(Some(kind), "there is no module");
    };
    let arguments = words.map(|word| word.text).collect();
    Some(Directive::Module { kind, quiet, control, module: module.text, arguments })
}

fn include(kind: Option<Kind>, substack: bool, file: Option<Word>) -> Directive {
    match file {
        Some(file) => Directive::Include { kind, substack, file: file.text },
        None => Directive::Broken { kind, why: "no file is named" },
    }
}

struct Word {
    /// Without square brackets around it.
    text: String,
    bracketed: bool,
}

/// Words between blanks; one that begins with `[` goes to the next `]` that has no backslash before
/// it.
struct Words<'t>(&'t str);

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let rest = self.0.trim_start_matches(BLANK);
        let Some(inside) = rest.strip_prefix('[') else {
            let end = rest.find(BLANK).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            self.0 = after;
            return (!word.is_empty()).then(|| Word { text: word.to_owned(), bracketed: false });
        };
        let mut text = String::new();
        let mut characters = inside.chars();
        while let Some(character) = characters.next() {
            match character {
                ']' => break,
                '\\' if characters.as_str().starts_with(']') => text.extend(characters.next()),
                other => text.push(other),
            }
        }
        self.0 = characters.as_str();
        Some(Word { text, bracketed: true })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(text: &str) -> Directive {
        let mut lines = lines(text);
        assert_eq!(lines.len(), 1, "{text:?}: {lines:?}");
        lines.remove(0).directive
    }

    fn module(text: &str) -> (Kind, bool, String, String, Vec<String>) {
        match only(text) {
            Directive::Module { kind, quiet, control, module, arguments } => {
                (kind, quiet, control.text().to_owned(), module, arguments)
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_line_is_kind_control_module_and_arguments() {
        assert_eq!(
            module("auth\t[success=1 default=ignore]\tpam_unix.so nullok  try_first_pass"),
            (
                Kind::Auth,
                false,
                "[success=1 default=ignore]".into(),
                "pam_unix.so".into(),
                vec!["nullok".into(), "try_first_pass".into()]
            )
        );
        let (kind, quiet, control, path, arguments) = module("  -SESSION Optional /lib/x.so");
        assert_eq!(
            (kind, quiet, &*control, &*path),
            (Kind::Session, true, "Optional", "/lib/x.so")
        );
        assert!(arguments.is_empty());
    }

    #[test]
    fn a_bracketed_argument_is_one_word_and_may_hold_a_bracket() {
        let (.., arguments) = module(r"auth required m.so [a b] x[y [c\]d [e\f] g");
        assert_eq!(arguments, ["a b", "x[y", "c]d [e\\f", "g"]);
    }

    #[test]
    fn remarks_and_empty_lines_say_nothing_and_numbers_stay() {
        let text = "# one\n\n \t\nauth required a.so # remark \\\n#auth required b.so\n\
                    account required c.so";
        let found = lines(text);
        let numbers: Vec<_> = found.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [4, 6]);
    }

    #[test]
    fn a_continued_line_is_one_line_with_its_first_number() {
        let text =
            "\nauth \\\n  required \\  \n\n# remark\n  pam_unix.so nullok\nauth required b.so\n";
        let found = lines(text);
        assert_eq!(found.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 7]);
        let joined = only("auth \\\n  required \\\n pam_unix.so nullok");
        assert_eq!(found[0].directive, joined);
        assert_eq!(joined, only("auth required pam_unix.so nullok"));
    }

    #[test]
    fn includes_are_told_from_modules() {
        let include = |kind, substack, file: &str| Directive::Include {
            kind,
            substack,
            file: file.to_owned(),
        };
        assert_eq!(only("@include common-auth"), include(None, false, "common-auth"));
        assert_eq!(only("auth include su"), include(Some(Kind::Auth), false, "su"));
        assert_eq!(only("-auth SUBSTACK x y"), include(Some(Kind::Auth), true, "x"));
    }

    #[test]
    fn what_libpam_cannot_read_is_broken_and_not_passed_over() {
        let kind_of = |text: &str| match only(text) {
            Directive::Broken { kind, .. } => kind,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(kind_of("auth"), Some(Kind::Auth));
        assert_eq!(kind_of("session required"), Some(Kind::Session));
        assert_eq!(kind_of("auth include"), Some(Kind::Auth));
        for text in ["@include", "author required a.so", "required a.so", "auth required a.so \\"] {
            assert_eq!(kind_of(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_file_is_too_strange(text in "([ \\[\\]\\\\#=\n\t\r-]|auth|include|required|x\\.so|é){0,60}") {
            let numbers: Vec<_> = lines(&text).iter().map(|line| line.number).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", numbers);
            prop_assert!(numbers.iter().all(|&number| number <= text.split('\n').count()));
        }
    }

    #[test]
    fn a_carriage_return_belongs_to_the_last_word() {
        let (.., arguments) = module("auth required a.so debug\r\n");
        assert_eq!(arguments, ["debug\r"]);
    }
}
