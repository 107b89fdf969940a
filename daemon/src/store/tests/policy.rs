//! The policy as it is stored.

use twinlock_verifier::{
    policy::{Level, Rule, RuleId, Scope},
    throttle::Profile,
};

use super::*;

fn rule(scope: Scope) -> Rule {
    Rule {
        id: RuleId(0),
        level: Level::Optional,
        scope,
        uid: Some(1000),
        services: vec!["sshd".into(), "with space, and comma".into()],
        from: vec!["192.0.2.0/24".parse().unwrap(), "local".parse().unwrap()],
        enroll_until: None,
        remember: Duration::from_secs(1800),
        until: Some(STARTED),
        reason: "why \"not\"\n".into(),
        message: String::new(),
        author: "alice".into(),
        created_at: STARTED,
    }
}

#[test]
fn a_rule_is_read_as_it_was_written_and_its_number_never_comes_back() {
    let state = state();
    let scopes =
        [Scope::Everyone, Scope::Group("with space".into()), Scope::User("DOM\\é@x".into())];
    let (added, read) = block_on(async {
        let store = open(&state);
        let work = move |records: &Records<'_>| {
            let mut added = Vec::new();
            for scope in scopes {
                let rule = rule(scope);
                let id = records.add_rule(&rule)?;
                added.push(Rule { id, ..rule });
            }
            assert!(records.remove_rule(RuleId(3))?);
            assert!(!records.remove_rule(RuleId(3))?);
            let anew = rule(Scope::Everyone);
            assert_eq!(records.add_rule(&anew)?, RuleId(4));
            added[2] = Rule { id: RuleId(4), ..anew };
            Ok((added, records.policy()?))
        };
        store.run(work).await.unwrap()
    });
    assert_eq!(read.policy.rules(), added);
}

#[test]
fn a_change_counts_and_keeps_the_profile_unless_it_says_another() {
    let state = state();
    block_on(async {
        let store = open(&state);
        let work = |records: &Records<'_>| {
            let told = |records: &Records<'_>| {
                records.policy().map(|stored| (stored.revision, stored.profile))
            };
            let mut seen = vec![told(records)?];
            for profile in [Some(Profile::Stig), None, Some(Profile::Default)] {
                records.count_policy_change(profile)?;
                seen.push(told(records)?);
            }
            Ok(seen)
        };
        let seen = store.run(work).await.unwrap();
        let expected =
            [(0, Profile::Default), (1, Profile::Stig), (2, Profile::Stig), (3, Profile::Default)];
        assert_eq!(seen, expected);
    });
}

#[test]
fn a_rule_that_nobody_wrote_is_no_missing_rule() {
    for spoiled in [
        "UPDATE policy_rules SET level = 'lax'",
        "UPDATE policy_rules SET scope = 'nobody'",
        "UPDATE policy_conditions SET value = 'anywhere' WHERE value = 'local'",
        "UPDATE policy SET profile = 'none'",
    ] {
        let state = state();
        let read = block_on(async {
            let store = open(&state);
            let work = move |records: &Records<'_>| {
                records.add_rule(&rule(Scope::Everyone))?;
                records.connection.execute_batch(spoiled)?;
                records.policy().map(drop)
            };
            store.run(work).await
        });
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{spoiled}");
    }
}
