//! The QR code in files of its own, for a screen elsewhere or for paper.
//!
//! Whoever reads such a file has the key, so it is made anew for its owner alone and nothing that
//! has the name already is touched.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::{
    arguments::enroll::Drawn,
    failure::Failure,
    printable,
    qr::{self, Unfit},
};

/// Readable and writable for the owner alone.
const MODE: u32 = 0o600;

/// How a file shows the code.
type Draw = fn(&str) -> Result<Zeroizing<Vec<u8>>, Unfit>;

/// The pictures that are wanted, none of which exists.
pub(super) struct Pictures<'a> {
    wanted: Vec<(&'a Path, Draw)>,
}

impl<'a> Pictures<'a> {
    /// Looks whether the wanted names are free, while nothing is begun.
    pub(super) fn wanted(drawn: &'a Drawn) -> Result<Self, Failure> {
        let named =
            |path: &'a Option<PathBuf>, draw: Draw| path.as_deref().map(|path| (path, draw));
        let wanted: Vec<_> = [named(&drawn.svg, qr::file::svg), named(&drawn.png, qr::file::png)]
            .into_iter()
            .flatten()
            .collect();
        if let [(one, _), (other, _)] = wanted.as_slice()
            && one == other
        {
            return Err(Failure::usage("--svg and --png need a file each."));
        }
        for (path, _) in &wanted {
            is_free(path).map_err(|failure| failure.advise("Nothing was changed."))?;
        }
        Ok(Self { wanted })
    }

    /// Writes them all, or leaves none. Returns the remark about them for the person, which is
    /// empty when there are none.
    pub(super) fn write(&self, key_uri: &str) -> Result<String, Failure> {
        let mut made: Vec<&Path> = Vec::new();
        for (path, draw) in &self.wanted {
            let outcome = draw(key_uri)
                .map_err(|unfit| {
                    Failure::file_output(path, unfit.to_string().trim_end_matches('.'))
                })
                .and_then(|content| create(path, &content));
            if let Err(failure) = outcome {
                made.iter().for_each(|path| remove(path));
                return Err(failure);
            }
            made.push(path);
        }
        Ok(remark(&made))
    }
}

fn remark(made: &[&Path]) -> String {
    let names: Vec<_> =
        made.iter().map(|path| printable::line(&path.display().to_string()).into_owned()).collect();
    match names.as_slice() {
        [] => String::new(),
        [name] => format!(
            "twinlock: {name} holds the key: who sees it can make codes. Delete it after scanning.\n"
        ),
        names => format!(
            "twinlock: {} hold the key: who sees them can make codes. Delete them after scanning.\n",
            names.join(" and ")
        ),
    }
}

/// A name that is taken by anything, be it a link to nowhere, is not free.
fn is_free(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(Failure::file_exists(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = match path.parent() {
                Some(directory) if directory != Path::new("") => directory,
                _ => Path::new("."),
            };
            let may_write = nix::unistd::eaccess(
                directory,
                nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK,
            );
            may_write.map_err(|errno| unwritable(path, &io::Error::from(errno)))
        }
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// Makes the file with everything in it, or nothing.
fn create(path: &Path, content: &[u8]) -> Result<(), Failure> {
    // Some file systems notice only when they have to write that they are full.
    fill(path, |mut file| file.write_all(content).and_then(|()| file.sync_all()))
}

fn fill(path: &Path, write: impl FnOnce(File) -> io::Result<()>) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE).custom_flags(OFlag::O_NOFOLLOW.bits());
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::file_exists(path),
        _ => unwritable(path, &error),
    })?;
    write(file).map_err(|error| {
        remove(path);
        unwritable(path, &error)
    })
}

/// Takes back what was just made. What cannot be removed now cannot be helped.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::file_output(path, &error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;
    use crate::{arguments::enroll::QrChoice, failure::Name};

    const URI: &str = "otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn drawn(svg: Option<PathBuf>, png: Option<PathBuf>) -> Drawn {
        Drawn { qr: QrChoice::Auto, no_qr: false, svg, png }
    }

    #[test]
    fn both_pictures_are_made_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let [svg, png] = ["a.svg", "a.png"].map(|name| directory.path().join(name));
        let drawn = drawn(Some(svg.clone()), Some(png.clone()));
        let remark = Pictures::wanted(&drawn).unwrap().write(URI).unwrap();
        for path in [&svg, &png] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600);
            assert!(remark.contains(path.to_str().unwrap()), "{remark}");
        }
        assert!(remark.contains("hold the key") && remark.contains("Delete them"), "{remark}");
        assert!(fs::read_to_string(&svg).unwrap().contains("<svg "));
        assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn what_has_the_name_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "mine").unwrap();
        symlink(path("nowhere"), path("link")).unwrap();
        mkfifo(&path("fifo"), Mode::S_IRWXU).unwrap();
        for name in ["file", "link", "fifo"] {
            let drawn = drawn(None, Some(path(name)));
            let Err(failure) = Pictures::wanted(&drawn) else { panic!("{name}") };
            assert_eq!((failure.name, failure.exit.code()), (Name::FileExists, 1));
            assert!(failure.message.ends_with("\nNothing was changed."), "{}", failure.message);
            // And when it came into being after the look.
            let late = Pictures { wanted: vec![(&path(name), qr::file::png)] }.write(URI);
            assert_eq!(late.unwrap_err().name, Name::FileExists, "{name}");
        }
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "mine");
        assert!(!path("nowhere").exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told_before_anything_is_begun() {
        for path in ["/nonexistent/a.png", "/proc/a.png/b.png"] {
            let drawn = drawn(None, Some(path.into()));
            let Err(failure) = Pictures::wanted(&drawn) else { panic!("{path}") };
            assert_eq!(failure.name, Name::Output, "{path}");
            assert!(failure.message.ends_with("\nNothing was changed."), "{}", failure.message);
        }
    }

    #[test]
    fn one_file_cannot_be_both() {
        let drawn = drawn(Some("a".into()), Some("a".into()));
        assert!(matches!(Pictures::wanted(&drawn), Err(failure) if failure.name == Name::Usage));
    }

    #[test]
    fn when_one_fails_none_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let [svg, png] = ["a.svg", "a.png"].map(|name| directory.path().join(name));
        fs::write(&png, "mine").unwrap();
        let pictures = Pictures { wanted: vec![(&svg, qr::file::svg), (&png, qr::file::png)] };
        assert_eq!(pictures.write(URI).unwrap_err().name, Name::FileExists);
        assert!(!svg.exists());
        assert_eq!(fs::read_to_string(&png).unwrap(), "mine");
    }

    #[test]
    fn a_full_disk_leaves_no_half_a_picture() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.png");
        let failure = fill(&path, |mut file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failure.unwrap_err().name, Name::Output);
        assert!(!path.exists());
    }

    #[test]
    fn a_key_uri_that_is_too_long_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.svg");
        let pictures = Pictures { wanted: vec![(&path, qr::file::svg)] };
        assert_eq!(pictures.write(&"x".repeat(3000)).unwrap_err().name, Name::Output);
        assert!(!path.exists());
    }

    #[test]
    fn who_wants_no_file_gets_no_remark() {
        let drawn = drawn(None, None);
        assert_eq!(Pictures::wanted(&drawn).unwrap().write(URI).unwrap(), "");
    }
}
