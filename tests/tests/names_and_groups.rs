//! A rule about a group is about its members, whatever they and it are called and wherever the group
//! comes from; and whoever cannot be told apart from them is treated as the stricter case demands, in
//! time (I9, I10, I14).

use std::{
    fs::OpenOptions,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use twinlock_interface::Step;
use twinlock_tests::{
    Host,
    command::{as_root, run},
    in_sandbox,
    login::{Line, PamLogin, ending, from_address},
};

const ADDRESS: &str = "192.0.2.10";
/// How long the module waits for the daemon.
const MODULE_GIVES_UP: Duration = Duration::from_secs(3);
/// How long a membership is remembered, and more than the time that passes while a test looks on.
const MOMENT: Duration = Duration::from_secs(15);

/// A host on which nobody without an authenticator is asked for a code, but for what else its rules say.
fn lenient(host: &Host) -> Line {
    policy(host, &["optional", "--everyone"]);
    host.line()
}

fn policy(host: &Host, arguments: &[&str]) {
    let _ = host.cli(&host.root(), &[&["policy"], arguments].concat()).expect_success("policy");
}

fn require_group(host: &Host, group: &str) {
    policy(host, &["require", "--group", group, "--service", "sshd"]);
}

fn exempt(host: &Host, whom: &str, name: &str) {
    policy(host, &["exempt", whom, name, "--until", "1d", "--reason", "no hands"]);
}

/// Whether a login of somebody without an authenticator is asked for a code, and nothing else.
fn is_asked(line: &Line, user: &str) -> bool {
    match line.begin(user, &from_address(ADDRESS)) {
        Ok((_, Step::Ask { .. })) => true,
        Ok((_, Step::NotRequired)) => false,
        other => panic!("{user}: {other:?}"),
    }
}

/// Looks at each login, and at what the administrator is told about it.
fn expect_asked<const N: usize>(line: &Line, expected: [(&str, bool); N]) {
    for (user, asked) in expected {
        assert_eq!(is_asked(line, user), asked, "{user}");
        assert_eq!(explained(user)["level"] == "required", asked, "{user}");
    }
}

fn explained(user: &str) -> Value {
    let mut twinlock = as_root("twinlock");
    twinlock.args(["policy", "explain", "--service", "sshd", "--from", ADDRESS, "--json", user]);
    run(&mut twinlock, "").expect_success("explain").json()
}

/// Whether what is asked of `user` was decided by a guess.
fn is_guessed(user: &str) -> bool {
    let explanation = explained(user);
    let judged = explanation["judged"].as_array().unwrap();
    let mut deciding = judged.iter().filter(|one| one["standing"] == "decides").peekable();
    assert!(deciding.peek().is_some(), "{explanation}");
    deciding.all(|one| one["guessed"] == true)
}

/// Forgets what was told about groups a moment ago.
fn afresh(host: &Host) {
    host.daemon.kill();
    let _ = host.daemon.start();
}

/// Adds a line to a database of the host, which useradd and groupadd would refuse.
fn add(database: &str, line: &str) {
    let mut file = OpenOptions::new().append(true).open(database).unwrap();
    writeln!(file, "{line}").unwrap();
}

fn add_user(name: &str, uid: u32, gid: u32) {
    add("/etc/passwd", &format!("{name}:x:{uid}:{gid}::/:/bin/sh"));
}

fn add_group(name: &str, gid: u32, members: &[&str]) {
    add("/etc/group", &format!("{name}:x:{gid}:{}", members.join(",")));
}

#[test]
fn a_rule_is_about_those_whose_primary_or_supplementary_group_it_names_and_about_nobody_else() {
    in_sandbox(|host| {
        add_group("staff-of-alice", 30_000, &[]);
        add_group("ops", 30_001, &["bob", "carol"]);
        for (name, uid, gid) in
            [("alice", 30_001, 30_000), ("bob", 30_002, 7), ("carola", 30_003, 7)]
        {
            add_user(name, uid, gid);
        }
        let line = lenient(host);
        expect_asked(&line, [("alice", false), ("bob", false), ("carola", false)]);
        require_group(host, "ops");
        expect_asked(&line, [("alice", false), ("bob", true), ("carola", false)]);
        require_group(host, "staff-of-alice");
        expect_asked(&line, [("alice", true), ("bob", true), ("carola", false)]);
        assert!(!is_guessed("alice") && !is_guessed("carola"));
    });
}

#[test]
fn names_are_taken_as_they_are() {
    in_sandbox(|host| {
        let names = ["CORP\\alice smith", "zo\u{eb}@example.org", "\u{674e}\u{96f7}", "alice"];
        let groups = ["CORP\\domain users", "admins@example.org", "Pr\u{fc}fer", "a b  c"];
        for (number, (name, group)) in (30_000..).zip(names.iter().zip(groups)) {
            add_user(name, number, 7);
            add_group(group, number, &[name]);
            // What a careless reading takes for the same.
            for (alike, other) in [("Bob", "BOB"), (" bob", "bob "), ("bob", "b\u{f6}b")] {
                add_group(&format!("{group}{alike}"), number + 1000, &[other]);
            }
        }
        let line = lenient(host);
        for (name, group) in names.iter().zip(groups) {
            assert!(!is_asked(&line, name), "{name}");
            require_group(host, group);
            assert!(is_asked(&line, name), "{name} is in {group}");
            assert!(!is_guessed(name), "{name} is in {group}");
        }
        for name in names {
            exempt(host, "--user", name);
            expect_asked(&line, [(name, false)]);
        }
    });
}

#[test]
fn groups_of_any_size_are_read_to_their_end() {
    in_sandbox(|host| {
        add_user("alice", 30_000, 7);
        add_user("member1", 30_001, 7);
        add_user("member10", 30_002, 7);
        let line = lenient(host);
        for (gid, size) in [(40_000, 0), (40_001, 17), (40_002, 1024), (40_003, 65_536)] {
            let group = format!("group-of-{size}");
            let mut members: Vec<_> = (1..size).map(|n| format!("person-{n}")).collect();
            if size > 0 {
                members.push("member10".to_owned());
            }
            add("/etc/group", &format!("{group}:x:{gid}:{}", members.join(",")));
            require_group(host, &group);
            let began = Instant::now();
            expect_asked(&line, [("alice", false), ("member1", false), ("member10", size > 0)]);
            assert!(began.elapsed() < MODULE_GIVES_UP, "{size}: {:?}", began.elapsed());
            assert!(!is_guessed("alice"), "{size}");
            let rules = host.cli(&host.root(), &["policy", "list", "--json"]).json();
            let last = rules["rules"].as_array().unwrap().last().unwrap()["id"].to_string();
            policy(host, &["remove", &last]);
        }
    });
}

#[test]
fn somebody_in_thousands_of_groups_is_in_the_last_of_them_too() {
    in_sandbox(|host| {
        add_user("alice", 30_000, 7);
        add_user("bob", 30_001, 7);
        let directory: String =
            (0..3000).map(|n| format!("g{n}:x:{}:alice\n", 50_000 + n)).collect();
        // The rule's own group lists nobody; only by its gid alice is in it.
        let _directory = host.directory(&directory);
        add_group("last", 52_999, &[]);
        let line = lenient(host);
        require_group(host, "last");
        expect_asked(&line, [("alice", true), ("bob", false)]);
        assert!(!is_guessed("alice") && !is_guessed("bob"));
    });
}

#[test]
fn a_group_is_its_gid_and_not_another_source_s_group_of_that_name() {
    in_sandbox(|host| {
        for (name, uid) in [("alice", 30_000), ("bob", 30_001), ("carol", 30_002)] {
            add_user(name, uid, 7);
        }
        add_group("wheel", 40_000, &["carol"]);
        // alice is in a wheel, but not in the one of this host; bob is in this one, by another name.
        let _directory = host.directory("wheel:x:40001:alice\nadmins:x:40000:bob\n");
        let line = lenient(host);
        require_group(host, "wheel");
        expect_asked(&line, [("alice", false), ("bob", true), ("carol", true)]);
    });
}

#[test]
fn a_rule_about_one_name_of_a_uid_holds_under_its_other_name() {
    in_sandbox(|host| {
        add_user("alice", 30_000, 7);
        add_user("toor", 30_000, 7);
        add_user("bob", 30_001, 7);
        add_user("robot", 30_001, 7);
        add_group("ops", 40_000, &["alice"]);
        let line = lenient(host);
        require_group(host, "ops");
        expect_asked(&line, [("alice", true), ("toor", true), ("bob", false), ("robot", false)]);
        policy(host, &["require", "--user", "bob"]);
        expect_asked(&line, [("bob", true), ("robot", true)]);
    });
}

#[test]
fn a_rule_about_the_name_that_was_typed_holds_where_the_account_is_recorded_under_another() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        add_user("toor", alice.uid, alice.gid);
        add_group("ops", 40_000, &["toor"]);
        let _ = host.enroll(&alice);
        let line = host.line();
        policy(host, &["exempt", "--everyone", "--until", "1d", "--reason", "holidays"]);
        expect_asked(&line, [("alice", false), ("toor", false)]);
        require_group(host, "ops");
        expect_asked(&line, [("toor", true)]);
        exempt(host, "--user", "alice");
        expect_asked(&line, [("alice", false)]);
        policy(host, &["require", "--user", "toor"]);
        expect_asked(&line, [("toor", true)]);
    });
}

#[test]
fn while_the_directory_is_down_whoever_may_be_a_member_is_asked_and_no_group_exempts_anybody() {
    in_sandbox(|host| {
        for (name, uid) in
            [("alice", 30_000), ("bob", 30_001), ("robot", 30_002), ("carol", 30_003)]
        {
            add_user(name, uid, 7);
        }
        add_group("here", 40_000, &["carol"]);
        const GROUPS: &str = "there:x:40001:alice\nrobots:x:40002:robot\n";
        let directory = host.directory(GROUPS);
        let line = lenient(host);
        let told = [("alice", true), ("bob", false), ("robot", false), ("carol", true)];
        require_group(host, "there");
        require_group(host, "here");
        exempt(host, "--group", "robots");
        exempt(host, "--user", "bob");
        expect_asked(&line, told);

        directory.goes_down();
        afresh(host);
        // What stands in a rule about bob himself needs no group.
        expect_asked(&line, [("alice", true), ("bob", false), ("robot", true), ("carol", true)]);
        assert!(is_guessed("robot") && !is_guessed("carol") && !is_guessed("bob"));

        // Nothing was remembered of it: the next login finds the directory back.
        directory.holds(GROUPS);
        expect_asked(&line, told);
        assert!(!is_guessed("robot"));
    });
}

#[test]
fn a_group_of_this_host_may_have_members_in_a_directory_that_is_down() {
    in_sandbox(|host| {
        add_user("alice", 30_000, 7);
        add_group("ops", 40_000, &[]);
        let directory = host.directory("ops:x:40000:alice\n");
        let line = lenient(host);
        require_group(host, "ops");
        expect_asked(&line, [("alice", true)]);
        directory.goes_down();
        afresh(host);
        expect_asked(&line, [("alice", true)]);
        assert!(is_guessed("alice"));
    });
}

#[test]
fn while_the_directory_hangs_logins_are_asked_in_time_and_right_codes_let_in() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let phone = host.enroll(&alice).phone;
        add_user("bob", 30_001, 7);
        add_user("robot", 30_002, 7);
        const GROUPS: &str = "there:x:40001:alice\nrobots:x:40002:robot\n";
        let directory = host.directory(GROUPS);
        let line = lenient(host);
        require_group(host, "there");
        exempt(host, "--group", "robots");
        expect_asked(&line, [("alice", true), ("bob", false), ("robot", false)]);

        afresh(host);
        directory.hangs();
        // More at once than the daemon asks the directory for, and again when all of these still hang.
        for _ in 0..2 {
            thread::scope(|scope| {
                for user in ["alice", "bob", "robot"].repeat(4) {
                    scope.spawn(move || {
                        let began = Instant::now();
                        assert!(is_asked(&host.line(), user), "{user}");
                        assert!(began.elapsed() < MODULE_GIVES_UP, "{user}: {:?}", began.elapsed());
                    });
                }
            });
        }
        let mut login = PamLogin::start("alice", ADDRESS);
        let _ = login.question();
        login.answer(&phone.fresh_code());
        assert_eq!(login.finish().code, ending::SUCCESS);
        assert!(is_guessed("robot") && is_guessed("bob"));
        // Who is who is another database's matter.
        let began = Instant::now();
        assert!(is_asked(&line, "nobody-of-that-name"));
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());

        directory.holds(GROUPS);
        let end = Instant::now() + Duration::from_secs(2);
        while is_asked(&line, "bob") {
            assert!(Instant::now() < end, "the directory is back");
        }
        expect_asked(&line, [("alice", true), ("bob", false), ("robot", false)]);
    });
}

#[test]
fn a_group_that_is_gone_still_requires_and_no_longer_exempts() {
    in_sandbox(|host| {
        add_user("alice", 30_000, 7);
        add_user("robot", 30_001, 7);
        let directory = host.directory("ops:x:40000:alice\nrobots:x:40001:robot\n");
        let line = lenient(host);
        require_group(host, "ops");
        exempt(host, "--group", "robots");
        expect_asked(&line, [("alice", true), ("robot", false)]);
        directory.holds("");
        afresh(host);
        expect_asked(&line, [("alice", true), ("robot", true)]);
        assert!(is_guessed("alice") && is_guessed("robot"));
    });
}

#[test]
fn who_comes_into_a_group_or_leaves_it_is_treated_so_within_seconds() {
    in_sandbox(|host| {
        add_user("alice", 30_000, 7);
        add_user("bob", 30_001, 7);
        let directory = host.directory("ops:x:40000:alice\n");
        let line = lenient(host);
        require_group(host, "ops");
        expect_asked(&line, [("alice", true), ("bob", false)]);
        directory.holds("ops:x:40000:bob\n");
        // A moment is what spares the directory a question for each of many logins.
        expect_asked(&line, [("alice", true), ("bob", false)]);
        let end = Instant::now() + MOMENT;
        while is_asked(&line, "alice") || !is_asked(&line, "bob") {
            assert!(Instant::now() < end, "still as before");
            thread::sleep(Duration::from_millis(200));
        }
    });
}
