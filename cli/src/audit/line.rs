//! An event as one line for people.

use twinlock_interface::Event;

use crate::{moment::Moment, printable};

/// Time, action, outcome, account and reason in columns, then what else is known.
pub(super) fn of(event: &Event, moment: &Moment) -> String {
    let user = if event.user.is_empty() { "-".to_owned() } else { quoted(&event.user) };
    let mut line = format!(
        "{}  {:<18} {:<12} {user:<12} {}",
        moment.in_log(event.at),
        printable::line(&event.action),
        printable::line(&event.outcome),
        printable::line(&event.reason),
    );
    for (key, value) in [
        ("service", &event.service),
        ("rhost", &event.rhost),
        ("tty", &event.tty),
        ("ruser", &event.ruser),
        ("details", &event.details),
    ] {
        if !value.is_empty() {
            line.push_str(&format!(" {key}={}", quoted(value)));
        }
    }
    // Root stands for the programs that people log in through.
    if event.caller != 0 {
        line.push_str(&format!(" caller={}", event.caller));
    }
    line.push('\n');
    line
}

/// What others chose, so that it cannot look like another column or another line.
fn quoted(text: &str) -> String {
    let safe = printable::line(text);
    let is_one_word = !safe.is_empty()
        && !safe.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '=' | '\\'));
    if is_one_word {
        return safe.into_owned();
    }
    // The backslashes of what was escaped already stay as they are.
    format!("\"{}\"", safe.replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event {
            id: 12,
            at: 1_111_111_109,
            action: "login".into(),
            outcome: "refused".into(),
            reason: "wrong-code".into(),
            user: "alice".into(),
            uid: Some(1000),
            service: "sshd".into(),
            rhost: "192.0.2.7".into(),
            tty: "ssh".into(),
            ..Event::default()
        }
    }

    fn told(event: &Event) -> String {
        of(event, &Moment::now())
    }

    #[test]
    fn a_login_is_told_in_one_line() {
        let line = told(&event());
        assert!(line.starts_with("2005-03-1"), "{line}");
        assert!(
            line.ends_with(
                "  login              refused      alice        wrong-code service=sshd \
                 rhost=192.0.2.7 tty=ssh\n"
            ),
            "{line}"
        );
    }

    #[test]
    fn whoever_asked_is_told_unless_it_is_root() {
        assert!(!told(&event()).contains("caller"));
        assert!(told(&Event { caller: 1000, ..event() }).ends_with(" caller=1000\n"));
    }

    #[test]
    fn nothing_in_an_event_makes_a_second_line_or_another_column() {
        let bad = "x\n\u{1b}[2J\" outcome=accepted";
        let line = told(&Event {
            action: bad.into(),
            user: bad.into(),
            rhost: bad.into(),
            tty: bad.into(),
            ruser: bad.into(),
            details: bad.into(),
            ..event()
        });
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
        let rhost = r#"rhost="x\u{a}\u{1b}[2J\" outcome=accepted" tty="#;
        assert!(line.contains(rhost), "{line}");
    }

    #[test]
    fn what_is_about_nobody_has_a_dash() {
        assert!(
            told(&Event { user: String::new(), ..event() }).contains(" -            wrong-code")
        );
        assert!(told(&Event { user: "-".into(), ..event() }).contains(" -            wrong-code"));
    }
}
