//! What an authenticator is to be: read once from a request, then known to be good.

use twinlock_interface::{
    EnrollmentRequest, ImportedAuthenticator, names::MAX_AUTHENTICATOR_NAME_BYTES,
};
use twinlock_verifier::{
    authenticator::{Authenticator, Kind, Parameters},
    key_uri::KeyUri,
    moving_factor::MovingFactor,
    shared_secret::SharedSecret,
    time::Timestamp,
};
use zeroize::Zeroizing;

use crate::{
    failure::{Failure, Invalid},
    store::authenticators::NewAuthenticator,
};

/// 160 bit, as RFC 4226 R6 recommends.
const SECRET_BYTES: usize = 20;
/// Largest counter that is taken over: nobody has pressed a button that often.
const MAX_COUNTER: u64 = u32::MAX as u64;
/// What the first authenticator is called when nobody says.
const DEFAULT_NAME: &str = "phone";

/// An authenticator as a person wants it; what they did not say is `None`.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) name: Option<String>,
    parameters: Option<Parameters>,
    /// A key the phone has already, and the counter of its next code.
    brought: Option<(SharedSecret, u64)>,
}

impl Wanted {
    /// Reads a request, in which a key URI stands for everything about the key.
    pub(crate) fn read(request: &EnrollmentRequest) -> Result<Self, Failure> {
        let EnrollmentRequest { name, key_uri, .. } = request;
        if let Some(name) = name {
            check_name(name)?;
        }
        let (parameters, brought) = match key_uri {
            Some(uri) => key_of_uri(uri, request)?,
            None => key_of_words(request)?,
        };
        if let Some((_, counter)) = &brought {
            check_counter(*counter)?;
        }
        Ok(Self { name: name.clone(), parameters, brought })
    }

    /// Whether a pending enrolment is one that this could have begun.
    pub(crate) fn is_like(&self, name: &str, pending: &Authenticator) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
            && self.parameters.is_none_or(|wanted| wanted == pending.parameters)
            && self
                .brought
                .as_ref()
                .is_none_or(|(secret, _)| secret.as_bytes() == pending.secret.as_bytes())
    }

    /// The key that was brought, if one was.
    pub(crate) fn brought_key(&self) -> Option<&SharedSecret> {
        self.brought.as_ref().map(|(secret, _)| secret)
    }

    /// Completes it: with `fresh` unless a key was brought.
    pub(crate) fn named(&self, name: String, fresh: &SharedSecret) -> NewAuthenticator {
        let parameters = self.parameters.unwrap_or_default();
        let (secret, next) = match &self.brought {
            Some((secret, counter)) => (secret, *counter),
            None => (fresh, 0),
        };
        let last_spent = next.checked_sub(1).map(MovingFactor);
        NewAuthenticator { name, parameters, secret: secret.clone(), last_spent }
    }
}

/// What a request says about a key: its parameters, if any were named, and the key itself with the
/// counter of its next code, if one was brought.
type Key = (Option<Parameters>, Option<(SharedSecret, u64)>);

fn key_of_uri(uri: &str, request: &EnrollmentRequest) -> Result<Key, Failure> {
    let EnrollmentRequest { kind, algorithm, digits, period, counter, secret, .. } = request;
    let words = [kind, algorithm, secret].into_iter().any(Option::is_some);
    if words || digits.or(*period).is_some() || counter.is_some() {
        return Err(Invalid::KeyUriAndMore.into());
    }
    let KeyUri { secret, parameters, counter, .. } = KeyUri::parse(uri).map_err(Invalid::KeyUri)?;
    Ok((Some(parameters), Some((secret, counter))))
}

fn key_of_words(request: &EnrollmentRequest) -> Result<Key, Failure> {
    let parameters = parameters(request)?;
    let secret = request.secret.as_deref().map(SharedSecret::from_base32).transpose();
    let secret = secret.map_err(Invalid::Secret)?;
    let is_hotp = parameters.is_some_and(|parameters| parameters.kind == Kind::Hotp);
    if request.counter.is_some() && !(is_hotp && secret.is_some()) {
        return Err(Invalid::StrayCounter.into());
    }
    let next = request.counter.unwrap_or(0);
    Ok((parameters, secret.map(|secret| (secret, next))))
}

/// Reads what another program kept.
pub(crate) fn read_imported(
    imported: &ImportedAuthenticator,
    now: Timestamp,
) -> Result<NewAuthenticator, Failure> {
    let ImportedAuthenticator { name, kind, algorithm, digits, period, secret, last_spent } =
        imported;
    check_name(name)?;
    let parameters =
        Parameters::from_parts(kind, algorithm, *digits, *period).map_err(Invalid::Parameters)?;
    let secret = SharedSecret::from_base32(secret).map_err(Invalid::Secret)?;
    let last_spent = last_spent.map(MovingFactor);
    let last_spent = match parameters.kind {
        Kind::Hotp => {
            check_counter(last_spent.map_or(0, |spent| spent.0))?;
            last_spent
        }
        Kind::Totp(period) => {
            let present = MovingFactor::at(now, period);
            // The file is its owner's: a step beyond the next one would lock them out (I22).
            let latest = MovingFactor(present.0.saturating_add(1));
            Some(last_spent.map_or(present, |spent| spent.min(latest)))
        }
    };
    Ok(NewAuthenticator { name: name.clone(), parameters, secret, last_spent })
}

fn check_counter(counter: u64) -> Result<(), Failure> {
    if counter > MAX_COUNTER {
        return Err(Invalid::CounterTooLarge.into());
    }
    Ok(())
}

/// What a name has to be: something a person can read and type.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let blank = name.trim() != name || name.is_empty();
    if blank || name.len() > MAX_AUTHENTICATOR_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Invalid::Name.into());
    }
    Ok(())
}

/// `phone`, or `phone 2` and so on when that is taken.
pub(crate) fn free_name(taken: &[&str]) -> String {
    let numbered = (2_u32..).map(|number| format!("{DEFAULT_NAME} {number}"));
    let mut names = std::iter::once(DEFAULT_NAME.to_owned()).chain(numbered);
    // There are more numbers than authenticators.
    names.find(|name| !taken.contains(&name.as_str())).unwrap_or_default()
}

/// A secret nobody has had.
pub(crate) fn random_secret() -> Result<SharedSecret, Failure> {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(|_| Failure::Internal("no random bytes"))?;
    SharedSecret::from_bytes(bytes.as_ref())
        .map_err(|_| Failure::Internal("a fresh secret has the wrong length"))
}

/// The parameters, if the request says anything about them; what it leaves out has its default.
fn parameters(request: &EnrollmentRequest) -> Result<Option<Parameters>, Failure> {
    let EnrollmentRequest { kind, algorithm, digits, period, .. } = request;
    let (kind, algorithm) = (kind.as_deref(), algorithm.as_deref());
    if kind.or(algorithm).is_none() && digits.or(*period).is_none() {
        return Ok(None);
    }
    let default = Parameters::default();
    let kind = kind.unwrap_or(default.kind.as_str());
    let default_period = if kind == Kind::Hotp.as_str() { 0 } else { default.period_seconds() };
    let parameters = Parameters::from_parts(
        kind,
        algorithm.unwrap_or(default.algorithm.as_str()),
        digits.unwrap_or(default.digits.get()),
        period.unwrap_or(default_period),
    );
    Ok(Some(parameters.map_err(Invalid::Parameters)?))
}

#[cfg(test)]
mod tests {
    use twinlock_verifier::{
        authenticator::{AuthenticatorId, ReplayRecord},
        hotp::{Algorithm, Digits},
        totp::Period,
    };

    use super::*;
    use crate::messages::Message;

    /// The seed of RFC 4226 appendix D.
    const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const OTHER: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR";

    fn read(change: impl FnOnce(&mut EnrollmentRequest)) -> Result<Wanted, String> {
        let mut request = Zeroizing::new(EnrollmentRequest::default());
        change(&mut request);
        Wanted::read(&request).map_err(|failure| match failure {
            Failure::InvalidArgument(what) => Message::Invalid(&what).text(),
            other => panic!("{other:?}"),
        })
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn fresh() -> SharedSecret {
        SharedSecret::from_bytes(&[7; 20]).unwrap()
    }

    #[test]
    fn what_nobody_said_has_its_default() {
        let new = read(|_| ()).unwrap().named("phone".into(), &fresh());
        assert_eq!(new.parameters, Parameters::default());
        assert_eq!((new.secret.as_bytes(), new.last_spent), (fresh().as_bytes(), None));
        let new = read(|request| request.digits = Some(8)).unwrap().named("x".into(), &fresh());
        let eight = Parameters { digits: Digits::new(8).unwrap(), ..Parameters::default() };
        assert_eq!(new.parameters, eight);
        let hotp = read(|request| request.kind = text("hotp")).unwrap().named("x".into(), &fresh());
        assert_eq!(hotp.parameters.kind, Kind::Hotp);
    }

    #[test]
    fn a_brought_counter_says_what_is_spent() {
        let brought = |counter| {
            read(|request| {
                (request.kind, request.secret) = (text("hotp"), text(SEED));
                request.counter = counter;
            })
            .unwrap()
            .named("token".into(), &fresh())
        };
        assert_eq!(brought(None).last_spent, None);
        assert_eq!(brought(Some(0)).last_spent, None);
        assert_eq!(brought(Some(5)).last_spent, Some(MovingFactor(4)));
        assert_eq!(brought(None).secret.to_base32().as_str(), SEED);
    }

    #[test]
    fn a_key_uri_stands_for_everything() {
        let uri = format!("otpauth://totp/x?secret={SEED}&algorithm=SHA256&digits=8&period=60");
        let new = read(|request| request.key_uri = Some(uri.clone())).unwrap();
        let new = new.named("x".into(), &fresh());
        let parameters = Parameters {
            kind: Kind::Totp(Period::new(60).unwrap()),
            algorithm: Algorithm::Sha256,
            digits: Digits::new(8).unwrap(),
        };
        assert_eq!((new.parameters, new.secret.to_base32().as_str()), (parameters, SEED));
        for contradiction in [
            (|request: &mut EnrollmentRequest| request.kind = text("totp"))
                as fn(&mut EnrollmentRequest),
            |request| request.algorithm = text("SHA256"),
            |request| request.digits = Some(8),
            |request| request.period = Some(60),
            |request| request.counter = Some(0),
            |request| request.secret = text(SEED),
        ] {
            let both = read(|request| {
                request.key_uri = Some(uri.clone());
                contradiction(request);
            });
            assert!(both.is_err());
        }
    }

    #[test]
    fn what_cannot_be_is_refused_without_telling_the_secret() {
        for wrong in [
            (|request: &mut EnrollmentRequest| request.kind = text("TOTP"))
                as fn(&mut EnrollmentRequest),
            |request| request.algorithm = text("MD5"),
            |request| request.digits = Some(5),
            |request| request.period = Some(14),
            |request| request.period = Some(301),
            |request| (request.kind, request.period) = (text("hotp"), Some(30)),
            |request| request.counter = Some(1),
            |request| (request.kind, request.counter) = (text("hotp"), Some(1)),
            |request| {
                (request.kind, request.secret) = (text("hotp"), text(SEED));
                request.counter = Some(MAX_COUNTER + 1);
            },
            |request| {
                let uri = format!("otpauth://hotp/x?secret={SEED}&counter={}", u64::MAX);
                request.key_uri = Some(uri);
            },
            |request| request.secret = text("GEZDGNBVGY3TQOJQ"),
            |request| request.secret = text("GEZDGNBVGY3TQOJ1"),
            |request| request.key_uri = text("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ"),
            |request| request.key_uri = text("https://example.org/"),
            |request| request.name = text(""),
            |request| request.name = text(" phone"),
            |request| request.name = text("pho\u{7}ne"),
            |request| request.name = Some("x".repeat(65)),
        ] {
            let Err(said) = read(wrong) else { panic!("taken") };
            assert!(!said.contains("GEZD"), "{said}");
        }
    }

    #[test]
    fn an_enrolment_under_way_is_gone_on_with_only_if_it_is_the_same() {
        let pending = Authenticator {
            id: AuthenticatorId(1),
            parameters: Parameters::default(),
            secret: SharedSecret::from_base32(SEED).unwrap(),
            record: ReplayRecord::default(),
        };
        let like =
            |change: fn(&mut EnrollmentRequest)| read(change).unwrap().is_like("phone", &pending);
        assert!(like(|_| ()));
        assert!(like(|request| request.name = text("phone")));
        assert!(like(|request| request.digits = Some(6)));
        assert!(like(|request| request.secret = text(SEED)));
        assert!(!like(|request| request.name = text("tablet")));
        assert!(!like(|request| request.digits = Some(8)));
        assert!(!like(|request| request.kind = text("hotp")));
        assert!(!like(|request| request.secret = text(OTHER)));
    }

    #[test]
    fn the_next_free_name_is_found() {
        assert_eq!(free_name(&[]), "phone");
        assert_eq!(free_name(&["phone"]), "phone 2");
        assert_eq!(free_name(&["phone 2", "phone", "tablet"]), "phone 3");
        assert_eq!(free_name(&["tablet"]), "phone");
    }

    #[test]
    fn an_import_spends_what_was_spent_and_locks_nobody_out() {
        let now = Timestamp::from_unix(30_000);
        let spent = |kind: &str, period, last_spent| {
            let imported = ImportedAuthenticator {
                name: "token".into(),
                kind: kind.into(),
                algorithm: "SHA1".into(),
                digits: 6,
                period,
                secret: SEED.into(),
                last_spent,
            };
            read_imported(&imported, now).unwrap().last_spent.map(|factor| factor.0)
        };
        assert_eq!(spent("hotp", 0, None), None);
        assert_eq!(spent("hotp", 0, Some(17)), Some(17));
        assert_eq!(spent("totp", 30, Some(998)), Some(998));
        assert_eq!(spent("totp", 30, None), Some(1000), "nothing said: all up to now");
        assert_eq!(spent("totp", 30, Some(u64::MAX)), Some(1001), "never beyond the next step");
    }
}
