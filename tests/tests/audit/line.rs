//! A line of the log, read by its grammar and by nothing else.

use twinlock_interface::Event;

/// A login's items, which stand together or not at all.
const ITEMS: [&str; 4] = ["service", "rhost", "tty", "ruser"];

/// What a line says about the daemon's decision, without number and time; `None` when it is no such line.
pub(crate) fn read(line: &str) -> Option<Event> {
    let mut rest = message(line)?;
    let action = word(&mut rest)?;
    let outcome = valued(&mut rest, "outcome", word)?;
    let reason = valued(&mut rest, "reason", word)?;
    let user = valued(&mut rest, "user", quoted)?;
    let uid = match valued(&mut rest, "uid", word)?.as_str() {
        "-" => None,
        uid => Some(uid.parse().ok()?),
    };
    let caller = valued(&mut rest, "caller", word)?.parse().ok()?;
    let mut items = [const { String::new() }; 4];
    if rest.starts_with("service=") {
        for (item, key) in items.iter_mut().zip(ITEMS) {
            *item = valued(&mut rest, key, quoted)?;
        }
    }
    let details = match rest {
        "" => String::new(),
        _ => valued(&mut rest, "details", quoted).filter(|details| !details.is_empty())?,
    };
    let [service, rhost, tty, ruser] = items;
    let (id, at) = Default::default();
    let event = Event {
        id,
        at,
        action,
        outcome,
        reason,
        user,
        uid,
        caller,
        service,
        rhost,
        tty,
        ruser,
        details,
    };
    rest.is_empty().then_some(event)
}

/// The severity in front of a line that goes to authpriv.
pub(crate) fn severity(line: &str) -> Option<u8> {
    const AUTHPRIV: u8 = 10 << 3;
    let (priority, _) = line.strip_prefix('<')?.split_once('>')?;
    priority.parse::<u8>().ok()?.checked_sub(AUTHPRIV).filter(|severity| *severity < 8)
}

/// What stands behind the daemon's name.
pub(crate) fn message(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('>')?;
    let (pid, message) = rest.strip_prefix("twinlockd[")?.split_once("]: ")?;
    pid.bytes().all(|byte| byte.is_ascii_digit()).then_some(message)
}

/// A key and its value, and the blank behind them.
fn valued(
    rest: &mut &str,
    key: &str,
    value: impl FnOnce(&mut &str) -> Option<String>,
) -> Option<String> {
    *rest = rest.strip_prefix(key)?.strip_prefix('=')?;
    value(rest)
}

/// A word of the daemon's own.
fn word(rest: &mut &str) -> Option<String> {
    let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    *rest = behind;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!word.is_empty() && word.chars().all(is_plain)).then(|| word.to_owned())
}

/// What others chose.
fn quoted(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    let mut symbols = rest.strip_prefix('"')?.chars();
    loop {
        match symbols.next()? {
            '"' => break,
            '\\' => text.push(escaped(&mut symbols)?),
            plain => text.push(plain),
        }
    }
    let behind = symbols.as_str();
    *rest = if behind.is_empty() { "" } else { behind.strip_prefix(' ')? };
    Some(text)
}

fn escaped(symbols: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match symbols.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        same @ ('"' | '\\') => same,
        'u' => {
            let (number, behind) = symbols.as_str().strip_prefix('{')?.split_once('}')?;
            *symbols = behind.chars();
            char::from_u32(u32::from_str_radix(number, 16).ok()?)?
        }
        _ => return None,
    })
}

#[test]
fn a_line_is_read_by_its_grammar() {
    let line = "<85>twinlockd[7]: login outcome=refused reason=wrong-code user=\"a\\\" \\u{1b}\\n\" \
                uid=1000 caller=0 service=\"sshd\" rhost=\"\" tty=\"\" ruser=\"\\\\\"";
    let event = read(line).unwrap();
    assert_eq!((event.user.as_str(), event.uid), ("a\" \u{1b}\n", Some(1000)));
    assert_eq!((event.service.as_str(), event.ruser.as_str()), ("sshd", "\\"));
    assert_eq!(severity(line), Some(5));
    for broken in [
        line.replace("caller=0", "caller=0 caller=1000"),
        line.replace("rhost=\"\"", "rhost=\"\"x\""),
        line.replace("tty=\"\" ", ""),
        line.replace("[7]", "[7]: [8]"),
        format!("{line} details=\"\""),
    ] {
        assert_eq!(read(&broken), None, "{broken}");
    }
}
