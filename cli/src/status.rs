//! `twinlock status`: how an account stands.

use serde::Serialize;
use twinlock_interface::{State, Status, proxy::EnrollmentProxy};

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
    ];
    if status.state == State::On.as_str() {
        let last = status.last_accepted_at.map_or_else(|| "never".into(), |at| moment.describe(at));
        rows.push(("Last accepted code", last));
        rows.push(("Recovery codes", format!("{} left", status.recovery_codes_left)));
    }
    rows.push(("Failed attempts", status.failures.to_string()));
    rows.push(("Locked", lock(status, moment)));
    rows.iter().map(|(label, value)| format!("{label:<20}{value}\n")).collect()
}

fn enrolment(status: &Status, moment: &Moment) -> String {
    let mut words = printable::line(&status.state).into_owned();
    if let Some(since) = status.since {
        words.push_str(&format!(" since {}", moment.describe(since)));
    }
    if let Some(end) = status.expires_at {
        words.push_str(&format!(", waits for its first code until {}", moment.describe(end)));
    }
    words
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
    state: &'a str,
    since: Option<u64>,
    expires_at: Option<u64>,
    recovery_codes_left: u32,
    last_accepted_at: Option<u64>,
    failures: u32,
    locked_until: Option<u64>,
    closed: bool,
}

impl<'a> From<&'a Status> for StatusObject<'a> {
    fn from(status: &'a Status) -> Self {
        Self {
            user: &status.user,
            state: &status.state,
            since: status.since,
            expires_at: status.expires_at,
            recovery_codes_left: status.recovery_codes_left,
            last_accepted_at: status.last_accepted_at,
            failures: status.failures,
            locked_until: status.locked_until,
            closed: status.closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> Status {
        Status {
            user: "alice".into(),
            state: "on".into(),
            since: Some(1_111_111_109),
            recovery_codes_left: 9,
            ..Status::default()
        }
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        assert_eq!(
            serde_json::to_string(&StatusObject::from(&on())).unwrap(),
            r#"{"user":"alice","state":"on","since":1111111109,"expires_at":null,"#.to_owned()
                + r#""recovery_codes_left":9,"last_accepted_at":null,"failures":0,"#
                + r#""locked_until":null,"closed":false}"#
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
    fn an_account_that_is_off_has_no_codes_to_count() {
        let off = Status { user: "bob".into(), state: "off".into(), ..Status::default() };
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
    fn a_pending_enrolment_has_an_end() {
        let pending = Status { state: "pending".into(), expires_at: Some(4_000_000_000), ..on() };
        let words = enrolment(&pending, &Moment::now());
        assert!(
            words.starts_with("pending since") && words.contains("until 2096-10-02"),
            "{words}"
        );
    }
}
