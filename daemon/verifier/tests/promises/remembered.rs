//! A source that gave a right code is spared the next one: for a while, for the services that are
//! listed, and never while its lane is closed (I6).

use std::time::Duration;

use twinlock_verifier::{
    AuthenticatorId, MovingFactor, Proof, RecoveryCodeId, RememberRule, Source, Timestamp, Verdict,
};

use crate::stage::{DAY, Host, MINUTE, Phone, START, later, network, wrong};

const OTP: Proof = Proof::Otp { authenticator: AuthenticatorId(1), factor: MovingFactor(7) };

fn rule() -> RememberRule {
    RememberRule {
        lifetime: Duration::from_secs(60 * MINUTE),
        services: vec!["sshd".to_owned(), "cockpit".to_owned()],
    }
}

fn earlier(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_unix(now.unix() - seconds)
}

#[test]
fn nothing_is_remembered_unless_the_rule_says_so() {
    let office = network("192.0.2.1");
    let off = RememberRule::default();
    let no_time = RememberRule { lifetime: Duration::ZERO, ..rule() };
    let no_service = RememberRule { services: Vec::new(), ..rule() };
    let host = Host::with_phones([1]);
    for rule in [off, no_time, no_service] {
        assert_eq!(rule.remembers(&OTP, &office, Some("sshd")), None);
        let limits = &host.rules.limits;
        assert!(!rule.spares(START, Some("sshd"), &office, &host.throttle(), START, limits));
    }
}

#[test]
fn a_code_from_a_network_for_a_listed_service_is_remembered_and_nothing_else() {
    let office = network("2001:db8:1:2::7");
    let remembered = rule().remembers(&OTP, &office, Some("sshd"));
    assert_eq!(remembered.map(|network| network.to_string()).as_deref(), Some("2001:db8:1:2::/64"));
    assert!(rule().remembers(&OTP, &office, Some("cockpit")).is_some());

    let recovery_code = Proof::RecoveryCode { id: RecoveryCodeId(3) };
    assert_eq!(rule().remembers(&recovery_code, &office, Some("sshd")), None);
    for service in [None, Some(""), Some("sudo"), Some("SSHD"), Some("sshd ")] {
        assert_eq!(rule().remembers(&OTP, &office, service), None, "{service:?}");
    }
    for source in [Source::Local, Source::OwnProgram, Source::Unidentified] {
        assert_eq!(rule().remembers(&OTP, &source, Some("sshd")), None, "{source}");
    }
}

/// Whether the office is spared a code `now`, after an accept at the start.
fn spared(host: &Host, service: Option<&str>, source: &Source, now: Timestamp) -> bool {
    rule().spares(START, service, source, &host.throttle(), now, &host.rules.limits)
}

#[test]
fn an_accept_spares_codes_for_the_lifetime_on_either_side() {
    let (office, host) = (network("192.0.2.1"), Host::with_phones([1]));
    for (now, spares) in [
        (START, true),
        (later(START, 3599), true),
        (later(START, 3600), false),
        (later(START, 365 * DAY), false),
        (earlier(START, 3599), true),
        (earlier(START, 3600), false),
    ] {
        assert_eq!(spared(&host, Some("sshd"), &office, now), spares, "{now:?}");
    }
}

#[test]
fn only_a_network_and_a_listed_service_are_spared() {
    let host = Host::with_phones([1]);
    for source in [Source::Local, Source::OwnProgram, Source::Unidentified] {
        assert!(!spared(&host, Some("sshd"), &source, START), "{source}");
    }
    for service in [None, Some("sudo")] {
        assert!(!spared(&host, service, &network("192.0.2.1"), START), "{service:?}");
    }
}

#[test]
fn a_closed_lane_ends_what_was_remembered_and_only_that_source_s() {
    let (office, other) = (network("192.0.2.1"), network("198.51.100.7"));
    let mut host = Host::with_phones([1]);
    let verdict = host.attempt(&Phone(1).otp_at(START), &office, START);
    assert!(matches!(verdict, Verdict::Accepted(_)));
    for _ in 0..5 {
        host.attempt(&wrong(), &other, START);
    }
    assert!(spared(&host, Some("sshd"), &office, START), "a flood from elsewhere ends nothing");
    for _ in 0..5 {
        assert!(spared(&host, Some("sshd"), &office, START));
        host.attempt(&wrong(), &office, START);
    }
    assert!(!spared(&host, Some("sshd"), &office, START));
    assert!(!spared(&host, Some("sshd"), &office, later(START, 15 * MINUTE - 1)));
    assert!(spared(&host, Some("sshd"), &office, later(START, 15 * MINUTE)));
}
