//! The file in a home, and its scratch codes.

use std::{fs, path::Path, time::Duration};

use twinlock_interface::{State, Step};
use twinlock_tests::{
    in_sandbox,
    login::{PamLogin, ending, from_address},
    ssh::FirstFactor,
};

use crate::scene::{
    OFFICE, SCRATCH_CODES, USERS_FILE, WRONG, accepts, entries, give, hex, import, import_homes,
    outcomes, phone, put, put_users, secret_file, token, with_room,
};

#[test]
fn the_phone_of_google_authenticator_goes_on_and_a_code_used_there_stays_used() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let (phones, now) = ([phone(host, 0, 6, 30), phone(host, 1, 6, 60)], with_room(host));
        // alice used the code before this one, bob that of the next step, early.
        for (number, user, period, used) in
            [(0, &alice, 30, now / 30 - 1), (1, &bob, 60, now / 60 + 1)]
        {
            let step_size = format!("STEP_SIZE {period}");
            let reuse = format!("DISALLOW_REUSE {} {used}", used - 1);
            let limit = format!("RATE_LIMIT 3 30 {now}");
            let last = format!("LAST0 192.0.2.1 {now}");
            let options = [&limit, "WINDOW_SIZE 17", &step_size, &reuse, "TOTP_AUTH", &last];
            put(user, &secret_file(number, &options));
        }
        import_homes(host, &[&alice, &bob]);
        let line = host.line();
        let [alices, bobs] = &phones;
        assert!(!accepts(&line, &alice, &alices.code_at(now / 30 - 1)), "used there");
        assert!(accepts(&line, &alice, &alices.code_at(now / 30)), "not used there");
        for used in [now / 60 - 1, now / 60, now / 60 + 1] {
            assert!(!accepts(&line, &bob, &bobs.code_at(used)), "used there, or before that");
        }
        // Refused because they are used, not because they are wrong.
        assert_eq!([&alice, &bob].map(|user| line.status(&user.name).failures), [0; 2]);

        host.clock.advance(Duration::from_secs(120));
        let sshd = host.sshd(FirstFactor::Password);
        for (user, phone) in [(&alice, alices), (&bob, bobs)] {
            assert!(sshd.lets_in(user, &phone.fresh_code()), "{}", user.name);
            assert!(!sshd.lets_in(user, &phone.spent_code()), "{}", user.name);
        }
    });
}

#[test]
fn without_a_record_of_used_codes_whatever_the_phone_has_shown_is_spent() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let (phone, now) = (phone(host, 0, 6, 30), with_room(host));
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        import_homes(host, &[&alice]);
        let line = host.line();
        for (step, is_good) in [(now / 30 - 1, false), (now / 30, false), (now / 30 + 1, true)] {
            assert_eq!(accepts(&line, &alice, &phone.code_at(step)), is_good, "{step}");
        }
    });
}

#[test]
fn a_scratch_code_logs_in_once_where_any_code_is_asked_for_and_a_wrong_one_is_charged() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        put(&alice, &secret_file(0, &["DISALLOW_REUSE", "TOTP_AUTH"]));
        import_homes(host, &[&alice]);
        let line = host.line();
        assert_eq!(line.status("alice").recovery_codes_left, 5);
        let sshd = host.sshd(FirstFactor::Password);
        assert!(sshd.lets_in(&alice, SCRATCH_CODES[0]));
        assert_eq!(line.status("alice").failures, 0, "a right one costs nothing");
        assert!(!sshd.lets_in(&alice, SCRATCH_CODES[0]));
        let after_replay = line.status("alice").failures;
        assert_eq!(PamLogin::run("alice", OFFICE, WRONG).code, ending::AUTH_ERR);
        assert!(line.status("alice").failures > after_replay);
        let status = line.status("alice");
        assert_eq!((status.recovery_codes_left, status.recovery_codes_used_at.len()), (4, 1));
        for code in &SCRATCH_CODES[1..] {
            assert_eq!(PamLogin::run("alice", OFFICE, code).code, ending::SUCCESS);
        }
        assert_eq!(line.status("alice").recovery_codes_left, 0);
    });
}

#[test]
fn a_scratch_code_opens_where_the_phone_s_codes_are_locked() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        import_homes(host, &[&alice]);
        let (line, phone) = (host.line(), phone(host, 0, 6, 30));
        for nth in 0..5 {
            assert!(!accepts(&line, &alice, &phone.wrong_code(nth)), "{nth}");
        }
        host.clock.advance(Duration::from_secs(60));
        assert!(!accepts(&line, &alice, &phone.fresh_code()), "locked");
        assert!(accepts(&line, &alice, SCRATCH_CODES[0]));
        assert!(accepts(&line, &alice, &phone.fresh_code()), "as with any recovery code");
    });
}

#[test]
fn a_scratch_code_is_a_proof_like_any_recovery_code_and_dies_with_a_renewal() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        import_homes(host, &[&alice]);
        put_users(&[format!("HOTP bob - {}", hex(1))]);
        import(host, &["oath", USERS_FILE]).expect_success("import");
        let line = host.line();
        let tablet = host.enroll_with(&alice, &["--name", "tablet"], Some(SCRATCH_CODES[0]));
        assert_eq!(tablet.recovery_codes, [""; 0], "the set that is there stays");
        assert_eq!(line.status("alice").recovery_codes_left, 4);
        // users.oath has none; both get a set of their own.
        assert_eq!(line.status("bob").recovery_codes_left, 0);
        let bobs = token(host, 1, 6).code_at(0);
        for (user, code) in [(&alice, &tablet.phone.fresh_code()), (&bob, &bobs)] {
            let renewed =
                host.cli_reading(user, &["codes", "renew", "--json"], &format!("{code}\n"));
            let renewed = renewed.expect_success("codes renew").json();
            assert_eq!(line.status(&user.name).recovery_codes_left, 10);
            assert!(accepts(&line, user, renewed["recovery_codes"][0].as_str().unwrap()));
        }
        assert!(!accepts(&line, &alice, SCRATCH_CODES[1]));
    });
}

#[test]
fn a_right_scratch_code_after_wrong_codes_costs_what_any_recovery_code_does() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        import_homes(host, &[&alice]);
        let enrolled = host.enroll(&bob);
        let line = host.line();
        for (user, phone, recovery_code) in [
            (&bob, &enrolled.phone, enrolled.recovery_codes[0].as_str()),
            (&alice, &phone(host, 0, 6, 30), SCRATCH_CODES[0]),
        ] {
            // One short of a lock.
            for nth in 0..4 {
                assert!(!accepts(&line, user, &phone.wrong_code(nth)), "{nth}");
            }
            assert!(accepts(&line, user, recovery_code));
            let status = line.status(&user.name);
            assert_eq!((status.failures, status.locked_until), (0, None), "{}", user.name);
        }
    });
}

#[test]
fn scratch_codes_cannot_be_guessed_any_longer_than_others() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        import_homes(host, &[&alice]);
        let line = host.line();
        let guess = |number: u32| line.login("alice", &from_address(OFFICE), &number.to_string());
        let refused = (20_000_000..20_000_020)
            .take_while(|&number| matches!(guess(number).unwrap(), Step::Refuse { .. }))
            .count();
        assert_eq!(refused, 5);
        assert!(!accepts(&line, &alice, SCRATCH_CODES[0]), "locked");
    });
}

#[test]
fn the_counter_of_google_authenticator_goes_on_where_it_stood() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["HOTP_COUNTER 7"]));
        // The counter counts, whatever else the file says.
        put(&bob, &secret_file(1, &["TOTP_AUTH", "HOTP_COUNTER 1"]));
        import_homes(host, &[&alice, &bob]);
        let line = host.line();
        for (user, number, next) in [(&alice, 0, 7), (&bob, 1, 1)] {
            let token = token(host, number, 6);
            assert!(!accepts(&line, user, &token.code_at(next - 1)), "{}", user.name);
            let login = PamLogin::run(&user.name, OFFICE, &token.code_at(next));
            assert_eq!(login.code, ending::SUCCESS, "{}", user.name);
            assert!(!accepts(&line, user, &token.code_at(next)), "{}", user.name);
            assert!(accepts(&line, user, &token.code_at(next + 1)), "{}", user.name);
        }
    });
}

#[test]
fn files_named_after_their_accounts_are_taken_from_the_directory_they_lie_in() {
    in_sandbox(|host| {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        let directory = Path::new("/var/lib/google-authenticator");
        fs::create_dir(directory).unwrap();
        for (number, name, owner) in
            [(0, "alice", &host.root()), (1, "bob", &bob), (2, "carol", &bob), (3, "x", &bob)]
        {
            let file = directory.join(name);
            fs::write(&file, secret_file(number, &["HOTP_COUNTER 1"])).unwrap();
            give(&file, owner, 0o400);
        }
        let path = directory.to_str().unwrap();
        let arguments = ["--json", "google-authenticator", "--by-file-name", path];
        let told = entries(&import(host, &arguments));
        let refused = ("-", "refused");
        let expected = [("alice", "imported"), ("bob", "imported"), refused, refused];
        assert_eq!(outcomes(&told), expected, "{told:?}");
        let line = host.line();
        assert!(accepts(&line, &alice, &token(host, 0, 6).code_at(1)));
        assert!(accepts(&line, &bob, &token(host, 1, 6).code_at(1)));
        assert_eq!(line.status(&carol.name).state, State::Off);
    });
}
