//! A key that the phone has already, from wherever the person has it.
//!
//! Whether it is a good one is for the daemon to say; here it is only found.

use std::path::Path;

use twinlock_interface::EnrollmentRequest;
use zeroize::Zeroizing;

use crate::{
    arguments::enroll::Brought,
    bounded_file,
    failure::{Failure, Name},
    output::Format,
    prompt, qr,
};

/// Longest text with a key, in bytes: a key URI with everything in it stays far below.
const MOST_TEXT_BYTES: usize = prompt::MAX_LINE_BYTES;
/// Largest picture, in bytes: a screenshot stays far below.
const MOST_PICTURE_BYTES: usize = 4 * 1024 * 1024;
/// Shortest text that is taken for a key where a name belongs: 80 bit in capitals, which other
/// programs make and names are not written in, and 128 bit in any case, the shortest that counts.
const LEAST_KEY_SYMBOLS: (usize, usize) = (16, 26);

/// Puts the brought key into `request`; tells whether there is one.
pub(super) fn take(
    brought: &Brought,
    request: &mut EnrollmentRequest,
    format: Format,
) -> Result<bool, Failure> {
    let found = match brought {
        Brought { secret: true, .. } => Found::Secret(typed("Key (base32): ", format)?),
        Brought { secret_file: Some(path), .. } => {
            Found::Secret(text(path, "Key (base32): ", format)?)
        }
        Brought { key_uri_file: Some(path), .. } => Found::KeyUri(text(path, "Key URI: ", format)?),
        Brought { qr_image: Some(path), .. } => Found::KeyUri(pictured(path)?),
        Brought { .. } => return Ok(false),
    };
    // Each is moved out of its wrapper: the request is wiped by whoever holds it.
    match found {
        Found::Secret(mut secret) => request.secret = Some(core::mem::take(&mut *secret)),
        Found::KeyUri(mut key_uri) => request.key_uri = Some(core::mem::take(&mut *key_uri)),
    }
    Ok(true)
}

enum Found {
    Secret(Zeroizing<String>),
    KeyUri(Zeroizing<String>),
}

/// Refuses a key that stands where the account belongs, before it is sent anywhere as a name:
/// `--secret` looks as if it took a value.
pub(super) fn is_no_account(brought: &Brought, named: Option<&str>) -> Result<(), Failure> {
    match named {
        Some(name) if brought.secret && looks_like_a_key(name) => Err(Failure::usage(
            "--secret takes no value: it asks for the key. What stood there could be seen by \
             every user of this host and may be in the history of the shell. If it was the key, \
             do not use it any more.",
        )),
        _ => Ok(()),
    }
}

fn looks_like_a_key(name: &str) -> bool {
    let symbols = name.bytes().filter(|byte| *byte != b' ');
    let is_symbol =
        |byte: u8| matches!(byte.to_ascii_uppercase(), b'A'..=b'Z' | b'2'..=b'7' | b'=');
    let (in_capitals, in_any_case) = LEAST_KEY_SYMBOLS;
    let has_small_letters = symbols.clone().any(|byte| byte.is_ascii_lowercase());
    let least = if has_small_letters { in_any_case } else { in_capitals };
    symbols.clone().all(is_symbol) && symbols.count() >= least
}

fn typed(question: &str, format: Format) -> Result<Zeroizing<String>, Failure> {
    let line = prompt::hidden_line(question, format).map_err(|failure| match failure.name {
        Name::NoInput => Failure::no_key(),
        _ => failure,
    })?;
    if line.len() >= MOST_TEXT_BYTES {
        return Err(Failure::usage("That is too long for a key."));
    }
    one_line(&line).ok_or_else(Failure::no_key)
}

fn text(path: &Path, question: &str, format: Format) -> Result<Zeroizing<String>, Failure> {
    if path == Path::new("-") {
        return typed(question, format);
    }
    let content = bounded_file::read(path, MOST_TEXT_BYTES)?;
    let text = str::from_utf8(&content).ok().and_then(one_line);
    text.ok_or_else(|| Failure::file_input(path, "it does not hold one line of text"))
}

/// The one line that `text` is, without the space around it.
fn one_line(text: &str) -> Option<Zeroizing<String>> {
    let line = text.trim();
    let is_one = !line.is_empty() && !line.chars().any(char::is_control);
    is_one.then(|| Zeroizing::new(line.to_owned()))
}

fn pictured(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let content = bounded_file::read(path, MOST_PICTURE_BYTES)?;
    let texts = qr::scan::texts(&content)
        .map_err(|unreadable| Failure::file_input(path, &unreadable.to_string()))?;
    key_uri_among(texts).map_err(|reason| Failure::no_key_in_picture(path, reason))
}

fn key_uri_among(texts: Vec<Zeroizing<String>>) -> Result<Zeroizing<String>, &'static str> {
    let begins = |text: &str, with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    if texts.is_empty() {
        return Err("no QR code can be read in it. Is it whole, sharp and upright?");
    }
    if texts.iter().any(|text| begins(text, "otpauth-migration://")) {
        return Err("its QR code is an app's export of several keys. Show the QR code of one key.");
    }
    let mut keys = texts.into_iter().filter(|text| begins(text, "otpauth://"));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err("its QR code holds no key URI (otpauth://...)."),
        (Some(_), Some(_)) => Err("it shows the QR codes of several keys. Cut out one of them."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const URI: &str = "otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn taken(brought: &Brought) -> Result<Zeroizing<EnrollmentRequest>, Failure> {
        let mut request = Zeroizing::new(EnrollmentRequest::default());
        assert!(take(brought, &mut request, Format::Json)?);
        Ok(request)
    }

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn a_key_in_a_file_is_taken_without_the_space_around_it() {
        for content in [SECRET.to_owned(), format!("{SECRET}\r\n"), format!("\n  {SECRET}\t\n")] {
            let file = file(content.as_bytes());
            let brought = Brought { secret_file: Some(file.path().into()), ..Brought::default() };
            assert_eq!(taken(&brought).unwrap().secret.as_deref(), Some(SECRET));
        }
        let file = file(URI.as_bytes());
        let brought = Brought { key_uri_file: Some(file.path().into()), ..Brought::default() };
        let request = taken(&brought).unwrap();
        assert_eq!((request.key_uri.as_deref(), &request.secret), (Some(URI), &None));
    }

    #[test]
    fn a_file_of_anything_but_one_line_is_refused() {
        let long = vec![b'A'; MOST_TEXT_BYTES + 1];
        for content in [&b""[..], b"\n\n", b"AAAA\nBBBB\n", b"\xff\xfe", b"AAAA\0", &long] {
            let file = file(content);
            let brought = Brought { secret_file: Some(file.path().into()), ..Brought::default() };
            assert_eq!(taken(&brought).unwrap_err().name, Name::Input, "{content:?}");
        }
    }

    #[test]
    fn a_key_in_a_picture_is_taken() {
        let file = file(&qr::file::png(URI).unwrap());
        let brought = Brought { qr_image: Some(file.path().into()), ..Brought::default() };
        assert_eq!(taken(&brought).unwrap().key_uri.as_deref(), Some(URI));
    }

    #[test]
    fn a_picture_without_one_key_says_what_it_lacks() {
        let other = qr::file::png("https://example.org").unwrap();
        let export = qr::file::png("otpauth-migration://offline?data=x").unwrap();
        for (content, name, said) in [
            (&other[..], Name::NoKeyInPicture, "holds no key URI"),
            (&export[..], Name::NoKeyInPicture, "export of several keys"),
            (b"GIF89a", Name::Input, "no PNG"),
        ] {
            let file = file(content);
            let brought = Brought { qr_image: Some(file.path().into()), ..Brought::default() };
            let failure = taken(&brought).unwrap_err();
            assert_eq!((failure.name, failure.exit.code()), (name, 1));
            assert!(failure.message.contains(said), "{}", failure.message);
        }
    }

    #[test]
    fn of_two_keys_none_is_chosen() {
        let texts = |all: &[&str]| {
            key_uri_among(all.iter().map(|text| Zeroizing::new((*text).to_owned())).collect())
        };
        assert_eq!(
            *texts(&["https://example.org", "OTPAUTH://totp/x"]).unwrap(),
            "OTPAUTH://totp/x"
        );
        assert!(texts(&["otpauth://totp/x", "otpauth://totp/y"]).unwrap_err().contains("several"));
        assert!(texts(&[]).unwrap_err().contains("no QR code"));
    }

    #[test]
    fn a_key_is_not_sent_as_a_name() {
        let asked = Brought { secret: true, ..Brought::default() };
        for key in [SECRET, &SECRET.to_lowercase(), "GEZD GNBV GY3T QOJQ"] {
            let failure = is_no_account(&asked, Some(key)).unwrap_err();
            assert_eq!((failure.name, failure.exit.code()), (Name::Usage, 2), "{key}");
            assert!(!failure.message.contains(key));
        }
        for name in [None, Some("alice"), Some("ALICE"), Some("christopherwalken")] {
            assert!(is_no_account(&asked, name).is_ok(), "{name:?}");
        }
        assert!(is_no_account(&Brought::default(), Some(SECRET)).is_ok());
    }

    #[test]
    fn without_a_brought_key_the_daemon_makes_one() {
        let mut request = Zeroizing::new(EnrollmentRequest::default());
        assert!(!take(&Brought::default(), &mut request, Format::Json).unwrap());
        assert!(request.secret.is_none() && request.key_uri.is_none());
    }
}
