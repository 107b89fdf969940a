//! `twinlock codes`: count the recovery codes, or renew them.

use serde::Serialize;
use twinlock_interface::{Status, proxy::EnrollmentProxy};
use zeroize::Zeroizing;

use crate::{
    account_name,
    arguments::{Codes, CodesAction, OwnOrNamed},
    bus,
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    printable, prompt, recovery_codes,
};

pub(crate) fn run(options: &Codes, format: Format) -> Result<(), Failure> {
    match (&options.action, &options.target.user) {
        (None, _) => count(&options.target, format),
        (Some(CodesAction::Renew(target)), None) => renew(target, format),
        (Some(CodesAction::Renew(_)), Some(_)) => {
            Err(Failure::usage("The account stands last: twinlock codes renew USER"))
        }
    }
}

fn count(target: &OwnOrNamed, format: Format) -> Result<(), Failure> {
    let user = account_name::of(target)?;
    let status = bus::call(async |bus| EnrollmentProxy::new(bus).await?.status(&user).await)?;
    output::result(
        format,
        &page(&status, target.user.as_deref(), &Moment::now()),
        &CountObject {
            user: &status.user,
            recovery_codes_left: status.recovery_codes_left,
            recovery_codes_used_at: &status.recovery_codes_used_at,
        },
    )
}

fn page(status: &Status, named: Option<&str>, moment: &Moment) -> String {
    let user = printable::line(&status.user);
    if status.authenticators.is_empty() {
        return format!("{user} has no authenticator, and no recovery codes without one.\n");
    }
    let left = status.recovery_codes_left;
    let plural = if left == 1 { "" } else { "s" };
    let mut page = format!("{user} has {left} unused recovery code{plural}.\n");
    if !status.recovery_codes_used_at.is_empty() {
        page.push_str("Others of the set were used:\n");
    }
    for used_at in &status.recovery_codes_used_at {
        page.push_str(&format!("  {}\n", moment.describe(*used_at)));
    }
    if left <= recovery_codes::FEW {
        let named = named.map(|name| format!(" {}", printable::line(name))).unwrap_or_default();
        page.push_str(&format!(
            "That is few: `twinlock codes renew{named}` makes ten new ones against a code from the app.\n"
        ));
    }
    page
}

fn renew(target: &OwnOrNamed, format: Format) -> Result<(), Failure> {
    let user = account_name::of(target)?;
    let line = prompt::line("Code from the app: ", format)?;
    let code = prompt::sendable_code(&line)?;
    let codes = bus::call_for_recovery_codes(async |bus| {
        EnrollmentProxy::new(bus).await?.renew_codes(&user, code).await
    });
    let codes = Zeroizing::new(codes?);
    let headline =
        format!("{} has new recovery codes; the old ones are dead.", printable::line(&user));
    recovery_codes::show(&headline, &user, &codes, format).map_err(|failure| {
        failure.advise(
            "The old recovery codes are dead; the new ones could not be shown and are never shown \
             again. Run `twinlock codes renew` once more.",
        )
    })
}

#[derive(Serialize)]
struct CountObject<'a> {
    user: &'a str,
    recovery_codes_left: u32,
    recovery_codes_used_at: &'a [u64],
}

#[cfg(test)]
mod tests {
    use twinlock_interface::AuthenticatorStatus;

    use super::*;
    use crate::failure::Name;
    use crate::recovery_codes::FEW;

    fn with(left: u32, used_at: &[u64]) -> Status {
        Status {
            user: "al\u{1b}ice".into(),
            authenticators: vec![AuthenticatorStatus::default()],
            recovery_codes_left: left,
            recovery_codes_used_at: used_at.to_vec(),
            ..Status::default()
        }
    }

    fn told(status: &Status) -> String {
        page(status, Some("al\u{1b}ice"), &Moment::now())
    }

    #[test]
    fn json_keys_are_the_documented_ones() {
        let object =
            CountObject { user: "alice", recovery_codes_left: 8, recovery_codes_used_at: &[1, 2] };
        assert_eq!(
            serde_json::to_string(&object).unwrap(),
            r#"{"user":"alice","recovery_codes_left":8,"recovery_codes_used_at":[1,2]}"#
        );
    }

    #[test]
    fn a_full_set_is_told_in_one_line() {
        assert_eq!(told(&with(10, &[])), "al\\u{1b}ice has 10 unused recovery codes.\n");
    }

    #[test]
    fn each_use_has_a_line_with_its_time() {
        let page = told(&with(8, &[1_111_111_109, 1_234_567_890]));
        let uses: Vec<_> = page.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(uses.len(), 2, "{page}");
        assert!(uses[0].starts_with("  2005-03-1") && uses[1].starts_with("  2009-02-1"), "{page}");
    }

    #[test]
    fn three_are_few_and_four_are_not() {
        for left in 0..=FEW {
            let page = told(&with(left, &[]));
            assert!(page.contains("`twinlock codes renew al\\u{1b}ice`"), "{page}");
        }
        assert!(!told(&with(FEW + 1, &[])).contains("renew"));
        assert!(told(&with(1, &[])).contains("1 unused recovery code.\n"));
    }

    #[test]
    fn without_an_authenticator_there_is_nothing_to_renew() {
        let off = Status { user: "bob".into(), ..Status::default() };
        let page = told(&off);
        assert!(page.contains("no authenticator") && !page.contains("renew"), "{page}");
    }

    #[test]
    fn an_account_before_the_command_is_not_taken_for_another() {
        let named = |name: &str| OwnOrNamed { user: Some(name.into()) };
        let options =
            Codes { target: named("alice"), action: Some(CodesAction::Renew(named("bob"))) };
        let failure = run(&options, Format::Json).unwrap_err();
        assert_eq!((failure.name, failure.exit.code()), (Name::Usage, 2));
    }
}
