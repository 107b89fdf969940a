//! What enrolment shows to a person.

use twinlock_interface::Material;
use zeroize::Zeroizing;

use super::picture;
use crate::{arguments::Enroll, failure::Failure, moment::Moment, output, printable};

/// Symbols of base32 between two spaces.
const GROUP: usize = 4;

/// Shows the key in every form. The QR code comes last, so that it stands whole above the prompt.
pub(super) fn show_key(user: &str, key: &Material, options: &Enroll) -> Result<(), Failure> {
    output::text(&key_page(user, key, &Moment::now()))?;
    match picture::draw(&key.key_uri, options) {
        None => Ok(()),
        Some(Ok(picture)) => {
            output::text("\nScan this with an authenticator app:\n")?;
            output::text(&picture)
        }
        Some(Err(unfit)) => output::text(&format!("\n{unfit}\n")),
    }
}

/// Built with `push_str` alone: `format!` would leave copies of the secret behind.
fn key_page(user: &str, key: &Material, moment: &Moment) -> Zeroizing<String> {
    let mut page = output::page();
    page.push_str("Enrolling ");
    page.push_str(&printable::line(user));
    page.push_str(".\n\nKey URI:\n");
    page.push_str(&printable::line(&key.key_uri));
    page.push_str("\n\nKey to type into the app:\n");
    push_grouped(&mut page, &key.secret_base32);
    page.push_str("\n\nThe key waits for its first code until ");
    page.push_str(&moment.describe(key.expires_at));
    page.push_str(".\n");
    page
}

fn push_grouped(page: &mut String, secret: &str) {
    for (position, symbol) in secret.chars().filter(|c| !c.is_control()).enumerate() {
        if position > 0 && position.is_multiple_of(GROUP) {
            page.push(' ');
        }
        page.push(symbol);
    }
}

/// Shows the recovery codes, this once.
pub(super) fn show_recovery_codes(user: &str, codes: &[String]) -> Result<(), Failure> {
    output::text(&recovery_page(user, codes))
}

/// Two columns, numbered downwards, so that they can be ticked off.
fn recovery_page(user: &str, codes: &[String]) -> Zeroizing<String> {
    let mut page = output::page();
    page.push('\n');
    page.push_str(&printable::line(user));
    page.push_str(
        " is enrolled.\n\n\
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

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/host:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn material() -> Material {
        Material {
            key_uri: URI.into(),
            secret_base32: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
            expires_at: 1_111_111_109,
        }
    }

    #[test]
    fn the_key_uri_has_a_line_to_itself() {
        let page = key_page("alice", &material(), &Moment::now());
        assert_eq!(page.lines().filter(|line| *line == URI).count(), 1, "{}", *page);
        assert_eq!(page.matches("otpauth").count(), 1);
    }

    #[test]
    fn the_secret_is_shown_in_groups_of_four() {
        let page = key_page("alice", &material(), &Moment::now());
        assert!(page.contains("\nGEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\n"), "{}", *page);
        let mut odd = String::new();
        push_grouped(&mut odd, "ABCDE");
        assert_eq!(odd, "ABCD E");
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let name = "al\u{1b}[2Jice";
        let pages = [key_page(name, &material(), &Moment::now()), recovery_page(name, &[])];
        assert!(pages.iter().all(|page| !page.contains('\u{1b}')));
    }

    #[test]
    fn recovery_codes_stand_in_two_numbered_columns() {
        let codes: Vec<_> = (b'A'..=b'J').map(|c| char::from(c).to_string()).collect();
        let page = recovery_page("alice", &codes);
        let rows: Vec<_> = page.lines().filter(|line| line.contains(". ")).collect();
        assert_eq!(rows.len(), 5, "{}", *page);
        assert_eq!(rows[0], "   1. A   6. F");
        assert_eq!(rows[4], "   5. E  10. J");
        assert!(page.contains("never shown again"));
        assert!(recovery_page("alice", &codes[..3]).contains("   2. B\n"));
    }
}
