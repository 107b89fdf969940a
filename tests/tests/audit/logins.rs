//! Logins: who was let in, who was not, and why.

use twinlock_interface::{Event, ImportedAuthenticator, LoginContext, Step, proxy::ManagerProxy};
use twinlock_tests::{
    OPTIONAL,
    command::{as_root, run},
    enrolling::behind_a_password,
    in_sandbox,
    login::from_address,
};

use crate::{
    line,
    scene::{FAR, OFFICE, Scene, WRONG, WRONG_TICKET, brief},
};

/// Remembers right codes for sshd, asks nothing of dave, and at cron only who is enrolled.
const RULES: &str = "[[rule]]\nlevel = \"required\"\neveryone = true\nservices = [\"sshd\"]\n\
    remember_minutes = 30\n\
    [[rule]]\nlevel = \"exempt\"\nuser = \"dave\"\n\
    [[rule]]\nlevel = \"optional\"\neveryone = true\nservices = [\"cron\"]\n";

fn is_accepted(step: &Step) -> bool {
    matches!(step, Step::Accept { .. })
}

fn is_refused(step: &Step) -> bool {
    matches!(step, Step::Refuse { .. })
}

#[test]
fn a_row_and_its_line_hold_all_that_is_known_of_a_login() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let from = LoginContext { ruser: Some("bob".to_owned()), ..from_address(OFFICE) };
        let before = host.clock.now();
        let step = scene.sshd.login("alice", &from, &alices.phone.fresh_code()).unwrap();
        assert!(is_accepted(&step), "{step:?}");
        let [row] = &scene.left()[..] else { panic!("not one row") };
        assert!((before..=host.clock.now()).contains(&row.at), "{row:?}");
        let text = str::to_owned;
        assert_eq!(
            *row,
            Event {
                id: row.id,
                at: row.at,
                action: text("login"),
                outcome: text("accepted"),
                reason: text("otp"),
                user: text("alice"),
                uid: Some(1000),
                caller: 0,
                service: text("sshd"),
                rhost: text(OFFICE),
                tty: text("ssh"),
                ruser: text("bob"),
                details: String::new(),
            }
        );
        // Byte for byte, as scripts and filters read it.
        let said = host.syslog.expect("reason=otp");
        assert_eq!(
            line::message(&said),
            Some(
                "login outcome=accepted reason=otp user=\"alice\" uid=1000 caller=0 \
                 service=\"sshd\" rhost=\"192.0.2.10\" tty=\"ssh\" ruser=\"bob\""
            )
        );
    });
}

#[test]
fn every_end_of_a_login_that_is_asked_for_a_code_has_its_word() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let _ = host.user("bob");
        let phone = &alices.phone;
        let code = phone.fresh_code();
        let accepted = |answer: &str| assert!(is_accepted(&scene.login("alice", answer)));
        let refused = |user: &str, answer: &str| assert!(is_refused(&scene.login(user, answer)));
        scene.leaves(&["login accepted otp alice 1000 by 0"], || accepted(&code));
        scene.leaves(&["login refused replayed alice 1000 by 0"], || refused("alice", &code));
        scene.leaves(&["login refused wrong-code alice 1000 by 0"], || refused("alice", WRONG));
        scene.leaves(&["login refused malformed alice 1000 by 0"], || refused("alice", "hello"));
        scene.leaves(&["login refused malformed alice 1000 by 0"], || refused("alice", ""));
        let recovery = &alices.recovery_codes[0];
        scene.leaves(&["login accepted recovery-code alice 1000 by 0"], || accepted(recovery));
        scene.leaves(&["login refused wrong-code alice 1000 by 0"], || refused("alice", recovery));
        for answer in [code.as_str(), WRONG_TICKET, ""] {
            scene.leaves(&["login refused unknown-name nosuch - by 0"], || {
                refused("nosuch", answer);
            });
        }
        scene.leaves(&["login refused not-enrolled bob 1001 by 0"], || refused("bob", WRONG));
        // What is not answered is not decided.
        scene.leaves(&[], || scene.sshd.begin("alice", &from_address(FAR)).unwrap());
        scene.leaves(&["login refused no-such-session - - by 0"], || {
            scene.sshd.answer("0123456789abcdef0123456789abcdef", &code).unwrap_err()
        });
    });
}

#[test]
fn an_account_whose_name_has_another_uid_now_is_refused_by_that_word() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (alice, alices) = scene.enrolled("alice");
        run(as_root("usermod").args(["-u", "4711", "alice"]), "").expect_success("usermod");
        scene.leaves(&["login refused account-mismatch alice - by 0"], || {
            scene.login("alice", &alices.phone.fresh_code())
        });
        // Of the commands as well.
        scene.leaves(&["enrollment-status refused account-mismatch alice 4711 by 4711"], || {
            host.caller(4711).status(&alice.name).unwrap_err()
        });
    });
}

#[test]
fn whoever_is_asked_nothing_is_told_by_which_word() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let _ = scene.enrolled("dave");
        let _ = host.user("bob");
        scene.policy(RULES);
        let from = from_address(OFFICE);
        let code = alices.phone.fresh_code();
        scene.leaves(&["login accepted otp alice 1000 by 0"], || {
            assert!(is_accepted(&scene.sshd.login("alice", &from, &code).unwrap()));
        });
        scene.leaves(&["login accepted remembered alice 1000 by 0"], || {
            assert!(is_accepted(&scene.at_once("alice", &from)));
        });
        scene.leaves(&["login not-required exempt dave 1001 by 0"], || {
            assert_eq!(scene.at_once("dave", &from), Step::NotRequired);
        });
        // sshd's own method, behind which the module may stand alone.
        let by_key = LoginContext { first_factor: Some("publickey".to_owned()), ..from.clone() };
        scene.leaves(&["login not-required exempt dave 1001 by 0"], || {
            assert!(is_accepted(&scene.at_once("dave", &by_key)));
        });
        let cron = LoginContext { service: Some("cron".to_owned()), ..LoginContext::default() };
        scene.leaves(&["login not-required not-enrolled bob 1002 by 0"], || {
            assert_eq!(scene.at_once("bob", &cron), Step::NotRequired);
        });
        scene.policy(OPTIONAL);
        scene.leaves(&["login not-required not-enrolled bob 1002 by 0"], || {
            assert_eq!(scene.at_once("bob", &from), Step::NotRequired);
        });
    });
}

#[test]
fn an_exemption_is_told_as_one_of_accounts_without_an_authenticator_too() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("robot");
        scene.policy("[[rule]]\nlevel = \"exempt\"\nuser = \"robot\"\n");
        // An auditor counts who came in by an exemption; robots are the rule, not the exception.
        scene.leaves(&["login not-required exempt robot 1000 by 0"], || {
            assert_eq!(scene.at_once("robot", &from_address(OFFICE)), Step::NotRequired);
        });
    });
}

#[test]
fn a_lock_is_noted_where_it_is_met_at_the_prompt_and_at_the_answer() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let wrong = ["login refused wrong-code alice 1000 by 0"; 5];
        scene.leaves(&wrong, || (0..5).for_each(|_| drop(scene.login("alice", WRONG))));
        // A recovery code may still open it, so a question is asked.
        scene.leaves(&["login throttled locked alice 1000 by 0"], || {
            let step = scene.login("alice", &alices.phone.fresh_code());
            assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        });
        scene.leaves(&wrong, || (0..5).for_each(|_| drop(scene.login("alice", WRONG_TICKET))));
        scene.leaves(&["login throttled locked alice 1000 by 0"], || {
            let step = scene.at_once("alice", &from_address(FAR));
            assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        });
        scene.leaves(&["unlock done - alice 1000 by 0"], || scene.sshd.unlock("alice"));
        scene.host.cli(&host.root(), &["policy", "profile", "stig"]).expect_success("stig");
        let _ = scene.left();
        scene.leaves(&wrong[..3], || (0..3).for_each(|_| drop(scene.login("alice", WRONG))));
        scene.leaves(&["login throttled closed alice 1000 by 0"], || {
            let step = scene.login("alice", &alices.phone.fresh_code());
            assert!(matches!(step, Step::Wait { .. }), "{step:?}");
        });
    });
}

#[test]
fn a_login_without_a_first_factor_is_told_why_it_does_not_enrol() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        host.enroll_in_logins();
        let _ = scene.left();
        scene.leaves(&["login refused no-first-factor alice 1000 by 0"], || {
            assert!(is_refused(&scene.login("alice", WRONG)));
        });
        // A ticket that is good opens nothing either, where there is no first factor.
        scene.policy("");
        let (ticket, _) = ticket(&scene, "alice");
        let _ = scene.left();
        scene.leaves(&["login refused no-first-factor alice 1000 by 0"], || {
            assert!(is_refused(&scene.login("alice", &ticket)));
        });
        scene.leaves(&["enrollment-begin done - alice 1000 by 0"], || {
            let from = behind_a_password(FAR);
            let step = scene.sshd.login("alice", &from, &ticket).unwrap();
            assert!(matches!(step, Step::Ask { .. }), "{step:?}");
        });
    });
}

fn ticket(scene: &Scene<'_>, user: &str) -> (String, u64) {
    scene.root.run(async {
        let manager = ManagerProxy::new(scene.root.connection()).await.unwrap();
        manager.issue_ticket(user).await.unwrap()
    })
}

#[test]
fn eight_digits_that_may_be_either_kind_of_code_are_told_once() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let _ = host.user("alice");
        let text = str::to_owned;
        let token = ImportedAuthenticator {
            name: text("token"),
            kind: text("hotp"),
            algorithm: text("SHA1"),
            digits: 8,
            period: 0,
            secret: text("MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"),
            last_spent: None,
        };
        scene.root.run(async {
            let manager = ManagerProxy::new(scene.root.connection()).await.unwrap();
            manager.import("alice", &[token], &["58713924"], false).await.unwrap();
        });
        let _ = scene.left();
        let phone = host
            .phone("otpauth://hotp/x?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U&digits=8&counter=0");
        let code = phone.fresh_code();
        for (answer, word) in [
            (phone.wrong_code(0).as_str(), "refused wrong-code"),
            (&code, "accepted otp"),
            (&code, "refused replayed"),
            ("58713924", "accepted recovery-code"),
            ("58713924", "refused wrong-code"),
        ] {
            scene.leaves(&[&format!("login {word} alice 1000 by 0")], || {
                scene.login("alice", answer)
            });
        }
    });
}

#[test]
fn a_program_of_somebodys_own_is_told_by_its_uid_and_believed_nothing_else() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (alice, alices) = scene.enrolled("alice");
        let locker = host.caller(alice.uid);
        let from = LoginContext {
            service: Some("screen-lock".to_owned()),
            ruser: Some("root".to_owned()),
            ..from_address(OFFICE)
        };
        let (session, _) = locker.begin_login("alice", &from).unwrap();
        assert_eq!(
            locker.answer_login(&session, &alices.phone.fresh_code()).unwrap().kind,
            "accept"
        );
        let [row] = &scene.left()[..] else { panic!("not one row") };
        assert_eq!(brief(row), "login accepted otp alice 1000 by 1000");
        let items = [&row.service, &row.rhost, &row.tty, &row.ruser];
        assert_eq!(items, ["screen-lock", "", "", ""]);
    });
}

#[test]
fn an_event_names_the_account_as_it_is_recorded() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (_, alices) = scene.enrolled("alice");
        let mut useradd = as_root("useradd");
        useradd.args(["--non-unique", "--uid", "1000", "--no-create-home", "alias"]);
        run(&mut useradd, "").expect_success("useradd");
        scene.leaves(&["login accepted otp alice 1000 by 0"], || {
            assert!(is_accepted(&scene.login("alias", &alices.phone.fresh_code())));
        });
    });
}
