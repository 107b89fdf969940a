//! From directories to answers of a daemon that is made up.

use std::{
    cell::RefCell,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;
use nix::unistd::getuid;
use tempfile::TempDir;

// The seed of RFC 4226 appendix D.
const FILE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n10000001\n";
const LINE: &str = "HOTP alice - 3132333435363738393031323334353637383930";

fn write(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
}

fn own_name() -> String {
    User::from_uid(getuid()).unwrap().unwrap().name
}

/// What a layout finds at a path: the accounts, or why not, with paths below `root`.
fn visited(layout: Layout, root: &TempDir, path: &str) -> Vec<(String, Result<String, String>)> {
    let mut accounts = Vec::new();
    layout
        .visit(&root.path().join(path), &mut |path, file| {
            let account = of_one(&path, file, layout);
            let path = path.strip_prefix(root.path()).unwrap().display().to_string();
            accounts.push((path, account.content.map(|_| account.user.unwrap())));
            Ok(())
        })
        .unwrap();
    accounts
}

#[test]
fn the_account_is_the_owner_of_a_file_or_of_the_home_it_lies_in() {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join(FILE_NAME), FILE);
    for path in ["", FILE_NAME] {
        assert_eq!(visited(Layout::Home, &root, path), [(FILE_NAME.into(), Ok(own_name()))]);
    }
    let missing = visited(Layout::Home, &root, "none");
    assert_eq!(missing, [("none".into(), Err("there is no such file".into()))]);
}

#[test]
fn a_tree_is_every_home_with_a_file_and_tells_the_links() {
    let root = tempfile::tempdir().unwrap();
    for home in ["a", "b", "bare", "empty"] {
        fs::create_dir(root.path().join(home)).unwrap();
    }
    write(&root.path().join("a").join(FILE_NAME), FILE);
    write(&root.path().join("b").join(FILE_NAME), "?");
    write(&root.path().join("stray"), FILE);
    symlink(root.path().join("a"), root.path().join("c")).unwrap();
    symlink(root.path().join("a").join(FILE_NAME), root.path().join("empty").join(FILE_NAME))
        .unwrap();

    let found = visited(Layout::Tree, &root, "");
    let names: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    let file = |home: &str| format!("{home}/{FILE_NAME}");
    assert_eq!(names, [file("a"), file("b"), "c".into(), file("empty")]);
    assert_eq!(found[0].1, Ok(own_name()));
    assert_eq!(found[1].1, Err("the first line is no base32 secret".into()));
    for link in &found[2..] {
        assert!(link.1.as_ref().unwrap_err().contains("links are not followed"), "{link:?}");
    }
    let file = visited(Layout::Tree, &root, "stray");
    assert_eq!(file, [("stray".into(), Err("it is not a directory".into()))]);
}

#[test]
fn files_named_after_accounts_are_root_s_or_their_own() {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join(own_name()), FILE);
    for path in [String::new(), own_name()] {
        assert_eq!(visited(Layout::ByFileName, &root, &path), [(own_name(), Ok(own_name()))]);
    }
    let path = Path::new("/var/lib/google-authenticator/nobody-has-this-name");
    assert_eq!(named(path, 0).as_deref(), Ok("nobody-has-this-name"));
    assert_eq!(
        named(path, 4_000_000_000).unwrap_err(),
        "the file belongs to uid 4000000000, not to root"
    );
}

#[test]
fn a_file_that_is_not_the_home_s_owner_s_is_refused() {
    let path = Path::new("/home/alice/.google_authenticator");
    for (owner, directory) in [(0, 4_000_000_000), (4_000_000_000, 0)] {
        let refused = Layout::Home.account(path, owner, directory).unwrap_err();
        assert!(refused.contains("root") && refused.contains("uid 4000000000"), "{refused}");
    }
    let refused = Layout::Tree.account(path, 4_000_000_000, 4_000_000_000).unwrap_err();
    assert_eq!(refused, "its owner, uid 4000000000, has no account");
    assert_eq!(Layout::Home.account(Path::new("/root"), 0, 0).as_deref(), Ok("root"));
}

#[test]
fn users_oath_is_root_s_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("users.oath");
    write(&path, LINE);
    symlink(&path, root.path().join("link")).unwrap();
    let refused = |path: &Path| of_all(path).err().unwrap().message;
    if getuid().is_root() {
        assert_eq!(of_all(&path).unwrap()[0].user.as_deref(), Some("alice"));
        std::os::unix::fs::chown(&path, Some(4_000_000_000), None).unwrap();
    }
    assert!(refused(&path).ends_with("not to root."), "{}", refused(&path));
    assert!(refused(&root.path().join("link")).contains("links are not followed"));
    assert!(refused(root.path()).contains("it is a directory"));
}

#[test]
fn a_file_that_others_could_read_is_a_warning() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(FILE_NAME);
    write(&path, FILE);
    for (mode, is_warned) in [(0o400, false), (0o640, true)] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let Ok(Place::File(file)) = source_file::open(&path) else { panic!("no file") };
        let notes = content(file).unwrap().notes;
        assert_eq!(notes.contains(&Note::Exposed), is_warned, "{mode:o}");
    }
}

/// Knows the account `on`, refuses `nobody`, is out of reach for `gone` and tells root from others
/// for `mine`.
#[derive(Default)]
struct Scripted {
    calls: RefCell<Vec<String>>,
}

impl Scripted {
    fn answer(&self, call: String, user: &str) -> Result<(), Failure> {
        self.calls.borrow_mut().push(call);
        match user {
            "nobody" => Err(Error::NoSuchAccount("No such account.".into()).into()),
            "odd" => Err(Error::InvalidArgument("Too long.".into()).into()),
            "gone" => Err(Error::Unavailable("Not now.".into()).into()),
            "mine" => Err(Error::NotAuthorized("Not allowed.".into()).into()),
            _ => Ok(()),
        }
    }
}

impl Daemon for Scripted {
    fn import(&self, user: &str, found: &Found, dry_run: bool) -> Result<(), Failure> {
        let (tokens, codes) = (found.authenticators.len(), found.recovery_codes.len());
        let what = if dry_run { "look at" } else { "import" };
        self.answer(format!("{what} {user} {tokens} {codes}"), user)?;
        if user == "on" { Err(Error::AlreadyEnrolled("Has one.".into()).into()) } else { Ok(()) }
    }
}

fn account(user: &str) -> Account {
    let content = google_authenticator::read(FILE.as_bytes(), 1_111_111_109);
    Account {
        user: Some(user.into()),
        source: FILE_NAME.into(),
        content: content.map_err(|refusal| refusal.describe(&Moment::now())),
    }
}

fn run(dry_run: bool) -> Run<Scripted> {
    Run::new(Scripted::default(), dry_run, Format::Text)
}

#[test]
fn an_account_is_imported_with_all_it_has_or_skipped_or_refused_with_the_reason() {
    let mut run = run(false);
    let refused = |reason: &str| Outcome::Refused(reason.into());
    for (user, outcome) in [
        ("alice", Outcome::Imported),
        ("on", Outcome::Skipped),
        ("nobody", refused("No such account")),
        ("odd", refused("Too long")),
        ("alice", refused("the account came up before")),
    ] {
        assert_eq!(run.outcome(&account(user)).unwrap(), outcome, "{user}");
    }
    let bad = Account { content: Err("no text".into()), ..account("bob") };
    assert_eq!(run.outcome(&bad).unwrap(), refused("no text"));
    assert_eq!(
        *run.daemon.calls.borrow(),
        ["import alice 1 1", "import on 1 1", "import nobody 1 1", "import odd 1 1"]
    );
}

#[test]
fn names_that_share_a_uid_are_one_person() {
    assert!(Person::named("root") == Person::Known(0));
    let nobody = Person::named("nobody-has-this-name");
    assert!(nobody == Person::Unknown("nobody-has-this-name".into()));
}

#[test]
fn a_dry_run_has_the_daemon_look_and_do_nothing() {
    let mut run = run(true);
    for (user, outcome) in [("alice", Outcome::WouldBeImported), ("on", Outcome::Skipped)] {
        assert_eq!(run.outcome(&account(user)).unwrap(), outcome, "{user}");
    }
    assert_eq!(*run.daemon.calls.borrow(), ["look at alice 1 1", "look at on 1 1"]);
}

#[test]
fn what_stands_in_the_way_of_all_ends_the_import() {
    for (user, name, status) in [("gone", Name::Unavailable, 3), ("mine", Name::NotAuthorized, 1)] {
        let mut run = run(false);
        run.hand_over(&account("alice")).unwrap();
        let failure = run.hand_over(&account(user)).unwrap_err();
        assert_eq!((failure.name, failure.exit.code()), (name, status));
        assert!(failure.message.contains("\nBefore that, 1 account was imported."));
    }
}

#[test]
fn the_exit_status_is_0_when_every_account_was_imported_and_1_else() {
    let ended = |users: &[&str], dry_run| {
        let mut run = run(dry_run);
        for user in users {
            run.hand_over(&account(user)).unwrap();
        }
        run.summary().map_err(|failure| (failure.exit.code(), failure.name, failure.message))
    };
    for (users, dry_run, summary) in [
        (&[][..], false, "Nothing was found."),
        (&["alice"], false, "1 account was imported."),
        (&["alice", "bob"], true, "2 accounts were importable."),
    ] {
        assert_eq!(ended(users, dry_run).unwrap(), summary);
    }
    for (users, dry_run, summary) in [
        (&["on"][..], false, "Of 1, 1 account was not imported."),
        (&["alice", "nobody", "on"], false, "Of 3, 2 accounts were not imported."),
        (&["alice", "on"], true, "Of 2, 1 account was not importable."),
    ] {
        assert_eq!(ended(users, dry_run).unwrap_err(), (1, Name::NotImported, summary.to_owned()));
    }
}
