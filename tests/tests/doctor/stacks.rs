//! Faults in /etc/pam.d.

use std::fs;

use twinlock_tests::in_sandbox;

use crate::scene::{PAM_SSHD, Scene, found};

const LINE: &str = "auth     required  pam_twinlock.so password_checked";
const PASSWORD: &str = "@include common-auth";

#[test]
fn lines_that_lead_past_the_module_are_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        for (before, planted, name) in [
            (
                PASSWORD,
                "auth sufficient pam_succeed_if.so quiet user ingroup users",
                "sufficient-before-code",
            ),
            (
                LINE,
                "auth sufficient pam_listfile.so item=user sense=allow file=/etc/trusted",
                "sufficient-before-code",
            ),
            (PASSWORD, "auth sufficient pam_rootok.so", "sufficient-before-code"),
            (LINE, "auth [success=1 default=ignore] pam_access.so", "jump-around-code"),
            (LINE, "auth [success=done default=ignore] pam_localuser.so", "sufficient-before-code"),
        ] {
            let change = |text: &str| text.replacen(before, &format!("{planted}\n{before}"), 1);
            scene.finds_after(PAM_SSHD, change, name, planted);
        }
        scene.finds_nothing();
    });
}

#[test]
fn a_hole_in_a_file_that_is_included_is_found_there() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        const COMMON: &str = "/etc/pam.d/common-auth";
        let authsucc = "auth sufficient pam_faillock.so authsucc";
        let change = |text: &str| {
            text.replacen(
                "auth requisite pam_deny.so",
                &format!("auth requisite pam_deny.so\n{authsucc}"),
                1,
            )
            .replacen("success=1", "success=1 new_authtok_reqd=1", 1)
        };
        scene.finds_after(COMMON, change, "sufficient-before-code", authsucc);
    });
}

#[test]
fn lines_of_the_module_that_do_not_protect_are_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        for (planted, name) in [
            ("auth optional pam_twinlock.so", "refusal-ignored"),
            ("auth sufficient pam_twinlock.so", "refusal-ignored"),
            ("auth [success=ok default=ignore] pam_twinlock.so", "refusal-ignored"),
            (
                "auth [success=ok ignore=ignore authinfo_unavail=ignore default=bad] pam_twinlock.so",
                "open-without-daemon",
            ),
            ("auth required pam_twinlock.so nullok", "bad-option"),
            ("auth required pam_twinlock.so password-checked", "bad-option"),
            ("auth requird pam_twinlock.so", "broken-line"),
            ("auth required /usr/lib/security/pam_twinlock.so", "module-missing"),
        ] {
            scene.finds_after(PAM_SSHD, |text| text.replacen(LINE, planted, 1), name, planted);
        }
        scene.finds_nothing();
    });
}

#[test]
fn what_does_not_go_together_is_found() {
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        for (planted, name) in [
            ("auth required pam_google_authenticator.so", "two-code-modules"),
            ("auth required pam_twinlock.so debug", "two-code-modules"),
            ("account required pam_twinlock.so", "not-an-auth-line"),
            ("session optional pam_twinlock.so", "not-an-auth-line"),
        ] {
            let change = |text: &str| text.replacen(LINE, &format!("{LINE}\n{planted}"), 1);
            scene.finds_after(PAM_SSHD, change, name, planted);
        }
        // The password is asked for, and missing it does no harm.
        let planted = "auth optional pam_unix.so";
        let change = |text: &str| {
            text.replacen(PASSWORD, planted, 1).replacen(LINE, "auth required pam_twinlock.so", 1)
        };
        scene.finds_after(PAM_SSHD, change, "code-replaces-password", planted);
        // The next line is reached with a wrong password, as on Red Hat's.
        let change = |text: &str| {
            text.replacen(PASSWORD, "auth required pam_unix.so\nauth required pam_permit.so", 1)
        };
        scene.finds_after(PAM_SSHD, change, "password-not-checked", "pam_twinlock.so");
    });
}

#[test]
fn sudo_i_left_out_and_a_file_that_others_may_write_are_found() {
    use std::os::unix::fs::PermissionsExt;
    in_sandbox(|host| {
        let scene = Scene::healthy(host);
        const SUDO_I: &str = "/etc/pam.d/sudo-i";
        let change = |text: &str| text.replacen(LINE, "", 1);
        scene.finds_after(SUDO_I, change, "login-service-without-code", PASSWORD);

        let mode = |path: &str, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for path in [PAM_SSHD, "/etc/pam.d/common-auth", "/etc/pam.d"] {
            let before = fs::metadata(path).unwrap().permissions().mode();
            mode(path, before | 0o002);
            assert_eq!(found(host), [format!("writable-by-others {path}")]);
            mode(path, before);
        }
        std::os::unix::fs::chown(PAM_SSHD, Some(scene.alice.uid), None).unwrap();
        assert_eq!(found(host), [format!("not-roots {PAM_SSHD}")]);
    });
}
