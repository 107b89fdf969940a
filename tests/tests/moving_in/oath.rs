//! Lines of users.oath, and the times in them.

use std::{fs, time::Duration};

use twinlock_interface::State;
use twinlock_tests::{
    command::{as_root, run},
    in_sandbox,
    login::{PamLogin, ending},
    ssh::FirstFactor,
};

use crate::scene::{
    OFFICE, USERS_FILE, accepts, entries, hex, import, phone, put_users, token, with_room,
};

#[test]
fn every_token_of_users_oath_goes_on_and_a_code_used_there_stays_used() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        let now = with_room(host);
        let early = phone(host, 6, 6, 30).code_at(now / 30 + 1);
        put_users(&[
            "# TYPE USER PIN KEY COUNTER LASTOTP LOCALTIME".to_owned(),
            format!("HOTP alice - {}", hex(0)),
            format!("HOTP/E/8 alice - {} 7", hex(1)),
            format!("HOTP/T30 alice - {}", hex(2)),
            format!("HOTP/T60/7\talice\tsesame\t{}", hex(3).to_uppercase()),
            format!("HOTP/T30/8 alice + {}", hex(4)),
            format!("HOTP bob - {} 3 {} {}", hex(5), token(host, 5, 6).code_at(3), local(now)),
            // A code of the next step, used early: one step more than expected.
            format!("HOTP/T30 carol - {} 1 {early} {}", hex(6), local(now)),
        ]);
        let told = import(host, &["oath", USERS_FILE]).expect_success("import").stdout;
        assert!(told.contains("PIN on line 5") && !told.contains("sesame"), "{told}");

        let (line, next) = (host.line(), now / 30 + 1);
        let phones =
            [(2, 6, 30), (3, 7, 60), (4, 8, 30)].map(|(key, n, t)| (phone(host, key, n, t), t));
        for (user, token, next) in [
            (&alice, token(host, 0, 6), 0),
            (&alice, token(host, 1, 8), 7),
            (&bob, token(host, 5, 6), 4),
        ] {
            if let Some(used) = u64::checked_sub(next, 1) {
                assert!(!accepts(&line, user, &token.code_at(used)), "{next}");
            }
            assert!(accepts(&line, user, &token.code_at(next)), "{next}");
            assert!(!accepts(&line, user, &token.code_at(next)), "{next}");
        }
        for (phone, period) in &phones {
            let next = now / u64::from(*period) + 1;
            assert!(!accepts(&line, &alice, &phone.code_at(next - 1)), "{period}");
            let login = PamLogin::run("alice", OFFICE, &phone.code_at(next));
            assert_eq!(login.code, ending::SUCCESS, "{period}");
        }
        assert!(!accepts(&line, &carol, &early), "used there");
        host.clock.advance(Duration::from_secs(30));
        assert!(accepts(&line, &carol, &phone(host, 6, 6, 30).code_at(next + 1)));
        let sshd = host.sshd(FirstFactor::Password);
        host.clock.advance(Duration::from_secs(90));
        assert!(sshd.lets_in(&alice, &phones[1].0.fresh_code()));
    });
}

/// Seconds since the Unix epoch as `pam_oath` writes them.
fn local(seconds: u64) -> String {
    let date = format!("--date=@{seconds}");
    let outcome = run(as_root("date").args([&date, "+%Y-%m-%dT%H:%M:%SL"]), "");
    outcome.expect_success("date").stdout.trim().to_owned()
}

#[test]
fn where_a_code_of_a_later_time_may_be_used_the_account_waits_until_it_is_past() {
    in_sandbox(|host| {
        host.settable_clock();
        // The file has the host's time, which is not that of the caller.
        fs::remove_file("/etc/localtime").unwrap();
        fs::copy("/usr/share/zoneinfo/Asia/Kolkata", "/etc/localtime").unwrap();
        let alice = host.user("alice");
        let (phone, now) = (phone(host, 0, 6, 30), with_room(host));
        let used = now / 30 + 4;
        let code = phone.code_at(used);
        put_users(&[format!("HOTP/T30 alice - {} 4 {code} {}", hex(0), local(now))]);
        for dry_run in [&["--dry-run"][..], &[]] {
            let arguments = [&["--json", "oath", USERS_FILE], dry_run].concat();
            let told = entries(&import(host, &arguments).expect_failure("import"));
            let reason = told[0]["reason"].as_str().unwrap();
            assert!(reason.contains("LOCALTIME") && reason.contains("in "), "{reason}");
        }
        assert_eq!(host.line().status("alice").state, State::Off);
        host.clock.advance(Duration::from_secs(3 * 30));
        import(host, &["oath", USERS_FILE]).expect_success("import");
        assert!(!accepts(&host.line(), &alice, &code));
        host.clock.advance(Duration::from_secs(60));
        assert!(accepts(&host.line(), &alice, &phone.fresh_code()));
    });
}
