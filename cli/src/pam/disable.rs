//! `twinlock pam disable`: ask for no code in services any more.
//!
//! Needs neither the daemon nor sshd: it is for the day on which they do not work.

use super::{
    ChangedObject, clear_up, difference, do_at_once, insertion,
    journal::{self, Change, Doing, Edit, Record, Reworded, Way},
    listed, lock, not_kept, service_file,
    signals::Signals,
    site::Site,
    undo::{self, Undone},
};
use crate::{
    arguments::pam::Disable,
    doctor::stacks::TWINS,
    failure::Failure,
    output::{self, Format},
    pam_config::{Directive, Kind, line},
};

pub(super) fn run(site: &Site, options: &Disable, format: Format) -> Result<(), Failure> {
    let signals = Signals::hold().map_err(|error| not_kept(&error))?;
    let _lock = lock(site)?;
    if !options.dry_run {
        clear_up(site)?;
    }
    let mut record = Record::kept(site).map_err(|error| not_kept(&error))?;
    let found = find(site, &record, &options.services)?;
    if format == Format::Text {
        // Whoever has nobody listening may need this all the more.
        let _ = output::text(&page(&found));
    }
    let services: Vec<String> = found.taken.iter().map(|(service, _)| service.clone()).collect();
    let edits: Vec<Edit> = found.taken.into_iter().map(|(_, edit)| edit).collect();
    let files = edits.iter().map(|edit| edit.path.clone()).collect();
    let changed = !options.dry_run && !services.is_empty();
    if changed {
        record.enabled.retain(|known| !services.contains(&known.service));
        record.change = Some(Change {
            id: journal::new_id().map_err(|error| not_kept(&error))?,
            doing: Doing::Disabling,
            services: services.clone(),
            edits,
            trial: None,
        });
        do_at_once(site, &record)?;
    }
    drop(signals);
    let words = match (services.is_empty(), changed) {
        (true, _) => "There is nothing to change.\n".to_owned(),
        (false, false) => "Nothing was changed.\n".to_owned(),
        (false, true) => format!(
            "{} ask{} for no code any more.\n",
            listed(&services),
            if services.len() == 1 { "s" } else { "" }
        ),
    };
    let services = services.iter().map(String::as_str).collect();
    output::result(format, &words, &ChangedObject { services, files, changed })
}

/// What would be taken out.
#[derive(Debug, Default)]
struct Found {
    taken: Vec<(String, Edit)>,
    remarks: Vec<String>,
}

fn find(site: &Site, record: &Record, named: &[String]) -> Result<Found, Failure> {
    let mut found = Found::default();
    let companions = TWINS.into_iter().filter(|(service, companion)| {
        let is_ours = record.enabled.iter().any(|known| known.service == *companion);
        is_ours && named.iter().any(|name| name == service)
    });
    let companions = companions.map(|(_, companion)| companion.to_owned());
    for service in named.iter().cloned().chain(companions) {
        let is_known = |(taken, _): &(String, Edit)| *taken == service;
        if !found.taken.iter().any(is_known) {
            found.add(site, record, service)?;
        }
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, site: &Site, record: &Record, service: String) -> Result<(), Failure> {
        let known = record.enabled.iter().find(|known| known.service == service);
        let (edit, now) = match known {
            Some(known) => {
                let now = super::durable_file::Image::of(&site.on_disk(&known.edit.path));
                let now = now.map_err(|error| {
                    Failure::not_editable(&format!("{}: {error}.", known.edit.path.display()))
                })?;
                (known.edit.clone(), now)
            }
            None => {
                let file = service_file::find(site, &service)?;
                let reworded = commented_out(&file.image.content);
                let edit = Edit { path: file.path, before: None, after: None, reworded };
                (edit, file.now)
            }
        };
        let content = now.as_ref().map(|image| image.content.as_slice()).unwrap_or_default();
        if undo::lines_of_module(content).is_empty() {
            self.remarks.push(without_line(site, &service));
            return Ok(());
        }
        let (after, undone) = undo::without_line(site, &edit, now.clone());
        if let Undone::LineKept(why) = undone {
            return Err(Failure::not_editable(&format!(
                "Without the line in {} {why}. Write back what asked for the password, such as\n\
                 `@include common-auth`, and take the line out by hand.",
                edit.path.display()
            )));
        }
        if undone == Undone::LineTakenOut {
            let why =
                if known.is_some() { "was edited by somebody since" } else { "was edited by hand" };
            self.remarks
                .push(format!("{} {why}: only the line is taken out.", edit.path.display()));
            check(site, &service, &edit, after.as_ref().map(|image| &*image.content))?;
        }
        self.taken.push((service, Edit { before: now, after, ..edit }));
        Ok(())
    }
}

/// Why there is no line to take out.
fn without_line(site: &Site, service: &str) -> String {
    let stack = site.tree().stack(service, Kind::Auth);
    let call = stack.steps.iter().find(|step| step.is(undo::MODULE));
    match call {
        Some(step) if !stack.is_other => format!(
            "{service} asks for a code because of line {} of {}, which it reads.",
            step.place.line,
            step.place.file.display()
        ),
        _ => format!("{service} asks for no code."),
    }
}

/// What `enable` makes a remark of where the code takes the place of the password. Whatever else is
/// commented out was so before, and somebody meant it.
const PASSWORD_FILES: [&str; 3] = ["common-auth", "system-auth", "password-auth"];

/// The key recipe by hand: the line before ours is the remark that the password has become.
fn commented_out(content: &[u8]) -> Option<Reworded> {
    let ours = *undo::lines_of_module(content).first()?;
    let text = str::from_utf8(content).ok()?;
    let is = text.lines().nth(ours.checked_sub(2)?)?.trim_end();
    let was = is.strip_prefix('#')?;
    let said = line::lines(was);
    let is_include = |line: &line::Line| {
        matches!(&line.directive, Directive::Include { kind: None | Some(Kind::Auth), file, .. }
            if PASSWORD_FILES.contains(&file.as_str()))
    };
    said.first()
        .is_some_and(is_include)
        .then(|| Reworded { was: was.to_owned(), is: is.to_owned() })
}

/// A file that somebody else has written too must still check the password without the line.
fn check(site: &Site, service: &str, edit: &Edit, after: Option<&[u8]>) -> Result<(), Failure> {
    let own = std::path::Path::new("/etc/pam.d").join(service);
    let content = after.unwrap_or_default();
    let stack =
        site.tree().with(&edit.path, content).with(&own, content).stack(service, Kind::Auth);
    if !stack.is_other
        && (stack.steps.iter().any(insertion::checks_password) || insertion::calls(&stack) > 0)
    {
        return Ok(());
    }
    Err(Failure::not_editable(&format!(
        "Without the line nothing in {} checks a password. Write back what did, such as\n\
         `@include common-auth`, and take the line out by hand.",
        edit.path.display()
    )))
}

/// How the code is asked for in a stack that calls the module.
pub(super) fn way(stack: &crate::pam_config::Stack) -> Way {
    let call = stack.steps.iter().find(|step| step.is(undo::MODULE));
    let before = insertion::before_module(stack).unwrap_or_default();
    if call.is_some_and(|step| step.has("forward_pass")) {
        Way::OneLine
    } else if before.iter().any(insertion::checks_password) {
        Way::Password
    } else {
        Way::Key
    }
}

fn page(found: &Found) -> String {
    let remarks = found.remarks.iter().map(|remark| crate::printable::paragraph(remark) + "\n");
    let diffs = found.taken.iter().map(|(_, edit)| difference::of(edit).into());
    remarks.chain(diffs).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::pam::{plan, sshd::Sshd};

    const COMMON: &str = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
                          auth required pam_permit.so\n";

    struct Ground {
        _root: tempfile::TempDir,
        site: Site,
    }

    impl Ground {
        fn new(files: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().unwrap();
            let site = Site::at(root.path());
            for directory in ["etc/pam.d", "var/lib"] {
                fs::create_dir_all(root.path().join(directory)).unwrap();
            }
            let ground = Self { _root: root, site };
            ground.write("common-auth", COMMON);
            for (name, text) in files {
                ground.write(name, text);
            }
            drop(lock(&ground.site).unwrap());
            ground
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.site.on_disk(&Path::new("/etc/pam.d").join(name))
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).unwrap();
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap()
        }

        fn enable(&self, services: &[&str]) {
            let services: Vec<_> = services.iter().map(|name| (*name).to_owned()).collect();
            let said = "usepam yes\nkbdinteractiveauthentication yes\npubkeyauthentication yes\n\
                        authenticationmethods publickey,keyboard-interactive\n";
            let by_key = || Ok(Sshd::new(said, &self.site.tree()));
            let plan = plan::make(&self.site, &services, &by_key, false).unwrap();
            let mut record = Record::kept(&self.site).unwrap();
            record.enabled.extend(plan.planned.iter().map(|one| journal::Enabled {
                service: one.service.clone(),
                way: one.way,
                at: 1,
                edit: one.edit.clone(),
            }));
            record.change = Some(Change {
                id: journal::new_id().unwrap(),
                doing: Doing::Enabling,
                services: vec![],
                edits: plan.planned.into_iter().map(|one| one.edit).collect(),
                trial: None,
            });
            do_at_once(&self.site, &record).unwrap();
        }

        fn disable(&self, services: &[&str]) -> Result<(), Failure> {
            let services = services.iter().map(|name| (*name).to_owned()).collect();
            run(&self.site, &Disable { services, dry_run: false }, Format::Json)
        }

        fn enabled(&self) -> Vec<String> {
            let record = Record::kept(&self.site).unwrap();
            record.enabled.into_iter().map(|one| one.service).collect()
        }
    }

    const SSHD: &str = "# ssh\n@include common-auth\naccount required pam_unix.so\n";
    const SUDO: &str = "@include common-auth";

    #[test]
    fn what_was_enabled_is_disabled_byte_for_byte_and_takes_its_companion_along() {
        let ground = Ground::new(&[("sshd", SSHD), ("sudo", SUDO), ("sudo-i", SUDO)]);
        ground.enable(&["sshd", "sudo"]);
        assert_eq!(ground.enabled(), ["sshd", "sudo", "sudo-i"]);
        for service in ["sshd", "sudo", "sudo-i"] {
            assert!(ground.text(service).contains("pam_twinlock.so"), "{service}");
        }
        ground.disable(&["sudo"]).unwrap();
        assert_eq!(ground.enabled(), ["sshd"]);
        ground.disable(&["sshd", "sshd"]).unwrap();
        assert_eq!((ground.text("sshd"), ground.text("sudo")), (SSHD.into(), SUDO.into()));
        assert_eq!(ground.text("sudo-i"), SUDO);
        assert!(ground.enabled().is_empty());
        ground.disable(&["sshd"]).unwrap();
    }

    #[test]
    fn an_edit_in_between_stays_and_the_password_comes_back() {
        let ground = Ground::new(&[("sshd", SSHD)]);
        ground.enable(&["sshd"]);
        ground.write("sshd", &(ground.text("sshd") + "# mine\n"));
        ground.disable(&["sshd"]).unwrap();
        assert_eq!(ground.text("sshd"), format!("{SSHD}# mine\n"));
    }

    #[test]
    fn a_line_by_hand_is_taken_out_where_a_password_is_left() {
        let line = "auth required pam_twinlock.so\n";
        let key = SSHD.replace("@include common-auth\n", &format!("#@include common-auth\n{line}"));
        let ground = Ground::new(&[
            ("sshd", &key),
            ("su", &format!("@include common-auth\n{line}")),
            ("vnc", line),
        ]);
        ground.disable(&["sshd", "su"]).unwrap();
        assert_eq!(ground.text("sshd"), SSHD);
        assert_eq!(ground.text("su"), "@include common-auth\n");
        let refused = ground.disable(&["vnc"]).unwrap_err();
        assert!(refused.message.contains("line in /etc/pam.d/vnc no line"), "{}", refused.message);
        assert_eq!(ground.text("vnc"), line);
    }

    #[test]
    fn no_jump_lets_anybody_in_when_the_line_is_gone() {
        let jump = "auth [success=1 default=ignore] pam_localuser.so\n";
        let rest = "auth requisite pam_unix.so\nauth required pam_permit.so\n";
        let with_line = |line: &str| format!("{jump}{line}{rest}");
        let ground = Ground::new(&[("login", &with_line("auth required pam_twinlock.so\n"))]);
        ground.disable(&["login"]).unwrap();
        let text = ground.text("login");
        let held = "auth     [default=ignore]  pam_permit.so # counted by the jumps above it\n";
        assert_eq!(text, with_line(held));
    }

    #[test]
    fn a_remark_that_is_not_the_password_stays_one() {
        let text = "@include common-auth\n#auth include mine\nauth required pam_twinlock.so\n";
        let ground = Ground::new(&[("su", text), ("mine", "auth optional pam_warn.so\n")]);
        ground.disable(&["su"]).unwrap();
        assert_eq!(ground.text("su"), "@include common-auth\n#auth include mine\n");
    }

    #[test]
    fn all_or_nothing() {
        let ground = Ground::new(&[("sshd", SSHD), ("sudo", SUDO)]);
        ground.enable(&["sshd", "sudo"]);
        let (sshd, sudo) = (ground.text("sshd"), ground.text("sudo"));
        // Nobody can write a file whose temporary neighbour is a directory.
        fs::create_dir(ground.path(".sudo.twinlock-new")).unwrap();
        assert!(ground.disable(&["sshd", "sudo"]).is_err());
        assert_eq!((ground.text("sshd"), ground.text("sudo")), (sshd, sudo));
        assert_eq!(ground.enabled(), ["sshd", "sudo"]);
        assert_eq!(Record::pending(&ground.site).unwrap(), None);
    }
}
