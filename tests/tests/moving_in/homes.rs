//! Homes belong to somebody else: nothing in them is changed, and nothing in them is trusted.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use nix::{
    fcntl::{AT_FDCWD, RenameFlags, renameat2},
    sys::stat::Mode,
    unistd::mkfifo,
};
use serde_json::Value;
use twinlock_interface::{ImportedAuthenticator, State};
use twinlock_tests::{User, caller::Arguments, in_sandbox};

use crate::scene::{
    FILE_NAME, USERS_FILE, base32, entries, give, hex, import, inventory, put, put_users,
    secret_file,
};

#[test]
fn files_and_homes_are_left_as_they_were() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["DISALLOW_REUSE", "TOTP_AUTH"]));
        put(&bob, "no base32\n");
        put_users(&[format!("HOTP carol - {}", hex(2))]);
        let carol = host.user("carol");
        let places = [&alice.home, &bob.home, &carol.home].map(PathBuf::as_path);
        let look = || {
            let about = fs::metadata(USERS_FILE).unwrap();
            let users_file = (fs::read(USERS_FILE).unwrap(), about.modified().unwrap());
            (places.map(inventory), users_file, about.permissions().mode())
        };
        let before = look();
        let homes = alice.home.parent().unwrap().to_str().unwrap();
        for (arguments, accounts) in [
            (&["--json", "google-authenticator", "--tree", homes][..], 2),
            (&["--json", "oath", USERS_FILE], 1),
        ] {
            for dry_run in [&["--dry-run"][..], &[]] {
                let told = entries(&import(host, &[arguments, dry_run].concat()));
                assert_eq!(told.len(), accounts, "{told:?}");
                assert_eq!(look(), before, "{arguments:?} {dry_run:?}");
            }
        }
        assert_eq!(
            ["alice", "carol"].map(|name| host.line().status(name).state),
            [State::On, State::On]
        );
    });
}

#[test]
fn a_home_that_was_laid_out_as_a_trap_is_refused_with_a_reason() {
    in_sandbox(|host| {
        let names = ["link", "fifo", "hardlink", "directory", "stranger", "sparse", "open", "nul"];
        let users = names.map(|name| host.user(name));
        let [link, fifo, hardlink, directory, stranger, sparse, open, nul] = &users;
        let good = host.user("good");
        put(&good, &secret_file(0, &["TOTP_AUTH"]));
        let victim = host.user("victim");
        let victims = put(&victim, &secret_file(1, &["TOTP_AUTH"]));
        let file = |user: &User| user.home.join(FILE_NAME);
        symlink("/etc/shadow", file(link)).unwrap();
        mkfifo(&file(fifo), Mode::S_IRWXU).unwrap();
        chown(file(fifo), Some(fifo.uid), None).unwrap();
        fs::hard_link(&victims, file(hardlink)).unwrap();
        fs::create_dir(file(directory)).unwrap();
        put(stranger, &secret_file(2, &["TOTP_AUTH"]));
        chown(file(stranger), Some(victim.uid), None).unwrap();
        let large = put(sparse, &secret_file(3, &["TOTP_AUTH"]));
        fs::File::options().write(true).open(large).unwrap().set_len(1 << 30).unwrap();
        give(&put(open, &secret_file(4, &["TOTP_AUTH"])), open, 0o666);
        put(nul, "\u{1b}[2J\0");
        // A home that is a link, to one that is root's.
        fs::write(Path::new("/root").join(FILE_NAME), secret_file(5, &["TOTP_AUTH"])).unwrap();
        let homes = good.home.parent().unwrap();
        symlink("/root", homes.join("linked-home")).unwrap();

        let shadow = fs::read_to_string("/etc/shadow").unwrap();
        let hashes: Vec<_> = shadow.lines().filter_map(|line| line.split(':').nth(1)).collect();
        let arguments = ["--json", "google-authenticator", "--tree", homes.to_str().unwrap()];
        let outcome = import(host, &arguments);
        assert_eq!(outcome.status.code(), Some(1));
        for told in [&outcome.stdout, &outcome.stderr] {
            assert!(!told.contains('\u{1b}') && !told.contains("root:"), "{told}");
            let told_hash = hashes.iter().any(|hash| hash.len() > 4 && told.contains(hash));
            assert!(!told_hash, "{told}");
        }
        let told = entries(&outcome);
        for (home, reason) in [
            ("link", "it is a link"),
            ("fifo", "neither a regular file"),
            ("hardlink", "belongs to victim, the directory to hardlink"),
            ("victim", "more than one name"),
            ("directory", "it is a directory"),
            ("stranger", "belongs to victim, the directory to stranger"),
            ("sparse", "larger than 65536 bytes"),
            ("open", "others than its owner may write"),
            ("nul", "no text"),
            ("linked-home", "it is a link"),
        ] {
            let source = homes.join(home).to_str().unwrap().to_owned();
            let is_it = |entry: &&Value| {
                let told = entry["source"].as_str().unwrap();
                told == source || told == format!("{source}/{FILE_NAME}")
            };
            let entry = told.iter().find(is_it).unwrap_or_else(|| panic!("{home}: {told:?}"));
            assert_eq!(entry["outcome"], "refused", "{home}");
            let said = entry["reason"].as_str().unwrap();
            assert!(said.contains(reason), "{home}: {said}");
        }
        assert_eq!(told.len(), 11, "{told:?}");
        let line = host.line();
        assert_eq!(line.status("good").state, State::On);
        for user in users.iter().chain([&victim, &host.root()]) {
            assert_eq!(line.status(&user.name).state, State::Off, "{}", user.name);
        }
        // Named alone, none of them is any better.
        for name in names.into_iter().chain(["linked-home"]) {
            let path = homes.join(name);
            for path in [&path, &path.join(FILE_NAME)] {
                // What lies behind a link on the way is what the administrator named.
                if path.ends_with(Path::new("linked-home").join(FILE_NAME)) {
                    continue;
                }
                import(host, &["google-authenticator", path.to_str().unwrap()])
                    .expect_failure(name);
            }
        }
    });
}

/// Swaps two names over and over while `meanwhile` runs.
fn swapping<T>(pairs: &[[PathBuf; 2]], meanwhile: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for [one, other] in pairs {
                    let exchange = RenameFlags::RENAME_EXCHANGE;
                    renameat2(AT_FDCWD, one, AT_FDCWD, other, exchange).unwrap();
                }
            }
        });
        // Also when it panics, or the swapping would never end.
        let outcome = catch_unwind(AssertUnwindSafe(meanwhile));
        is_over.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[test]
fn a_home_that_changes_while_it_is_read_gives_its_owner_s_file_or_none() {
    in_sandbox(|host| {
        let [mallory, victim] = ["mallory", "victim"].map(|name| host.user(name));
        let victims = put(&victim, &secret_file(0, &["HOTP_COUNTER 1"]));
        let own = put(&mallory, &secret_file(1, &["TOTP_AUTH"]));
        let homes = mallory.home.parent().unwrap();
        let traps = Path::new("/home/traps");
        fs::create_dir(traps).unwrap();
        let [file_link, home_link] = ["file", "home"].map(|name| traps.join(name));
        symlink(&victims, &file_link).unwrap();
        symlink(&victim.home, &home_link).unwrap();
        let pairs = [[own, file_link], [mallory.home.clone(), home_link]];
        let [mut taken, mut refused] = [0, 0];
        // The first pair goes away with the home while that is swapped: one at a time.
        for pair in pairs {
            swapping(&[pair], || {
                for _ in 0..40 {
                    let tree = homes.to_str().unwrap();
                    let arguments = ["--json", "--dry-run", "google-authenticator", "--tree", tree];
                    for entry in entries(&import(host, &arguments)) {
                        let source = entry["source"].as_str().unwrap();
                        if !source.starts_with(mallory.home.to_str().unwrap()) {
                            continue;
                        }
                        if entry["outcome"] == "refused" {
                            assert!(entry["reason"].as_str().unwrap().contains("link"), "{entry}");
                            refused += 1;
                        } else {
                            assert_eq!(entry["user"], "mallory", "{entry}");
                            assert_eq!(entry["authenticators"][0]["kind"], "totp", "{entry}");
                            taken += 1;
                        }
                    }
                }
            });
        }
        assert!(taken > 0 && refused > 0, "taken {taken}, refused {refused}");
    });
}

#[test]
fn an_ordinary_user_imports_nothing_not_even_for_themselves() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["TOTP_AUTH"]));
        put(&bob, &secret_file(1, &["TOTP_AUTH"]));
        give(Path::new(&bob.home), &bob, 0o755);
        put_users(&[format!("HOTP alice - {}", hex(2))]);
        give(Path::new(USERS_FILE), &host.root(), 0o644);
        for dry_run in [&["--dry-run"][..], &[]] {
            for source in [
                &["google-authenticator", alice.home.to_str().unwrap()][..],
                &["google-authenticator", bob.home.to_str().unwrap()],
                &["oath", USERS_FILE],
            ] {
                let refused = host.cli(&alice, &[&["import", "--json"], source, dry_run].concat());
                assert_eq!(refused.status.code(), Some(1));
                assert_eq!(refused.error_name(), "NotAuthorized", "{source:?}");
                assert_eq!(refused.stdout, "");
            }
        }
        // Nor past the command.
        let phone = ImportedAuthenticator {
            name: "phone".into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            secret: base32(0),
            last_spent: None,
        };
        for user in ["alice", "bob"] {
            let arguments = Arguments::Import(user.into(), vec![phone.clone()], Vec::new(), false);
            let refused = host.caller(alice.uid).call("Manager.Import", &arguments).unwrap_err();
            assert_eq!(refused.name, "NotAuthorized");
        }
        let line = host.line();
        assert_eq!(["alice", "bob"].map(|name| line.status(name).state), [State::Off, State::Off]);
    });
}
