//! `twinlock import`: take over what another program kept.
//!
//! The files are read by root but belong to others, so each is opened with care ([`source_file`]),
//! parsed as bytes from a stranger ([`google_authenticator`], [`oath`]), and sent to the daemon
//! account by account, each whole or not at all. What is told about it stands in [`report`].

mod found;
mod google_authenticator;
mod oath;
mod report;
mod source_file;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use nix::unistd::{Uid, User, geteuid};
use twinlock_interface::{Error, proxy::ManagerProxy};

use crate::{
    arguments::import::{GoogleAuthenticator, Import, Source},
    bus,
    failure::{Exit, Failure, Name},
    moment::{Moment, host_zone},
    output::{self, Format},
};
use found::{Found, Note};
use report::{Entry, Outcome};
use source_file::{Place, SourceFile, Unfit};

/// The file in a home.
const FILE_NAME: &str = ".google_authenticator";
/// Largest file `pam_google_authenticator` reads.
const MOST_BYTES_OF_ONE: usize = 64 * 1024;
/// A `users.oath` of some ten thousand accounts.
const MOST_BYTES_OF_ALL: usize = 4 * 1024 * 1024;

pub(crate) fn run(options: &Import, format: Format) -> Result<(), Failure> {
    // The daemon would say so, too, but a dry run does not get that far.
    if !geteuid().is_root() {
        return Err(Error::NotAuthorized("Only root may import accounts.".to_owned()).into());
    }
    let mut import = Run::new(Bus, options.dry_run, format);
    match &options.source {
        Source::GoogleAuthenticator(source) => {
            let layout = Layout::of(source);
            let take = &mut |path: PathBuf, file| import.take(&of_one(&path, file, layout));
            source.paths.iter().try_for_each(|path| layout.visit(path, take))?;
        }
        Source::Oath(source) => {
            let accounts = of_all(&source.file)?;
            accounts.iter().try_for_each(|account| import.take(account))?;
        }
    }
    import.end()
}

/// An account as a source has it.
struct Account {
    /// Unknown when the file could not be opened, or its owner has no account.
    user: Option<String>,
    /// The file.
    source: String,
    /// What it brings along, or why nothing is taken over.
    content: Result<Found, String>,
}

/// Where the files of `pam_google_authenticator` lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Each in its home.
    Home,
    /// Each in its home, and the homes in one directory.
    Tree,
    /// In one directory, named after the accounts.
    ByFileName,
}

impl Layout {
    fn of(source: &GoogleAuthenticator) -> Self {
        match (source.tree, source.by_file_name) {
            (true, _) => Self::Tree,
            (_, true) => Self::ByFileName,
            _ => Self::Home,
        }
    }

    /// Opens one file after the other at or below `path` and hands it to `take`, or what is in the
    /// way. In a tree, what is no home and a home without the file are passed over.
    fn visit(
        self,
        path: &Path,
        take: &mut impl FnMut(PathBuf, Result<SourceFile, Unfit>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let directory = match (source_file::open(path), self) {
            (Ok(Place::Directory(directory)), _) => directory,
            (Ok(Place::File(_)), Self::Tree) => {
                return take(path.to_owned(), Err(Unfit::NotDirectory));
            }
            (Ok(Place::File(file)), _) => return take(path.to_owned(), Ok(file)),
            (Err(unfit), _) => return take(path.to_owned(), Err(unfit)),
        };
        if self == Self::Home {
            return take(path.join(FILE_NAME), directory.open_file(FILE_NAME.as_ref()));
        }
        let names = match directory.names() {
            Ok(names) => names,
            Err(unfit) => return take(path.to_owned(), Err(unfit)),
        };
        for name in names {
            if self == Self::ByFileName {
                take(path.join(&name), directory.open_file(&name))?;
                continue;
            }
            match directory.open(&name) {
                Ok(Place::Directory(home)) => match home.open_file(FILE_NAME.as_ref()) {
                    Err(Unfit::Missing) => {}
                    file => take(path.join(&name).join(FILE_NAME), file)?,
                },
                Ok(Place::File(_)) | Err(Unfit::Special) => {}
                // A link may have been somebody's home.
                Err(unfit) => take(path.join(&name), Err(unfit))?,
            }
        }
        Ok(())
    }

    /// Whose file it is, by its owner and the owner of its directory, which have to agree: in a
    /// home that is not the owner's, somebody else chose what lies there.
    fn account(self, path: &Path, owner: u32, directory_owner: u32) -> Result<String, String> {
        if self == Self::ByFileName {
            return named(path, owner);
        }
        if owner != directory_owner {
            return Err(format!(
                "the file belongs to {}, the directory to {} (say --by-file-name where files are \
                 named after their accounts)",
                in_words(owner),
                in_words(directory_owner)
            ));
        }
        let user = User::from_uid(Uid::from_raw(owner));
        match user.map_err(|error| format!("the user database could not be asked: {error}"))? {
            Some(user) => Ok(user.name),
            None => Err(format!("its owner, uid {owner}, has no account")),
        }
    }
}

/// The account a file is named after, whose own or root's it must be.
fn named(path: &Path, owner: u32) -> Result<String, String> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("the name is no text")?;
    if owner != 0 {
        let user = User::from_name(name)
            .map_err(|error| format!("the user database could not be asked: {error}"))?;
        if user.is_none_or(|user| user.uid.as_raw() != owner) {
            return Err(format!("the file belongs to {}, not to root", in_words(owner)));
        }
    }
    Ok(name.to_owned())
}

/// The name of `uid`, or at least its number.
fn in_words(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

/// The account of a `.google_authenticator` file.
fn of_one(path: &Path, file: Result<SourceFile, Unfit>, layout: Layout) -> Account {
    let source = path.display().to_string();
    let file = match file {
        Ok(file) => file,
        Err(unfit) => return Account { user: None, source, content: Err(unfit.to_string()) },
    };
    match layout.account(path, file.owner(), file.directory_owner()) {
        Ok(user) => Account { user: Some(user), source, content: content(file) },
        Err(reason) => Account { user: None, source, content: Err(reason) },
    }
}

fn content(file: SourceFile) -> Result<Found, String> {
    let is_exposed = file.is_exposed();
    let bytes = file.read(MOST_BYTES_OF_ONE).map_err(|unfit| unfit.to_string())?;
    let moment = Moment::now();
    let found = google_authenticator::read(&bytes, moment.seconds());
    let mut found = found.map_err(|refusal| refusal.describe(&moment))?;
    found.notes.extend(is_exposed.then_some(Note::Exposed));
    Ok(found)
}

/// The accounts of a `users.oath` file, which is root's.
fn of_all(path: &Path) -> Result<Vec<Account>, Failure> {
    let unfit = |unfit: Unfit| Failure::file_input(path, &unfit.to_string());
    let file = match source_file::open(path).map_err(unfit)? {
        Place::File(file) => file,
        Place::Directory(_) => return Err(unfit(Unfit::NotFile)),
    };
    if file.owner() != 0 {
        let owner = in_words(file.owner());
        return Err(Failure::file_input(path, &format!("it belongs to {owner}, not to root")));
    }
    let is_exposed = file.is_exposed();
    let bytes = file.read(MOST_BYTES_OF_ALL).map_err(unfit)?;
    let moment = Moment::now();
    let clock = oath::Clock { now: moment.seconds(), zone: host_zone() };
    let accounts = oath::read(&bytes, &clock);
    let source = path.display().to_string();
    let account = |account: oath::Account| {
        let mut content = account.content.map_err(|refusal| refusal.describe(&moment));
        if let Ok(found) = &mut content {
            found.notes.extend(is_exposed.then_some(Note::Exposed));
        }
        Account { user: Some(account.user), source: source.clone(), content }
    };
    Ok(accounts.into_iter().map(account).collect())
}

/// What an import asks of the daemon.
trait Daemon {
    fn import(&self, user: &str, found: &Found, dry_run: bool) -> Result<(), Failure>;
}

/// The daemon on the system bus.
struct Bus;

impl Daemon for Bus {
    fn import(&self, user: &str, found: &Found, dry_run: bool) -> Result<(), Failure> {
        let codes: Vec<&str> = found.recovery_codes.iter().map(|code| code.as_str()).collect();
        bus::call_for_recovery_codes(async |bus| {
            let manager = ManagerProxy::new(bus).await?;
            manager.import(user, &found.authenticators, &codes, dry_run).await
        })
    }
}

/// Whose account it is: names that share a uid share their authenticators.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Person {
    Known(u32),
    /// The host has no such account, or did not say.
    Unknown(String),
}

impl Person {
    fn named(user: &str) -> Self {
        match User::from_name(user) {
            Ok(Some(user)) => Self::Known(user.uid.as_raw()),
            _ => Self::Unknown(user.to_owned()),
        }
    }
}

/// An import in progress.
struct Run<D> {
    daemon: D,
    dry_run: bool,
    format: Format,
    /// Accounts that have been read, so that a dry run tells a second file as the real one would.
    seen: BTreeSet<Person>,
    imported: usize,
    left_out: usize,
}

impl<D: Daemon> Run<D> {
    fn new(daemon: D, dry_run: bool, format: Format) -> Self {
        Self { daemon, dry_run, format, seen: BTreeSet::new(), imported: 0, left_out: 0 }
    }

    /// Sends one account to the daemon and reports it.
    ///
    /// An error is what stands in the way of every account, not of this one.
    fn take(&mut self, account: &Account) -> Result<(), Failure> {
        let outcome = self.hand_over(account)?;
        let entry = Entry {
            user: account.user.as_deref(),
            source: &account.source,
            outcome: &outcome,
            found: account.content.as_ref().ok(),
        };
        report::write(&entry, self.format)
    }

    fn hand_over(&mut self, account: &Account) -> Result<Outcome, Failure> {
        let outcome = self.outcome(account).map_err(|failure| self.interrupted(failure))?;
        match outcome {
            Outcome::Imported | Outcome::WouldBeImported => self.imported += 1,
            Outcome::Skipped | Outcome::Refused(_) => self.left_out += 1,
        }
        Ok(outcome)
    }

    fn outcome(&mut self, account: &Account) -> Result<Outcome, Failure> {
        let (user, found) = match (&account.user, &account.content) {
            (Some(user), Ok(found)) => (user, found),
            (_, Err(reason)) => return Ok(Outcome::Refused(reason.clone())),
            (None, Ok(_)) => return Ok(Outcome::Refused("its account is unknown".to_owned())),
        };
        if !self.seen.insert(Person::named(user)) {
            return Ok(Outcome::Refused("the account came up before".to_owned()));
        }
        let done = if self.dry_run { Outcome::WouldBeImported } else { Outcome::Imported };
        match self.daemon.import(user, found, self.dry_run).map(|()| done) {
            Err(failure) if failure.name == Name::AlreadyEnrolled => Ok(Outcome::Skipped),
            Err(failure) if concerns_only_one(&failure) => {
                // What the daemon said is the first line, advice for people follows.
                let said = failure.message.lines().next().unwrap_or_default();
                Ok(Outcome::Refused(said.trim_end_matches('.').to_owned()))
            }
            answer => answer,
        }
    }

    /// With what has been done by then, which stays.
    fn interrupted(&self, failure: Failure) -> Failure {
        if self.dry_run || self.imported == 0 {
            return failure;
        }
        failure.advise(&format!(
            "Before that, {} imported. Run it again for the others: those will be skipped.",
            were(self.imported)
        ))
    }

    fn end(&self) -> Result<(), Failure> {
        let summary = self.summary()?;
        match self.format {
            Format::Text => output::text(&format!("{summary}\n")),
            Format::Json => Ok(()),
        }
    }

    fn summary(&self) -> Result<String, Failure> {
        let all = self.left_out.saturating_add(self.imported);
        let done = if self.dry_run { "importable" } else { "imported" };
        match self.left_out {
            0 if all == 0 => Ok("Nothing was found.".to_owned()),
            0 => Ok(format!("{} {done}.", were(all))),
            some => Err(Failure::not_imported(format!("Of {all}, {} not {done}.", were(some)))),
        }
    }
}

/// Whether the next account may fare better.
fn concerns_only_one(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Refused | Exit::Usage)
        && !matches!(failure.name, Name::NotAuthorized | Name::LimitsExceeded)
}

/// `1 account was`, `2 accounts were`.
fn were(count: usize) -> String {
    if count == 1 { "1 account was".to_owned() } else { format!("{count} accounts were") }
}

#[cfg(test)]
mod tests;
