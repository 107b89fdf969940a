//! What `twinlock pam enable` would change, worked out and judged before anything is written.

use std::path::Path;

use super::{
    insertion,
    journal::{Edit, Way},
    service_file,
    site::Site,
    sshd::Sshd,
    undo,
};
use crate::{
    doctor::{
        self,
        finding::{Finding, Severity},
        stacks::{self, Circumstances, TWINS},
        sudo::{self, Sudoers},
    },
    failure::Failure,
    pam_config::{Kind, Stack, Tree},
};

const SSHD: &str = "sshd";
/// The services whose stacks sudo goes through, unless its settings name another.
const OF_SUDO: [&str; 2] = ["sudo", "sudo-i"];

/// A service that would ask for a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) service: String,
    pub(super) way: Way,
    /// Whether the line offers enrolment in a login: only behind a first factor it can be sure of.
    pub(super) enrolls: bool,
    pub(super) edit: Edit,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) planned: Vec<Planned>,
    /// What a person should know about it, a sentence each.
    pub(super) remarks: Vec<String>,
}

/// How sshd asks; a function, so that tests need no sshd.
pub(super) type AskSshd<'a> = &'a dyn Fn() -> Result<Sshd, String>;

/// Works out the edits for `services`.
pub(super) fn make(
    site: &Site,
    services: &[String],
    ask_sshd: AskSshd<'_>,
    force: bool,
) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let mut tree = site.tree();
    let mut named: Vec<&str> = Vec::new();
    for service in services {
        if !named.contains(&service.as_str()) {
            named.push(service);
        }
    }
    let sshd = named.contains(&SSHD).then(ask_sshd);
    let way_of = |service: &str| match &sshd {
        Some(Ok(sshd)) if service == SSHD => sshd.way(),
        _ => Way::Password,
    };
    for service in &named {
        tree = plan.add(site, tree, service, way_of(service), false)?;
    }
    for (service, companion) in TWINS {
        if named.contains(&service) && !named.contains(&companion) && tree.file(companion).is_some()
        {
            tree = plan.add(site, tree, companion, way_of(companion), true)?;
        }
    }
    plan.judge(site, &tree)?;
    if plan.has(SSHD) {
        plan.judge_sshd(&tree, sshd, force)?;
    }
    if OF_SUDO.iter().any(|service| plan.has(service)) {
        plan.judge_sudo(&tree, force)?;
    }
    Ok(plan)
}

impl Plan {
    /// Plans one service more. Returns the tree as it would be then.
    fn add(
        &mut self,
        site: &Site,
        tree: Tree,
        service: &str,
        way: Way,
        is_companion: bool,
    ) -> Result<Tree, Failure> {
        let stack = tree.stack(service, Kind::Auth);
        if !stack.is_other && insertion::calls(&stack) > 0 {
            if !is_companion {
                self.remarks.push(format!("{service} asks for a code already."));
            }
            return Ok(tree);
        }
        let file = service_file::find(site, service)?;
        let text = &file.image.content;
        let propose = |password_checked| {
            insertion::propose(text, &stack, way, password_checked).map_err(|why| {
                Failure::not_editable(&format!(
                    "{service} is not switched on: {} is no place for the line, as {why}.",
                    file.path.display()
                ))
            })
        };
        let own = Path::new("/etc/pam.d").join(service);
        let with = |content: &[u8]| tree.clone().with(&own, content).with(&file.path, content);
        let mut password_checked = way == Way::Password;
        let mut proposal = propose(password_checked)?;
        let mut planned = with(&proposal.content);
        if password_checked && !wrong_password_ends(&planned, service) {
            password_checked = false;
            proposal = propose(password_checked)?;
            planned = with(&proposal.content);
        }
        if let Some(reworded) = proposal.reworded.as_ref().filter(|_| way == Way::Password) {
            self.remarks.push(format!(
                "{service}: `{}` becomes a substack, because what it includes ends the login at a right \
                 password.",
                reworded.was
            ));
        }
        if is_companion {
            self.remarks
                .push(format!("{service} is a PAM service of its own, and is taken along."));
        }
        let edit = Edit {
            path: file.path,
            before: file.now,
            after: Some(file.image.with(proposal.content)),
            reworded: proposal.reworded,
        };
        let enrolls = password_checked || way == Way::Key;
        self.planned.push(Planned { service: service.to_owned(), way, enrolls, edit });
        Ok(planned)
    }

    fn has(&self, service: &str) -> bool {
        self.planned.iter().any(|one| one.service == service)
    }

    /// Whether sshd, with its settings, asks for a code through its stack as it would be.
    fn judge_sshd(
        &mut self,
        after: &Tree,
        sshd: Option<Result<Sshd, String>>,
        force: bool,
    ) -> Result<(), Failure> {
        let sshd = match sshd {
            Some(Ok(sshd)) => sshd,
            Some(Err(why)) => {
                return self.object(format!("sshd does not tell its settings: {why}."), force);
            }
            None => return Ok(()),
        };
        if sshd.is_of_other_service() {
            let said = "`PAMServiceName` is another one: sshd does not read this file.";
            self.object(format!("{said}\n{}", sshd.recipe()), force)?;
        }
        for finding in sshd.findings(&after.stack(SSHD, Kind::Auth)) {
            match finding.severity {
                Severity::Problem => {
                    let told = told(&finding, &self.planned);
                    self.object(format!("{told}\n{}", sshd.recipe()), force)?;
                }
                Severity::Warning => self.remarks.push(told(&finding, &self.planned)),
                Severity::Note => {}
            }
        }
        Ok(())
    }

    fn object(&mut self, objection: String, force: bool) -> Result<(), Failure> {
        if force {
            self.remarks.push(objection);
            return Ok(());
        }
        Err(Failure::sshd_settings(&format!("sshd is not switched on: {objection}"))
            .advise("--force switches it on all the same."))
    }

    /// Whether sudo, with its settings, comes to the stacks as they would be.
    fn judge_sudo(&mut self, after: &Tree, force: bool) -> Result<(), Failure> {
        let sudoers = Sudoers::read(after, Path::new(doctor::SUDOERS));
        for finding in sudo::findings(after, &sudoers, &stacks::with_code(after)) {
            let told = told(&finding, &self.planned);
            match finding.severity {
                Severity::Problem if !force => {
                    return Err(Failure::would_be_open(&format!(
                        "sudo is not switched on: {told}"
                    ))
                    .advise("--force switches it on all the same."));
                }
                Severity::Problem | Severity::Warning => self.remarks.push(told),
                Severity::Note => {}
            }
        }
        Ok(())
    }

    /// Looks at every service as it would be.
    fn judge(&mut self, site: &Site, after: &Tree) -> Result<(), Failure> {
        let before = site.tree();
        for service in after.services() {
            let stack = after.stack(&service, Kind::Auth);
            let calls = insertion::calls(&stack);
            let is_planned = self.has(&service);
            if stack.is_other || (calls == 0 && !is_planned) {
                continue;
            }
            let new = insertion::calls(&before.stack(&service, Kind::Auth)) < calls;
            if new && calls > 1 {
                return Err(Failure::would_be_open(&format!(
                    "{service} would ask for two codes, as it reads the file of another service too. \
                     Name one of the two."
                )));
            }
            if is_planned {
                refuse_problems(after, stack, &self.planned)?;
                continue;
            }
            if new {
                self.remarks.push(format!("{service} reads one of these files, and asks as well."));
            }
        }
        Ok(())
    }
}

/// What is found in the stack of a service, by the names of the findings.
fn findings(tree: &Tree, stack: Stack) -> impl Iterator<Item = Finding> {
    let service = stack.service.clone();
    // Nothing is said here about who may enrol.
    let circumstances = Circumstances { sshd_service: SSHD, enrollment_is_open: false };
    let findings = stacks::findings(tree, &[stack], circumstances);
    findings.into_iter().filter(move |finding| finding.services.contains(&service))
}

/// Whether it is true that the lines before ours end the login at a wrong password.
fn wrong_password_ends(tree: &Tree, service: &str) -> bool {
    findings(tree, tree.stack(service, Kind::Auth)).all(|finding| {
        !["password-not-checked", "password-checked-without-password", "stack-not-judged"]
            .contains(&finding.name)
    })
}

/// A stack that lets somebody in who should not be, or nobody.
fn refuse_problems(tree: &Tree, stack: Stack, planned: &[Planned]) -> Result<(), Failure> {
    let service = stack.service.clone();
    let problem = findings(tree, stack)
        .find(|one| one.severity == Severity::Problem || one.name == "stack-not-judged");
    let Some(problem) = problem else { return Ok(()) };
    Err(Failure::would_be_open(&format!(
        "{service} is not switched on, as the code would not do what it is for.\n{}",
        told(&problem, planned)
    )))
}

/// A finding in its own words, with the place it is about as the files are now.
fn told(finding: &Finding, planned: &[Planned]) -> String {
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => {
            format!("{} line {}: ", file.display(), as_numbered_now(planned, file, line))
        }
        (Some(file), None) => format!("{}: ", file.display()),
        _ => String::new(),
    };
    format!("{place}{}\n{} {}", finding.what, finding.risk, finding.advice)
}

/// The number of a line before ours is put in.
fn as_numbered_now(planned: &[Planned], file: &Path, line: usize) -> usize {
    let edit = planned.iter().map(|one| &one.edit).find(|edit| edit.path == file);
    let after = edit.and_then(|edit| edit.after.as_ref());
    let ours = after.and_then(|image| undo::lines_of_module(&image.content).first().copied());
    if ours.is_some_and(|ours| line > ours) { line - 1 } else { line }
}

#[cfg(test)]
mod tests;
