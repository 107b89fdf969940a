//! What `make install` installs, staged once in a directory of the build tree.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use nix::fcntl::{Flock, FlockArg};

/// The staged installation. `make stage` brings it up to date first, so that a test never runs
/// yesterday's daemon; it does nothing when nothing changed.
///
/// # Panics
/// When the programs do not build.
pub fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        let target = build_directory();
        // Several test binaries may come here at once.
        let lock = std::fs::File::create(target.join("stage.lock")).unwrap();
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
        let mut make = Command::new("make");
        make.args(["--silent", "--no-print-directory", "stage"])
            .current_dir(checkout())
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("MAKEFLAGS")
            .env_remove("MFLAGS")
            .env_remove("MAKELEVEL");
        let output = make.output().expect("make");
        assert!(
            output.status.success(),
            "make stage: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        target.join("stage")
    })
}

/// The top of the source tree.
///
/// # Panics
/// When this crate does not lie in it.
#[must_use]
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Two levels above a program (`debug/twinlock-try`), three above a test (`debug/deps/name`).
fn build_directory() -> PathBuf {
    let program = env::current_exe().unwrap();
    let profile = program.parent().unwrap();
    let profile = if profile.ends_with("deps") { profile.parent().unwrap() } else { profile };
    profile.parent().unwrap().to_owned()
}
