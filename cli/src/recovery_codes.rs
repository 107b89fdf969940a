//! New recovery codes, shown this once.

use serde::Serialize;
use twinlock_interface::{Status, answer_shape::RECOVERY_SYMBOLS, proxy::EnrollmentProxy};
use zeroize::Zeroizing;

use crate::{
    bus,
    failure::Failure,
    output::{self, Format},
    printable,
};

/// Shows the codes of `user` under a headline that says how they came about.
pub(crate) fn show(
    headline: &str,
    user: &str,
    codes: &[String],
    format: Format,
) -> Result<(), Failure> {
    match format {
        Format::Text => output::text(&page(headline, codes)),
        Format::Json => output::json(&CodesObject { user, recovery_codes: codes }),
    }
}

/// From here on downwards it is time for new ones.
pub(crate) const FEW: u32 = 3;

/// Tells a person who has just used a recovery code as `code` when there are few left.
pub(crate) fn warn_if_few(user: &str, code: &str, format: Format) -> Result<(), Failure> {
    let symbols = code.chars().filter(char::is_ascii_alphanumeric).count();
    if format == Format::Json || symbols != RECOVERY_SYMBOLS {
        return Ok(());
    }
    let status = bus::call(async |bus| EnrollmentProxy::new(bus).await?.status(user).await)?;
    output::remark(&few(&status));
    Ok(())
}

fn few(status: &Status) -> String {
    let left = status.recovery_codes_left;
    if status.authenticators.is_empty() || left > FEW {
        return String::new();
    }
    format!("Recovery codes left: {left}. `twinlock codes renew` makes new ones.\n")
}

/// Two columns, numbered downwards, so that they can be ticked off.
fn page(headline: &str, codes: &[String]) -> Zeroizing<String> {
    let mut page = output::page();
    page.push('\n');
    page.push_str(headline);
    page.push_str(
        "\n\n\
         Recovery codes, each good for one login when the phone is not at hand.\n\
         Note them now and keep them away from this host: they are never shown again.\n\n",
    );
    let (left, right) = codes.split_at(codes.len().div_ceil(2));
    for (row, code) in left.iter().enumerate() {
        push_numbered(&mut page, row + 1, code);
        if let Some(code) = right.get(row) {
            push_numbered(&mut page, left.len() + row + 1, code);
        }
        page.push('\n');
    }
    page
}

fn push_numbered(page: &mut String, number: usize, code: &str) {
    page.push_str(&format!("  {number:>2}. "));
    page.push_str(&printable::line(code));
}

#[derive(Serialize)]
struct CodesObject<'a> {
    user: &'a str,
    recovery_codes: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        let codes = CodesObject { user: "alice", recovery_codes: &["A".into(), "B".into()] };
        assert_eq!(
            serde_json::to_string(&codes).unwrap(),
            r#"{"user":"alice","recovery_codes":["A","B"]}"#
        );
        let none = CodesObject { user: "alice", recovery_codes: &[] };
        assert_eq!(
            serde_json::to_string(&none).unwrap(),
            r#"{"user":"alice","recovery_codes":[]}"#
        );
    }

    #[test]
    fn recovery_codes_stand_in_two_numbered_columns() {
        let codes: Vec<_> = (b'A'..=b'J').map(|c| char::from(c).to_string()).collect();
        let shown = page("alice is enrolled.", &codes);
        let rows: Vec<_> = shown.lines().filter(|line| line.contains(". ")).collect();
        assert_eq!(rows.len(), 5, "{}", *shown);
        assert_eq!(rows[0], "   1. A   6. F");
        assert_eq!(rows[4], "   5. E  10. J");
        assert!(shown.starts_with("\nalice is enrolled.\n\n"), "{}", *shown);
        assert!(shown.contains("never shown again"));
        assert!(page("x", &codes[..3]).contains("   2. B\n"));
    }

    #[test]
    fn few_codes_are_worth_a_word_while_there_is_an_authenticator() {
        let mut status = Status { recovery_codes_left: FEW, ..Status::default() };
        assert_eq!(few(&status), "", "none can be renewed");
        status.authenticators.push(Default::default());
        assert!(few(&status).contains("left: 3. `twinlock codes renew`"), "{}", few(&status));
        status.recovery_codes_left = FEW + 1;
        assert_eq!(few(&status), "");
    }

    #[test]
    fn a_code_cannot_drive_the_terminal() {
        assert!(!page("x", &["\u{1b}[2J".into()]).contains('\u{1b}'));
    }
}
