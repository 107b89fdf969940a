//! A host without a fault, and visits of the doctor.

use std::{fs, path::Path};

use serde_json::Value;
use twinlock_tests::{
    Host, Outcome, User, pam, readme,
    ssh::{FirstFactor, Sshd},
};

pub(crate) const PAM_SSHD: &str = "/etc/pam.d/sshd";
pub(crate) const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-twinlock.conf";
/// What the machine underneath is like, which no test decides about.
const OF_THE_MACHINE: [&str; 3] = ["clock-not-synchronised", "disk-nearly-full", "disk-full"];

/// A host set up by the README, for password and code through sshd and sudo, and alice, who is enrolled.
pub(crate) struct Scene<'h> {
    pub(crate) host: &'h Host,
    pub(crate) alice: User,
    _sshd: Sshd,
}

impl<'h> Scene<'h> {
    pub(crate) fn healthy(host: &'h Host) -> Self {
        let alice = host.user("alice");
        let _enrolled = host.enroll(&alice);
        pam::password_and_code("sshd");
        host.sudo_asks_for_a_code();
        let _sshd =
            host.stock_sshd(readme::recipe("sshd-password-and-code"), FirstFactor::Password);
        let scene = Self { host, alice, _sshd };
        scene.finds_nothing();
        scene
    }

    /// Plants a fault into a file, which the doctor finds with `name` at this file and the line that
    /// holds `needle`, and nothing else; and takes it out again.
    pub(crate) fn finds_in_file(&self, path: &str, content: &str, name: &str, needle: &str) {
        let before = fs::read(path).ok();
        fs::write(path, content).unwrap();
        let line = line_of(path, needle);
        assert_eq!(found(self.host), [format!("{name} {path}:{line}")], "{content}");
        match before {
            Some(before) => fs::write(path, before).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }

    /// The same with the content made from what is there.
    pub(crate) fn finds_after(
        &self,
        path: &str,
        change: impl FnOnce(&str) -> String,
        name: &str,
        needle: &str,
    ) {
        let before = fs::read_to_string(path).unwrap();
        self.finds_in_file(path, &change(&before), name, needle);
    }

    pub(crate) fn finds_nothing(&self) {
        assert_eq!(found(self.host), Vec::<String>::new());
    }
}

/// Number of the one line that holds `needle`.
pub(crate) fn line_of(path: &str, needle: &str) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().zip(1..).filter(|(line, _)| line.contains(needle));
    let (_, number) = lines.next().unwrap_or_else(|| panic!("{needle:?} in {path}:\n{text}"));
    assert!(lines.next().is_none(), "{needle:?} twice in {path}:\n{text}");
    number
}

/// `twinlock doctor --json` by root, which ends as the help says.
pub(crate) fn visit(host: &Host) -> Value {
    let outcome = host.cli(&host.root(), &["doctor", "--json"]);
    let report = outcome.json();
    let to_mend = report["problems"].as_u64().unwrap() + report["warnings"].as_u64().unwrap();
    let expected = i32::from(to_mend > 0);
    assert_eq!(outcome.status.code(), Some(expected), "{outcome:?}");
    if to_mend > 0 {
        assert_eq!(outcome.error_name(), "Findings");
    }
    report
}

/// Problems and warnings, as `name file:line`, without what the machine underneath is like.
pub(crate) fn found(host: &Host) -> Vec<String> {
    told(&visit(host), |severity| severity != "note")
}

/// Notes, in the same way.
pub(crate) fn noted(host: &Host) -> Vec<String> {
    told(&visit(host), |severity| severity == "note")
}

fn told(report: &Value, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| wanted(finding["severity"].as_str().unwrap()))
        .filter(|finding| !OF_THE_MACHINE.contains(&finding["name"].as_str().unwrap()))
        .map(|finding| {
            for words in ["what", "risk", "advice"] {
                assert!(finding[words].as_str().unwrap().len() > 10, "{finding}");
            }
            let mut told = finding["name"].as_str().unwrap().to_owned();
            if let Some(file) = finding["file"].as_str() {
                assert!(Path::new(file).parent().unwrap().exists(), "{finding}");
                told += &format!(" {file}");
            }
            if let Some(line) = finding["line"].as_u64() {
                told += &format!(":{line}");
            }
            told
        })
        .collect()
}

/// What a run for people printed.
pub(crate) fn in_words(host: &Host, caller: &User) -> Outcome {
    host.cli(caller, &["doctor"])
}
