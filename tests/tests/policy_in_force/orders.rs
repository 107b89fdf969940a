//! The order of commands means nothing: the narrowest scope counts, and then the strictest.

use std::collections::BTreeMap;

use twinlock_tests::{Host, in_sandbox, login::Line};

use crate::{
    conversation::{Met, log_in, write_stacks},
    scene::{FAR, NEAR, Occasion, Person, explain, group, outlook, policy},
};

use Met::{Code, Enrollment, Refusal, Unasked};

/// `twinlock policy …`, one after the other.
const COMMANDS: [&[&str]; 6] = [
    &["optional", "--everyone"],
    &["require", "--group", "wheel", "--service", "sshd"],
    &["exempt", "--group", "wheel", "--service", "su", "--until", "30d", "--reason", "r"],
    // Of the same scope, and stricter, from one network.
    &["require", "--group", "night", "--service", "su", "--from", "10.0.0.0/8", "--no-enroll"],
    &["exempt", "--user", "robot", "--from", "10.0.0.0/8", "--until", "30d", "--reason", "r"],
    // Narrower than what is required of wheel, and milder.
    &["optional", "--user", "dave", "--service", "sshd"],
];

/// Orders in which every two commands come either way round.
const ORDERS: [[usize; 6]; 4] =
    [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 2, 4, 1], [1, 4, 2, 5, 0, 3]];

const OCCASIONS: [Occasion; 6] = [
    Occasion { service: "sshd", from: NEAR, rhost: c"10.1.2.3", tty: c"ssh" },
    Occasion { service: "sshd", from: FAR, rhost: c"203.0.113.5", tty: c"ssh" },
    Occasion { service: "sshd", from: "unknown", rhost: c"near.example.org", tty: c"ssh" },
    // As of a program that has an address to tell.
    Occasion { service: "su", from: NEAR, rhost: c"10.1.2.3", tty: c"" },
    Occasion { service: "su", from: "unknown", rhost: c"", tty: c"pts/3" },
    Occasion { service: "sudo", from: "unknown", rhost: c"sandbox", tty: c"/dev/pts/3" },
];

/// Everybody, and what they meet by all of [`COMMANDS`] on each of [`OCCASIONS`].
fn people(host: &Host) -> [(Person, [Met; 6]); 6] {
    let [alice, robot] = ["alice", "robot"].map(|name| Person::enrolled(host, name));
    let [bob, carol, dave, erin] =
        ["bob", "carol", "dave", "erin"].map(|name| Person::without_phone(host, name));
    group("wheel", &[&alice, &bob, &dave, &erin]);
    group("night", &[&erin]);
    [
        (alice, [Code, Code, Code, Unasked, Unasked, Code]),
        (bob, [Enrollment, Enrollment, Enrollment, Unasked, Unasked, Unasked]),
        (carol, [Unasked; 6]),
        (dave, [Unasked; 6]),
        (erin, [Enrollment, Enrollment, Enrollment, Refusal, Refusal, Unasked]),
        (robot, [Unasked, Code, Code, Unasked, Code, Code]),
    ]
}

fn hold(host: &Host, root: &Line, person: &Person, meant: [Met; 6], order: &[usize]) {
    for (occasion, meant) in OCCASIONS.iter().zip(meant) {
        let told = outlook(host, person.name(), occasion.service, occasion.from);
        let met = log_in(person, occasion);
        let which = format!("{order:?}: {} {occasion:?}: {told}", person.name());
        assert_eq!((met, Met::explained(&told)), (meant, meant), "{which}");
        if met == Refusal {
            root.unlock(person.name());
        }
    }
}

#[test]
fn the_order_of_commands_means_nothing() {
    in_sandbox(|host| {
        host.settable_clock();
        let people = people(host);
        write_stacks();
        let root = host.line();
        for order in ORDERS {
            host.policy("profile = \"default\"");
            for command in order {
                policy(host, COMMANDS[command]);
            }
            for (person, meant) in &people {
                hold(host, &root, person, *meant, &order);
            }
        }
    });
}

#[test]
fn explained_is_which_rule_decides_and_how_it_beat_the_others() {
    in_sandbox(|host| {
        host.settable_clock();
        let erin = Person::without_phone(host, "erin");
        let _robot = host.user("robot");
        let _dave = host.user("dave");
        group("wheel", &[&erin]);
        group("night", &[&erin]);
        for command in COMMANDS {
            policy(host, command);
        }
        let standings = |service, from| -> BTreeMap<u64, (String, bool)> {
            let told = explain(host, "erin", service, from);
            let judged = told["judged"].as_array().unwrap().iter();
            judged
                .map(|one| {
                    let standing = one["standing"].as_str().unwrap().to_owned();
                    (one["rule"].as_u64().unwrap(), (standing, one["guessed"] == true))
                })
                .collect()
        };
        let meant = |standings: [(&str, bool); 6]| -> BTreeMap<u64, (String, bool)> {
            (1..).zip(standings.map(|(word, guessed)| (word.to_owned(), guessed))).collect()
        };
        let others = ("other-account", false);
        assert_eq!(
            standings("su", NEAR),
            meant([
                ("wider", false),
                ("other-service", false),
                ("milder", false),
                ("decides", false),
                others,
                others,
            ])
        );
        assert_eq!(
            standings("su", FAR),
            meant([
                ("wider", false),
                ("other-service", false),
                ("decides", false),
                ("other-place", false),
                others,
                others,
            ])
        );
        assert_eq!(
            standings("su", "unknown"),
            meant([
                ("wider", false),
                ("other-service", false),
                ("milder", false),
                ("decides", true),
                others,
                others,
            ])
        );
        // Nobody but an administrator is told of rules about others.
        let asked = ["policy", "explain", "--service", "su", "--from", NEAR, "--json"];
        let told = host.cli(&erin.user, &asked).expect_success("explain").json();
        let rules = told["judged"].as_array().unwrap().iter().map(|one| one["rule"].as_u64());
        assert_eq!(rules.collect::<Vec<_>>(), [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(told["outlook"], "refused");
        let about_another = ["policy", "explain", "robot", "--service", "su", "--json"];
        let refused = host.cli(&erin.user, &about_another).expect_failure("explain robot");
        assert_eq!(refused.error_name(), "NotAuthorized");
    });
}
