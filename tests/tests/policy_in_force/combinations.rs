//! Level by scope by condition by service by source by who has a phone.

use twinlock_tests::{Host, in_sandbox, login::Line};

use crate::{
    conversation::{Met, log_in, write_stacks},
    scene::{Occasion, Person, WEEK, date, group, outlook},
};

/// What a rule asks, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Exempt,
    Optional,
    /// With the window for enrolment in a login open.
    RequiredAndOpen,
    Required,
}

/// What is asked where no rule fits.
const BUILT_IN: Level = Level::Required;

/// What every rule that is told by name is about here: alice and bob are in wheel.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Everyone,
    Group,
    User,
}

/// When a rule counts.
#[derive(Clone, Copy, Debug)]
struct Condition {
    services: &'static [&'static str],
    from: &'static [&'static str],
}

const CONDITIONS: [Condition; 4] = [
    Condition { services: &[], from: &[] },
    Condition { services: &["sshd", "su"], from: &[] },
    Condition { services: &[], from: &["10.0.0.0/8", "local"] },
    Condition { services: &["sshd-key", "sudo"], from: &["10.0.0.0/8", "local"] },
];

/// The words of [`OCCASIONS`] that are within the places of [`CONDITIONS`].
const WITHIN: [&str; 3] = ["10.1.2.3", "::ffff:10.1.2.3", "local"];

/// What real programs tell of a login: sshd its client, sudo the host's own name, su nothing.
const OCCASIONS: [Occasion; 15] = {
    const fn ssh(
        service: &'static str,
        from: &'static str,
        rhost: &'static core::ffi::CStr,
    ) -> Occasion {
        Occasion { service, from, rhost, tty: c"ssh" }
    }
    [
        ssh("sshd", "10.1.2.3", c"10.1.2.3"),
        ssh("sshd", "203.0.113.5", c"203.0.113.5"),
        ssh("sshd", "::ffff:10.1.2.3", c"::ffff:10.1.2.3"),
        ssh("sshd", "2001:db8::7", c"2001:db8::7"),
        // UseDNS.
        ssh("sshd", "unknown", c"near.example.org"),
        ssh("sshd-key", "10.1.2.3", c"10.1.2.3"),
        ssh("sshd-key", "203.0.113.5", c"203.0.113.5"),
        ssh("sshd-key", "2001:db8::7", c"2001:db8::7"),
        ssh("sshd-key", "unknown", c"UNKNOWN"),
        Occasion { service: "sudo", from: "local", rhost: c"sandbox", tty: c"/dev/tty1" },
        Occasion { service: "sudo", from: "local", rhost: c"sandbox", tty: c":0" },
        Occasion { service: "sudo", from: "unknown", rhost: c"sandbox", tty: c"/dev/pts/3" },
        Occasion { service: "su", from: "local", rhost: c"", tty: c"tty1" },
        Occasion { service: "su", from: "unknown", rhost: c"", tty: c"pts/3" },
        Occasion { service: "su", from: "unknown", rhost: c"", tty: c"" },
    ]
};

impl Level {
    fn meets(self, is_enrolled: bool) -> Met {
        match (self, is_enrolled) {
            (Self::Exempt, _) | (Self::Optional, false) => Met::Unasked,
            (_, true) => Met::Code,
            (Self::RequiredAndOpen, false) => Met::Enrollment,
            (Self::Required, false) => Met::Refusal,
        }
    }

    fn toml(self, host: &Host) -> String {
        match self {
            Self::RequiredAndOpen => {
                format!("level = \"required\"\nenroll_until = {}\n", date(host.clock.now() + WEEK))
            }
            Self::Required => "level = \"required\"\n".to_owned(),
            Self::Optional => "level = \"optional\"\n".to_owned(),
            Self::Exempt => "level = \"exempt\"\n".to_owned(),
        }
    }
}

impl Scope {
    fn toml(self) -> &'static [&'static str] {
        match self {
            Self::Everyone => &["everyone = true\n"],
            Self::Group => &["group = \"wheel\"\n"],
            Self::User => &["user = \"alice\"\n", "user = \"bob\"\n"],
        }
    }
}

impl Condition {
    /// What is asked by a rule under this condition, or else by `otherwise`: where it cannot be told
    /// which, the stricter of both.
    fn asks(&self, rule: Level, otherwise: Level, occasion: &Occasion) -> Level {
        if !self.services.is_empty() && !self.services.contains(&occasion.service) {
            otherwise
        } else if self.from.is_empty() || WITHIN.contains(&occasion.from) {
            rule
        } else if occasion.from == "unknown" {
            rule.max(otherwise)
        } else {
            otherwise
        }
    }
}

/// alice, who has a phone, bob, who has none, and a host that asks them.
struct Scene<'h> {
    host: &'h Host,
    people: [Person; 2],
    root: Line,
}

impl<'h> Scene<'h> {
    fn set(host: &'h Host) -> Self {
        host.settable_clock();
        let people = [Person::enrolled(host, "alice"), Person::without_phone(host, "bob")];
        group("wheel", &[&people[0], &people[1]]);
        write_stacks();
        Self { host, people, root: host.line() }
    }

    /// Asks what everybody will meet on every occasion, and sees that they do, and that it is what is
    /// `asked`.
    fn hold(&self, asked: impl Fn(&Occasion) -> Level, what: &str) {
        for person in &self.people {
            for occasion in &OCCASIONS {
                let told = outlook(self.host, person.name(), occasion.service, occasion.from);
                let met = log_in(person, occasion);
                let meant = asked(occasion).meets(person.phone.is_some());
                let which = format!("{what}: {} {occasion:?}: {told}", person.name());
                assert_eq!((met, Met::explained(&told)), (meant, meant), "{which}");
                if met == Met::Refusal {
                    // Charged as a wrong code; the lock is another story.
                    self.root.unlock(person.name());
                }
            }
        }
    }

    /// Rules of this level, for each scope under each condition. `others` is asked by a rule for
    /// everyone, unless it is what is built in.
    fn hold_everywhere(&self, level: Level, others: Level) {
        let wider = match others {
            BUILT_IN => String::new(),
            asked => format!("[[rule]]\n{}everyone = true\n", asked.toml(self.host)),
        };
        for scope in [Scope::Everyone, Scope::Group, Scope::User] {
            if matches!(scope, Scope::Everyone) && others != BUILT_IN {
                // Of the same scope, and another story.
                continue;
            }
            for condition in &CONDITIONS {
                let Condition { services, from } = condition;
                let level_words = level.toml(self.host);
                let rules = scope.toml().iter().map(|whom| {
                    let when = format!("services = {services:?}\nfrom = {from:?}\n");
                    format!("[[rule]]\n{level_words}{whom}{when}")
                });
                self.host.policy(&(wider.clone() + &rules.collect::<String>()));
                let what = format!("{level:?} {scope:?} {condition:?}, else {others:?}");
                self.hold(|occasion| condition.asks(level, others, occasion), &what);
            }
        }
    }
}

#[test]
fn where_a_rule_requires_a_code_and_lets_enrol() {
    in_sandbox(|host| {
        Scene::set(host).hold_everywhere(Level::RequiredAndOpen, BUILT_IN);
    });
}

#[test]
fn where_a_rule_requires_a_code_of_some_and_lets_enrol() {
    in_sandbox(|host| {
        Scene::set(host).hold_everywhere(Level::RequiredAndOpen, Level::Optional);
    });
}

#[test]
fn where_a_rule_requires_a_code_of_some_and_enrolment_is_closed() {
    in_sandbox(|host| {
        Scene::set(host).hold_everywhere(Level::Required, Level::Exempt);
    });
}

#[test]
fn where_a_rule_leaves_it_to_the_account() {
    in_sandbox(|host| {
        Scene::set(host).hold_everywhere(Level::Optional, BUILT_IN);
    });
}

#[test]
fn where_a_rule_exempts() {
    in_sandbox(|host| {
        Scene::set(host).hold_everywhere(Level::Exempt, BUILT_IN);
    });
}

#[test]
fn where_a_rule_exempts_some_and_all_others_may_choose() {
    in_sandbox(|host| {
        Scene::set(host).hold_everywhere(Level::Exempt, Level::Optional);
    });
}

#[test]
fn where_there_is_no_rule() {
    in_sandbox(|host| {
        Scene::set(host).hold(|_| BUILT_IN, "no rule");
    });
}
