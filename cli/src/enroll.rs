//! `twinlock enroll`: show a key or take one, take a code, show the recovery codes.

mod attempts;
mod brought_key;
mod page;
mod picture;
mod picture_file;

use nix::unistd::getuid;
use serde::Serialize;
use twinlock_interface::{EnrollmentRequest, Material, proxy::EnrollmentProxy};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    account_name,
    arguments::enroll::{Algorithm, Enroll, Form, Kind},
    bus, environment,
    failure::{Failure, Name},
    output::{self, Format},
    printable, recovery_codes,
};
use picture_file::Pictures;

pub(crate) fn run(options: &Enroll, format: Format) -> Result<(), Failure> {
    let named = options.target.user.as_deref();
    brought_key::is_no_account(&options.brought, named)?;
    let user = account_name::of(&options.target)?;
    if options.cancel {
        return cancel(&user, format);
    }
    if format == Format::Text && is_root_by_sudo(options) {
        output::remark("twinlock: enrolling root; to enrol yourself run without sudo.\n");
    }
    let pictures = Pictures::wanted(&options.drawn)?;
    let mut request = Zeroizing::new(request(&options.form));
    let brought = brought_key::take(&options.brought, &mut request, format)?;

    let Begun { material, proved } = begin(&user, &mut request, format)?;
    let recovery_codes = show_key(&user, &material, &pictures, options, brought, format)
        .and_then(|()| confirm(&user, proved, format))
        .map_err(|failure| with_way_back(failure, named))?;
    show_outcome(&user, &recovery_codes, format)
}

/// Whether somebody may have forgotten that under sudo "yourself" is root.
fn is_root_by_sudo(options: &Enroll) -> bool {
    options.target.user.is_none() && getuid().is_root() && environment::under_sudo()
}

/// What is asked for, in the words of the contract; what is left out is the daemon's to choose.
fn request(form: &Form) -> EnrollmentRequest {
    EnrollmentRequest {
        name: form.name.clone(),
        kind: form.kind.map(|kind| Kind::as_str(kind).to_owned()),
        algorithm: form.algorithm.map(|algorithm| Algorithm::as_str(algorithm).to_owned()),
        digits: form.digits,
        period: form.period,
        counter: form.counter,
        ..EnrollmentRequest::default()
    }
}

struct Begun {
    material: Material,
    /// Whether a code of another authenticator, or a recovery code, was taken on the way.
    proved: bool,
}

/// Begins; asks for the proof where the daemon wants one.
fn begin(user: &str, request: &mut EnrollmentRequest, format: Format) -> Result<Begun, Failure> {
    let wanted = match begin_with(user, request) {
        Ok(material) => return Ok(Begun { material, proved: false }),
        Err(failure) if failure.name == Name::ProofRequired => failure,
        Err(failure) => return Err(failure),
    };
    let question = "Code from an authenticator you already have, or a recovery code: ";
    let material = attempts::ask(question, format, Some(wanted), |code| {
        request.proof.zeroize();
        request.proof = Some(code.to_owned());
        begin_with(user, request)
    })?;
    recovery_codes::warn_if_few(user, request.proof.as_deref().unwrap_or_default(), format)?;
    Ok(Begun { material, proved: true })
}

fn begin_with(user: &str, request: &EnrollmentRequest) -> Result<Material, Failure> {
    bus::call(async |bus| EnrollmentProxy::new(bus).await?.begin(user, request).await)
}

/// A key that was brought is on the phone already: nothing of it is shown again.
fn show_key(
    user: &str,
    material: &Material,
    pictures: &Pictures<'_>,
    options: &Enroll,
    brought: bool,
    format: Format,
) -> Result<(), Failure> {
    let remark = pictures.write(&material.key_uri)?;
    match format {
        Format::Json => output::json(&KeyObject::new(user, material, brought)),
        Format::Text if brought => page::show_brought_key(user, material.expires_at),
        Format::Text => {
            // Before the code on the screen, which has to stand whole above the prompt.
            output::remark(&remark);
            page::show_key(user, material, &options.drawn)
        }
    }
}

/// Asks until a code is right, the retries are used up, or the person leaves.
fn confirm(user: &str, proved: bool, format: Format) -> Result<Zeroizing<Vec<String>>, Failure> {
    // Who has just typed a code of another one needs to know which is meant now.
    let question = if proved { "Code from the new authenticator: " } else { "Code from the app: " };
    attempts::ask(question, format, None, |code| {
        let confirmed = bus::call_for_recovery_codes(async |bus| {
            EnrollmentProxy::new(bus).await?.confirm(user, code).await
        });
        confirmed.map(Zeroizing::new)
    })
}

fn show_outcome(user: &str, codes: &[String], format: Format) -> Result<(), Failure> {
    if format == Format::Text && codes.is_empty() {
        return output::text(&added(user));
    }
    let headline = format!("{} is enrolled.", printable::line(user));
    recovery_codes::show(&headline, user, codes, format).map_err(|failure| {
        failure.advise(
            "The authenticator is on, but its recovery codes could not be shown and are never \
             shown again. `twinlock codes renew` makes new ones.",
        )
    })
}

fn added(user: &str) -> String {
    format!(
        "\nThe authenticator is added to {}. The recovery codes stay valid: `twinlock codes` tells \
         how many are left.\n",
        printable::line(user)
    )
}

fn cancel(user: &str, format: Format) -> Result<(), Failure> {
    bus::call(async |bus| EnrollmentProxy::new(bus).await?.cancel(user).await)?;
    output::result(
        format,
        &format!("The pending enrolment of {} is cancelled.\n", printable::line(user)),
        &CancelObject { user, cancelled: true },
    )
}

/// Adds how to go on, where there is something to go on with.
fn with_way_back(failure: Failure, named: Option<&str>) -> Failure {
    if !matches!(
        failure.name,
        Name::WrongCode
            | Name::NoInput
            | Name::Interrupted
            | Name::Throttled
            | Name::LimitsExceeded
            | Name::Output
            | Name::FileExists
    ) {
        return failure;
    }
    let name = named.map(|name| format!(" {}", printable::line(name))).unwrap_or_default();
    failure.advise(&format!(
        "The key keeps waiting for its first code: `twinlock enroll{name}` goes on with it, \
         `twinlock enroll --cancel{name}` drops it."
    ))
}

#[derive(Serialize)]
struct KeyObject<'a> {
    user: &'a str,
    key_uri: Option<&'a str>,
    secret: Option<&'a str>,
    expires_at: u64,
}

impl<'a> KeyObject<'a> {
    fn new(user: &'a str, material: &'a Material, brought: bool) -> Self {
        let shown = |key: &'a str| (!brought).then_some(key);
        Self {
            user,
            key_uri: shown(&material.key_uri),
            secret: shown(&material.secret_base32),
            expires_at: material.expires_at,
        }
    }
}

#[derive(Serialize)]
struct CancelObject<'a> {
    user: &'a str,
    cancelled: bool,
}

#[cfg(test)]
mod tests {
    use twinlock_interface::Error;

    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        let material =
            Material { key_uri: "otpauth://x".into(), secret_base32: "ABCD".into(), expires_at: 9 };
        assert_eq!(
            serde_json::to_string(&KeyObject::new("alice", &material, false)).unwrap(),
            r#"{"user":"alice","key_uri":"otpauth://x","secret":"ABCD","expires_at":9}"#
        );
        assert_eq!(
            serde_json::to_string(&KeyObject::new("alice", &material, true)).unwrap(),
            r#"{"user":"alice","key_uri":null,"secret":null,"expires_at":9}"#
        );
        assert_eq!(
            serde_json::to_string(&CancelObject { user: "alice", cancelled: true }).unwrap(),
            r#"{"user":"alice","cancelled":true}"#
        );
    }

    #[test]
    fn an_empty_form_asks_for_nothing_and_resumes() {
        let json = |form: &Form| serde_json::to_value(request(form)).unwrap();
        assert_eq!(json(&Form::default()), serde_json::json!({}));
    }

    #[test]
    fn a_form_is_asked_for_in_the_words_of_the_contract() {
        let form = Form {
            name: Some("tablet".into()),
            kind: Some(Kind::Hotp),
            algorithm: Some(Algorithm::Sha256),
            digits: Some(8),
            period: Some(60),
            counter: Some(7),
        };
        let request = request(&form);
        assert_eq!(
            (request.name.as_deref(), request.kind.as_deref(), request.algorithm.as_deref()),
            (Some("tablet"), Some("hotp"), Some("SHA256"))
        );
        let numbers = (request.digits, request.period, request.counter);
        assert_eq!(numbers, (Some(8), Some(60), Some(7)));
        assert!(request.secret.is_none() && request.proof.is_none());
    }

    #[test]
    fn who_adds_another_one_keeps_the_recovery_codes() {
        let words = added("al\u{1b}ice");
        assert!(words.contains("added to al\\u{1b}ice. The recovery codes stay valid"), "{words}");
    }

    #[test]
    fn who_leaves_at_the_prompt_is_told_the_way_back() {
        for failure in [
            Failure::no_input(),
            Failure::interrupted(),
            Failure::file_output("a.png".as_ref(), "the disk is full"),
            Error::WrongCode("No.".into()).into(),
        ] {
            let message = with_way_back(failure, Some("bob")).message;
            assert!(message.contains("`twinlock enroll bob`"), "{message}");
            assert!(message.contains("`twinlock enroll --cancel bob`"), "{message}");
        }
        let message = with_way_back(Failure::no_input(), None).message;
        assert!(message.contains("`twinlock enroll`"), "{message}");
    }

    #[test]
    fn nobody_is_sent_back_to_a_key_that_is_gone() {
        let failure = Failure::from(Error::NoPendingEnrollment("It ended.".into()));
        assert!(!with_way_back(failure, None).message.contains("--cancel"));
    }
}
