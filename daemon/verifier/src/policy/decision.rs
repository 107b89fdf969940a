//! What the rules come to, once they have been held against a login.

use core::time::Duration;

use super::{Fit, Held, Level, Rule, RuleId};
use crate::Timestamp;

/// For how long a login may enrol without a ticket, at most.
const ENROLL_AT_MOST: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What is asked of a login, and by which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is asked.
    pub level: Level,
    /// With [`Level::Required`]: until when the login may enrol; never without it. An end more than
    /// 90 days ahead is none.
    pub enroll_until: Option<Timestamp>,
    /// For how long a right code is remembered; zero is never.
    pub remember: Duration,
    /// The rules that decided, by their numbers. None where it is built in.
    pub by: Vec<RuleId>,
    /// Whether another rule might have decided, had everything been told.
    pub guessed: bool,
}

/// How a rule stood in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It decided.
    Decides,
    /// One of the same scope is stricter.
    Milder,
    /// One of a narrower scope is about this login too.
    Wider,
    /// It has ended.
    Ended,
    /// It is about other services.
    OtherService,
    /// It is about other places.
    OtherPlace,
    /// It is about somebody else.
    OtherAccount,
}

/// A rule and how it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The rule.
    pub rule: RuleId,
    /// How it stood.
    pub standing: Standing,
    /// Whether that is a guess to the safe side, as something could not be told.
    pub guessed: bool,
}

impl Decision {
    /// Of the rules that fit, the narrowest scope counts, and of these the strictest level; where
    /// none fits, a code is required and nothing given.
    ///
    /// A rule that perhaps fits may do so or not, and the strictest answer of all that follow counts.
    /// So every rule has a say that decides in one of these worlds: those that outweigh or equal the
    /// weightiest one that is certain to fit, which decides where no other fits.
    pub(super) fn of(held: &[Held<'_>], now: Timestamp) -> Self {
        let certain = held.iter().filter(|held| held.fit == Fit::Yes);
        let weightiest = certain.map(|held| held.rule.weight()).max();
        let has_a_say =
            |held: &&Held<'_>| held.fit != Fit::No && Some(held.rule.weight()) >= weightiest;
        let rules = || held.iter().filter(has_a_say).map(|held| held.rule);
        let built_in = weightiest.is_none().then_some(Level::Required);
        let level = rules().map(|rule| rule.level).chain(built_in).max();
        let level = level.unwrap_or(Level::Required);
        let deciding = || rules().filter(|rule| rule.level == level);
        let asking = rules().filter(|rule| rule.level != Level::Exempt);
        let mut decision = Self {
            level,
            // No end is no enrolment, and sorts before every end.
            enroll_until: deciding().map(|rule| enrollment(rule, now)).min().flatten(),
            remember: asking.map(Rule::remembers_for).min().unwrap_or_default(),
            by: deciding().map(|rule| rule.id).collect(),
            guessed: held.iter().filter(has_a_say).any(|held| held.fit == Fit::Perhaps),
        };
        if built_in.is_some() {
            (decision.enroll_until, decision.remember) = (None, Duration::ZERO);
        }
        decision
    }

    /// Whether a login may enrol at `now` without a ticket.
    #[must_use]
    pub fn enrolls_at(&self, now: Timestamp) -> bool {
        let is_open = |end: Timestamp| now < end && is_near(end, now);
        self.level == Level::Required && self.enroll_until.is_some_and(is_open)
    }

    /// Whether somebody can get in at all: without a code, with one, or by enrolling.
    #[must_use]
    pub fn lets_in(&self, enrolled: bool, now: Timestamp) -> bool {
        enrolled || self.level != Level::Required || self.enrolls_at(now)
    }

    /// How a rule stood that was held against the same login.
    pub(super) fn judge(&self, held: Held<'_>, all: &[Held<'_>]) -> Judged {
        let Held { rule, fit, reason } = held;
        let mut deciding = all.iter().filter(|other| self.by.contains(&other.rule.id));
        let standing = match fit {
            _ if self.by.contains(&rule.id) => Standing::Decides,
            Fit::No => reason,
            // A milder rule that perhaps fits is taken not to.
            Fit::Perhaps if rule.level < Level::Required => reason,
            Fit::Perhaps | Fit::Yes => {
                let narrowness = rule.scope.narrowness();
                match deciding.any(|other| other.rule.scope.narrowness() == narrowness) {
                    true => Standing::Milder,
                    false => Standing::Wider,
                }
            }
        };
        Judged { rule: rule.id, standing, guessed: fit == Fit::Perhaps }
    }

    /// The stricter of two that both require a code, by whichever rules.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.by.extend(other.by);
        self.by.sort_unstable();
        self.by.dedup();
        Self {
            level: self.level.max(other.level),
            enroll_until: self.enroll_until.min(other.enroll_until),
            remember: self.remember.min(other.remember),
            by: self.by,
            guessed: self.guessed || other.guessed,
        }
    }
}

/// Until when a rule lets a login enrol.
fn enrollment(rule: &Rule, now: Timestamp) -> Option<Timestamp> {
    rule.enroll_until.filter(|end| rule.level == Level::Required && is_near(*end, now))
}

/// Whether enrolment may be open until then. An end that is further ahead opens nothing, as the
/// clock may be what is wrong (I22).
pub(super) fn is_near(end: Timestamp, now: Timestamp) -> bool {
    end.saturating_since(now) <= ENROLL_AT_MOST
}
