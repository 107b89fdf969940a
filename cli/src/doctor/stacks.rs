//! The stacks that name the module: whether every way through them asks for the code, and for
//! something else as well.

mod lines;

use super::{
    dispatch::{self, Code, FirstFactor, Ways},
    finding::Finding,
    modules::{self, Role},
};
use crate::pam_config::{Action, Kind, Place, ReturnCode, Stack, Step, Tree};

/// Services that belong together: whoever protects one means the other, too.
pub(crate) const TWINS: [(&str, &str); 2] = [("sudo", "sudo-i"), ("su", "su-l")];

/// Programs that keep the caller's uid while they run PAM, so that `pam_rootok.so` tells root from others
/// there. sshd, sudo and login run it as root for whoever comes.
const ASK_WHO_CALLS: [&str; 18] = [
    "su",
    "su-l",
    "runuser",
    "runuser-l",
    "chsh",
    "chfn",
    "passwd",
    "chage",
    "chpasswd",
    "newusers",
    "useradd",
    "usermod",
    "userdel",
    "groupadd",
    "groupmod",
    "groupdel",
    "groupmems",
    "chgpasswd",
];

/// What the stacks are judged by besides themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// The service that sshd uses: what else it asks for is judged with its settings.
    pub(crate) sshd_service: &'a str,
    /// Whether some people may enrol in a login now.
    pub(crate) enrollment_is_open: bool,
}

/// The `auth` stacks of all services that ask for a code.
pub(crate) fn with_code(tree: &Tree) -> Vec<Stack> {
    let services = tree.services().into_iter().filter(|name| !is_fragment(name));
    let stacks = services.map(|service| tree.stack(&service, Kind::Auth));
    // One that falls back to `other` is judged as that.
    stacks.filter(|stack| asks_for_code(stack) && !stack.is_other).collect()
}

/// Whether no program calls itself so: what distributions name the files that services include.
pub(super) fn is_fragment(name: &str) -> bool {
    name.starts_with("common-")
        || name.starts_with("system-")
        || name.ends_with("-auth")
        || name == "postlogin"
}

/// Whether the module stands somewhere in the stack.
pub(crate) fn asks_for_code(stack: &Stack) -> bool {
    stack.steps.iter().any(|step| modules::role(step) == Role::Code)
}

/// Whether some module of the stack proves who somebody is, besides the code.
pub(super) fn asks_for_first_factor(stack: &Stack) -> bool {
    stack.steps.iter().any(|step| modules::role(step) == Role::FirstFactor)
}

/// Everything that is to be said about `stacks`, which are those of [`with_code`].
pub(crate) fn findings(
    tree: &Tree,
    stacks: &[Stack],
    circumstances: Circumstances<'_>,
) -> Vec<Finding> {
    let mut findings = lines::in_wrong_kinds(tree);
    for stack in stacks {
        let found = one(stack, circumstances);
        findings.extend(found.into_iter().map(|finding| finding.of_service(&stack.service)));
    }
    findings
        .extend(TWINS.iter().filter_map(|(known, twin)| without_twin(tree, stacks, known, twin)));
    findings
}

fn one(stack: &Stack, circumstances: Circumstances<'_>) -> Vec<Finding> {
    let mut findings = lines::broken(stack);
    let refuses_everybody = !findings.is_empty();
    findings.extend(lines::of_ours(stack));
    findings.extend(lines::other_codes(stack));
    let mut ways = dispatch::ways(&stack.steps, stack.service == circumstances.sshd_service);
    if !ASK_WHO_CALLS.contains(&stack.service.as_str()) {
        ways.take_root_for_anybody();
    }
    if stack.is_cut || ways.is_cut {
        findings.push(Finding::warning(
            "stack-not-judged",
            format!("The stack of {} has more lines or ways than are looked at.", stack.service),
            "Whether the code can be got round is not known.",
            "Make it shorter, and run `twinlock doctor` again.",
        ));
    }
    findings.extend(led_past(stack, &ways));
    findings.extend(failure_ignored(stack, &ways));
    findings.extend(one_factor(stack, &ways, circumstances));
    findings.extend(password_checked(stack, &ways, circumstances));
    let gets_in = ways.in_.iter().any(|way| !way.by_root);
    if !gets_in && !refuses_everybody && !ways.is_cut {
        findings.push(
            Finding::problem(
                "nobody-gets-in",
                format!("No way through the stack of {} ends in a yes.", stack.service),
                "Everybody is refused, with the right password and code as well.",
                "Compare the file with the README's recipe.",
            )
            .at_some(ours(stack).map(|step| &step.place)),
        );
    }
    findings
}

fn ours(stack: &Stack) -> Option<&Step> {
    stack.steps.iter().find(|step| modules::role(step) == Role::Code)
}

/// Lines that lead somebody past ours into a yes.
fn led_past(stack: &Stack, ways: &Ways) -> Vec<Finding> {
    let mut leading: Vec<usize> = Vec::new();
    for way in ways.in_.iter().filter(|way| way.code == Code::Unasked && !way.by_root) {
        leading.extend(way.led_past.filter(|step| !leading.contains(step)));
    }
    let steps = leading.into_iter().filter_map(|index| stack.steps.get(index));
    steps.map(|step| leads_past(&stack.service, step)).collect()
}

fn leads_past(service: &str, step: &Step) -> Finding {
    let line = lines::spelt(step);
    let included = step.through.last().map(|place| {
        format!(
            "In {} line {}, write `substack` in the place of `include`, so that it ends that file only; \
             or put the pam_twinlock.so line before it.",
            place.file.display(),
            place.line
        )
    });
    let ends = step
        .control()
        .is_some_and(|control| ReturnCode::all().any(|code| control.on(code) == Action::Done));
    let finding = if ends {
        let risk = if modules::role(step) == Role::Root {
            format!(
                "{service} runs PAM as root for everybody: whoever comes is let in by this line."
            )
        } else {
            "Whoever gets past this one line is asked for no code.".to_owned()
        };
        Finding::problem(
            "sufficient-before-code",
            format!("`{line}` ends the stack with a yes before pam_twinlock.so is reached."),
            risk,
            included.unwrap_or_else(|| {
                "Put the pam_twinlock.so line before it, write `required` in the place of \
                 `sufficient`, or take the line out."
                    .to_owned()
            }),
        )
    } else {
        Finding::problem(
            "jump-around-code",
            format!("`{line}` jumps over pam_twinlock.so."),
            "Whoever it applies to is asked for no code, whatever the policy says; and the jump breaks \
             pam_setcred in sshd.",
            "Take the jump out, or make it shorter. Who needs no code is said with `twinlock policy \
             exempt`.",
        )
    };
    finding.at(&step.place)
}

/// A no of the module that does not refuse.
fn failure_ignored(stack: &Stack, ways: &Ways) -> Option<Finding> {
    let lets_in = |code| ways.in_.iter().any(|way| way.code == code && !way.by_root);
    let step = ours(stack)?;
    let line = lines::spelt(step);
    let finding = if lets_in(Code::Refused) {
        Finding::problem(
            "refusal-ignored",
            format!("`{line}` does not refuse a login with a wrong code."),
            "A wrong code, or none, lets in.",
            "Write `required` as the control.",
        )
    } else if lets_in(Code::Unavailable) {
        Finding::warning(
            "open-without-daemon",
            format!("`{line}` lets in when twinlockd cannot be asked."),
            "Whoever can stop the daemon or the bus, or fill the disk, is asked for no code.",
            "Write `required` as the control, unless that is meant.",
        )
    } else {
        return None;
    };
    Some(finding.at(&step.place))
}

/// Ways in on which the code is all that is asked for, or nothing is.
fn one_factor(stack: &Stack, ways: &Ways, circumstances: Circumstances<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(step) = ours(stack) else { return findings };
    let without_first = |code| {
        let mut ways =
            ways.in_.iter().filter(|way| !way.by_root && way.first != FirstFactor::Passed);
        ways.any(|way| way.code == code)
    };
    if without_first(Code::NotRequired) {
        let culprit = open_without_code(stack).unwrap_or(step);
        findings.push(
            Finding::problem(
                "open-without-code",
                format!(
                    "`{}` makes a yes of it when no code is required, and nothing else was proved.",
                    lines::spelt(culprit)
                ),
                "An account that needs no code is let in by this stack without anything.",
                "Take `not_required=success`, or the line that says yes to everybody, out: alone, an \
                 \"ignore\" of the module is no yes.",
            )
            .at(&culprit.place),
        );
    }
    if !asks_for_first_factor(stack) {
        if stack.service != circumstances.sshd_service && without_first(Code::Accepted) {
            findings.push(
                Finding::warning(
                    "code-alone",
                    format!("The stack of {} asks for the code and nothing else.", stack.service),
                    "Whoever has the phone is let in.",
                    "Put the line that asks for the password, such as `@include common-auth`, before it.",
                )
                .at(&step.place),
            );
        }
        return findings;
    }
    if without_first(Code::Accepted) {
        let culprit = code_for_password(stack, step);
        let mut risk = "Whoever has the phone is let in: one factor, not two.".to_owned();
        if without_first(Code::Vouched) {
            risk += " Behind a key that sshd checked, an account that needs no code is let in without \
                     its password.";
        }
        findings.push(
            Finding::problem(
                "code-replaces-password",
                format!(
                    "`{}` lets in with the right code and a wrong password.",
                    lines::spelt(culprit)
                ),
                risk,
                "Write `required` as the control.",
            )
            .at(&culprit.place),
        );
    }
    findings
}

/// The line that turns an "ignore" into a yes.
fn open_without_code(stack: &Stack) -> Option<&Step> {
    let ours = stack.steps.iter().filter(|step| modules::role(step) == Role::Code);
    let with_option = ours.clone().find(|step| step.has("not_required=success"));
    with_option.or_else(|| stack.steps.iter().find(|step| step.is("pam_permit.so")))
}

/// The line that lets a code count for a password: ours where it ends the stack, or else the one that
/// asks for the password and is not missed.
fn code_for_password<'s>(stack: &'s Stack, ours: &'s Step) -> &'s Step {
    let on_success = ours.control().map(|control| control.on(ReturnCode::SUCCESS));
    if matches!(on_success, Some(Action::Done | Action::Jump(_))) {
        return ours;
    }
    let mut first = stack.steps.iter().filter(|step| modules::role(step) == Role::FirstFactor);
    first.next().unwrap_or(ours)
}

/// Whether `password_checked` is true where it is said, and said where it is needed.
fn password_checked(
    stack: &Stack,
    ways: &Ways,
    circumstances: Circumstances<'_>,
) -> Option<Finding> {
    let step = ours(stack)?;
    let line = lines::spelt(step);
    let finding = if step.has("password_checked") {
        if ways.before_code.contains(&FirstFactor::Failed) {
            Finding::problem(
                "password-not-checked",
                format!("`{line}` is reached with a wrong password, too."),
                "Whoever knows a name and no password could enrol in its owner's place.",
                "Take the word `password_checked` out, or make the stack end at a wrong password \
                 (`requisite pam_deny.so` where `required pam_deny.so` stands).",
            )
        } else if !ways.before_code.contains(&FirstFactor::Passed) {
            Finding::note(
                "password-checked-without-password",
                format!("`{line}` has no line before it that asks for a password."),
                "The word has no effect.",
                "Take the word `password_checked` out.",
            )
        } else {
            return None;
        }
    } else {
        let behind_password = ways.before_code.iter().eq([&FirstFactor::Passed]);
        if !(circumstances.enrollment_is_open && behind_password) {
            return None;
        }
        Finding::note(
            "password-checked-missing",
            format!("`{line}` does not say that the password was checked before it."),
            "People may enrol in a login now, but whoever comes with a password is not offered it \
             here: the log says no-first-factor.",
            "Add the word `password_checked` to the line: nobody with a wrong password comes that far.",
        )
    };
    Some(finding.at(&step.place))
}

/// A service that stands beside a protected one and is not.
fn without_twin(tree: &Tree, stacks: &[Stack], known: &str, twin: &str) -> Option<Finding> {
    let is_protected = |name: &str| stacks.iter().any(|stack| stack.service == name);
    if !is_protected(known) || is_protected(twin) || tree.file(twin).is_none() {
        return None;
    }
    let stack = tree.stack(twin, Kind::Auth);
    if asks_for_code(&stack) {
        return None;
    }
    let last = stack.steps.last().map(|step| own_line(step).clone());
    let file = tree.file(twin)?;
    let finding = Finding::warning(
        "login-service-without-code",
        format!("{known} asks for a code, and {twin}, a PAM service of its own, does not."),
        format!("Whoever says `{}` is asked for no code.", twin.replace('-', " -")),
        format!(
            "`sudo twinlock pam enable {twin} --try 120s`, or add the pam_twinlock.so line of {known} to \
             {} by hand.",
            file.display()
        ),
    );
    let finding = match last.filter(|place| place.file == file) {
        Some(place) => finding.at(&place),
        None => finding.in_file(&file),
    };
    Some(finding.of_service(twin))
}

/// The line of the service's own file that a step comes from.
fn own_line(step: &Step) -> &Place {
    step.through.first().unwrap_or(&step.place)
}

#[cfg(test)]
mod tests;
