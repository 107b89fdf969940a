//! A person who has a key already brings it, from a prompt, a file or a picture, and nothing of it
//! is shown again; what is no key is refused, and changes nothing.

use std::{fs, os::unix::fs::chown, path::PathBuf};

use data_encoding::BASE32_NOPAD;
use serde_json::Value;
use twinlock_interface::Step;
use twinlock_tests::{
    Host, Phone, Terminal, User, command::run, host::DATABASE, in_sandbox, login::from_address,
};

/// The secret of RFC 6238, appendix B.
const RFC_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A file in the home of `user`, and theirs.
fn file(user: &User, name: &str, content: &[u8]) -> PathBuf {
    let path = user.home.join(name);
    fs::write(&path, content).unwrap();
    chown(&path, Some(user.uid), Some(user.gid)).unwrap();
    path
}

/// An app that has had `RFC_SECRET` for long.
fn old_phone(host: &Host, parameters: &str) -> Phone {
    host.phone(&format!("otpauth://totp/old?secret={RFC_SECRET}{parameters}"))
}

fn logs_in(host: &Host, user: &User, code: &str) -> bool {
    let step = host.line().login(&user.name, &from_address("192.0.2.10"), code).unwrap();
    matches!(step, Step::Accept { .. })
}

/// Enrols with `options` and what is typed before the code, and logs in with the phone.
fn bring(host: &Host, user: &User, options: &[&str], typed: &str, phone: &Phone) {
    let input = format!("{typed}{}\n", phone.fresh_code());
    let outcome = host.cli_reading(user, &[&["enroll", "--json"], options].concat(), &input);
    let outcome = outcome.expect_success("enroll");
    assert_eq!(
        (&outcome.json()["key_uri"], &outcome.json()["secret"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!outcome.stdout.contains(&phone.secret), "{options:?}");
    assert!(!logs_in(host, user, &phone.spent_code()), "{options:?}: it confirmed");
    assert!(logs_in(host, user, &phone.fresh_code()), "{options:?}");
}

#[test]
fn a_key_from_a_file_is_good() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        // As people have it: in groups, in small letters.
        let grouped = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n";
        let key = file(&alice, "key", grouped.as_bytes());
        let options = ["--secret-file", key.to_str().unwrap(), "--digits", "8"];
        bring(host, &alice, &options, "", &old_phone(host, "&digits=8"));
        bring(host, &bob, &["--secret-file", "-"], grouped, &old_phone(host, ""));
        let uri = format!(
            "otpauth://totp/Other%20Host:carol?secret={RFC_SECRET}&algorithm=SHA256&period=60&image=x\n"
        );
        let key = file(&carol, "uri", uri.as_bytes());
        bring(
            host,
            &carol,
            &["--key-uri-file", key.to_str().unwrap()],
            "",
            &host.phone(uri.trim()),
        );
    });
}

#[test]
fn a_token_goes_on_where_its_counter_stands() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let uri = format!("otpauth://hotp/token?secret={RFC_SECRET}&counter=7000");
        let key = file(&alice, "key", RFC_SECRET.as_bytes());
        let key = key.to_str().unwrap();
        let options = ["--kind", "hotp", "--counter", "7000", "--secret-file", key];
        bring(host, &alice, &options, "", &host.phone(&uri));
        let key = file(&bob, "uri", uri.as_bytes());
        let token = host.phone(&uri);
        bring(host, &bob, &["--key-uri-file", key.to_str().unwrap()], "", &token);
        assert!(!logs_in(host, &bob, &token.code_at(6999)));
    });
}

#[test]
fn a_key_in_a_picture_is_good() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        // alice moves to bob's account with the phone she has.
        let picture = alice.home.join("key.png");
        let phone = host.enroll_with(&alice, &["--png", picture.to_str().unwrap()], None).phone;
        let picture = file(&bob, "screenshot.png", &fs::read(&picture).unwrap());
        bring(host, &bob, &["--qr-image", picture.to_str().unwrap()], "", &phone);
    });
}

#[test]
fn a_key_that_is_typed_is_not_shown() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let phone = old_phone(host, "");
        let mut terminal = Terminal::start(&host.cli_command(&alice, &["enroll", "--secret"]));
        terminal.answer("Key (base32): ", RFC_SECRET);
        terminal.answer("Code from the app: ", &phone.fresh_code());
        let shown = terminal.finish().expect_success("enroll").stdout;
        assert!(shown.contains("Enrolling alice with the key you brought."), "{shown}");
        for part in [RFC_SECRET, "GEZD", "otpauth", "█"] {
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(logs_in(host, &alice, &phone.fresh_code()));
    });
}

#[test]
fn what_is_no_key_is_refused_with_the_reason_and_changes_nothing() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let uri = |rest: &str| format!("otpauth://{rest}");
        let texts = [
            ("--secret-file", "GEZDGNBVGY3TQOJQ".to_owned(), "InvalidArgument", "16 to 128 bytes"),
            ("--secret-file", "A".repeat(208), "InvalidArgument", "16 to 128 bytes"),
            ("--secret-file", RFC_SECRET.replace('G', "1"), "InvalidArgument", "A-Z and 2-7"),
            ("--secret-file", String::new(), "Input", "one line"),
            ("--secret-file", format!("{RFC_SECRET}\n{RFC_SECRET}\n"), "Input", "one line"),
            ("--key-uri-file", RFC_SECRET.to_owned(), "InvalidArgument", "begins with otpauth://"),
            ("--key-uri-file", uri("totp/x"), "InvalidArgument", "no secret"),
            (
                "--key-uri-file",
                uri(&format!("hotp/x?secret={RFC_SECRET}")),
                "InvalidArgument",
                "no counter",
            ),
            (
                "--key-uri-file",
                uri(&format!("totp/x?secret={RFC_SECRET}&secret={RFC_SECRET}")),
                "InvalidArgument",
                "more than once",
            ),
            (
                "--key-uri-file",
                uri(&format!("totp/x?secret={RFC_SECRET}&algorithm=MD5")),
                "InvalidArgument",
                "SHA1",
            ),
            (
                "--key-uri-file",
                uri(&format!("totp/x?secret={RFC_SECRET}&period=5")),
                "InvalidArgument",
                "15 to 300",
            ),
            ("--qr-image", "no picture".to_owned(), "Input", "PNG"),
        ];
        for (number, (option, content, name, reason)) in texts.into_iter().enumerate() {
            let path = file(&alice, &format!("key{number}"), content.as_bytes());
            let arguments = ["enroll", "--json", option, path.to_str().unwrap()];
            let refused = host.cli_reading(&alice, &arguments, "123456\n");
            assert_eq!(refused.error_name(), name, "{option} {content}");
            assert!(refused.stderr.contains(reason), "{content}: {}", refused.stderr);
            assert_eq!(refused.stdout, "");
            // A secret that is nearly right is nothing to show around either.
            assert!(!refused.stderr.contains("GEZDGNBVGY3TQOJQ"), "{}", refused.stderr);
        }
        let missing = host.cli(&alice, &["enroll", "--json", "--qr-image", "nowhere.png"]);
        assert_eq!(missing.error_name(), "Input");
        let foreign = host.cli(&alice, &["enroll", "--json", "--secret-file", "/etc/shadow"]);
        assert_eq!(foreign.error_name(), "Input");
        assert_eq!(host.status(&alice)["state"], "off");
        host.daemon.kill();
        let sql = "SELECT count(*) FROM accounts; SELECT count(*) FROM authenticators";
        let mut sqlite = std::process::Command::new("sqlite3");
        let rows = run(sqlite.args([DATABASE, sql]), "").expect_success("sqlite3").stdout;
        assert_eq!(rows, "0\n0\n");
    });
}

#[test]
fn a_key_that_was_brought_resumes_with_itself_and_with_no_other() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let path = file(&alice, "key", RFC_SECRET.as_bytes());
        let with_key = ["enroll", "--json", "--secret-file", path.to_str().unwrap()];
        assert_eq!(host.cli(&alice, &with_key).error_name(), "NoInput");
        assert_eq!(host.cli(&alice, &with_key).error_name(), "NoInput");
        let other = file(&alice, "other", BASE32_NOPAD.encode(&[0x5a; 20]).as_bytes());
        let with_other = ["enroll", "--json", "--secret-file", other.to_str().unwrap()];
        assert_eq!(host.cli(&alice, &with_other).error_name(), "EnrollmentUnderWay");
        let code = old_phone(host, "").fresh_code() + "\n";
        host.cli_reading(&alice, &with_key, &code).expect_success("enroll");
    });
}
