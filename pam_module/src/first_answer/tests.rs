//! What is taken for a code, and that a line taken apart is the line.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::*;

fn forwarding(digits: usize) -> FirstAnswer {
    FirstAnswer { forward: true, digits, ..FirstAnswer::default() }
}

fn trying(digits: usize) -> FirstAnswer {
    FirstAnswer { first_pass: FirstPass::Try, forward: false, digits }
}

fn line(text: impl AsRef<[u8]>) -> Line {
    text.as_ref().to_vec().into()
}

/// A one-time code of `digits` digits or a recovery code as it is written down.
fn code(digits: usize) -> impl Strategy<Value = String> {
    Union::new(
        [format!("[0-9]{{{digits}}}"), "([A-Za-z2-7]{4}-){3}[A-Za-z2-7]{4}".to_owned()]
            .map(|form| proptest::string::string_regex(&form).unwrap().boxed()),
    )
}

/// Bytes that PAM may hand over, many of them from what codes are made of.
fn password() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(1_u8.., 0..40),
        "[A-Z0-9 -]{0,40}".prop_map(String::into_bytes),
        "[0-9]{0,16}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_code_behind_a_password_is_found_and_the_rest_is_the_password(
        password in password().prop_filter("some password", |password| !password.is_empty()),
        (digits, code) in (6_usize..=8).prop_flat_map(|digits| (Just(digits), code(digits))),
    ) {
        let answer = forwarding(digits).typed(&line([&password, code.as_bytes()].concat()));
        prop_assert_eq!(&*answer.code, &code);
        prop_assert_eq!(&**answer.password.as_ref().unwrap(), &password);
    }

    #[test]
    fn password_and_code_are_the_line_or_nothing_was_taken(
        bytes in password(),
        digits in 6_usize..=8,
    ) {
        let answer = forwarding(digits).typed(&line(&bytes));
        match answer.password {
            Some(password) => {
                prop_assert!(!password.is_empty() && !answer.code.is_empty());
                prop_assert_eq!([&password, answer.code.as_bytes()].concat(), bytes);
            }
            None => prop_assert!(answer.code.is_empty()),
        }
    }

    #[test]
    fn what_is_sent_is_nothing_or_shaped_like_a_code(bytes in password(), digits in 6_usize..=8) {
        for answer in [
            Some(forwarding(digits).typed(&line(&bytes))),
            Some(FirstAnswer::default().typed(&line(&bytes))),
            trying(digits).collected(|| Some(line(&bytes))),
        ].into_iter().flatten() {
            prop_assert_eq!(sendable(&answer.code), answer.code.as_str());
        }
    }

    #[test]
    fn nothing_is_split_without_forward_pass(bytes in password(), digits in 6_usize..=8) {
        let typed = FirstAnswer::default().typed(&line(&bytes));
        prop_assert!(typed.password.is_none());
        prop_assert!(typed.code.is_empty() || typed.code.as_bytes() == bytes);
        if let Some(answer) = trying(digits).collected(|| Some(line(&bytes))) {
            prop_assert!(answer.password.is_none());
            prop_assert_eq!(answer.code.as_bytes(), bytes);
        }
    }

    #[test]
    fn no_line_ends_in_two_codes(bytes in password(), code in code(6)) {
        let whole = [&bytes, code.as_bytes()].concat();
        let last = &whole[whole.len() - 6..];
        prop_assert_eq!(last.iter().all(u8::is_ascii_digit), code.len() == 6);
    }
}

#[test]
fn only_the_written_form_of_a_recovery_code_is_one() {
    for text in ["ABCD-EFGH-JKLM-NPQR", "abcd-efgh-2345-67aa", "A801-EFGH-JKLM-NPQ7"] {
        assert!(trying(6).collected(|| Some(line(text))).is_some(), "{text}");
    }
    for text in [
        "ABCDEFGHJKLMNPQR",
        "ABCD EFGH JKLM NPQR",
        "ABCD-EFGH-JKLM-NPQ",
        "ABCD-EFGH-JKLM-NPQRS",
        "ABCDE-FGH-JKLM-NPQR",
        "ABCD-EFGH-JKLM-NPQ9",
        "ABCD-EFGH-JKLM-NPQ!",
        "ABCD-EFGHJKLM--NPQR",
        "-ABCD-EFGH-JKLM-NPQ",
        "1234-56  -    -    ",
    ] {
        assert!(trying(6).collected(|| Some(line(text))).is_none(), "{text}");
    }
}

#[test]
fn only_ascii_digits_are_digits() {
    for text in ["hunter２１２３４５６", "hunter١٢٣٤٥٦", "hunter12345²"] {
        let answer = forwarding(6).typed(&line(text));
        assert!(answer.code.is_empty() && answer.password.is_none(), "{text}");
    }
}

#[test]
fn what_was_collected_is_read_only_where_the_line_says_so() {
    for first in [FirstAnswer::default(), forwarding(6)] {
        assert!(first.collected(|| panic!("read")).is_none());
    }
}
