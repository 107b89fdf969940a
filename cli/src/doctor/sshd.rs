//! sshd: which ways of logging in there are, and whether each of them comes through the stack that asks
//! for the code.
//!
//! What is in force is told by `sshd -T`; the files are read only to name the line, and for `Match`
//! blocks, which `-T` does not list.

mod asked;
mod file;
mod settings;

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    finding::Finding,
    modules::{self, Role},
    stacks,
};
use crate::pam_config::{Place, Stack};

pub(crate) use asked::ask;
pub(crate) use file::{Block, ConfigFile};
pub(crate) use settings::{Method, Settings};

/// Shorter than a phone is got out, a picture scanned and a code typed.
const SHORT_GRACE_SECONDS: u64 = 60;
/// With fewer, the keys that an agent offers leave none for a mistyped code.
const FEW_TRIES: u64 = 3;

/// Where sshd's PAM service comes from.
pub(super) fn service(settings: Option<&Settings>) -> String {
    let told = settings.and_then(|settings| settings.value("pamservicename"));
    told.unwrap_or("sshd").to_owned()
}

/// Everything that is to be said about sshd, whose stack is `stack`. Nothing when that stack does not
/// ask for a code: then sshd is not what Twinlock protects. `people` are accounts that are no machine's.
pub(crate) fn findings(
    settings: &Settings,
    file: &ConfigFile,
    stack: &Stack,
    people: &BTreeSet<String>,
) -> Vec<Finding> {
    if !stacks::asks_for_code(stack) {
        return Vec::new();
    }
    let stack = Questions::of(stack);
    let mut findings = ways_in(settings, file, &stack, people, None);
    for block in &file.blocks {
        let settings = settings.with(block);
        findings.extend(ways_in(&settings, file, &stack, people, Some(block)));
    }
    findings.extend(circumstances(settings, file));
    findings.into_iter().map(|finding| finding.of_service(&stack.service)).collect()
}

/// The accounts that sshd lets in without PAM's `auth`, named one by one in `Match` blocks. No code is
/// asked of them there, so they need no authenticator.
pub(super) fn machine_accounts(settings: &Settings, file: &ConfigFile) -> BTreeSet<String> {
    let let_off = file.blocks.iter().filter(|block| {
        let mut ways = settings.with(block).ways().into_iter();
        block.sets_any(&settings::OF_WAYS_IN)
            && ways.any(|way| !way.iter().any(|method| method.runs_pam()))
    });
    let names = let_off.filter_map(Block::users).flat_map(|names| names.split(','));
    names.map(str::to_owned).collect()
}

/// What the stack asks.
struct Questions {
    service: String,
    first_factor: bool,
    /// Password and code come as one line, as the `password` method needs it.
    in_one_line: bool,
}

impl Questions {
    fn of(stack: &Stack) -> Self {
        let mut ours = stack.steps.iter().filter(|step| modules::role(step) == Role::Code);
        Self {
            service: stack.service.clone(),
            first_factor: stacks::asks_for_first_factor(stack),
            in_one_line: ours.all(|step| step.has("forward_pass") || step.has("use_first_pass")),
        }
    }
}

/// The line that sets `keyword`, in the block or outside of all.
fn place<'f>(file: &'f ConfigFile, block: Option<&'f Block>, keyword: &str) -> Option<&'f Place> {
    let inside = block.and_then(|block| block.place_of(keyword));
    inside.or_else(|| file.place_of(keyword)).or(block.map(|block| &block.place))
}

/// Names the line, or the file where a default is in force.
fn at(finding: Finding, file: &ConfigFile, block: Option<&Block>, keyword: &str) -> Finding {
    match place(file, block, keyword) {
        Some(place) => finding.at(place),
        None => finding.in_file(&file.path),
    }
}

/// What is wrong with the ways in, for everybody or for those a block is about.
fn ways_in(
    settings: &Settings,
    file: &ConfigFile,
    stack: &Questions,
    people: &BTreeSet<String>,
    block: Option<&Block>,
) -> Vec<Finding> {
    // A block that changes nothing about it would only say again what is said already.
    if block.is_some_and(|block| !block.sets_any(&settings::OF_WAYS_IN)) {
        return Vec::new();
    }
    let whom = block.map_or(String::new(), |block| format!(" (Match {})", block.criteria));
    if !settings.is_yes("usepam") {
        let finding = Finding::problem(
            "sshd-without-pam",
            "sshd does not use PAM.",
            "No login through sshd is asked for a code.",
            "Write `UsePAM yes`, and reload sshd.",
        );
        return vec![at(finding, file, block, "usepam")];
    }
    let ways = settings.ways();
    if ways.is_empty() {
        let finding = Finding::problem(
            "no-way-in-through-sshd",
            format!("The methods that sshd asks for are switched off{whom}."),
            "Nobody can log in through sshd.",
            "Write `KbdInteractiveAuthentication yes`, or change AuthenticationMethods.",
        );
        return vec![at(finding, file, block, "authenticationmethods")];
    }
    let mut findings = Vec::new();
    if ways.iter().any(|way| !way.iter().any(|method| method.runs_pam())) {
        findings.push(past_pam(settings, file, people, block, &whom));
    }
    let through_pam = || ways.iter().filter(|way| way.iter().any(|method| method.runs_pam()));
    if !stack.first_factor && through_pam().any(|way| way.iter().all(|method| method.runs_pam())) {
        findings.push(at(
            Finding::problem(
                "code-alone-through-sshd",
                format!("The stack of {} asks for the code and nothing else, and sshd asks for no key \
                         before it{whom}.", stack.service),
                "Whoever has the phone is let in.",
                "Write `AuthenticationMethods publickey,keyboard-interactive:pam`, or let the stack ask \
                 for the password: `@include common-auth`.",
            ),
            file,
            block,
            "authenticationmethods",
        ));
    }
    let by_password = |way: &[Method]| way.contains(&Method::Password);
    if stack.first_factor && !stack.in_one_line && through_pam().any(|way| by_password(way)) {
        findings.push(password_method(&ways, file, block, &whom));
    }
    findings
}

/// A way in that never comes to PAM's `auth`.
fn past_pam(
    settings: &Settings,
    file: &ConfigFile,
    people: &BTreeSet<String>,
    block: Option<&Block>,
    whom: &str,
) -> Finding {
    if let Some(names) = block.and_then(Block::users) {
        if let Some(name) = names.split(',').find(|name| people.contains(*name)) {
            let finding = Finding::warning(
                "person-by-key-alone",
                format!("{name}, no machine's account, may log in with a key alone."),
                "Whoever has that key is asked for no code, although the account is root or has an \
                 authenticator.",
                "Take the name out of the `Match` block, and let machines have accounts of their own.",
            );
            return at(finding, file, block, "authenticationmethods");
        }
        let finding = Finding::note(
            "machine-account",
            format!("{names} may log in with a key alone."),
            "Whoever has that key is asked for no code.",
            "Keep such accounts few, and what they may do small (`restrict`, `command=` in \
             authorized_keys).",
        );
        return at(finding, file, block, "authenticationmethods");
    }
    let any = settings.value("authenticationmethods").is_none_or(|value| value == "any");
    let by_block = block.is_some_and(|block| block.sets_any(&["authenticationmethods"]));
    let keyword = if any && !by_block { "pubkeyauthentication" } else { "authenticationmethods" };
    let finding = Finding::problem(
        "key-login-skips-code",
        format!(
            "A key alone is enough for sshd{whom}, and such a login never comes to PAM's `auth`."
        ),
        "Whoever has a key is asked for no code.",
        "Write `AuthenticationMethods publickey,keyboard-interactive:pam` for key and code, or \
         `AuthenticationMethods keyboard-interactive:pam` for password and code.",
    );
    at(finding, file, block, keyword)
}

/// sshd answers every question of the stack with the password, when it is the `password` method.
fn password_method(
    ways: &[Vec<Method>],
    file: &ConfigFile,
    block: Option<&Block>,
    whom: &str,
) -> Finding {
    let another = ways.iter().any(|way| way.contains(&Method::KeyboardInteractive));
    let risk = "Its one prompt cannot carry a code: sshd gives the password as the answer to every \
                question of PAM.";
    let (finding, keyword) = if another {
        let finding = Finding::warning(
            "password-method",
            format!("The `password` method is on beside keyboard-interactive{whom}."),
            format!("{risk} Clients that fall back on it are refused, and others ask twice."),
            "Write `PasswordAuthentication no`; keyboard-interactive asks for the password, too.",
        );
        (finding, "passwordauthentication")
    } else {
        let finding = Finding::problem(
            "password-method-alone",
            format!(
                "The stack asks two questions, and sshd offers only the `password` method{whom}."
            ),
            format!("{risk} Nobody who needs a code gets in."),
            "Write `KbdInteractiveAuthentication yes` and `PasswordAuthentication no`; for one line with \
             both, the module has `forward_pass`.",
        );
        (finding, "kbdinteractiveauthentication")
    };
    at(finding, file, block, keyword)
}

/// What makes logins with a code hard.
fn circumstances(settings: &Settings, file: &ConfigFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ways = settings.ways();
    let every_way_is_a_password = ways.iter().all(|way| way.iter().any(|method| method.runs_pam()));
    let root = settings.value("permitrootlogin").unwrap_or_default();
    let key_only =
        matches!(root, "without-password" | "prohibit-password" | "forced-commands-only");
    if key_only && every_way_is_a_password && !ways.is_empty() {
        let finding = Finding::note(
            "root-cannot-log-in",
            format!("`PermitRootLogin {root}` refuses root whatever comes after the key."),
            "root cannot log in through sshd.",
            "Log in as yourself and use sudo; or write `PermitRootLogin yes`: the code is asked for all \
             the same.",
        );
        findings.push(at(finding, file, None, "permitrootlogin"));
    }
    // 0 is no limit.
    if settings
        .number("logingracetime")
        .is_some_and(|time| (1..SHORT_GRACE_SECONDS).contains(&time))
    {
        let finding = Finding::note(
            "short-login-grace-time",
            "sshd gives a login less than a minute.",
            "Whoever has to find the phone, or enrols in the login, is cut off.",
            "Write `LoginGraceTime 120`.",
        );
        findings.push(at(finding, file, None, "logingracetime"));
    }
    if settings.number("maxauthtries").is_some_and(|tries| tries < FEW_TRIES) {
        let finding = Finding::note(
            "few-auth-tries",
            "sshd ends a connection after one or two failures.",
            "Keys that an agent offers count as well, so a mistyped code ends the login.",
            "Write `MaxAuthTries 6`.",
        );
        findings.push(at(finding, file, None, "maxauthtries"));
    }
    if settings.is_yes("usedns") {
        let finding = Finding::note(
            "use-dns",
            "sshd tells PAM names in the place of addresses.",
            "A name is never looked up: such logins count as from an unknown place, are never \
             remembered, and no milder rule with a network applies to them.",
            "Write `UseDNS no`.",
        );
        findings.push(at(finding, file, None, "usedns"));
    }
    findings
}

/// sshd does not take its own files. `None` where it complains about something else, such as a missing
/// directory below /run on a host that starts it when somebody comes.
pub(super) fn invalid(said: &str, file: &ConfigFile, stack: &Stack) -> Option<Finding> {
    let mut complaints = said.lines().filter_map(|line| complained_of(line.trim(), file));
    let (path, complaint) =
        complaints.find(|(_, words)| words.contains("line ") || words.contains("bad config"))?;
    if !stacks::asks_for_code(stack) {
        return None;
    }
    let finding = Finding::problem(
        "sshd-config-invalid",
        format!("sshd does not take its configuration: {}.", complaint.trim_end_matches('.')),
        "It does not start again after the next stop.",
        "Correct the line; `sshd -t` says nothing when it is right.",
    );
    let line = complaint
        .split_once("line ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    Some(match line {
        Some(line) => finding.at(&Place { file: path.clone(), line }),
        None => finding.in_file(path),
    })
}

/// File and words of `FILE: line 3: …`, or of the older `FILE line 3: …`.
fn complained_of<'f, 's>(line: &'s str, file: &'f ConfigFile) -> Option<(&'f PathBuf, &'s str)> {
    file.files.iter().find_map(|path| {
        let words = line.strip_prefix(path.to_str()?)?;
        // One file's name may begin like another's.
        words.starts_with([':', ' ']).then(|| (path, words.trim_start_matches([':', ' '])))
    })
}

#[cfg(test)]
mod tests;
