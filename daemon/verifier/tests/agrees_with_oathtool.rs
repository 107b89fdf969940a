//! The codes are those that oathtool makes: 10,000 of them, a hundred in a row from each of a hundred
//! random authenticators.

use std::{
    error::Error,
    io::Write,
    process::{Command, Stdio},
};

use proptest::prelude::*;
use twinlock_verifier::{Algorithm, Digits, Kind, Parameters, Period, SharedSecret, hotp};

/// Codes that one call of oathtool makes.
const IN_A_ROW: u64 = 100;

/// What oathtool makes from the moving factor on.
fn their_codes(
    secret: &[u8],
    parameters: Parameters,
    first: u64,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut oathtool = Command::new("oathtool");
    match parameters.kind {
        Kind::Totp(period) => {
            let now = first * u64::from(period.seconds());
            oathtool
                .arg(format!("--totp={}", parameters.algorithm))
                .arg(format!("--time-step-size={period}s"))
                .arg(format!("--now=@{now}"));
        }
        Kind::Hotp => {
            oathtool.arg("--hotp").arg(format!("--counter={first}"));
        }
    }
    oathtool
        .arg(format!("--digits={}", parameters.digits))
        .arg(format!("--window={}", IN_A_ROW - 1))
        // The key comes on standard input.
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = oathtool.spawn().map_err(|error| format!("oathtool: {error}"))?;
    let key: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    child.stdin.take().ok_or("no way in")?.write_all(key.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("oathtool refuses {parameters:?} at {first}").into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// What oathtool knows: it counts with SHA-1 only.
fn any_parameters() -> impl Strategy<Value = Parameters> {
    let algorithms = vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    let totp = ((15..=300_u32), prop::sample::select(algorithms))
        .prop_filter_map("a period", |(seconds, algorithm)| {
            Some((Kind::Totp(Period::new(seconds).ok()?), algorithm))
        });
    let kinds = prop_oneof![2 => totp, 1 => Just((Kind::Hotp, Algorithm::Sha1))];
    let digits = (6..=8_u32).prop_filter_map("digits", |count| Digits::new(count).ok());
    (kinds, digits).prop_map(|((kind, algorithm), digits)| Parameters { kind, algorithm, digits })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn oathtool_makes_the_same_codes(
        bytes in prop::collection::vec(any::<u8>(), 16..=64),
        parameters in any_parameters(),
        first in 0..100_000_000_u64,
    ) {
        // A time before the year 2100.
        let first = match parameters.kind {
            Kind::Totp(period) => first % (4_000_000_000 / u64::from(period.seconds())),
            Kind::Hotp => first,
        };
        let secret = SharedSecret::from_bytes(&bytes).unwrap();
        let width = usize::try_from(parameters.digits.get()).unwrap();
        let ours: Vec<_> = (first..first + IN_A_ROW)
            .map(|factor| hotp(&secret, factor, parameters.algorithm, parameters.digits))
            .map(|code| format!("{code:0width$}"))
            .collect();
        prop_assert_eq!(ours, their_codes(&bytes, parameters, first).unwrap());
    }
}
