//! What this command has changed, and what it is about to change: on disk before the first file is
//! touched.
//!
//! Two files of one form. `journal.json` is there while a change is not finished, and holds what will
//! be remembered once it is. Finishing it is one rename, to `enabled.json`: nothing is ever half
//! remembered. Whoever finds a journal and no reason to wait puts everything back.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    thread,
    time::Duration,
};

use data_encoding::HEXLOWER;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag},
    unistd::{getegid, geteuid},
};
use serde::{Deserialize, Serialize};

use super::{
    boot_clock::BootTime,
    durable_file::{self, Image},
    site::Site,
};

const JOURNAL: &str = "journal.json";
const ENABLED: &str = "enabled.json";
const LOCK: &str = "lock";
const VERSION: u32 = 1;
/// Room for more services than one host has.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Not the uuid of /proc: a rescue shell may have none mounted.
const RANDOM: &str = "/dev/urandom";

/// How the code is asked for in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Way {
    /// After the password.
    Password,
    /// In the place of the password, behind sshd's key.
    Key,
    /// In one line with the password. Only ever found, never written.
    OneLine,
}

/// What was done to a line, so that it can be undone in a file that was edited since. Lines are told
/// without their end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reworded {
    pub(super) was: String,
    pub(super) is: String,
}

/// A change of one file. Paths are as the host names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edit {
    pub(super) path: PathBuf,
    /// `None` where there was no file.
    pub(super) before: Option<Image>,
    pub(super) after: Option<Image>,
    pub(super) reworded: Option<Reworded>,
}

/// A service that asks for a code because of this command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Enabled {
    pub(super) service: String,
    pub(super) way: Way,
    /// Seconds since the Unix epoch.
    pub(super) at: u64,
    pub(super) edit: Edit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Doing {
    Enabling,
    Disabling,
}

/// A change that is to be kept only if it proves itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    pub(super) ends: BootTime,
    /// The audit's youngest event when it began; `None` where the audit could not be asked.
    pub(super) events_after: Option<u64>,
}

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) doing: Doing,
    pub(super) services: Vec<String>,
    pub(super) edits: Vec<Edit>,
    pub(super) trial: Option<Trial>,
}

/// The form of both files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u32,
    pub(super) enabled: Vec<Enabled>,
    /// In the journal the change that is under way, else the last one.
    pub(super) change: Option<Change>,
}

impl Default for Record {
    fn default() -> Self {
        Self { version: VERSION, enabled: Vec::new(), change: None }
    }
}

impl Record {
    /// What counts now; nothing on a host where nothing was ever changed.
    pub(super) fn kept(site: &Site) -> io::Result<Self> {
        Ok(Self::read(&site.state().join(ENABLED))?.unwrap_or_default())
    }

    /// The change under way, and what would count after it.
    pub(super) fn pending(site: &Site) -> io::Result<Option<(Self, Change)>> {
        let Some(record) = Self::read(&site.state().join(JOURNAL))? else { return Ok(None) };
        match record.change.clone() {
            Some(change) => Ok(Some((record, change))),
            None => Err(io::Error::other(format!("{JOURNAL} names no change"))),
        }
    }

    fn read(path: &std::path::Path) -> io::Result<Option<Self>> {
        let explained = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("{} cannot be used: {error}", path.display()))
        };
        let content = match durable_file::trusted_content(path, MOST_BYTES) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(explained(&error)),
        };
        let record: Self = serde_json::from_slice(&content).map_err(|error| explained(&error))?;
        if record.version != VERSION {
            return Err(explained(&format!("it is of version {}", record.version)));
        }
        Ok(Some(record))
    }

    /// Writes down what is about to be done.
    pub(super) fn begin(&self, site: &Site) -> io::Result<()> {
        let image = Image {
            mode: 0o600,
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            content: serde_json::to_vec(self)?,
        };
        durable_file::replace(&site.state().join(JOURNAL), &image)
    }
}

/// From here on the change counts.
pub(super) fn finish(site: &Site) -> io::Result<()> {
    let (journal, enabled) = (site.state().join(JOURNAL), site.state().join(ENABLED));
    fs::rename(journal, &enabled)?;
    durable_file::sync_directory_of(&enabled)
}

/// The change never was.
pub(super) fn forget(site: &Site) -> io::Result<()> {
    durable_file::bring_about(&site.state().join(JOURNAL), None)
}

/// A name for a change.
pub(super) fn new_id() -> io::Result<String> {
    let mut random = [0; 16];
    File::open(RANDOM)?.read_exact(&mut random)?;
    Ok(HEXLOWER.encode(&random))
}

/// Whoever changes anything holds this, so that there is one at a time. `None` when somebody else
/// still does after `patience`.
pub(super) fn lock(site: &Site, patience: Duration) -> io::Result<Option<Flock<File>>> {
    const PAUSE: Duration = Duration::from_millis(50);
    durable_file::private_directory(&site.state())?;
    let mut left = patience;
    let mut file = open_private(&site.state().join(LOCK))?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((file, Errno::EWOULDBLOCK)) => file,
            Err((_, error)) => return Err(error.into()),
        };
        match left.checked_sub(PAUSE) {
            Some(rest) => left = rest,
            None => return Ok(None),
        }
        thread::sleep(PAUSE);
    }
}

/// A file of this command's own directory, made when it is missing.
pub(super) fn open_private(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let change = Change {
            id: new_id().unwrap(),
            doing: Doing::Enabling,
            services: vec!["sshd".into()],
            edits: vec![],
            trial: Some(Trial { ends: BootTime::now().unwrap(), events_after: Some(7) }),
        };
        Record { change: Some(change), ..Record::default() }
    }

    #[test]
    fn what_is_begun_is_pending_until_it_is_finished_or_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        fs::create_dir_all(site.state().parent().unwrap()).unwrap();
        drop(lock(&site, Duration::ZERO).unwrap().unwrap());
        assert_eq!(Record::pending(&site).unwrap(), None);
        assert_eq!(Record::kept(&site).unwrap(), Record::default());

        let begun = record();
        begun.begin(&site).unwrap();
        assert_eq!(Record::pending(&site).unwrap().unwrap().0, begun);
        forget(&site).unwrap();
        assert_eq!(Record::pending(&site).unwrap(), None);
        assert_eq!(Record::kept(&site).unwrap(), Record::default());

        begun.begin(&site).unwrap();
        finish(&site).unwrap();
        assert_eq!(Record::pending(&site).unwrap(), None);
        assert_eq!(Record::kept(&site).unwrap(), begun);
    }

    #[test]
    fn a_journal_that_is_not_understood_is_an_error_and_not_a_missing_one() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        fs::create_dir_all(site.state()).unwrap();
        let newer = Record { version: VERSION + 1, ..record() };
        for text in ["", "{", "{}", &serde_json::to_string(&newer).unwrap()] {
            fs::write(site.state().join(JOURNAL), text).unwrap();
            assert!(Record::pending(&site).is_err(), "{text}");
        }
    }

    #[test]
    fn a_change_has_a_name_of_its_own_that_every_directory_takes() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert!(one != other && one.len() == 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
    }

    #[test]
    fn a_journal_that_others_can_write_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        fs::create_dir_all(site.state()).unwrap();
        record().begin(&site).unwrap();
        assert!(Record::pending(&site).is_ok());
        let path = site.state().join(JOURNAL);
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(Record::pending(&site).unwrap_err().to_string().contains("others than root"));
    }

    #[test]
    fn one_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        fs::create_dir_all(site.state().parent().unwrap()).unwrap();
        let first = lock(&site, Duration::ZERO).unwrap();
        assert!(first.is_some() && lock(&site, Duration::from_millis(60)).unwrap().is_none());
        drop(first);
        assert!(lock(&site, Duration::ZERO).unwrap().is_some());
    }
}
