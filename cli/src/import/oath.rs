//! The `users.oath` file of `pam_oath`, which holds all its accounts.
//!
//! One token a line, fields parted by spaces and tabs:
//! `TYPE USER PIN KEY [COUNTER [LASTOTP [LOCALTIME]]]`. Several lines of one user are as many
//! tokens. What the last three mean is nowhere written down; it was tried with libpam-oath 2.6.7.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use twinlock_interface::{ImportedAuthenticator, names::MAX_AUTHENTICATORS};
use zeroize::Zeroizing;

use super::found::{Found, Note, Refusal, spelled, spent_counter, spent_step};

/// Time steps the daemon takes, in seconds.
const PERIODS: std::ops::RangeInclusive<u64> = 15..=300;
/// How far ahead of the clock an accepted code is believed to have been, in time steps. The file
/// does not say; `pam_oath` looks 5 ahead by default and 20 in its own documentation. Beyond that a
/// phone is so far off that it cannot be used here.
const MOST_STEPS_AHEAD: u64 = 20;
const LOCAL_TIME: &str = "LOCALTIME";
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%SL";

/// The time of the import, and the zone the file's times are in.
pub(crate) struct Clock {
    /// Seconds since the Unix epoch.
    pub(crate) now: u64,
    pub(crate) zone: TimeZone,
}

/// One user of the file.
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) content: Result<Found, Refusal>,
}

/// The accounts of a file, in the order in which they first appear.
pub(crate) fn read(file: &[u8], clock: &Clock) -> Vec<Account> {
    let mut users: Vec<(&[u8], Vec<Line<'_>>)> = Vec::new();
    let mut places = BTreeMap::new();
    for (number, text) in (1..).zip(file.split(|byte| *byte == b'\n')) {
        let Some(line) = Line::read(number, text) else { continue };
        let place = *places.entry(line.user).or_insert(users.len());
        match users.get_mut(place) {
            Some((_, lines)) => lines.push(line),
            None => users.push((line.user, vec![line])),
        }
    }
    let account = |(user, lines): (&[u8], Vec<Line<'_>>)| Account {
        user: String::from_utf8_lossy(user).into_owned(),
        content: if is_name(user) { found(&lines, clock) } else { Err(Refusal::Name) },
    };
    users.into_iter().map(account).collect()
}

/// The bus carries neither a NUL nor anything but UTF-8.
fn is_name(user: &[u8]) -> bool {
    !user.contains(&0) && std::str::from_utf8(user).is_ok()
}

fn found(lines: &[Line<'_>], clock: &Clock) -> Result<Found, Refusal> {
    let mut found = Found::default();
    for line in lines {
        match line.kind() {
            Some(kind) => line.token(kind, clock, &mut found).map_err(|refusal| {
                Refusal::OnLine { line: line.number, refusal: refusal.into() }
            })?,
            None => found.notes.push(Note::UnknownToken { line: line.number }),
        }
    }
    match found.authenticators.len() {
        0 => Err(Refusal::NoToken),
        1..=MAX_AUTHENTICATORS => Ok(found),
        count => Err(Refusal::TooManyTokens { count, most: MAX_AUTHENTICATORS }),
    }
}

struct Line<'a> {
    /// Counted from 1.
    number: usize,
    token: &'a [u8],
    user: &'a [u8],
    pin: &'a [u8],
    key: &'a [u8],
    counter: Option<&'a [u8]>,
    last_code: Option<&'a [u8]>,
    local_time: Option<&'a [u8]>,
}

/// What makes the codes of a token, and how many digits they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    /// Seconds in a time step; none when a counter makes the codes.
    period: Option<u64>,
    digits: u32,
}

impl<'a> Line<'a> {
    /// The fields, when they name an account. A key that is missing is one that is too short.
    fn read(number: usize, text: &'a [u8]) -> Option<Self> {
        let mut fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let token = fields.next().filter(|token| !token.starts_with(b"#"))?;
        Some(Self {
            number,
            token,
            user: fields.next()?,
            pin: fields.next().unwrap_or(b"-"),
            key: fields.next().unwrap_or_default(),
            counter: fields.next(),
            last_code: fields.next(),
            local_time: fields.next(),
        })
    }

    /// `HOTP`, `HOTP/E[/DIGITS]` or `HOTP/Tn[/DIGITS]`. `pam_oath` knows 30 and 60 for n, other
    /// readers of the format any.
    fn kind(&self) -> Option<Kind> {
        let mut parts = std::str::from_utf8(self.token).ok()?.split('/');
        if parts.next() != Some("HOTP") {
            return None;
        }
        let period = match parts.next() {
            None | Some("E") => None,
            Some(time) => Some(time.strip_prefix('T')?.parse().ok()?),
        };
        let digits = match parts.next() {
            None => 6,
            Some(digits) => digits.parse().ok().filter(|digits| (6..=8).contains(digits))?,
        };
        parts.next().is_none().then_some(Kind { period, digits })
    }

    /// Adds the token of this line.
    fn token(&self, kind: Kind, clock: &Clock, found: &mut Found) -> Result<(), Refusal> {
        let key = HEXLOWER_PERMISSIVE.decode(self.key).map(Zeroizing::new);
        let key = key.map_err(|_| Refusal::NotHexadecimal)?;
        let name = name(found.authenticators.len());
        let (word, period, last_spent) = match kind.period {
            Some(period) if PERIODS.contains(&period) => {
                let last = self.last_spent_step(period, clock)?;
                found.notes.push(time_note(name.clone(), last));
                ("totp", u32::try_from(period).map_err(|_| Refusal::Period)?, last)
            }
            Some(_) => return Err(Refusal::Period),
            None => {
                let last = spent_counter(self.last_spent_counter()?)?;
                let authenticator = name.clone();
                found.notes.push(Note::SpentCounter { authenticator, field: "COUNTER", last });
                ("hotp", 0, last)
            }
        };
        match self.pin {
            b"-" => {}
            b"+" => found.notes.push(Note::ExternalPassword { line: self.number }),
            _ => found.notes.push(Note::Pin { line: self.number }),
        }
        let secret = Zeroizing::new(spelled(&key)?);
        if found.authenticators.iter().any(|earlier| earlier.secret == *secret) {
            return Err(Refusal::RepeatedKey);
        }
        found.authenticators.push(ImportedAuthenticator {
            name,
            kind: word.to_owned(),
            algorithm: "SHA1".to_owned(),
            digits: kind.digits,
            period,
            secret: secret.to_string(),
            last_spent,
        });
        Ok(())
    }

    /// Once a code was accepted, COUNTER is the counter of that code, LASTOTP the code. Before that
    /// LASTOTP is missing and COUNTER is the first to be accepted. Both were tried; were LASTOTP put
    /// there by hand, at worst one code too many is spent.
    fn last_spent_counter(&self) -> Result<Option<u64>, Refusal> {
        let counter = self.counter()?;
        Ok(if self.was_used() { Some(counter) } else { counter.checked_sub(1) })
    }

    /// The latest time step that may be spent, if that is the next one: the daemon itself takes
    /// everything up to now for spent. A later one has to wait.
    ///
    /// LOCALTIME is when a code was last accepted, not the time step of the code, which was at most
    /// as many steps ahead as `pam_oath` looks. COUNTER is no time step, either: each accept adds
    /// by how many steps its code was early or late, so that none was earlier than COUNTER says.
    ///
    /// LOCALTIME is in the zone of the program that asked, which under sudo may be the caller's
    /// (`TZ`). If that is behind the host's, a code used early in the last minutes goes unnoticed;
    /// the past is spent all the same.
    fn last_spent_step(&self, period: u64, clock: &Clock) -> Result<Option<u64>, Refusal> {
        let ahead = self.counter()?.min(MOST_STEPS_AHEAD);
        let Some(used_at) = self.used_at(clock)? else { return Ok(None) };
        let last = (used_at / period).saturating_add(ahead);
        let last = spent_step(LOCAL_TIME, last, period, clock.now)?;
        Ok(Some(last).filter(|last| *last > clock.now / period))
    }

    /// When a code was last accepted, in seconds since the Unix epoch. The file has the local time
    /// of the program that asked for the code.
    fn used_at(&self, clock: &Clock) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.local_time else { return Ok(None) };
        let local = std::str::from_utf8(text)
            .ok()
            .and_then(|text| DateTime::strptime(TIME_FORMAT, text).ok())
            .ok_or(Refusal::Malformed(LOCAL_TIME))?;
        let times = clock.zone.to_ambiguous_timestamp(local);
        let seconds = |time: Result<Timestamp, jiff::Error>| {
            time.ok().and_then(|time| u64::try_from(time.as_second()).ok())
        };
        // In the hour that is there twice a year, the later of the two that is past.
        let past = seconds(times.later()).filter(|later| *later <= clock.now);
        past.or_else(|| seconds(times.earlier())).map(Some).ok_or(Refusal::Malformed(LOCAL_TIME))
    }

    fn counter(&self) -> Result<u64, Refusal> {
        match self.counter {
            Some(digits) => std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or(Refusal::Malformed("COUNTER")),
            None => Ok(0),
        }
    }

    /// Whether LASTOTP is there. People write `-` for a field they leave out, which `pam_oath`
    /// compares with codes in vain.
    fn was_used(&self) -> bool {
        self.last_code.is_some_and(|code| code != b"-")
    }
}

fn time_note(authenticator: String, last_spent: Option<u64>) -> Note {
    match last_spent {
        Some(last) => Note::SpentSteps { authenticator, field: LOCAL_TIME, last },
        None => Note::SpentUntilNow { authenticator },
    }
}

/// `token`, `token 2`, …
fn name(before: usize) -> String {
    match before {
        0 => "token".to_owned(),
        _ => format!("token {}", before.saturating_add(1)),
    }
}

#[cfg(test)]
mod tests;
