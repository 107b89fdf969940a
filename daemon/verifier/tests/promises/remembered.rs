//! A source that gave a right code is spared the next one: for a while, and never while its lane is
//! closed (I6).

use std::time::Duration;

use twinlock_verifier::{
    AuthenticatorId, MovingFactor, Proof, RecoveryCodeId, Remember, Source, Timestamp, Verdict,
};

use crate::stage::{DAY, Host, MINUTE, Phone, START, later, network, wrong};

const OTP: Proof = Proof::Otp { authenticator: AuthenticatorId(1), factor: MovingFactor(7) };
const AN_HOUR: Remember = Remember { lifetime: Duration::from_secs(60 * MINUTE) };

fn earlier(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp::from_unix(now.unix() - seconds)
}

#[test]
fn nothing_is_remembered_unless_the_policy_says_so() {
    let (office, never) = (network("192.0.2.1"), Remember::default());
    let host = Host::with_phones([1]);
    assert_eq!(never.place(&office), None);
    assert_eq!(never.remembers(&OTP, &office), None);
    assert!(!never.spares(START, &office, &host.throttle(), START, &host.rules.limits));
}

#[test]
fn a_code_from_a_network_is_remembered_and_nothing_else() {
    let office = network("2001:db8:1:2::7");
    let remembered = AN_HOUR.remembers(&OTP, &office);
    assert_eq!(remembered.map(|network| network.to_string()).as_deref(), Some("2001:db8:1:2::/64"));
    assert_eq!(AN_HOUR.place(&office), remembered);

    let recovery_code = Proof::RecoveryCode { id: RecoveryCodeId(3) };
    assert_eq!(AN_HOUR.remembers(&recovery_code, &office), None);
    for source in [Source::Local, Source::OwnProgram, Source::Unidentified] {
        assert_eq!(AN_HOUR.remembers(&OTP, &source), None, "{source}");
    }
}

/// Whether a source is spared a code `now`, after an accept at the start.
fn spared(host: &Host, source: &Source, now: Timestamp) -> bool {
    AN_HOUR.spares(START, source, &host.throttle(), now, &host.rules.limits)
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
        assert_eq!(spared(&host, &office, now), spares, "{now:?}");
    }
}

#[test]
fn only_a_network_is_spared() {
    let host = Host::with_phones([1]);
    for source in [Source::Local, Source::OwnProgram, Source::Unidentified] {
        assert!(!spared(&host, &source, START), "{source}");
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
    assert!(spared(&host, &office, START), "a flood from elsewhere ends nothing");
    for _ in 0..5 {
        assert!(spared(&host, &office, START));
        host.attempt(&wrong(), &office, START);
    }
    assert!(!spared(&host, &office, START));
    assert!(!spared(&host, &office, later(START, 15 * MINUTE - 1)));
    assert!(spared(&host, &office, later(START, 15 * MINUTE)));
}
