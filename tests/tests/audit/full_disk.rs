//! On a full disk nothing is accepted, the log says so, and whoever is asked nothing still gets in.

use std::{fs, io::Write, path::Path};

use nix::mount::{MsFlags, mount};
use twinlock_interface::Step;
use twinlock_tests::{Outcome, in_sandbox, login::from_address};

use crate::scene::{FAR, Scene, WRONG};

const STATE: &str = "/var/lib/twinlock";
const RULES: &str = "[[rule]]\nlevel = \"exempt\"\nuser = \"dave\"\n\
    [[rule]]\nlevel = \"required\"\nuser = \"alice\"\n";

/// Takes all the space there is.
fn fill() {
    let mut file = fs::File::create(Path::new(STATE).join("ballast")).unwrap();
    // In pages first, then in bytes.
    for block in [&[0_u8; 4096][..], &[0]] {
        while file.write_all(block).is_ok() {}
    }
}

#[test]
fn on_a_full_disk_nothing_is_accepted_and_an_exempt_administrator_gets_in() {
    in_sandbox(|host| {
        fs::create_dir_all(STATE).unwrap();
        let small = Some("size=1m,mode=700");
        mount(Some("tmpfs"), STATE, Some("tmpfs"), MsFlags::empty(), small).unwrap();
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let (dave, _) = scene.enrolled("dave");
        scene.policy(RULES);
        let from = from_address(FAR);
        let right = alices.phone.fresh_code();
        let rows = scene.rows(0).len();
        let (mut failed, mut exempt) = (0, 0);
        for daemon in ["the running daemon", "a daemon that starts on the full disk"] {
            fill();
            for code in [right.as_str(), WRONG, &alices.recovery_codes[0], "x"] {
                let denied = scene.sshd.login("alice", &from, code);
                assert!(denied.is_err(), "{daemon}: {denied:?}");
                let said =
                    host.syslog.expect_nth("login outcome=failed reason=unavailable", failed);
                assert!(
                    said.contains("user=\"alice\" uid=1000 caller=0 service=\"sshd\""),
                    "{said}"
                );
                failed += 1;
            }
            let let_in = scene.sshd.begin("dave", &from);
            assert!(matches!(let_in, Ok((_, Step::NotRequired))), "{daemon}: {let_in:?}");
            let _ = host.syslog.expect_nth("login outcome=not-required reason=exempt", exempt);
            exempt += 1;
            let asked: Outcome = host.cli(&host.root(), &["audit", "--user", &dave.name]);
            let told = asked.expect_success("audit").stdout;
            assert!(!told.contains("not-required"), "a row on a full disk:\n{told}");
            fs::remove_file(Path::new(STATE).join("ballast")).unwrap();
            host.daemon.kill();
        }
        assert_eq!(scene.rows(0).len(), rows, "rows that were written on a full disk");
        assert!(!host.syslog.lines().iter().any(|line| line.contains("outcome=accepted")));
        // And with space everything is written down again.
        let step = scene.sshd.login("alice", &from, &right).unwrap();
        assert!(matches!(step, Step::Accept { .. }), "{step:?}");
        assert_eq!(scene.rows(0).len(), rows + 1);
    });
}
