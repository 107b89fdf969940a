//! What is planned for stock files.

use std::fs;

use super::*;
use crate::failure::Name;

const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\n";
const INCLUDES: &str = "@include common-auth\naccount required pam_unix.so\n";

struct Ground {
    root: tempfile::TempDir,
    site: Site,
}

impl Ground {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        let ground = Self { root, site };
        for (name, text) in files {
            match name.strip_prefix('/') {
                Some(path) => ground.write(path, text),
                None => ground.write(&format!("etc/pam.d/{name}"), text),
            }
        }
        ground
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn plan_with(&self, services: &[&str], ask: AskSshd<'_>, force: bool) -> Result<Plan, Failure> {
        let services: Vec<_> = services.iter().map(|name| (*name).to_owned()).collect();
        make(&self.site, &services, ask, force)
    }

    fn plan(&self, services: &[&str]) -> Result<Plan, Failure> {
        self.plan_with(services, &|| Ok(self.sshd("keyboard-interactive:pam")), false)
    }

    /// An sshd with these methods and the files that were written.
    fn sshd(&self, methods: &str) -> Sshd {
        let said = format!(
            "usepam yes\npubkeyauthentication yes\npasswordauthentication no\n\
             kbdinteractiveauthentication yes\nauthenticationmethods {methods}\n"
        );
        Sshd::new(&said, &self.site.tree())
    }
}

const BEHIND_KEY: &str = "publickey,keyboard-interactive:pam";

fn debian() -> Ground {
    Ground::new(&[
        ("common-auth", COMMON),
        ("sshd", INCLUDES),
        ("sudo", INCLUDES),
        ("sudo-i", INCLUDES),
        ("su", &format!("auth sufficient pam_rootok.so\n{INCLUDES}")),
        ("su-l", "auth include su\naccount include su\n"),
        ("/usr/lib/pam.d/polkit-1", INCLUDES),
    ])
}

fn services(plan: &Plan) -> Vec<&str> {
    plan.planned.iter().map(|one| &*one.service).collect()
}

fn text(one: &Planned) -> &str {
    str::from_utf8(&one.edit.after.as_ref().unwrap().content).unwrap()
}

#[test]
fn password_checked_stands_only_where_a_wrong_password_ends_the_login() {
    let plan = debian().plan(&["sshd"]).unwrap();
    assert!(
        text(&plan.planned[0]).contains("auth     required  pam_twinlock.so password_checked\n")
    );
    assert!(plan.planned[0].enrolls);
    let fedora = Ground::new(&[
        ("password-auth", "auth sufficient pam_unix.so\nauth required pam_deny.so\n"),
        ("sshd", "auth substack password-auth\naccount include password-auth\n"),
        ("sudo", "auth include password-auth\n"),
    ]);
    let plan = fedora.plan(&["sshd", "sudo"]).unwrap();
    assert!(plan.planned.iter().all(|one| text(one).contains("pam_twinlock.so\n")), "{plan:?}");
    assert!(plan.planned.iter().all(|one| !one.enrolls), "{plan:?}");
    assert_eq!(plan.remarks.len(), 1, "{:?}", plan.remarks);
    assert!(text(&plan.planned[1]).starts_with("auth substack password-auth\n"));
}

#[test]
fn a_companion_is_taken_along_unless_it_reads_the_others_file() {
    let plan = debian().plan(&["sudo", "su", "sudo"]).unwrap();
    assert_eq!(services(&plan), ["sudo", "su", "sudo-i"]);
    assert!(plan.remarks.iter().any(|remark| remark.starts_with("sudo-i is a PAM service")));
    assert!(plan.remarks.iter().any(|remark| remark.starts_with("su-l reads")), "{plan:?}");
}

#[test]
fn nobody_is_asked_twice() {
    let ground = debian();
    let refused = ground.plan(&["su-l", "su"]).unwrap_err();
    assert_eq!(refused.name, Name::WouldBeOpen);
    assert_eq!(services(&ground.plan(&["su", "su-l"]).unwrap()), ["su"]);
    fs::write(
        ground.site.on_disk(Path::new("/etc/pam.d/sudo")),
        format!("{INCLUDES}auth required pam_twinlock.so\n"),
    )
    .unwrap();
    let plan = ground.plan(&["sudo"]).unwrap();
    assert_eq!(services(&plan), ["sudo-i"]);
    assert!(plan.remarks[0].contains("already"), "{plan:?}");
}

#[test]
fn a_packages_file_is_copied_and_taken_away_again() {
    let plan = debian().plan(&["polkit-1"]).unwrap();
    let edit = &plan.planned[0].edit;
    assert_eq!((&*edit.path, &edit.before), (Path::new("/etc/pam.d/polkit-1"), &None));
    assert!(text(&plan.planned[0]).ends_with("account required pam_unix.so\n"));
}

#[test]
fn sshd_says_how_it_asks_and_is_heard() {
    let ground = debian();
    let by_key = || Ok(ground.sshd(BEHIND_KEY));
    let plan = ground.plan_with(&["sshd"], &by_key, false).unwrap();
    assert!(
        text(&plan.planned[0])
            .starts_with("#@include common-auth\nauth     required  pam_twinlock.so\n")
    );
    assert!(plan.planned[0].enrolls, "sshd's key is a first factor");
    let objects = || Ok(ground.sshd("publickey"));
    let silent = || Err("gone".to_owned());
    for ask in [&objects as AskSshd<'_>, &silent] {
        let refused = ground.plan_with(&["sudo", "sshd"], ask, false).unwrap_err();
        assert_eq!(refused.name, Name::SshdSettings, "{}", refused.message);
        assert_eq!(services(&ground.plan_with(&["sshd"], ask, true).unwrap()), ["sshd"]);
    }
}

#[test]
fn a_block_of_sshd_that_no_code_fits_is_refused_in_the_doctors_words() {
    for (block, words) in [
        (
            "Match User legacy\n PasswordAuthentication yes\n AuthenticationMethods password\n",
            "`password`",
        ),
        ("Match Group dev\n AuthenticationMethods publickey\n", "key alone is enough"),
    ] {
        let ground = debian();
        ground.write(
            "etc/ssh/sshd_config",
            &format!(
                "UsePAM yes\nPasswordAuthentication no\nAuthenticationMethods {BEHIND_KEY}\n{block}"
            ),
        );
        let ask = || Ok(ground.sshd(BEHIND_KEY));
        let refused = ground.plan_with(&["sshd"], &ask, false).unwrap_err();
        assert_eq!(refused.name, Name::SshdSettings, "{block}");
        for said in [words, "/etc/ssh/sshd_config line ", "\n  PasswordAuthentication no\n"] {
            assert!(refused.message.contains(said), "{said}: {}", refused.message);
        }
    }
}

#[test]
fn where_a_block_asks_for_no_key_the_password_stays() {
    let ground = debian();
    ground.write(
        "etc/ssh/sshd_config",
        &format!(
            "UsePAM yes\nPasswordAuthentication no\nAuthenticationMethods {BEHIND_KEY}\n\
             Match Address 10.0.0.0/8\n  AuthenticationMethods keyboard-interactive\n"
        ),
    );
    let plan = ground.plan_with(&["sshd"], &|| Ok(ground.sshd(BEHIND_KEY)), false).unwrap();
    assert!(text(&plan.planned[0]).starts_with("@include common-auth\nauth "), "{plan:?}");
}

#[test]
fn a_sudo_that_goes_through_another_stack_is_refused() {
    let ground = debian();
    ground.write("etc/sudoers", "Defaults env_reset\nDefaults pam_service=su\n");
    let refused = ground.plan(&["sudo"]).unwrap_err();
    assert_eq!(refused.name, Name::WouldBeOpen);
    assert!(refused.message.contains("/etc/sudoers line 2: sudo uses"), "{}", refused.message);
    let never = || Err("gone".to_owned());
    let forced = ground.plan_with(&["sudo"], &never, true).unwrap();
    assert!(forced.remarks.iter().any(|remark| remark.contains("pam_service")), "{forced:?}");
    assert_eq!(services(&ground.plan(&["sudo", "su"]).unwrap()), ["sudo", "su", "sudo-i"]);
}

#[test]
fn a_stack_that_could_be_passed_without_a_code_is_refused_with_the_line() {
    for (text, words) in [
        ("auth sufficient pam_fprintd.so\n@include common-auth\n", "sudo line 1"),
        (
            "auth [success=2 default=ignore] pam_succeed_if.so user = x\n@include common-auth\n",
            "sudo",
        ),
        ("auth sufficient pam_unix.so\nauth required pam_deny.so\n", "sudo line 1"),
        ("@include common-auth\nauth optional nonsense\nfoo bar\n", "sudo line 3"),
    ] {
        let ground = Ground::new(&[("common-auth", COMMON), ("sudo", text)]);
        let refused = ground.plan(&["sudo"]).unwrap_err();
        assert_eq!(refused.name, Name::WouldBeOpen, "{text}: {}", refused.message);
        assert!(refused.message.contains(words), "{text}: {}", refused.message);
    }
}

#[test]
fn password_checked_is_said_for_archs_stack_and_not_for_suses() {
    let arch = "auth required pam_faillock.so preauth\n\
                -auth [success=2 default=ignore] pam_systemd_home.so\n\
                auth [success=1 default=bad] pam_unix.so try_first_pass nullok\n\
                auth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n\
                auth required pam_env.so\nauth required pam_faillock.so authsucc\n";
    let suse = "auth required pam_env.so\nauth required pam_unix.so try_first_pass\n";
    for (included, is_checked) in [(arch, true), (suse, false)] {
        let ground =
            Ground::new(&[("system-auth", included), ("login", "auth include system-auth\n")]);
        let plan = ground.plan(&["login"]).unwrap();
        assert_eq!(text(&plan.planned[0]).contains("password_checked"), is_checked, "{plan:?}");
    }
}
