//! Whoever has the first factor of somebody else gains nothing from enrolments that overlap: no key
//! but one they began themselves, no second authenticator, no code good twice, no failure forgotten
//! (I1, I7, I12, I18).

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use twinlock_interface::{EnrollmentRequest, ImportedAuthenticator, LoginContext, State, Step};
use twinlock_tests::{
    Host, Phone, User,
    caller::{Arguments, Caller, Refusal},
    enrolling::{ENDED, FIRST_CODE, WRONG_FIRST_CODE, behind_a_password, page},
    in_sandbox,
    login::Line,
    ssh::{CODE_PROMPT, RECOVERY_PROMPT},
};

const OWNER: &str = "192.0.2.10";
const ATTACKER: &str = "203.0.113.66";
/// The seed of RFC 4226 appendix D, and the same key to HMAC, which fills keys up with zeros.
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const SEED_AND_ZEROS: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQAAAA";
/// A code of no phone here, which shows six digits.
const WRONG: &str = "1234567";

/// A host on which logins enrol, and alice, who has not.
fn alice_may_enroll(host: &Host) -> (User, Line) {
    host.settable_clock();
    host.enroll_in_logins();
    (host.user("alice"), host.line())
}

fn key_page(line: &Line, address: &str) -> (String, String) {
    line.key_page(&behind_a_password(address))
}

fn login(line: &Line, address: &str, code: &str) -> Step {
    line.login("alice", &behind_a_password(address), code).unwrap()
}

fn accepts(line: &Line, address: &str, code: &str) -> bool {
    matches!(login(line, address, code), Step::Accept { .. })
}

fn ended() -> Step {
    Step::Refuse { text: ENDED.to_owned() }
}

/// The attacker's logins, one at every question behind the key, and the codes of their phone.
struct Lurking {
    at_the_key: String,
    at_the_plain_page: String,
    at_the_recovery_codes: String,
    recovery_codes: Vec<String>,
    phone: Phone,
}

impl Lurking {
    fn everywhere(host: &Host, line: &Line) -> Self {
        let (at_the_recovery_codes, key) = key_page(line, ATTACKER);
        let (at_the_key, same) = key_page(line, ATTACKER);
        assert_eq!(same, key);
        let (at_the_plain_page, _) = key_page(line, ATTACKER);
        let _ = page(line.answer(&at_the_plain_page, "").unwrap(), FIRST_CODE);
        let phone = host.phone_with(&key);
        let recovery_codes = line.recovery_page(&at_the_recovery_codes, &phone.fresh_code());
        Self { at_the_key, at_the_plain_page, at_the_recovery_codes, recovery_codes, phone }
    }

    /// Whatever they answer, each of their logins is over, and what they hold is good for nothing.
    fn gain_nothing(&self, line: &Line) {
        assert_eq!(line.answer(&self.at_the_key, "").unwrap(), ended());
        let code = self.phone.fresh_code();
        assert_eq!(line.answer(&self.at_the_plain_page, &code).unwrap(), ended());
        assert_eq!(line.note(&self.at_the_recovery_codes), ended());
        for code in [&code, &self.phone.fresh_code(), &self.recovery_codes[0]] {
            assert!(!accepts(line, ATTACKER, code), "{code}");
        }
    }
}

/// alice has one authenticator, nothing is under way, and the next login is one like any other.
fn is_enrolled_once(line: &Line) {
    let status = line.status("alice");
    assert_eq!((status.state, status.authenticators.len()), (State::On, 1));
    assert_eq!((status.expires_at, status.recovery_codes_left), (None, 10));
    for address in [OWNER, ATTACKER] {
        let (_, step) = line.begin("alice", &behind_a_password(address)).unwrap();
        assert_eq!(page(step, CODE_PROMPT), CODE_PROMPT);
    }
}

/// Takes over authenticators, named, with their keys, and scratch codes.
fn import(
    root: &Caller,
    user: &str,
    keys: &[(&str, &str)],
    scratch_codes: &[&str],
) -> Result<(), Refusal> {
    let imported = |(name, secret): &(&str, &str)| ImportedAuthenticator {
        name: (*name).to_owned(),
        kind: "totp".to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        secret: (*secret).to_owned(),
        last_spent: Some(0),
    };
    let keys = keys.iter().map(imported).collect();
    let scratch_codes = scratch_codes.iter().map(|&code| code.to_owned()).collect();
    let arguments = Arguments::Import(user.to_owned(), keys, scratch_codes, false);
    root.call("Manager.Import", &arguments).map(drop)
}

#[test]
fn what_one_address_began_is_not_shown_at_another_and_ends_there_with_the_enrolment() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let lurking = Lurking::everywhere(host, &line);
        let (session, key) = key_page(&line, OWNER);
        assert_ne!(key, lurking.phone.secret);
        let phone = host.phone_with(&key);
        let codes = line.recovery_page(&session, &phone.fresh_code());
        assert!(matches!(line.note(&session), Step::Accept { .. }));
        assert_eq!(line.answer(&lurking.at_the_key, "").unwrap(), ended());
        is_enrolled_once(&line);
        assert!(accepts(&line, OWNER, &phone.fresh_code()));
        assert!(accepts(&line, OWNER, &codes[0]));
    });
}

#[test]
fn an_address_of_the_same_network_goes_on_and_its_neighbour_does_not() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let mut last = String::new();
        for (address, goes_on) in [
            ("2001:db8:0:1::1", false),
            ("2001:db8:0:1::2", true),
            ("2001:db8:0:2::1", false),
            ("192.0.2.10", false),
            ("::ffff:192.0.2.10", true),
            ("192.0.2.11", false),
        ] {
            let (_, key) = key_page(&line, address);
            assert_eq!(key == last, goes_on, "{address}");
            last = key;
        }
    });
}

#[test]
fn places_that_nobody_can_tell_apart_are_not_the_same_place() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        // What sshd reports with `UseDNS yes`.
        let named = |name: &str| behind_a_password(name);
        // What su reports, called by somebody else.
        let by = |ruser: &str| LoginContext {
            service: Some("su".to_owned()),
            tty: Some("/dev/pts/0".to_owned()),
            ruser: Some(ruser.to_owned()),
            first_factor: Some("password".to_owned()),
            ..LoginContext::default()
        };
        let pairs = [
            (named("attacker.example.org"), named("office.example.org")),
            (by("mallory"), by("bob")),
            (by("mallory"), named("office.example.org")),
        ];
        for (attacker, owner) in pairs {
            let (session, seen) = line.key_page(&attacker);
            let (_, key) = line.key_page(&owner);
            assert_ne!(key, seen, "{owner:?} is shown the key that {attacker:?} has seen");
            assert_eq!(line.answer(&session, "").unwrap(), ended());
        }
    });
}

#[test]
fn the_owner_who_enrolls_with_the_command_ends_every_login_that_enrolls() {
    in_sandbox(|host| {
        let (alice, line) = alice_may_enroll(host);
        let lurking = Lurking::everywhere(host, &line);
        let own = host.caller(alice.uid);
        let key = own.begin_enrollment("alice").unwrap().secret_base32.clone();
        assert_ne!(key, lurking.phone.secret);
        let phone = host.phone_with(&key);
        let codes = own.confirm_enrollment("alice", &phone.fresh_code()).unwrap();
        is_enrolled_once(&line);
        lurking.gain_nothing(&line);
        is_enrolled_once(&line);
        assert!(accepts(&line, OWNER, &phone.fresh_code()));
        assert!(accepts(&line, OWNER, &codes[0]));
    });
}

#[test]
fn of_two_logins_at_the_recovery_codes_the_later_completes_and_both_codes_stay_spent() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let (first, key) = key_page(&line, OWNER);
        let phone = host.phone_with(&key);
        let earlier = phone.fresh_code();
        let codes_of_the_first = line.recovery_page(&first, &earlier);
        let (second, same) = key_page(&line, OWNER);
        assert_eq!(same, key);
        let later = phone.fresh_code();
        let codes = line.recovery_page(&second, &later);
        assert_eq!(line.note(&first), ended());
        assert!(matches!(line.note(&second), Step::Accept { .. }));
        for spent in [&earlier, &later] {
            assert!(!accepts(&line, OWNER, spent));
        }
        assert_eq!(line.status("alice").failures, 0, "replays");
        assert!(!accepts(&line, OWNER, &codes_of_the_first[0]));
        assert!(accepts(&line, OWNER, &codes[0]));
        assert!(accepts(&line, OWNER, &phone.fresh_code()));
    });
}

#[test]
fn a_right_first_code_makes_no_address_known_before_the_enrolment_is_completed() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let addresses = ["203.0.113.1", "203.0.113.2", "2001:db8:6::1"];
        for address in addresses {
            let (session, key) = key_page(&line, address);
            let _ = line.recovery_page(&session, &host.phone_with(&key).fresh_code());
        }
        let (session, key) = key_page(&line, OWNER);
        let phone = host.phone_with(&key);
        let _ = line.recovery_page(&session, &phone.fresh_code());
        assert!(matches!(line.note(&session), Step::Accept { .. }));

        // All of them count against the lane of the unknown, the addresses' own no less.
        for (nth, address) in addresses.iter().chain([&ATTACKER; 2]).enumerate() {
            let step = login(&line, address, WRONG);
            assert!(matches!(step, Step::Refuse { .. }), "{nth} {address}: {step:?}");
        }
        for address in addresses.iter().chain([&ATTACKER]) {
            let (session, step) = line.begin("alice", &behind_a_password(address)).unwrap();
            let _ = page(step, RECOVERY_PROMPT);
            let step = line.answer(&session, &phone.fresh_code()).unwrap();
            assert!(matches!(step, Step::Wait { .. }), "{address}: {step:?}");
        }
        assert!(accepts(&line, OWNER, &phone.fresh_code()), "which completed it");
    });
}

#[test]
fn a_right_first_code_clears_no_failure_before_the_enrolment_is_completed() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let failures = || line.status("alice").failures;
        let phone = host.phone_with(&key_page(&line, OWNER).1);
        for round in 1..=2 {
            let (session, _) = key_page(&line, OWNER);
            for nth in 0..2 {
                let step = line.answer(&session, &phone.wrong_code(nth)).unwrap();
                assert!(page(step, FIRST_CODE).contains(WRONG_FIRST_CODE));
            }
            let _ = line.recovery_page(&session, &phone.fresh_code());
            assert_eq!(failures(), 2 * round);
        }
        let [guessing, at_the_codes] = [(); 2].map(|()| key_page(&line, OWNER).0);
        let _ = line.recovery_page(&at_the_codes, &phone.fresh_code());
        let _ = page(line.answer(&guessing, &phone.wrong_code(0)).unwrap(), FIRST_CODE);
        assert!(line.status("alice").locked_until.is_some(), "the fifth locks");
        let locked = line.answer(&guessing, &phone.fresh_code()).unwrap();
        assert!(matches!(locked, Step::Wait { .. }), "{locked:?}");
    });
}

#[test]
fn who_was_reset_and_enrolled_anew_meanwhile_keeps_the_new_recovery_codes() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let old = host.phone_with(SEED);
        let root = host.caller(0);
        let others: Vec<_> = (0..10).map(|number| format!("other{number}")).collect();
        for name in &others {
            let _ = host.user(name);
        }
        for name in others.iter().map(String::as_str).chain(["alice"]) {
            import(&root, name, &[("phone", SEED)], &[]).unwrap();
        }
        let code = old.fresh_code();
        let renew = |name: &str| -> Result<(), Refusal> {
            let arguments = Arguments::strings(&[name, &code]);
            host.caller(0).call("Enrollment.RenewCodes", &arguments).map(drop)
        };
        let await_proof = |name: &str| {
            let end = Instant::now() + Duration::from_secs(10);
            while line.status(name).last_accepted_at.is_none() {
                assert!(Instant::now() < end, "no proof of {name}");
            }
        };
        thread::scope(|scope| {
            // Everybody waits for their turn to have ten codes hashed, alice as the last.
            let renew = &renew;
            let renewals = others.iter().map(|name| scope.spawn(move || renew(name)));
            let renewals: Vec<_> = renewals.collect();
            others.iter().for_each(|name| await_proof(name));
            let late = scope.spawn(|| renew("alice"));
            await_proof("alice");
            root.reset("alice").unwrap();
            let (session, key) = key_page(&line, OWNER);
            let phone = host.phone_with(&key);
            let codes = line.recovery_page(&session, &phone.fresh_code());
            assert!(matches!(line.note(&session), Step::Accept { .. }));
            assert!(!late.is_finished(), "too late to be in the way");
            assert_eq!(late.join().unwrap().unwrap_err().name, "NotEnrolled");
            renewals.into_iter().for_each(|renewal| renewal.join().unwrap().unwrap());
            is_enrolled_once(&line);
            assert!(accepts(&line, OWNER, &codes[0]));
        });
    });
}

#[test]
fn what_cannot_be_begun_or_renamed_spends_no_proof() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let (line, root, own) = (host.line(), host.caller(0), host.caller(alice.uid));
        import(&root, "alice", &[("phone", SEED)], &[]).unwrap();
        let phone = host.phone_with(SEED);
        let begin = |name: &str, secret: Option<&str>, proof: &str| {
            let request = EnrollmentRequest {
                name: Some(name.to_owned()),
                secret: secret.map(str::to_owned),
                proof: Some(proof.to_owned()),
                ..EnrollmentRequest::default()
            };
            own.begin_enrollment_of("alice", &request).map(|material| material.expires_at)
        };
        let proof = phone.fresh_code();
        assert_eq!(begin("phone", None, &proof).unwrap_err().name, "NameTaken");
        for key in [SEED, SEED_AND_ZEROS] {
            assert_eq!(begin("tablet", Some(key), &proof).unwrap_err().name, "KeyTaken", "{key}");
        }
        assert_eq!(line.status("alice").expires_at, None);
        let _ = begin("tablet", None, &proof).expect("the proof was not spent");
        assert_eq!(begin("tablet", None, &proof).unwrap_err().name, "WrongCode", "it is now");

        let proof = phone.fresh_code();
        assert_eq!(begin("laptop", None, &proof).unwrap_err().name, "EnrollmentUnderWay");
        // The name is the pending one's already.
        let rename = Arguments::strings(&["alice", "phone", "tablet", &proof]);
        let refused = own.call("Enrollment.Rename", &rename).unwrap_err();
        assert_eq!(refused.name, "NameTaken");
        assert!(accepts(&line, OWNER, &proof));

        let keys: Vec<_> =
            (b'A'..=b'H').map(|last| format!("{}{}", &SEED[..31], char::from(last))).collect();
        let names: Vec<_> = (1..=8).map(|number| format!("phone {number}")).collect();
        let eight: Vec<_> =
            names.iter().zip(&keys).map(|(name, key)| (name.as_str(), key.as_str())).collect();
        import(&root, "bob", &eight, &[]).unwrap();
        let proof = host.phone_with(&keys[0]).fresh_code();
        let request =
            EnrollmentRequest { proof: Some(proof.clone()), ..EnrollmentRequest::default() };
        let refused = host.caller(bob.uid).begin_enrollment_of("bob", &request).unwrap_err();
        assert_eq!(refused.name, "TooManyAuthenticators");
        let step = line.login("bob", &behind_a_password(OWNER), &proof).unwrap();
        assert!(matches!(step, Step::Accept { .. }), "{step:?}");
    });
}

#[test]
fn a_key_is_in_one_authenticator_of_the_account_whatever_zeros_follow_it() {
    in_sandbox(|host| {
        host.settable_clock();
        let _ = host.user("alice");
        let (line, root) = (host.line(), host.caller(0));
        for again in [SEED, SEED_AND_ZEROS] {
            let keys = [("phone", SEED), ("tablet", again)];
            assert_eq!(import(&root, "alice", &keys, &[]).unwrap_err().name, "KeyTaken", "{again}");
            assert_eq!(line.status("alice").state, State::Off);
        }
        import(&root, "alice", &[("phone", SEED_AND_ZEROS)], &[]).unwrap();
        // root needs no proof, and cannot either, whatever kind of code the key is to make.
        for key in [SEED, SEED_AND_ZEROS] {
            for kind in ["totp", "hotp"] {
                let (kind, secret) = (Some(kind.to_owned()), Some(key.to_owned()));
                let request = EnrollmentRequest { kind, secret, ..EnrollmentRequest::default() };
                let refused = root.begin_enrollment_of("alice", &request).unwrap_err();
                assert_eq!(refused.name, "KeyTaken", "{key}");
            }
        }
        let code = host.phone_with(SEED).fresh_code();
        assert!(accepts(&line, OWNER, &code));
        assert!(!accepts(&line, OWNER, &code));
    });
}

#[test]
fn a_scratch_code_that_was_listed_twice_is_good_once() {
    in_sandbox(|host| {
        let _ = host.user("alice");
        let line = host.line();
        let codes = ["12345678", "23456789", "12345678"];
        import(&host.caller(0), "alice", &[("phone", SEED)], &codes).unwrap();
        assert_eq!(line.status("alice").recovery_codes_left, 2);
        assert!(accepts(&line, OWNER, codes[0]));
        assert_eq!(line.status("alice").recovery_codes_left, 1);
        assert!(!accepts(&line, OWNER, codes[0]));
        assert!(accepts(&line, OWNER, codes[1]));
    });
}

#[test]
fn a_login_that_begins_while_the_account_gets_its_authenticator_leaves_nothing_pending() {
    in_sandbox(|host| {
        let (_, line) = alice_may_enroll(host);
        let root = host.caller(0);
        let crowd: Vec<_> = (0..4).map(|_| host.line()).collect();
        for round in 0..12_u8 {
            let start = Barrier::new(crowd.len() + 1);
            thread::scope(|scope| {
                for (place, line) in crowd.iter().enumerate() {
                    let (start, from) =
                        (&start, behind_a_password(&format!("198.51.100.{}", place + 1)));
                    scope.spawn(move || {
                        start.wait();
                        (0..30).for_each(|_| drop(line.begin("alice", &from).unwrap()));
                    });
                }
                start.wait();
                import(&root, "alice", &[("phone", SEED)], &[]).unwrap();
            });
            let status = line.status("alice");
            assert_eq!((status.state, status.expires_at), (State::On, None), "round {round}");
            root.reset("alice").unwrap();
        }
    });
}
