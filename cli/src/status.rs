//! `twinlock status`: how an account stands.

use serde::Serialize;
use twinlock_interface::{AuthenticatorStatus, Lock, State, Status, proxy::EnrollmentProxy};

use crate::{
    account_name,
    arguments::OwnOrNamed,
    bus,
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    printable,
};

pub(crate) fn run(target: &OwnOrNamed, format: Format) -> Result<(), Failure> {
    let user = account_name::of(target)?;
    let status = bus::call(async |bus| EnrollmentProxy::new(bus).await?.status(&user).await)?;
    output::result(format, &table(&status, &Moment::now()), &StatusObject::from(&status))
}

fn table(status: &Status, moment: &Moment) -> String {
    let mut rows = vec![
        ("Account", printable::line(&status.user).into_owned()),
        ("Enrolment", enrolment(status, moment)),
        ("Code required", required(status)),
    ];
    if let Some(end) = status.enroll_until {
        rows.push(("Enrol at a login", format!("until {}", moment.describe(end))));
    }
    rows.extend(status.authenticators.iter().map(|one| ("Authenticator", described(one, moment))));
    if status.state == State::On {
        let last = status.last_accepted_at.map_or_else(|| "never".into(), |at| moment.describe(at));
        rows.push(("Last accepted code", last));
        rows.push(("Recovery codes", format!("{} left", status.recovery_codes_left)));
    }
    rows.push(("Failed attempts", status.failures.to_string()));
    rows.extend(locks(status, moment).into_iter().map(|words| ("Locked", words)));
    rows.iter().map(|(label, value)| format!("{label:<20}{value}\n")).collect()
}

fn enrolment(status: &Status, moment: &Moment) -> String {
    let mut words = match status.state {
        State::Off => "off",
        State::Pending => "pending",
        State::On => "on",
    }
    .to_owned();
    if let Some(since) = status.since {
        words.push_str(&format!(" since {}", moment.describe(since)));
    }
    if let Some(end) = status.expires_at {
        let who = if status.state == State::On { "another one " } else { "" };
        words.push_str(&format!(", {who}waits for its first code until {}", moment.describe(end)));
    }
    words
}

fn required(status: &Status) -> String {
    let word = if status.required { "yes" } else { "no" };
    match &status.required_because {
        Some(why) => format!("{word}: {}", printable::line(why)),
        None => word.to_owned(),
    }
}

/// `tablet (hotp, 8 digits) since ..., last used ...`: what is as usual is left out.
fn described(authenticator: &AuthenticatorStatus, moment: &Moment) -> String {
    let AuthenticatorStatus { name, kind, algorithm, digits, period, .. } = authenticator;
    let mut unusual = Vec::new();
    if kind != "totp" {
        unusual.push(printable::line(kind).into_owned());
    }
    if algorithm != "SHA1" {
        unusual.push(printable::line(algorithm).into_owned());
    }
    if *digits != 6 {
        unusual.push(format!("{digits} digits"));
    }
    if !matches!(period, 0 | 30) {
        unusual.push(format!("{period} s"));
    }
    let mut words = printable::line(name).into_owned();
    if !unusual.is_empty() {
        words.push_str(&format!(" ({})", unusual.join(", ")));
    }
    words.push_str(&format!(" since {}, ", moment.describe(authenticator.confirmed_at)));
    match authenticator.last_accepted_at {
        Some(at) => words.push_str(&format!("last used {}", moment.describe(at))),
        None => words.push_str("never used"),
    }
    words
}

/// Each place from which nothing is accepted; without a list of them, whether there is one.
fn locks(status: &Status, moment: &Moment) -> Vec<String> {
    if status.locks.is_empty() {
        return vec![lock(status, moment)];
    }
    let user = printable::line(&status.user);
    status.locks.iter().map(|lock| lane(lock, &user, moment)).collect()
}

fn lane(lock: &Lock, user: &str, moment: &Moment) -> String {
    let lane = match &*lock.lane {
        "local" => "at terminals of this host".to_owned(),
        "own-program" => format!("for programs of {user}"),
        "unknown" => "from places that are not known yet".to_owned(),
        "recovery" => "for recovery codes".to_owned(),
        network => format!("from {}", printable::line(network)),
    };
    let end = match lock.until {
        Some(end) => format!("until {}", moment.describe(end)),
        None if lock.lane == "recovery" => format!("until `sudo twinlock unlock {user}`"),
        None => format!("until a recovery code is used, or `sudo twinlock unlock {user}`"),
    };
    format!("{lane} after {} failures, {end}", lock.failures)
}

/// Closed comes before locked: waiting does not end it.
fn lock(status: &Status, moment: &Moment) -> String {
    if status.closed {
        return format!(
            "closed until a recovery code is used, or `sudo twinlock unlock {}`",
            printable::line(&status.user)
        );
    }
    match status.locked_until {
        Some(end) if moment.is_before(end) => format!("until {}", moment.describe(end)),
        _ => "no".to_owned(),
    }
}

/// All keys always, so that a script need not ask which are there.
#[derive(Serialize)]
struct StatusObject<'a> {
    user: &'a str,
    state: State,
    since: Option<u64>,
    required: bool,
    required_because: Option<&'a str>,
    enroll_until: Option<u64>,
    authenticators: Vec<AuthenticatorObject<'a>>,
    expires_at: Option<u64>,
    recovery_codes_left: u32,
    recovery_codes_used_at: &'a [u64],
    last_accepted_at: Option<u64>,
    failures: u32,
    locked_until: Option<u64>,
    closed: bool,
    locks: Vec<LockObject<'a>>,
}

#[derive(Serialize)]
struct LockObject<'a> {
    lane: &'a str,
    failures: u32,
    until: Option<u64>,
}

#[derive(Serialize)]
struct AuthenticatorObject<'a> {
    name: &'a str,
    kind: &'a str,
    algorithm: &'a str,
    digits: u32,
    period: u32,
    confirmed_at: u64,
    last_accepted_at: Option<u64>,
}

impl<'a> From<&'a AuthenticatorStatus> for AuthenticatorObject<'a> {
    fn from(one: &'a AuthenticatorStatus) -> Self {
        Self {
            name: &one.name,
            kind: &one.kind,
            algorithm: &one.algorithm,
            digits: one.digits,
            period: one.period,
            confirmed_at: one.confirmed_at,
            last_accepted_at: one.last_accepted_at,
        }
    }
}

impl<'a> From<&'a Status> for StatusObject<'a> {
    fn from(status: &'a Status) -> Self {
        Self {
            user: &status.user,
            state: status.state,
            since: status.since,
            required: status.required,
            required_because: status.required_because.as_deref(),
            enroll_until: status.enroll_until,
            authenticators: status.authenticators.iter().map(AuthenticatorObject::from).collect(),
            expires_at: status.expires_at,
            recovery_codes_left: status.recovery_codes_left,
            recovery_codes_used_at: &status.recovery_codes_used_at,
            last_accepted_at: status.last_accepted_at,
            failures: status.failures,
            locked_until: status.locked_until,
            closed: status.closed,
            locks: status.locks.iter().map(LockObject::from).collect(),
        }
    }
}

impl<'a> From<&'a Lock> for LockObject<'a> {
    fn from(lock: &'a Lock) -> Self {
        Self { lane: &lock.lane, failures: lock.failures, until: lock.until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> Status {
        Status {
            user: "alice".into(),
            state: State::On,
            since: Some(1_111_111_109),
            required: true,
            authenticators: vec![phone()],
            recovery_codes_left: 9,
            recovery_codes_used_at: vec![1_234_567_890],
            ..Status::default()
        }
    }

    fn phone() -> AuthenticatorStatus {
        AuthenticatorStatus {
            name: "phone".into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            confirmed_at: 1_111_111_109,
            last_accepted_at: None,
        }
    }

    fn in_lane(lane: &str, until: Option<u64>) -> Lock {
        Lock { lane: lane.into(), failures: 5, until }
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        assert_eq!(
            serde_json::to_string(&StatusObject::from(&Status {
                locks: vec![in_lane("unknown", None)],
                ..on()
            }))
            .unwrap(),
            r#"{"user":"alice","state":"on","since":1111111109,"required":true,"#.to_owned()
                + r#""required_because":null,"enroll_until":null,"#
                + r#""authenticators":[{"name":"phone","kind":"totp","algorithm":"SHA1","#
                + r#""digits":6,"period":30,"confirmed_at":1111111109,"last_accepted_at":null}],"#
                + r#""expires_at":null,"recovery_codes_left":9,"#
                + r#""recovery_codes_used_at":[1234567890],"last_accepted_at":null,"failures":0,"#
                + r#""locked_until":null,"closed":false,"#
                + r#""locks":[{"lane":"unknown","failures":5,"until":null}]}"#
        );
    }

    #[test]
    fn an_enrolled_account_is_told_with_what_is_left() {
        let table = table(&on(), &Moment::now());
        for words in
            ["alice\n", "on since 2005-03-1", "never\n", "9 left\n", "Locked              no\n"]
        {
            assert!(table.contains(words), "{words}: {table}");
        }
    }

    #[test]
    fn each_authenticator_has_a_line_that_tells_what_is_unusual_about_it() {
        let token = AuthenticatorStatus {
            name: "to\u{1b}ken".into(),
            kind: "hotp".into(),
            algorithm: "SHA256".into(),
            digits: 8,
            period: 0,
            last_accepted_at: Some(1_234_567_890),
            ..phone()
        };
        let slow = AuthenticatorStatus { name: "slow".into(), period: 60, ..phone() };
        let status = Status { authenticators: vec![phone(), token, slow], ..on() };
        let table = table(&status, &Moment::now());
        let lines: Vec<_> = table.lines().filter(|line| line.contains("Authenticator ")).collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[0].contains("       phone since 2005-03-1"), "{table}");
        assert!(lines[0].ends_with(", never used"), "{table}");
        assert!(lines[1].contains("to\\u{1b}ken (hotp, SHA256, 8 digits) since "), "{table}");
        assert!(lines[1].contains(", last used 2009-02-1"), "{table}");
        assert!(lines[2].contains("slow (60 s) since "), "{table}");
    }

    #[test]
    fn whether_a_code_is_required_is_told() {
        let line = |required| {
            let table = table(&Status { required, ..on() }, &Moment::now());
            table.lines().find(|line| line.starts_with("Code required")).unwrap().to_owned()
        };
        assert!(line(true).ends_with(" yes") && line(false).ends_with(" no"));
    }

    #[test]
    fn why_it_is_required_and_until_when_one_may_enrol_are_told() {
        let status = Status {
            required_because: Some("rule 7\u{1b}, by carol".into()),
            enroll_until: Some(4_000_000_000),
            ..on()
        };
        let table = table(&status, &Moment::now());
        assert!(table.contains("Code required       yes: rule 7\\u{1b}, by carol\n"), "{table}");
        assert!(table.contains("Enrol at a login    until 2096-10-02"), "{table}");
    }

    #[test]
    fn an_account_that_is_off_has_no_codes_to_count() {
        let off = Status { user: "bob".into(), state: State::Off, ..Status::default() };
        let table = table(&off, &Moment::now());
        assert!(table.contains("Enrolment           off\n"), "{table}");
        assert!(!table.contains("Recovery codes"), "{table}");
    }

    #[test]
    fn a_lock_is_told_while_it_lasts() {
        let until = |end| lock(&Status { locked_until: Some(end), ..on() }, &Moment::now());
        assert_eq!(until(1_111_111_109), "no");
        assert!(until(4_000_000_000).starts_with("until 2096-10-02"));
        let closed = Status { closed: true, locked_until: Some(4_000_000_000), ..on() };
        assert!(lock(&closed, &Moment::now()).contains("`sudo twinlock unlock alice`"));
    }

    #[test]
    fn each_place_that_is_locked_has_a_line() {
        let locks = vec![
            in_lane("192.0.2.7/32", Some(4_000_000_000)),
            in_lane("unknown", None),
            in_lane("recovery", None),
        ];
        let table = table(&Status { locks, closed: true, ..on() }, &Moment::now());
        let lines: Vec<_> = table.lines().filter(|line| line.starts_with("Locked")).collect();
        assert_eq!(lines.len(), 3, "{table}");
        for (line, words) in lines.iter().zip([
            "from 192.0.2.7/32 after 5 failures, until 2096-10-02",
            "from places that are not known yet after 5 failures, until a recovery code is used",
            "for recovery codes after 5 failures, until `sudo twinlock unlock alice`",
        ]) {
            assert!(line.contains(words), "{words}: {line}");
        }
    }

    #[test]
    fn a_pending_enrolment_has_an_end() {
        let pending = Status { state: State::Pending, expires_at: Some(4_000_000_000), ..on() };
        let words = enrolment(&pending, &Moment::now());
        assert!(
            words.starts_with("pending since") && words.contains("until 2096-10-02"),
            "{words}"
        );
        let second = Status { expires_at: Some(4_000_000_000), ..on() };
        let words = enrolment(&second, &Moment::now());
        assert!(words.contains(", another one waits for its first code until 2096"), "{words}");
    }
}
