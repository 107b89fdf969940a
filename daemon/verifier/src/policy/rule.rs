//! One rule: what it asks, of whom, for which services, from where, and until when.

use core::{fmt, str::FromStr, time::Duration};

use super::{Spot, check::InvalidRule};
use crate::Timestamp;

/// What a rule asks for, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nobody is asked for a code.
    Exempt,
    /// Whoever has an authenticator is asked for a code.
    Optional,
    /// Everybody is asked for a code.
    Required,
}

/// A word that is no [`Level`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

/// Whom a rule is about. Names are compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every account.
    Everyone,
    /// The members of a group.
    Group(String),
    /// One account.
    User(String),
}

/// A word that is no kind of [`Scope`], or a name where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownScope;

/// How narrow a scope is, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Narrowness {
    Everyone,
    Group,
    User,
}

/// The number of a rule, never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub id: RuleId,
    /// What it asks for.
    pub level: Level,
    /// Whom it is about.
    pub scope: Scope,
    /// The uid that the account had when the rule was made, by which it is known under other names.
    pub uid: Option<u32>,
    /// The PAM services it is about, byte for byte; empty for all.
    pub services: Vec<String>,
    /// The places it is about; empty for all.
    pub from: Vec<Spot>,
    /// With [`Level::Required`]: until when a login may enrol. Without it enrolment takes a ticket.
    pub enroll_until: Option<Timestamp>,
    /// With services, and not exempt: for how long a network that gave a right code is spared the
    /// next one. Zero is never.
    pub remember: Duration,
    /// With [`Level::Optional`] or [`Level::Exempt`]: when it ends.
    pub until: Option<Timestamp>,
    /// Why it is there.
    pub reason: String,
    /// With [`Level::Required`]: what somebody without an authenticator is told who is refused.
    pub message: String,
    /// Who made it.
    pub author: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Rule {
    /// Whether it may be added at `now`.
    ///
    /// # Errors
    /// What contradicts or is out of bounds.
    pub fn check(&self, now: Timestamp) -> Result<(), InvalidRule> {
        super::check::check(self, now)
    }

    /// Whether its end has come; then it is as if gone. One that is not made yet has ended: the clock
    /// was set back (I22).
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now || now < self.created_at)
    }

    /// What weighs when several rules fit: the narrower scope, then the stricter level.
    pub(super) fn weight(&self) -> (Narrowness, Level) {
        (self.scope.narrowness(), self.level)
    }

    /// For how long it has a right code remembered. What guards more than the way in must be named
    /// to be spared, so a rule about all services remembers nothing.
    pub(super) fn remembers_for(&self) -> Duration {
        if self.services.is_empty() { Duration::ZERO } else { self.remember }
    }
}

impl Scope {
    /// From the words that a rule is written in: `everyone`, `group` or `user`, and a name that is
    /// empty for everyone.
    ///
    /// # Errors
    /// When the kind is another word, or everyone has a name.
    pub fn from_parts(kind: &str, name: &str) -> Result<Self, UnknownScope> {
        match kind {
            "everyone" if name.is_empty() => Ok(Self::Everyone),
            "group" => Ok(Self::Group(name.to_owned())),
            "user" => Ok(Self::User(name.to_owned())),
            _ => Err(UnknownScope),
        }
    }

    /// `everyone`, `group` or `user`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Group(_) => "group",
            Self::User(_) => "user",
        }
    }

    /// The group or account; empty for everyone.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Everyone => "",
            Self::Group(name) | Self::User(name) => name,
        }
    }

    pub(super) fn narrowness(&self) -> Narrowness {
        match self {
            Self::Everyone => Narrowness::Everyone,
            Self::Group(_) => Narrowness::Group,
            Self::User(_) => Narrowness::User,
        }
    }
}

impl Level {
    /// `required`, `optional` or `exempt`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exempt => "exempt",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        [Self::Exempt, Self::Optional, Self::Required]
            .into_iter()
            .find(|level| level.as_str() == word)
            .ok_or(UnknownLevel)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level is required, optional or exempt")
    }
}

impl fmt::Display for UnknownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rule is about everyone, a group or a user")
    }
}

impl core::error::Error for UnknownLevel {}
impl core::error::Error for UnknownScope {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names_and_an_order() {
        for (name, level) in [
            ("exempt", Level::Exempt),
            ("optional", Level::Optional),
            ("required", Level::Required),
        ] {
            assert_eq!((name.parse(), level.to_string().as_str()), (Ok(level), name));
        }
        for name in ["", "Required", "required ", "none"] {
            assert_eq!(name.parse::<Level>(), Err(UnknownLevel), "{name:?}");
        }
        assert!(Level::Exempt < Level::Optional && Level::Optional < Level::Required);
    }

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for (kind, name) in [("everyone", ""), ("group", "wheel"), ("user", "alice"), ("user", "")]
        {
            let scope = Scope::from_parts(kind, name).unwrap();
            assert_eq!((scope.kind(), scope.name()), (kind, name));
        }
        for (kind, name) in [("everyone", "alice"), ("", ""), ("User", "alice"), ("users", "x")] {
            assert_eq!(Scope::from_parts(kind, name), Err(UnknownScope), "{kind:?}");
        }
    }
}
