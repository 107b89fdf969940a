//! `try_first_pass`, `use_first_pass`, `forward_pass`, and what was proved before.

use super::*;

const TRY: FirstAnswer = FirstAnswer { first_pass: FirstPass::Try, forward: false, digits: 6 };
const USE: FirstAnswer = FirstAnswer { first_pass: FirstPass::Use, forward: false, digits: 6 };
const FORWARD: FirstAnswer =
    FirstAnswer { first_pass: FirstPass::Unread, forward: true, digits: 6 };
const TRY_FORWARD: FirstAnswer = FirstAnswer { forward: true, ..TRY };
const USE_FORWARD: FirstAnswer = FirstAnswer { forward: true, ..USE };

const RECOVERY: &str = "ABCD-efgh-2345-MNPQ";

/// A login that has ended.
struct Played {
    outcome: Outcome,
    shown: Vec<Shown>,
    /// Session and answer.
    heard: Vec<(String, String)>,
    begun: Vec<LoginContext>,
    forwarded: Vec<Vec<u8>>,
    log: Vec<String>,
}

impl Played {
    fn answers(&self) -> Vec<&str> {
        self.heard.iter().map(|(_, answer)| answer.as_str()).collect()
    }

    fn first_factors(&self) -> Vec<Option<&str>> {
        self.begun.iter().map(|context| context.first_factor.as_deref()).collect()
    }
}

fn play(
    first: FirstAnswer,
    mut host: ScriptedHost,
    steps: impl IntoIterator<Item = WireStep>,
) -> Played {
    let mut daemon = ScriptedDaemon::saying(steps);
    let outcome = run(&mut host, &mut daemon, first, false);
    let ScriptedHost { shown, forwarded, log, .. } = host;
    let ScriptedDaemon { heard, begun, .. } = daemon;
    Played { outcome, shown, heard, begun, forwarded, log }
}

fn typing(first: FirstAnswer, answer: &'static str, word: &str) -> Played {
    play(first, ScriptedHost::typing(&[answer]), [ask(), step(word, "", false)])
}

fn collected(first: FirstAnswer, token: Option<&'static str>, word: &str) -> Played {
    play(first, ScriptedHost::collected(token, &[]), [ask(), step(word, "", false)])
}

fn accept() -> WireStep {
    step("accept", "", false)
}

fn refuse() -> WireStep {
    step("refuse", "No.", false)
}

#[test]
fn without_an_option_a_collected_password_is_not_read_and_a_code_in_it_not_taken() {
    for token in ["123456", "summer123456", RECOVERY] {
        let mut host = ScriptedHost::collected(Some(token), &["654321"]);
        let mut daemon = ScriptedDaemon::saying([ask(), accept()]);
        assert_eq!(run(&mut host, &mut daemon, FirstAnswer::default(), false), Outcome::Accepted);
        assert!(!host.token_was_read.get(), "{token}");
        assert_eq!(host.shown, [prompt()], "{token}");
        assert_eq!(daemon.heard, [("handle 1".to_owned(), "654321".to_owned())], "{token}");
        assert!(host.forwarded.is_empty(), "{token}");
    }
}

#[test]
fn without_an_option_a_password_that_ends_in_digits_is_no_code() {
    let played = typing(FirstAnswer::default(), "summer123456", "refuse");
    assert_eq!(played.answers(), [""]);
    assert!(played.forwarded.is_empty());
}

#[test]
fn forward_pass_alone_does_not_read_what_was_collected() {
    let mut host = ScriptedHost::collected(Some("winter654321"), &["summer123456"]);
    let mut daemon = ScriptedDaemon::saying([ask(), accept()]);
    let _ = run(&mut host, &mut daemon, FORWARD, false);
    assert!(!host.token_was_read.get());
    assert_eq!(host.forwarded, [b"summer"]);
}

#[test]
fn use_first_pass_answers_with_what_was_collected_and_shows_no_prompt() {
    for code in ["123456", RECOVERY] {
        let played = collected(USE, Some(code), "accept");
        assert_eq!(played.outcome, Outcome::Accepted);
        assert_eq!((played.shown.as_slice(), played.answers()), (&[][..], vec![code]));
        assert!(played.forwarded.is_empty());
    }
}

#[test]
fn use_first_pass_answers_nothing_when_no_code_was_collected() {
    for token in [None, Some(""), Some("hunter2"), Some("12345"), Some("1234567"), Some("123 456")]
    {
        let played = collected(USE, token, "refuse");
        assert_eq!(played.outcome, Outcome::Refused, "{token:?}");
        assert_eq!(played.answers(), [""], "{token:?}");
        // The remark has no words here, so whatever was shown was a prompt.
        assert!(played.shown.is_empty(), "{token:?}");
    }
}

#[test]
fn use_first_pass_is_refused_once_and_not_asked_again() {
    let host = ScriptedHost::collected(Some("123456"), &["654321"]);
    let played = play(USE, host, [ask(), refuse(), ask(), accept()]);
    assert_eq!(played.outcome, Outcome::Refused);
    assert_eq!((played.begun.len(), played.answers()), (1, vec!["123456"]));
    assert_eq!(played.shown, [Shown::Error("No.".into())]);
}

#[test]
fn try_first_pass_answers_with_a_collected_code_and_shows_no_prompt() {
    for code in ["123456", RECOVERY] {
        let played = collected(TRY, Some(code), "accept");
        assert_eq!(played.outcome, Outcome::Accepted);
        assert_eq!((played.shown.as_slice(), played.answers()), (&[][..], vec![code]));
    }
    let eight = FirstAnswer { digits: 8, ..TRY };
    assert_eq!(collected(eight, Some("12345678"), "accept").answers(), ["12345678"]);
}

#[test]
fn try_first_pass_asks_when_no_code_was_collected() {
    for token in [None, Some(""), Some("hunter2"), Some("summer123456"), Some("12345678")] {
        let host = ScriptedHost::collected(token, &["123 456"]);
        let played = play(TRY, host, [ask(), accept()]);
        assert_eq!(played.outcome, Outcome::Accepted, "{token:?}");
        assert_eq!(played.shown, [prompt()], "{token:?}");
        assert_eq!((played.begun.len(), played.answers()), (1, vec!["123 456"]), "{token:?}");
    }
}

#[test]
fn a_first_pass_that_is_refused_begins_a_new_login_which_asks() {
    let host = ScriptedHost::collected(Some("123456"), &["654321"]);
    let played = play(TRY, host, [ask(), refuse(), ask(), accept()]);
    assert_eq!(played.outcome, Outcome::Accepted);
    assert_eq!(played.shown, [prompt()], "the first refusal was shown");
    let heard = [("handle 1", "123456"), ("handle 2", "654321")];
    assert_eq!(played.heard, heard.map(|(session, answer)| (session.into(), answer.into())));
}

#[test]
fn the_new_login_after_a_first_pass_is_the_last_one() {
    let host = ScriptedHost::collected(Some("123456"), &["654321", "111111"]);
    let played = play(TRY, host, [ask(), refuse(), ask(), refuse(), ask(), accept()]);
    assert_eq!((played.outcome, played.begun.len()), (Outcome::Refused, 2));
    assert_eq!(played.shown, [prompt(), Shown::Error("No.".into())]);
}

#[test]
fn only_a_refusal_of_the_first_pass_itself_begins_a_new_login() {
    let closed = step("wait", "", false);
    for (steps, expected) in [
        (vec![refuse(), ask(), accept()], Outcome::Refused),
        (vec![ask(), closed, ask(), accept()], Outcome::Closed),
        (vec![ask(), step("no", "", false), ask(), accept()], Outcome::Unavailable),
        (vec![ask()], Outcome::Unavailable),
        (vec![ask(), ask(), refuse(), ask(), accept()], Outcome::Refused),
    ] {
        let host = ScriptedHost::collected(Some("123456"), &["654321"; 4]);
        let played = play(TRY, host, steps.clone());
        assert_eq!((played.outcome, played.begun.len()), (expected, 1), "{steps:?}");
    }
}

#[test]
fn a_typed_answer_that_is_refused_begins_no_new_login() {
    let host = ScriptedHost::collected(Some("hunter2"), &["123456"; 4]);
    let played = play(TRY, host, [ask(), refuse(), ask(), accept()]);
    assert_eq!((played.outcome, played.begun.len()), (Outcome::Refused, 1));
}

#[test]
fn forward_pass_sends_the_code_and_leaves_the_password_behind() {
    for (line, password, code) in [
        ("hunter2123456", "hunter2", "123456"),
        ("summer2026123456", "summer2026", "123456"),
        (" spaces within 123456", " spaces within ", "123456"),
        ("pässwörd123456", "pässwörd", "123456"),
        ("hunter2ABCD-efgh-2345-MNPQ", "hunter2", RECOVERY),
        ("hunter-ABCD-efgh-2345-MNPQ", "hunter-", RECOVERY),
        ("1123456", "1", "123456"),
    ] {
        let played = typing(FORWARD, line, "accept");
        assert_eq!(played.outcome, Outcome::Accepted, "{line}");
        assert_eq!(played.shown, [prompt()], "{line}");
        assert_eq!(played.answers(), [code], "{line}");
        assert_eq!(played.forwarded, [password.as_bytes()], "{line}");
    }
}

#[test]
fn a_password_that_is_not_utf8_is_forwarded_byte_for_byte() {
    let host = ScriptedHost { answers: [&b"p\xe4ss 123456"[..]].into(), ..Default::default() };
    let played = play(FORWARD, host, [ask(), accept()]);
    assert_eq!(played.answers(), ["123456"]);
    assert_eq!(played.forwarded, [b"p\xe4ss "]);
}

#[test]
fn a_line_without_a_code_or_without_a_password_sends_and_forwards_nothing() {
    for line in [
        "",
        "hunter2",
        "12345",
        "hunter-12345",
        "hunter2 123 456",
        "hunter2123456 ",
        "123456",
        RECOVERY,
        "hunter2ABCDefgh2345MNPQ",
    ] {
        for word in ["refuse", "accept"] {
            let played = typing(FORWARD, line, word);
            assert_eq!(played.answers(), [""], "{line:?}");
            assert!(played.forwarded.is_empty(), "{line:?}");
        }
    }
}

#[test]
fn digits_says_how_much_of_a_line_is_the_code() {
    let eight = FirstAnswer { digits: 8, ..FORWARD };
    let played = typing(eight, "summer202612345678", "accept");
    assert_eq!(played.answers(), ["12345678"]);
    assert_eq!(played.forwarded, [b"summer2026"]);
    assert_eq!(typing(eight, "summer123456", "refuse").answers(), [""]);
}

#[test]
fn the_password_is_left_behind_only_when_the_daemon_has_let_go() {
    for (word, forwarded) in [
        ("accept", true),
        ("not-required", true),
        ("refuse", false),
        ("wait", false),
        ("Accept", false),
    ] {
        let played = typing(FORWARD, "hunter2123456", word);
        assert_eq!(!played.forwarded.is_empty(), forwarded, "{word}");
    }
    let unanswered = play(FORWARD, ScriptedHost::typing(&["hunter2123456"]), [ask()]);
    assert!(unanswered.forwarded.is_empty());
}

#[test]
fn a_login_that_asks_nothing_leaves_nothing_behind() {
    for first in [FORWARD, TRY_FORWARD, USE_FORWARD] {
        for word in ["accept", "not-required"] {
            let host = ScriptedHost::collected(Some("hunter2123456"), &[]);
            let played = play(first, host, [step(word, "", false)]);
            assert_ne!(played.outcome, Outcome::Unavailable);
            assert!(
                played.forwarded.is_empty() && played.shown.is_empty() && played.heard.is_empty()
            );
        }
    }
}

#[test]
fn a_password_that_cannot_be_left_behind_denies() {
    let host = ScriptedHost { takes_no_password: true, ..ScriptedHost::typing(&["hunter2123456"]) };
    let played = play(FORWARD, host, [ask(), accept()]);
    assert_eq!(played.outcome, Outcome::Unavailable);
    assert!(!played.log.join("\n").contains("hunter2"));
}

#[test]
fn a_collected_line_is_split_like_a_typed_one() {
    for first in [TRY_FORWARD, USE_FORWARD] {
        let played = collected(first, Some("summer2026123456"), "accept");
        assert_eq!(played.outcome, Outcome::Accepted);
        assert_eq!((played.shown.as_slice(), played.answers()), (&[][..], vec!["123456"]));
        assert_eq!(played.forwarded, [b"summer2026"]);
    }
    for token in [None, Some("hunter2"), Some("123456")] {
        let played = collected(USE_FORWARD, token, "refuse");
        assert_eq!(played.answers(), [""], "{token:?}");
        assert!(played.forwarded.is_empty() && played.shown.is_empty(), "{token:?}");

        let host = ScriptedHost::collected(token, &["summer2026654321"]);
        let played = play(TRY_FORWARD, host, [ask(), accept()]);
        assert_eq!(played.answers(), ["654321"], "{token:?}");
        assert_eq!(played.forwarded, [b"summer2026"], "{token:?}");
    }
}

#[test]
fn after_a_refused_first_pass_the_line_typed_then_is_the_one_left_behind() {
    let host = ScriptedHost::collected(Some("winter123456"), &["summer654321"]);
    let played = play(TRY_FORWARD, host, [ask(), refuse(), ask(), accept()]);
    assert_eq!(played.answers(), ["123456", "654321"]);
    assert_eq!(played.forwarded, [b"summer"]);

    let host = ScriptedHost::collected(Some("winter123456"), &["summer"]);
    let played = play(TRY_FORWARD, host, [ask(), refuse(), ask(), accept()]);
    assert!(played.forwarded.is_empty(), "the refused password was left behind");
}

#[test]
fn later_questions_are_asked_and_never_split() {
    let later = [ask(), step("ask", "Scan this: ", false), step("ask", "Noted? ", true), accept()];
    for first in [FORWARD, TRY_FORWARD, USE_FORWARD] {
        let collected = first.first_pass != FirstPass::Unread;
        let answers = ["hunter2123456", "winter654321", "654 321"];
        let host = if collected {
            ScriptedHost::collected(Some(answers[0]), &answers[1..])
        } else {
            ScriptedHost::typing(&answers)
        };
        let played = play(first, host, later.clone());
        assert_eq!(played.outcome, Outcome::Accepted);
        assert_eq!(played.answers(), ["123456", "", "654 321"]);
        assert_eq!(played.forwarded, [b"hunter2"]);
        let prompts = [Shown::Hidden("Scan this: ".into()), Shown::Echoed("Noted? ".into())];
        assert!(played.shown.ends_with(&prompts), "{:?}", played.shown);
    }
    let host = ScriptedHost::collected(Some("123456"), &["654 321"]);
    let played = play(USE, host, [ask(), ask(), accept()]);
    assert_eq!(played.answers(), ["123456", "654 321"]);
}

#[test]
fn a_program_that_answers_every_prompt_alike_sends_its_password_once_and_never_whole() {
    let host = ScriptedHost::typing(&["hunter2123456"; 8]);
    let played = play(FORWARD, host, [ask(), ask(), ask(), refuse()]);
    assert_eq!(played.answers(), ["123456", "", ""]);
}

#[test]
fn a_line_that_holds_a_password_is_hidden_whatever_the_daemon_says() {
    let shown = step("ask", "Line: ", true);
    let played = play(FORWARD, ScriptedHost::typing(&["hunter2123456"]), [shown.clone(), accept()]);
    assert_eq!(played.shown, [Shown::Hidden("Line: ".into())]);
    let played = play(TRY, ScriptedHost::typing(&["123456"]), [shown, accept()]);
    assert_eq!(played.shown, [Shown::Echoed("Line: ".into())]);
}

#[test]
fn the_daemon_is_told_when_the_line_will_hold_a_password() {
    for (first, expects) in [
        (FirstAnswer::default(), None),
        (TRY, None),
        (USE, None),
        (FORWARD, Some("password-and-code")),
        (TRY_FORWARD, Some("password-and-code")),
        (USE_FORWARD, Some("password-and-code")),
    ] {
        let played = play(first, ScriptedHost::default(), [refuse()]);
        assert_eq!(played.begun[0].expects.as_deref(), expects, "{first:?}");
    }
}

#[test]
fn a_collected_password_is_a_first_factor_and_an_empty_one_is_not() {
    for (token, expected) in [(None, None), (Some(""), None), (Some("hunter2"), Some("password"))] {
        for first in [FirstAnswer::default(), TRY] {
            let played = play(first, ScriptedHost::collected(token, &[]), [refuse()]);
            assert_eq!(played.first_factors(), [expected], "{token:?} {first:?}");
        }
    }
    // Not read, so it makes no difference that it looks like a code.
    let host = ScriptedHost::collected(Some("123456"), &[]);
    let played = play(FirstAnswer::default(), host, [refuse()]);
    assert_eq!(played.first_factors(), [Some("password")]);
}

#[test]
fn what_may_hold_the_code_is_no_first_factor() {
    for first in [USE, FORWARD, TRY_FORWARD, USE_FORWARD] {
        for token in ["hunter2", "123456", "hunter2123456"] {
            let played = play(first, ScriptedHost::collected(Some(token), &[]), [refuse()]);
            assert_eq!(played.first_factors(), [None], "{first:?} {token}");
        }
    }
    let host = ScriptedHost::collected(Some("123456"), &["654321"]);
    let played = play(TRY, host, [ask(), refuse(), ask(), refuse()]);
    assert_eq!(played.first_factors(), [None, None]);
}

#[test]
fn what_sshd_has_checked_is_a_first_factor_where_the_person_is_asked_for_the_code() {
    let proved = |first, token, expected: Option<&str>| {
        let host =
            ScriptedHost { sshd_proved: Some("publickey"), ..ScriptedHost::collected(token, &[]) };
        let played = play(first, host, [refuse()]);
        assert_eq!(played.first_factors(), [expected], "{first:?} {token:?}");
    };
    for token in [None, Some("hunter2")] {
        for first in [FirstAnswer::default(), TRY] {
            proved(first, token, Some("publickey"));
        }
        // The answer is there already, or meant for something else than the code of a new key.
        for first in [USE, FORWARD, TRY_FORWARD, USE_FORWARD] {
            proved(first, token, None);
        }
    }
}

#[test]
fn both_logins_together_send_no_more_answers_than_one() {
    let host = ScriptedHost::collected(Some("123456"), &["654321"; 40]);
    let steps = [ask(), refuse()].into_iter().chain((0..40).map(|_| ask()));
    let played = play(TRY, host, steps);
    assert_eq!((played.outcome, played.heard.len()), (Outcome::Unavailable, 16));
}

#[test]
fn the_log_tells_nothing_of_a_line_that_was_split() {
    let host = ScriptedHost::collected(Some("winter123456"), &["summer654321"]);
    let played = play(TRY_FORWARD, host, [ask(), refuse(), ask(), accept()]);
    let log = played.log.join("\n");
    assert!(!log.is_empty());
    for secret in ["winter", "summer", "123456", "654321", "handle"] {
        assert!(!log.contains(secret), "{log}");
    }
}
