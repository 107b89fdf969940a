//! Keys and scratch codes are seen by the daemon and nobody else (I15).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use twinlock_tests::in_sandbox;

use crate::scene::{USERS_FILE, base32, hex, put, put_users, secret_file, tells_no_secret};

/// Command line and environment of every process.
fn processes() -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        for file in ["cmdline", "environ"] {
            // It may be no process, or gone.
            let content = fs::read(entry.as_ref().unwrap().path().join(file)).unwrap_or_default();
            all.push(String::from_utf8_lossy(&content).into_owned());
        }
    }
    all
}

#[test]
fn no_log_argument_or_environment_tells_what_was_in_the_file() {
    in_sandbox(|host| {
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        put(&alice, &secret_file(0, &["DISALLOW_REUSE", "TOTP_AUTH"]));
        // In trouble, too: a secret where none is expected.
        put(&bob, &format!("{0}\n\" {0} {0}\n\" TOTP_AUTH {0}\n{0}\n", base32(1)));
        put_users(&[
            format!("HOTP carol - {}", hex(2)),
            format!("HOTP nobody-has-this-name - {}", hex(3)),
            format!("HOTP dave - {} {}", hex(4), hex(5)),
            format!("HOTP - {} {}", hex(4), hex(5)),
            format!("HOTP erin {} {}", hex(6), hex(7)),
        ]);
        for name in ["carol", "dave", "erin"] {
            let _ = host.user(name);
        }
        let homes = alice.home.parent().unwrap().to_str().unwrap();
        for arguments in
            [&["google-authenticator", "--tree", homes][..], &["--json", "oath", USERS_FILE]]
        {
            for dry_run in [&["--dry-run"][..], &[]] {
                host.daemon.start();
                host.daemon.signal(Signal::SIGSTOP);
                let arguments = [&["import"], arguments, dry_run].concat();
                let mut command = host.cli_command(&host.root(), &arguments);
                let child = command.stdin(Stdio::null()).stdout(Stdio::piped());
                let child = child.stderr(Stdio::piped()).spawn().unwrap();
                let process = PathBuf::from(format!("/proc/{}", child.id()));
                // It has read the file when it talks to the bus.
                while !talks(&process) {
                    thread::sleep(Duration::from_millis(1));
                }
                let running = processes();
                assert!(running.iter().any(|process| process.contains("import\0")), "{running:?}");
                host.daemon.signal(Signal::SIGCONT);
                let output = child.wait_with_output().unwrap();
                let told = [output.stdout, output.stderr];
                let told = told.map(|bytes| String::from_utf8(bytes).unwrap());
                running.iter().chain(&told).for_each(|text| tells_no_secret(text));
                assert!(told[0].contains("imported"), "{told:?}");
            }
        }
        for user in ["alice", "bob", "carol", "erin"] {
            let _ = host.syslog.expect(&format!("import outcome=done reason=- user=\"{user}\""));
        }
        let _ = host.syslog.expect("import outcome=refused reason=unknown-name user=\"nobody-");
        host.syslog.lines().iter().for_each(|line| tells_no_secret(line));
    });
}

/// Whether a process is the command, and has a connection.
fn talks(process: &Path) -> bool {
    let is_it = fs::read(process.join("cmdline")).unwrap().starts_with(b"twinlock\0");
    let is_socket = |entry: std::io::Result<fs::DirEntry>| {
        let target = entry.ok().and_then(|entry| fs::read_link(entry.path()).ok());
        target.is_some_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    is_it && fs::read_dir(process.join("fd")).unwrap().any(is_socket)
}
