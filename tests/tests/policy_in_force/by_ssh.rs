//! Real sshd, and clients in two networks.

use std::{fs, time::Duration};

use twinlock_tests::{
    Host, Terminal, User,
    command::{as_root, run},
    in_sandbox, pam,
    ssh::{FirstFactor, Sshd},
};

use crate::{
    conversation::Met,
    networks::{Client, ask_who, join, log_in},
    scene::{FAR, NEAR, Person, WEEK, date, explain, group, outlook, policy},
};

use Met::{Code, Enrollment, Refusal, Unasked};

/// sshd as Debian ships it, on all addresses, with the README's recipe and `more`.
fn sshd(host: &Host, first: FirstFactor, more: &str) -> Sshd {
    match first {
        FirstFactor::Password => pam::password_and_code("sshd"),
        FirstFactor::Key => pam::code_alone("sshd", "sshd"),
    }
    host.stock_sshd(&format!("{}{more}", first.settings()), first)
}

/// Asks what a login from there will meet, and sees that it does.
#[track_caller]
fn hold(host: &Host, sshd: &Sshd, client: &Client, person: &Person, meant: Met) {
    let told = outlook(host, person.name(), "sshd", client.address);
    let met = client.log_in(sshd, person);
    let which = format!("{} from {}: {told}", person.name(), client.address);
    assert_eq!((met, Met::explained(&told)), (meant, meant), "{which}");
}

/// Policies, and what alice, who has a phone, and bob, who has none, meet by them: both from near,
/// then both from far. Both are in wheel.
fn policies(host: &Host) -> [(String, [Met; 4]); 5] {
    let week = date(host.clock.now() + WEEK);
    let rule = |words: &str| format!("[[rule]]\n{words}\n");
    let everyone = |level: &str| rule(&format!("level = \"{level}\"\neveryone = true"));
    [
        (String::new(), [Code, Refusal, Code, Refusal]),
        (
            everyone("optional")
                + &rule(&format!(
                    "level = \"required\"\ngroup = \"wheel\"\nfrom = [\"203.0.113.0/24\"]\n\
                     services = [\"sshd\"]\nenroll_until = {week}"
                )),
            [Code, Unasked, Code, Enrollment],
        ),
        (
            everyone("required")
                + &rule("level = \"exempt\"\ngroup = \"wheel\"\nfrom = [\"10.0.0.0/8\"]"),
            [Unasked, Unasked, Code, Refusal],
        ),
        (
            rule("level = \"required\"\ngroup = \"wheel\"\nservices = [\"sshd\"]")
                + &rule("level = \"optional\"\nuser = \"bob\"\nservices = [\"sudo\", \"sshd\"]"),
            [Code, Unasked, Code, Unasked],
        ),
        (
            // About other services, and so about nothing here.
            everyone("exempt").replace("true", "true\nservices = [\"sudo\"]"),
            [Code, Refusal, Code, Refusal],
        ),
    ]
}

fn from_two_networks(host: &Host, first: FirstFactor) {
    host.settable_clock();
    let [near, far] = join();
    let (alice, bob) = (Person::enrolled(host, "alice"), Person::without_phone(host, "bob"));
    group("wheel", &[&alice, &bob]);
    for person in [&alice, &bob] {
        host.authorize_key(&person.user);
    }
    let sshd = sshd(host, first, "");
    for (toml, [alice_near, bob_near, alice_far, bob_far]) in policies(host) {
        host.policy(&toml);
        hold(host, &sshd, &near, &alice, alice_near);
        hold(host, &sshd, &near, &bob, bob_near);
        hold(host, &sshd, &far, &alice, alice_far);
        hold(host, &sshd, &far, &bob, bob_far);
    }
    // The addresses are the ones that are explained.
    for address in [NEAR, FAR] {
        let _ = host.syslog.expect(&format!("rhost=\"{address}\""));
    }
}

#[test]
fn password_logins_from_two_networks_meet_what_was_explained() {
    in_sandbox(|host| from_two_networks(host, FirstFactor::Password));
}

#[test]
fn key_logins_from_two_networks_meet_what_was_explained() {
    in_sandbox(|host| from_two_networks(host, FirstFactor::Key));
}

/// Debian's own account of that name, which can log in nowhere, let in everywhere.
fn backup(host: &Host) -> User {
    let known = run(as_root("id").arg("backup"), "").succeeded();
    if !known {
        return host.user("backup");
    }
    run(as_root("usermod").args(["--shell", "/bin/sh", "backup"]), "").expect_success("usermod");
    host.existing_user("backup", "backup's password")
}

#[test]
fn wheel_is_asked_and_backup_is_not_from_its_network_until_the_day_it_ends() {
    in_sandbox(|host| {
        host.settable_clock();
        let [near, far] = join();
        let alice = Person::enrolled(host, "alice");
        let mut bob = Person::without_phone(host, "bob");
        let carol = Person::without_phone(host, "carol");
        let backup = Person { user: backup(host), phone: None };
        group("wheel", &[&alice, &bob]);
        for person in [&alice, &bob, &carol, &backup] {
            host.authorize_key(&person.user);
        }
        let sshd = sshd(host, FirstFactor::Key, "");
        policy(host, &["require", "--group", "wheel", "--service", "sshd"]);
        policy(host, &["optional", "--everyone"]);
        let exempt =
            ["exempt", "--user", "backup", "--from", "10.0.0.0/8", "--until", "2031-01-31"];
        policy(host, &[&exempt[..], &["--reason", "nightly copy"]].concat());

        for (person, [by_near, by_far]) in [
            (&alice, [Code, Code]),
            (&bob, [Enrollment, Enrollment]),
            (&carol, [Unasked, Unasked]),
            (&backup, [Unasked, Unasked]),
        ] {
            hold(host, &sshd, &near, person, by_near);
            hold(host, &sshd, &far, person, by_far);
        }
        // Who enrols is asked the next time.
        let mut login = Terminal::start(&near.run(&ask_who(&sshd, &bob)));
        let phone = host.phone_with(&login.key_page());
        let _codes = login.finish_enrolling(&phone);
        login.finish().expect_success("a login that enrolled");
        bob.phone = Some(phone);
        hold(host, &sshd, &far, &bob, Code);

        // With a code for everybody, the exemption is all that backup has, and it ends.
        policy(host, &["require", "--everyone", "--no-enroll", "--even-if-locked-out"]);
        hold(host, &sshd, &far, &backup, Refusal);
        hold(host, &sshd, &near, &backup, Unasked);
        let told = explain(host, "backup", "sshd", NEAR);
        let end = told["rules"].as_array().unwrap().iter().find_map(|rule| rule["until"].as_u64());
        let left = end.unwrap() - host.clock.now();
        host.clock.advance(Duration::from_secs(left - 60));
        hold(host, &sshd, &near, &backup, Unasked);
        host.clock.advance(Duration::from_secs(60));
        hold(host, &sshd, &near, &backup, Refusal);
        hold(host, &sshd, &near, &alice, Code);
    });
}

/// An exemption and a requirement by network, for people of whom nothing else is asked.
const BY_NETWORK: &str = "[[rule]]\nlevel = \"optional\"\neveryone = true\n\
    [[rule]]\nlevel = \"exempt\"\nuser = \"alice\"\nfrom = [\"10.0.0.0/8\"]\n\
    [[rule]]\nlevel = \"required\"\ngroup = \"wheel\"\nfrom = [\"203.0.113.0/24\"]\n";

#[test]
fn where_sshd_tells_a_name_the_stricter_of_what_may_be_counts() {
    in_sandbox(|host| {
        host.settable_clock();
        let [near, _] = join();
        let (alice, bob) = (Person::enrolled(host, "alice"), Person::without_phone(host, "bob"));
        group("wheel", &[&bob]);
        host.policy(BY_NETWORK);
        let hosts = fs::read_to_string("/etc/hosts").unwrap();
        fs::write("/etc/hosts", format!("{hosts}{NEAR} near.example.org\n")).unwrap();
        for (dns, alice_meets, bob_meets) in [("no", Unasked, Unasked), ("yes", Code, Refusal)] {
            let sshd = sshd(host, FirstFactor::Password, &format!("UseDNS {dns}\n"));
            let from = if dns == "yes" { "unknown" } else { NEAR };
            for (person, meant) in [(&alice, alice_meets), (&bob, bob_meets)] {
                let told = outlook(host, person.name(), "sshd", from);
                let met = near.log_in(&sshd, person);
                let which = format!("{} with UseDNS {dns}: {told}", person.name());
                assert_eq!((met, Met::explained(&told)), (meant, meant), "{which}");
            }
            sshd.stop();
        }
        let _ = host.syslog.expect("rhost=\"near.example.org\"");
        let told = explain(host, "bob", "sshd", "unknown");
        let decides = |judged: &&serde_json::Value| judged["standing"] == "decides";
        let winner = told["judged"].as_array().unwrap().iter().find(decides).unwrap().clone();
        assert_eq!((&told["level"], &winner["guessed"]), (&"required".into(), &true.into()));
    });
}

#[test]
fn where_sshd_knows_no_address_the_stricter_of_what_may_be_counts() {
    in_sandbox(|host| {
        host.settable_clock();
        let (alice, bob) = (Person::enrolled(host, "alice"), Person::without_phone(host, "bob"));
        group("wheel", &[&bob]);
        host.policy(BY_NETWORK);
        let sshd = sshd(host, FirstFactor::Password, "");
        for (person, meant) in [(&alice, Code), (&bob, Refusal)] {
            let told = outlook(host, person.name(), "sshd", "unknown");
            // One that speaks through a pipe, as inetd would start it.
            let mut ssh = as_root("ssh");
            ssh.args(["-o", "ProxyCommand=/usr/sbin/sshd -i -o HostKey=/etc/ssh/sandbox_host_key"]);
            ssh.args(ask_who(&sshd, person).get_args());
            let met = log_in(&sshd, person, &ssh);
            assert_eq!((met, Met::explained(&told)), (meant, meant), "{}: {told}", person.name());
        }
        let _ = host.syslog.expect("rhost=\"UNKNOWN\"");
    });
}
