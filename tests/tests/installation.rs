//! `make install` puts everything where its users look for it, and `make uninstall` takes it away.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use twinlock_tests::{
    command::{as_root, run},
    host::DATABASE,
    in_sandbox, readme, stage,
};

/// Every file below `root` whose path speaks of Twinlock.
fn ours(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(ours(&path));
        } else if path.to_string_lossy().contains("winlock") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_module_is_beside_the_modules_of_the_host() {
    in_sandbox(|_| {
        let module = ours(Path::new("/usr/lib"))
            .into_iter()
            .find(|path| path.ends_with("pam_twinlock.so"))
            .expect("the module");
        assert!(module.with_file_name("pam_unix.so").exists(), "{}", module.display());
        assert_eq!(fs::metadata(&module).unwrap().permissions().mode() & 0o7777, 0o644);
    });
}

#[test]
fn the_bus_accepts_the_policy_and_knows_the_daemon() {
    in_sandbox(|host| {
        host.daemon.start();
        let complaints: Vec<_> = host
            .syslog
            .lines()
            .into_iter()
            .filter(|line| line.contains("dbus-daemon") && line.contains("Twinlock1.conf"))
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    });
}

/// The settings of the sample, with the comment signs before them taken away: `#name = value`.
fn uncommented() -> String {
    let sample = fs::read_to_string("/usr/share/doc/twinlock/twinlock.toml").unwrap();
    let lines = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_sample_shows_the_documented_defaults_and_the_daemon_takes_them() {
    in_sandbox(|host| {
        let (mut section, mut shown) = (String::new(), BTreeMap::new());
        let settings = uncommented();
        for line in settings.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((key, value)) = line.split_once(" = ")
                && !line.starts_with('#')
            {
                shown.insert(format!("{section}{key}"), value.to_owned());
            }
        }
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        let documented: BTreeMap<_, _> = readme::table("| key | default |")
            .into_iter()
            .map(|[key, default]| (bare(key), bare(default)))
            .filter(|(_, default)| !default.is_empty())
            .collect();
        assert!(documented.len() >= 9, "{documented:?}");
        assert!(shown.keys().eq(documented.keys()), "{shown:?}\n{documented:?}");
        for (key, value) in &shown {
            // The one default that differs from host to host.
            assert!(key == "issuer" || documented[key] == *value, "{key} = {value}");
        }
        host.settings(&settings);
        host.daemon.start();
    });
}

#[test]
fn a_daemon_that_runs_is_replaced_by_the_installed_one() {
    in_sandbox(|host| {
        let reload = || run(as_root("make").arg("reload").current_dir(stage::checkout()), "");
        reload().expect_success("while none runs");
        assert_eq!(host.daemon.pid(), None);

        host.daemon.start();
        let before = host.daemon.pid().expect("a daemon");
        reload().expect_success("while one runs");
        let alice = host.user("alice");
        assert_eq!(host.status(&alice)["state"], "off");
        assert_ne!(host.daemon.pid().expect("another daemon"), before);

        host.bus.kill();
        reload().expect_success("without a bus");
    });
}

#[test]
fn a_place_where_no_bus_looks_is_refused() {
    in_sandbox(|_| {
        let install = |prefix: &str| {
            let mut make = as_root("make");
            make.args(["activatable", prefix]).current_dir(stage::checkout());
            run(&mut make, "")
        };
        for prefix in ["PREFIX=/usr", "PREFIX=/usr/local"] {
            install(prefix).expect_success(prefix);
        }
        let refused = install("PREFIX=/opt/twinlock").expect_failure("PREFIX=/opt/twinlock");
        assert!(refused.stderr.contains("/usr or /usr/local"), "{}", refused.stderr);
    });
}

#[test]
fn uninstalling_leaves_the_state_and_nothing_else() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let _phone = host.enroll(&alice);
        let places = ["/usr", "/etc"].map(Path::new);
        assert!(places.into_iter().flat_map(ours).count() >= 8);
        let outcome = run(as_root("make").arg("uninstall").current_dir(stage::checkout()), "")
            .expect_success("make uninstall");
        assert!(outcome.stdout.contains("/var/lib/twinlock"), "{}", outcome.stdout);
        let left: Vec<_> = places.into_iter().flat_map(ours).collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(Path::new(DATABASE).exists());
    });
}
