//! What was found, for people and for scripts.

use serde::Serialize;

use super::finding::{Finding, Severity};
use crate::{
    failure::Failure,
    output::{self, Format},
    printable, wrapping,
};

/// Columns of a text for people.
const WIDTH: usize = 100;

/// The result of a visit.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The worst first.
    pub(super) findings: Vec<Finding>,
    pub(super) problems: usize,
    pub(super) warnings: usize,
    pub(super) notes: usize,
    /// PAM services that ask for a code.
    pub(super) services: Vec<String>,
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>, services: Vec<String>) -> Self {
        let count = |severity| findings.iter().filter(|one| one.severity == severity).count();
        Self {
            problems: count(Severity::Problem),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
            findings,
            services,
        }
    }

    /// Writes it to stdout; fails where something is to be mended.
    pub(super) fn write(&self, format: Format) -> Result<(), Failure> {
        output::result(format, &self.text(), self)?;
        if self.problems + self.warnings == 0 {
            return Ok(());
        }
        Err(Failure::findings(format!(
            "{}, {}.",
            counted(self.problems, "problem"),
            counted(self.warnings, "warning")
        )))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            text.push_str(&paragraph(finding));
            text.push('\n');
        }
        let services = if self.services.is_empty() {
            "no service".to_owned()
        } else {
            printable::line(&self.services.join(", ")).into_owned()
        };
        text.push_str(&format!("A code is asked for by: {services}.\n"));
        if self.problems + self.warnings == 0 {
            text.push_str("Nothing is wrong.\n");
        }
        text
    }
}

fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn paragraph(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Problem => "PROBLEM",
        Severity::Warning => "WARNING",
        Severity::Note => "NOTE",
    };
    let mut text = format!("{severity} {}", finding.name);
    if let Some(file) = &finding.file {
        text.push_str(&format!("  {}", printable::line(&file.display().to_string())));
        if let Some(line) = finding.line {
            text.push_str(&format!(":{line}"));
        }
    }
    if !finding.services.is_empty() {
        let services: Vec<_> = finding.services.iter().map(String::as_str).collect();
        text.push_str(&format!("  ({})", printable::line(&services.join(", "))));
    }
    text.push('\n');
    for (heading, words) in
        [("what", &finding.what), ("risk", &finding.risk), ("do", &finding.advice)]
    {
        text.push_str(&wrapped(heading, &printable::line(words)));
    }
    text
}

/// Words under a heading, broken between them.
fn wrapped(heading: &str, words: &str) -> String {
    wrapping::hanging_within(WIDTH, &format!("  {heading:<5}"), &" ".repeat(7), words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam_config::Place;

    fn finding() -> Finding {
        let place = Place { file: "/etc/pam.d/ss\u{1b}hd".into(), line: 4 };
        Finding::problem("refusal-ignored", "What is.", "What could be.", "What to do.")
            .at(&place)
            .of_service("sshd")
            .of_service("su\u{1b}[2J")
    }

    #[test]
    fn a_finding_is_a_heading_and_three_sentences() {
        assert_eq!(
            paragraph(&finding()),
            "PROBLEM refusal-ignored  /etc/pam.d/ss\\u{1b}hd:4  (sshd, su\\u{1b}[2J)\n\
             \x20 what What is.\n  risk What could be.\n  do   What to do.\n"
        );
    }

    #[test]
    fn long_sentences_are_broken_between_words() {
        let text = wrapped("what", &"words ".repeat(50));
        assert!(text.lines().all(|line| line.len() <= WIDTH && !line.ends_with(' ')), "{text}");
        assert_eq!(text.matches("words").count(), 50);
        assert!(text.lines().skip(1).all(|line| line.starts_with("       words")), "{text}");
    }

    #[test]
    fn problems_and_warnings_fail_and_notes_do_not() {
        let verdict = |finding: Finding| Report::new(vec![finding], vec![]).write(Format::Json);
        let warning = || Finding { severity: Severity::Warning, ..finding() };
        let note = || Finding { severity: Severity::Note, ..finding() };
        for finding in [finding(), warning()] {
            let failure = verdict(finding).unwrap_err();
            assert_eq!(failure.exit.code(), 1);
        }
        assert!(verdict(note()).is_ok());
        let both = Report::new(vec![finding(), warning(), note()], vec![]);
        assert_eq!((both.problems, both.warnings, both.notes), (1, 1, 1));
        assert!(!both.text().contains("Nothing is wrong"));
        let healthy = Report::new(vec![note()], vec!["sshd".into(), "sudo".into()]);
        assert!(healthy.text().ends_with("by: sshd, sudo.\nNothing is wrong.\n"));
    }

    #[test]
    fn json_keys_are_the_documented_ones_and_always_there() {
        let place = Place { file: "/etc/pam.d/sshd".into(), line: 4 };
        let one = Finding::problem("name", "a", "b", "c").at(&place).of_service("sshd");
        let report = Report::new(vec![one, Finding::note("n", "a", "b", "c")], vec!["sshd".into()]);
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"findings":[{"name":"name","severity":"problem","file":"/etc/pam.d/sshd","line":4,"#
                .to_owned()
                + r#""services":["sshd"],"what":"a","risk":"b","advice":"c"},"#
                + r#"{"name":"n","severity":"note","file":null,"line":null,"services":[],"#
                + r#""what":"a","risk":"b","advice":"c"}],"problems":1,"warnings":0,"notes":1,"#
                + r#""services":["sshd"]}"#
        );
    }
}
