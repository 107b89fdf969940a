//! The file that `pam_google_authenticator` keeps for one account.
//!
//! Line 1 is the secret. A line `" NAME value…` is an option wherever it stands, the first of a name
//! counts. Lines of eight digits are scratch codes, up to the first line that is neither. Held
//! against libpam-google-authenticator 20191231.

use twinlock_interface::ImportedAuthenticator;
use zeroize::Zeroizing;

use super::found::{Found, Note, Refusal, spelled, spent_counter, spent_step};

/// What the authenticator is called.
const NAME: &str = "phone";
/// Digits of a code; the program knows no other.
const DIGITS: u32 = 6;
/// Seconds in a time step when the file does not say.
const DEFAULT_PERIOD: u64 = 30;
/// Time steps the daemon takes, in seconds.
const PERIODS: std::ops::RangeInclusive<u64> = 15..=300;
/// Recovery codes in a set.
const MOST_CODES: usize = 10;

/// Options that are dropped by name.
const SETTINGS: [&str; 3] = ["RATE_LIMIT", "WINDOW_SIZE", "RESETTING_TIME_SKEW"];

/// Reads a file. `now`, in seconds since the Unix epoch, is the time of the import.
pub(crate) fn read(file: &[u8], now: u64) -> Result<Found, Refusal> {
    if file.contains(&0) {
        return Err(Refusal::NotText);
    }
    let mut lines = file.split(|byte| *byte == b'\n');
    let secret = secret(lines.next().unwrap_or_default())?;
    let body = Body::read(lines);

    let mut found = Found::default();
    let (kind, period, last_spent) = match body.counter()? {
        Some(next) => {
            // The next counter to be accepted: 5 takes the codes of 5, 6, 7 and none before
            // (tried). It starts at 1, so that 0 is never accepted.
            let last = spent_counter(Some(next.saturating_sub(1)))?;
            found.notes.push(Note::SpentCounter {
                authenticator: NAME.to_owned(),
                field: "HOTP_COUNTER",
                last,
            });
            ("hotp", 0, last)
        }
        None => {
            let period = body.period()?;
            let last = body.last_used_step(period, now)?;
            found.notes.extend(time_notes(last, period, body.skew()?));
            ("totp", u32::try_from(period).map_err(|_| Refusal::Period)?, last)
        }
    };
    found.notes.extend(body.dropped());
    found.authenticators.push(ImportedAuthenticator {
        name: NAME.to_owned(),
        kind: kind.to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: DIGITS,
        period,
        secret: spelled(&secret)?,
        last_spent,
    });
    found.recovery_codes = body.codes;
    Ok(found)
}

fn time_notes(last: Option<u64>, period: u64, skew: i64) -> Vec<Note> {
    let authenticator = || NAME.to_owned();
    let mut notes = Vec::new();
    notes.push(match last {
        Some(last) => {
            Note::SpentSteps { authenticator: authenticator(), field: "DISALLOW_REUSE", last }
        }
        None => Note::SpentUntilNow { authenticator: authenticator() },
    });
    if skew != 0 {
        let period = i64::try_from(period).unwrap_or(i64::MAX);
        notes.push(Note::ClockSkew { seconds: skew.saturating_mul(period) });
    }
    notes
}

/// Base32 as the program reads it: spaces, tabs and dashes are skipped, case does not matter, 0, 1
/// and 8 are read as O, L and B, and bits that fill no byte are lost.
fn secret(line: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(line.len()));
    let (mut bits, mut count) = (0_u16, 0_u32);
    for symbol in line.iter().filter(|symbol| !b" \t\r-".contains(*symbol)) {
        let value = match symbol.to_ascii_uppercase() {
            b'0' => b'O' - b'A',
            b'1' => b'L' - b'A',
            b'8' => b'B' - b'A',
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return Err(Refusal::NoSecret),
        };
        // At most 7 bits are waiting.
        bits = ((bits << 5) | u16::from(value)) & 0x0fff;
        count += 5;
        if count >= 8 {
            count -= 8;
            let [_, byte] = (bits >> count).to_be_bytes();
            bytes.push(byte);
        }
    }
    if bytes.is_empty() { Err(Refusal::NoSecret) } else { Ok(bytes) }
}

/// Everything after the secret.
#[derive(Default)]
struct Body<'a> {
    options: Vec<FileOption<'a>>,
    codes: Vec<Zeroizing<String>>,
    surplus_codes: usize,
    repeated_codes: usize,
    other_lines: usize,
}

struct FileOption<'a> {
    /// Counted from 1.
    line: usize,
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Body<'a> {
    fn read(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut body = Self::default();
        let mut codes_have_ended = false;
        for (number, line) in (2..).zip(lines) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Some(option) = line.strip_prefix(b"\" ") {
                body.option(number, option);
            } else if line.starts_with(b"\"") {
                // The program passes over it, as over an option.
                body.other_lines += 1;
            } else if let Some(code) = scratch_code(line).filter(|_| !codes_have_ended) {
                body.code(code);
            } else {
                codes_have_ended = true;
                body.other_lines += 1;
            }
        }
        body
    }

    fn option(&mut self, line: usize, text: &'a [u8]) {
        let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
        let (name, value) = text.split_at(end.unwrap_or(text.len()));
        self.options.push(FileOption { line, name, value });
    }

    fn code(&mut self, code: &str) {
        if self.codes.iter().any(|known| known.as_str() == code) {
            self.repeated_codes += 1;
        } else if self.codes.len() == MOST_CODES {
            self.surplus_codes += 1;
        } else {
            self.codes.push(Zeroizing::new(code.to_owned()));
        }
    }

    fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.options
            .iter()
            .find(|option| option.name == name.as_bytes())
            .map(|option| option.value.trim_ascii())
    }

    /// The next counter, which makes the codes counter based whatever else the file says. Below 1
    /// it says nothing, and the codes are time based.
    fn counter(&self) -> Result<Option<u64>, Refusal> {
        let counter = match self.value("HOTP_COUNTER") {
            Some(value) => number::<i64>(value).ok_or(Refusal::Malformed("HOTP_COUNTER"))?,
            None => 0,
        };
        match u64::try_from(counter) {
            Ok(next @ 1..) => Ok(Some(next)),
            _ if self.value("TOTP_AUTH").is_some() => Ok(None),
            _ => Err(Refusal::NoKind),
        }
    }

    /// Seconds in a time step.
    fn period(&self) -> Result<u64, Refusal> {
        let period = match self.value("STEP_SIZE") {
            Some(value) => number(value).ok_or(Refusal::Malformed("STEP_SIZE"))?,
            None => DEFAULT_PERIOD,
        };
        if PERIODS.contains(&period) { Ok(period) } else { Err(Refusal::Period) }
    }

    /// The latest time step whose code was used. The list holds the steps of the codes themselves,
    /// skew included, and always the last one used (tried). Without a list nobody knows.
    fn last_used_step(&self, period: u64, now: u64) -> Result<Option<u64>, Refusal> {
        const OPTION: &str = "DISALLOW_REUSE";
        let steps = words(self.value(OPTION).unwrap_or_default());
        let steps: Option<Vec<u64>> = steps.map(number).collect();
        let last = steps.ok_or(Refusal::Malformed(OPTION))?.into_iter().max();
        last.map(|last| spent_step(OPTION, last, period, now)).transpose()
    }

    /// Time steps by which the phone is ahead.
    fn skew(&self) -> Result<i64, Refusal> {
        match self.value("TIME_SKEW") {
            Some(value) => number(value).ok_or(Refusal::Malformed("TIME_SKEW")),
            None => Ok(0),
        }
    }

    /// What is left behind, each thing once.
    fn dropped(&self) -> Vec<Note> {
        let mut notes: Vec<Note> = SETTINGS
            .into_iter()
            .filter(|name| self.value(name).is_some())
            .map(Note::Setting)
            .collect();
        if self.options.iter().any(|option| is_login(option.name)) {
            notes.push(Note::Setting("LAST0 to LAST9"));
        }
        let unknown = self.options.iter().filter(|option| !is_known(option.name));
        notes.extend(unknown.map(|option| Note::UnknownOption { line: option.line }));
        type Counted = fn(usize) -> Note;
        let counted: [(Counted, usize); 3] = [
            (Note::RepeatedCodes, self.repeated_codes),
            (Note::SurplusCodes, self.surplus_codes),
            (Note::OtherLines, self.other_lines),
        ];
        notes.extend(counted.into_iter().filter(|(_, n)| *n > 0).map(|(note, n)| note(n)));
        notes
    }
}

/// `LAST0` to `LAST9`: sources of earlier logins.
fn is_login(name: &[u8]) -> bool {
    matches!(name, [b'L', b'A', b'S', b'T', digit] if digit.is_ascii_digit())
}

fn is_known(name: &[u8]) -> bool {
    const READ: [&str; 5] =
        ["HOTP_COUNTER", "TOTP_AUTH", "STEP_SIZE", "DISALLOW_REUSE", "TIME_SKEW"];
    READ.iter().chain(&SETTINGS).any(|known| known.as_bytes() == name) || is_login(name)
}

/// Eight digits, the first no zero, with nothing after them.
fn scratch_code(line: &[u8]) -> Option<&str> {
    let code = std::str::from_utf8(line.trim_ascii_start()).ok()?;
    let is_one =
        code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0');
    is_one.then_some(code)
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
