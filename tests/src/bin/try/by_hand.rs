//! The tour for a person with a phone: they scan, type and log in themselves.

use std::{
    env,
    io::{self, Write},
    process::Command,
};

use twinlock_tests::{Host, ssh::FirstFactor};

/// Easy to type, and good for nothing outside.
const PASSWORD: &str = "sandbox";

pub(crate) fn guide(host: &Host) {
    let alice = host.user("alice");
    let alice = host.existing_user(&alice.name, PASSWORD);
    let sshd = host.sshd(FirstFactor::Password);
    host.sudo_asks_for_a_code();
    println!(
        "This is a private copy of your host. Nothing you do here is left behind.\n\
         You are alice, and your password is: {PASSWORD}\n\n\
         First, a second factor: scan the code with an authenticator app (Aegis, FreeOTP,\n\
         Google Authenticator …) and type the six digits it shows.\n\n\
         alice $ twinlock enroll"
    );
    if !run(host.cli_command(&alice, &["enroll"])) {
        println!("\nNot enrolled. Run it again whenever you like.");
        return;
    }
    println!(
        "\nNow log in: the password is still `{PASSWORD}`. A code is good once, so wait until \n\
         your app shows the next one. Inside, try `sudo id` and `twinlock status`; leave with\n\
         `exit`."
    );
    loop {
        println!("\nalice $ ssh alice@{}", sshd.name);
        run(sshd.ssh(&alice, &[]));
        print!("\nEnter logs in again, Ctrl-D ends the sandbox: ");
        let _ = io::stdout().flush();
        if !matches!(io::stdin().read_line(&mut String::new()), Ok(1..)) {
            println!("\nGone, without a trace.");
            return;
        }
    }
}

/// Runs `command` at the person's own terminal.
fn run(mut command: Command) -> bool {
    if let Some(terminal) = env::var_os("TERM") {
        command.env("TERM", terminal);
    }
    command.status().is_ok_and(|status| status.success())
}
