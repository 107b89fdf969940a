//! The process that puts everything back at the end of a trial.
//!
//! It shares nothing with the command that starts it: no terminal, no session, no descriptors and,
//! where systemd runs, not the cgroup that an ended login session takes with it.

use std::{
    env, fs,
    io::{self, Read, Seek, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    unistd,
};

use super::{journal, reboot, restore, signals::Signals, site::Site, trial};
use crate::{doctor::program, failure::Failure};

/// Held by the guard, and says of which change it is one.
const GUARD: &str = "guard";
/// What systemd makes when it runs (sd_booted(3)).
pub(super) const SYSTEMD: &str = "/run/systemd/system";
const SYSTEMD_RUN: [&str; 2] = ["/usr/bin/systemd-run", "/bin/systemd-run"];
const SELF: &str = "/proc/self/exe";
const ARGUMENTS: [&str; 3] = ["pam", "restore", "--at-deadline"];
/// How long the guard may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// How often the guard looks; a deadline is kept to this.
const TICK: Duration = Duration::from_millis(250);
/// Longer than the id of any change.
const MOST_ID_BYTES: u64 = 64;

/// Starts the guard of the change `id`, which is in the journal. It is on watch when this returns.
pub(super) fn start(site: &Site, id: &str) -> Result<(), Failure> {
    let no_guard = |error: &io::Error| {
        Failure::not_kept("The guard that would put everything back does not run", error)
    };
    if site.on_disk(Path::new(SYSTEMD)).is_dir()
        && start_by_systemd(id)
        && is_on_watch_in_time(site, id)
    {
        return Ok(());
    }
    Command::new(SELF)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .args(ARGUMENTS)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| no_guard(&error))?;
    if is_on_watch_in_time(site, id) {
        Ok(())
    } else {
        Err(no_guard(&io::ErrorKind::TimedOut.into()))
    }
}

/// As a service of its own, outside the session of whoever called; one that was killed comes back.
fn start_by_systemd(id: &str) -> bool {
    let Ok(program) = env::current_exe() else { return false };
    let Some(program) = program.to_str() else { return false };
    let unit = format!("--unit=twinlock-pam-trial-{}", id.get(..8).unwrap_or(id));
    let mut arguments = vec!["--quiet", "--collect", "--no-ask-password", &unit];
    arguments.extend([
        "--description=Puts PAM services back unless the change is confirmed",
        "--property=Restart=on-failure",
        "--property=RestartSec=1",
        "--property=StartLimitIntervalSec=0",
        "--",
        program,
    ]);
    arguments.extend(ARGUMENTS);
    program::run(&SYSTEMD_RUN, &arguments).is_some_and(|said| said.succeeded)
}

fn is_on_watch_in_time(site: &Site, id: &str) -> bool {
    let mut left = PATIENCE;
    while !is_on_watch(site, id) {
        let Some(rest) = left.checked_sub(PAUSE) else { return false };
        left = rest;
        thread::sleep(PAUSE);
    }
    true
}

/// Whether the guard of the change `id` is there.
pub(super) fn is_on_watch(site: &Site, id: &str) -> bool {
    let Ok(mut file) = fs::File::open(site.state().join(GUARD)) else { return false };
    let mut of = String::new();
    let read = Read::by_ref(&mut file).take(MOST_ID_BYTES).read_to_string(&mut of);
    // Shared, so that two who look do not take each other for the guard.
    read.is_ok()
        && of == id
        && matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
}

/// Is the guard, until its change is over.
pub(super) fn run(site: &Site) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::not_kept("The guard cannot work", &error);
    let signals = detach().map_err(failed)?;
    let pending = journal::Record::pending(site).map_err(failed)?;
    let Some((_, change)) = pending else { return Ok(()) };
    let _on_watch = take_post(site, &change.id).map_err(failed)?;
    let mut is_over = false;
    loop {
        match journal::Record::pending(site) {
            Ok(Some((_, now))) if now.id == change.id => {}
            Ok(_) => return Ok(()),
            // What cannot be read now may be readable later.
            Err(_) => {}
        }
        is_over = is_over || trial::left(&change).is_ok_and(|left| left.is_zero());
        if is_over && restore::if_still(site, &change.id).is_ok() {
            reboot::disarm(site);
            return Ok(());
        }
        // Whoever ends it (systemd, at shutdown) ends the trial.
        match signals.wait(TICK) {
            Ok(came) => is_over |= came.is_some(),
            Err(_) => thread::sleep(TICK),
        }
    }
}

/// Leaves whatever the caller might take along when it goes.
fn detach() -> io::Result<Signals> {
    // The numbers first: what is read while they are closed has one of them.
    let open: Vec<_> = fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .collect();
    for descriptor in open.into_iter().filter(|&one| one > 2) {
        // The directory's own is closed already.
        let _ = unistd::close(descriptor);
    }
    let signals = Signals::hold_all()?;
    // Fails where it leads a session already.
    let _ = unistd::setsid();
    unistd::chdir("/")?;
    Ok(signals)
}

/// Waits for the guard of an earlier change, which goes as soon as it sees that there is a new one.
fn take_post(site: &Site, id: &str) -> io::Result<Flock<fs::File>> {
    let file = journal::open_private(&site.state().join(GUARD))?;
    let mut post = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    post.rewind()?;
    post.set_len(0)?;
    post.write_all(id.as_bytes())?;
    Ok(post)
}
