//! Getting thousands of people enrolled in three formats, in seconds.
//!
//! In Twinlock every secret is made and sealed by the daemon itself (`Enrollment.Begin` over the
//! bus). Only the second half is shortened: `Confirm` hashes ten recovery codes with bcrypt, which
//! would take an hour for ten thousand people, so the rows it would write are written by sqlite3
//! while the daemon is stopped, with filler for the hashes. A login never looks into a hash.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    thread,
    time::Duration,
};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use nix::sys::signal::Signal;
use twinlock_interface::{EnrollmentRequest, proxy::EnrollmentProxy};
use twinlock_tests::{
    Host,
    bus::block_on,
    command::{as_root, run},
    host::DATABASE,
};

use crate::{
    codes::PERIOD,
    login::SOURCE,
    people::{self, People, Person},
};

/// Where pam_oath keeps everybody.
pub(crate) const USERS_FILE: &str = "/var/lib/oath/users.oath";
/// Calls to the daemon at a time: it drops what a new connection sends beyond a few (16), until the
/// bus has said whose the connection is.
const AT_ONCE: usize = 12;

/// Enrols new people everywhere until there are `users`.
pub(crate) fn grow(host: &Host, people: &mut People, users: usize) {
    let mut new: Vec<_> = (people.all.len()..users).map(Person::new).collect();
    people::add_accounts(&new);
    begin_in_twinlock(host, &mut new);
    stop(host);
    confirm_in_twinlock();
    host.daemon.start();
    for person in &new {
        write_secret_file(person);
    }
    append_users(&new);
    people.all.append(&mut new);
    // What was written here must not be paid for by the first logins.
    nix::unistd::sync();
}

/// Ends the daemon as an operator would; returns when it is gone.
pub(crate) fn stop(host: &Host) {
    let Some(pid) = host.daemon.pid() else { return };
    host.daemon.signal(Signal::SIGTERM);
    while Path::new(&format!("/proc/{pid}")).exists() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn begin_in_twinlock(host: &Host, people: &mut [Person]) {
    block_on(async {
        let bus = host.bus.connect().await;
        let daemon = EnrollmentProxy::new(&bus).await.unwrap();
        for some in people.chunks_mut(AT_ONCE) {
            let begin = |person: &Person| {
                let (daemon, name) = (daemon.clone(), person.name.clone());
                tokio::spawn(async move {
                    daemon.begin(&name, &EnrollmentRequest::default()).await.unwrap()
                })
            };
            let calls: Vec<_> = some.iter().map(begin).collect();
            for (person, call) in some.iter_mut().zip(calls) {
                let material = call.await.unwrap();
                person.secret = BASE32_NOPAD.decode(material.secret_base32.as_bytes()).unwrap();
            }
        }
    });
}

/// What `Confirm` and a first login from [`SOURCE`] leave behind, for whoever is pending.
fn confirm_in_twinlock() {
    // The shape of a bcrypt hash, and the hash of nothing.
    let hash = format!("$2b$10${}", ".".repeat(53));
    let source = SOURCE.to_str().unwrap();
    let sql = format!(
        "BEGIN IMMEDIATE;
         WITH RECURSIVE ten(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM ten WHERE n < 10)
         INSERT INTO recovery_codes (uid, hash)
            SELECT uid, '{hash}' FROM authenticators, ten WHERE confirmed_at IS NULL;
         INSERT INTO throttle_lanes (uid, lane, failures, last_accept)
            SELECT uid, '{source}', 0, started_at FROM authenticators WHERE confirmed_at IS NULL;
         UPDATE authenticators SET confirmed_at = started_at, last_accepted_at = started_at,
            last_spent = started_at / {PERIOD} - 1 WHERE confirmed_at IS NULL;
         COMMIT;"
    );
    run(as_root("sqlite3").args(["-bail", DATABASE]), &sql).expect_success("sqlite3");
}

/// What `google-authenticator -t -d -f -u -w 3` writes.
fn write_secret_file(person: &Person) {
    let home = person.home();
    fs::create_dir(&home).unwrap();
    let file = home.join(".google_authenticator");
    let secret = BASE32_NOPAD.encode(&person.secret);
    let scratch_codes: String = (0..5).map(|nth| format!("{}\n", 23_456_780 + nth)).collect();
    let text =
        format!("{secret}\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n{scratch_codes}");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    for path in [&home, &file] {
        chown(path, Some(person.uid), Some(person.uid)).unwrap();
    }
}

/// Appended, because the lines that are there hold the replay record.
fn append_users(people: &[Person]) {
    let mut lines = String::new();
    for person in people {
        let secret = HEXLOWER.encode(&person.secret);
        writeln!(lines, "HOTP/T{PERIOD} {} - {secret}", person.name).unwrap();
    }
    let mut file = OpenOptions::new().append(true).create(true).open(USERS_FILE).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    fs::set_permissions(USERS_FILE, Permissions::from_mode(0o600)).unwrap();
}
