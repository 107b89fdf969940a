//! One thing that was found: where, what is wrong, what could happen, and what to type.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::pam_config::Place;

/// How bad it is. Problems and warnings are to be mended, and make the exit status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// Somebody gets in without what they should be asked for, or nobody gets in.
    Problem,
    /// It holds today, but is weaker than it looks, or will break.
    Warning,
    /// Good to know; often meant so.
    Note,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// For scripts; stays the same from version to version.
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    pub(crate) file: Option<PathBuf>,
    /// Counted from 1.
    pub(crate) line: Option<usize>,
    /// PAM services it is about; empty where it is about none in particular.
    pub(crate) services: BTreeSet<String>,
    pub(crate) what: String,
    pub(crate) risk: String,
    pub(crate) advice: String,
}

impl Finding {
    pub(super) fn problem(
        name: &'static str,
        what: impl Into<String>,
        risk: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            name,
            severity: Severity::Problem,
            file: None,
            line: None,
            services: BTreeSet::new(),
            what: what.into(),
            risk: risk.into(),
            advice: advice.into(),
        }
    }

    pub(super) fn warning(
        name: &'static str,
        what: impl Into<String>,
        risk: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::problem(name, what, risk, advice) }
    }

    pub(super) fn note(
        name: &'static str,
        what: impl Into<String>,
        risk: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Note, ..Self::problem(name, what, risk, advice) }
    }

    pub(super) fn at(mut self, place: &Place) -> Self {
        self.file = Some(place.file.clone());
        self.line = Some(place.line);
        self
    }

    pub(super) fn at_some(self, place: Option<&Place>) -> Self {
        match place {
            Some(place) => self.at(place),
            None => self,
        }
    }

    pub(super) fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    pub(super) fn of_service(mut self, service: &str) -> Self {
        self.services.insert(service.to_owned());
        self
    }

    fn is_same_as(&self, other: &Self) -> bool {
        (self.name, &self.file, self.line, &self.what)
            == (other.name, &other.file, other.line, &other.what)
    }
}

/// The worst first, then by file and line. What was found on one line for several services, as where
/// they include the same file, becomes one finding.
pub(super) fn in_order(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        match merged.iter_mut().find(|known| known.is_same_as(&finding)) {
            Some(known) => known.services.extend(finding.services),
            None => merged.push(finding),
        }
    }
    merged.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.severity, finding.file.clone(), finding.line);
        key(one).cmp(&key(other))
    });
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_several_services_read_is_told_once() {
        let place = |line| Place { file: "/etc/pam.d/common-auth".into(), line };
        let found = |line, service: &str| {
            Finding::problem("x", "w", "r", "a").at(&place(line)).of_service(service)
        };
        let note = Finding::note("n", "w", "r", "a");
        let merged = in_order(vec![note, found(9, "su"), found(2, "sshd"), found(9, "sudo")]);
        let told: Vec<_> = merged
            .iter()
            .map(|one| (one.name, one.line, one.services.iter().cloned().collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            told,
            [
                ("x", Some(2), vec!["sshd".to_owned()]),
                ("x", Some(9), vec!["su".to_owned(), "sudo".to_owned()]),
                ("n", None, vec![]),
            ]
        );
    }
}
