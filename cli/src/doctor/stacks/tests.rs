//! Faults planted into stacks, and the recipes of the README, in which there are none.

use super::*;
use crate::doctor::{
    finding::{Severity, in_order},
    planted::{self, PASSWORD_AUTH, Planted},
};

const CLOSED: Circumstances<'_> = Circumstances { sshd_service: "sshd", enrollment_is_open: false };

fn found(planted: &Planted) -> Vec<Finding> {
    in_order(findings(&planted.tree, &with_code(&planted.tree), CLOSED))
}

/// `name file:line` of each, the directory left out.
fn told(findings: &[Finding]) -> Vec<String> {
    let place = |finding: &Finding| {
        let file = finding.file.as_ref().and_then(|file| file.strip_prefix("/etc/pam.d").ok());
        file.map_or(String::new(), |file| {
            format!(" {}:{}", file.display(), finding.line.unwrap_or(0))
        })
    };
    findings.iter().map(|finding| format!("{}{}", finding.name, place(finding))).collect()
}

/// What is found in a service of these lines; `inner` is Debian's common-auth.
fn in_sshd(lines: &str) -> Vec<String> {
    let mut planted = planted::SERVICES.to_vec();
    planted.retain(|(name, _)| *name != "sshd");
    planted.push(("sshd", lines));
    planted.push(("password-auth", PASSWORD_AUTH));
    told(&found(&Planted::new(&planted)))
}

#[test]
fn nothing_is_wrong_with_the_readmes_recipes() {
    for (service, recipe) in [
        ("sshd", "pam-password-and-code"),
        ("sshd", "pam-key-and-code"),
        ("sshd", "pam-one-line"),
        ("su", "pam-password-and-code"),
    ] {
        let planted = Planted::debian().with_recipe(service, recipe);
        assert_eq!(told(&found(&planted)), Vec::<String>::new(), "{recipe}");
        assert!(with_code(&planted.tree).iter().any(|stack| stack.service == service));
    }
    let both = Planted::debian()
        .with_recipe("sudo", "pam-password-and-code")
        .with_recipe("sudo-i", "pam-password-and-code");
    assert_eq!(told(&found(&both)), Vec::<String>::new());
}

#[test]
fn nothing_is_wrong_with_a_host_that_does_not_use_the_module() {
    assert_eq!(told(&found(&Planted::debian())), Vec::<String>::new());
}

#[test]
fn red_hats_stack_is_right_as_a_substack_and_without_password_checked() {
    let substack = "auth substack password-auth\nauth required pam_twinlock.so\n";
    assert_eq!(in_sshd(substack), Vec::<String>::new());
    assert_eq!(
        in_sshd("auth substack password-auth\nauth required pam_twinlock.so password_checked\n"),
        ["password-not-checked sshd:2"]
    );
    assert_eq!(
        in_sshd("auth include password-auth\nauth required pam_twinlock.so\n"),
        ["sufficient-before-code password-auth:5", "sufficient-before-code password-auth:7"]
    );
}

#[test]
fn each_planted_fault_is_found_on_its_line() {
    let tail = "@include common-auth\nauth required pam_twinlock.so\n";
    for (lines, expected) in [
        (format!("auth sufficient pam_succeed_if.so user ingroup x\n{tail}"), "sufficient-before-code sshd:1"),
        (format!("auth sufficient pam_rootok.so\n{tail}"), "sufficient-before-code sshd:1"),
        (("@include common-auth\nauth [success=1 default=ignore] pam_listfile.so file=/x\nauth required pam_twinlock.so\n".into()), "jump-around-code sshd:2"),
        ("@include common-auth\nauth sufficient pam_unix.so\nauth required pam_twinlock.so\n".into(), "sufficient-before-code sshd:2"),
        ("@include common-auth\nauth optional pam_twinlock.so\n".into(), "refusal-ignored sshd:2"),
        ("@include common-auth\nauth sufficient pam_twinlock.so\n".into(), "refusal-ignored sshd:2"),
        ("@include common-auth\nauth [success=ok default=ignore] pam_twinlock.so\n".into(), "refusal-ignored sshd:2"),
        ("@include common-auth\nauth [success=ok ignore=ignore authinfo_unavail=ignore default=bad] pam_twinlock.so\n".into(), "open-without-daemon sshd:2"),
        ("auth required pam_twinlock.so not_required=success\n".into(), "open-without-code sshd:1"),
        ("auth required pam_twinlock.so\nauth required pam_permit.so\n".into(), "open-without-code sshd:2"),
        ("auth [success=done ignore=ignore default=die] pam_twinlock.so\n@include common-auth\n".into(), "code-replaces-password sshd:1"),
        ("auth optional pam_unix.so\nauth required pam_twinlock.so\n".into(), "code-replaces-password sshd:1"),
        (format!("{tail}auth required pam_google_authenticator.so\n"), "two-code-modules sshd:3"),
        (format!("{tail}auth required pam_twinlock.so\n"), "two-code-modules sshd:3"),
        ("@include common-auth\nauth required pam_twinlock.so nullok\n".into(), "bad-option sshd:2"),
        ("@include common-auth\nauth required pam_twinlock.so debug=1\n".into(), "bad-option sshd:2"),
        (format!("{tail}account required pam_twinlock.so\n"), "not-an-auth-line sshd:3"),
        (format!("{tail}session optional pam_twinlock.so\n"), "not-an-auth-line sshd:3"),
        (format!("auth requierd pam_env.so\n{tail}"), "broken-line sshd:1"),
        (format!("auth include gone\n{tail}"), "broken-line sshd:1"),
        ("@include common-auth\nauth required pam_deny.so\nauth required pam_twinlock.so\n".into(), "nobody-gets-in sshd:3"),
        ("auth required pam_twinlock.so password_checked\n".into(), "password-checked-without-password sshd:1"),
    ] {
        assert_eq!(in_sshd(&lines), [expected], "{lines}");
    }
}

#[test]
fn a_hole_in_an_included_file_is_named_there() {
    let faillock = "auth required pam_faillock.so preauth\nauth [success=1 default=ignore] pam_unix.so\n\
                    auth [default=die] pam_faillock.so authfail\n\
                    auth sufficient pam_faillock.so authsucc\nauth requisite pam_deny.so\n\
                    auth required pam_permit.so\n";
    let planted = Planted::new(&[
        ("sshd", "@include common-auth\nauth required pam_twinlock.so\n"),
        ("common-auth", faillock),
    ]);
    let found = found(&planted);
    assert_eq!(told(&found), ["sufficient-before-code common-auth:4"]);
    assert!(found[0].advice.starts_with("In /etc/pam.d/sshd line 1, write `substack`"));
}

#[test]
fn google_authenticators_nullok_is_explained() {
    let lines = "@include common-auth\nauth required pam_google_authenticator.so nullok\n\
                 auth required pam_twinlock.so\n";
    assert_eq!(in_sshd(lines), ["nullok sshd:2", "two-code-modules sshd:3"]);
}

#[test]
fn a_line_in_common_auth_is_noted_once_for_all_its_services() {
    let common = format!("{}auth required pam_twinlock.so\n", planted::COMMON_AUTH);
    let mut files = planted::SERVICES.to_vec();
    files[0] = ("common-auth", &common);
    let found = found(&Planted::new(&files));
    let notes: Vec<_> = found.iter().filter(|one| one.name == "shared-file").collect();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].severity, Severity::Note);
    assert!(notes[0].services.contains("sudo") && notes[0].services.contains("su-l"));
}

#[test]
fn sudo_is_not_protected_without_sudo_i() {
    let planted = Planted::debian().with_recipe("sudo", "pam-password-and-code");
    assert_eq!(told(&found(&planted)), ["login-service-without-code sudo-i:2"]);
}

#[test]
fn a_service_other_than_sshd_that_asks_for_the_code_alone_is_told() {
    let planted = Planted::debian()
        .with_recipe("sudo", "pam-key-and-code")
        .with_recipe("sudo-i", "pam-password-and-code");
    assert_eq!(told(&found(&planted)), ["code-alone sudo:3"]);
}

#[test]
fn root_who_needs_no_password_for_su_needs_no_code() {
    let planted = Planted::debian().with_recipe("su", "pam-password-and-code");
    assert!(with_code(&planted.tree).iter().any(|stack| stack.service == "su-l"));
    assert_eq!(told(&found(&planted)), Vec::<String>::new());
}

#[test]
fn root_is_nobody_in_particular_where_the_program_itself_runs_as_root() {
    for (service, expected) in
        [("su", None), ("runuser-l", None), ("chsh", None), ("sudo", Some(1)), ("login", Some(1))]
    {
        let lines =
            "auth sufficient pam_rootok.so\n@include common-auth\nauth required pam_twinlock.so\n";
        let planted = Planted::new(&[(service, lines), ("common-auth", planted::COMMON_AUTH)]);
        let found = found(&planted);
        let found: Vec<_> = found.iter().map(|one| (one.name, one.line)).collect();
        let expected: Vec<_> =
            expected.map(|line| ("sufficient-before-code", Some(line))).into_iter().collect();
        assert_eq!(found, expected, "{service}");
    }
}

#[test]
fn behind_a_key_an_account_that_needs_no_code_passes_by_the_password() {
    let lines = "auth sufficient pam_twinlock.so\nauth required pam_unix.so\n";
    for (service, is_told) in [("sshd", true), ("sudo", false)] {
        let found = found(&Planted::new(&[(service, lines)]));
        let finding = found.iter().find(|one| one.name == "code-replaces-password").unwrap();
        assert_eq!(finding.line, Some(1));
        assert_eq!(finding.risk.contains("needs no code is let in without its password"), is_told);
    }
}

#[test]
fn while_people_may_enrol_a_line_that_could_say_so_is_noted() {
    let open = Circumstances { enrollment_is_open: true, ..CLOSED };
    for (lines, expected) in [
        (
            "@include common-auth\nauth required pam_twinlock.so\n",
            &["password-checked-missing"][..],
        ),
        ("@include common-auth\nauth required pam_twinlock.so password_checked\n", &[]),
        ("auth required pam_twinlock.so\n", &[]),
        ("auth substack password-auth\nauth required pam_twinlock.so\n", &[]),
    ] {
        let planted = Planted::new(&[
            ("sshd", lines),
            ("common-auth", planted::COMMON_AUTH),
            ("password-auth", PASSWORD_AUTH),
        ]);
        let found = findings(&planted.tree, &with_code(&planted.tree), open);
        let names: Vec<_> = found.iter().map(|finding| finding.name).collect();
        assert_eq!(names, expected, "{lines}");
    }
}

#[test]
fn every_finding_says_what_could_happen_and_what_to_do() {
    let planted = Planted::new(&[("sshd", "auth optional pam_twinlock.so nullok\n")]);
    for finding in found(&planted) {
        for words in [&finding.what, &finding.risk, &finding.advice] {
            assert!(words.ends_with('.') && words.len() > 10, "{finding:?}");
        }
        assert!(finding.services.contains("sshd"));
    }
}
