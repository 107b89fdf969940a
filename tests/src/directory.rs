//! A directory of groups behind the host's own, such as LDAP: one that can be down, or hang.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    sync::Mutex,
};

use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::{
    Host,
    command::{as_root, run},
};

/// What the NSS module reads; see `directory.c`.
const GROUPS: &str = "/var/lib/directory";
const NEW: &str = "/var/lib/directory.new";
const SOURCE: &str = include_str!("directory.c");

/// The directory. Everything on the host that looks at groups asks it, after `/etc/group`.
#[derive(Debug)]
pub struct Directory {
    /// The writing end of the pipe at which everybody hangs.
    pipe: Mutex<Option<File>>,
}

impl Host {
    /// Sets up a directory that holds `groups`, written as in `/etc/group`.
    ///
    /// # Panics
    /// When there is no C compiler.
    #[must_use]
    pub fn directory(&self, groups: &str) -> Directory {
        let directory = Directory { pipe: Mutex::default() };
        directory.holds(groups);
        let (source, module) = ("/root/directory.c", beside_libc("libnss_directory.so.2"));
        fs::write(source, SOURCE).unwrap();
        let mut cc = as_root("cc");
        cc.args(["-shared", "-fPIC", "-Wall", "-Werror", &format!("-DGROUPS=\"{GROUPS}\"")]);
        run(cc.arg("-o").arg(module).arg(source), "").expect_success("cc");
        let switch = fs::read_to_string("/etc/nsswitch.conf").unwrap();
        let switch = switch.replace("group: files\n", "group: files directory\n");
        fs::write("/etc/nsswitch.conf", switch).unwrap();
        directory
    }
}

impl Directory {
    /// From now on it answers with these groups.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn holds(&self, groups: &str) {
        fs::write(NEW, groups).unwrap();
        self.becomes(None);
    }

    /// From now on it is down: asked, it says so at once.
    ///
    /// # Panics
    /// When it is down already.
    pub fn goes_down(&self) {
        fs::remove_file(GROUPS).unwrap();
        drop(self.pipe.lock().unwrap().take());
    }

    /// From now on it takes questions and does not answer, until it becomes something else.
    ///
    /// # Panics
    /// When there is no pipe to be had.
    pub fn hangs(&self) {
        mkfifo(NEW, Mode::from_bits_truncate(0o644)).unwrap();
        // Open for both, which does not wait for a reader.
        let pipe = OpenOptions::new().read(true).write(true).open(NEW).unwrap();
        self.becomes(Some(pipe));
    }

    fn becomes(&self, pipe: Option<File>) {
        fs::rename(NEW, GROUPS).unwrap();
        // Whoever hung at the old pipe finds what is there now.
        *self.pipe.lock().unwrap() = pipe;
    }
}

/// Where the C library finds its modules: in its own directory.
fn beside_libc(file: &str) -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let is_libc = |path: &&Path| path.file_name().is_some_and(|name| name == "libc.so.6");
    paths.find(is_libc).expect("glibc").with_file_name(file)
}
