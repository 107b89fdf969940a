//! The codes are those of RFC 4226 appendix D and RFC 6238 appendix B.

use twinlock_verifier::{
    Algorithm, Answer, Authenticator, AuthenticatorId, Digits, Kind, LookAhead, MovingFactor,
    Parameters, Pending, Period, ReplayRecord, Rules, SharedSecret, Timestamp, Window, hotp,
};

/// The moving factor that a phone with this secret is confirmed with by a code.
fn matched(
    secret: SharedSecret,
    parameters: Parameters,
    code: &str,
    now: Timestamp,
) -> Option<MovingFactor> {
    let Answer::Otp(otp) = Answer::parse(code) else { return None };
    let (id, record) = (AuthenticatorId(1), ReplayRecord::default());
    let pending = Pending::new(Authenticator { id, parameters, secret, record }, now);
    let rules = Rules { window: Window::new(0).ok()?, ..Rules::default() };
    pending.confirm(&otp, now, &rules).map(|confirmed| confirmed.spent())
}

#[test]
fn hotp_makes_the_codes_of_rfc_4226_appendix_d() {
    let secret = || SharedSecret::from_bytes(b"12345678901234567890").unwrap();
    let parameters = Parameters { kind: Kind::Hotp, ..Parameters::default() };
    let now = Timestamp::from_unix(0);
    let codes =
        [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
    for (counter, code) in (0..).zip(codes) {
        let made = hotp(&secret(), counter, Algorithm::Sha1, Digits::default());
        assert_eq!(made, code, "counter {counter}");
        let found = matched(secret(), parameters, &format!("{code:06}"), now);
        assert_eq!(found, Some(MovingFactor(counter)), "counter {counter}");
    }
}

// (Unix time, SHA-1, SHA-256, SHA-512). The RFC's text names one seed of 20 bytes; its reference
// code, and so its table, uses 20, 32 and 64 bytes.
const APPENDIX_B: [(u64, &str, &str, &str); 6] = [
    (59, "94287082", "46119246", "90693936"),
    (1_111_111_109, "07081804", "68084774", "25091201"),
    (1_111_111_111, "14050471", "67062674", "99943326"),
    (1_234_567_890, "89005924", "91819424", "93441116"),
    (2_000_000_000, "69279037", "90698825", "38618901"),
    (20_000_000_000, "65353130", "77737706", "47863826"),
];

#[test]
fn totp_makes_the_codes_of_rfc_6238_appendix_b() {
    let seed: Vec<u8> = b"1234567890".iter().copied().cycle().take(64).collect();
    for (unix, sha1, sha256, sha512) in APPENDIX_B {
        for (algorithm, seed_bytes, code) in [
            (Algorithm::Sha1, 20, sha1),
            (Algorithm::Sha256, 32, sha256),
            (Algorithm::Sha512, 64, sha512),
        ] {
            let secret = SharedSecret::from_bytes(&seed[..seed_bytes]).unwrap();
            let (period, digits) = (Period::default(), Digits::new(8).unwrap());
            let parameters = Parameters { kind: Kind::Totp(period), algorithm, digits };
            let now = Timestamp::from_unix(unix);
            let step = MovingFactor::at(now, period);
            let made = hotp(&secret, step.0, algorithm, digits);
            assert_eq!(format!("{made:08}"), code, "{algorithm} at {unix}");
            let found = matched(secret, parameters, code, now);
            assert_eq!(found, Some(step), "{algorithm} at {unix}");
        }
    }
}

// RFC 2104 section 2: a key longer than a block stands for its hash.
#[test]
fn a_secret_longer_than_a_block_counts_as_its_hash() {
    use sha1::{Digest, Sha1};

    let long = [0x61_u8; 65];
    let (long, hashed) =
        (SharedSecret::from_bytes(&long), SharedSecret::from_bytes(&Sha1::digest(long)));
    let code = |secret| hotp(secret, 7, Algorithm::Sha1, Digits::default());
    assert_eq!(code(&long.unwrap()), code(&hashed.unwrap()));
}

#[test]
fn numbers_outside_the_standards_are_no_parameters() {
    for (digits, fits) in [(0, false), (5, false), (6, true), (8, true), (9, false)] {
        assert_eq!(Digits::new(digits).is_ok(), fits, "{digits} digits");
    }
    for (seconds, fits) in [(0, false), (14, false), (15, true), (300, true), (301, false)] {
        assert_eq!(Period::new(seconds).is_ok(), fits, "{seconds} s");
    }
    for (steps, fits) in [(0, true), (2, true), (3, false)] {
        assert_eq!(Window::new(steps).is_ok(), fits, "{steps} steps");
    }
    for (counters, fits) in [(0, false), (1, true), (50, true), (51, false)] {
        assert_eq!(LookAhead::new(counters).is_ok(), fits, "{counters} counters");
    }
    for name in ["SHA1", "SHA256", "SHA512"] {
        assert_eq!(name.parse::<Algorithm>().map(Algorithm::as_str), Ok(name));
    }
    assert!("sha1".parse::<Algorithm>().is_err() && "MD5".parse::<Algorithm>().is_err());
}
