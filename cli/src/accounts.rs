//! Accounts, asked of the daemon page by page, and in as many names at a time as one message holds.

use std::collections::BTreeSet;

use twinlock_interface::{AccountQuery, AccountSummary, names, proxy::ManagerProxy};

use crate::{bus, failure::Failure, pace::Pace};

/// Room for names in a query: what a message may have, less what else is in it.
const MOST_NAME_BYTES: usize = names::MAX_MESSAGE_BYTES - 512;

/// What a list asks of the daemon.
pub(crate) trait Daemon {
    /// A page of them.
    fn accounts(&mut self, query: &AccountQuery) -> Result<Vec<AccountSummary>, Failure>;
}

/// The daemon on the system bus.
#[derive(Default)]
pub(crate) struct Bus {
    pace: Pace,
}

impl Daemon for Bus {
    fn accounts(&mut self, query: &AccountQuery) -> Result<Vec<AccountSummary>, Failure> {
        self.pace.keep();
        bus::administer(async |bus| ManagerProxy::new(bus).await?.accounts(query).await)
    }
}

/// Accounts as they come, page by page.
pub(crate) struct List<D> {
    daemon: D,
    accounts: Vec<AccountSummary>,
}

impl<D: Daemon> List<D> {
    pub(crate) fn new(daemon: D) -> Self {
        Self { daemon, accounts: Vec::new() }
    }

    /// All that the daemon knows.
    pub(crate) fn ask_for_all(&mut self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let query = AccountQuery { after, ..AccountQuery::default() };
            let page = self.daemon.accounts(&query)?;
            let last = page.iter().map(|account| account.uid).max();
            self.accounts.extend(page);
            // A daemon that does not get ahead would be asked for ever.
            if last.is_none() || last <= after {
                return Ok(());
            }
            after = last;
        }
    }

    /// Those of these names that the daemon, or the host, knows.
    pub(crate) fn ask_by_name(&mut self, names: Vec<String>) -> Result<(), Failure> {
        for names in batches(names) {
            let query = AccountQuery { names, ..AccountQuery::default() };
            let page = self.daemon.accounts(&query)?;
            self.accounts.extend(page);
        }
        Ok(())
    }

    /// Names of those that came so far.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.accounts.iter().map(|account| account.user.clone()).collect()
    }

    /// Once each, by uid.
    pub(crate) fn sorted(mut self) -> Vec<AccountSummary> {
        let key = |account: &AccountSummary| (account.uid, account.user.clone());
        self.accounts.sort_by_cached_key(key);
        self.accounts.dedup_by_key(|account| key(account));
        self.accounts
    }
}

/// As many names at a time as one answer, and one message, can hold.
fn batches(names: Vec<String>) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    // A longer name has no account, and would make the whole query fail.
    for name in names.into_iter().filter(|name| name.len() <= names::MAX_NAME_BYTES) {
        // Its length, its end, and as much as it takes to align the next one.
        let size = name.len().saturating_add(4 + 1 + 3);
        match batches.last_mut() {
            Some(batch) if size <= room && batch.len() < names::PAGE => {
                room -= size;
                batch.push(name);
            }
            _ => {
                room = MOST_NAME_BYTES.saturating_sub(size);
                batches.push(vec![name]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, test_runner::Config};
    use zbus::wire::{LE, serialized::Context, serialized_size};

    use super::*;

    fn account(uid: u32, user: &str) -> AccountSummary {
        AccountSummary { uid, user: user.into(), ..AccountSummary::default() }
    }

    /// Knows the accounts, and has two to a page.
    struct Host(Vec<AccountSummary>);

    impl Daemon for Host {
        fn accounts(&mut self, query: &AccountQuery) -> Result<Vec<AccountSummary>, Failure> {
            let is_wanted = |account: &&AccountSummary| {
                (query.names.is_empty() || query.names.contains(&account.user))
                    && query.after.is_none_or(|after| account.uid > after)
            };
            let most = if query.names.is_empty() { 2 } else { names::PAGE };
            Ok(self.0.iter().filter(is_wanted).take(most).cloned().collect())
        }
    }

    fn host() -> List<Host> {
        let names = ["a", "b", "c", "d", "e"];
        List::new(Host((1..).zip(names).map(|(uid, name)| account(uid, name)).collect()))
    }

    fn listed(list: List<Host>) -> String {
        list.sorted().iter().map(|account| account.user.as_str()).collect()
    }

    #[test]
    fn every_page_is_asked_for() {
        let mut list = host();
        list.ask_for_all().unwrap();
        assert_eq!(listed(list), "abcde");
    }

    #[test]
    fn a_daemon_that_says_the_same_again_is_not_asked_for_ever() {
        struct Stuck;
        impl Daemon for Stuck {
            fn accounts(&mut self, _: &AccountQuery) -> Result<Vec<AccountSummary>, Failure> {
                Ok(vec![account(7, "a")])
            }
        }
        let mut list = List::new(Stuck);
        list.ask_for_all().unwrap();
        assert_eq!(list.sorted().len(), 1);
    }

    #[test]
    fn those_that_are_named_are_listed_once() {
        let mut list = host();
        let names = ["c", "nobody", "a", "c"].map(str::to_owned);
        list.ask_by_name(names.to_vec()).unwrap();
        list.ask_by_name(vec!["a".into()]).unwrap();
        assert_eq!(listed(list), "ac");
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn every_batch_fits_into_a_message_and_its_answer_into_a_page(
            asked in prop_oneof![vec("[a-zé]{0,140}", 0..400), vec("[a-z]{0,3}", 0..400)]
        ) {
            let batches = batches(asked.clone());
            for batch in &batches {
                prop_assert!(!batch.is_empty() && batch.len() <= names::PAGE);
                let query = AccountQuery { names: batch.clone(), ..AccountQuery::default() };
                let size = *serialized_size(Context::new(LE, 0), &query).unwrap();
                prop_assert!(size <= names::MAX_MESSAGE_BYTES - 256, "{size}");
            }
            let short = asked.into_iter().filter(|name| name.len() <= names::MAX_NAME_BYTES);
            prop_assert_eq!(batches.concat(), short.collect::<Vec<_>>());
        }
    }
}
