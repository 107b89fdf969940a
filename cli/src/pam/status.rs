//! `twinlock pam status`: which services ask for a code, and what is on trial.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    disable, guard,
    journal::{Record, Way},
    listed, not_kept,
    site::Site,
    trial, undo,
};
use crate::{
    failure::Failure,
    moment::Moment,
    output::{self, Format},
    pam_config::{Kind, MOST_BYTES},
    printable,
};

/// A service whose file has the line.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct ServiceObject {
    service: String,
    file: PathBuf,
    way: Way,
    by: By,
    since: Option<u64>,
    edited_since: bool,
    on_trial: bool,
}

/// Who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    Twinlock,
    Hand,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct TrialObject {
    services: Vec<String>,
    seconds_left: u64,
    guarded: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct StatusObject {
    services: Vec<ServiceObject>,
    trial: Option<TrialObject>,
}

pub(super) fn run(site: &Site, format: Format) -> Result<(), Failure> {
    let status = look(site)?;
    output::result(format, &page(&status, &Moment::now()), &status)
}

fn look(site: &Site) -> Result<StatusObject, Failure> {
    let pending = Record::pending(site).map_err(|error| not_kept(&error))?;
    let (record, change) = match pending {
        Some((record, change)) => (record, Some(change)),
        None => (Record::kept(site).map_err(|error| not_kept(&error))?, None),
    };
    let tree = site.tree();
    let mut services = Vec::new();
    for service in tree.services() {
        let Some(file) = tree.file(&service) else { continue };
        let Ok(content) = crate::bounded_file::content(&tree.on_disk(&file), MOST_BYTES) else {
            continue;
        };
        if undo::lines_of_module(&content).is_empty() {
            continue;
        }
        let known = record.enabled.iter().find(|known| known.service == service);
        let written = known.and_then(|known| known.edit.after.as_ref());
        services.push(ServiceObject {
            way: disable::way(&tree.stack(&service, Kind::Auth)),
            by: if known.is_some() { By::Twinlock } else { By::Hand },
            since: known.map(|known| known.at),
            edited_since: written.is_some_and(|image| image.content != *content),
            on_trial: change.as_ref().is_some_and(|change| change.services.contains(&service)),
            service,
            file,
        });
    }
    let trial = match change {
        Some(change) => Some(TrialObject {
            seconds_left: trial::left(&change).map_err(|error| not_kept(&error))?.as_secs(),
            guarded: guard::is_on_watch(site, &change.id),
            services: change.services,
        }),
        None => None,
    };
    Ok(StatusObject { services, trial })
}

fn page(status: &StatusObject, moment: &Moment) -> String {
    let mut page = String::new();
    if status.services.is_empty() {
        page.push_str("No service asks for a code.\n");
    }
    for one in &status.services {
        let way = match one.way {
            Way::Password => "after the password",
            Way::Key => "alone, behind sshd's key",
            Way::OneLine => "in one line with the password",
        };
        let since = match one.since {
            _ if one.on_trial => "on trial".to_owned(),
            Some(since) => format!("since {}", moment.describe(since)),
            None => "written by hand".to_owned(),
        };
        let edited = if one.edited_since { ", edited by somebody since" } else { "" };
        page.push_str(&format!("{}: {way}, {since}{edited}\n", printable::line(&one.service)));
    }
    if let Some(trial) = &status.trial {
        let services = listed(&trial.services);
        if trial.seconds_left == 0 {
            page.push_str(&format!(
                "\nA change of {services} was not finished. `twinlock pam restore` puts it back.\n"
            ));
        } else {
            page.push_str(&format!(
                "\n{services}: {} seconds left to log in and run `sudo twinlock pam confirm`.\n",
                trial.seconds_left
            ));
        }
        if !trial.guarded && trial.seconds_left > 0 {
            page.push_str(
                "The guard that would put everything back does not run: `twinlock pam restore` does it.\n",
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_by_hand_are_told_with_their_way() {
        let root = tempfile::tempdir().unwrap();
        let site = Site::at(root.path());
        let directory = root.path().join("etc/pam.d");
        fs::create_dir_all(&directory).unwrap();
        for (service, text) in [
            ("common-auth", "auth required pam_unix.so\n"),
            ("login", "@include common-auth\n#auth required pam_twinlock.so\n"),
            ("one", "auth requisite pam_twinlock.so forward_pass\nauth required pam_unix.so\n"),
            ("sshd", "#@include common-auth\nauth required pam_twinlock.so\n"),
            ("sudo", "@include common-auth\nauth required pam_twinlock.so password_checked\n"),
        ] {
            fs::write(directory.join(service), text).unwrap();
        }
        let status = look(&site).unwrap();
        let told: Vec<_> = status.services.iter().map(|one| (&*one.service, one.way)).collect();
        assert_eq!(told, [("one", Way::OneLine), ("sshd", Way::Key), ("sudo", Way::Password)]);
        assert!(status.services.iter().all(|one| one.by == By::Hand && one.since.is_none()));
        assert_eq!(status.trial, None);
    }

    #[test]
    fn json_keys_are_the_documented_ones() {
        let status = StatusObject {
            services: vec![ServiceObject {
                service: "sshd".into(),
                file: "/etc/pam.d/sshd".into(),
                way: Way::Password,
                by: By::Twinlock,
                since: Some(9),
                edited_since: false,
                on_trial: true,
            }],
            trial: Some(TrialObject {
                services: vec!["sshd".into()],
                seconds_left: 87,
                guarded: true,
            }),
        };
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            "{\"services\":[{\"service\":\"sshd\",\"file\":\"/etc/pam.d/sshd\",\"way\":\"password\",\
             \"by\":\"twinlock\",\"since\":9,\"edited_since\":false,\"on_trial\":true}],\
             \"trial\":{\"services\":[\"sshd\"],\"seconds_left\":87,\"guarded\":true}}"
        );
        let page = page(&status, &Moment::now());
        assert!(
            page.contains("sshd: after the password, on trial\n") && page.contains("87 seconds")
        );
    }
}
