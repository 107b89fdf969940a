//! Whether the daemon answers, and what it says about policy and accounts.

use twinlock_interface::{AccountSummary, Policy, State, proxy::PolicyProxy};

use super::finding::Finding;
use crate::{
    accounts::{Bus, Daemon, List},
    bus,
    failure::{Failure, Name},
};

/// What the daemon told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) policy: Policy,
    /// Those the daemon has records of, and local people, by uid.
    pub(super) accounts: Result<Vec<AccountSummary>, Failure>,
}

impl Told {
    /// The names of those who have an authenticator.
    pub(super) fn enrolled(&self) -> Vec<String> {
        let accounts = self.accounts.iter().flatten();
        let enrolled = accounts.filter(|account| account.state == State::On && !account.stale);
        enrolled.map(|account| account.user.clone()).collect()
    }
}

/// Asks it. `people` are accounts it may have no record of.
pub(super) fn ask(people: Vec<String>) -> Result<Told, Failure> {
    let policy = bus::call(async |bus| PolicyProxy::new(bus).await?.show().await)?;
    Ok(Told { policy, accounts: accounts(List::new(Bus::default()), people) })
}

fn accounts<D: Daemon>(
    mut list: List<D>,
    people: Vec<String>,
) -> Result<Vec<AccountSummary>, Failure> {
    list.ask_for_all()?;
    let known = list.names();
    list.ask_by_name(people.into_iter().filter(|name| !known.contains(name)).collect())?;
    Ok(list.sorted())
}

/// It told its policy and not its accounts.
pub(super) fn accounts_untold(failure: &Failure) -> Finding {
    let (what, advice) = failure.message.split_once('\n').unwrap_or((&failure.message, ""));
    Finding::warning(
        "accounts-untold",
        format!("twinlockd does not tell its accounts: {what}"),
        "Who has to give a code and cannot is not known.",
        match advice {
            "" => "Run `twinlock doctor` again.".to_owned(),
            advice => advice.replace('\n', " "),
        },
    )
}

/// Why it did not answer: the words the other commands have for it.
pub(super) fn silent(failure: &Failure) -> Finding {
    let name = match failure.name {
        Name::BusUnreachable => "bus-unreachable",
        Name::AccessDenied => "bus-refuses-call",
        Name::DaemonUnreachable => "daemon-not-started",
        Name::DeadlineExceeded => "daemon-silent",
        Name::VersionMismatch => "daemon-of-another-version",
        _ => "daemon-cannot-answer",
    };
    let (what, advice) = failure.message.split_once('\n').unwrap_or((&failure.message, ""));
    let risk = "Every login that needs a code is refused.";
    Finding::problem(name, what, risk, advice.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use twinlock_interface::{AccountQuery, Error};

    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn accounts_that_are_not_told_are_no_refusal_of_every_login() {
        struct Busy;
        impl Daemon for Busy {
            fn accounts(&mut self, _: &AccountQuery) -> Result<Vec<AccountSummary>, Failure> {
                Err(Error::LimitsExceeded("Too many calls.".into()).into())
            }
        }
        let failure = accounts(List::new(Busy), vec!["alice".into()]).unwrap_err();
        let finding = accounts_untold(&failure);
        assert_eq!((finding.name, finding.severity), ("accounts-untold", Severity::Warning));
        assert!(finding.what.ends_with("accounts: Too many calls."), "{}", finding.what);
        assert!(!finding.risk.contains("refused"), "{}", finding.risk);
        assert_eq!(finding.advice, "Try again in a minute.");
    }

    #[test]
    fn a_daemon_that_is_not_there_is_told_in_the_words_of_every_command() {
        let finding = silent(&Failure::deadline(10));
        assert_eq!(finding.name, "daemon-silent");
        assert!(finding.what.starts_with("No answer within 10 seconds."), "{}", finding.what);
        assert!(finding.advice.contains("systemctl status"), "{}", finding.advice);
        let finding = silent(&Error::Unavailable("The database is full.".into()).into());
        assert_eq!(
            (finding.name, &*finding.what),
            ("daemon-cannot-answer", "The database is full.")
        );
        assert!(!finding.advice.is_empty());
    }
}
