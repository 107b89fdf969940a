//! `twinlock policy explain`: what a login would meet, and why.

use serde::Serialize;
use twinlock_interface::{
    Explanation, Judged, Level, Outlook, Question, Standing, proxy::PolicyProxy,
};

use super::{object::RuleObject, words};
use crate::{
    account_name,
    arguments::policy::Explain,
    bus,
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    printable,
    wrapping::hanging,
};

pub(super) fn run(options: &Explain, moment: &Moment, format: Format) -> Result<(), Failure> {
    let user = account_name::of(&options.target)?;
    let question = Question { service: options.service.clone(), from: options.from.clone() };
    let explanation =
        bus::administer(async |bus| PolicyProxy::new(bus).await?.explain(&user, &question).await)?;
    output::result(
        format,
        &page(&explanation, &question, moment),
        &ExplanationObject::new(&explanation, &question, moment),
    )
}

fn page(explanation: &Explanation, question: &Question, moment: &Moment) -> String {
    let mut page = String::new();
    let user = printable::line(&explanation.user);
    for (label, value) in [
        ("Account", user.into_owned()),
        ("Login", login(question)),
        ("A code is", words::level(explanation.level).to_owned()),
        ("It meets", meets(explanation, moment)),
    ] {
        page.push_str(&hanging(&format!("{label:<11}"), "           ", &value));
    }
    page.push_str("\nDecided by:\n");
    let by = |wanted: fn(Standing) -> bool| {
        explanation.judged.iter().filter(move |judged| wanted(judged.standing))
    };
    let mut decides = by(|standing| standing == Standing::Decides).peekable();
    if decides.peek().is_none() {
        page.push_str(&words::built_in());
    }
    decides.for_each(|judged| page.push_str(&told(judged, explanation, moment)));
    for (title, wanted) in [
        ("Beaten by it:", is_beaten as fn(Standing) -> bool),
        ("Not about this login:", is_beside_the_point),
    ] {
        let mut section = by(wanted).peekable();
        if section.peek().is_some() {
            page.push_str(&format!("\n{title}\n"));
        }
        section.for_each(|judged| page.push_str(&told(judged, explanation, moment)));
    }
    match by(|standing| standing == Standing::OtherAccount).count() {
        0 => {}
        1 => page.push_str("\nOne more rule is about other accounts.\n"),
        more => page.push_str(&format!("\n{more} more rules are about other accounts.\n")),
    }
    page
}

fn is_beaten(standing: Standing) -> bool {
    matches!(standing, Standing::Milder | Standing::Wider)
}

fn is_beside_the_point(standing: Standing) -> bool {
    matches!(standing, Standing::Ended | Standing::OtherService | Standing::OtherPlace)
}

fn login(question: &Question) -> String {
    let service = match &question.service {
        Some(service) => format!("service {}", printable::line(service)),
        None => "a service that no rule names".to_owned(),
    };
    let from = match question.from.as_deref() {
        Some("local") => "at a console of this host".to_owned(),
        Some("terminal") => "at a terminal of this host".to_owned(),
        Some("unknown") => "from a place that is not told".to_owned(),
        Some(from) => format!("from {}", printable::line(from)),
        None => "from an address that no rule names".to_owned(),
    };
    format!("{service}, {from}")
}

/// What the login looks like to whoever makes it.
fn meets(explanation: &Explanation, moment: &Moment) -> String {
    let until = |end: Option<u64>| end.map(|end| format!(" until {}", moment.describe(end)));
    let mut words = match explanation.outlook {
        Outlook::AsksForCode => "the question for a one-time code, and goes on with a right one.",
        Outlook::NotAsked if explanation.level == Level::Exempt => "no question for a code.",
        Outlook::NotAsked => "no question for a code, as the account has no authenticator.",
        Outlook::Remembered => {
            "no question for a code this time: a right one from there is still remembered."
        }
        Outlook::Enrolls => {
            "enrolment: behind the password or key it shows a QR code, takes the \
                             first code, shows the recovery codes, and goes on."
        }
        Outlook::Refused => {
            "refusal: it is asked for a code, and the account has no authenticator. \
                             `twinlock ticket` makes a ticket that opens enrolment."
        }
        Outlook::Locked => "a lock, after too many failures: nothing is accepted now.",
    }
    .to_owned();
    match explanation.outlook {
        Outlook::Enrolls => {
            words.push_str(&until(explanation.enroll_until).map_or_else(String::new, |until| {
                format!(" That goes{until}; later it takes a ticket.")
            }));
        }
        Outlook::Refused if !explanation.message.is_empty() => {
            words.push_str(&format!(" It reads: {}", printable::line(&explanation.message)));
        }
        Outlook::Locked => words.push_str(&match until(explanation.locked_until) {
            Some(until) => format!(" It lasts{until}, or `twinlock unlock`."),
            None => " It lasts until a recovery code is used, or `twinlock unlock`.".to_owned(),
        }),
        _ => {}
    }
    let minutes = explanation.remember_minutes;
    if minutes > 0 && explanation.outlook == Outlook::AsksForCode {
        words.push_str(&format!(" That is remembered for {minutes} minutes."));
    }
    words
}

/// The rule, and below it how it stood.
fn told(judged: &Judged, explanation: &Explanation, moment: &Moment) -> String {
    let rule = explanation.rules.iter().find(|rule| rule.id == judged.rule);

    let mut page = match rule {
        Some(rule) => words::block(rule, moment),
        // The contract promises every one of them.
        None => format!("{:>5}  (not shown)\n", judged.rule),
    };
    let mut sentence = match judged.standing {
        Standing::Decides => String::new(),
        Standing::Milder => "-> One of the same scope is stricter.".to_owned(),
        Standing::Wider => "-> One of a narrower scope fits, too.".to_owned(),
        Standing::Ended => "-> It has ended.".to_owned(),
        Standing::OtherService => "-> It is about other services.".to_owned(),
        Standing::OtherPlace => "-> It is about other places.".to_owned(),
        Standing::OtherAccount => "-> It is about other accounts.".to_owned(),
    };
    if judged.guessed {
        let arrow = if sentence.is_empty() { "->" } else { "" };
        sentence.push_str(arrow);
        sentence.push_str(
            " Guessed, to the safe side: its group cannot be looked up, or the place is not told.",
        );
    }
    if !sentence.is_empty() {
        page.push_str(&words::sentence_below(&sentence));
    }
    page
}

#[derive(Serialize)]
struct ExplanationObject<'a> {
    user: &'a str,
    service: Option<&'a str>,
    from: Option<&'a str>,
    level: Level,
    outlook: Outlook,
    enroll_until: Option<u64>,
    remember_minutes: u32,
    message: &'a str,
    locked_until: Option<u64>,
    judged: Vec<JudgedObject>,
    rules: Vec<RuleObject<'a>>,
}

#[derive(Serialize)]
struct JudgedObject {
    rule: u32,
    standing: Standing,
    guessed: bool,
}

impl<'a> ExplanationObject<'a> {
    fn new(explanation: &'a Explanation, question: &'a Question, moment: &Moment) -> Self {
        let judged = |one: &Judged| JudgedObject {
            rule: one.rule,
            standing: one.standing,
            guessed: one.guessed,
        };
        Self {
            user: &explanation.user,
            service: question.service.as_deref(),
            from: question.from.as_deref(),
            level: explanation.level,
            outlook: explanation.outlook,
            enroll_until: explanation.enroll_until,
            remember_minutes: explanation.remember_minutes,
            message: &explanation.message,
            locked_until: explanation.locked_until,
            judged: explanation.judged.iter().map(judged).collect(),
            rules: RuleObject::of_all(&explanation.rules, moment),
        }
    }
}

#[cfg(test)]
mod tests {
    use twinlock_interface::{Rule, Scope};

    use super::*;

    fn rule(id: u32, name: &str) -> Rule {
        Rule {
            id,
            scope: Scope::Group,
            name: name.into(),
            author: "carol".into(),
            ..Rule::default()
        }
    }

    fn judged(rule: u32, standing: Standing) -> Judged {
        Judged { rule, standing, guessed: false }
    }

    fn explanation() -> Explanation {
        Explanation {
            user: "alice".into(),
            outlook: Outlook::AsksForCode,
            judged: vec![
                judged(1, Standing::Wider),
                judged(2, Standing::OtherPlace),
                judged(3, Standing::Decides),
                judged(4, Standing::OtherAccount),
                judged(5, Standing::OtherAccount),
            ],
            rules: vec![rule(1, "one"), rule(2, "two"), rule(3, "three")],
            ..Explanation::default()
        }
    }

    fn told(explanation: &Explanation) -> String {
        page(explanation, &Question::default(), &Moment::now())
    }

    #[test]
    fn the_winner_stands_first_and_those_it_beat_with_why() {
        let told = told(&explanation());
        let at = |words: &str| told.find(words).unwrap_or_else(|| panic!("{words}: {told}"));
        let places = [
            "Decided by:",
            "group three",
            "Made by carol",
            "Beaten by it:",
            "group one",
            "-> One of a narrower scope",
            "Not about this login:",
            "group two",
            "-> It is about other places",
            "2 more rules are about other accounts",
        ];
        assert!(places.map(at).is_sorted(), "{told}");
        assert!(told.lines().all(|line| line.len() <= 80), "{told}");
    }

    #[test]
    fn without_a_rule_it_is_what_is_built_in() {
        let told = told(&Explanation { judged: Vec::new(), ..explanation() });
        assert!(told.contains("Decided by:\n    -  required for everyone (built in"), "{told}");
        assert!(!told.contains("Beaten"), "{told}");
    }

    #[test]
    fn a_guess_is_told_as_one() {
        let guess = Judged { guessed: true, ..judged(3, Standing::Decides) };
        let told = told(&Explanation { judged: vec![guess], ..explanation() });
        assert!(told.contains("-> Guessed, to the safe side"), "{told}");
    }

    #[test]
    fn what_the_login_meets_is_told_in_words() {
        let meets = |outlook, change: fn(&mut Explanation)| {
            let mut explanation = Explanation { outlook, ..explanation() };
            change(&mut explanation);
            super::meets(&explanation, &Moment::now())
        };
        assert!(meets(Outlook::AsksForCode, |_| ()).contains("one-time code"));
        let asks = meets(Outlook::AsksForCode, |one| one.remember_minutes = 30);
        assert!(asks.contains("for 30 minutes"), "{asks}");
        assert!(meets(Outlook::NotAsked, |_| ()).contains("no authenticator"));
        assert!(
            !meets(Outlook::NotAsked, |one| one.level = Level::Exempt).contains("authenticator")
        );
        assert!(meets(Outlook::Remembered, |_| ()).contains("remembered"));
        let enrolls = meets(Outlook::Enrolls, |one| one.enroll_until = Some(4_000_000_000));
        assert!(enrolls.contains("QR code") && enrolls.contains("until 2096-10-02"), "{enrolls}");
        let refused = meets(Outlook::Refused, |one| one.message = "Call\u{1b} 4711.".into());
        assert!(refused.contains("ticket") && refused.contains("Call\\u{1b} 4711."), "{refused}");
        let locked = meets(Outlook::Locked, |one| one.locked_until = Some(4_000_000_000));
        assert!(locked.contains("until 2096-10-02"), "{locked}");
        assert!(meets(Outlook::Locked, |_| ()).contains("recovery code"));
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        let explanation = Explanation {
            judged: vec![judged(7, Standing::OtherAccount)],
            rules: Vec::new(),
            ..explanation()
        };
        let question = Question { service: Some("sshd".into()), from: None };
        let object = ExplanationObject::new(&explanation, &question, &Moment::now());
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            r#"{"user":"alice","service":"sshd","from":null,"level":"required","#.to_owned()
                + r#""outlook":"asks-for-code","enroll_until":null,"remember_minutes":0,"#
                + r#""message":"","locked_until":null,"judged":[{"rule":7,"#
                + r#""standing":"other-account","guessed":false}],"rules":[]}"#
        );
    }
}
