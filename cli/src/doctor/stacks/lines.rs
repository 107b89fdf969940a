//! Single lines of a stack: what libpam cannot read, what the module does not take, and what does not go
//! together.

use std::fmt::Write as _;

use crate::{
    doctor::{
        finding::Finding,
        module_options,
        modules::{self, Role},
        stacks::is_fragment,
    },
    pam_config::{Call, Kind, Stack, Step, Tree},
};

/// The line as one would write it, blanks aside.
pub(super) fn spelt(step: &Step) -> String {
    match &step.call {
        Call::Module { control, module, arguments, .. } => {
            let mut line = format!("{} {module}", control.text());
            for argument in arguments {
                // Writing to a string does not fail.
                let _ = write!(line, " {argument}");
            }
            line
        }
        Call::Substack => "substack".to_owned(),
        Call::Failure { .. } => "the line".to_owned(),
    }
}

/// Lines that libpam cannot read. Each of them refuses every login.
pub(super) fn broken(stack: &Stack) -> Vec<Finding> {
    let complaint = |step: &Step| match &step.call {
        Call::Failure { why } => Some((*why).to_owned()),
        Call::Module { control, .. } if !control.is_understood() => {
            Some(format!("the control `{}` is not understood", control.text()))
        }
        Call::Module { .. } | Call::Substack => None,
    };
    let found = stack.steps.iter().filter_map(|step| {
        let finding = Finding::problem(
            "broken-line",
            format!("libpam cannot read this line: {}.", complaint(step)?),
            "It fails whenever it is come to, and everybody is refused.",
            "Correct the line: pam.conf(5) describes it.",
        );
        Some(finding.at(&step.place))
    });
    found.collect()
}

/// What our own lines say.
pub(super) fn of_ours(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for step in stack.steps.iter().filter(|step| modules::role(step) == Role::Code) {
        if let Some(complaint) = module_options::complaint(step.arguments()) {
            findings.push(
                Finding::problem(
                    "bad-option",
                    format!("pam_twinlock.so does not take this line: {complaint}."),
                    "Every login through it is refused.",
                    "Correct the option; the README lists what there is.",
                )
                .at(&step.place),
            );
        }
        if is_shared(stack, step) {
            findings.push(
                Finding::note(
                    "shared-file",
                    "The line stands in a file that several services include.",
                    "Whatever includes it asks for a code; a service that cannot ask a second question \
                     (mail, FTP) refuses everybody.",
                    "Prefer the services' own files, such as /etc/pam.d/sshd.",
                )
                .at(&step.place),
            );
        }
    }
    findings
}

/// Whether the line came along with an `include`; not where a service includes its own plain form, as
/// su-l does with su.
fn is_shared(stack: &Stack, step: &Step) -> bool {
    let file = step.place.file.file_name().and_then(|name| name.to_str());
    !step.through.is_empty() && file.is_none_or(|file| !stack.service.starts_with(file))
}

/// Other one-time codes in the same stack, and ours twice.
pub(super) fn other_codes(stack: &Stack) -> Vec<Finding> {
    let asking = || stack.steps.iter().filter(|step| modules::asks_for_code(step));
    let mut findings = Vec::new();
    if let Some((first, second)) = asking().next().zip(asking().nth(1)) {
        let name = |step: &Step| step.module().unwrap_or_default().to_owned();
        findings.push(
            Finding::warning(
                "two-code-modules",
                format!(
                    "{} stands in the same stack as {} ({} line {}).",
                    name(second),
                    name(first),
                    first.place.file.display(),
                    first.place.line
                ),
                "People are asked twice, and a code that one of them took is refused by the other.",
                "Take one of the lines out; `twinlock import` takes over what the other program kept.",
            )
            .at(&second.place),
        );
    }
    let not_ours = asking().filter(|step| modules::role(step) != Role::Code);
    findings.extend(not_ours.filter(|step| step.has("nullok")).map(|step| {
        Finding::warning(
            "nullok",
            format!("`{}` asks nobody who has no file of its own.", spelt(step)),
            "Whoever removes that file from their home is not asked by it any more.",
            "Take `nullok` out, or the whole line: who needs no code is said with `twinlock policy`.",
        )
        .at(&step.place)
    }));
    findings
}

/// Lines of the module outside `auth`, in whatever service.
pub(super) fn in_wrong_kinds(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in tree.services().into_iter().filter(|name| !is_fragment(name)) {
        for kind in [Kind::Account, Kind::Password, Kind::Session] {
            let stack = tree.stack(&service, kind);
            if stack.is_other {
                continue;
            }
            let ours = stack.steps.iter().filter(|step| modules::role(step) == Role::Code);
            findings.extend(ours.map(|step| {
                let word = kind.word();
                Finding::problem(
                    "not-an-auth-line",
                    format!("pam_twinlock.so stands in a line of `{word}`."),
                    "It asks nothing there, and answers every call with an error.",
                    "Take the line out; one that begins with `auth` is what asks for the code.",
                )
                .at(&step.place)
                .of_service(&service)
            }));
        }
    }
    findings
}
