//! Which accounts are imported, which are not, and what is told of each.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use twinlock_interface::{State, Step};
use twinlock_tests::{
    Host,
    caller::Arguments,
    command::{as_root, run},
    in_sandbox,
    login::from_address,
};

use crate::scene::{
    FILE_NAME, OFFICE, USERS_FILE, accepts, dump, entries, hex, import, outcomes, put, put_users,
    secret_file, token,
};

/// Accounts of every fate: alice and bob are fine, carol is enrolled, dave has one bad line among
/// good ones, and so on.
fn all_fates(host: &Host) -> Vec<String> {
    for name in ["alice", "bob", "dave", "erin", "frank"] {
        let _ = host.user(name);
    }
    let twin = "--non-unique --no-create-home --uid";
    let uid = nix::unistd::User::from_name("bob").unwrap().unwrap().uid.to_string();
    let mut useradd = as_root("useradd");
    run(useradd.args(twin.split(' ')).args([&uid, "twin"]), "").expect_success("useradd");
    vec![
        format!("HOTP alice - {}", hex(0)),
        format!("HOTP dave - {}", hex(1)),
        format!("HOTP/T30/8 bob sesame {}", hex(2)),
        "HOTP dave - 3132333435363738393a".to_owned(),
        format!("HOTP carol - {}", hex(3)),
        // The same key twice, of which one would take the codes of the other.
        format!("HOTP erin - {}", hex(4)),
        format!("HOTP/T30 erin - {}", hex(4)),
        format!("HOTP frank - {} 4294967297", hex(5)),
        format!("HOTP nobody-has-this-name - {}", hex(6)),
        format!("HOTP twin - {}", hex(7)),
        format!("HOTP {} - {}", "x".repeat(300), hex(8)),
        format!("MOTP grace - {}", hex(9)),
    ]
}

const FATES: [(&str, &str); 9] = [
    ("alice", "imported"),
    ("dave", "refused"),
    ("bob", "imported"),
    ("carol", "skipped"),
    ("erin", "refused"),
    ("frank", "refused"),
    ("nobody-has-this-name", "refused"),
    ("twin", "refused"),
    ("grace", "refused"),
];

#[test]
fn a_dry_run_changes_nothing_and_says_what_the_run_then_says() {
    in_sandbox(|host| {
        host.settable_clock();
        let carol = host.user("carol");
        let _phone = host.enroll(&carol);
        put_users(&all_fates(host));
        let before = dump(host);
        let arguments = ["oath", USERS_FILE, "--dry-run"];
        let [dry, dry_json] =
            [&arguments[..], &["oath", USERS_FILE, "--dry-run", "--json"]].map(|arguments| {
                let outcome = import(host, arguments);
                assert_eq!(outcome.status.code(), Some(1));
                outcome
            });
        assert_eq!(dump(host), before);

        let wet = import(host, &["oath", USERS_FILE, "--json"]);
        assert_eq!((wet.status.code(), wet.error_name().as_str()), (Some(1), "NotImported"));
        assert_eq!(dry_json.error_name(), "NotImported");
        assert_ne!(dump(host), before);
        assert_eq!(dry_json.stdout.replace("would-be-imported", "imported"), wet.stdout);
        let told = entries(&wet);
        let mut told = outcomes(&told);
        let long = told.remove(8);
        assert_eq!((long.0.len(), long.1), (300, "refused"));
        assert_eq!(told, FATES);

        // The same in words.
        for user in ["alice", "bob", "carol"] {
            host.cli(&host.root(), &["reset", "--yes", user]).expect_success("reset");
        }
        let _phone = host.enroll(&carol);
        let wet = import(host, &["oath", USERS_FILE]);
        assert_eq!(dry.stdout.replace("would be imported", "imported"), wet.stdout);
        assert_eq!(dry.stderr.replace("importable", "imported"), wet.stderr);
    });
}

#[test]
fn an_account_is_imported_whole_or_not_at_all_whatever_becomes_of_the_others() {
    in_sandbox(|host| {
        host.settable_clock();
        let carol = host.user("carol");
        let enrolled = host.enroll(&carol);
        put_users(&all_fates(host));
        let told = import(host, &["oath", USERS_FILE]);
        assert_eq!(told.status.code(), Some(1));
        assert!(told.stdout.contains("dave: refused: line 4: secret too short"), "{}", told.stdout);
        let line = host.line();
        for (name, state) in [
            ("alice", State::On),
            ("bob", State::On),
            ("dave", State::Off),
            ("erin", State::Off),
            ("frank", State::Off),
        ] {
            assert_eq!(line.status(name).state, state, "{name}");
            assert_eq!(line.status(name).authenticators.len(), usize::from(state == State::On));
        }
        let dave = token(host, 1, 6).code_at(0);
        assert!(!matches!(
            line.login("dave", &from_address(OFFICE), &dave).unwrap(),
            Step::Accept { .. } | Step::NotRequired
        ));
        assert!(accepts(&line, &host.existing_user("alice", "x"), &token(host, 0, 6).code_at(0)));

        // carol's phone is hers as before, and the key in the file is not.
        assert!(!accepts(&line, &carol, &token(host, 3, 6).code_at(0)));
        assert!(accepts(&line, &carol, &enrolled.phone.fresh_code()));
        assert_eq!(line.status("carol").recovery_codes_left, 10);

        // Whoever was imported is skipped from now on, and goes on as they are.
        let before = dump(host);
        let again = import(host, &["--json", "oath", USERS_FILE]);
        let again = entries(&again);
        for (user, outcome) in outcomes(&again) {
            let is_on = ["alice", "bob", "carol"].contains(&user);
            assert_eq!(outcome, if is_on { "skipped" } else { "refused" }, "{user}");
        }
        assert_eq!(dump(host), before);
    });
}

#[test]
fn an_enrolment_under_way_and_a_ticket_end_with_the_import_and_not_with_a_refusal() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, root) = (host.user("alice"), host.root());
        let bad = [format!("HOTP alice - {}", hex(0)), "HOTP alice - 31".to_owned()];
        let begun = host.cli(&alice, &["enroll", "--json"]).json();
        put_users(&bad);
        import(host, &["oath", USERS_FILE]).expect_failure("import");
        assert_eq!(host.line().status("alice").state, State::Pending);
        put_users(&bad[..1]);
        import(host, &["oath", USERS_FILE]).expect_success("import");
        let pending = host.phone(begun["key_uri"].as_str().unwrap());
        let line = host.line();
        assert!(!accepts(&line, &alice, &pending.fresh_code()));
        let arguments = Arguments::strings(&["alice", &pending.fresh_code()]);
        let confirmed = host.caller(alice.uid).call("Enrollment.Confirm", &arguments);
        assert_eq!(confirmed.unwrap_err().name, "NoPendingEnrollment");
        let ticket = host.cli(&root, &["ticket", "--json", "alice"]);
        assert_eq!(ticket.error_name(), "AlreadyEnrolled");

        let bob = host.user("bob");
        let ticket = host.cli(&root, &["ticket", "--json", "bob"]).expect_success("ticket").json();
        put_users(&[format!("HOTP bob - {}", hex(1))]);
        import(host, &["oath", USERS_FILE]).expect_success("import");
        assert!(!accepts(&line, &bob, ticket["ticket"].as_str().unwrap()));
        assert!(accepts(&line, &bob, &token(host, 1, 6).code_at(0)));
    });
}

/// The paths of all keys, arrays by their first element.
fn shape(value: &Value) -> BTreeSet<String> {
    let below = |name: &str, value: &Value| -> Vec<String> {
        shape(value).iter().map(|path| format!("{name}.{path}")).collect()
    };
    match value {
        Value::Object(fields) => {
            let own = fields.keys().cloned();
            let all = fields.iter().flat_map(|(name, value)| below(name, value));
            own.chain(all).collect()
        }
        Value::Array(all) => all.first().map(shape).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn json_lines_are_what_help_documents() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let help = import(host, &["--help"]).expect_success("help").stdout;
        let documented = &help[help.find("{\"user\"").unwrap()..];
        let mut documented = serde_json::Deserializer::from_str(documented).into_iter::<Value>();
        let documented = documented.next().unwrap().unwrap();
        put(&alice, &secret_file(0, &["RATE_LIMIT 3 30", "TIME_SKEW 2", "TOTP_AUTH"]));
        put(&bob, "no base32\n");
        let homes = alice.home.parent().unwrap().to_str().unwrap();
        let outcome = import(host, &["--json", "google-authenticator", "--tree", homes]);
        let told = entries(&outcome);
        assert_eq!(outcomes(&told), [("alice", "imported"), ("bob", "refused")]);
        assert_eq!(shape(&told[0]), shape(&documented));
        let top = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(top(&told[1]), top(&documented));
        let (one, other) = (&told[0], &documented);
        for key in ["user", "source", "outcome", "reason"] {
            assert_eq!(one[key].is_null(), other[key].is_null(), "{key}");
        }
        let source = alice.home.join(FILE_NAME);
        assert_eq!(one["source"].as_str(), source.to_str());
        assert_eq!(one["recovery_codes"], 5);
        assert_eq!(one["authenticators"], other["authenticators"]);
        for key in ["converted", "dropped", "warnings"] {
            assert!(one[key][0].is_string(), "{key}: {one}");
        }
        assert!(told[1]["reason"].is_string());
        assert_eq!(told[1]["authenticators"], Value::Array(Vec::new()));
        // And the error that ends it.
        assert_eq!(outcome.error_name(), "NotImported");
        assert!(help.contains("NotImported"));
    });
}

#[test]
fn the_exit_status_tells_whether_all_some_or_none_could_be_asked_for() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        put(&bob, &secret_file(1, &["TOTP_AUTH"]));
        let [alices, bobs] = [&alice, &bob].map(|user| user.home.to_str().unwrap());
        let run = |arguments: &[&str]| {
            let outcome = import(host, &[&["--json", "google-authenticator"], arguments].concat());
            let said = !outcome.stderr.is_empty();
            (outcome.status.code().unwrap(), said.then(|| outcome.error_name()))
        };
        let not_imported = || (1, Some("NotImported".to_owned()));
        assert_eq!(run(&["--dry-run", alices]), (0, None));
        assert_eq!(run(&[alices]), (0, None));
        assert_eq!(run(&[alices]), not_imported(), "skipped");
        assert_eq!(run(&["/home/sandbox/nobody", bobs]), not_imported(), "refused");
        assert_eq!(host.line().status("bob").state, State::On);
        assert_eq!(run(&[]).0, 2);
        host.daemon.kill();
        fs::remove_file("/usr/sbin/twinlockd").unwrap();
        for arguments in [&[alices][..], &["--dry-run", alices]] {
            let (status, name) = run(arguments);
            assert_eq!((status, name.as_deref()), (3, Some("DaemonUnreachable")));
        }
    });
}
