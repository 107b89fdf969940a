//! A change of PAM's files that nobody confirms from a login is taken back, whatever happens to the
//! command that made it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use twinlock_tests::{
    Host, Outcome, Terminal, User,
    command::{as_root, run},
    in_sandbox, pam, readme,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, Sshd},
    sudo,
};

const JOURNAL: &str = "/var/lib/twinlock-pam/journal.json";
/// What the command says when the trial has begun.
const ON_TRIAL: &str = "sudo twinlock pam confirm";
/// How long after its beginning a trial of 20 seconds may at most still hold.
const AT_MOST: Duration = Duration::from_secs(25);

/// Every file of pam.d as it is: mode, owner and bytes.
fn pam_d() -> BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)> {
    let files = fs::read_dir("/etc/pam.d").unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let about = fs::symlink_metadata(&path).unwrap();
            let content = fs::read(&path).unwrap();
            (path, (about.mode(), about.uid(), about.gid(), content))
        })
        .collect()
}

fn service(name: &str) -> String {
    fs::read_to_string(Path::new("/etc/pam.d").join(name)).unwrap()
}

fn asks(name: &str) -> bool {
    service(name).contains("\nauth     required  pam_twinlock.so")
}

/// sshd with the settings of a recipe, and its PAM service as the distribution has it.
fn sshd(host: &Host, first: FirstFactor) -> Sshd {
    host.stock_sshd(first.settings(), first)
}

/// `twinlock pam …` in a root shell that belongs to nobody's login.
fn twinlock_pam(host: &Host, arguments: &[&str]) -> Outcome {
    host.cli(&host.root(), &[&["pam"], arguments].concat())
}

/// A trial of 20 seconds, begun at a terminal, and when it began.
fn trial(host: &Host, services: &[&str]) -> (Terminal, Instant) {
    let options = ["--try", "20s", "--yes", "--even-if-locked-out"];
    let command =
        host.cli_command(&host.root(), &[&["pam", "enable"], services, &options].concat());
    let mut terminal = Terminal::start(&command);
    let begin = Instant::now();
    terminal.expect(ON_TRIAL);
    (terminal, begin)
}

/// Waits until `is_so`, which must be before `end`.
fn await_until(end: Instant, what: &str, is_so: impl Fn() -> bool) {
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not in time");
        thread::sleep(Duration::from_millis(20));
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// The process that waits to put everything back.
fn guard() -> Option<Pid> {
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let is_guard = String::from_utf8_lossy(&command).ends_with("\0restore\0--at-deadline\0");
        is_guard.then(|| Pid::from_raw(pid))
    })
}

fn kill_and_await(pid: Pid) {
    kill(pid, Signal::SIGKILL).unwrap();
    await_until(soon(), "the end of a killed process", || {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    });
}

#[test]
fn what_nobody_confirms_is_put_back_at_the_end() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let (terminal, begin) = trial(host, &["sshd", "sudo"]);
        assert!(asks("sshd") && asks("sudo") && asks("sudo-i"));
        let status: Value =
            serde_json::from_str(&twinlock_pam(host, &["status", "--json"]).stdout).unwrap();
        assert_eq!(status["trial"]["guarded"], true, "{status}");
        let outcome = terminal.finish().expect_failure("a trial that nobody confirmed");
        assert_eq!(outcome.status.code(), Some(1));
        // The guard or the command, whichever was quicker.
        let told = ["everything was put back", "is as it was before"];
        assert!(told.iter().any(|words| outcome.stdout.contains(words)), "{}", outcome.stdout);
        assert_eq!(pam_d(), before);
        assert!(begin.elapsed() > Duration::from_secs(19) && begin.elapsed() < AT_MOST);
        await_until(soon(), "the end of the guard", || guard().is_none());
    });
}

#[test]
fn a_killed_terminal_puts_the_old_stack_back() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let begin = Instant::now();
        let socket = ["-S", "/run/sandbox/tmux-pam"];
        let mut tmux = as_root("tmux");
        tmux.args(socket).args(["new-session", "-d", "--", "twinlock", "pam", "enable", "sshd"]);
        tmux.args(["--try", "20s", "--yes", "--even-if-locked-out"]);
        run(&mut tmux, "").expect_success("tmux");
        await_until(soon(), "the new stack", || asks("sshd"));
        let server =
            run(as_root("tmux").args(socket).args(["display-message", "-p", "#{pid}"]), "");
        let server = server.expect_success("tmux").stdout.trim().parse().unwrap();
        kill_and_await(Pid::from_raw(server));
        await_until(begin + AT_MOST, "the old stack", || pam_d() == before);
        await_until(soon(), "the end of the trial", || !Path::new(JOURNAL).exists());
    });
}

#[test]
fn a_killed_command_leaves_a_guard_that_puts_the_old_stack_back() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let (terminal, begin) = trial(host, &["sshd", "sudo"]);
        // SIGKILL, and the terminal is gone.
        drop(terminal);
        assert!(asks("sshd"), "the trial goes on");
        await_until(begin + AT_MOST, "the old stack", || pam_d() == before);
        assert!(begin.elapsed() > Duration::from_secs(18), "no sooner than said");
        await_until(soon(), "the end of the guard", || guard().is_none());
        assert!(!Path::new(JOURNAL).exists());
    });
}

#[test]
fn where_the_guard_is_killed_too_the_next_start_of_the_host_puts_it_back() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let (terminal, _) = trial(host, &["sshd", "sudo"]);
        drop(terminal);
        kill_and_await(guard().expect("a guard"));
        assert!(asks("sshd"));
        let unit =
            fs::read_to_string("/usr/lib/systemd/system/twinlock-pam-restore.service").unwrap();
        assert!(unit.contains(&format!("\nConditionPathExists={JOURNAL}\n")), "{unit}");
        let wanted = "/usr/lib/systemd/system/multi-user.target.wants/twinlock-pam-restore.service";
        assert_eq!(fs::read_to_string(wanted).unwrap(), unit);
        let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let mut words = command.split(' ');
        let mut program = as_root(words.next().unwrap());
        // As little as systemd gives.
        program.args(words).env_clear();
        run(&mut program, "").expect_success(command);
        assert_eq!(pam_d(), before);
        assert!(!Path::new(JOURNAL).exists());
        run(&mut program, "").expect_success("once more");
    });
}

#[test]
fn a_trial_of_an_earlier_start_of_the_host_is_over() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let (terminal, _) = trial(host, &["sshd"]);
        drop(terminal);
        kill_and_await(guard().expect("a guard"));
        let if_due = || twinlock_pam(host, &["restore", "--if-due"]).expect_success("restore");
        if_due();
        assert!(asks("sshd"), "it goes on");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let journal = fs::read_to_string(JOURNAL).unwrap();
        assert_eq!(journal.matches(boot.trim()).count(), 1);
        fs::write(JOURNAL, journal.replace(boot.trim(), "another")).unwrap();
        if_due();
        assert_eq!(pam_d(), before);
    });
}

#[test]
fn ctrl_c_puts_everything_back_at_once() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let (mut terminal, begin) = trial(host, &["sshd"]);
        terminal.type_line("\u{3}");
        let outcome = terminal.finish().expect_failure("a trial that was broken off");
        assert!(outcome.stdout.contains("is as it was before"), "{}", outcome.stdout);
        assert_eq!(pam_d(), before);
        assert!(begin.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn an_edit_in_between_is_kept_and_the_line_is_taken_out() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let mut before = pam_d();
        let (terminal, begin) = trial(host, &["sshd", "sudo"]);
        drop(terminal);
        let note = "# somebody's\n";
        fs::write("/etc/pam.d/sshd", service("sshd") + note).unwrap();
        let sshd = before.get_mut(Path::new("/etc/pam.d/sshd")).unwrap();
        sshd.3.extend_from_slice(note.as_bytes());
        await_until(begin + AT_MOST, "the old stack", || pam_d() == before);
    });
}

#[test]
fn there_is_one_trial_at_a_time() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let (terminal, _) = trial(host, &["sshd"]);
        for arguments in [
            &["--json", "enable", "sudo", "--yes", "--even-if-locked-out"][..],
            &["--json", "enable", "sshd", "--try", "1h", "--yes", "--even-if-locked-out"],
            &["--json", "disable", "sshd"],
        ] {
            let refused = twinlock_pam(host, arguments).expect_failure("a second change");
            assert_eq!(refused.error_name(), "OnTrial", "{arguments:?}");
        }
        assert!(asks("sshd") && !asks("sudo"));
        twinlock_pam(host, &["restore"]).expect_success("restore");
        let outcome = terminal.finish().expect_failure("a trial that somebody else ended");
        assert!(outcome.stdout.contains("was put back"), "{}", outcome.stdout);
        assert_eq!(pam_d(), before);
    });
}

#[test]
fn enabling_writes_the_readmes_recipe_and_disabling_brings_every_byte_back() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        fs::set_permissions("/etc/pam.d/sudo", fs::Permissions::from_mode(0o600)).unwrap();
        let before = pam_d();
        let shown = twinlock_pam(host, &["enable", "sshd", "--dry-run", "--even-if-locked-out"])
            .expect_success("--dry-run");
        assert!(shown.stdout.contains("\n+auth     required  pam_twinlock.so"), "{}", shown.stdout);
        assert_eq!(pam_d(), before);

        let enable = ["enable", "sshd", "sudo", "su", "--yes", "--even-if-locked-out"];
        twinlock_pam(host, &enable).expect_success("enable");
        let after = pam_d();
        for name in ["sshd", "sudo", "sudo-i"] {
            let written = service(name);
            pam::password_and_code(name);
            assert_eq!(written, service(name), "{name}");
        }
        fs::remove_dir_all("/etc/pam.d").unwrap();
        fs::create_dir("/etc/pam.d").unwrap();
        for (path, (mode, _, _, content)) in &after {
            fs::write(path, content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777)).unwrap();
        }
        twinlock_pam(host, &enable).expect_success("again");
        assert_eq!(pam_d(), after, "nothing is asked twice");
        twinlock_pam(host, &["disable", "sudo", "su", "sshd"]).expect_success("disable");
        assert_eq!(pam_d(), before);
    });
}

#[test]
fn behind_a_key_the_code_takes_the_place_of_the_password() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        host.authorize_key(&alice);
        let sshd = sshd(host, FirstFactor::Key);
        let enrolled = host.enroll(&alice);
        let before = pam_d();
        twinlock_pam(host, &["enable", "sshd", "--yes", "--even-if-locked-out"])
            .expect_success("enable");
        let written = service("sshd");
        assert!(written.contains(readme::recipe("pam-key-and-code")), "{written}");
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
        twinlock_pam(host, &["disable", "sshd"]).expect_success("disable");
        assert_eq!(pam_d(), before);
    });
}

#[test]
fn an_sshd_that_cannot_ask_is_not_switched_on() {
    in_sandbox(|host| {
        let _sshd = host.stock_sshd("", FirstFactor::Password);
        let before = pam_d();
        let refused = twinlock_pam(host, &["--json", "enable", "sshd", "--yes"]);
        assert_eq!(refused.error_name(), "SshdSettings");
        for line in readme::recipe("sshd-password-and-code").lines().filter(|l| !l.starts_with('#'))
        {
            assert!(refused.stderr.contains(line), "{line}: {}", refused.stderr);
        }
        assert_eq!(pam_d(), before);
    });
}

#[test]
fn an_sshd_that_asks_some_for_no_key_goes_on_asking_for_the_password() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let settings = |block: &str| format!("{}\n{block}\n", FirstFactor::Key.settings());
        let enable = ["--json", "enable", "sshd", "--yes", "--even-if-locked-out"];
        let block =
            "Match User legacy\n  PasswordAuthentication yes\n  AuthenticationMethods password";
        host.stock_sshd(&settings(block), FirstFactor::Key).stop();
        let before = pam_d();
        let refused = twinlock_pam(host, &enable).expect_failure("a block that cannot ask");
        assert_eq!(refused.error_name(), "SshdSettings", "{refused:?}");
        assert!(refused.stderr.contains("Match User legacy"), "{}", refused.stderr);
        assert_eq!(pam_d(), before);

        let block = "Match Address 127.0.0.0/8,::1\n  AuthenticationMethods keyboard-interactive";
        let sshd = host.stock_sshd(&settings(block), FirstFactor::Password);
        let enrolled = host.enroll(&alice);
        twinlock_pam(host, &enable).expect_success("enable");
        assert!(service("sshd").contains("\n@include common-auth\nauth "), "{}", service("sshd"));
        assert!(sshd.lets_in(&alice, &enrolled.phone.fresh_code()));
    });
}

#[test]
fn a_jump_that_counts_the_line_opens_nothing_when_it_is_gone() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let jump = "auth [success=1 default=ignore] pam_localuser.so\n";
        let rest = "auth requisite pam_unix.so\nauth required pam_permit.so\n\
                    account required pam_permit.so\nsession required pam_permit.so\n";
        for service in ["sudo", "sudo-i"] {
            let text = format!("{jump}auth required pam_twinlock.so\n{rest}");
            fs::write(Path::new("/etc/pam.d").join(service), text).unwrap();
        }
        twinlock_pam(host, &["disable", "sudo"]).expect_success("disable");
        assert!(!service("sudo").contains("pam_twinlock.so"));
        let call = |password: &str| {
            let mut terminal = Terminal::start(&host.sudo(&alice, &["true"]));
            terminal.answer(sudo::PASSWORD_PROMPT, password);
            terminal
        };
        call(&alice.password).finish().expect_success("the right password");
        call("wrong").expect("try again");
    });
}

#[test]
fn whoever_would_lock_themselves_out_is_told_so() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let mut session = session(&sshd, &alice, "sudo twinlock pam enable sshd --yes");
        session.answer(sudo::PASSWORD_PROMPT, &alice.password);
        let outcome = session.finish().expect_failure("enable");
        assert!(outcome.stdout.contains("alice has no authenticator"), "{}", outcome.stdout);
        assert_eq!(pam_d(), before);
    });
}

/// An ssh session of `user` with a terminal, in which `command` runs; sshd asks for the password only.
fn session(sshd: &Sshd, user: &User, command: &str) -> Terminal {
    let mut ssh = sshd.ssh(user, &[]);
    let mut with_terminal = as_root("ssh");
    with_terminal.arg("-tt").args(ssh.get_args()).arg(command);
    ssh = with_terminal;
    let mut terminal = Terminal::start(&ssh);
    terminal.answer(PASSWORD_PROMPT, &user.password);
    terminal
}

const CONFIRM: &str = "sudo --reset-timestamp twinlock pam confirm";

/// `sudo twinlock pam confirm` in a new ssh session, which `code` lets in.
fn confirm(sshd: &Sshd, user: &User, code: &str) -> Outcome {
    let mut terminal = session(sshd, user, CONFIRM);
    terminal.answer(CODE_PROMPT, code);
    terminal.answer(sudo::PASSWORD_PROMPT, &user.password);
    terminal.finish()
}

#[test]
fn only_a_login_of_ones_own_through_the_new_stack_confirms() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (host.user("alice"), host.user("bob"));
        let sshd = sshd(host, FirstFactor::Password);
        let phones = [&alice, &bob].map(|user| host.enroll(user).phone);
        let before = pam_d();
        let nothing = twinlock_pam(host, &["--json", "confirm"]).expect_failure("confirm");
        assert_eq!(nothing.error_name(), "NoTrial");

        // Begun in a session that was there before.
        let enable = "sudo twinlock pam enable sshd su --try 60s --yes --even-if-locked-out";
        let mut first = session(&sshd, &alice, enable);
        first.answer(sudo::PASSWORD_PROMPT, &alice.password);
        first.expect(ON_TRIAL);
        let local = || {
            let mut local = Terminal::start(&host.sudo(&alice, &["twinlock", "pam", "confirm"]));
            local.answer(sudo::PASSWORD_PROMPT, &alice.password);
            local.finish()
        };
        let refused = local().expect_failure("a confirmation without a login");
        assert!(refused.stdout.contains("has not logged in"), "{}", refused.stdout);
        assert!(sshd.lets_in(&bob, &phones[1].fresh_code()));
        assert!(!sshd.lets_in(&alice, &phones[0].wrong_code(0)));
        local().expect_failure("a confirmation after somebody else's login and a wrong code");

        let confirmed = confirm(&sshd, &alice, &phones[0].fresh_code()).expect_success("confirm");
        assert!(confirmed.stdout.contains("Not tried yet: su"), "{}", confirmed.stdout);
        let outcome = first.finish().expect_success("a trial that was confirmed");
        assert!(outcome.stdout.contains("for a code from now on"), "{}", outcome.stdout);
        await_until(soon(), "the end of the guard", || guard().is_none());
        assert!(asks("sshd") && !Path::new(JOURNAL).exists());
        twinlock_pam(host, &["disable", "sshd", "su"]).expect_success("disable");
        assert_eq!(pam_d(), before);
    });
}

#[test]
fn untested_is_typed_out() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let (terminal, _) = trial(host, &["sshd"]);
        let refused = twinlock_pam(host, &["--json", "confirm"]).expect_failure("confirm");
        assert_eq!(refused.error_name(), "NotProven", "{refused:?}");
        twinlock_pam(host, &["confirm", "--untested"]).expect_success("confirm");
        terminal.finish().expect_success("a trial that was confirmed");
        assert!(asks("sshd"));
    });
}

#[test]
fn a_cut_connection_puts_the_old_stack_back() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let mut session = session(
            &sshd,
            &alice,
            "sudo twinlock pam enable sshd --try 20s --yes --even-if-locked-out",
        );
        session.answer(sudo::PASSWORD_PROMPT, &alice.password);
        let begin = Instant::now();
        session.expect(ON_TRIAL);
        drop(session);
        await_until(begin + AT_MOST, "the old stack", || pam_d() == before);
    });
}

/// Whatever system call it dies at, what the next start of the host does leaves the files as they were,
/// or as they were to be; never some of them.
#[test]
fn a_command_that_is_killed_anywhere_changes_all_files_or_none() {
    in_sandbox(|host| {
        let _sshd = sshd(host, FirstFactor::Password);
        let before = pam_d();
        let enable = ["pam", "enable", "sshd", "sudo", "--yes", "--even-if-locked-out"];
        for call in ["/^rename", "fsync", "/^unlink"] {
            let mut killed = 0;
            loop {
                let mut strace = as_root("strace");
                strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
                strace.arg(format!("--inject={call}:signal=KILL:when={}", killed + 1));
                let outcome = run(strace.arg("twinlock").args(enable), "");
                twinlock_pam(host, &["restore"]).expect_success("restore");
                if outcome.succeeded() {
                    break;
                }
                killed += 1;
                let is_enabled = asks("sshd");
                if is_enabled {
                    assert!(asks("sudo") && asks("sudo-i"), "{call} {killed}");
                    twinlock_pam(host, &["disable", "sshd", "sudo"]).expect_success("disable");
                }
                assert_eq!(pam_d(), before, "{call} {killed}");
            }
            assert!(killed >= 4, "{call}: {killed}");
            twinlock_pam(host, &["disable", "sshd", "sudo"]).expect_success("disable");
            assert_eq!(pam_d(), before, "{call}");
        }
    });
}
