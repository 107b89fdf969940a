//! sshd's own word about what is in force outside of all `Match` blocks.

use super::{ConfigFile, Settings};
use crate::doctor::program::{self, Said};

const PROGRAMS: [&str; 3] = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];
/// An address that is nobody's (RFC 5737), and an account that every host has.
const WHOM: &str = "user=nobody,host=localhost,addr=192.0.2.1";

/// What is in force for somebody no `Match` names, or what sshd says against its files. `None` where
/// there is no sshd.
pub(crate) fn ask(file: &ConfigFile) -> Option<Result<Settings, String>> {
    asked(file, &|arguments| program::run(&PROGRAMS, arguments))
}

fn asked(
    file: &ConfigFile,
    run: &dyn Fn(&[&str]) -> Option<Said>,
) -> Option<Result<Settings, String>> {
    let said = run(&["-T"])?;
    if said.succeeded {
        return Some(Ok(Settings::parse(&said.stdout)));
    }
    // Older ones want to be told about whom, and then let the blocks count that fit: a block may be
    // about everybody but a few, and would be taken for what holds for all.
    if !file.blocks.is_empty()
        && let Some(about) = run(&["-T", "-C", WHOM]).filter(|about| about.succeeded)
    {
        return Some(Ok(Settings::parse(&about.stdout).outside_of_blocks(file)));
    }
    Some(Err(said.stderr))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::doctor::planted::Planted;

    fn said(succeeded: bool, text: &str) -> Option<Said> {
        let (stdout, stderr) = if succeeded { (text, "") } else { ("", text) };
        Some(Said { succeeded, stdout: stdout.into(), stderr: stderr.into() })
    }

    #[test]
    fn a_block_about_nearly_everybody_is_not_taken_for_what_holds_for_all() {
        let planted = Planted::new(&[]);
        planted.write(
            "/etc/ssh/sshd_config",
            "UsePAM yes\nMatch Address *,!10.0.0.0/8\n AuthenticationMethods publickey,password\n",
        );
        let file = ConfigFile::read(&planted.tree, Path::new("/etc/ssh/sshd_config"));
        let in_block = "usepam yes\nusedns yes\nauthenticationmethods publickey,password\n";
        let outside = "usepam yes\nusedns yes\nauthenticationmethods any\n";
        let new: &dyn Fn(&[&str]) -> _ =
            &|arguments| said(true, if arguments.contains(&"-C") { in_block } else { outside });
        let old: &dyn Fn(&[&str]) -> _ = &|arguments| {
            let complaint = "'Match Address' in configuration but 'addr' not in connection test";
            let asked = arguments.contains(&"-C");
            said(asked, if asked { in_block } else { complaint })
        };
        for run in [new, old] {
            let settings = asked(&file, run).unwrap().unwrap();
            assert_eq!(settings.value("authenticationmethods"), Some("any"));
            assert!(settings.is_yes("usepam") && settings.is_yes("usedns"));
        }
    }

    #[test]
    fn what_it_says_against_its_files_is_handed_on() {
        let file = ConfigFile::default();
        let refused = asked(&file, &|_| said(false, "line 3: Bad option")).unwrap();
        assert_eq!(refused, Err("line 3: Bad option".to_owned()));
        assert_eq!(asked(&file, &|_| None), None);
    }
}
