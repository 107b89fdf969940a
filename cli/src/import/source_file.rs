//! Opening files that belong to other users, as root.
//!
//! A home belongs to somebody who may put anything there, and swap it at any moment: a link to
//! another file (CVE-2024-47191 is what following one does), a FIFO nobody writes to, a second name
//! of somebody else's file. So names are opened one at a time below a directory that is held open,
//! no link is followed, nothing is waited for, and what is asked about a file is asked about the
//! open one. Nothing is ever written.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, OpenOptionsExt},
        },
    },
    path::Path,
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
};
use zeroize::Zeroizing;

/// Bits of a mode that let the group or others write.
const WRITABLE: u32 = 0o022;
/// The same for reading.
const READABLE: u32 = 0o044;

/// What stands behind a name.
pub(crate) enum Place {
    File(SourceFile),
    Directory(Directory),
}

/// A regular file, open for reading.
pub(crate) struct SourceFile {
    file: File,
    about: Metadata,
    directory_owner: u32,
}

/// A directory that is held open.
pub(crate) struct Directory {
    file: File,
    owner: u32,
}

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// There is nothing by that name.
    Missing,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Special,
    /// A file where a directory was named.
    NotDirectory,
    /// A directory where a file belongs.
    NotFile,
    /// The file has other names, which may lie in somebody else's directory.
    ManyNames,
    /// The group or others may have written it.
    Writable,
    /// Larger than any such file.
    TooLarge { most: usize },
    /// What the system said.
    Io(io::Error),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::Link => f.write_str("it is a link, and links are not followed: name its target"),
            Self::Special => f.write_str("it is neither a regular file nor a directory"),
            Self::NotDirectory => f.write_str("it is not a directory"),
            Self::NotFile => f.write_str("it is a directory"),
            Self::ManyNames => f.write_str("the file has more than one name (hard links)"),
            Self::Writable => f.write_str("others than its owner may write the file"),
            Self::TooLarge { most } => write!(f, "it is larger than {most} bytes"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Unfit {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Self::Missing,
            Errno::ELOOP => Self::Link,
            // A socket, or a device without a driver.
            Errno::ENXIO => Self::Special,
            other => Self::Io(other.into()),
        }
    }
}

/// Opens `path`, which the administrator named. Links on the way to its last name are the
/// administrator's; the last one is not followed.
pub(crate) fn open(path: &Path) -> Result<Place, Unfit> {
    let Some(name) = path.file_name() else {
        // `/`, `.` and what ends in `..` are directories, and no links.
        return place(directory(path)?, 0);
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = directory(parent.unwrap_or(Path::new(".")))?;
    let owner = parent.metadata()?.uid();
    Directory { file: parent, owner }.open(name)
}

/// `O_PATH` asks for the right to search the directory, not to list it.
fn directory(path: &Path) -> Result<File, Unfit> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unfit::Missing,
        _ => Unfit::Io(error),
    })
}

fn place(file: File, directory_owner: u32) -> Result<Place, Unfit> {
    let about = file.metadata()?;
    if about.is_dir() {
        Ok(Place::Directory(Directory { file, owner: about.uid() }))
    } else if about.is_file() {
        Ok(Place::File(SourceFile { file, about, directory_owner }))
    } else {
        Err(Unfit::Special)
    }
}

impl Directory {
    /// Opens the name `name` of this directory, which holds no slash.
    pub(crate) fn open(&self, name: &OsStr) -> Result<Place, Unfit> {
        // Without O_NONBLOCK a FIFO would hold this up, without O_NOCTTY a terminal would become
        // this program's own.
        let flags = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        place(File::from(openat(self.file.as_fd(), name, flags, Mode::empty())?), self.owner)
    }

    /// The same where only a file will do.
    pub(crate) fn open_file(&self, name: &OsStr) -> Result<SourceFile, Unfit> {
        match self.open(name)? {
            Place::File(file) => Ok(file),
            Place::Directory(_) => Err(Unfit::NotFile),
        }
    }

    /// The names in this directory, sorted, without `.` and `..`.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, Unfit> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut directory = Dir::openat(self.file.as_fd(), ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in directory.iter() {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

impl SourceFile {
    /// The uid that owns the file.
    pub(crate) fn owner(&self) -> u32 {
        self.about.uid()
    }

    /// The uid that owns the directory in which it was found.
    pub(crate) fn directory_owner(&self) -> u32 {
        self.directory_owner
    }

    /// Whether others than its owner can read it.
    pub(crate) fn is_exposed(&self) -> bool {
        self.about.mode() & READABLE != 0
    }

    /// All of it, unless it has more than `most` bytes, or somebody else may have written it.
    pub(crate) fn read(self, most: usize) -> Result<Zeroizing<Vec<u8>>, Unfit> {
        if self.about.nlink() != 1 {
            return Err(Unfit::ManyNames);
        }
        if self.about.mode() & WRITABLE != 0 {
            return Err(Unfit::Writable);
        }
        // One byte more than there is, so that the buffer is not moved to find the end.
        let expected = usize::try_from(self.about.len()).unwrap_or(usize::MAX).min(most);
        let mut content = Zeroizing::new(Vec::with_capacity(expected.saturating_add(1)));
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        self.file.take(limit).read_to_end(&mut content)?;
        if content.len() > most { Err(Unfit::TooLarge { most }) } else { Ok(content) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::{
            fs::{PermissionsExt, symlink},
            net::UnixListener,
        },
    };

    use nix::unistd::{getuid, mkfifo};
    use tempfile::TempDir;

    use super::*;

    const NAME: &str = ".google_authenticator";

    /// A home whose file holds `content` and has `mode`.
    fn home(content: &str, mode: u32) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        home
    }

    fn file(path: &Path) -> Result<SourceFile, Unfit> {
        match open(path)? {
            Place::File(file) => Ok(file),
            Place::Directory(_) => panic!("a directory"),
        }
    }

    fn directory_at(path: &Path) -> Directory {
        match open(path) {
            Ok(Place::Directory(directory)) => directory,
            _ => panic!("no directory"),
        }
    }

    #[test]
    fn a_private_file_is_read_and_its_owners_are_known() {
        let home = home("secret", 0o400);
        for file in [
            file(&home.path().join(NAME)).unwrap(),
            directory_at(home.path()).open_file(NAME.as_ref()).unwrap(),
        ] {
            let own = getuid().as_raw();
            assert_eq!((file.owner(), file.directory_owner()), (own, own));
            assert!(!file.is_exposed());
            assert_eq!(**file.read(6).unwrap(), *b"secret");
        }
    }

    #[test]
    fn more_bytes_than_such_a_file_has_are_not_read() {
        let home = home("secret", 0o400);
        let refused = file(&home.path().join(NAME)).unwrap().read(5);
        assert!(matches!(refused, Err(Unfit::TooLarge { most: 5 })));
    }

    #[test]
    fn no_link_is_followed_at_the_name_or_below_it() {
        let home = home("secret", 0o400);
        let other = tempfile::tempdir().unwrap();
        symlink(home.path().join(NAME), other.path().join(NAME)).unwrap();
        symlink(home.path(), other.path().join("home")).unwrap();
        for name in [NAME, "home", "home/", "home/."] {
            let opened = open(&other.path().join(name));
            assert!(matches!(opened, Err(Unfit::Link)), "{name}");
        }
        let directory = directory_at(other.path());
        for name in [NAME, "home"] {
            assert!(matches!(directory.open(name.as_ref()), Err(Unfit::Link)), "{name}");
        }
    }

    #[test]
    fn a_second_name_of_a_file_is_refused() {
        let home = home("secret", 0o400);
        fs::hard_link(home.path().join(NAME), home.path().join("other")).unwrap();
        for name in [NAME, "other"] {
            let read = file(&home.path().join(name)).unwrap().read(100);
            assert!(matches!(read, Err(Unfit::ManyNames)), "{name}");
        }
    }

    #[test]
    fn neither_fifo_nor_socket_nor_device_holds_this_up() {
        let home = tempfile::tempdir().unwrap();
        mkfifo(&home.path().join("fifo"), Mode::S_IRWXU).unwrap();
        let _socket = UnixListener::bind(home.path().join("socket")).unwrap();
        let directory = directory_at(home.path());
        for name in ["fifo", "socket"] {
            assert!(matches!(directory.open(name.as_ref()), Err(Unfit::Special)), "{name}");
        }
        assert!(matches!(open(Path::new("/dev/zero")), Err(Unfit::Special)));
    }

    #[test]
    fn a_file_that_others_may_write_is_refused_and_one_they_may_read_is_told() {
        for mode in [0o620, 0o602, 0o666] {
            let home = home("secret", mode);
            let read = file(&home.path().join(NAME)).unwrap().read(100);
            assert!(matches!(read, Err(Unfit::Writable)), "{mode:o}");
        }
        for mode in [0o440, 0o404, 0o644] {
            let home = home("secret", mode);
            let file = file(&home.path().join(NAME)).unwrap();
            assert!(file.is_exposed() && file.read(100).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn a_directory_lists_its_names_and_no_others() {
        let home = home("secret", 0o400);
        fs::create_dir(home.path().join("b")).unwrap();
        assert_eq!(directory_at(home.path()).names().unwrap(), [NAME, "b"]);
        assert_eq!(directory_at(&home.path().join("b/..")).names().unwrap(), [NAME, "b"]);
        assert!(directory_at(&home.path().join("b")).names().unwrap().is_empty());
        let directory = directory_at(home.path());
        assert!(matches!(directory.open_file("b".as_ref()), Err(Unfit::NotFile)));
        assert!(matches!(directory.open_file("c".as_ref()), Err(Unfit::Missing)));
        assert!(matches!(open(&home.path().join("c/d")), Err(Unfit::Missing)));
    }
}
