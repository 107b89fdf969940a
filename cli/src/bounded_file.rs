//! Reading a file whose name somebody gave, without waiting for it and without an end to how much.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// All of the regular file at `path`, which may have `most` bytes. Anything else that has a name
/// there, a FIFO or a device for example, is refused.
pub(crate) fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    content(path, most).map_err(|error| Failure::file_input(path, &error.to_string()))
}

/// [`read`] for callers to whom a file that cannot be read is no failure.
pub(crate) fn content(path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // One byte more than there is, so that the buffer is not moved to find the end.
    let expected = usize::try_from(about.len()).unwrap_or(usize::MAX).min(most);
    all(file, expected.saturating_add(1), most)
}

/// All that comes on stdin, at most `most` bytes. Waits for its end.
pub(crate) fn stdin(most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    all(io::stdin().lock(), 0, most)
        .map_err(|error| Failure::file_input(Path::new("Standard input"), &error.to_string()))
}

fn all(source: impl Read, capacity: usize, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(capacity));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut content)?;
    if content.len() > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(content)
}

/// Without `O_NONBLOCK` opening a FIFO would wait for somebody to write to it.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;
    use crate::failure::Name;

    fn refused(path: &Path) -> String {
        let failure = read(path, 10).unwrap_err();
        assert_eq!((failure.name, failure.exit.code()), (Name::Input, 1));
        failure.message
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_not_beyond() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        for content in [&b""[..], b"1", b"1234567890"] {
            fs::write(&path, content).unwrap();
            assert_eq!(*read(&path, 10).unwrap(), content);
        }
        fs::write(&path, b"12345678901").unwrap();
        assert!(refused(&path).ends_with("larger than 10 bytes."));
    }

    #[test]
    fn a_fifo_holds_nobody_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert!(refused(&path).ends_with("not a regular file."));
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(refused(directory.path()).ends_with("not a regular file."));
        assert!(refused(Path::new("/dev/zero")).ends_with("not a regular file."));
        assert!(refused(&directory.path().join("none")).contains("cannot be used: "));
    }
}
