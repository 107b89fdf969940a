//! What rules mean, by example.

use std::time::Duration;

use twinlock_verifier::{
    Claimant, Decision, Level, Membership, Occasion, Place, Policy, Rule, RuleId, Standing,
    Timestamp,
};

use crate::rule_sets::{DAY, NOW, address, at, claimant, day, group, rule, services, spots, user};

const MEMBER: Membership = Membership::Member;
const UNKNOWN: Membership = Membership::Unknown;

fn from(text: &str) -> Place {
    Place::Address(address(text))
}

fn level(rules: &[Rule], claimant: &Claimant, occasion: &Occasion) -> Level {
    Policy::new(rules.to_vec()).decide(claimant, occasion, NOW).level
}

#[test]
fn administrators_give_a_code_for_ssh_and_nobody_else_has_to() {
    let rules = [
        rule(1, Level::Optional),
        Rule { scope: group("wheel"), services: services(&["sshd"]), ..rule(2, Level::Required) },
    ];
    let (alice, bob) = (
        claimant("alice", &[("wheel", MEMBER)]),
        claimant("bob", &[("wheel", Membership::Stranger)]),
    );
    for (who, service, asked) in [
        (&alice, "sshd", Level::Required),
        (&alice, "sudo", Level::Optional),
        (&alice, "sshd2", Level::Optional),
        (&bob, "sshd", Level::Optional),
    ] {
        let occasion = at(service, from("192.0.2.1"));
        assert_eq!(level(&rules, who, &occasion), asked, "{} for {service}", who.names[0]);
    }
}

#[test]
fn a_robot_is_exempt_from_its_network_until_its_day_comes() {
    let rules = [
        rule(1, Level::Required),
        Rule { scope: group("wheel"), ..rule(3, Level::Required) },
        Rule {
            scope: user("backup"),
            from: spots(&["10.0.0.0/8"]),
            until: Some(day(30)),
            ..rule(2, Level::Exempt)
        },
    ];
    let policy = Policy::new(rules.to_vec());
    let backup = claimant("backup", &[]);
    let level = |place, now| policy.decide(&backup, &at("sshd", place), now).level;
    assert_eq!(level(from("10.1.2.3"), NOW), Level::Exempt);
    assert_eq!(level(from("::ffff:10.1.2.3"), NOW), Level::Exempt);
    for place in [from("192.0.2.1"), Place::Elsewhere, Place::Console, Place::Untold] {
        assert_eq!(level(place, NOW), Level::Required, "{place:?}");
    }
    assert_eq!(level(from("10.1.2.3"), day(30)), Level::Required);
    // Where its own rule fits, the name service need not be asked about groups.
    let groups = |place| policy.groups_for(&backup.names, &at("sshd", place), NOW).len();
    assert_eq!((groups(from("10.1.2.3")), groups(from("192.0.2.1"))), (0, 1));
}

#[test]
fn at_the_console_is_at_the_machine() {
    let rules = [Rule { from: spots(&["local"]), ..rule(1, Level::Exempt) }];
    let anybody = claimant("alice", &[]);
    assert_eq!(level(&rules, &anybody, &at("login", Place::Console)), Level::Exempt);
    for place in [from("127.0.0.1"), Place::Untold, Place::Elsewhere] {
        assert_eq!(level(&rules, &anybody, &at("login", place)), Level::Required, "{place:?}");
    }
}

// I9: duo_unix#384 let people in when the group could not be looked up.
#[test]
fn a_group_that_cannot_be_looked_up_exempts_nobody_and_asks_its_members() {
    let exempt = [Rule { scope: group("robots"), ..rule(1, Level::Exempt) }];
    let required =
        [rule(1, Level::Exempt), Rule { scope: group("wheel"), ..rule(2, Level::Required) }];
    let optional =
        [rule(1, Level::Exempt), Rule { scope: group("wheel"), ..rule(2, Level::Optional) }];
    for unknown in
        [claimant("alice", &[]), claimant("alice", &[("robots", UNKNOWN), ("wheel", UNKNOWN)])]
    {
        let occasion = at("sshd", from("192.0.2.1"));
        assert_eq!(level(&exempt, &unknown, &occasion), Level::Required);
        assert_eq!(level(&required, &unknown, &occasion), Level::Required);
        assert_eq!(level(&optional, &unknown, &occasion), Level::Optional);
    }
}

#[test]
fn names_of_the_same_uid_are_one_account() {
    let rules = [
        Rule { scope: user("root"), ..rule(1, Level::Exempt) },
        Rule { scope: user("toor"), ..rule(2, Level::Required) },
    ];
    let both = Claimant { names: services(&["root", "toor"]), ..Claimant::default() };
    for (who, asked) in [(claimant("root", &[]), Level::Exempt), (both, Level::Required)] {
        assert_eq!(level(&rules, &who, &at("sshd", Place::Console)), asked);
    }
    for name in ["Root", "root ", "", "röot"] {
        let other = level(&rules, &claimant(name, &[]), &at("sshd", Place::Console));
        assert_eq!(other, Level::Required, "{name:?} is somebody else");
    }
}

fn decide(rules: &[Rule]) -> Decision {
    let occasion = at("sshd", from("192.0.2.1"));
    Policy::new(rules.to_vec()).decide(&claimant("alice", &[]), &occasion, NOW)
}

#[test]
fn the_strictest_of_several_windows_and_lifetimes_counts() {
    let [week, month] = [7, 30].map(|days| Rule {
        services: services(&["sshd"]),
        enroll_until: Some(day(days)),
        remember: Duration::from_secs(60 * days.unsigned_abs()),
        ..rule(u32::try_from(days).unwrap(), Level::Required)
    });
    let decision = decide(&[month.clone(), week.clone()]);
    assert_eq!(decision.enroll_until, Some(day(7)));
    assert_eq!(decision.remember, Duration::from_secs(7 * 60));
    assert_eq!(decision.by, [RuleId(7), RuleId(30)]);
    let decision = decide(&[month, week, rule(8, Level::Required)]);
    assert_eq!((decision.enroll_until, decision.remember), (None, Duration::ZERO));
    assert_eq!(decision.by, [RuleId(7), RuleId(8), RuleId(30)]);
}

#[test]
fn a_milder_rule_gives_nothing_to_a_stricter_one() {
    let generous = Rule {
        services: services(&["sshd"]),
        enroll_until: Some(day(7)),
        remember: Duration::from_secs(60),
        ..rule(1, Level::Optional)
    };
    let decision = decide(&[generous.clone(), rule(2, Level::Required)]);
    assert_eq!((decision.enroll_until, decision.remember), (None, Duration::ZERO));
    let decision = decide(&[generous]);
    assert_eq!((decision.enroll_until, decision.remember), (None, Duration::from_secs(60)));
}

#[test]
fn enrolment_is_open_before_its_end_and_for_no_more_than_90_days() {
    let open = |seconds: i64| {
        let end = Timestamp::from_unix(NOW.unix().saturating_add_signed(seconds));
        decide(&[Rule { enroll_until: Some(end), ..rule(1, Level::Required) }])
    };
    let ninety_days = 90 * i64::try_from(DAY).unwrap();
    for (seconds, enrols) in
        [(-1, false), (0, false), (1, true), (ninety_days, true), (ninety_days + 1, false)]
    {
        assert_eq!(open(seconds).enrolls_at(NOW), enrols, "{seconds}");
        assert_eq!(open(seconds).lets_in(false, NOW), enrols, "{seconds}");
        assert!(open(seconds).lets_in(true, NOW), "{seconds}");
    }
    let (open, one_day_earlier) = (open(ninety_days), day(-1));
    assert!(!open.enrolls_at(one_day_earlier), "the clock was set back since");
    for mild in [Level::Optional, Level::Exempt] {
        let decision = decide(&[Rule { enroll_until: Some(day(7)), ..rule(1, mild) }]);
        assert!(!decision.enrolls_at(NOW) && decision.lets_in(false, NOW));
        let open = Decision { enroll_until: Some(day(7)), ..decision };
        assert!(!open.enrolls_at(NOW), "there is nothing to enrol for");
    }
}

// A place that is not told must not be where everybody enrols.
#[test]
fn a_window_for_one_network_is_not_open_where_the_place_is_not_told() {
    let window = Rule {
        from: spots(&["10.0.0.0/8"]),
        enroll_until: Some(day(7)),
        ..rule(1, Level::Required)
    };
    let policy = Policy::new(vec![window]);
    let decide = |place| policy.decide(&claimant("alice", &[]), &at("sshd", place), NOW);
    assert!(decide(from("10.0.0.1")).enrolls_at(NOW));
    assert!(!decide(from("192.0.2.1")).enrolls_at(NOW));
    let untold = decide(Place::Untold);
    assert!(!untold.enrolls_at(NOW) && untold.guessed);
    assert_eq!(untold.by, [RuleId(1)]);
}

#[test]
fn every_rule_can_be_told_how_it_stood() {
    let policy = Policy::new(vec![
        rule(1, Level::Optional),
        Rule { scope: group("wheel"), ..rule(2, Level::Exempt) },
        Rule { scope: group("wheel"), services: services(&["sshd"]), ..rule(3, Level::Required) },
        Rule { scope: group("wheel"), services: services(&["sudo"]), ..rule(4, Level::Required) },
        Rule { scope: user("alice"), from: spots(&["local"]), ..rule(5, Level::Exempt) },
        Rule { scope: user("alice"), until: Some(NOW), ..rule(6, Level::Exempt) },
        Rule { scope: user("bob"), until: Some(NOW), ..rule(7, Level::Exempt) },
        Rule { scope: group("ghosts"), ..rule(8, Level::Exempt) },
        Rule { scope: group("ghosts"), ..rule(9, Level::Required) },
    ]);
    let alice = claimant("alice", &[("wheel", MEMBER), ("ghosts", UNKNOWN)]);
    let judged = |place| policy.judged(&alice, &at("sshd", place), NOW);
    let standings: Vec<_> = judged(from("192.0.2.1"))
        .into_iter()
        .map(|judged| (judged.rule.0, judged.standing, judged.guessed))
        .collect();
    assert_eq!(
        standings,
        [
            (1, Standing::Wider, false),
            (2, Standing::Milder, false),
            (3, Standing::Decides, false),
            (4, Standing::OtherService, false),
            (5, Standing::OtherPlace, false),
            (6, Standing::Ended, false),
            (7, Standing::OtherAccount, false),
            (8, Standing::OtherAccount, true),
            (9, Standing::Decides, true),
        ]
    );
    let guess = judged(Place::Untold).into_iter().find(|judged| judged.rule == RuleId(5)).unwrap();
    assert_eq!((guess.standing, guess.guessed), (Standing::OtherPlace, true));
}
