//! The file system of the private host: copies on write of what programs may change, devices of
//! its own, and everything else read-only, so that even a mistake cannot reach the host.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
};

/// Room of the sandbox itself, closed to everybody but root.
const ROOM: &str = "/run/sandbox";
/// The host's whole tree, read-only.
const UNDERNEATH: &str = "/run/sandbox/host";
/// What programs inside may write to.
const COPIED: [&str; 8] = ["/etc", "/usr", "/var", "/home", "/root", "/tmp", "/opt", "/srv"];
const NOTHING: Option<&str> = None;

/// Mounts the file system of a private host over the one this mount namespace was born with.
pub(crate) fn raise() {
    seal_the_host();
    tmpfs("/run", "mode=755");
    fs::create_dir_all(UNDERNEATH).unwrap();
    fs::set_permissions(ROOM, fs::Permissions::from_mode(0o700)).unwrap();
    attach(Some("/"), UNDERNEATH, None, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING);
    devices();
    for directory in COPIED {
        // A symbolic link leads to something that is copied anyway.
        if fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir()) {
            copy_on_write(Path::new(directory));
        }
    }
    keep_own_program_in_reach();
}

/// Where the host's `path` is seen from inside, unchanged.
pub(crate) fn underneath(path: &Path) -> PathBuf {
    Path::new(UNDERNEATH).join(path.strip_prefix("/").unwrap_or(path))
}

/// Turns every mount but `/proc` read-only in this namespace, keeping its other flags.
fn seal_the_host() {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for line in table.lines() {
        let mut fields = line.split(' ').skip(4);
        let (Some(target), Some(options)) = (fields.next(), fields.next()) else { continue };
        if target == "/proc" || target.starts_with("/proc/") {
            continue;
        }
        let mut flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        for option in options.split(',') {
            flags |= match option {
                "nosuid" => MsFlags::MS_NOSUID,
                "nodev" => MsFlags::MS_NODEV,
                "noexec" => MsFlags::MS_NOEXEC,
                "noatime" => MsFlags::MS_NOATIME,
                "nodiratime" => MsFlags::MS_NODIRATIME,
                "relatime" => MsFlags::MS_RELATIME,
                _ => MsFlags::empty(),
            };
        }
        match mount(NOTHING, unescaped(target).as_str(), NOTHING, flags, NOTHING) {
            // Hidden under another mount, hence out of reach.
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => {}
            Err(error) => panic!("remounting {target} read-only: {error}"),
        }
    }
}

/// The kernel writes blanks and backslashes of a path as three octal digits.
fn unescaped(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(path.to_owned(), |path, (escaped, plain)| path.replace(escaped, plain))
}

fn copy_on_write(directory: &Path) {
    let name = directory.strip_prefix("/").unwrap();
    let (upper, work) = (Path::new(ROOM).join("upper"), Path::new(ROOM).join("work"));
    let (upper, work) = (upper.join(name), work.join(name));
    fs::create_dir_all(&upper).unwrap();
    fs::create_dir_all(&work).unwrap();
    // The merged directory has the owner and mode of its upper layer.
    let lower = fs::metadata(directory).unwrap();
    chown(&upper, Some(lower.uid()), Some(lower.gid())).unwrap();
    fs::set_permissions(&upper, lower.permissions()).unwrap();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        directory.display(),
        upper.display(),
        work.display()
    );
    attach(
        Some("overlay"),
        directory.to_str().unwrap(),
        Some("overlay"),
        MsFlags::empty(),
        Some(&options),
    );
}

/// The nodes every program expects, and room for our own `/dev/log`.
fn devices() {
    tmpfs("/dev", "mode=755");
    for node in ["null", "zero", "full", "random", "urandom", "tty"] {
        let path = format!("/dev/{node}");
        fs::write(&path, "").unwrap();
        attach(Some(&format!("{UNDERNEATH}{path}")), &path, None, MsFlags::MS_BIND, NOTHING);
    }
    fs::create_dir("/dev/pts").unwrap();
    let options = "newinstance,ptmxmode=666,mode=620,gid=5";
    attach(Some("devpts"), "/dev/pts", Some("devpts"), MsFlags::empty(), Some(options));
    fs::create_dir("/dev/shm").unwrap();
    tmpfs("/dev/shm", "mode=1777");
    for (link, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, format!("/dev/{link}")).unwrap();
    }
}

/// A file system mounted below a copied directory is not part of the copy; when the build tree
/// lives on one, it is bound back to its place.
fn keep_own_program_in_reach() {
    let program = env::current_exe().unwrap();
    if let Some(directory) = program.parent()
        && !program.exists()
    {
        fs::create_dir_all(directory).unwrap();
        let source = underneath(directory);
        attach(source.to_str(), directory.to_str().unwrap(), None, MsFlags::MS_BIND, NOTHING);
    }
}

fn tmpfs(target: &str, options: &str) {
    attach(Some("tmpfs"), target, Some("tmpfs"), MsFlags::empty(), Some(options));
}

fn attach(
    source: Option<&str>,
    target: &str,
    kind: Option<&str>,
    flags: MsFlags,
    options: Option<&str>,
) {
    mount(source, target, kind, flags, options).unwrap_or_else(|error| {
        panic!("mounting {} on {target}: {error}", source.unwrap_or("nothing"));
    });
}
