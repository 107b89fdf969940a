//! A person can enrol with any authenticator app, and only with all of it done.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    time::Duration,
};

use data_encoding::HEXUPPER;
use serde_json::Value;
use twinlock_tests::{
    OPTIONAL, Terminal,
    command::{as_root, run},
    host::DATABASE,
    in_sandbox,
    screen::Screen,
    ssh::FirstFactor,
};

/// What `twinlock enroll` asks at the end.
const PROMPT: &str = "Code from the app: ";

/// The key URI, which has a line to itself.
fn key_uri(text: &str) -> String {
    let mut lines = text.lines().map(str::trim_end).filter(|line| line.starts_with("otpauth://"));
    lines.next().unwrap_or_else(|| panic!("no key URI in:\n{text}")).to_owned()
}

#[test]
fn the_qr_code_on_the_screen_is_the_printed_key_uri_and_logs_in() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let screen = Screen::start(&host.cli_command(&alice, &["enroll"]));
        let shown = screen.expect(PROMPT);
        let scanned = screen.scan();
        assert_eq!(scanned, key_uri(&shown));

        let phone = host.phone(&scanned);
        screen.type_line(&phone.fresh_code());
        let shown = screen.expect("never shown again");
        assert!(shown.contains("10. "), "{shown}");
        assert_eq!(host.status(&alice)["recovery_codes_left"], 10);
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
    });
}

#[test]
fn nothing_counts_before_the_first_right_code() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let shown = host.cli(&alice, &["enroll"]).expect_failure("enroll without a code");
        let phone = host.phone(&key_uri(&shown.stdout));
        assert_eq!(host.status(&alice)["state"], "pending");
        assert!(!sshd.lets_in(&alice, &phone.fresh_code()));
    });
}

#[test]
fn a_pending_enrolment_goes_on_with_the_same_secret() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let first = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        let second = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        assert_eq!(first, second);
        host.daemon.kill();
        let third = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        assert_eq!(first, third, "after a restart of the daemon");

        let phone = host.phone(&first);
        let code = phone.fresh_code() + "\n";
        host.cli_reading(&alice, &["enroll"], &code).expect_success("enroll");
        assert_eq!(host.status(&alice)["state"], "on");
    });
}

#[test]
fn a_cancelled_enrolment_leaves_nothing() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let before = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        host.cli(&alice, &["enroll", "--cancel"]).expect_success("cancel");
        assert_eq!(host.status(&alice)["state"], "off");

        let stale = host.phone(&before).fresh_code() + "\n";
        let outcome = host.cli_reading(&alice, &["enroll", "--json"], &stale);
        assert_eq!(outcome.error_name(), "WrongCode");
        let after: Value =
            serde_json::from_str(outcome.stdout.lines().next().unwrap_or_default()).unwrap();
        assert_ne!(after["key_uri"].as_str().unwrap(), before);
    });
}

#[test]
fn a_wrong_code_does_not_confirm() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let mut terminal = Terminal::start(&host.cli_command(&alice, &["enroll", "--no-qr"]));
        terminal.expect(PROMPT);
        let phone = host.phone(&key_uri(&terminal.text()));
        terminal.type_line(&phone.wrong_code(0));
        terminal.expect(PROMPT);
        assert_eq!(host.status(&alice)["state"], "pending");
        terminal.type_line(&phone.fresh_code());
        terminal.finish().expect_success("enroll");
        assert_eq!(host.status(&alice)["state"], "on");
    });
}

#[test]
fn an_authenticator_is_never_replaced_silently() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, root) = (host.user("alice"), host.root());
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        let outcome = host.cli(&alice, &["enroll", "--json"]);
        assert_eq!((outcome.error_name().as_str(), outcome.stdout.as_str()), ("ProofRequired", ""));
        // root may add another one, which leaves the first as it is.
        assert_eq!(host.cli(&root, &["enroll", "--json", "alice"]).error_name(), "NoInput");
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
        let another = host.enroll_with(&root, &["alice"], None);
        for phone in [&another.phone, &enrolled.phone] {
            assert!(sshd.lets_in(&alice, &phone.fresh_code()));
        }
    });
}

#[test]
fn removing_takes_a_fresh_code_and_ends_the_old_phone() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        // Where everybody needs a code, nobody can part with the last one.
        host.policy(OPTIONAL);
        for unfit in [enrolled.phone.spent_code(), enrolled.phone.wrong_code(0)] {
            let outcome = host.cli_reading(&alice, &["remove", "--json"], &(unfit + "\n"));
            assert_eq!(outcome.error_name(), "WrongCode");
        }
        let code = enrolled.phone.fresh_code() + "\n";
        host.cli_reading(&alice, &["remove"], &code).expect_success("remove");
        assert_eq!(host.status(&alice)["state"], "off");
        host.policy("");
        assert!(!sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
        assert!(!sshd.lets_in(&alice, &enrolled.recovery_codes[0]));
    });
}

#[test]
fn root_can_enrol_somebody_else_and_reset_them() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let key = host.cli(&host.root(), &["enroll", "--no-qr", "alice"]);
        let phone = host.phone(&key_uri(&key.stdout));
        let code = phone.fresh_code() + "\n";
        host.cli_reading(&host.root(), &["enroll", "--no-qr", "alice"], &code)
            .expect_success("enroll alice");
        assert_eq!(host.status(&alice)["state"], "on");
        host.cli(&alice, &["reset", "--yes", "alice"]).expect_failure("resetting oneself");
        host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        assert_eq!(host.status(&alice)["state"], "off");
    });
}

#[test]
fn while_one_enrolment_is_under_way_no_other_takes_its_place() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let begin = ["enroll", "--json", "--name", "tablet", "--digits", "8"];
        let first = host.cli(&alice, &begin).json();
        for (caller, other) in [
            (&alice, &["--name", "phone"][..]),
            (&alice, &["--digits", "7"]),
            (&alice, &["--kind", "hotp"]),
            (&alice, &["--name", "tablet", "--algorithm", "sha256"]),
            (&host.root(), &["--name", "mine", "alice"]),
        ] {
            let refused = host.cli(caller, &[&["enroll", "--json"], other].concat());
            assert_eq!(refused.error_name(), "EnrollmentUnderWay", "{other:?}");
            assert_eq!(refused.stdout, "", "{other:?}");
        }
        // In the same words, or in none, it goes on: same key, same end.
        for same in [&["--name", "tablet"][..], &["--digits", "8"], &[]] {
            let resumed = host.cli(&alice, &[&["enroll", "--json"], same].concat()).json();
            assert_eq!(resumed, first, "{same:?}");
        }
        let code = host.phone(first["key_uri"].as_str().unwrap()).fresh_code() + "\n";
        host.cli_reading(&alice, &["enroll", "--json"], &code).expect_success("enroll");
        assert_eq!(host.status(&alice)["authenticators"][0]["name"], "tablet");
    });
}

#[test]
fn an_enrolment_that_nobody_finishes_ends_after_fifteen_minutes() {
    in_sandbox(|host| {
        const LIFETIME: Duration = Duration::from_secs(15 * 60);
        const MARGIN: Duration = Duration::from_secs(20);
        host.settable_clock();
        let alice = host.user("alice");
        let before = key_uri(&host.cli(&alice, &["enroll"]).stdout);
        let ends = host.status(&alice)["expires_at"].as_u64().unwrap();
        assert!(ends.abs_diff(host.clock.now() + LIFETIME.as_secs()) < MARGIN.as_secs());
        host.clock.advance(LIFETIME - MARGIN);
        assert_eq!(key_uri(&host.cli(&alice, &["enroll"]).stdout), before);
        host.clock.advance(MARGIN);
        assert_eq!(host.status(&alice)["state"], "off");
        let code = host.phone(&before).fresh_code();
        let late = host.caller(alice.uid).confirm_enrollment("alice", &code).unwrap_err();
        assert_eq!(late.name, "NoPendingEnrollment");
        assert_ne!(key_uri(&host.cli(&alice, &["enroll"]).stdout), before);
    });
}

#[test]
fn of_an_enrolment_that_ended_the_next_start_leaves_nothing_in_the_database() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        assert_eq!(host.cli(&alice, &["enroll", "--json"]).error_name(), "NoInput");
        host.daemon.kill();
        let rows = "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM authenticators)";
        assert_eq!(sqlite(rows), "1|1");
        let sealed = sqlite("SELECT hex(sealed_secret) FROM authenticators");
        let sealed = HEXUPPER.decode(sealed.as_bytes()).unwrap();
        host.clock.advance(Duration::from_secs(15 * 60));
        assert_eq!(host.status(&alice)["state"], "off");
        host.await_database(rows, "0|0");
        host.daemon.kill();
        let _ = sqlite("PRAGMA wal_checkpoint(TRUNCATE)");
        let left = fs::read(DATABASE).unwrap();
        assert!(!left.windows(sealed.len()).any(|window| window == sealed), "the sealed secret");
    });
}

fn sqlite(sql: &str) -> String {
    let mut sqlite = as_root("sqlite3");
    let told = run(sqlite.args([DATABASE, sql]), "").expect_success("sqlite3").stdout;
    told.trim_end().to_owned()
}

#[test]
fn the_pictures_hold_the_key_and_are_their_owners_alone() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let [png, svg] = ["key.png", "key.svg"].map(|name| alice.home.join(name));
        let paths = [&png, &svg].map(|path| path.to_str().unwrap());
        let options = ["--png", paths[0], "--svg", paths[1]];
        let phone = host.enroll_with(&alice, &options, None).phone;
        for path in [&png, &svg] {
            let found = fs::metadata(path).unwrap();
            assert_eq!((found.mode() & 0o7777, found.uid()), (0o600, alice.uid), "{path:?}");
        }
        let from_svg = Path::new("/run/sandbox/key.pgm");
        fs::write(from_svg, drawn(&fs::read_to_string(&svg).unwrap())).unwrap();
        for picture in [&png, from_svg] {
            let mut camera = as_root("zbarimg");
            camera.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"]).arg(picture);
            let scanned = run(&mut camera, "").expect_success("zbarimg").stdout;
            assert!(scanned.contains(&format!("secret={}&", phone.secret)), "{scanned}");
            assert!(scanned.starts_with("otpauth://totp/sandbox:alice?"), "{scanned}");
        }
    });
}

/// An SVG of rectangles alone, `M8 8h8v8H8V8M…`, as a grey PGM picture of 8 pixels a unit.
fn drawn(svg: &str) -> Vec<u8> {
    let attribute = |name: &str| {
        let (_, rest) = svg.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0
    };
    let side: usize = attribute("width").parse().unwrap();
    let mut pixels = vec![u8::MAX; side * side];
    for rectangle in attribute("d").split('M').skip(1) {
        let numbers: Vec<usize> = rectangle
            .split(|character: char| !character.is_ascii_digit())
            .map(|number| number.parse().unwrap())
            .collect();
        let [left, top, width, height, back_left, back_top] = numbers[..] else {
            panic!("no rectangle: {rectangle}");
        };
        assert_eq!((back_left, back_top), (left, top), "{rectangle}");
        for row in top..top + height {
            pixels[row * side + left..][..width].fill(0);
        }
    }
    let mut picture = format!("P5 {side} {side} 255\n").into_bytes();
    picture.extend(pixels);
    picture
}

#[test]
fn a_picture_never_takes_the_place_of_a_file_and_then_nothing_is_begun() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let taken = alice.home.join("taken");
        fs::write(&taken, "hers").unwrap();
        symlink("/root/elsewhere", alice.home.join("link")).unwrap();
        for (option, name, error) in [
            ("--png", "taken", "FileExists"),
            ("--svg", "taken", "FileExists"),
            ("--png", "link", "FileExists"),
            ("--svg", "/etc/key.svg", "Output"),
            ("--png", "no/such/room/key.png", "Output"),
        ] {
            let refused = host.cli(&alice, &["enroll", "--json", option, name]);
            assert_eq!(refused.error_name(), error, "{option} {name}");
            assert_eq!(refused.stdout, "", "{option} {name}");
        }
        assert_eq!(fs::read_to_string(&taken).unwrap(), "hers");
        assert!(!Path::new("/root/elsewhere").exists() && !Path::new("/etc/key.svg").exists());
        assert_eq!(host.status(&alice)["state"], "off");
    });
}
