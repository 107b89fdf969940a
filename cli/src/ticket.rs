//! `twinlock ticket`: let somebody enrol during a login, once.

use serde::Serialize;
use twinlock_interface::proxy::ManagerProxy;
use zeroize::Zeroizing;

use crate::{
    arguments::Named,
    bus,
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    printable,
};

pub(crate) fn run(target: &Named, format: Format) -> Result<(), Failure> {
    let user = &target.user;
    let (ticket, expires_at) =
        bus::administer(async |bus| ManagerProxy::new(bus).await?.issue_ticket(user).await)?;
    let ticket = Zeroizing::new(ticket);
    let shown = match format {
        Format::Text => output::text(&page(user, &ticket, expires_at, &Moment::now())),
        Format::Json => output::json(&TicketObject { user, ticket: &ticket, expires_at }),
    };
    shown.map_err(|failure| {
        failure.advise(
            "The ticket is made, but it could not be shown and is never shown again. Run this \
             again: a new ticket replaces it.",
        )
    })
}

fn page(user: &str, ticket: &str, expires_at: u64, moment: &Moment) -> Zeroizing<String> {
    let user = printable::line(user);
    let mut page = output::page();
    page.push_str("Ticket for ");
    page.push_str(&user);
    page.push_str(":\n\n  ");
    page.push_str(&printable::line(ticket));
    page.push_str("\n\nGood once, until ");
    page.push_str(&moment.describe(expires_at));
    page.push_str(
        ".\nHand it over by a safe way: it is not shown again, and who has it besides the password\n\
         or key of the account can enrol.\n\n",
    );
    page.push_str(&user);
    page.push_str(
        " logs in as usual and types it at \"One-time code:\". That login then shows the key for\n\
         the authenticator app and goes on with the first code from it.\n",
    );
    page
}

#[derive(Serialize)]
struct TicketObject<'a> {
    user: &'a str,
    ticket: &'a str,
    expires_at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keys_are_the_documented_ones() {
        let object = TicketObject { user: "alice", ticket: "ABCD-EFGH", expires_at: 9 };
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            r#"{"user":"alice","ticket":"ABCD-EFGH","expires_at":9}"#
        );
    }

    #[test]
    fn the_ticket_is_told_with_its_end_and_its_use() {
        let page = page("al\u{1b}ice", "ABCD-EFGH", 1_111_111_109, &Moment::now());
        for words in ["\n  ABCD-EFGH\n", "until 2005-03-1", "\"One-time code:\"", "al\\u{1b}ice"] {
            assert!(page.contains(words), "{words}: {}", *page);
        }
        assert!(!page.contains('\u{1b}') && page.lines().all(|line| line.len() < 100));
    }
}
