//! Rules that let off too many, for too long, or nobody at all.

use twinlock_interface::{Level, PolicyChange, Rule, Scope, proxy::PolicyProxy};
use twinlock_tests::{Host, bus::block_on, in_sandbox};

use crate::scene::{Scene, found, noted};

const DAY: u64 = 24 * 3600;

fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule { reason: "a test".into(), ..Rule::default() };
    change(&mut rule);
    rule
}

/// Makes these the rules there are.
fn apply(host: &Host, rules: Vec<Rule>) {
    block_on(async {
        let bus = host.bus.connect().await;
        let policy = PolicyProxy::new(&bus).await.unwrap();
        let removed = policy.show().await.unwrap().rules.iter().map(|rule| rule.id).collect();
        let change =
            PolicyChange { removed, added: rules, unknown_names: true, ..Default::default() };
        policy.apply(&change).await.unwrap();
    });
}

#[test]
fn rules_that_are_holes_or_do_nothing_are_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let now = host.clock.now();
        let user = |level, name: &str, until| {
            rule(|rule| {
                (rule.level, rule.scope, rule.name, rule.until) =
                    (level, Scope::User, name.into(), until)
            })
        };
        let service = |name: &str| rule(|rule| rule.services = vec![name.into()]);
        for (rule, name) in [
            (user(Level::Exempt, "alice", None), "exemption-without-end"),
            (rule(|rule| rule.level = Level::Exempt), "policy-asks-nobody"),
            (user(Level::Required, "nobody-here", None), "rule-for-nobody"),
            (service("su"), "rule-without-effect"),
            (service("shd"), "rule-without-effect"),
            (rule(|rule| rule.enroll_until = Some(now + 60 * DAY)), "enrolment-open-long"),
        ] {
            apply(host, vec![rule]);
            assert_eq!(found(host), [name]);
        }
        apply(host, vec![]);
        scene.finds_nothing();
    });
}

#[test]
fn people_who_are_refused_until_somebody_helps_are_counted() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let _bob = host.user("bob");
        assert_eq!(found(host), ["unenrolled-refused"]);
        let now = host.clock.now();
        apply(host, vec![rule(|rule| rule.enroll_until = Some(now + DAY))]);
        scene.finds_nothing();
    });
}

#[test]
fn while_people_may_enrol_a_line_that_does_not_offer_it_is_noted() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        let path = "/etc/pam.d/sudo";
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, text.replace(" password_checked", "")).unwrap();
        let is_noted = || noted(host).iter().any(|one| one.starts_with("password-checked-missing"));
        assert!(!is_noted());
        let now = host.clock.now();
        apply(host, vec![rule(|rule| rule.enroll_until = Some(now + DAY))]);
        assert!(is_noted());
        scene.finds_nothing();
    });
}
