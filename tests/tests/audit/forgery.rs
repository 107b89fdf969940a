//! What a claimant chooses stays what it is: inside its quotes, on its line, in its row.

use twinlock_interface::{Error, LoginContext, PolicyChange, Rule, Step, proxy::PolicyProxy};
use twinlock_tests::in_sandbox;

use crate::scene::{Scene, WRONG, brief};

/// What terminals, log readers and this log's own grammar would obey.
pub(crate) const BAD: [&str; 8] = [
    "eve\nNov 20 17:56:55 host twinlockd[1]: login outcome=accepted",
    "eve\" uid=0 caller=0 service=\"sshd\" rhost=\"198.51.100.66\" tty=\"",
    "eve\\\" rhost=\"198.51.100.66\" tty=\"",
    "eve\\",
    "\u{1b}[2J\u{1b}]0;root\u{7}\u{9b}31m\u{7f}\r\t\u{8}",
    "\u{202e}ecila\u{2066}\u{200f}\u{2028}",
    "e\u{301}ve\u{fe0f}\u{200d}\u{feff}",
    "#033[2J %s ${x} $(id) '; DROP TABLE events; --",
];

#[test]
fn whatever_a_claimant_calls_themselves_is_one_line_and_one_row() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        for bad in BAD {
            let text = || Some(bad.to_owned());
            let from = LoginContext {
                service: text(),
                rhost: text(),
                tty: text(),
                ruser: text(),
                ..LoginContext::default()
            };
            let step = scene.sshd.login(bad, &from, WRONG).unwrap();
            assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
            // Compares row and line, item by item.
            let left = scene.left();
            assert_eq!(left.len(), 1, "{bad:?}: {left:?}");
            let row = &left[0];
            assert_eq!(brief(row), format!("login refused unknown-name {bad} - by 0"));
            for item in [&row.service, &row.rhost, &row.tty, &row.ruser] {
                assert_eq!(item, bad);
            }
        }
        let lines = host.syslog.lines();
        let of_daemon = lines.iter().filter(|line| line.contains("twinlockd["));
        for line in of_daemon {
            let is_wild = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}')
            };
            assert!(!line.chars().any(is_wild), "{line:?}");
            assert_eq!(line.matches("login outcome=refused").count(), 1, "{line}");
        }
    });
}

#[test]
fn the_reason_of_a_rule_forges_nothing_either() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        for bad in BAD {
            let change = PolicyChange {
                added: vec![Rule { reason: bad.to_owned(), ..Rule::default() }],
                author: Some("carol".to_owned()),
                ..PolicyChange::default()
            };
            let applied = scene.root.run(async {
                let policy = PolicyProxy::new(scene.root.connection()).await.unwrap();
                policy.apply(&change).await
            });
            // Compares row and line.
            let left = scene.left();
            assert_eq!(left.len(), 1, "{left:?}");
            if bad.contains(char::is_control) {
                assert!(matches!(applied, Err(Error::InvalidArgument(_))), "{applied:?}");
                assert_eq!(brief(&left[0]), "policy-apply refused invalid-argument - - by 0");
            } else {
                assert!(applied.is_ok(), "{applied:?}");
                assert!(left[0].details.contains(bad), "{left:?}");
            }
        }
    });
}
