//! The rules of the policy, and the throttle's profile.

use std::time::Duration;

use rusqlite::{Row, params};
use twinlock_verifier::{
    policy::{Policy, Rule, RuleId, Scope},
    throttle::Profile,
};

use super::{
    Records, StoreError,
    numbers::{seconds, timestamp},
};

/// The policy as it is stored.
pub(crate) struct StoredPolicy {
    /// Counts the changes.
    pub(crate) revision: u64,
    pub(crate) profile: Profile,
    pub(crate) policy: Policy,
}

/// A rule nobody can read must not become a rule that is not there.
const CORRUPT: StoreError = StoreError::Corrupt("a rule of the policy that nobody wrote");

impl Records<'_> {
    /// The whole of it.
    pub(crate) fn policy(&self) -> Result<StoredPolicy, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT profile FROM policy")?;
        let profile: String = query.query_row([], |row| row.get(0))?;
        let mut query = self.connection.prepare_cached("SELECT * FROM policy_rules ORDER BY id")?;
        let mut rows = query.query([])?;
        let mut rules = Vec::new();
        while let Some(row) = rows.next()? {
            rules.push(self.rule(row)?);
        }
        Ok(StoredPolicy {
            revision: self.policy_revision()?,
            profile: profile.parse().map_err(|_| CORRUPT)?,
            policy: Policy::new(rules),
        })
    }

    /// Which change was the last.
    pub(crate) fn policy_revision(&self) -> Result<u64, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT revision FROM policy")?;
        query.query_row([], |row| row.get::<_, i64>(0))?.try_into().map_err(|_| CORRUPT)
    }

    fn rule(&self, row: &Row<'_>) -> Result<Rule, StoreError> {
        let id: u32 = row.get("id")?;
        let (kind, name): (String, String) = (row.get("scope")?, row.get("name")?);
        let time = |column| -> Result<_, StoreError> {
            Ok(row.get::<_, Option<i64>>(column)?.map(timestamp))
        };
        let minutes: u32 = row.get("remember_minutes")?;
        let places = self.conditions(id, "place")?;
        Ok(Rule {
            id: RuleId(id),
            level: row.get::<_, String>("level")?.parse().map_err(|_| CORRUPT)?,
            scope: Scope::from_parts(&kind, &name).map_err(|_| CORRUPT)?,
            uid: row.get("uid")?,
            services: self.conditions(id, "service")?,
            from: places
                .iter()
                .map(|place| place.parse())
                .collect::<Result<_, _>>()
                .map_err(|_| CORRUPT)?,
            enroll_until: time("enroll_until")?,
            remember: Duration::from_secs(u64::from(minutes) * 60),
            until: time("ends_at")?,
            reason: row.get("reason")?,
            message: row.get("message")?,
            author: row.get("author")?,
            created_at: timestamp(row.get("created_at")?),
        })
    }

    fn conditions(&self, rule: u32, kind: &str) -> Result<Vec<String>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT value FROM policy_conditions WHERE rule = ?1 AND kind = ?2 ORDER BY value",
        )?;
        let values = query.query_map(params![rule, kind], |row| row.get(0))?;
        Ok(values.collect::<Result<_, _>>()?)
    }

    /// Adds a rule under a number that was never given before; returns that.
    pub(crate) fn add_rule(&self, rule: &Rule) -> Result<RuleId, StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO policy_rules (level, scope, name, uid, enroll_until,
                    remember_minutes, ends_at, reason, message, author, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                rule.level.as_str(),
                rule.scope.kind(),
                rule.scope.name(),
                rule.uid,
                rule.enroll_until.map(seconds),
                i64::try_from(rule.remember.as_secs() / 60).unwrap_or(i64::MAX),
                rule.until.map(seconds),
                rule.reason,
                rule.message,
                rule.author,
                seconds(rule.created_at),
            ])?;
        let id = u32::try_from(self.connection.last_insert_rowid());
        let id = id.map_err(|_| StoreError::Corrupt("more rules than there are numbers"))?;
        for service in &rule.services {
            self.add_condition(id, "service", service)?;
        }
        for place in &rule.from {
            self.add_condition(id, "place", &place.to_string())?;
        }
        Ok(RuleId(id))
    }

    fn add_condition(&self, rule: u32, kind: &str, value: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO policy_conditions (rule, kind, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![rule, kind, value])?;
        Ok(())
    }

    /// Removes a rule; says whether there was one.
    pub(crate) fn remove_rule(&self, rule: RuleId) -> Result<bool, StoreError> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM policy_rules WHERE id = ?1")?
            .execute([rule.0])?;
        Ok(gone > 0)
    }

    /// Sets the profile, if there is another, and counts the change.
    pub(crate) fn count_policy_change(&self, profile: Option<Profile>) -> Result<(), StoreError> {
        let profile = profile.map(Profile::as_str);
        self.connection
            .prepare_cached(
                "UPDATE policy SET revision = revision + 1, profile = coalesce(?1, profile)",
            )?
            .execute([profile])?;
        Ok(())
    }
}
