//! `twinlock policy profile`: how many failures lock an account, and for how long.

use twinlock_interface::{Policy, PolicyChange, Profile};

use super::{change, object::ProfileObject, show};
use crate::{
    arguments::policy::{self as arguments, SetProfile},
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    wrapping::wrapped,
};

pub(super) fn run(options: &SetProfile, moment: &Moment, format: Format) -> Result<(), Failure> {
    let Some(name) = options.name else {
        let policy = show()?;
        return output::result(format, &numbers(&policy), &ProfileObject::from(&policy));
    };
    let profile = Some(Profile::from(name));
    let change = PolicyChange { profile, ..PolicyChange::default() };
    let done = change::send(change::prepared(change, &options.care)?)?;
    let page = if done.is_dry_run() {
        format!("Nothing was changed. The profile would be {}.\n", word(name.into()))
    } else {
        numbers(&done.policy)
    };
    output::result(format, &page, &done.object(moment))
}

impl From<arguments::Profile> for Profile {
    fn from(profile: arguments::Profile) -> Self {
        match profile {
            arguments::Profile::Default => Self::Default,
            arguments::Profile::Cis => Self::Cis,
            arguments::Profile::Stig => Self::Stig,
            arguments::Profile::Pci => Self::Pci,
        }
    }
}

pub(super) fn word(profile: Profile) -> &'static str {
    match profile {
        Profile::Default => "default",
        Profile::Cis => "cis",
        Profile::Stig => "stig",
        Profile::Pci => "pci",
    }
}

fn numbers(policy: &Policy) -> String {
    let Policy { lock_after, lock_seconds, lock_at_most_seconds, close_after, .. } = policy;
    let mut page = format!("Throttle profile {}:\n", word(policy.profile));
    // Where an account is closed before it could be locked, there is no lock to tell of.
    if lock_after < close_after {
        let mut lock =
            format!("{lock_after} failures lock an account for {}", duration(*lock_seconds));
        if lock_at_most_seconds > lock_seconds {
            let most = duration(*lock_at_most_seconds);
            lock.push_str(&format!(
                ", each further {lock_after} for twice as long, at most {most}"
            ));
        }
        page.push_str(&wrapped("  ", &format!("{lock}.")));
    }
    page.push_str(&wrapped(
        "  ",
        &format!(
            "{close_after} failures without a success close it until `twinlock unlock` or a recovery \
             code opens it."
        ),
    ));
    page.push_str(
        "They are counted apart for each place that is known, and for all others together.\n",
    );
    page
}

fn duration(seconds: u64) -> String {
    let (amount, unit) = match seconds {
        0 => (0, "second"),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    let plural = if amount == 1 { "" } else { "s" };
    format!("{amount} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn policy() -> Policy {
        Policy {
            lock_after: 5,
            lock_seconds: 900,
            lock_at_most_seconds: 86_400,
            close_after: 100,
            ..Policy::default()
        }
    }

    #[test]
    fn the_numbers_in_force_are_told() {
        let told = numbers(&policy());
        for words in
            ["profile default", "5 failures lock", "15 minutes", "24 hours", "100 failures"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
        let steady = numbers(&Policy { lock_at_most_seconds: 900, ..policy() });
        assert!(!steady.contains("twice"), "{steady}");
    }

    #[test]
    fn a_lock_that_never_comes_is_not_told() {
        let told = numbers(&Policy { lock_after: 3, close_after: 3, ..policy() });
        assert!(!told.contains(" lock ") && told.contains("3 failures without"), "{told}");
    }

    #[test]
    fn profiles_are_spelled_on_the_command_line_as_in_the_list() {
        for profile in arguments::Profile::value_variants() {
            let value = profile.to_possible_value().unwrap();
            assert_eq!(value.get_name(), word((*profile).into()));
        }
    }
}
