//! The modules a service goes through, one after the other, with their includes unfolded.

use std::path::{Path, PathBuf};

use super::{
    Tree,
    control::Control,
    line::{Directive, Kind},
};

/// How deep libpam follows includes (`PAM_SUBSTACK_MAX_LEVEL`).
const DEEPEST: usize = 16;
/// More than any host has. Files that include each other twice would double with each level.
const MOST_STEPS: usize = 1024;
const MOST_FILES: usize = 256;
/// The service whose lines count where a service has none of a kind.
const OTHER: &str = "other";

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// As the host names it.
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// What libpam does at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Module {
        control: Control,
        module: String,
        arguments: Vec<String>,
        quiet: bool,
    },
    /// The beginning of a substack, called nothing. The steps of a higher level that follow are its
    /// inside, and a jump counts it and them as one.
    Substack,
    /// A line libpam cannot read, which fails whenever it is come to.
    Failure {
        why: &'static str,
    },
}

/// One step of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) call: Call,
    /// How many substacks it stands in. `done`, `die` and jumps end with the substack.
    pub(crate) level: usize,
    pub(crate) place: Place,
    /// The lines that included the file, the service's own first; empty in the service's own file.
    pub(crate) through: Vec<Place>,
}

impl Step {
    /// The module's file name without its directory, such as `pam_unix.so`.
    pub(crate) fn module(&self) -> Option<&str> {
        match &self.call {
            Call::Module { module, .. } => module.rsplit('/').next(),
            Call::Substack | Call::Failure { .. } => None,
        }
    }

    pub(crate) fn is(&self, module: &str) -> bool {
        self.module() == Some(module)
    }

    pub(crate) fn arguments(&self) -> &[String] {
        match &self.call {
            Call::Module { arguments, .. } => arguments,
            Call::Substack | Call::Failure { .. } => &[],
        }
    }

    /// Whether the word stands among the arguments.
    pub(crate) fn has(&self, argument: &str) -> bool {
        self.arguments().iter().any(|one| one == argument)
    }

    pub(crate) fn control(&self) -> Option<&Control> {
        match &self.call {
            Call::Module { control, .. } => Some(control),
            Call::Substack | Call::Failure { .. } => None,
        }
    }
}

/// All steps of a service for one kind.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    pub(crate) service: String,
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<Step>,
    /// Whether the lines are those of `other`, because the service has no file or no line of this kind.
    pub(crate) is_other: bool,
    /// Every file that was read for it, in order, each once.
    pub(crate) files: Vec<PathBuf>,
    /// Whether it has more steps than are looked at.
    pub(crate) is_cut: bool,
}

impl Tree {
    /// The stack that `service` goes through for `kind`.
    pub(crate) fn stack(&self, service: &str, kind: Kind) -> Stack {
        let mut stack = Stack {
            service: service.to_owned(),
            kind,
            steps: Vec::new(),
            is_other: false,
            files: Vec::new(),
            is_cut: false,
        };
        let files = [(service, false), (OTHER, true)];
        for (name, is_other) in files {
            let Some(file) = self.file(name) else { continue };
            stack.is_other = is_other;
            Unfolding { tree: self, stack: &mut stack, read: 0 }.file(&file, None, 0, &[]);
            if !stack.steps.is_empty() {
                break;
            }
        }
        stack
    }
}

struct Unfolding<'a> {
    tree: &'a Tree,
    stack: &'a mut Stack,
    /// Files read so far, each as often as it was included.
    read: usize,
}

impl Unfolding<'_> {
    /// Adds the steps of one file. `asked` is the kind that an `include` asked for: a line whose kind
    /// cannot be read counts as that, or as `auth`.
    fn file(&mut self, file: &Path, asked: Option<Kind>, level: usize, through: &[Place]) {
        self.read += 1;
        let lines = match self.tree.lines(file) {
            Ok(lines) => lines,
            // libpam refuses the service as a whole.
            Err(_) => {
                let place = Place { file: file.to_owned(), line: 1 };
                return self.fail("the file cannot be read", level, place, through);
            }
        };
        if !self.stack.files.iter().any(|known| known == file) {
            self.stack.files.push(file.to_owned());
        }
        for line in lines {
            if self.stack.steps.len() >= MOST_STEPS || self.read > MOST_FILES {
                self.stack.is_cut = true;
                return;
            }
            let place = Place { file: file.to_owned(), line: line.number };
            match line.directive {
                Directive::Module { kind, quiet, control, module, arguments } => {
                    if kind == self.stack.kind {
                        let call = Call::Module { control, module, arguments, quiet };
                        self.push(call, level, place, through);
                    }
                }
                Directive::Include { kind, substack, file } => {
                    let wanted = kind.is_none_or(|kind| kind == self.stack.kind);
                    if wanted {
                        let asked = kind.or(asked);
                        self.include(&file, asked, substack, level, place, through);
                    }
                }
                Directive::Broken { kind, why } => {
                    if kind.or(asked).unwrap_or(Kind::Auth) == self.stack.kind {
                        self.fail(why, level, place, through);
                    }
                }
            }
        }
    }

    fn include(
        &mut self,
        name: &str,
        asked: Option<Kind>,
        substack: bool,
        level: usize,
        place: Place,
        through: &[Place],
    ) {
        if through.len() + 1 >= DEEPEST {
            return self.fail("files are included too deeply", level, place, through);
        }
        let Some(file) = self.tree.file(name) else {
            return self.fail("the file it includes is missing", level, place, through);
        };
        if substack {
            self.push(Call::Substack, level, place.clone(), through);
        }
        let through = [through, &[place]].concat();
        self.file(&file, asked, level + usize::from(substack), &through);
    }

    fn fail(&mut self, why: &'static str, level: usize, place: Place, through: &[Place]) {
        self.push(Call::Failure { why }, level, place, through);
    }

    fn push(&mut self, call: Call, level: usize, place: Place, through: &[Place]) {
        self.stack.steps.push(Step { call, level, place, through: through.to_vec() });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("etc/pam.d");
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
        let tree = Tree::at(root.path());
        (root, tree)
    }

    /// `file:line>file:line level module`, the last place being the line itself.
    fn told(stack: &Stack) -> Vec<String> {
        let name = |place: &Place| {
            let file = place.file.strip_prefix("/etc/pam.d").unwrap().display();
            format!("{file}:{}", place.line)
        };
        stack
            .steps
            .iter()
            .map(|step| {
                let places: Vec<_> = step.through.iter().chain([&step.place]).map(name).collect();
                let what = match &step.call {
                    Call::Module { module, .. } => module,
                    Call::Substack => "substack",
                    Call::Failure { .. } => "fails",
                };
                format!("{} {} {what}", places.join(">"), step.level)
            })
            .collect()
    }

    #[test]
    fn includes_are_unfolded_where_they_stand_and_say_where_they_came_from() {
        let (_root, tree) = tree(&[
            (
                "sshd",
                "auth required a.so\n@include common\naccount required x.so\nauth required z.so\n",
            ),
            ("common", "auth required b.so\nauth include deep\naccount required y.so\n"),
            ("deep", "account required w.so\nauth required c.so\n"),
        ]);
        let stack = tree.stack("sshd", Kind::Auth);
        assert_eq!(
            told(&stack),
            [
                "sshd:1 0 a.so",
                "sshd:2>common:1 0 b.so",
                "sshd:2>common:2>deep:2 0 c.so",
                "sshd:4 0 z.so"
            ]
        );
        assert!(!stack.is_other && !stack.is_cut);
        assert_eq!(stack.files.len(), 3);
        assert_eq!(
            told(&tree.stack("sshd", Kind::Account)),
            ["sshd:2>common:3 0 y.so", "sshd:3 0 x.so"]
        );
    }

    #[test]
    fn a_substack_keeps_its_bounds() {
        let (_root, tree) = tree(&[
            ("sshd", "auth substack inner\nauth required z.so\n"),
            ("inner", "auth required b.so\nauth substack inmost\n"),
            ("inmost", "auth required c.so\n"),
        ]);
        assert_eq!(
            told(&tree.stack("sshd", Kind::Auth)),
            [
                "sshd:1 0 substack",
                "sshd:1>inner:1 1 b.so",
                "sshd:1>inner:2 1 substack",
                "sshd:1>inner:2>inmost:1 2 c.so",
                "sshd:2 0 z.so"
            ]
        );
    }

    #[test]
    fn a_service_without_lines_of_a_kind_has_those_of_other() {
        let (_root, tree) = tree(&[
            ("other", "auth required deny.so\naccount required deny.so\n"),
            ("sshd", "account required a.so\n"),
        ]);
        for service in ["sshd", "nowhere"] {
            let stack = tree.stack(service, Kind::Auth);
            assert!(stack.is_other, "{service}");
            assert_eq!(told(&stack), ["other:1 0 deny.so"]);
        }
        assert!(!tree.stack("sshd", Kind::Account).is_other);
        assert!(tree.stack("sshd", Kind::Session).steps.is_empty());
    }

    #[test]
    fn what_libpam_cannot_read_fails_where_it_stands() {
        let (_root, tree) = tree(&[
            ("sshd", "author required a.so\nsession include gone\nauth include inner\n"),
            ("inner", "session required\nfoo\n"),
            ("su", "account include inner\n"),
        ]);
        assert_eq!(
            told(&tree.stack("sshd", Kind::Auth)),
            ["sshd:1 0 fails", "sshd:3>inner:2 0 fails"]
        );
        assert_eq!(told(&tree.stack("sshd", Kind::Session)), ["sshd:2 0 fails"]);
        assert_eq!(told(&tree.stack("su", Kind::Account)), ["su:1>inner:2 0 fails"]);
        assert!(told(&tree.stack("su", Kind::Auth)).is_empty());
    }

    #[test]
    fn files_that_include_each_other_come_to_an_end() {
        let (_root, tree) = tree(&[
            ("one", "auth required a.so\nauth include one\n"),
            ("two", "auth required a.so\nauth include two\nauth include two\n"),
        ]);
        let one = tree.stack("one", Kind::Auth);
        assert_eq!(one.steps.len(), DEEPEST + 1);
        assert!(matches!(one.steps.last().unwrap().call, Call::Failure { .. }));
        let two = tree.stack("two", Kind::Auth);
        assert!(two.is_cut && two.steps.len() <= MOST_STEPS + DEEPEST, "{}", two.steps.len());
    }

    #[test]
    fn files_that_say_nothing_but_include_come_to_an_end() {
        let names: Vec<_> = (0..DEEPEST).map(|number| format!("level{number}")).collect();
        let texts: Vec<_> = (1..DEEPEST)
            .map(|next| format!("auth include level{next}\n").repeat(20))
            .chain([String::new()])
            .collect();
        let files: Vec<_> =
            names.iter().map(|name| &**name).zip(texts.iter().map(|t| &**t)).collect();
        let (_root, tree) = tree(&files);
        let stack = tree.stack("level0", Kind::Auth);
        assert!(stack.is_cut && stack.steps.is_empty());
    }

    #[test]
    fn a_module_is_known_by_its_file_name() {
        let (_root, tree) =
            tree(&[("a", "auth required /lib/security/pam_unix.so nullok\nauth include b\n")]);
        let stack = tree.stack("a", Kind::Auth);
        assert!(stack.steps[0].is("pam_unix.so") && stack.steps[0].has("nullok"));
        assert!(stack.steps[0].control().unwrap().text() == "required");
        assert_eq!(stack.steps[1].module(), None);
    }
}
