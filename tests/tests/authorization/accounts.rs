//! An account is one name and one uid together; names of one uid are one account (I10).

use twinlock_interface::{LoginContext, State};
use twinlock_tests::{
    caller::{Arguments, Caller},
    command::{as_root, run},
    in_sandbox,
};

use super::scene::{FAR, Scene, refusal, through_sshd};

fn administer(program: &str, arguments: &[&str]) {
    run(as_root(program).args(arguments), "").expect_success(program);
}

/// Deletes an account of the host and makes one with this name and uid.
fn recreate(deleted: &str, name: &str, uid: u32) {
    administer("userdel", &[deleted]);
    administer("useradd", &["--uid", &uid.to_string(), name]);
}

/// A second name for a uid.
fn alias(name: &str, uid: u32) {
    administer("useradd", &["--non-unique", "--uid", &uid.to_string(), name]);
}

#[test]
fn two_names_of_one_uid_share_their_authenticator_and_its_spent_codes() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        alias("alice2", scene.alice.uid);
        let code = phone.fresh_code();
        assert_eq!(scene.login_from(FAR, "alice2", &code), "accept");
        assert_eq!(scene.login_from(FAR, "alice", &code), "refuse");
        let code = phone.fresh_code();
        assert_eq!(scene.login_from(FAR, "alice", &code), "accept");
        assert_eq!(scene.login_from(FAR, "alice2", &code), "refuse");

        // Either name is hers, and either is told under the one that is recorded.
        let alice = host.caller(scene.alice.uid);
        for caller in [&alice, &scene.root] {
            assert_eq!(caller.status("alice2").unwrap(), caller.status("alice").unwrap());
        }
        assert_eq!(refusal(alice.begin_enrollment("alice2")), "ProofRequired");
        assert_eq!(scene.status("alice2").user, "alice");
    });
}

#[test]
fn two_names_of_one_uid_share_their_failures_and_locks() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        alias("alice2", scene.alice.uid);
        for nth in 0..5 {
            let name = ["alice", "alice2"][nth % 2];
            assert_eq!(scene.login_from(FAR, name, &phone.wrong_code(nth)), "refuse");
        }
        for name in ["alice", "alice2"] {
            let prompt = scene.prompt(name, &through_sshd(FAR));
            assert!(prompt.contains("Too many wrong codes"), "{name}: {prompt}");
            assert_eq!(scene.status(name).failures, 5, "{name}");
        }
    });
}

#[test]
fn a_name_that_got_another_uid_is_refused_until_reset() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        let other_uid = scene.alice.uid + 100;
        recreate("alice", "alice", other_uid);
        refused_until_reset(&scene, &host.caller(other_uid), "alice", || phone.fresh_code());
    });
}

#[test]
fn a_uid_that_got_another_name_is_refused_until_reset() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        recreate("alice", "carol", scene.alice.uid);
        let carol = host.caller(scene.alice.uid);
        refused_until_reset(&scene, &carol, "carol", || phone.fresh_code());
    });
}

#[test]
fn a_recorded_name_that_became_another_accounts_second_name_is_refused_until_reset() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let (alices, bobs) = (scene.enrolled("alice"), scene.enrolled("bob"));
        administer("userdel", &["bob"]);
        alias("bob", scene.alice.uid);
        assert_eq!(scene.login_from(FAR, "bob", &bobs.fresh_code()), "refuse");
        assert_eq!(scene.login_from(FAR, "alice", &alices.fresh_code()), "accept");
        let alice = host.caller(scene.alice.uid);
        assert_eq!(refusal(alice.status("bob")), "AccountMismatch");
        assert_eq!(scene.login_from(FAR, "bob", &alices.fresh_code()), "refuse");
    });
}

/// The account of today is not the recorded one: no code lets it in, nothing of the recorded one
/// is shown to or changed by it, and root can clear that up.
fn refused_until_reset(
    scene: &Scene<'_>,
    owner: &Caller,
    name: &str,
    old_code: impl Fn() -> String,
) {
    for caller in [owner, &scene.root] {
        assert_eq!(refusal(caller.status(name)), "AccountMismatch");
        assert_eq!(refusal(caller.begin_enrollment(name)), "AccountMismatch");
        let (session, step) = caller.begin_login(name, &LoginContext::default()).unwrap();
        assert_eq!((step.kind.as_str(), step.text.as_str()), ("ask", "One-time code: "));
        assert_eq!(caller.answer_login(&session, &old_code()).unwrap().kind, "refuse");
    }
    let unlock = Arguments::strings(&[name]);
    assert_eq!(refusal(scene.root.call("Manager.Unlock", &unlock)), "AccountMismatch");
    assert_eq!(refusal(owner.reset(name)), "NotAuthorized");
    assert_eq!(refusal(scene.root.reset(name)), "");
    assert_eq!(owner.status(name).unwrap().state, State::Off);
    let phone = scene.host.phone(&owner.begin_enrollment(name).unwrap().key_uri);
    owner.confirm_enrollment(name, &phone.fresh_code()).unwrap();
    assert_eq!(scene.login_from(FAR, name, &old_code()), "refuse");
    assert_eq!(scene.login_from(FAR, name, &phone.fresh_code()), "accept");
}

#[test]
fn an_account_that_is_gone_is_nobody_and_can_be_reset_by_its_name() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let phone = scene.enrolled("alice");
        administer("userdel", &["alice"]);
        assert_eq!(scene.login_from(FAR, "alice", &phone.fresh_code()), "refuse");
        assert_eq!(refusal(scene.root.status("alice")), "NoSuchAccount");
        assert_eq!(refusal(scene.root.reset("alice")), "");
        assert_eq!(refusal(scene.root.reset("alice")), "NoSuchAccount");
    });
}
