//! sshd on the loopback interface, and the people who log in through it.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Host, Outcome, Terminal, User,
    command::{as_root, run},
    pam, readme,
};

/// End of what sshd asks for the password.
pub const PASSWORD_PROMPT: &str = "assword: ";
/// What the daemon asks for.
pub const CODE_PROMPT: &str = "One-time code: ";
/// What the daemon asks for when one-time codes are refused for a while.
pub const RECOVERY_PROMPT: &str = "Recovery code: ";

/// How the first of two factors is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstFactor {
    /// The password, asked by the same PAM stack as the code.
    Password,
    /// A public key, checked by sshd itself before PAM asks for the code.
    Key,
}

impl FirstFactor {
    /// The README's lines for sshd.
    #[must_use]
    pub fn settings(self) -> &'static str {
        match self {
            Self::Password => readme::recipe("sshd-password-and-code"),
            Self::Key => readme::recipe("sshd-key-and-code"),
        }
    }
}

/// A running sshd. Logins go to the host name it is known by in the ssh client's configuration.
#[derive(Debug)]
pub struct Sshd {
    /// Name for `ssh USER@name`.
    pub name: &'static str,
    first: FirstFactor,
    process: Child,
}

impl Host {
    /// An sshd that asks for password and code, or for key and code. Each kind has a port and a
    /// PAM service of its own, so that both can run.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn sshd(&self, first: FirstFactor) -> Sshd {
        match first {
            FirstFactor::Password => {
                pam::password_and_code("sshd");
                self.sshd_with("password-host", "sshd", 22, first, first.settings())
            }
            FirstFactor::Key => {
                pam::code_alone("sshd", "sshd-key");
                self.sshd_with("key-host", "sshd-key", 2222, first, first.settings())
            }
        }
    }

    /// The sshd of a Debian host on port 22, with the file the package ships and `drop_in` as its
    /// only addition. The PAM service is as the host has it.
    ///
    /// # Panics
    /// When sshd does not take the files or does not come up.
    #[must_use]
    pub fn stock_sshd(&self, drop_in: &str, first: FirstFactor) -> Sshd {
        const ADDITIONS: &str = "/etc/ssh/sshd_config.d";
        let key = host_key();
        fs::copy("/usr/share/openssh/sshd_config", "/etc/ssh/sshd_config").unwrap();
        fs::create_dir_all(ADDITIONS).unwrap();
        for other in fs::read_dir(ADDITIONS).unwrap() {
            fs::remove_file(other.unwrap().path()).unwrap();
        }
        fs::write(format!("{ADDITIONS}/10-twinlock.conf"), drop_in).unwrap();
        run(as_root("ssh-keygen").arg("-A"), "").expect_success("ssh-keygen -A");
        run(as_root("/usr/sbin/sshd").arg("-t"), "").expect_success("sshd -t");
        // What the client knows the host by, and no penalty for what is tried here; nothing about
        // logins.
        let mut sshd = as_root("/usr/sbin/sshd");
        sshd.args(["-D", "-o", &format!("HostKey={}", key.display())]);
        let no_penalties = "PerSourcePenalties=no";
        if understands("/etc/ssh/sshd_config", no_penalties) {
            sshd.args(["-o", no_penalties]);
        }
        listen(&mut sshd, "stock-host", 22, first)
    }

    /// An sshd with settings of the test's own, on top of what every sandbox needs.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn sshd_with(
        &self,
        name: &'static str,
        pam_service: &str,
        port: u16,
        first: FirstFactor,
        settings: &str,
    ) -> Sshd {
        let key = host_key();
        let file = format!("/etc/ssh/sshd_config.{name}");
        let mut text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nPidFile none\nUsePAM yes\n\
             PermitRootLogin no\nLogLevel VERBOSE\nMaxStartups 200\nUseDNS no\nPrintMotd no\n\
             Subsystem sftp internal-sftp\n{settings}",
            key.display()
        );
        fs::write(&file, &text).unwrap();
        // Newer servers shut out an address that failed, which every test here does on purpose.
        if understands(&file, "PerSourcePenalties=no") {
            text += "PerSourcePenalties no\n";
        }
        // Newer servers are told their PAM service; older ones take the name they are called by.
        let mut program = Path::new("/usr/sbin").join(pam_service);
        if understands(&file, &format!("PAMServiceName={pam_service}")) {
            text += &format!("PAMServiceName {pam_service}\n");
            program = "/usr/sbin/sshd".into();
        } else if !program.exists() {
            symlink("/usr/sbin/sshd", &program).unwrap();
        }
        fs::write(&file, text).unwrap();
        listen(as_root(program).args(["-D", "-f", &file]), name, port, first)
    }

    /// Lets `user` in by a key; the private half is root's, who plays the person at the client.
    ///
    /// # Panics
    /// When the files cannot be written.
    pub fn authorize_key(&self, user: &User) {
        let key = Path::new("/root/sandbox_key");
        if !key.exists() {
            generate_key(key);
        }
        let (room, file) = (user.home.join(".ssh"), user.home.join(".ssh/authorized_keys"));
        fs::create_dir_all(&room).unwrap();
        fs::copy(key.with_extension("pub"), &file).unwrap();
        for path in [&room, &file] {
            chown(path, Some(user.uid), Some(user.gid)).unwrap();
        }
        fs::set_permissions(&room, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

impl Sshd {
    /// `ssh USER@host COMMAND…`.
    #[must_use]
    pub fn ssh(&self, user: &User, command: &[&str]) -> Command {
        let mut ssh = as_root("ssh");
        ssh.arg(format!("{}@{}", user.name, self.name)).args(command);
        ssh
    }

    /// Goes through the questions of this host with `code` for the second one, and runs `command`
    /// remotely when let in.
    ///
    /// # Panics
    /// When the questions do not come as they should.
    #[must_use]
    pub fn login(&self, user: &User, code: &str, command: &[&str]) -> Outcome {
        self.answer(user, &self.ssh(user, command), code)
    }

    /// Runs a client (ssh, scp, sftp …) and goes through the questions of this host.
    ///
    /// # Panics
    /// When the questions do not come as they should.
    #[must_use]
    pub fn answer(&self, user: &User, client: &Command, code: &str) -> Outcome {
        let mut terminal = self.first_factor(user, client);
        terminal.answer(CODE_PROMPT, code);
        terminal.finish()
    }

    /// Runs a client up to where the second factor is asked for.
    ///
    /// # Panics
    /// When the password is not asked for as it should be.
    #[must_use]
    pub fn first_factor(&self, user: &User, client: &Command) -> Terminal {
        let mut terminal = Terminal::start(client);
        if self.first == FirstFactor::Password {
            terminal.answer(PASSWORD_PROMPT, &user.password);
        }
        terminal
    }

    /// Whether `code` logs `user` in: a command must have run as them.
    ///
    /// # Panics
    /// When the client says one thing and the outcome another.
    #[must_use]
    pub fn lets_in(&self, user: &User, code: &str) -> bool {
        let outcome = self.login(user, code, &["echo", "running as", "$(id -un)"]);
        let ran = outcome.stdout.contains(&format!("running as {}\n", user.name));
        assert_eq!(outcome.succeeded(), ran, "{}", outcome.stdout);
        ran
    }

    /// Waits until sshd has seen every connection end and cleared up behind it.
    ///
    /// # Panics
    /// When it does not within ten seconds.
    pub fn wait_until_idle(&self) {
        let pid = self.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let end = Instant::now() + Duration::from_secs(10);
        while !fs::read_to_string(&children).unwrap().is_empty() {
            assert!(Instant::now() < end, "a connection goes on");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, so that another one can have its port.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn stop(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Process id of the listening sshd.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// The key every sshd here is known to the client by.
fn host_key() -> &'static Path {
    let key = Path::new("/etc/ssh/sandbox_host_key");
    if !key.exists() {
        generate_key(key);
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        fs::write("/etc/ssh/ssh_known_hosts", format!("* {public}")).unwrap();
        fs::write("/etc/ssh/ssh_config", "").unwrap();
    }
    key
}

fn listen(sshd: &mut Command, name: &'static str, port: u16, first: FirstFactor) -> Sshd {
    let process = sshd.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    introduce(name, port, first);
    wait_for(port);
    Sshd { name, first, process }
}

fn generate_key(path: &Path) {
    run(
        as_root("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path),
        "",
    )
    .expect_success("ssh-keygen");
}

/// Whether this sshd knows an option.
fn understands(file: &str, option: &str) -> bool {
    run(as_root("/usr/sbin/sshd").args(["-t", "-f", file, "-o", option]), "").succeeded()
}

/// Tells the ssh client about a host.
fn introduce(name: &str, port: u16, first: FirstFactor) {
    let method = match first {
        FirstFactor::Password => "PreferredAuthentications keyboard-interactive\n",
        FirstFactor::Key => "IdentityFile /root/sandbox_key\nIdentitiesOnly yes\n",
    };
    let known = fs::read_to_string("/etc/ssh/ssh_config").unwrap();
    let host = format!(
        "Host {name}\nHostName 127.0.0.1\nPort {port}\nStrictHostKeyChecking yes\n\
         NumberOfPasswordPrompts 1\n{method}"
    );
    fs::write("/etc/ssh/ssh_config", known + &host).unwrap();
}

fn wait_for(port: u16) {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "sshd does not listen on port {port}");
        thread::sleep(Duration::from_millis(5));
    }
}
