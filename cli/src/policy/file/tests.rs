//! What is written is what is read.

use jiff::{Timestamp, tz::TimeZone};
use proptest::{collection::vec, option, prelude::*, sample::subsequence, test_runner::Config};
use twinlock_interface::{Level, Policy, Profile, Rule, Scope};

use super::{
    super::{meaning, plan::Plan},
    Document,
    read::document,
    write,
};

fn read(text: &str) -> Result<Document, String> {
    document(text, &TimeZone::UTC)
}

fn rule(text: &str) -> Result<Rule, String> {
    read(&format!("[[rule]]\n{text}")).map(|document| document.rules.into_iter().next().unwrap())
}

fn refused(text: &str) -> String {
    read(text).map(|document| panic!("{text}: {document:?}")).unwrap_err()
}

#[test]
fn a_file_says_what_is_in_it() {
    let text = r#"
profile = "stig"

[[rule]]
level = "required"
group = "wheel"
services = ["sshd", "sudo"]
from = ["192.0.2.0/24", "local"]
enroll_until = 2030-01-31
remember_minutes = 30
reason = "ticket 4711"
message = "Call 4711."

[[rule]]
level = "exempt"
user = "backup"
until = 2030-01-31T12:00:00Z

[[rule]]
level = "optional"
everyone = true
until = "2030-01-31 13:00:00+01:00"
"#;
    let document = read(text).unwrap();
    assert_eq!(document.profile, Some(Profile::Stig));
    assert_eq!(
        document.rules,
        [
            Rule {
                level: Level::Required,
                scope: Scope::Group,
                name: "wheel".into(),
                services: vec!["sshd".into(), "sudo".into()],
                from: vec!["192.0.2.0/24".into(), "local".into()],
                enroll_until: Some(1_896_048_000),
                remember_minutes: 30,
                reason: "ticket 4711".into(),
                message: "Call 4711.".into(),
                ..Rule::default()
            },
            Rule {
                level: Level::Exempt,
                scope: Scope::User,
                name: "backup".into(),
                until: Some(1_896_091_200),
                ..Rule::default()
            },
            Rule { level: Level::Optional, until: Some(1_896_091_200), ..Rule::default() },
        ]
    );
}

#[test]
fn a_day_is_meant_where_the_host_stands() {
    let text = "[[rule]]\nlevel = \"exempt\"\neveryone = true\nuntil = 2030-01-31";
    let zone = TimeZone::posix("CET-1").unwrap();
    assert_eq!(document(text, &zone).unwrap().rules[0].until, Some(1_896_048_000 - 3600));
}

#[test]
fn a_key_nobody_knows_is_an_error_that_names_the_line() {
    let told = refused("profile = \"cis\"\n\n[[rule]]\nlevel = \"exempt\"\nusers = \"bob\"\n");
    assert!(told.contains("line 5") && told.contains("users"), "{told}");
    let told = refused("profil = \"cis\"\n");
    assert!(told.contains("line 1") && told.contains("profil"), "{told}");
    let told = refused("profile = \"default\"\n[[rules]]\nlevel = \"exempt\"\n");
    assert!(told.contains("line 2") && told.contains("rules"), "{told}");
    for wrong in ["profile = \"paranoid\"", "[[rule]]\nlevel = \"forbidden\"\neveryone = true"] {
        assert!(refused(wrong).contains("line "), "{wrong}");
    }
    assert!(refused("[[rule]]\nlevel = ").contains("line 2"));
}

#[test]
fn a_rule_that_contradicts_itself_is_an_error_that_names_its_line() {
    let good = "[[rule]]\nlevel = \"required\"\neveryone = true\n\n";
    for bad in [
        "level = \"required\"",
        "level = \"required\"\neveryone = false",
        "level = \"required\"\neveryone = true\nuser = \"bob\"",
        "level = \"required\"\ngroup = \"wheel\"\nuser = \"bob\"",
        "level = \"required\"\ngroup = \"\"",
        "level = \"required\"\neveryone = true\nuntil = 2030-01-31",
        "level = \"exempt\"\neveryone = true\nenroll_until = 2030-01-31",
        "level = \"exempt\"\neveryone = true\nuntil = \"7d\"",
        "level = \"exempt\"\neveryone = true\nuntil = 7",
        "level = \"exempt\"\neveryone = true\nuntil = 12:00:00",
        "level = \"exempt\"\neveryone = true\nuntil = 1969-12-31",
        "level = \"exempt\"\neveryone = true\nfrom = [\"10.0.0.7/8\"]",
    ] {
        let told = refused(&format!("{good}[[rule]]\n{bad}\n"));
        assert!(told.starts_with("line 5: "), "{bad}: {told}");
    }
}

#[test]
fn an_empty_file_is_no_policy_and_one_without_rules_is() {
    for nothing in ["", "\n", "# nothing\n"] {
        assert!(refused(nothing).contains("nothing in it"));
    }
    assert_eq!(read("profile = \"default\"").unwrap().rules, []);
}

#[test]
fn what_is_written_is_easy_on_the_eye() {
    let policy = Policy {
        profile: Profile::Pci,
        rules: vec![
            Rule { id: 1, author: "alice".into(), created_at: 7, ..Rule::default() },
            Rule {
                id: 2,
                level: Level::Exempt,
                scope: Scope::Group,
                name: "DOM\\domain users".into(),
                services: vec!["sudo".into(), "sshd".into()],
                from: vec!["192.0.2.7".into()],
                until: Some(1_896_091_200),
                reason: "say \"hello\"\u{1b}\u{202e}".into(),
                ..Rule::default()
            },
        ],
        ..Policy::default()
    };
    assert_eq!(
        write::document(&policy),
        r#"profile = "pci"

[[rule]]
level = "exempt"
group = "DOM\\domain users"
services = ["sshd", "sudo"]
from = ["192.0.2.7/32"]
until = 2030-01-31T12:00:00Z
reason = "say \"hello\"\u001B\u202E"

[[rule]]
level = "required"
everyone = true
"#
    );
}

#[test]
fn a_time_beyond_the_calendar_is_the_end_of_it_and_no_difference() {
    let rules = vec![Rule { level: Level::Exempt, until: Some(u64::MAX), ..Rule::default() }];
    let policy = Policy { rules, ..Policy::default() };
    let document = read(&write::document(&policy)).unwrap();
    assert!(Plan::new(&policy, document).is_empty());
}

#[test]
fn the_example_in_the_help_is_a_policy() {
    use clap::CommandFactory;
    let mut command = crate::arguments::Arguments::command();
    let apply =
        command.find_subcommand_mut("policy").unwrap().find_subcommand_mut("apply").unwrap();
    let help = apply.get_after_help().unwrap().to_string();
    let (_, example) = help.split_once("The file is TOML:\n").unwrap();
    let (example, _) = example.split_once("A date without").unwrap();
    assert_eq!(read(example).unwrap().rules.len(), 2);
    assert!(rule("level = \"required\"\neveryone = true").is_ok());
}

prop_compose! {
    fn any_rule()(
        id in 1_u32..,
        level in prop_oneof![Just(Level::Required), Just(Level::Optional), Just(Level::Exempt)],
        (scope, name) in prop_oneof![
            Just((Scope::Everyone, String::new())),
            ("\\P{Cc}{1,8}", prop_oneof![Just(Scope::Group), Just(Scope::User)])
                .prop_map(|(name, scope)| (scope, name)),
        ],
        services in subsequence(vec!["sshd", "sudo", "login", "é\"\\"], 0..=4),
        from in subsequence(vec!["local", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7"], 0..=4),
        end in option::of(0..=u64::try_from(Timestamp::MAX.as_second()).unwrap()),
        remember in 0_u32..=1440,
        reason in "\\P{Cc}{0,16}",
        message in "\\P{Cc}{0,16}",
        created_at in any::<u64>(),
    ) -> Rule {
        let is_required = level == Level::Required;
        let services: Vec<String> = services.into_iter().map(str::to_owned).collect();
        Rule {
            id,
            level,
            scope,
            name,
            remember_minutes: if level == Level::Exempt || services.is_empty() { 0 } else { remember },
            services,
            from: from.into_iter().map(str::to_owned).collect(),
            enroll_until: end.filter(|_| is_required),
            until: end.filter(|_| !is_required),
            reason,
            message: if is_required { message } else { String::new() },
            author: "somebody".to_owned(),
            created_at,
        }
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_exported_is_read_as_the_same_rules(rules in vec(any_rule(), 0..8)) {
        let policy = Policy { rules, ..Policy::default() };
        let file = write::document(&policy);
        let document = read(&file).map_err(TestCaseError::fail)?;
        let meant = |rules: &[Rule]| -> Vec<Rule> {
            meaning::in_order(rules).into_iter().map(meaning::of).collect()
        };
        prop_assert_eq!(meant(&document.rules), meant(&policy.rules));
        prop_assert!(Plan::new(&policy, document).is_empty());
    }

    #[test]
    fn the_order_of_rules_is_not_in_the_file(rules in vec(any_rule(), 0..8)) {
        let mut turned = rules.clone();
        turned.reverse();
        let file = |rules| write::document(&Policy { rules, ..Policy::default() });
        prop_assert_eq!(file(rules), file(turned));
    }

    #[test]
    fn no_text_stops_the_reader(text in "\\PC{0,200}|(\\[\\[rule\\]\\]\n|level = |until = |[\"=0-9:TZ\n-]){0,30}") {
        let _ = read(&text);
    }
}
