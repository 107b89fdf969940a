//! The whole tour, played by one program: person, phone and administrator.

use twinlock_tests::{
    Host, Outcome, Phone, User,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT, RECOVERY_PROMPT, Sshd},
    sudo,
};

use crate::transcript::{at_terminal, begin, remark, said, screen, step, typed};

/// What a login runs to show that it is one.
const PROOF: [&str; 3] = ["echo", "let in as", "$(id -un)"];

pub(crate) fn show(host: &Host) {
    begin();
    println!(
        "Twinlock on a private copy of this host: its own bus, sshd, sudo, accounts and time."
    );
    remark("The daemon's clock is moved on by 30 s for every fresh code, to save you the waiting.");
    host.settable_clock();
    let alice = host.user("alice");
    let by_password = host.sshd(FirstFactor::Password);
    let by_key = host.sshd(FirstFactor::Key);
    host.authorize_key(&alice);
    host.sudo_asks_for_a_code();

    let (phone, recovery_codes) = enrolment(host, &alice);

    step("ssh lets in with password and code");
    let code = phone.fresh_code();
    must_let_in(&ssh(&by_password, &alice, &code), &alice);

    step("The same code does not let in again");
    must_refuse(&ssh(&by_password, &alice, &code));

    step("ssh lets in with public key and code");
    must_let_in(&ssh(&by_key, &alice, &phone.fresh_code()), &alice);

    step("sudo asks for a code as well");
    let mut terminal = at_terminal("alice", "sudo id -un", host.sudo(&alice, &["id", "-un"]));
    terminal.answer(sudo::PASSWORD_PROMPT, &alice.password);
    terminal.answer(CODE_PROMPT, &phone.fresh_code());
    let outcome = screen(terminal);
    assert!(outcome.stdout.ends_with("\nroot\n"), "sudo did not run the command");

    lock_and_ways_out(host, &by_password, &alice, &phone, &recovery_codes);
    enrolment_in_a_login(host, &by_password);

    step("The system log has it all, and no code");
    let log = host.syslog.lines();
    log.iter().filter(|line| line.contains("twinlockd")).for_each(|line| println!("    {line}"));
    let secrets = recovery_codes.iter().chain([&phone.secret, &code]);
    for secret in secrets {
        assert!(!log.iter().any(|line| line.contains(secret)), "a secret is in the system log");
    }
    println!("\nAll went as promised. Nothing of this is left on the host.");
}

fn enrolment(host: &Host, alice: &User) -> (Phone, Vec<String>) {
    step("Enrolment: scan, type the code, keep the recovery codes");
    let mut terminal =
        at_terminal("alice", "twinlock enroll", host.cli_command(alice, &["enroll"]));
    terminal.expect("Code from the app: ");
    let text = terminal.text();
    let key_uri = text.lines().find(|line| line.starts_with("otpauth://")).expect("a key URI");
    let phone = host.phone(key_uri);
    terminal.type_line(&phone.fresh_code());
    let outcome = screen(terminal);
    assert!(outcome.succeeded(), "the enrolment was not confirmed");
    let is_recovery_code = |word: &&str| word.len() == 19 && word.matches('-').count() == 3;
    let recovery_codes: Vec<_> =
        outcome.stdout.split_whitespace().filter(is_recovery_code).map(str::to_owned).collect();
    assert_eq!(recovery_codes.len(), 10, "ten recovery codes");
    (phone, recovery_codes)
}

fn enrolment_in_a_login(host: &Host, sshd: &Sshd) {
    step("Who has no second factor gets one in the login that asks for it");
    host.enroll_in_logins();
    let bob = host.user("bob");
    let words = format!("ssh bob@{}", sshd.name);
    let mut terminal = at_terminal("bob", &words, sshd.ssh(&bob, &PROOF));
    terminal.answer(PASSWORD_PROMPT, &bob.password);
    let phone = host.phone_with(&terminal.key_page());
    let _ = terminal.finish_enrolling(&phone);
    must_let_in(&screen(terminal), &bob);
    must_let_in(&ssh(sshd, &bob, &phone.fresh_code()), &bob);
}

fn lock_and_ways_out(
    host: &Host,
    sshd: &Sshd,
    alice: &User,
    phone: &Phone,
    recovery_codes: &[String],
) {
    step("Five wrong codes lock the account");
    for nth in 0..5 {
        must_refuse(&ssh(sshd, alice, &phone.wrong_code(nth)));
    }
    remark("Now even a right code is refused:");
    let outcome = locked(sshd, alice, &phone.fresh_code());
    must_refuse(&outcome);
    assert!(outcome.stdout.contains("Too many wrong codes"), "the lock was not told");

    step("root can unlock it");
    typed("root", "twinlock unlock alice");
    let outcome = host.cli(&host.root(), &["unlock", "alice"]);
    said(&outcome);
    assert!(outcome.succeeded(), "unlock failed");
    must_let_in(&ssh(sshd, alice, &phone.fresh_code()), alice);

    step("A recovery code stands in for the phone, once");
    let [recovery_code, ..] = recovery_codes else { panic!("a recovery code") };
    must_let_in(&ssh(sshd, alice, recovery_code), alice);
    must_refuse(&ssh(sshd, alice, recovery_code));
    typed("alice", "twinlock status");
    let status = host.cli(alice, &["status"]);
    said(&status);
    assert!(status.succeeded(), "status failed");
}

/// A login to an account that may be locked: whatever is asked after the password is answered.
fn locked(sshd: &Sshd, alice: &User, code: &str) -> Outcome {
    let words = format!("ssh alice@{}", sshd.name);
    let mut terminal = at_terminal("alice", &words, sshd.ssh(alice, &PROOF));
    terminal.answer(PASSWORD_PROMPT, &alice.password);
    if terminal.expect_any(&[RECOVERY_PROMPT, CODE_PROMPT]).is_some() {
        terminal.type_line(code);
    }
    screen(terminal)
}

fn ssh(sshd: &Sshd, user: &User, code: &str) -> Outcome {
    typed(&user.name, &format!("ssh {}@{}", user.name, sshd.name));
    remark(&format!("typing the password or showing the key, then {code}"));
    let outcome = sshd.login(user, code, &PROOF);
    said(&outcome);
    outcome
}

fn must_let_in(outcome: &Outcome, user: &User) {
    let proof = format!("let in as {}\n", user.name);
    assert!(outcome.succeeded() && outcome.stdout.contains(&proof), "the login was refused");
}

fn must_refuse(outcome: &Outcome) {
    let ran = outcome.stdout.contains("let in as");
    assert!(!outcome.succeeded() && !ran, "the login was let in");
}
