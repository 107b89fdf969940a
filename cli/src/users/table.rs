//! Accounts in columns.

use twinlock_interface::{AccountSummary, State};

use crate::{moment::Moment, printable, wrapping::width};

const HEADINGS: [&str; COLUMNS] =
    ["NAME", "STATE", "SINCE", "REQUIRED BY", "LAST USE", "CODES", "REMARKS"];
const COLUMNS: usize = 7;

/// One line an account, below their headings; a sentence where there is none.
pub(super) fn page(accounts: &[&AccountSummary], moment: &Moment) -> String {
    if accounts.is_empty() {
        return "No account is like that.\n".to_owned();
    }
    let headings = HEADINGS.map(str::to_owned);
    let rows: Vec<_> =
        [headings].into_iter().chain(accounts.iter().map(|one| row(one, moment))).collect();
    let widths = rows.iter().fold([0; COLUMNS], |mut widths, row| {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
        widths
    });
    let line = |row: &[String; COLUMNS]| {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(widths) {
            line.push_str(cell);
            let gap = widest.saturating_sub(width(cell)).saturating_add(2);
            line.push_str(&" ".repeat(gap));
        }
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(account: &AccountSummary, moment: &Moment) -> [String; COLUMNS] {
    let day = |seconds| {
        let time = moment.in_column(seconds);
        time.split(' ').next().unwrap_or_default().to_owned()
    };
    let is_on = account.state == State::On;
    let nothing = || "-".to_owned();
    let required_by: Vec<_> = account.required_by.iter().map(u32::to_string).collect();
    [
        printable::line(&account.user).into_owned(),
        match account.state {
            State::Off => "off".to_owned(),
            State::Pending => "pending".to_owned(),
            State::On => "on".to_owned(),
        },
        account.since.map_or_else(nothing, day),
        match (account.required, required_by.as_slice()) {
            (false, _) => nothing(),
            (true, []) => "built in".to_owned(),
            (true, rules) => rules.join(","),
        },
        account.last_accepted_at.map_or_else(nothing, |at| moment.in_column(at)),
        if is_on { account.recovery_codes_left.to_string() } else { nothing() },
        remarks(account, moment),
    ]
}

/// Closed comes before locked: waiting does not end it.
fn remarks(account: &AccountSummary, moment: &Moment) -> String {
    let mut remarks = Vec::new();
    match account.locked_until {
        _ if account.closed => remarks.push("closed".to_owned()),
        Some(end) if moment.is_before(end) => {
            remarks.push(format!("locked until {}", moment.in_column(end)));
        }
        _ => {}
    }
    if account.stale {
        remarks.push("gone from the host".to_owned());
    }
    remarks.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> AccountSummary {
        AccountSummary {
            user: "alice".into(),
            uid: 1000,
            state: State::On,
            since: Some(1_111_111_109),
            required: true,
            required_by: vec![3, 7],
            last_accepted_at: Some(1_234_567_890),
            recovery_codes_left: 9,
            ..AccountSummary::default()
        }
    }

    fn told(account: &AccountSummary) -> String {
        let page = page(&[account], &Moment::now());
        page.lines().nth(1).unwrap().to_owned()
    }

    #[test]
    fn what_is_known_of_an_account_stands_in_one_line() {
        let line = told(&alice());
        assert!(line.starts_with("alice  on     2005-03-1"), "{line}");
        assert!(line.contains("  3,7          2009-02-1") && line.ends_with("  9"), "{line}");
        assert!(line.len() <= 80, "{line}");
    }

    #[test]
    fn columns_stand_below_their_headings() {
        let long = AccountSummary { user: "zoë with a long name".into(), ..alice() };
        let page = page(&[&alice(), &long], &Moment::now());
        let column =
            |line: &str, word: &str| line.find(word).map(|at| line[..at].chars().count()).unwrap();
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(column(lines[0], "STATE"), column(lines[1], "on "));
        assert_eq!(column(lines[0], "STATE"), column(lines[2], "on "));
        assert!(lines.iter().all(|line| !line.ends_with(' ')));
    }

    #[test]
    fn what_an_administrator_has_to_know_is_remarked() {
        let remarks = |account| remarks(&account, &Moment::now());
        let far = Some(4_000_000_000);
        assert!(
            remarks(AccountSummary { locked_until: far, ..alice() }).starts_with("locked until")
        );
        assert_eq!(remarks(AccountSummary { locked_until: Some(1), ..alice() }), "");
        let closed = AccountSummary { locked_until: far, closed: true, stale: true, ..alice() };
        assert_eq!(remarks(closed), "closed, gone from the host");
    }

    #[test]
    fn why_a_code_is_required_is_told() {
        let by = |required, rules: &[u32]| {
            let account = AccountSummary { required, required_by: rules.to_vec(), ..alice() };
            row(&account, &Moment::now())[3].clone()
        };
        assert_eq!([by(false, &[]), by(true, &[]), by(true, &[7])], ["-", "built in", "7"]);
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let line = told(&AccountSummary { user: "a\u{1b}[2J\nb".into(), ..alice() });
        assert!(line.starts_with("a\\u{1b}[2J\\u{a}b"), "{line}");
    }

    #[test]
    fn where_there_is_none_a_sentence_says_so() {
        assert_eq!(page(&[], &Moment::now()), "No account is like that.\n");
    }
}
