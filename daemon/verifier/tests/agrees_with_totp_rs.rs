//! The codes are those that another implementation makes.

use proptest::prelude::*;
use totp_rs::Builder;
use twinlock_verifier::{
    Account, Algorithm, Answer, Authenticator, AuthenticatorId, Digits, Kind, MovingFactor,
    Parameters, Period, Proof, ReplayRecord, Rules, SharedSecret, Source, Throttle, Timestamp,
    Verdict, Window, hotp, judge,
};

const ID: AuthenticatorId = AuthenticatorId(1);

/// What totp-rs makes. It knows time steps only; in steps of one second the time is the counter.
fn their_code(secret: &[u8], parameters: Parameters, at: u64) -> Option<String> {
    let algorithm = match parameters.algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
    };
    let step = match parameters.kind {
        Kind::Totp(period) => u64::from(period.seconds()),
        Kind::Hotp => 1,
    };
    let theirs = Builder::new()
        .with_algorithm(algorithm)
        .with_digits(u8::try_from(parameters.digits.get()).ok()?)
        .with_step_duration(step)
        .with_secret(secret)
        .build();
    Some(theirs.ok()?.generate(at).to_string())
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Hotp),
        (15..=300_u32)
            .prop_filter_map("a period", |seconds| Period::new(seconds).ok().map(Kind::Totp)),
    ]
}

fn any_parameters() -> impl Strategy<Value = Parameters> {
    let algorithms = vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    let digits = (6..=8_u32).prop_filter_map("digits", |count| Digits::new(count).ok());
    (any_kind(), prop::sample::select(algorithms), digits)
        .prop_map(|(kind, algorithm, digits)| Parameters { kind, algorithm, digits })
}

/// A Unix time or a counter: now and in a century, early, and anywhere.
fn any_moment() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_700_000_000..5_000_000_000_u64, 2 => 0..1000_u64, 1 => any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn another_implementation_makes_the_codes_that_are_accepted(
        bytes in prop::collection::vec(any::<u8>(), 16..=128),
        parameters in any_parameters(),
        at in any_moment(),
    ) {
        let code = their_code(&bytes, parameters, at).unwrap();
        let (secret, digits) = (SharedSecret::from_bytes(&bytes).unwrap(), parameters.digits);
        let ours = |factor| hotp(&secret, factor, parameters.algorithm, digits);
        let (factor, last_spent) = match parameters.kind {
            Kind::Totp(period) => (at / u64::from(period.seconds()), None),
            Kind::Hotp => (at, at.checked_sub(1)),
        };
        let width = usize::try_from(digits.get()).unwrap();
        prop_assert_eq!(&format!("{:0width$}", ours(factor)), &code);
        // The digits that were spent last would not count as new ones.
        prop_assume!(last_spent.is_none_or(|spent| ours(spent) != ours(factor)));

        let record = ReplayRecord { last_spent: last_spent.map(MovingFactor), out_of_step: None };
        let authenticators = vec![Authenticator { id: ID, parameters, secret, record }];
        let account = Account { authenticators, throttle: Throttle::default() };
        let Answer::Otp(otp) = Answer::parse(&code) else { panic!("{code} is a code") };
        let rules = Rules { window: Window::new(0).unwrap(), ..Rules::default() };
        let now = Timestamp::from_unix(at);
        let judgement = judge(&account, &otp, &Source::Local, now, &rules);
        let accepted = Proof::Otp { authenticator: ID, factor: MovingFactor(factor) };
        prop_assert_eq!(judgement.store(|_| Ok::<_, ()>(())), Ok(Verdict::Accepted(accepted)));
    }
}
