//! What is told of an account: what was kept, converted and dropped, or why it was left alone.
//!
//! Never a secret, a code or other text of the file.

use serde::Serialize;
use twinlock_interface::ImportedAuthenticator;

use super::found::{Fate, Found, Note};
use crate::{
    failure::Failure,
    output::{self, Format},
    printable,
};

/// How it ended for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Imported,
    /// In a dry run.
    WouldBeImported,
    /// It has an authenticator, which is never replaced.
    Skipped,
    /// With the reason.
    Refused(String),
}

/// One account of a source.
pub(crate) struct Entry<'a> {
    /// Unknown when the file could not be opened, or its owner has no account.
    pub(crate) user: Option<&'a str>,
    /// The file.
    pub(crate) source: &'a str,
    pub(crate) outcome: &'a Outcome,
    /// What the file holds, when it could be read.
    pub(crate) found: Option<&'a Found>,
}

/// Writes the entry to stdout.
pub(crate) fn write(entry: &Entry<'_>, format: Format) -> Result<(), Failure> {
    match format {
        Format::Text => output::text(&paragraph(entry)),
        Format::Json => output::json(&EntryObject::from(entry)),
    }
}

impl Entry<'_> {
    /// What was taken over: nothing, unless all of it was.
    fn taken(&self) -> Option<&Found> {
        self.found.filter(|_| matches!(self.outcome, Outcome::Imported | Outcome::WouldBeImported))
    }

    fn reason(&self) -> Option<&str> {
        match self.outcome {
            Outcome::Imported | Outcome::WouldBeImported => None,
            Outcome::Skipped => Some("already enrolled"),
            Outcome::Refused(reason) => Some(reason),
        }
    }
}

fn paragraph(entry: &Entry<'_>) -> String {
    let source = printable::line(entry.source);
    let who = entry.user.map_or_else(|| source.clone(), printable::line);
    let outcome = match entry.outcome {
        Outcome::Imported => "imported",
        Outcome::WouldBeImported => "would be imported",
        Outcome::Skipped => "skipped",
        Outcome::Refused(_) => "refused",
    };
    let mut text = format!("{who}: {outcome}");
    if let Some(reason) = entry.reason() {
        text.push_str(&format!(": {}", printable::line(reason)));
    }
    if entry.user.is_some() {
        text.push_str(&format!(" ({source})"));
    }
    text.push('\n');
    let Some(found) = entry.taken() else { return text };
    let mut row = |heading: &str, words: &str| text.push_str(&format!("  {heading:<11}{words}\n"));
    for authenticator in found.authenticators.iter() {
        row("kept", &describe(authenticator));
    }
    match found.recovery_codes.len() {
        0 => {}
        1 => row("kept", "1 scratch code, as a recovery code"),
        count => row("kept", &format!("{count} scratch codes, as recovery codes")),
    }
    for (fate, heading) in
        [(Fate::Converted, "converted"), (Fate::Dropped, "dropped"), (Fate::Warning, "warning")]
    {
        for note in notes(found, fate) {
            row(heading, &note.to_string());
        }
    }
    text
}

fn describe(authenticator: &ImportedAuthenticator) -> String {
    let ImportedAuthenticator { name, kind, algorithm, digits, period, .. } = authenticator;
    let mut words = format!("{name}: {kind}, {algorithm}, {digits} digits");
    if *period > 0 {
        words.push_str(&format!(", {period} seconds"));
    }
    words
}

fn notes(found: &Found, fate: Fate) -> impl Iterator<Item = &Note> {
    found.notes.iter().filter(move |note| note.fate() == fate)
}

/// All keys always, so that a script need not ask which are there.
#[derive(Serialize)]
struct EntryObject<'a> {
    user: Option<&'a str>,
    source: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    authenticators: Vec<AuthenticatorObject<'a>>,
    recovery_codes: usize,
    converted: Vec<String>,
    dropped: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct AuthenticatorObject<'a> {
    name: &'a str,
    kind: &'a str,
    algorithm: &'a str,
    digits: u32,
    period: u32,
    last_spent: Option<u64>,
}

impl<'a> From<&'a Entry<'a>> for EntryObject<'a> {
    fn from(entry: &'a Entry<'a>) -> Self {
        let found = entry.taken();
        let told = |fate| {
            found.map_or_else(Vec::new, |found| {
                notes(found, fate).map(|note| note.to_string()).collect()
            })
        };
        Self {
            user: entry.user,
            source: entry.source,
            outcome: match entry.outcome {
                Outcome::Imported => "imported",
                Outcome::WouldBeImported => "would-be-imported",
                Outcome::Skipped => "skipped",
                Outcome::Refused(_) => "refused",
            },
            reason: entry.reason(),
            authenticators: found.map_or_else(Vec::new, |found| {
                found.authenticators.iter().map(AuthenticatorObject::from).collect()
            }),
            recovery_codes: found.map_or(0, |found| found.recovery_codes.len()),
            converted: told(Fate::Converted),
            dropped: told(Fate::Dropped),
            warnings: told(Fate::Warning),
        }
    }
}

impl<'a> From<&'a ImportedAuthenticator> for AuthenticatorObject<'a> {
    fn from(authenticator: &'a ImportedAuthenticator) -> Self {
        Self {
            name: &authenticator.name,
            kind: &authenticator.kind,
            algorithm: &authenticator.algorithm,
            digits: authenticator.digits,
            period: authenticator.period,
            last_spent: authenticator.last_spent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::google_authenticator;

    // The seed of RFC 4226 appendix D.
    const FILE: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" RATE_LIMIT 3 30\n\
                        \" DISALLOW_REUSE 37037036\n\" TIME_SKEW 2\n\" TOTP_AUTH\n10000001\n10000002\n";
    const SOURCE: &str = "/home/alice/.google_authenticator";

    fn entry<'a>(outcome: &'a Outcome, found: &'a Found) -> Entry<'a> {
        Entry { user: Some("alice"), source: SOURCE, outcome, found: Some(found) }
    }

    fn found() -> Found {
        google_authenticator::read(FILE.as_bytes(), 1_111_111_109).ok().unwrap()
    }

    #[test]
    fn the_report_has_a_line_for_each_thing_under_what_became_of_it() {
        let text = paragraph(&entry(&Outcome::Imported, &found()));
        assert_eq!(
            text,
            "alice: imported (/home/alice/.google_authenticator)\n\
             \x20 kept       phone: totp, SHA1, 6 digits, 30 seconds\n\
             \x20 kept       2 scratch codes, as recovery codes\n\
             \x20 converted  DISALLOW_REUSE: codes of phone are spent up to time step 37037036\n\
             \x20 dropped    RATE_LIMIT, which has no counterpart per account\n\
             \x20 warning    TIME_SKEW says that the phone's clock is 60 seconds ahead: until it is \
             set right, its codes will be refused\n"
        );
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        let found = found();
        let (done, skipped) = (Outcome::Imported, Outcome::Skipped);
        let json = |entry: &Entry<'_>| serde_json::to_string(&EntryObject::from(entry)).unwrap();
        let imported = json(&entry(&done, &found));
        assert!(
            imported.starts_with(
                &(r#"{"user":"alice","source":"/home/alice/.google_authenticator","#.to_owned()
                    + r#""outcome":"imported","reason":null,"authenticators":[{"name":"phone","#
                    + r#""kind":"totp","algorithm":"SHA1","digits":6,"period":30,"#
                    + r#""last_spent":37037036}],"recovery_codes":2,"converted":["#)
            ),
            "{imported}"
        );
        assert_eq!(
            json(&entry(&skipped, &found)),
            r#"{"user":"alice","source":"/home/alice/.google_authenticator","#.to_owned()
                + r#""outcome":"skipped","reason":"already enrolled","authenticators":[],"#
                + r#""recovery_codes":0,"converted":[],"dropped":[],"warnings":[]}"#
        );
    }

    #[test]
    fn no_secret_and_no_code_is_told() {
        let found = found();
        for outcome in [Outcome::Imported, Outcome::WouldBeImported] {
            let entry = entry(&outcome, &found);
            let json = serde_json::to_string(&EntryObject::from(&entry)).unwrap();
            for told in [paragraph(&entry), json] {
                for secret in ["GEZDGNBV", "10000001", "10000002"] {
                    assert!(!told.contains(secret), "{told}");
                }
            }
        }
    }

    #[test]
    fn a_name_or_path_does_not_drive_the_terminal() {
        let refused = Outcome::Refused("it is a link".into());
        let mut entry =
            Entry { user: None, source: "/home/\u{1b}[2J\n", outcome: &refused, found: None };
        assert_eq!(paragraph(&entry), "/home/\\u{1b}[2J\\u{a}: refused: it is a link\n");
        entry.user = Some("a\u{7}");
        assert!(paragraph(&entry).starts_with("a\\u{7}: refused: it is a link (/home/"));
    }
}
