//! Who must give a code: rules, held against a login by its account, its service and its place.
//!
//! Of the rules that fit, the ones of the narrowest scope count, and of these the strictest. Where
//! none fits, a code is required. The order of the rules never matters, and a rule whose end has
//! passed is as if gone. What cannot be told (a group that cannot be looked up, a place that the
//! host program does not name) is taken each way it may be, and the strictest answer counts (I9).

mod check;
mod claimant;
mod decision;
mod occasion;
mod place;
mod rule;
mod subnet;

use core::{fmt, time::Duration};
use std::collections::{BTreeMap, BTreeSet};

pub use self::{
    check::InvalidRule,
    claimant::{Claimant, Membership},
    decision::{Decision, Judged, Standing},
    occasion::{Occasion, Service},
    place::{Place, Spot},
    rule::{Level, Rule, RuleId, Scope, UnknownLevel, UnknownScope},
    subnet::{InvalidSubnet, Subnet},
};
use crate::Timestamp;

/// Rules in a policy.
const MOST_RULES: usize = 1024;
/// Occasions that the rules about one account may tell apart. Some questions, which people may ask about
/// themselves, are answered by going through them all.
const MOST_OCCASIONS: usize = 2048;
/// Conditions that are looked at on all of these together: some milliseconds.
const MOST_WORK: usize = 2_000_000;

/// All the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// By their numbers.
    rules: Vec<Rule>,
}

/// Why a policy is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// More than 1024 rules.
    Rules,
    /// The rules about one account name so many services and places that going through all of them
    /// would take long.
    Occasions,
}

/// Whether a rule is about a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    No,
    /// That cannot be told.
    Perhaps,
    Yes,
}

/// A rule that was held against a login.
#[derive(Clone, Copy)]
struct Held<'r> {
    rule: &'r Rule,
    fit: Fit,
    /// Why it does not fit, or perhaps not.
    reason: Standing,
}

impl From<bool> for Fit {
    fn from(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

impl<'r> Held<'r> {
    /// Somebody else's rule is nobody's business, so that comes first.
    fn against(rule: &'r Rule, claimant: &Claimant, occasion: &Occasion, now: Timestamp) -> Self {
        let fits = [
            (claimant.is_in(rule), Standing::OtherAccount),
            ((!rule.has_ended(now)).into(), Standing::Ended),
            (occasion.service.is_in(&rule.services), Standing::OtherService),
            (occasion.place.is_in(&rule.from), Standing::OtherPlace),
        ];
        let first = |wanted| fits.into_iter().find(|(fit, _)| *fit == wanted);
        let (fit, reason) =
            first(Fit::No).or(first(Fit::Perhaps)).unwrap_or((Fit::Yes, Standing::Decides));
        Self { rule, fit, reason }
    }
}

impl Policy {
    /// From rules in any order.
    #[must_use]
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| rule.id);
        Self { rules }
    }

    /// The rules, by their numbers.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there may be so much of it. The rules are not looked at one by one
    /// ([`Rule::check`]).
    ///
    /// # Errors
    /// What there is too much of.
    pub fn check(&self) -> Result<(), TooLarge> {
        if self.rules.len() > MOST_RULES {
            return Err(TooLarge::Rules);
        }
        let mut shared = Load::default();
        let mut by_user: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
        for rule in &self.rules {
            match &rule.scope {
                Scope::User(user) => by_user.entry(user).or_default().push(rule),
                Scope::Everyone | Scope::Group(_) => shared.add(rule),
            }
        }
        let of_user = |rules: &Vec<&Rule>| {
            let mut load = shared.clone();
            rules.iter().for_each(|rule| load.add(rule));
            load.is_bearable()
        };
        let bearable = shared.is_bearable() && by_user.values().all(of_user);
        if bearable { Ok(()) } else { Err(TooLarge::Occasions) }
    }

    /// What is asked of a login.
    #[must_use]
    pub fn decide(&self, claimant: &Claimant, occasion: &Occasion, now: Timestamp) -> Decision {
        Decision::of(&self.held(claimant, occasion, now), now)
    }

    /// How each rule stands in that decision, by their numbers.
    #[must_use]
    pub fn judged(&self, claimant: &Claimant, occasion: &Occasion, now: Timestamp) -> Vec<Judged> {
        let held = self.held(claimant, occasion, now);
        let decision = Decision::of(&held, now);
        held.iter().map(|one| decision.judge(*one, &held)).collect()
    }

    /// The longest for which any rule remembers a right code.
    #[must_use]
    pub fn longest_remembered(&self) -> Duration {
        self.rules.iter().map(|rule| rule.remember).max().unwrap_or_default()
    }

    /// Whether any rule is about a single account.
    #[must_use]
    pub fn names_users(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.scope, Scope::User(_)))
    }

    /// The groups that rules are about.
    #[must_use]
    pub fn groups(&self) -> BTreeSet<&str> {
        self.rules.iter().filter_map(group).collect()
    }

    /// The groups that matter to what is asked of a login of the account with these names: whoever
    /// is told about no others decides the same.
    #[must_use]
    pub fn groups_for(
        &self,
        names: &[String],
        occasion: &Occasion,
        now: Timestamp,
    ) -> BTreeSet<&str> {
        let claimant = Claimant { names: names.to_vec(), ..Claimant::default() };
        let fit = |rule: &Rule| Held::against(rule, &claimant, occasion, now).fit;
        let is_by_name =
            |rule: &Rule| matches!(rule.scope, Scope::User(_)) && fit(rule) == Fit::Yes;
        if self.rules.iter().any(is_by_name) {
            return BTreeSet::new();
        }
        self.rules.iter().filter(|rule| fit(rule) != Fit::No).filter_map(group).collect()
    }

    /// Every occasion that the rules can tell apart, once each. A service is always told.
    pub fn occasions(&self) -> impl Iterator<Item = Occasion> {
        occasions_of(self.rules.iter())
    }

    /// What is asked of an account where most is asked, if that is a code: the strictest of all
    /// occasions, and every rule that requires a code on one of them.
    #[must_use]
    pub fn requires(&self, claimant: &Claimant, now: Timestamp) -> Option<Decision> {
        let about = about(self, claimant, now);
        let decisions = occasions_of(about.iter().copied())
            .map(|occasion| decision(&about, claimant, &occasion, now));
        decisions.filter(|decision| decision.level == Level::Required).reduce(Decision::and)
    }

    /// An occasion on which a login is let in or can enrol before a change and is refused after it.
    #[must_use]
    pub fn takes_way_in(
        before: &Self,
        after: &Self,
        claimant: &Claimant,
        enrolled: bool,
        now: Timestamp,
    ) -> Option<Occasion> {
        let (before, after) = (about(before, claimant, now), about(after, claimant, now));
        let lets_in = |about: &[&Rule], occasion: &Occasion| {
            decision(about, claimant, occasion, now).lets_in(enrolled, now)
        };
        occasions_of(before.iter().chain(&after).copied())
            .find(|occasion| lets_in(&before, occasion) && !lets_in(&after, occasion))
    }

    fn held(&self, claimant: &Claimant, occasion: &Occasion, now: Timestamp) -> Vec<Held<'_>> {
        self.rules.iter().map(|rule| Held::against(rule, claimant, occasion, now)).collect()
    }
}

/// How much the rules about an account name between them.
#[derive(Clone, Default)]
struct Load<'r> {
    services: BTreeSet<&'r str>,
    subnets: BTreeSet<Subnet>,
    conditions: usize,
}

impl<'r> Load<'r> {
    fn add(&mut self, rule: &'r Rule) {
        self.services.extend(rule.services.iter().map(String::as_str));
        let subnets = rule.from.iter().filter_map(|spot| match spot {
            Spot::Network(subnet) => Some(*subnet),
            Spot::Local => None,
        });
        self.subnets.extend(subnets);
        let conditions = rule.services.len().saturating_add(rule.from.len()).saturating_add(1);
        self.conditions = self.conditions.saturating_add(conditions);
    }

    fn is_bearable(&self) -> bool {
        // Beside those that are named: another service, elsewhere, a console, a place that is not told.
        let services = self.services.len().saturating_add(1);
        let occasions = self.subnets.len().saturating_add(3).saturating_mul(services);
        occasions <= MOST_OCCASIONS && occasions.saturating_mul(self.conditions) <= MOST_WORK
    }
}

fn decision(about: &[&Rule], claimant: &Claimant, occasion: &Occasion, now: Timestamp) -> Decision {
    let held = about.iter().map(|rule| Held::against(rule, claimant, occasion, now));
    Decision::of(&held.collect::<Vec<_>>(), now)
}

/// The rules that are, or perhaps are, about an account.
fn about<'p>(policy: &'p Policy, claimant: &Claimant, now: Timestamp) -> Vec<&'p Rule> {
    let is_about = |rule: &&Rule| !rule.has_ended(now) && claimant.is_in(rule) != Fit::No;
    policy.rules.iter().filter(is_about).collect()
}

fn occasions_of<'r>(
    rules: impl Iterator<Item = &'r Rule> + Clone,
) -> impl Iterator<Item = Occasion> {
    let places = occasion::places(rules.clone());
    occasion::services(rules).into_iter().flat_map(move |service| {
        let at = move |place| Occasion { service: service.clone(), place };
        places.clone().into_iter().map(at)
    })
}

fn group(rule: &Rule) -> Option<&str> {
    match &rule.scope {
        Scope::Group(group) => Some(group),
        Scope::Everyone | Scope::User(_) => None,
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rules => "a policy has at most 1024 rules",
            Self::Occasions => {
                "the rules about one account name too many services and places between them"
            }
        })
    }
}

impl core::error::Error for TooLarge {}
