//! Clients in networks of their own, which sshd sees by their addresses.

use std::process::Command;

use twinlock_tests::{
    command::{as_root, run},
    enrolling::FIRST_CODE,
    ssh::{CODE_PROMPT, RECOVERY_PROMPT, Sshd},
};

use crate::{
    conversation::Met,
    scene::{FAR, NEAR, Person},
};

/// A network namespace with one address, at the other end of a wire to this host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    name: &'static str,
    pub(crate) address: &'static str,
    /// This host's address in that network.
    host: &'static str,
}

/// One client in each of the two networks.
pub(crate) fn join() -> [Client; 2] {
    let near = Client { name: "near", address: NEAR, host: "10.1.2.1" };
    let far = Client { name: "far", address: FAR, host: "203.0.113.1" };
    [near, far].map(Client::joined)
}

fn ip(words: &str) {
    run(as_root("ip").args(words.split(' ')), "").expect_success(words);
}

impl Client {
    fn joined(self) -> Self {
        let Self { name, address, host } = self;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {name} type veth peer name eth0 netns {name}"));
        ip(&format!("address add {host}/24 dev {name}"));
        ip(&format!("link set {name} up"));
        ip(&format!("-n {name} address add {address}/24 dev eth0"));
        ip(&format!("-n {name} link set eth0 up"));
        self
    }

    /// An ssh client, run there.
    pub(crate) fn run(&self, ssh: &Command) -> Command {
        let mut there = as_root("nsenter");
        there.arg(format!("--net=/run/netns/{}", self.name)).arg(ssh.get_program());
        there.args(["-o", &format!("HostName={}", self.host)]).args(ssh.get_args());
        there
    }

    /// What a login by ssh from there meets. An enrolment is left at its first page.
    pub(crate) fn log_in(&self, sshd: &Sshd, person: &Person) -> Met {
        log_in(sshd, person, &self.run(&ask_who(sshd, person)))
    }
}

/// `ssh` that runs a command which tells who runs it.
pub(crate) fn ask_who(sshd: &Sshd, person: &Person) -> Command {
    sshd.ssh(&person.user, &["echo", "running as", "$(id -un)"])
}

/// What the login of [`ask_who`] meets, by whatever way `ssh` takes.
pub(crate) fn log_in(sshd: &Sshd, person: &Person, ssh: &Command) -> Met {
    let ran = format!("running as {}", person.name());
    let mut terminal = sshd.first_factor(&person.user, ssh);
    match terminal.expect_any(&[&ran, CODE_PROMPT, FIRST_CODE, RECOVERY_PROMPT]) {
        Some(0) => {
            terminal.finish().expect_success("ssh");
            Met::Unasked
        }
        Some(1) => {
            terminal.type_line(&person.code());
            let outcome = terminal.finish();
            assert_eq!(outcome.succeeded(), outcome.stdout.contains(&ran), "{}", outcome.stdout);
            if outcome.succeeded() { Met::Code } else { Met::Refusal }
        }
        Some(2) => Met::Enrollment,
        Some(_) => Met::Lock,
        None => panic!("{}: {}", person.name(), terminal.text()),
    }
}
