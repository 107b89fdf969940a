//! Files as the other programs leave them, the phones that go with them, and the command.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::Value;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, Outcome, Phone, User,
    command::{as_root, run},
    host::DATABASE,
    login::{Line, from_address},
};

pub(crate) const OFFICE: &str = "192.0.2.10";
pub(crate) const FILE_NAME: &str = ".google_authenticator";
pub(crate) const USERS_FILE: &str = "/etc/users.oath";
pub(crate) const SCRATCH_CODES: [&str; 5] =
    ["10000001", "10000002", "10000003", "10000004", "10000005"];
/// A code of eight digits that is none of those.
pub(crate) const WRONG: &str = "87654321";
/// How the keys and scratch codes here begin, in every spelling that could slip out.
const SECRETS: [&str; 5] = ["GEZDGNBV", "gezdgnbv", "3132333435", "1234567890", "1000000"];

/// The seed of RFC 4226 appendix D, and others that begin like it.
fn seed(number: u8) -> Vec<u8> {
    let mut seed = b"12345678901234567890".to_vec();
    seed.extend((number > 0).then_some(number));
    seed
}

pub(crate) fn base32(number: u8) -> String {
    BASE32_NOPAD.encode(&seed(number))
}

pub(crate) fn hex(number: u8) -> String {
    HEXLOWER.encode(&seed(number))
}

/// A phone with the seed `number`.
pub(crate) fn phone(host: &Host, number: u8, digits: u32, period: u32) -> Phone {
    let secret = base32(number);
    host.phone(&format!("otpauth://totp/x?secret={secret}&digits={digits}&period={period}"))
}

/// A token with the seed `number`.
pub(crate) fn token(host: &Host, number: u8, digits: u32) -> Phone {
    host.phone(&format!("otpauth://hotp/x?secret={}&digits={digits}&counter=0", base32(number)))
}

/// A `.google_authenticator` file with the seed `number`, these options and all scratch codes.
pub(crate) fn secret_file(number: u8, options: &[&str]) -> String {
    let options: String = options.iter().map(|option| format!("\" {option}\n")).collect();
    format!("{}\n{options}{}\n", base32(number), SCRATCH_CODES.join("\n"))
}

/// Puts such a file into the home, as the program leaves it there.
pub(crate) fn put(user: &User, content: &str) -> PathBuf {
    let path = user.home.join(FILE_NAME);
    fs::write(&path, content).unwrap();
    give(&path, user, 0o400);
    path
}

pub(crate) fn give(path: &Path, user: &User, mode: u32) {
    chown(path, Some(user.uid), Some(user.gid)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Writes users.oath as its administrator leaves it.
pub(crate) fn put_users(lines: &[String]) {
    fs::write(USERS_FILE, lines.join("\n") + "\n").unwrap();
    fs::set_permissions(USERS_FILE, Permissions::from_mode(0o600)).unwrap();
}

/// `twinlock import ARGUMENTS` by root, which never tells a key or a scratch code.
pub(crate) fn import(host: &Host, arguments: &[&str]) -> Outcome {
    let outcome = host.cli(&host.root(), &[&["import"], arguments].concat());
    tells_no_secret(&outcome.stdout);
    tells_no_secret(&outcome.stderr);
    outcome
}

pub(crate) fn tells_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

/// `twinlock import google-authenticator HOME…`, which succeeds.
pub(crate) fn import_homes(host: &Host, users: &[&User]) {
    let homes = users.iter().map(|user| user.home.to_str().unwrap());
    let arguments: Vec<_> = std::iter::once("google-authenticator").chain(homes).collect();
    import(host, &arguments).expect_success("import");
}

/// What a run with `--json` told of each account.
pub(crate) fn entries(outcome: &Outcome) -> Vec<Value> {
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Account and outcome of each, `-` where the account is unknown.
pub(crate) fn outcomes(entries: &[Value]) -> Vec<(&str, &str)> {
    entries
        .iter()
        .map(|entry| (entry["user"].as_str().unwrap_or("-"), entry["outcome"].as_str().unwrap()))
        .collect()
}

pub(crate) fn accepts(line: &Line, user: &User, code: &str) -> bool {
    matches!(line.login(&user.name, &from_address(OFFICE), code).unwrap(), Step::Accept { .. })
}

/// The database as text. The daemon is started again by whoever calls it next.
pub(crate) fn dump(host: &Host) -> String {
    host.daemon.kill();
    let kept = ".dump accounts authenticators recovery_codes enrollment_tickets throttle_lanes \
                remembered_sources policy%";
    run(as_root("sqlite3").args([DATABASE, kept]), "").expect_success("sqlite3").stdout
}

/// Everything in a home, itself included, with all that `stat` tells but the time of the last
/// reading; and the file.
pub(crate) fn inventory(home: &Path) -> String {
    let format = "%p %y %m %U:%G %n %i %s %T@ %C@ %l\n";
    let find = run(as_root("find").arg(home).args(["-printf", format]), "");
    let file = fs::read_to_string(home.join(FILE_NAME)).unwrap_or_default();
    find.expect_success("find").stdout + &file
}

/// Waits for the beginning of a time step, so that the next few logins are made within it.
pub(crate) fn with_room(host: &Host) -> u64 {
    let seconds = 60 - host.clock.now() % 60;
    host.clock.advance(Duration::from_secs(seconds));
    host.clock.now()
}
