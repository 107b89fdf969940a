//! Who must give a code: the rules as they cross the bus, a change to them, and an explanation.
//!
//! What the rules mean is the business of the daemon; what is written here is what they say.

use serde::{Deserialize, Serialize};
use zbus::wire::Type;

/// What a rule asks of the accounts it is about: `required`, `optional` or `exempt` on the wire.
/// From the mildest to the strictest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type,
)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nobody is asked for a code.
    Exempt,
    /// Whoever has an authenticator is asked for a code.
    Optional,
    /// Everybody is asked for a code; whoever has no authenticator enrols or is refused.
    #[default]
    Required,
}

/// Whom a rule is about: `everyone`, `group` or `user` on the wire. From the widest to the narrowest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type,
)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every account.
    #[default]
    Everyone,
    /// The members of the group called [`Rule::name`].
    Group,
    /// The account called [`Rule::name`].
    User,
}

/// How many failures lock an account, and for how long: `default`, `cis`, `stig` or `pci` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// 5 failures lock for 15 minutes, twice as long each time, 24 hours at most; 100 close.
    #[default]
    Default,
    /// 5 failures lock for 15 minutes; 100 close (CIS benchmarks).
    Cis,
    /// 3 failures close until an administrator opens (DISA STIG).
    Stig,
    /// 10 failures lock for 30 minutes, twice as long each time; 100 close (PCI DSS 8.3.4).
    Pci,
}

/// One rule; D-Bus signature `a{sv}`. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Rule {
    /// Its number, given by the daemon and never given again; 0 in a rule that is to be added.
    #[serde(with = "zbus::wire::as_variant")]
    pub id: u32,
    /// What it asks for.
    #[serde(with = "zbus::wire::as_variant")]
    pub level: Level,
    /// Whom it is about.
    #[serde(with = "zbus::wire::as_variant")]
    pub scope: Scope,
    /// The account or group; empty for `everyone`.
    #[serde(with = "zbus::wire::as_variant")]
    pub name: String,
    /// The PAM services it is about; empty for all of them.
    #[serde(with = "zbus::wire::as_variant")]
    pub services: Vec<String>,
    /// The places it is about: networks such as `192.0.2.0/24`, or `local` for a console of this host;
    /// empty for all of them.
    #[serde(with = "zbus::wire::as_variant")]
    pub from: Vec<String>,
    /// With `required`: until when people may enrol in a login. Without it they need a ticket.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub enroll_until: Option<u64>,
    /// With `required` or `optional`, and `services`: for how many minutes an address that gave a right
    /// code for one of them is not asked for another. 0 is never.
    #[serde(with = "zbus::wire::as_variant")]
    pub remember_minutes: u32,
    /// With `optional` or `exempt`: when the rule ends.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Why it is there, in the words of whoever made it.
    #[serde(with = "zbus::wire::as_variant")]
    pub reason: String,
    /// With `required`: what somebody without an authenticator is told when they are refused.
    #[serde(with = "zbus::wire::as_variant")]
    pub message: String,
    /// Who made it. Set by the daemon.
    #[serde(with = "zbus::wire::as_variant")]
    pub author: String,
    /// When it was made. Set by the daemon.
    #[serde(with = "zbus::wire::as_variant")]
    pub created_at: u64,
}

/// All of it, as `Policy.Show` and `Policy.Apply` answer; D-Bus signature `a{sv}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Policy {
    /// Counts the changes.
    #[serde(with = "zbus::wire::as_variant")]
    pub revision: u64,
    /// The throttle's profile.
    #[serde(with = "zbus::wire::as_variant")]
    pub profile: Profile,
    /// Failures to a lock, as they are in force: the profile and the daemon's settings together.
    #[serde(with = "zbus::wire::as_variant")]
    pub lock_after: u32,
    /// Length of the first lock, in seconds.
    #[serde(with = "zbus::wire::as_variant")]
    pub lock_seconds: u64,
    /// Length of the longest lock, in seconds.
    #[serde(with = "zbus::wire::as_variant")]
    pub lock_at_most_seconds: u64,
    /// Failures without a success that close until somebody opens.
    #[serde(with = "zbus::wire::as_variant")]
    pub close_after: u32,
    /// The rules, by their numbers.
    #[serde(with = "zbus::wire::as_variant")]
    pub rules: Vec<Rule>,
}

/// A change to the policy, done whole or not at all; D-Bus signature `a{sv}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct PolicyChange {
    /// The revision it was made for; another one refuses it. Without it any will do.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Numbers of rules to remove.
    #[serde(with = "zbus::wire::as_variant")]
    pub removed: Vec<u32>,
    /// Rules to add.
    #[serde(with = "zbus::wire::as_variant")]
    pub added: Vec<Rule>,
    /// The throttle's profile from now on.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Accounts that must not lose a way in by it: the caller's own.
    #[serde(with = "zbus::wire::as_variant")]
    pub ways_in: Vec<String>,
    /// Whether names that the host does not know are meant.
    #[serde(with = "zbus::wire::as_variant")]
    pub unknown_names: bool,
    /// Who makes the change, believed from uid 0 only, for which sudo knows better than the bus.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether to look at everything and change nothing.
    #[serde(with = "zbus::wire::as_variant")]
    pub dry_run: bool,
}

/// What is asked for an explanation of; D-Bus signature `a{sv}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Question {
    /// `PAM_SERVICE`; missing for a service that no rule names.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// An address, `local` for a console of this host, `terminal` for any other terminal of it, or
    /// `unknown` for a place that the host program does not tell; missing for an address that no rule
    /// names.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What a login would meet: a word on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// It is asked for a code.
    AsksForCode,
    /// It is asked for nothing.
    NotAsked,
    /// It was asked a while ago, and is spared the code.
    Remembered,
    /// It enrols on the way, behind a first factor.
    Enrolls,
    /// It is asked for a code that the account cannot have: only a ticket opens enrolment.
    #[default]
    Refused,
    /// Nothing is accepted now: too many failures.
    Locked,
}

/// How a rule stood in a decision: a word on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "s")]
#[serde(rename_all = "kebab-case")]
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
    #[default]
    OtherAccount,
}

/// A rule and how it stood; D-Bus signature `a{sv}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Judged {
    /// The rule's number.
    #[serde(with = "zbus::wire::as_variant")]
    pub rule: u32,
    /// How it stood.
    #[serde(with = "zbus::wire::as_variant")]
    pub standing: Standing,
    /// Whether that is a guess to the safe side: a group could not be looked up, or the host program
    /// did not tell the place.
    #[serde(with = "zbus::wire::as_variant")]
    pub guessed: bool,
}

/// Why a login is asked for a code or not; D-Bus signature `a{sv}`. Times are seconds since the Unix
/// epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[zbus(signature = "dict")]
#[serde(default)]
pub struct Explanation {
    /// Canonical account name.
    #[serde(with = "zbus::wire::as_variant")]
    pub user: String,
    /// What is asked of it.
    #[serde(with = "zbus::wire::as_variant")]
    pub level: Level,
    /// What a login would meet.
    #[serde(with = "zbus::wire::as_variant")]
    pub outlook: Outlook,
    /// Until when it may enrol in a login.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub enroll_until: Option<u64>,
    /// For how many minutes a right code is remembered here.
    #[serde(with = "zbus::wire::as_variant")]
    pub remember_minutes: u32,
    /// What somebody without an authenticator is told when they are refused.
    #[serde(with = "zbus::wire::as_variant")]
    pub message: String,
    /// Until when nothing is accepted, if that has an end.
    #[serde(with = "zbus::wire::as_variant::optional", skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<u64>,
    /// The rules there are, by their numbers, those about other accounts left out unless an
    /// administrator asks. Where none decides, the answer is what is built in: `required`.
    #[serde(with = "zbus::wire::as_variant")]
    pub judged: Vec<Judged>,
    /// The rules that are named in `judged`.
    #[serde(with = "zbus::wire::as_variant")]
    pub rules: Vec<Rule>,
}
