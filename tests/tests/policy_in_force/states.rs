//! What becomes of an account changes what its logins meet, and what is explained of them with it.

use std::time::Duration;

use twinlock_tests::{Host, in_sandbox, login::from_address};

use crate::{
    conversation::{Met, log_in, write_stacks},
    scene::{FAR, NEAR, Occasion, Person, WEEK, WRONG, date, explain, outlook},
};

const NEAR_SSH: Occasion =
    Occasion { service: "sshd", from: NEAR, rhost: c"10.1.2.3", tty: c"ssh" };
const FAR_SSH: Occasion =
    Occasion { service: "sshd", from: FAR, rhost: c"203.0.113.5", tty: c"ssh" };
const NEAR_KEY: Occasion = Occasion { service: "sshd-key", ..NEAR_SSH };
/// At a terminal, which may be one inside a session of ssh.
const SUDO: Occasion =
    Occasion { service: "sudo", from: "terminal", rhost: c"sandbox", tty: c"/dev/pts/3" };
const MINUTE: Duration = Duration::from_secs(60);

/// Asks what a login will meet, and sees that it does.
#[track_caller]
fn hold(host: &Host, person: &Person, occasion: &Occasion, word: &str) {
    let told = outlook(host, person.name(), occasion.service, occasion.from);
    let met = log_in(person, occasion);
    let meant = (word, Met::explained(word));
    assert_eq!((told.as_str(), met), meant, "{} {occasion:?}", person.name());
}

#[test]
fn a_source_that_is_remembered_is_explained_as_one() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = Person::enrolled(host, "alice");
        write_stacks();
        host.policy(
            "[[rule]]\nlevel = \"required\"\neveryone = true\nservices = [\"sshd\"]\n\
             remember_minutes = 30\n",
        );
        hold(host, &alice, &NEAR_SSH, "asks-for-code");
        for _ in 0..2 {
            hold(host, &alice, &NEAR_SSH, "remembered");
        }
        hold(host, &alice, &NEAR_KEY, "asks-for-code");
        hold(host, &alice, &FAR_SSH, "asks-for-code");
        host.clock.advance(31 * MINUTE);
        hold(host, &alice, &NEAR_SSH, "asks-for-code");
    });
}

/// Five wrong codes from far away.
fn lock(host: &Host, name: &str) {
    let (line, far) = (host.line(), from_address(FAR));
    for _ in 0..5 {
        let _refused = line.login(name, &far, WRONG).unwrap();
    }
}

#[test]
fn a_lock_is_explained_where_it_is_met_and_nowhere_else() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (Person::enrolled(host, "alice"), Person::without_phone(host, "bob"));
        write_stacks();
        hold(host, &alice, &NEAR_SSH, "asks-for-code");
        lock(host, "alice");
        hold(host, &alice, &FAR_SSH, "locked");
        // An address she has logged in from is none of the strangers'.
        hold(host, &alice, &NEAR_SSH, "asks-for-code");
        let end = explain(host, "alice", "sshd", FAR)["locked_until"].as_u64().unwrap();
        host.clock.advance(Duration::from_secs(end - host.clock.now() - 2));
        hold(host, &alice, &FAR_SSH, "locked");
        host.clock.advance(Duration::from_secs(2));
        hold(host, &alice, &FAR_SSH, "asks-for-code");

        // A lock comes before enrolment, and before nothing that is not asked.
        lock(host, "bob");
        let open = date(host.clock.now() + WEEK);
        host.policy(&format!(
            "[[rule]]\nlevel = \"required\"\neveryone = true\nenroll_until = {open}\n\
             [[rule]]\nlevel = \"exempt\"\nuser = \"bob\"\nservices = [\"sshd-key\"]\n"
        ));
        hold(host, &bob, &FAR_SSH, "locked");
        hold(host, &bob, &NEAR_KEY, "not-asked");
        host.line().unlock("bob");
        hold(host, &bob, &FAR_SSH, "enrolls");
    });
}

#[test]
fn a_window_that_closes_is_explained_to_the_second() {
    in_sandbox(|host| {
        host.settable_clock();
        let bob = Person::without_phone(host, "bob");
        write_stacks();
        host.enroll_in_logins();
        let told = explain(host, "bob", "sshd", NEAR);
        let end = told["enroll_until"].as_u64().unwrap();
        host.clock.advance(Duration::from_secs(end - host.clock.now() - 3));
        hold(host, &bob, &NEAR_SSH, "enrolls");
        host.clock.advance(Duration::from_secs(3));
        hold(host, &bob, &NEAR_SSH, "refused");
        let told = explain(host, "bob", "sshd", NEAR);
        assert_eq!(told["enroll_until"].as_u64(), Some(end), "{told}");
    });
}

#[test]
fn a_service_is_explained_as_libpam_spells_it() {
    in_sandbox(|host| {
        host.settable_clock();
        let bob = Person::without_phone(host, "bob");
        write_stacks();
        host.policy("[[rule]]\nlevel = \"exempt\"\neveryone = true\nservices = [\"sshd\"]\n");
        hold(host, &bob, &NEAR_SSH, "not-asked");
        // libpam makes it lower-case, whatever the host program says.
        hold(host, &bob, &Occasion { service: "SSHD", ..NEAR_SSH }, "not-asked");
    });
}

#[test]
fn the_count_of_strangers_is_not_the_count_of_a_terminal_and_explained_as_none_of_it() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = Person::enrolled(host, "alice");
        write_stacks();
        lock(host, "alice");
        // As the README has it: a terminal is a place that is not told.
        hold(host, &alice, &SUDO, "asks-for-code");
    });
}
