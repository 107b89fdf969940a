//! Real sudo and su, at a pseudo-terminal: what is neither an address nor a console.

use twinlock_tests::{
    Host, OPTIONAL, Terminal,
    command::as_user,
    enrolling::FIRST_CODE,
    in_sandbox, pam,
    ssh::{CODE_PROMPT, FirstFactor, PASSWORD_PROMPT},
    sudo,
};

use crate::{
    conversation::{Met, log_in, write_stacks},
    networks::join,
    scene::{Occasion, Person, WEEK, date, outlook},
};

use Met::{Code, Enrollment, Refusal, Unasked};

/// What a program meets that asks for `person`'s password and code at a terminal, and then says that
/// it ran.
fn at_a_terminal(person: &Person, mut terminal: Terminal) -> Met {
    terminal.answer(PASSWORD_PROMPT, &person.user.password);
    match terminal.expect_any(&["it ran", CODE_PROMPT, FIRST_CODE]) {
        Some(0) => Unasked,
        Some(1) => {
            terminal.type_line(&person.code());
            // sudo passes PAM_SILENT and starts over.
            match terminal.expect_any(&["it ran", "Sorry, try again.", "Code not accepted."]) {
                Some(0) => Code,
                Some(_) => Refusal,
                None => panic!("{}", terminal.text()),
            }
        }
        Some(_) => Enrollment,
        None => panic!("{}", terminal.text()),
    }
}

fn sudo(host: &Host, person: &Person) -> Met {
    let sudo = host.sudo(&person.user, &["echo", "it", "ran"]);
    at_a_terminal(person, Terminal::start(&sudo))
}

/// su to the person, by somebody else.
fn su(by: &Person, to: &Person) -> Met {
    let mut su = as_user(&by.user, "su");
    at_a_terminal(to, Terminal::start(su.args([to.name(), "-c", "echo it ran"])))
}

#[test]
fn sudo_and_su_meet_what_was_explained_of_a_place_that_is_not_told() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (Person::enrolled(host, "alice"), Person::without_phone(host, "bob"));
        host.sudo_asks_for_a_code();
        pam::password_and_code("su");
        let week = date(host.clock.now() + WEEK);
        let open =
            format!("[[rule]]\nlevel = \"required\"\neveryone = true\nenroll_until = {week}\n");
        let by_service = "[[rule]]\nlevel = \"exempt\"\neveryone = true\nservices = [\"su\"]\n";
        let by_place = "[[rule]]\nlevel = \"exempt\"\neveryone = true\n\
                        from = [\"local\", \"0.0.0.0/0\", \"::/0\"]\n";
        for (toml, on_sudo, on_su) in [
            ("", [Code, Refusal], [Code, Refusal]),
            (&open, [Code, Enrollment], [Code, Enrollment]),
            (OPTIONAL, [Code, Unasked], [Code, Unasked]),
            (by_service, [Code, Refusal], [Unasked, Unasked]),
            (by_place, [Code, Refusal], [Code, Refusal]),
        ] {
            host.policy(toml);
            for (person, other, nth) in [(&alice, &bob, 0), (&bob, &alice, 1)] {
                for (service, meant) in [("sudo", on_sudo[nth]), ("su", on_su[nth])] {
                    let told = outlook(host, person.name(), service, "unknown");
                    let met = match service {
                        "sudo" => sudo(host, person),
                        _ => su(other, person),
                    };
                    let which = format!("{service} of {}, {told}, by:\n{toml}", person.name());
                    assert_eq!((met, Met::explained(&told)), (meant, meant), "{which}");
                }
            }
        }
    });
}

#[test]
fn a_rule_from_local_is_about_consoles_and_not_about_a_session_that_came_by_ssh() {
    in_sandbox(|host| {
        host.settable_clock();
        let [near, _] = join();
        let alice = Person::enrolled(host, "alice");
        host.policy(
            "[[rule]]\nlevel = \"exempt\"\nuser = \"alice\"\nfrom = [\"local\", \"10.0.0.0/8\"]\n",
        );
        host.sudo_asks_for_a_code();
        pam::password_and_code("sshd");
        let first = FirstFactor::Password;
        let sshd = host.stock_sshd(first.settings(), first);

        // The way in is exempt, and sudo at the end of it is not.
        assert_eq!(outlook(host, "alice", "sshd", near.address), "not-asked");
        assert_eq!(outlook(host, "alice", "sudo", "unknown"), "asks-for-code");
        let ssh = near.run(&sshd.ssh(&alice.user, &["-t", "sudo", "echo", "it ran"]));
        let mut session = Terminal::start(&ssh);
        session.answer(PASSWORD_PROMPT, &alice.user.password);
        session.expect(sudo::PASSWORD_PROMPT);
        session.type_line(&alice.user.password);
        assert_eq!(session.expect_any(&["it ran", CODE_PROMPT]), Some(1));
        session.type_line(&alice.code());
        session.expect("it ran");
        assert_eq!(sudo(host, &alice), Code);

        // At a console it is exempt.
        write_stacks();
        assert_eq!(outlook(host, "alice", "sudo", "local"), "not-asked");
        let console =
            Occasion { service: "sudo", from: "local", rhost: c"sandbox", tty: c"/dev/tty1" };
        assert_eq!(log_in(&alice, &console), Unasked);
    });
}
