//! `twinlock policy list`: the rules, in the order in which they are looked at.

use serde::Serialize;
use twinlock_interface::Policy;

use super::{
    meaning,
    object::{ProfileObject, RuleObject},
    profile, show, words,
};
use crate::{
    failure::Failure,
    moment::Moment,
    output::{self, Format},
};

pub(super) fn run(moment: &Moment, format: Format) -> Result<(), Failure> {
    let policy = show()?;
    output::result(format, &page(&policy, moment), &PolicyObject::new(&policy, moment))
}

fn page(policy: &Policy, moment: &Moment) -> String {
    let mut page = format!(
        "Revision {}, throttle profile {}. The first rule that fits a login decides:\n\n",
        policy.revision,
        profile::word(policy.profile)
    );
    for rule in meaning::in_order(&policy.rules) {
        page.push_str(&words::block(rule, moment));
    }
    page.push_str(&words::built_in());
    page
}

#[derive(Serialize)]
struct PolicyObject<'a> {
    revision: u64,
    #[serde(flatten)]
    profile: ProfileObject,
    rules: Vec<RuleObject<'a>>,
}

impl<'a> PolicyObject<'a> {
    fn new(policy: &'a Policy, moment: &Moment) -> Self {
        Self {
            revision: policy.revision,
            profile: policy.into(),
            rules: RuleObject::of_all(&policy.rules, moment),
        }
    }
}

#[cfg(test)]
mod tests {
    use twinlock_interface::{Rule, Scope};

    use super::*;

    #[test]
    fn the_list_begins_with_what_decides_first_and_ends_with_what_is_built_in() {
        let rules = vec![
            Rule { id: 1, ..Rule::default() },
            Rule { id: 2, scope: Scope::User, name: "bob".into(), ..Rule::default() },
        ];
        let page = page(&Policy { rules, ..Policy::default() }, &Moment::now());
        let starts: Vec<_> = page.lines().filter_map(|line| line.get(..5)).collect();
        let position = |start: &str| starts.iter().position(|found| *found == start).unwrap();
        assert!(position("    2") < position("    1") && position("    1") < position("    -"));
        assert!(page.ends_with("required for everyone (built in: where no rule fits)\n"));
    }

    #[test]
    fn json_keys_are_the_documented_ones() {
        let policy = Policy { revision: 3, lock_after: 5, ..Policy::default() };
        assert_eq!(
            serde_json::to_string(&PolicyObject::new(&policy, &Moment::now())).unwrap(),
            r#"{"revision":3,"profile":"default","lock_after":5,"lock_seconds":0,"#.to_owned()
                + r#""lock_at_most_seconds":0,"close_after":0,"rules":[]}"#
        );
    }
}
