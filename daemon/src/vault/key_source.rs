//! Where the master key comes from.
//!
//! First a systemd credential (sealed to the TPM where the host has one), else
//! `master.key` in the state directory: 64 hex digits, mode 0400, owner root. Never an environment
//! variable: the environment of a process can be read by more eyes than its memory.
//!
//! A missing key is made only while the database holds nothing sealed; afterwards a new key would
//! turn a mislaid file into the loss of every enrolment.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Name of the systemd credential.
const CREDENTIAL: &str = "twinlock-master-key";
/// Name of the file in the state directory.
pub(crate) const FILE: &str = "master.key";
const KEY_BYTES: usize = 32;

/// 256 bit from which every other key is derived.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    fn from_hex(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(['\n', '\r']);
        let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?);
        Some(Self(bytes.as_slice().try_into().ok()?))
    }
}

#[derive(Debug)]
pub(crate) enum KeyError {
    Missing(PathBuf),
    NotPrivate(PathBuf),
    Malformed(PathBuf),
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(path) => write!(
                f,
                "{0}: the master key is missing, and the database holds secrets sealed with it. \
                 Put the key back from your backup. If it is lost for good, move the database \
                 away (mv {1} {1}.lost) and start again: everybody enrols anew",
                path.display(),
                path.with_file_name(crate::store::FILE).display(),
            ),
            Self::NotPrivate(path) => write!(
                f,
                "{0}: the master key must be a plain file of root that nobody else can read; \
                 run: chown root: {0} && chmod 0400 {0}. If others could read it, treat every \
                 secret as known and enrol anew",
                path.display()
            ),
            Self::Malformed(path) => write!(
                f,
                "{0}: the master key must be 64 hex digits. Put it back from your backup, or, if \
                 nobody is enrolled yet, delete the file: the next start makes a new one",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// Finds the master key, or makes one in `state` when `may_create`.
///
/// `credentials` is the directory systemd names, if it does.
pub(crate) fn master_key(
    credentials: Option<&Path>,
    state: &Path,
    may_create: bool,
) -> Result<MasterKey, KeyError> {
    if let Some(path) = credentials.map(|directory| directory.join(CREDENTIAL))
        && path.exists()
    {
        return read(&path);
    }
    let path = state.join(FILE);
    match fs::symlink_metadata(&path) {
        Ok(_) => read(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => create(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyError::Missing(path)),
        Err(error) => Err(KeyError::Io(path, error)),
    }
}

fn read(path: &Path) -> Result<MasterKey, KeyError> {
    let io = |error| KeyError::Io(path.to_owned(), error);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)
        .map_err(io)?;
    // Asked of the open file, so that the name cannot be exchanged in between.
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() || metadata.uid() != 0 || metadata.mode() & 0o077 != 0 {
        return Err(KeyError::NotPrivate(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::with_capacity(128));
    match (&file).take(128).read_to_string(&mut text) {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => Err(io(error)),
        _ => MasterKey::from_hex(&text).ok_or_else(|| KeyError::Malformed(path.to_owned())),
    }
}

/// Makes a key that is whole or not there: written aside, synced, then linked into place.
fn create(path: &Path) -> Result<MasterKey, KeyError> {
    let io = |error| KeyError::Io(path.to_owned(), error);
    let mut key = MasterKey([0; KEY_BYTES]);
    getrandom::fill(&mut key.0).map_err(|error| io(io::Error::other(error.to_string())))?;
    let text = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(&key.0) + "\n");
    let aside = path.with_extension("key.new");
    if let Err(error) = fs::remove_file(&aside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(io(error));
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o400).open(&aside).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&aside, path).map_err(io)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(directory: &Path, text: &str, mode: u32) -> PathBuf {
        let path = directory.join(FILE);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_first_start_makes_a_private_key_and_the_next_finds_it() {
        let state = tempfile::tempdir().unwrap();
        let made = master_key(None, state.path(), true).unwrap();
        let mode = fs::metadata(state.path().join(FILE)).unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o400);
        let found = master_key(None, state.path(), false).unwrap();
        assert_eq!(made.as_bytes(), found.as_bytes());
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_mislaid_key_is_not_replaced() {
        let state = tempfile::tempdir().unwrap();
        assert!(matches!(master_key(None, state.path(), false), Err(KeyError::Missing(_))));
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_key_others_can_read_is_refused() {
        let state = tempfile::tempdir().unwrap();
        for mode in [0o444, 0o440, 0o404, 0o600 | 0o020] {
            write(state.path(), &"ab".repeat(32), mode);
            let refused = master_key(None, state.path(), true);
            assert!(matches!(refused, Err(KeyError::NotPrivate(_))), "{mode:o}");
        }
    }

    #[test]
    fn a_short_long_or_garbled_key_is_refused() {
        let state = tempfile::tempdir().unwrap();
        for text in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"zz".repeat(32)] {
            write(state.path(), text, 0o400);
            let refused = master_key(None, state.path(), true);
            assert!(matches!(refused, Err(KeyError::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let state = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let real = write(elsewhere.path(), &"ab".repeat(32), 0o400);
        std::os::unix::fs::symlink(real, state.path().join(FILE)).unwrap();
        assert!(matches!(master_key(None, state.path(), true), Err(KeyError::Io(..))));
    }

    #[test]
    fn a_credential_goes_before_the_file() {
        let state = tempfile::tempdir().unwrap();
        write(state.path(), &"ab".repeat(32), 0o400);
        let credentials = tempfile::tempdir().unwrap();
        let path = credentials.path().join(CREDENTIAL);
        fs::write(&path, "cd".repeat(32)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        let key = master_key(Some(credentials.path()), state.path(), false).unwrap();
        assert_eq!(key.as_bytes(), [0xcd; 32]);
    }
}
