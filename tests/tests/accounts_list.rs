//! `twinlock users` tells how every account stands: those that the daemon knows, those that are gone
//! from the host, and the people who have nothing yet.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    net::UdpSocket,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use twinlock_interface::Step;
use twinlock_tests::{
    Host, OPTIONAL, Outcome, Terminal,
    command::{as_root, run},
    in_sandbox,
    login::from_address,
};

const OFFICE: &str = "192.0.2.10";
/// A code of no phone here, which shows six digits.
const WRONG: &str = "1234567";

/// What the list tells root, an object an account.
fn listed(host: &Host, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["users", "--json"], arguments].concat();
    let outcome = host.cli(&host.root(), &arguments).expect_success("users");
    assert_eq!(outcome.stderr, "");
    objects(&outcome)
}

fn objects(outcome: &Outcome) -> Vec<Value> {
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(accounts: &[Value]) -> Vec<&str> {
    accounts.iter().map(|account| account["user"].as_str().unwrap()).collect()
}

/// One account, which must be the only one of that name.
fn account(host: &Host, name: &str) -> Value {
    let mut found = listed(host, &[name]);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Lines of the list for people: headings first.
fn table(host: &Host, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["users"], arguments].concat();
    let outcome = host.cli(&host.root(), &arguments).expect_success("users");
    outcome.stdout.lines().map(str::to_owned).collect()
}

fn refused(host: &Host, user: &str, answer: &str) {
    let step = host.line().login(user, &from_address(OFFICE), answer).unwrap();
    assert!(matches!(step, Step::Refuse { .. }), "{step:?}");
}

/// Accounts whose names no tool would make, straight into the user database.
fn add_to_passwd(lines: &[String]) {
    let mut passwd = OpenOptions::new().append(true).open("/etc/passwd").unwrap();
    for line in lines {
        writeln!(passwd, "{line}").unwrap();
    }
}

#[test]
fn everybody_is_listed_as_far_as_they_have_come_those_who_have_nothing_too() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob, carol, _dave] =
            ["alice", "bob", "carol", "dave"].map(|name| host.user(name));
        run(as_root("usermod").args(["-s", "/usr/sbin/nologin", "dave"]), "")
            .expect_success("shell");
        let before = host.clock.now();
        let alices = host.enroll(&alice);
        let _ = host.caller(0).begin_enrollment("carol").unwrap();
        refused(host, "bob", WRONG);
        let since = before..=host.clock.now();

        let all = listed(host, &[]);
        // dave has no shell, and whoever else is in the user database is no person.
        assert_eq!(names(&all), ["root", "alice", "bob", "carol"]);
        let nothing = json!({
            "user": "root", "uid": 0, "state": "off", "since": null, "required": true,
            "required_by": [], "last_accepted_at": null, "authenticators": 0,
            "recovery_codes_left": 0, "failures": 0, "locked_until": null, "closed": false,
            "stale": false,
        });
        assert_eq!(all[0], nothing);
        let [on, off, pending] = [&all[1], &all[2], &all[3]];
        assert!(since.contains(&on["since"].as_u64().unwrap()), "{on}");
        assert!(since.contains(&pending["since"].as_u64().unwrap()), "{pending}");
        for (account, uid, state, authenticators, codes, failures) in [
            (on, alice.uid, "on", 1, 10, 0),
            (off, bob.uid, "off", 0, 0, 1),
            (pending, carol.uid, "pending", 0, 0, 0),
        ] {
            assert_eq!(account["uid"], uid);
            assert_eq!(account["state"], state, "{account}");
            assert_eq!(account["authenticators"], authenticators, "{account}");
            assert_eq!(account["recovery_codes_left"], codes, "{account}");
            assert_eq!(account["failures"], failures, "{account}");
        }
        // Named, anybody is listed.
        assert_eq!(names(&listed(host, &["dave", "alice", "alice"])), ["alice", "dave"]);

        host.clock.advance(Duration::from_secs(3600));
        let used = host.clock.now();
        let code = alices.phone.fresh_code();
        let step = host.line().login("alice", &from_address(OFFICE), &code).unwrap();
        assert!(matches!(step, Step::Accept { .. }), "{step:?}");
        let last = account(host, "alice")["last_accepted_at"].as_u64().unwrap();
        assert!((used..=host.clock.now()).contains(&last), "{last}");
        // An enrolment that was left is none.
        host.clock.advance(Duration::from_secs(3600));
        assert_eq!(account(host, "carol")["state"], "off");
    });
}

#[test]
fn the_table_for_people_says_the_same() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, _bob] = ["alice", "bob"].map(|name| host.user(name));
        let alices = host.enroll(&alice);
        let _ =
            host.line().login("alice", &from_address(OFFICE), &alices.phone.fresh_code()).unwrap();
        let day =
            run(as_root("date").args(["+%Y-%m-%d", &format!("--date=@{}", host.clock.now())]), "");
        let day = day.stdout.trim();
        let lines = table(host, &[]);
        let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>();
        assert!(lines[0].starts_with("NAME   STATE  SINCE"), "{lines:#?}");
        assert_eq!(words(1), ["root", "off", "-", "built", "in", "-", "-"], "{lines:#?}");
        let [name, state, since, "built", "in", last, _, codes] = words(2)[..] else {
            panic!("{lines:#?}")
        };
        assert_eq!(
            [name, state, since, last, codes],
            ["alice", "on", day, day, "10"],
            "{lines:#?}"
        );
        assert_eq!(words(3)[..2], ["bob", "off"], "{lines:#?}");
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert_eq!(table(host, &["--stale"]), ["No account is like that."]);
    });
}

#[test]
fn each_account_is_told_by_which_rules_a_code_is_required() {
    in_sandbox(|host| {
        for user in ["alice", "bob", "carol", "dave"] {
            let _ = host.user(user);
        }
        run(as_root("usermod").args(["-aG", "staff", "bob"]), "").expect_success("usermod");
        let required = |name: &str| {
            let account = account(host, name);
            let rules: Vec<_> = account["required_by"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_u64().unwrap())
                .collect();
            (account["required"].as_bool().unwrap(), rules)
        };
        assert_eq!(required("alice"), (true, vec![]));
        let everyone = OPTIONAL.to_owned();
        let staff = "[[rule]]\nlevel = \"required\"\ngroup = \"staff\"\nservices = [\"sudo\"]\n";
        let carol = "[[rule]]\nlevel = \"required\"\nuser = \"carol\"\nfrom = [\"10.0.0.0/8\"]\n\
            [[rule]]\nlevel = \"required\"\nuser = \"carol\"\nservices = [\"sshd\"]\n";
        let dave = "[[rule]]\nlevel = \"exempt\"\nuser = \"dave\"\n";
        host.policy(&[&everyone, staff, carol, dave].concat());
        let shown =
            host.cli(&host.root(), &["policy", "list", "--json"]).expect_success("list").json();
        let number = |is_it: &dyn Fn(&Value) -> bool| {
            let rule = shown["rules"].as_array().unwrap().iter().find(|rule| is_it(rule));
            rule.unwrap_or_else(|| panic!("{shown}"))["id"].as_u64().unwrap()
        };
        let staffs = number(&|rule| rule["name"] == "staff" || rule["group"] == "staff");
        assert_eq!(required("alice"), (false, vec![]));
        assert_eq!(required("bob"), (true, vec![staffs]));
        assert_eq!(required("dave"), (false, vec![]));
        // On the occasion that asks most; both rules ask, each somewhere.
        let (is_required, by) = required("carol");
        assert!(is_required && !by.is_empty() && !by.contains(&staffs), "{by:?}");
        assert_eq!(names(&listed(host, &["--required"])), ["bob", "carol"]);
        let line = table(host, &["bob"]).remove(1);
        assert_eq!(line.split_whitespace().nth(3), Some(staffs.to_string().as_str()), "{line}");
        let line = table(host, &["alice"]).remove(1);
        assert_eq!(line.split_whitespace().nth(3), Some("-"), "{line}");
    });
}

#[test]
fn locks_are_told_while_they_last() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let (_alices, _bobs) = (host.enroll(&alice), host.enroll(&bob));
        (0..4).for_each(|_| refused(host, "alice", WRONG));
        assert_eq!(names(&listed(host, &["--locked"])), [""; 0]);
        let before = host.clock.now();
        refused(host, "alice", WRONG);
        let locked = listed(host, &["--locked"]);
        assert_eq!(names(&locked), ["alice"]);
        let end = locked[0]["locked_until"].as_u64().unwrap();
        assert!((before..=host.clock.now()).contains(&(end - 15 * 60)), "{locked:?}");
        assert_eq!((&locked[0]["closed"], &locked[0]["failures"]), (&json!(false), &json!(5)));
        let line = table(host, &["--locked"]).remove(1);
        assert!(line.contains("  locked until 2"), "{line}");
        host.clock.advance(Duration::from_secs(16 * 60));
        assert_eq!(names(&listed(host, &["--locked"])), [""; 0]);
        assert_eq!(account(host, "alice")["locked_until"], Value::Null);
        assert_eq!(account(host, "alice")["failures"], 5);

        host.cli(&host.root(), &["policy", "profile", "stig"]).expect_success("profile");
        (0..3).for_each(|_| refused(host, "bob", WRONG));
        let closed = listed(host, &["bob"]);
        assert_eq!(
            (&closed[0]["closed"], &closed[0]["locked_until"]),
            (&json!(true), &Value::Null)
        );
        assert!(names(&listed(host, &["--locked"])).contains(&"bob"));
        let line = table(host, &["bob"]).remove(1);
        assert!(line.ends_with("  closed"), "{line}");
        host.cli(&host.root(), &["unlock", "bob"]).expect_success("unlock");
        assert_eq!(account(host, "bob")["closed"], false);
    });
}

#[test]
fn accounts_that_are_gone_from_the_host_or_are_somebody_elses_now_are_told() {
    in_sandbox(|host| {
        let [alice, bob, carol, dave] =
            ["alice", "bob", "carol", "dave"].map(|name| host.user(name));
        for user in [&alice, &bob, &carol, &dave] {
            let _ = host.enroll(user);
        }
        assert_eq!(names(&listed(host, &["--stale"])), [""; 0]);
        run(as_root("userdel").arg("alice"), "").expect_success("userdel");
        run(as_root("usermod").args(["-u", "4711", "bob"]), "").expect_success("usermod -u");
        run(as_root("usermod").args(["-l", "karla", "carol"]), "").expect_success("usermod -l");
        // Looked up lately, they may be remembered for a while.
        host.daemon.kill();
        let stale = listed(host, &["--stale"]);
        assert!(names(&stale).starts_with(&["alice", "bob", "carol"]), "{stale:#?}");
        for (account, uid) in stale.iter().zip([alice.uid, bob.uid, carol.uid]) {
            assert_eq!(
                (&account["uid"], &account["state"]),
                (&json!(uid), &json!("on")),
                "{account}"
            );
        }
        // Whoever has the name, or the uid, now.
        let all = listed(host, &[]);
        let with = |uid: u32| -> Vec<_> {
            let with = all.iter().filter(|account| account["uid"] == uid);
            with.map(|account| (account["user"].as_str().unwrap(), &account["stale"])).collect()
        };
        assert_eq!(with(dave.uid), [("dave", &json!(false))]);
        assert_eq!(with(alice.uid), [("alice", &json!(true))]);
        assert!(with(carol.uid).contains(&("carol", &json!(true))), "{all:#?}");
        for line in &table(host, &["--stale"])[1..] {
            assert!(line.ends_with("gone from the host"), "{line}");
        }
        // What the list offers is what reset takes.
        host.cli(&host.root(), &["reset", "--yes", "alice"]).expect_success("reset");
        assert!(!names(&listed(host, &["--stale"])).contains(&"alice"));
        let gone = host.cli(&host.root(), &["users", "alice", "--json"]);
        assert_eq!(gone.error_name(), "NoSuchAccount");
    });
}

#[test]
fn an_account_that_is_gone_is_found_by_its_name_as_well() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _ = host.enroll(&alice);
        run(as_root("userdel").arg("alice"), "").expect_success("userdel");
        host.daemon.kill();
        // It is on the list of all, so asking for it cannot say that nobody knows it.
        assert_eq!(names(&listed(host, &["--stale"])), ["alice"]);
        let named = host.cli(&host.root(), &["users", "alice", "--json"]);
        assert_eq!(names(&objects(&named)), ["alice"], "{named:?}");
    });
}

#[test]
fn filters_all_count_and_a_group_is_everybody_who_is_in_it() {
    in_sandbox(|host| {
        let [alice, _bob, _carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        let _ = host.enroll(&alice);
        run(as_root("groupadd").arg("ops"), "").expect_success("groupadd");
        for name in ["alice", "bob"] {
            run(as_root("usermod").args(["-aG", "ops", name]), "").expect_success("usermod");
        }
        // Whose primary group it is does not stand among its members.
        run(as_root("usermod").args(["-g", "ops", "carol"]), "").expect_success("usermod");
        host.policy(&format!("{OPTIONAL}[[rule]]\nlevel = \"required\"\nuser = \"bob\"\n"));
        for (arguments, expected) in [
            (&["--group", "ops"][..], vec!["alice", "bob", "carol"]),
            (&["--group", "ops", "--state", "off"], vec!["bob", "carol"]),
            (&["--group", "ops", "--state", "off", "--required"], vec!["bob"]),
            (&["--state", "on"], vec!["alice"]),
            (&["--state", "pending"], vec![]),
            (&["--state", "off"], vec!["root", "bob", "carol"]),
            (&["--state", "on", "--required"], vec![]),
            (&["--required"], vec!["bob"]),
            (&["alice", "bob", "--state", "on"], vec!["alice"]),
            (&["--group", "audio"], vec![]),
        ] {
            assert_eq!(names(&listed(host, arguments)), expected, "{arguments:?}");
        }
        let unknown = host.cli(&host.root(), &["users", "--group", "no\u{1b}such", "--json"]);
        assert_eq!(unknown.error_name(), "NoSuchGroup");
        let unknown = host.cli(&host.root(), &["users", "--group", "no\u{1b}such"]);
        assert!(!unknown.stderr.contains('\u{1b}'), "{unknown:?}");
        // Names that are none do not keep the others off the list.
        let some = host.cli(&host.root(), &["users", "bob", "nosuch", "carol", "--json"]);
        assert_eq!(names(&objects(&some)), ["bob", "carol"]);
        assert_eq!((some.error_name().as_str(), some.status.code()), ("NoSuchAccount", Some(1)));
        assert!(some.stderr.contains("nosuch") && !some.stderr.contains("carol"), "{some:?}");
    });
}

#[test]
fn more_accounts_than_a_page_holds_are_listed_once_each_and_by_uid() {
    in_sandbox(|host| {
        const KNOWN: u32 = 230;
        const PEOPLE: u32 = 250;
        let line = |nth: u32| {
            let uid = 2000 + nth;
            format!("user{nth}:x:{uid}:{uid}::/home/none:/bin/sh")
        };
        add_to_passwd(&(0..KNOWN + PEOPLE).map(line).collect::<Vec<_>>());
        let root = host.caller(0);
        // Every other one, so that who is known and who is not lie mingled.
        for nth in (0..2 * KNOWN).step_by(2) {
            let _ = root.begin_enrollment(&format!("user{nth}")).unwrap();
        }
        let start = Instant::now();
        let all = listed(host, &[]);
        println!("{} accounts in {:?}", all.len(), start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let uids: Vec<_> = all.iter().map(|account| account["uid"].as_u64().unwrap()).collect();
        let expected: Vec<_> =
            [0].into_iter().chain(2000..2000 + u64::from(KNOWN + PEOPLE)).collect();
        assert_eq!(uids, expected);
        let pending = listed(host, &["--state", "pending"]);
        assert_eq!(pending.len(), KNOWN as usize);
        // An ordinary account is the last of a page, too.
        assert!(pending.iter().all(|account| account["uid"].as_u64().unwrap() % 2 == 0));
        assert_eq!(table(host, &[]).len(), 1 + expected.len());
        // By name, more than a message holds.
        let many: Vec<_> = (0..300).map(|nth| format!("user{nth}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(names(&listed(host, &many)), many);
    });
}

#[test]
fn names_of_any_kind_are_listed_and_none_drives_the_terminal() {
    in_sandbox(|host| {
        let odd = [
            "bob smith",
            "DOM\\eve",
            "zoë@example.org",
            "山田",
            "a\u{1b}[2J\u{1b}]0;x\u{7}",
            "b\tc\u{202e}d\u{9b}31m",
            "alice,root",
            "\"quoted\" 'name'",
            &"n".repeat(200),
        ];
        let line = |(uid, name): (u32, &&str)| format!("{name}:x:{uid}:{uid}::/home/none:/bin/sh");
        let lines: Vec<_> = (3000..).zip(&odd).map(line).collect();
        add_to_passwd(&lines);
        let root = host.caller(0);
        for known in [false, true] {
            for name in odd.iter().filter(|_| known) {
                let _ = root.begin_enrollment(name).unwrap();
            }
            let all = listed(host, &[]);
            assert_eq!(names(&all)[1..], odd[..], "{known}");
            let shown = Terminal::start(&host.cli_command(&host.root(), &["users"])).finish();
            let shown = shown.expect_success("users").stdout;
            let rows: Vec<_> = shown.lines().collect();
            assert_eq!(rows.len(), 2 + odd.len(), "{shown}");
            let is_wild = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!rows.iter().any(|row| row.contains(is_wild)), "{rows:#?}");
            for (row, state) in rows[2..].iter().zip([if known { "pending" } else { "off" }; 9]) {
                assert!(row.contains(&format!("  {state}")), "{row}");
            }
            for name in odd {
                assert_eq!(names(&listed(host, &[name])), [name]);
            }
        }
    });
}

#[test]
fn names_that_share_a_uid_are_one_account() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _ = host.enroll(&alice);
        add_to_passwd(&[format!("alias:x:{0}:{0}::/home/none:/bin/sh", alice.uid)]);
        assert_eq!(names(&listed(host, &["alias"])), ["alice"], "{:#?}", listed(host, &["alias"]));
        assert_eq!(names(&listed(host, &[])), ["root", "alice"]);
    });
}

#[test]
fn whoever_is_not_root_is_refused_with_a_word_what_to_do() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        for arguments in [&["users"][..], &["users", "alice"], &["users", "--group", "alice"]] {
            let refused = host.cli(&alice, arguments);
            assert_eq!(
                (refused.status.code(), refused.stdout.as_str()),
                (Some(1), ""),
                "{refused:?}"
            );
            assert!(refused.stderr.contains("sudo"), "{refused:?}");
        }
        assert_eq!(host.cli(&alice, &["users", "--json"]).error_name(), "NotAuthorized");
    });
}

/// From here on whoever is in neither `/etc/passwd` nor `/etc/group` is asked for in a directory that does
/// not answer: nss_hesiod takes it from DNS, and the name server is silent. The groups of a caller are
/// the files' alone, or the bus itself would hang.
fn silent_directory(host: &Host) -> UdpSocket {
    const SOURCES: &str =
        "passwd: files hesiod\ngroup: files hesiod\ninitgroups: files\nhosts: files\n";
    let silence = UdpSocket::bind("127.0.0.1:53").unwrap();
    fs::write("/etc/hesiod.conf", "lhs=.ns\nrhs=.example.org\n").unwrap();
    fs::write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:3\n").unwrap();
    fs::write("/etc/nsswitch.conf", SOURCES).unwrap();
    host.daemon.kill();
    silence
}

/// How long a list may take whose user database hangs.
const AT_MOST: Duration = Duration::from_secs(8);

/// The list, ended if it takes much longer, and how long it took. Not by way of `setpriv`, which looks for
/// whoever is called 0.
fn promptly(arguments: &[&str]) -> (Outcome, Duration) {
    let start = Instant::now();
    let mut command = as_root("timeout");
    command.args(["--signal=KILL", "20", "twinlock", "users"]).args(arguments);
    (run(&mut command, ""), start.elapsed())
}

#[test]
fn a_user_database_that_hangs_keeps_the_list_for_seconds_only() {
    in_sandbox(|host| {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| host.user(name));
        for user in [&alice, &bob, &carol] {
            let _ = host.enroll(user);
        }
        for gone in ["bob", "carol"] {
            run(as_root("userdel").arg(gone), "").expect_success("userdel");
        }
        let silence = silent_directory(host);
        let (all, took) = promptly(&["--json"]);
        let all = objects(&all.expect_success("users"));
        // The directory was asked indeed.
        silence.set_nonblocking(true).unwrap();
        assert!(silence.recv(&mut [0; 512]).is_ok(), "nobody asked the directory");
        assert!(took < AT_MOST, "{took:?}");
        assert_eq!(names(&all), ["root", "alice", "bob", "carol"]);
        // Who cannot be looked up is not said to be gone.
        assert!(all.iter().all(|account| account["stale"] == false), "{all:#?}");
    });
}

/// Ends in time, and says no.
fn is_told_promptly(host: &Host, arguments: &[&str]) {
    let _ = host.user("alice");
    let _silence = silent_directory(host);
    let (outcome, took) = promptly(arguments);
    assert!(took < AT_MOST, "{took:?}: {outcome:?}");
    assert_eq!(outcome.status.code(), Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("does not answer about nosuch"), "{outcome:?}");
}

#[test]
fn a_user_database_that_hangs_does_not_keep_whoever_asks_for_a_name() {
    in_sandbox(|host| is_told_promptly(host, &["alice", "nosuch"]));
}

#[test]
fn a_group_database_that_hangs_does_not_keep_whoever_asks_for_a_group() {
    in_sandbox(|host| is_told_promptly(host, &["--group", "nosuch"]));
}
