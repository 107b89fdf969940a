//! sudo asks for a code, and nothing the invoking user brings along changes that.

use std::{fs, future::pending, sync::mpsc, thread};

use twinlock_interface::{LoginContext, names, step::WireStep};
use twinlock_tests::{
    Terminal, User, bus::block_on, command::as_user, in_sandbox, pam, ssh::CODE_PROMPT,
    sudo::PASSWORD_PROMPT,
};
use zbus::connection::Builder;

#[test]
fn sudo_asks_for_a_code() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        host.sudo_asks_for_a_code();
        let enrolled = host.enroll(&alice);
        let sudo = |code: &str| {
            let mut sudo = Terminal::start(&host.sudo(&alice, &["id", "-un"]));
            sudo.answer(PASSWORD_PROMPT, &alice.password);
            sudo.answer(CODE_PROMPT, code);
            sudo
        };
        let code = enrolled.phone.fresh_code();
        let outcome = sudo(&code).finish().expect_success("sudo");
        assert!(outcome.stdout.ends_with("\nroot\n"), "{}", outcome.stdout);

        // sudo starts over after a refusal; the person gives up.
        for refused in [code, enrolled.phone.wrong_code(0)] {
            let mut sudo = sudo(&refused);
            sudo.expect(PASSWORD_PROMPT);
            assert!(!sudo.text().contains("\nroot\n"), "{}", sudo.text());
        }
    });
}

#[test]
fn sudo_i_asks_for_a_code() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        host.sudo_asks_for_a_code();
        let enrolled = host.enroll(&alice);
        let sudo = |code: &str| {
            let mut sudo = Terminal::start(&host.sudo(&alice, &["-i", "id", "-un"]));
            sudo.answer(PASSWORD_PROMPT, &alice.password);
            sudo.answer(CODE_PROMPT, code);
            sudo
        };
        let mut refused = sudo(&enrolled.phone.wrong_code(0));
        refused.expect(PASSWORD_PROMPT);
        assert!(!refused.text().contains("\nroot\n"), "{}", refused.text());
        let outcome = sudo(&enrolled.phone.fresh_code()).finish().expect_success("sudo -i");
        assert!(outcome.stdout.ends_with("\nroot\n"), "{}", outcome.stdout);
    });
}

#[test]
fn sudo_without_a_terminal_to_ask_at_is_refused() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        // Without the password, which could not be asked for either.
        pam::service("sudo", &[pam::TWINLOCK, "account required pam_permit.so"]);
        let _phone = host.enroll(&alice);
        let mut sudo = host.sudo(&alice, &["-n", "id", "-un"]);
        twinlock_tests::command::run(&mut sudo, "").expect_failure("sudo -n");
    });
}

#[test]
fn a_bus_of_the_users_own_is_not_asked() {
    in_sandbox(|host| {
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let address = accepting_bus(&alice);
        // The fake does say yes to whoever asks it.
        let asking_the_fake = format!("{} bus={address}", pam::TWINLOCK);
        pam::service("sudo", &[&asking_the_fake, "account required pam_permit.so"]);
        let deceived = Terminal::start(&host.sudo(&alice, &["id", "-un"])).finish();
        assert!(deceived.stdout.ends_with("root\n"), "{}", deceived.stdout);

        host.sudo_asks_for_a_code();

        let mut sudo = host.sudo(&alice, &["id", "-un"]);
        for variable in [
            "DBUS_SYSTEM_BUS_ADDRESS",
            "DBUS_SESSION_BUS_ADDRESS",
            "DBUS_STARTER_ADDRESS",
            "XDG_RUNTIME_DIR",
        ] {
            sudo.env(variable, &address);
        }
        let mut sudo = Terminal::start(&sudo);
        sudo.answer(PASSWORD_PROMPT, &alice.password);
        sudo.answer(CODE_PROMPT, &enrolled.phone.wrong_code(0));
        sudo.expect(PASSWORD_PROMPT);
        assert!(!sudo.text().contains("\nroot\n"), "{}", sudo.text());
    });
}

/// A daemon that lets everybody in.
struct Accepting;

#[zbus::interface(name = "org.twinlock.Twinlock1.Login")]
impl Accepting {
    fn begin(&self, _user: &str, _context: LoginContext) -> (String, WireStep) {
        (String::new(), twinlock_interface::Step::Accept { text: String::new() }.into())
    }
}

/// A bus that takes anybody and hands out any name.
const POLICY: &str = r#"<busconfig>
  <listen>unix:path=@PATH@</listen>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
  </policy>
</busconfig>"#;

/// Starts such a bus as `owner`, with the accepting daemon on it, and returns its address.
fn accepting_bus(owner: &User) -> String {
    let path = owner.home.join("bus");
    let address = format!("unix:path={}", path.display());
    let configuration = owner.home.join("bus.conf");
    fs::write(&configuration, POLICY.replace("@PATH@", path.to_str().unwrap())).unwrap();
    let mut bus = as_user(owner, "dbus-daemon");
    // Returns once it listens.
    bus.arg("--fork").arg(format!("--config-file={}", configuration.display()));
    assert!(bus.status().unwrap().success());
    let (ready, is_ready) = mpsc::channel();
    let here = address.clone();
    thread::spawn(move || {
        block_on(async {
            let daemon = Builder::address(here.as_str()).name(names::BUS_NAME);
            let daemon = daemon.serve_at(names::OBJECT_PATH, Accepting).build().await.unwrap();
            ready.send(()).unwrap();
            pending::<()>().await;
            drop(daemon);
        });
    });
    is_ready.recv().unwrap();
    address
}
