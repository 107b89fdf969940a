//! The conversation, played with scripts on both sides.

use std::cell::Cell;
use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::*;

/// What the person saw, in order.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Hidden(String),
    Echoed(String),
    Info(String),
    Error(String),
}

#[derive(Default)]
struct ScriptedHost {
    no_claimant: Option<NoClaimant>,
    sshd_proved: Option<&'static str>,
    /// PAM_AUTHTOK as the modules before left it.
    token: Option<&'static [u8]>,
    token_was_read: Cell<bool>,
    answers: VecDeque<&'static [u8]>,
    shown: Vec<Shown>,
    log: Vec<String>,
    forwarded: Vec<Vec<u8>>,
    takes_no_password: bool,
}

impl ScriptedHost {
    fn typing(answers: &[&'static str]) -> Self {
        Self {
            answers: answers.iter().map(|answer| answer.as_bytes()).collect(),
            ..Self::default()
        }
    }

    fn collected(token: Option<&'static str>, answers: &[&'static str]) -> Self {
        Self { token: token.map(str::as_bytes), ..Self::typing(answers) }
    }
}

impl Host for ScriptedHost {
    fn claimant(&mut self) -> Result<Claimant, NoClaimant> {
        match self.no_claimant {
            Some(reason) => Err(reason),
            None => {
                let first_factor = self.sshd_proved.map(str::to_owned);
                let context = LoginContext { first_factor, ..context() };
                Ok(Claimant { user: "alice".into(), context })
            }
        }
    }

    fn ask(&mut self, text: &str, echo: bool) -> Result<Line, Unanswered> {
        let kind = if echo { Shown::Echoed } else { Shown::Hidden };
        self.shown.push(kind(text.to_owned()));
        self.answers.pop_front().map(|answer| answer.to_owned().into()).ok_or(Unanswered)
    }

    fn password_checked(&self) -> bool {
        self.token.is_some_and(|token| !token.is_empty())
    }

    fn first_pass(&self) -> Option<Line> {
        self.token_was_read.set(true);
        self.token.map(|token| Zeroizing::new(token.to_vec()))
    }

    fn forward(&mut self, password: &Line) -> Result<(), NotForwarded> {
        if self.takes_no_password {
            return Err(NotForwarded);
        }
        self.forwarded.push(password.to_vec());
        Ok(())
    }

    fn inform(&mut self, text: &str) {
        self.shown.push(Shown::Info(text.to_owned()));
    }

    fn complain(&mut self, text: &str) {
        self.shown.push(Shown::Error(text.to_owned()));
    }

    fn log_error(&mut self, line: &str) {
        self.log.push(line.to_owned());
    }

    fn log_debug(&mut self, line: &str) {
        self.log.push(line.to_owned());
    }
}

/// Plays its steps in order; when they run out, the deadline has passed.
struct ScriptedDaemon {
    steps: VecDeque<WireStep>,
    begun: Vec<LoginContext>,
    heard: Vec<(String, String)>,
}

impl ScriptedDaemon {
    fn saying(steps: impl IntoIterator<Item = WireStep>) -> Self {
        Self { steps: steps.into_iter().collect(), begun: Vec::new(), heard: Vec::new() }
    }
}

impl Daemon for ScriptedDaemon {
    fn begin(&mut self, user: &str, heard: &LoginContext) -> Result<(String, WireStep), Failure> {
        assert_eq!(user, "alice");
        self.begun.push(heard.clone());
        let step = self.steps.pop_front().ok_or(Failure::Deadline)?;
        Ok((format!("handle {}", self.begun.len()), step))
    }

    fn answer(&mut self, session: &str, answer: &str) -> Result<WireStep, Failure> {
        self.heard.push((session.to_owned(), answer.to_owned()));
        self.steps.pop_front().ok_or(Failure::Deadline)
    }
}

fn context() -> LoginContext {
    LoginContext { service: Some("sshd".into()), ..LoginContext::default() }
}

fn step(kind: &str, text: &str, echo: bool) -> WireStep {
    WireStep { kind: kind.into(), text: text.into(), echo }
}

fn ask() -> WireStep {
    step("ask", "\nCode for alice: ", false)
}

/// Plays `answers` against `steps`: the outcome, what was shown, what the daemon heard.
fn play(
    answers: &[&'static str],
    steps: impl IntoIterator<Item = WireStep>,
) -> (Outcome, Vec<Shown>, Vec<String>) {
    let mut host = ScriptedHost::typing(answers);
    let mut daemon = ScriptedDaemon::saying(steps);
    let outcome = run(&mut host, &mut daemon, FirstAnswer::default(), false);
    assert!(daemon.begun.iter().all(|heard| *heard == context()));
    assert!(!host.token_was_read.get());
    assert!(host.forwarded.is_empty());
    let heard = daemon
        .heard
        .into_iter()
        .map(|(session, answer)| {
            assert_eq!(session, "handle 1");
            answer
        })
        .collect();
    (outcome, host.shown, heard)
}

fn prompt() -> Shown {
    Shown::Hidden("\nCode for alice: ".into())
}

#[test]
fn an_accepted_code_lets_in_after_exactly_one_prompt() {
    let (outcome, shown, heard) = play(&["123 456"], [ask(), step("accept", "", false)]);
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(shown, [prompt()]);
    assert_eq!(heard, ["123 456"]);
}

#[test]
fn the_daemon_decides_whether_the_answer_is_shown() {
    let (_, shown, _) = play(&["123456"], [step("ask", "Code: ", true), step("accept", "", false)]);
    assert_eq!(shown, [Shown::Echoed("Code: ".into())]);
}

#[test]
fn refuse_and_wait_deny_with_the_daemons_words() {
    for (word, expected) in [("refuse", Outcome::Refused), ("wait", Outcome::Closed)] {
        let (outcome, shown, _) = play(&["123456"], [ask(), step(word, "Not now.", false)]);
        assert_eq!(outcome, expected);
        assert_eq!(shown, [prompt(), Shown::Error("Not now.".into())]);

        let (outcome, shown, heard) = play(&[], [step(word, "", false)]);
        assert_eq!((outcome, shown, heard), (expected, vec![], vec![]));
    }
}

#[test]
fn a_remark_on_success_is_no_error() {
    let (_, shown, _) = play(&["123456"], [ask(), step("accept", "2 codes left", true)]);
    assert_eq!(shown, [prompt(), Shown::Info("2 codes left".into())]);
}

#[test]
fn not_required_asks_and_shows_nothing() {
    let (outcome, shown, heard) = play(&[], [step("not-required", "nothing to show", false)]);
    assert_eq!((outcome, shown, heard), (Outcome::NotRequired, vec![], vec![]));
}

#[test]
fn pam_silent_hides_remarks_and_no_question() {
    for word in ["accept", "refuse", "wait"] {
        let mut host = ScriptedHost::typing(&["123456"]);
        let mut daemon = ScriptedDaemon::saying([ask(), step(word, "A remark.", false)]);
        let _ = run(&mut host, &mut daemon, FirstAnswer::default(), true);
        assert_eq!(host.shown, [prompt()], "{word}");
    }
}

#[test]
fn a_word_nobody_knows_denies() {
    for word in ["", "Accept", "accept ", "ok", "yes", "not_required"] {
        for steps in [vec![step(word, "Hello!", false)], vec![ask(), step(word, "Hello!", false)]] {
            let (outcome, shown, _) = play(&["123456"], steps);
            assert_eq!(outcome, Outcome::Unavailable, "{word:?}");
            assert!(!shown.contains(&Shown::Info("Hello!".into())), "{word:?}");
        }
    }
}

#[test]
fn a_daemon_that_fails_denies_wherever_it_fails() {
    for steps in [vec![], vec![ask()], vec![ask(), ask()]] {
        let (outcome, ..) = play(&["123456", "123456"], steps);
        assert_eq!(outcome, Outcome::Unavailable);
    }
}

#[test]
fn a_host_that_does_not_answer_is_a_failed_conversation() {
    let (outcome, shown, heard) = play(&[], [ask(), step("accept", "", false)]);
    assert_eq!((outcome, shown, heard), (Outcome::ConversationFailed, vec![prompt()], vec![]));
}

#[test]
fn a_password_given_instead_of_a_code_travels_as_the_empty_answer() {
    for junk in ["hunter2", "\u{8}\n\r\u{7f}INCORRECT", "", "12345", "１２３４５６"] {
        let (outcome, _, heard) = play(&[junk], [ask(), step("refuse", "", false)]);
        assert_eq!((outcome, heard), (Outcome::Refused, vec![String::new()]), "{junk:?}");
    }
}

#[test]
fn several_questions_are_asked_one_after_the_other() {
    let steps = [
        step("ask", "First: ", false),
        step("ask", "Second: ", true),
        step("ask", "Third: ", false),
        step("accept", "Done.", false),
    ];
    let (outcome, shown, heard) = play(&["111111", "no", "333333"], steps);
    assert_eq!(outcome, Outcome::Accepted);
    assert_eq!(
        shown,
        [
            Shown::Hidden("First: ".into()),
            Shown::Echoed("Second: ".into()),
            Shown::Hidden("Third: ".into()),
            Shown::Info("Done.".into()),
        ]
    );
    assert_eq!(heard, ["111111", "", "333333"]);
}

#[test]
fn a_daemon_that_never_stops_asking_is_left_after_sixteen_questions() {
    let (outcome, shown, heard) = play(&["123456"; 40], (0..40).map(|_| ask()));
    assert_eq!((outcome, shown.len(), heard.len()), (Outcome::Unavailable, 16, 16));

    let sixteen = (0..16).map(|_| ask()).chain([step("accept", "", false)]);
    assert_eq!(play(&["123456"; 16], sixteen).0, Outcome::Accepted);
}

#[test]
fn without_a_name_the_daemon_is_not_called() {
    for (reason, expected) in [
        (NoClaimant::Unanswered, Outcome::ConversationFailed),
        (NoClaimant::NotAName, Outcome::Refused),
    ] {
        let mut host = ScriptedHost { no_claimant: Some(reason), ..ScriptedHost::default() };
        let mut daemon = ScriptedDaemon::saying([step("accept", "", false)]);
        assert_eq!(run(&mut host, &mut daemon, FirstAnswer::default(), false), expected);
        assert_eq!(daemon.steps.len(), 1, "begin was called");
    }
}

#[test]
fn an_answer_that_is_not_utf8_travels_as_the_empty_answer() {
    let mut host = ScriptedHost { answers: [&b"123456\xff"[..]].into(), ..Default::default() };
    let mut daemon = ScriptedDaemon::saying([ask(), step("refuse", "", false)]);
    assert_eq!(run(&mut host, &mut daemon, FirstAnswer::default(), false), Outcome::Refused);
    assert_eq!(daemon.heard, [("handle 1".to_owned(), String::new())]);
}

#[test]
fn the_log_tells_no_answer_no_handle_and_no_text() {
    let mut host = ScriptedHost::typing(&["123456", "hunter2"]);
    let mut daemon = ScriptedDaemon::saying([ask(), ask(), step("refuse", "Sorry.", false)]);
    let _ = run(&mut host, &mut daemon, FirstAnswer::default(), false);
    let log = host.log.join("\n");
    assert!(!log.is_empty());
    for secret in ["123456", "hunter2", "handle", "Code for", "Sorry"] {
        assert!(!log.contains(secret), "{log}");
    }
}

mod one_prompt;
