//! `try_first_pass` and `use_first_pass`: what an earlier module collected.

use twinlock_tests::{
    Enrolled, in_sandbox,
    pam::{keeper, password_found},
    pam_client::Code,
};

use crate::scene::{
    BOTH_QUESTION, CODE_QUESTION, COLLECTS, PASSWORD_QUESTION, failures, login, twinlock,
    with_alice,
};

#[test]
fn a_code_that_an_earlier_module_collected_is_taken_without_a_question() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, recovery_codes }) = with_alice(host);
        let options = ["try_first_pass", "use_first_pass"];
        for (option, recovery_code) in options.iter().zip(recovery_codes) {
            for code in [phone.fresh_code(), recovery_code] {
                let report = login(&[COLLECTS, &twinlock(option)], &[&code]);
                assert_eq!(report.code(), Code::SUCCESS, "{option}: {report:?}");
                assert_eq!(report.questions(), [PASSWORD_QUESTION], "{option}");
                let report = login(&[COLLECTS, &twinlock(option)], &[&code, "no"]);
                assert_eq!(report.code(), Code::AUTH_ERR, "{option}: once more: {report:?}");
            }
        }
    });
}

#[test]
fn a_collected_code_that_is_refused_is_asked_for_once_more_with_try_first_pass_only() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        let attempt = |option, answers: &[&str]| login(&[COLLECTS, &twinlock(option)], answers);
        let [wrong, worse] = [0, 1].map(|nth| phone.wrong_code(nth));

        let report = attempt("use_first_pass", &[&wrong, &phone.fresh_code()]);
        assert_eq!(report.code(), Code::AUTH_ERR, "{report:?}");
        assert_eq!(report.said, [PASSWORD_QUESTION, "3 Code not accepted."]);
        assert_eq!(failures(host, &alice), 1);

        let report = attempt("try_first_pass", &[&wrong, &worse, &phone.fresh_code()]);
        assert_eq!(report.code(), Code::AUTH_ERR, "{report:?}");
        let said = [PASSWORD_QUESTION, CODE_QUESTION, "3 Code not accepted."];
        assert_eq!(report.said, said);
        assert_eq!(failures(host, &alice), 3);

        let report = attempt("try_first_pass", &[&wrong, &phone.fresh_code()]);
        assert_eq!(report.code(), Code::SUCCESS, "{report:?}");
        assert_eq!(report.said, said[..2]);
    });
}

#[test]
fn a_collected_line_that_is_no_code_is_neither_sent_nor_charged() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        let code = phone.fresh_code();
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        let behind = format!("{}{code}", alice.password);
        for line in [&alice.password, &spaced, &behind, ""] {
            let report = login(&[COLLECTS, &twinlock("use_first_pass")], &[line, &code]);
            assert_eq!(report.code(), Code::AUTH_ERR, "{line:?}: {report:?}");
            assert_eq!(report.questions(), [PASSWORD_QUESTION], "{line:?}");

            let report = login(&[COLLECTS, &twinlock("try_first_pass")], &[line, "12345"]);
            assert_eq!(report.code(), Code::AUTH_ERR, "{line:?}: {report:?}");
            assert_eq!(report.questions(), [PASSWORD_QUESTION, CODE_QUESTION], "{line:?}");
        }
        assert_eq!(failures(host, &alice), 0);
        // Nothing at all was collected, and the code is still good, in a person's own spelling.
        let report = login(&[&twinlock("use_first_pass")], &[&code]);
        assert_eq!((report.code(), report.questions()), (Code::AUTH_ERR, vec![]));
        let report = login(&[&twinlock("try_first_pass")], &[&spaced]);
        assert_eq!((report.code(), report.questions()), (Code::SUCCESS, vec![CODE_QUESTION]));
    });
}

#[test]
fn password_and_code_that_an_earlier_module_collected_together_are_split() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        let unix = "auth required pam_unix.so nodelay use_first_pass";
        for first_pass in ["use_first_pass", "try_first_pass"] {
            let twinlock = twinlock(&format!("{first_pass} forward_pass"));
            let login = |answers: &[&str]| login(&[COLLECTS, &twinlock, unix], answers);
            let line = |password: &str| format!("{password}{}", phone.fresh_code());
            let report = login(&[&line(&alice.password)]);
            assert_eq!(report.code(), Code::SUCCESS, "{first_pass}: {report:?}");
            assert_eq!(report.said, [PASSWORD_QUESTION], "{first_pass}");
            let report = login(&[&line("not hers")]);
            assert_eq!(report.code(), Code::AUTH_ERR, "{first_pass}: {report:?}");

            let wrong = format!("{}{}", alice.password, phone.wrong_code(0));
            let report = login(&[&wrong, &line(&alice.password)]);
            if first_pass == "try_first_pass" {
                assert_eq!(report.code(), Code::SUCCESS, "{report:?}");
                assert_eq!(report.said, [PASSWORD_QUESTION, BOTH_QUESTION]);
            } else {
                assert_eq!(report.code(), Code::AUTH_ERR, "{report:?}");
                assert_eq!(report.questions(), [PASSWORD_QUESTION]);
            }
        }
    });
}

#[test]
fn what_forward_pass_leaves_is_a_first_pass_like_any_other() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        let forward = twinlock("forward_pass");
        // A password is no code …
        let line = format!("{}{}", alice.password, phone.fresh_code());
        let report = login(&[&forward, &twinlock("use_first_pass")], &[&line, "no"]);
        assert_eq!((report.code(), report.questions()), (Code::AUTH_ERR, vec![BOTH_QUESTION]));
        let line = format!("{}{}", alice.password, phone.fresh_code());
        let second = twinlock("try_first_pass");
        let report = login(&[&forward, &second], &[&line, &phone.fresh_code()]);
        assert_eq!(report.code(), Code::SUCCESS, "{report:?}");
        assert_eq!(report.questions(), [BOTH_QUESTION, CODE_QUESTION]);
        assert_eq!(failures(host, &alice), 0);
        // … and two codes behind it are two codes.
        let [first, second] = [phone.fresh_code(), phone.fresh_code()];
        let again = twinlock("use_first_pass forward_pass");
        let report = login(&[&forward, &again, &keeper()], &[&format!("hunter2{second}{first}")]);
        assert_eq!((report.code(), report.questions()), (Code::SUCCESS, vec![BOTH_QUESTION]));
        assert_eq!(password_found(), b"hunter2");
    });
}
