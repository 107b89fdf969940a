//! Replacing a file so that, whatever happens, there is either the old one or the new one.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use nix::{
    fcntl::OFlag,
    sys::stat::{Mode, fchmod},
    unistd::{Gid, Uid, fchown},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{bounded_file, ownership::is_writable_by_others, pam_config::MOST_BYTES};

/// All of a file that is brought back with it.
///
/// Its POSIX ACL is not: one that lets others write shows as the group's bits of the mode, and such a
/// file is never edited; what is lost is somebody's leave to read. Nor is its SELinux label: a new file
/// in a directory takes the label that the policy gives to files there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub(super) content: Vec<u8>,
}

impl Image {
    /// The file at `path` itself, `None` when there is none. A link is an error.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        let about = match fs::symlink_metadata(path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !about.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let content = bounded_file::content(path, MOST_BYTES)?.to_vec();
        let mode = about.mode() & 0o7777;
        Ok(Some(Self { mode, uid: about.uid(), gid: about.gid(), content }))
    }

    /// The same file with something else in it.
    pub(super) fn with(&self, content: Vec<u8>) -> Self {
        Self { content, ..*self }
    }
}

/// Makes the file at `path` what `image` is, or removes it. On disk when this returns.
pub(super) fn bring_about(path: &Path, image: Option<&Image>) -> io::Result<()> {
    match image {
        Some(image) => replace(path, image),
        None => {
            remove_if_there(path)?;
            sync_directory_of(path)
        }
    }
}

/// A new file takes the place of the old one, with a name of its own until then: no reader ever finds
/// half a file. Whoever calls sees to it that only one does.
pub(super) fn replace(path: &Path, image: &Image) -> io::Result<()> {
    let new = beside(path)?;
    remove_if_there(&new)?;
    let replaced = write(&new, image).and_then(|()| fs::rename(&new, path));
    if let Err(error) = replaced {
        // The disk may be full because of it.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    sync_directory_of(path)
}

/// Removes what a run that was killed left beside `path`.
pub(super) fn clear_up_beside(path: &Path) -> io::Result<()> {
    remove_if_there(&beside(path)?)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `pam.d/.sshd.twinlock-new` for `pam.d/sshd`.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".twinlock-new");
    Ok(path.with_file_name(hidden))
}

fn write(path: &Path, image: &Image) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    file.write_all(&image.content)?;
    // The owner first: a change of owner clears bits of the mode.
    fchown(&file, Some(Uid::from_raw(image.uid)), Some(Gid::from_raw(image.gid)))?;
    fchmod(&file, Mode::from_bits_truncate(image.mode))?;
    file.sync_all()
}

/// A new name is on disk when its directory is.
pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    File::open(directory)?.sync_all()
}

/// Makes the directory at `path`, for its owner alone, or sees to it that it is so.
pub(super) fn private_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_directory_of(path)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let about = fs::symlink_metadata(path)?;
    if about.is_dir() && is_own(&about) && about.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::other(
        "it must be a directory that belongs to root and to nobody else, mode 0700",
    ))
}

/// All of a file that decides what root writes, of at most `most` bytes. One that others could have
/// written, or put there, is an error.
pub(super) fn trusted_content(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    for path in [directory, path] {
        let about = fs::symlink_metadata(path)?;
        if about.is_symlink() || !is_own(&about) || is_writable_by_others(about.mode()) {
            return Err(io::Error::other("others than root can write to it"));
        }
    }
    Ok(bounded_file::content(path, most)?.to_vec())
}

fn is_own(about: &Metadata) -> bool {
    about.uid() == nix::unistd::geteuid().as_raw()
}

fn to_base64<S: Serializer>(content: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(content))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_owner_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sshd");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let old = Image::of(&path).unwrap().unwrap();
        // Left behind by a run that was killed.
        fs::write(directory.path().join(".sshd.twinlock-new"), "half").unwrap();
        replace(&path, &old.with(b"new\xff".to_vec())).unwrap();
        let new = Image::of(&path).unwrap().unwrap();
        assert_eq!((new.mode, &*new.content), (0o640, &b"new\xff"[..]));
        bring_about(&path, Some(&old)).unwrap();
        assert_eq!(Image::of(&path).unwrap().unwrap(), old);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        bring_about(&path, None).unwrap();
        bring_about(&path, None).unwrap();
        assert_eq!(Image::of(&path).unwrap(), None);
    }

    #[test]
    fn a_link_in_the_place_of_the_new_file_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("sshd"), directory.path().join("other"));
        fs::write(&other, "other").unwrap();
        symlink(&other, directory.path().join(".sshd.twinlock-new")).unwrap();
        let image = Image { content: b"new".to_vec(), ..Image::of(&other).unwrap().unwrap() };
        replace(&path, &image).unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert!(Image::of(&path).unwrap().is_some());
    }

    #[test]
    fn what_is_no_file_has_no_image() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert!(Image::of(&link).is_err() && Image::of(directory.path()).is_err());
    }

    #[test]
    fn an_image_is_the_same_after_it_was_written_down() {
        let image = Image { mode: 0o644, uid: 0, gid: 0, content: vec![0, 255, b'a'] };
        let text = serde_json::to_string(&image).unwrap();
        assert_eq!(serde_json::from_str::<Image>(&text).unwrap(), image);
    }

    #[test]
    fn what_others_can_write_is_not_believed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("journal.json");
        let widen = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::write(&path, "{}").unwrap();
        widen(&path, 0o600);
        assert_eq!(trusted_content(&path, 2).unwrap(), b"{}");
        widen(&path, 0o620);
        assert!(trusted_content(&path, 2).is_err());
        widen(&path, 0o600);
        widen(parent.path(), 0o777);
        assert!(trusted_content(&path, 2).is_err());
        widen(parent.path(), 0o700);
        symlink("journal.json", parent.path().join("link")).unwrap();
        assert!(trusted_content(&parent.path().join("link"), 2).is_err());
        let missing = trusted_content(&parent.path().join("none"), 2).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_not_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("state");
        private_directory(&path).unwrap();
        private_directory(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(private_directory(&path).is_err());
    }
}
