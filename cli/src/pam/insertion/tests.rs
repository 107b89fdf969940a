//! The files of four distributions, in few words.

use std::{fs, path::Path};

use super::*;
use crate::pam_config::Tree;

const DEBIAN: [(&str, &str); 4] = [
    (
        "common-auth",
        "# here are the per-package modules (the \"Primary\" block)\n\
         auth\t[success=1 default=ignore]\tpam_unix.so nullok\n\
         auth\trequisite\t\t\tpam_deny.so\nauth\trequired\t\t\tpam_permit.so\n",
    ),
    ("sshd", "# ssh\n\n@include common-auth\n\naccount required pam_nologin.so\n"),
    (
        "su",
        "auth       sufficient pam_rootok.so\n# more\n@include common-auth\n\
         @include common-account\n",
    ),
    (
        "login",
        "auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n\
         @include common-auth\nauth       optional   pam_group.so\n",
    ),
];

const FEDORA: [(&str, &str); 4] = [
    (
        "system-auth",
        "auth        required      pam_env.so\nauth        sufficient    pam_unix.so nullok\n\
         auth        required      pam_deny.so\n",
    ),
    ("postlogin", "session     optional      pam_lastlog.so showfailed\n"),
    (
        "sshd",
        "#%PAM-1.0\nauth       substack     system-auth\nauth       include      postlogin\n\
         account    required     pam_sepermit.so\n",
    ),
    (
        "sudo",
        "#%PAM-1.0\nauth       include      system-auth\naccount    include      system-auth\n",
    ),
];

const SUSE: [(&str, &str); 2] = [
    ("common-auth", "auth\trequired\tpam_env.so\nauth\trequired\tpam_unix.so\ttry_first_pass\n"),
    ("sudo", "#%PAM-1.0\nauth\t include\tcommon-auth\naccount  include\tcommon-account\n"),
];

const ARCH: [(&str, &str); 2] = [
    (
        "system-auth",
        "auth required pam_faillock.so preauth\n\
         -auth [success=2 default=ignore] pam_systemd_home.so\n\
         auth [success=1 default=bad] pam_unix.so try_first_pass nullok\n\
         auth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n",
    ),
    ("sudo", "#%PAM-1.0\nauth\t\tinclude\t\tsystem-auth\naccount\t\tinclude\t\tsystem-auth\n"),
];

fn proposed(files: &[(&str, &str)], service: &str, way: Way) -> Result<String, String> {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("etc/pam.d");
    fs::create_dir_all(&directory).unwrap();
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
    let tree = Tree::at(root.path());
    let text = fs::read(tree.on_disk(&Path::new("/etc/pam.d").join(service))).unwrap();
    let proposal = propose(&text, &tree.stack(service, Kind::Auth), way, false)?;
    Ok(String::from_utf8(proposal.content).unwrap())
}

/// The file with `line` behind the one that is `behind`.
fn with_line(files: &[(&str, &str)], service: &str, behind: &str) -> String {
    let (_, text) = files.iter().find(|(name, _)| *name == service).unwrap();
    assert_eq!(text.matches(&format!("{behind}\n")).count(), 1);
    text.replace(&format!("{behind}\n"), &format!("{behind}\n{LINE}\n"))
}

#[test]
fn the_line_stands_behind_those_that_check_the_password() {
    for (files, service, behind) in [
        (&DEBIAN[..], "sshd", "@include common-auth"),
        (&DEBIAN, "su", "@include common-auth"),
        (&DEBIAN, "login", "@include common-auth"),
        (&FEDORA, "sshd", "auth       substack     system-auth"),
        (&SUSE, "sudo", "auth\t include\tcommon-auth"),
        (&ARCH, "sudo", "auth\t\tinclude\t\tsystem-auth"),
    ] {
        let expected = with_line(files, service, behind);
        assert_eq!(proposed(files, service, Way::Password), Ok(expected), "{service}");
    }
}

#[test]
fn what_would_end_the_stack_before_the_line_becomes_a_substack() {
    let text = proposed(&FEDORA, "sudo", Way::Password).unwrap();
    assert_eq!(
        text,
        format!(
            "#%PAM-1.0\nauth       substack      system-auth\n{LINE}\n\
             account    include      system-auth\n"
        )
    );
    let debian_like =
        [("common-auth", "auth sufficient pam_unix.so\n"), ("su", "@include common-auth\n")];
    let refused = proposed(&debian_like, "su", Way::Password).unwrap_err();
    assert!(refused.contains("line 1 of /etc/pam.d/common-auth"), "{refused}");
}

#[test]
fn behind_a_key_the_code_takes_the_place_of_the_password() {
    let text = proposed(&DEBIAN, "sshd", Way::Key).unwrap();
    assert_eq!(
        text,
        format!("# ssh\n\n#@include common-auth\n{LINE}\n\naccount required pam_nologin.so\n")
    );
    let text = proposed(&FEDORA, "sshd", Way::Key).unwrap();
    assert!(
        text.contains(&format!("\n#auth       substack     system-auth\n{LINE}\nauth ")),
        "{text}"
    );
    assert!(proposed(&[("sshd", "auth required pam_unix.so\n")], "sshd", Way::Key).is_err());
}

#[test]
fn a_file_that_includes_nothing_has_it_last() {
    let files = [("x", "auth required pam_unix.so # é\nauth required pam_env.so")];
    assert_eq!(
        proposed(&files, "x", Way::Password),
        Ok(format!("auth required pam_unix.so # é\nauth required pam_env.so\n{LINE}\n"))
    );
}

#[test]
fn a_file_with_no_place_for_it_is_refused() {
    let other = ("other", "auth required pam_deny.so\n");
    for text in ["account required pam_unix.so\n", "# nothing\n", ""] {
        assert!(proposed(&[("x", text), other], "x", Way::Password).is_err(), "{text}");
    }
    let continued = [("x", "auth required \\\npam_unix.so\n")];
    assert!(proposed(&continued, "x", Way::Password).unwrap_err().contains("goes on"));
}
