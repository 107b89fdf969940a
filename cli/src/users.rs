//! `twinlock users`: accounts, enrolled and not.

mod people;
mod table;

use nix::unistd::User;
use serde::Serialize;
use twinlock_interface::{AccountSummary, Error, State};

use crate::{
    accounts::{Bus, List},
    arguments::users::{Filter, Users},
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    printable, user_database,
};

pub(crate) fn run(options: &Users, format: Format) -> Result<(), Failure> {
    let moment = Moment::now();
    let mut list = List::new(Bus::default());
    match (&options.group, options.names.as_slice()) {
        (Some(group), _) => list.ask_by_name(people::members(group)?)?,
        (None, []) => {
            list.ask_for_all()?;
            let known = list.names();
            let people = people::of_host()?;
            list.ask_by_name(people.into_iter().filter(|name| !known.contains(name)).collect())?;
        }
        (None, names) => list.ask_by_name(names.to_vec())?,
    }
    let all = list.sorted();
    let fits = |account: &&AccountSummary| options.filter.fits(account, &moment);
    let accounts: Vec<_> = all.iter().filter(fits).collect();
    match format {
        Format::Text => output::text(&table::page(&accounts, &moment))?,
        Format::Json => {
            accounts.iter().try_for_each(|account| output::json(&AccountObject::from(*account)))?;
        }
    }
    missing(&all, &options.names)
}

/// An error that tells which of `names` are not among the accounts.
fn missing(accounts: &[AccountSummary], names: &[String]) -> Result<(), Failure> {
    let has_uid = |uid| accounts.iter().any(|account| account.uid == uid);
    // The name on the list may be spelled in another way.
    let mut missing = Vec::new();
    for name in names.iter().filter(|name| !accounts.iter().any(|one| one.user == **name)) {
        let user = user_database::look_up(name, User::from_name)?.ok().flatten();
        if !user.is_some_and(|user| has_uid(user.uid.as_raw())) {
            missing.push(printable::line(name));
        }
    }
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Error::NoSuchAccount(format!(
            "Neither the host nor twinlockd knows {}.",
            missing.join(", ")
        ))
        .into()),
    }
}

impl Filter {
    fn fits(&self, account: &AccountSummary, moment: &Moment) -> bool {
        self.state.is_none_or(|state| State::from(state) == account.state)
            && (!self.locked || is_locked(account, moment))
            && (!self.required || account.required)
            && (!self.stale || account.stale)
    }
}

fn is_locked(account: &AccountSummary, moment: &Moment) -> bool {
    account.closed || account.locked_until.is_some_and(|end| moment.is_before(end))
}

/// All keys always, so that a script need not ask which are there.
#[derive(Serialize)]
struct AccountObject<'a> {
    user: &'a str,
    uid: u32,
    state: State,
    since: Option<u64>,
    required: bool,
    required_by: &'a [u32],
    last_accepted_at: Option<u64>,
    authenticators: u32,
    recovery_codes_left: u32,
    failures: u32,
    locked_until: Option<u64>,
    closed: bool,
    stale: bool,
}

impl<'a> From<&'a AccountSummary> for AccountObject<'a> {
    fn from(account: &'a AccountSummary) -> Self {
        Self {
            user: &account.user,
            uid: account.uid,
            state: account.state,
            since: account.since,
            required: account.required,
            required_by: &account.required_by,
            last_accepted_at: account.last_accepted_at,
            authenticators: account.authenticators,
            recovery_codes_left: account.recovery_codes_left,
            failures: account.failures,
            locked_until: account.locked_until,
            closed: account.closed,
            stale: account.stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::users as arguments;

    fn account(uid: u32, user: &str) -> AccountSummary {
        AccountSummary { uid, user: user.into(), ..AccountSummary::default() }
    }

    #[test]
    fn names_that_nobody_knows_are_told() {
        let names = ["c", "no\u{1b}body", "a"].map(str::to_owned);
        let accounts = [account(1, "a"), account(3, "c")];
        let failure = missing(&accounts, &names).unwrap_err();
        assert!(failure.message.contains("knows no\\u{1b}body."), "{}", failure.message);
        assert!(missing(&accounts, &names[..1]).is_ok());
    }

    #[test]
    fn only_what_fits_all_filters_is_listed() {
        let far = Some(4_000_000_000);
        let accounts = [
            AccountSummary { state: State::On, required: true, ..account(1, "a") },
            AccountSummary { locked_until: far, required: true, ..account(2, "b") },
            AccountSummary { closed: true, state: State::On, ..account(3, "c") },
            AccountSummary { locked_until: Some(1), stale: true, ..account(4, "d") },
        ];
        let on = Some(arguments::State::On);
        for (filter, wanted) in [
            (Filter { state: on, ..Filter::default() }, "ac"),
            (Filter { locked: true, ..Filter::default() }, "bc"),
            (Filter { required: true, ..Filter::default() }, "ab"),
            (Filter { stale: true, ..Filter::default() }, "d"),
            (Filter { state: on, required: true, ..Filter::default() }, "a"),
        ] {
            let fit = accounts.iter().filter(|account| filter.fits(account, &Moment::now()));
            let fit: String = fit.map(|account| account.user.as_str()).collect();
            assert_eq!(fit, wanted, "{filter:?}");
        }
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        let account = AccountSummary { required_by: vec![7], ..account(1000, "alice") };
        assert_eq!(
            serde_json::to_string(&AccountObject::from(&account)).unwrap(),
            r#"{"user":"alice","uid":1000,"state":"off","since":null,"required":false,"#.to_owned()
                + r#""required_by":[7],"last_accepted_at":null,"authenticators":0,"#
                + r#""recovery_codes_left":0,"failures":0,"locked_until":null,"closed":false,"#
                + r#""stale":false}"#
        );
    }
}
