//! The options of `twinlock enroll`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

use super::OwnOrNamed;

/// Ranges are the daemon's to check: it is asked by other programs, too.
#[derive(Args, Debug)]
pub(crate) struct Enroll {
    #[command(flatten)]
    pub(crate) target: OwnOrNamed,
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) brought: Brought,
    #[command(flatten)]
    pub(crate) drawn: Drawn,
    /// Drop the pending enrolment and its key
    #[arg(long, conflicts_with_all = ["Form", "Brought", "Drawn"])]
    pub(crate) cancel: bool,
}

/// What the authenticator is to be.
#[derive(Args, Debug, Default)]
pub(crate) struct Form {
    /// What to call the authenticator; "phone" when left out
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// What its codes are made from [default: totp]
    #[arg(long, value_enum, ignore_case = true, conflicts_with_all = WITH_URI)]
    pub(crate) kind: Option<Kind>,
    /// Hash function of its codes [default: sha1]
    #[arg(long, value_enum, ignore_case = true, conflicts_with_all = WITH_URI)]
    pub(crate) algorithm: Option<Algorithm>,
    /// Digits of a code, 6 to 8 [default: 6]
    #[arg(long, value_name = "N", conflicts_with_all = WITH_URI)]
    pub(crate) digits: Option<u32>,
    /// Seconds for which a code stands, 15 to 300, for totp [default: 30]
    #[arg(long, value_name = "S", conflicts_with_all = WITH_URI)]
    pub(crate) period: Option<u32>,
    /// Counter of the next code, for hotp with a secret [default: 0]
    #[arg(long, value_name = "N", conflicts_with_all = ["period", "key_uri_file", "qr_image"],
          requires_all = ["kind", "Brought"])]
    pub(crate) counter: Option<u64>,
}

/// A key URI tells all of that itself.
const WITH_URI: [&str; 2] = ["key_uri_file", "qr_image"];

/// A key that the phone has already.
#[derive(Args, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct Brought {
    /// Ask for the key (base32) instead of making one
    #[arg(long)]
    pub(crate) secret: bool,
    /// Take the key (base32) from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Take the key URI (otpauth://...) from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_uri_file: Option<PathBuf>,
    /// Take the key URI from the QR code in a picture (PNG)
    #[arg(long, value_name = "FILE")]
    pub(crate) qr_image: Option<PathBuf>,
}

/// Where the key is shown.
#[derive(Args, Debug)]
#[group(conflicts_with = "Brought")]
pub(crate) struct Drawn {
    /// How to draw the QR code
    #[arg(long, value_enum, value_name = "HOW", default_value_t = QrChoice::Auto)]
    pub(crate) qr: QrChoice,
    /// Draw no QR code; the same as --qr=none
    #[arg(long, conflicts_with = "qr")]
    pub(crate) no_qr: bool,
    /// Write the QR code to a new SVG file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the QR code to a new PNG file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) png: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From the time (RFC 6238)
    Totp,
    /// From a counter (RFC 4226)
    Hotp,
}

impl Kind {
    /// The word of the contract.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// What every app knows
    Sha1,
    /// For apps that take it from the QR code
    Sha256,
    /// The same
    Sha512,
}

impl Algorithm {
    /// The word of the contract.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QrChoice {
    /// Black on white where there are colours, else as for a dark terminal
    Auto,
    /// Without colours, for light text on a dark ground
    Dark,
    /// Without colours, for dark text on a light ground
    Light,
    /// With "##" instead of block characters, twice as wide
    Ascii,
    /// Not at all
    None,
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parse(line: &str) -> Result<Enroll, clap::Error> {
        let line = format!("twinlock enroll {line}");
        match Arguments::try_parse_from(line.split_whitespace())?.command {
            Command::Enroll(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_authenticator_is_to_be_is_understood() {
        let form = parse("--name tablet --kind HOTP --algorithm sha512 --digits 8 alice").unwrap();
        assert_eq!(form.target.user.as_deref(), Some("alice"));
        assert_eq!(form.form.name.as_deref(), Some("tablet"));
        assert_eq!((form.form.kind, form.form.digits), (Some(Kind::Hotp), Some(8)));
        assert_eq!(form.form.algorithm.map(Algorithm::as_str), Some("SHA512"));
        assert_eq!(parse("--kind hotp --secret --counter 7").unwrap().form.counter, Some(7));
    }

    #[test]
    fn both_pictures_are_drawn_besides_the_terminals() {
        let drawn = parse("--svg a.svg --png a.png --qr=ascii").unwrap().drawn;
        assert!(drawn.svg.is_some() && drawn.png.is_some() && drawn.qr == QrChoice::Ascii);
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "--qr=dark --no-qr",
            "--cancel --no-qr",
            "--cancel --qr=light",
            "--cancel --svg a",
            "--cancel --name a",
            "--cancel --secret",
            "--secret --secret-file a",
            "--secret --key-uri-file a",
            "--key-uri-file a --qr-image b",
            "--key-uri-file a --kind totp",
            "--key-uri-file a --algorithm sha1",
            "--qr-image a --digits 6",
            "--qr-image a --period 30",
            "--secret --svg a",
            "--secret --png a",
            "--qr-image a --qr=dark",
            "--kind hotp --counter 1 --key-uri-file a",
            "--kind hotp --counter 1 --secret --period 30",
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::ArgumentConflict, "{line}");
        }
        for line in ["--counter 1", "--counter 1 --kind hotp", "--counter 1 --secret"] {
            let kind = parse(line).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::MissingRequiredArgument, "{line}");
        }
    }

    #[test]
    fn the_key_is_no_value_of_an_option() {
        assert!(parse("--secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").is_err());
        assert!(parse("--name= --secret").is_err());
    }

    #[test]
    fn who_brings_a_key_may_still_say_how_nothing_is_drawn() {
        for line in ["--secret --name phone", "--key-uri-file - --name phone alice"] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }
}
