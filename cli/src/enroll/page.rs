//! What enrolment shows to a person.

use twinlock_interface::Material;
use zeroize::Zeroizing;

use super::picture;
use crate::{arguments::enroll::Drawn, failure::Failure, moment::Moment, output, printable};

/// Symbols of base32 between two spaces.
const GROUP: usize = 4;

/// Shows the key in every form. The QR code comes last, so that it stands whole above the prompt.
pub(super) fn show_key(user: &str, key: &Material, drawn: &Drawn) -> Result<(), Failure> {
    output::text(&key_page(user, key, &Moment::now()))?;
    match picture::draw(&key.key_uri, drawn) {
        None => Ok(()),
        Some(Ok(picture)) => {
            output::text("\nScan this with an authenticator app:\n")?;
            output::text(&picture)
        }
        Some(Err(unfit)) => output::text(&format!("\n{unfit}\n")),
    }
}

/// Shows what becomes of a key that was brought, and nothing of the key.
pub(super) fn show_brought_key(user: &str, expires_at: u64) -> Result<(), Failure> {
    output::text(&brought_page(user, expires_at, &Moment::now()))
}

fn brought_page(user: &str, expires_at: u64, moment: &Moment) -> String {
    format!(
        "Enrolling {} with the key you brought.\n\nIt waits for its first code until {}.\n",
        printable::line(user),
        moment.describe(expires_at)
    )
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
        let moment = Moment::now();
        assert!(!key_page(name, &material(), &moment).contains('\u{1b}'));
        assert!(!brought_page(name, 0, &moment).contains('\u{1b}'));
    }
}
