//! `forward_pass`: what is left to the next module, and when.

use twinlock_interface::Step;
use twinlock_tests::{
    Enrolled, in_sandbox,
    pam::{keeper, password_found},
    pam_client::Code,
    pam_host::{PamHost, Report},
    wire_bus::WireBus,
};

use crate::scene::{
    BOTH_QUESTION, COLLECTS, PASSWORD_QUESTION, failures, login, login_of, twinlock, with_alice,
};

/// Passwords that something might cut, trim, split or take for something else.
const PASSWORDS: [&str; 15] = [
    "hunter2",
    "x",
    " ",
    " spaces all around ",
    "\ttab\t",
    "1",
    "271828",
    "27182818",
    "summer-271828",
    "ABCD-EFGH-JKLM-NPQR",
    "-",
    "pässwörd",
    "２７１８２８",
    "%s%n$(id)`'\"\\",
    "long enough for a whole sentence, and then some: abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz",
];

#[test]
fn the_next_module_gets_the_line_without_the_code_byte_for_byte() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, recovery_codes }) = with_alice(host);
        let (forward, keeper) = (twinlock("forward_pass"), keeper());
        let stack = [forward.as_str(), &keeper];
        let forwarded = |password: &str, code: &str| {
            let report = login(&stack, &[&format!("{password}{code}")]);
            assert_eq!(report.code(), Code::SUCCESS, "{password:?}");
            assert_eq!(report.questions(), [BOTH_QUESTION], "{password:?}");
            password_found()
        };
        for password in PASSWORDS {
            let code = phone.fresh_code();
            assert_eq!(forwarded(password, &code), password.as_bytes(), "{password:?}");
        }
        for (password, code) in PASSWORDS.iter().zip(recovery_codes) {
            assert_eq!(forwarded(password, &code), password.as_bytes(), "{password:?}");
        }
    });
}

#[test]
fn the_next_module_gets_nothing_without_an_accept() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, .. }) = with_alice(host);
        let (forward, keeper) = (twinlock("forward_pass"), keeper());
        let stack = [forward.as_str(), &keeper];
        // It asks, so it found nothing; and it keeps what was typed then.
        let assert_nothing = |report: &Report, code: Code, what: &str| {
            assert_eq!(report.code(), code, "{what}: {report:?}");
            assert_eq!(report.questions().last(), Some(&PASSWORD_QUESTION), "{what}: {report:?}");
            assert_eq!(password_found(), b"typed later", "{what}");
        };
        let (spent, wrong) = (phone.spent_code(), phone.wrong_code(0));
        for line in [
            format!("hunter2{wrong}"),
            format!("hunter2{spent}"),
            "hunter2ABCD-EFGH-JKLM-NPQR".to_owned(),
            "hunter2".to_owned(),
            phone.fresh_code(),
            String::new(),
        ] {
            let report = login(&stack, &[&line, "typed later"]);
            assert_nothing(&report, Code::AUTH_ERR, &line);
        }

        let mut cut_off = PamHost::new().authenticate("stack", "alice");
        assert_eq!(cut_off.question(), BOTH_QUESTION);
        host.daemon.kill();
        let line = format!("hunter2{}", phone.fresh_code());
        let report = cut_off.answering(&[&line, "typed later"]);
        assert_nothing(&report, Code::AUTHINFO_UNAVAIL, "no daemon");

        let ask = Step::Ask { text: "Code: ".into(), echo: false };
        let wait = Step::Wait { text: "Later.".into() };
        let bus = WireBus::saying("/run/closed", vec![ask, wait]);
        let closed = twinlock(&format!("forward_pass {}", bus.option()));
        let report = login(&[&closed, &keeper], &[&line, "typed later"]);
        assert_nothing(&report, Code::MAXTRIES, "wait");
    });
}

#[test]
fn pam_unix_takes_what_forward_pass_leaves() {
    in_sandbox(|host| {
        let (alice, Enrolled { phone, .. }) = with_alice(host);
        for option in ["use_first_pass", "try_first_pass"] {
            let unix = format!("auth required pam_unix.so nodelay {option}");
            let stack = [&twinlock("forward_pass"), unix.as_str()];
            let report = login(&stack, &[&format!("{}{}", alice.password, phone.fresh_code())]);
            assert_eq!(report.code(), Code::SUCCESS, "{option}: {report:?}");
            assert_eq!(report.said, [BOTH_QUESTION], "{option}");
            let report = login(&stack, &[&format!("not hers{}", phone.fresh_code())]);
            assert_eq!(report.code(), Code::AUTH_ERR, "{option}: {report:?}");
        }
    });
}

#[test]
fn a_locked_account_is_asked_for_the_password_with_a_recovery_code() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, recovery_codes }) = with_alice(host);
        let (forward, keeper) = (twinlock("forward_pass"), keeper());
        let stack = [forward.as_str(), &keeper];
        for nth in 0..5 {
            let report = login(&stack, &[&format!("hunter2{}", phone.wrong_code(nth))]);
            assert_eq!(report.code(), Code::AUTH_ERR);
        }
        let locked = login(&stack, &[&format!("hunter2{}", phone.fresh_code())]);
        assert_eq!(locked.code(), Code::MAXTRIES, "{locked:?}");
        let report = login(&stack, &[&format!("hunter2{}", recovery_codes[0])]);
        assert_eq!(report.code(), Code::SUCCESS, "{report:?}");
        assert_eq!(password_found(), b"hunter2");
        let question = report.questions().concat();
        assert!(
            question.ends_with("Password, and a recovery code right behind it: "),
            "{question}"
        );
    });
}

#[test]
fn whoever_does_not_exist_is_asked_and_refused_like_everybody() {
    in_sandbox(|host| {
        let (_, Enrolled { phone, .. }) = with_alice(host);
        let _bob = host.user("bob");
        let line = format!("hunter2{}", phone.wrong_code(0));
        for options in
            ["forward_pass", "use_first_pass forward_pass", "try_first_pass forward_pass"]
        {
            let stack = [COLLECTS, &twinlock(options)];
            let [alice, others @ ..] = ["alice", "bob", "no-such-user"].map(|user| {
                let report = login_of(user, &stack, &[&line, &line]);
                (report.code(), report.said)
            });
            assert_eq!(alice.0, Code::AUTH_ERR, "{options}");
            assert_eq!(others, [alice.clone(), alice], "{options}");
        }
    });
}

#[test]
fn codes_of_seven_and_eight_digits_are_split_where_the_line_says_so() {
    in_sandbox(|host| {
        let _ = with_alice(host);
        for (user, digits) in [("seven", "7"), ("eight", "8")] {
            let user = host.user(user);
            let phone = host.enroll_with(&user, &["--digits", digits], None).phone;
            let login = |options: &str, answers: &[&str]| {
                let twinlock = twinlock(&format!("{options} digits={digits}"));
                login_of(&user.name, &[COLLECTS, &twinlock, &keeper()], answers)
            };
            let line = |password: &str| format!("{password}{}", phone.fresh_code());
            let report = login("forward_pass", &["x", &line("summer2026")]);
            assert_eq!(report.code(), Code::SUCCESS, "{digits}: {report:?}");
            assert_eq!(password_found(), b"summer2026", "{digits}");
            let report = login("use_first_pass", &[&phone.fresh_code()]);
            assert_eq!(report.code(), Code::SUCCESS, "{digits}: {report:?}");

            // Six digits are part of the password there.
            let report = login("forward_pass", &["x", "hunter123456"]);
            assert_eq!(report.code(), Code::AUTH_ERR, "{digits}: {report:?}");
            assert_eq!(failures(host, &user), 0, "{digits}");
            // And without the option they are the code.
            let whole = line("hunter2");
            let six = login_of(&user.name, &[&twinlock("forward_pass")], &[&whole]);
            assert_eq!(six.code(), Code::AUTH_ERR, "{digits}: {six:?}");
            let report = login("forward_pass", &["x", &whole]);
            assert_eq!(report.code(), Code::SUCCESS, "{digits}: {report:?}");
        }
    });
}
