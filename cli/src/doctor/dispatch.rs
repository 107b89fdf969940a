//! What a stack of modules can come to: libpam's dispatcher, with every module answering everything it
//! may.
//!
//! Follows `_pam_dispatch_aux` of Linux-PAM and pam.conf(5). Instead of looking for patterns such as a
//! `sufficient` above our line, the ways through a stack are gone, and the question is which of them
//! end in a yes.

use std::collections::{BTreeSet, HashSet};

use super::modules::{self, Answer, Role};
use crate::pam_config::{Action, Call, Control, ReturnCode, Step};

/// How our module fared on a way through the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Code {
    /// It was never called.
    Unasked,
    /// It said that no code is required here.
    NotRequired,
    /// It said so with a yes, because sshd had checked a key before.
    Vouched,
    Accepted,
    Refused,
    /// There was no daemon to ask.
    Unavailable,
}

/// How the modules fared that prove who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FirstFactor {
    /// None of them said yes or no.
    Unasked,
    /// Whoever was asked said no.
    Failed,
    /// One of them said yes.
    Passed,
}

/// A way through the stack, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Way {
    pub(crate) code: Code,
    pub(crate) first: FirstFactor,
    /// The step that led past our module, where one did before it was called.
    pub(super) led_past: Option<usize>,
    /// Whether `pam_rootok.so` said that it is root who calls.
    pub(crate) by_root: bool,
}

/// All ways.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// Those that end in a yes.
    pub(crate) in_: BTreeSet<Way>,
    /// How the first factor stood when our module was called.
    pub(super) before_code: BTreeSet<FirstFactor>,
    /// Steps whose jump goes beyond the end of the stack, for which libpam refuses.
    pub(super) bad_jumps: BTreeSet<usize>,
    /// Whether there were more than can be gone.
    pub(crate) is_cut: bool,
}

impl Ways {
    /// For programs that run PAM as root whoever calls, where `pam_rootok.so` says yes to everybody.
    pub(super) fn take_root_for_anybody(&mut self) {
        let ways = std::mem::take(&mut self.in_);
        self.in_ = ways.into_iter().map(|way| Way { by_root: false, ..way }).collect();
    }
}

/// More than a stack of thirty lines with substacks has.
const MOST_STATES: usize = 200_000;

/// What libpam has made of the answers so far.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Impression {
    Undefined,
    Positive,
    Negative,
}

/// Impression, and whether the status that belongs to it is PAM_SUCCESS.
type Standing = (Impression, bool);

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    /// The step that comes next.
    next: usize,
    standing: Standing,
    /// The standing on entry to each substack that `next` is in.
    on_entry: Vec<Standing>,
    way: Way,
}

/// Goes every way through `steps`. `vouched`: whether they may be gone behind a key that sshd checked.
pub(crate) fn ways(steps: &[Step], vouched: bool) -> Ways {
    let start = State {
        next: 0,
        standing: (Impression::Undefined, false),
        on_entry: Vec::new(),
        way: Way {
            code: Code::Unasked,
            first: FirstFactor::Unasked,
            led_past: None,
            by_root: false,
        },
    };
    let mut ways = Ways::default();
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        let Some(step) = steps.get(state.next) else {
            if state.standing == (Impression::Positive, true) {
                ways.in_.insert(state.way);
            }
            continue;
        };
        for following in follow(steps, step, &state, vouched, &mut ways) {
            if seen.len() >= MOST_STATES {
                ways.is_cut = true;
                return ways;
            }
            if seen.insert(following.clone()) {
                open.push(following);
            }
        }
    }
    ways
}

fn follow(
    steps: &[Step],
    step: &Step,
    state: &State,
    vouched: bool,
    ways: &mut Ways,
) -> Vec<State> {
    let mut state = state.clone();
    state.on_entry.truncate(step.level);
    while state.on_entry.len() < step.level {
        state.on_entry.push(state.standing);
    }
    let control: Option<&Control> = match &step.call {
        Call::Substack => {
            state.next += 1;
            return vec![state];
        }
        Call::Module { control, .. } => Some(control),
        Call::Failure { .. } => None,
    };
    let role = modules::role(step);
    if role == Role::Code {
        ways.before_code.insert(state.way.first);
    }
    let mut following: Vec<State> = Vec::new();
    for answer in modules::answers(step, vouched) {
        let action = control.map_or(Action::Bad, |control| control.on(answer.code));
        let mut state = state.clone();
        state.way = met(state.way, role, answer);
        apply(steps, &mut state, action, answer.code == ReturnCode::SUCCESS, ways);
        if !following.contains(&state) {
            following.push(state);
        }
    }
    following
}

/// The way, one answer later.
fn met(mut way: Way, role: Role, answer: Answer) -> Way {
    let success = answer.code == ReturnCode::SUCCESS;
    match role {
        Role::Code => way.code = answer.ours,
        // A password that has expired was right, too.
        Role::FirstFactor if success || answer.code == ReturnCode::NEW_AUTHTOK_REQD => {
            way.first = FirstFactor::Passed;
        }
        Role::FirstFactor if answer.code != ReturnCode::IGNORE => {
            way.first = way.first.max(FirstFactor::Failed);
        }
        Role::Root => way.by_root |= success,
        Role::FirstFactor | Role::Neither => {}
    }
    way
}

/// Does what the control says about an answer, and goes on to the step that comes next.
fn apply(steps: &[Step], state: &mut State, action: Action, success: bool, ways: &mut Ways) {
    let here = state.next;
    let level = level_of(steps, here).unwrap_or(0);
    let mut last = here;
    match action {
        Action::Ignore => {}
        Action::Reset => {
            let on_entry = level.checked_sub(1).and_then(|index| state.on_entry.get(index));
            state.standing = on_entry.copied().unwrap_or((Impression::Undefined, false));
        }
        Action::Ok | Action::Done => {
            if matches!(state.standing, (Impression::Undefined, _) | (Impression::Positive, true)) {
                state.standing = (Impression::Positive, success);
            }
            if action == Action::Done && state.standing.0 == Impression::Positive {
                last = end_of(steps, here, level);
            }
        }
        Action::Bad | Action::Die => {
            state.standing = (Impression::Negative, false);
            if action == Action::Die {
                last = end_of(steps, here, level);
            }
        }
        Action::Jump(distance) => {
            for _ in 0..distance {
                if level_of(steps, last + 1).is_none_or(|next| next < level) {
                    ways.bad_jumps.insert(here);
                    state.standing = (Impression::Negative, false);
                    break;
                }
                last += 1;
                // A substack counts as one.
                while level_of(steps, last + 1).is_some_and(|next| next > level) {
                    last += 1;
                }
            }
        }
    }
    let passed_over = steps.get(here + 1..=last).unwrap_or_default();
    if state.way.code == Code::Unasked
        && passed_over.iter().any(|step| modules::role(step) == Role::Code)
    {
        state.way.led_past.get_or_insert(here);
    }
    state.next = last + 1;
}

/// The last step of the stack or substack that the step at `here` stands in.
fn end_of(steps: &[Step], here: usize, level: usize) -> usize {
    let mut last = here;
    while level_of(steps, last + 1).is_some_and(|next| next >= level) {
        last += 1;
    }
    last
}

fn level_of(steps: &[Step], index: usize) -> Option<usize> {
    steps.get(index).map(|step| step.level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::planted;

    fn ways_of(lines: &str) -> Ways {
        let stack = planted::stack(&[("x", lines), ("inner", planted::COMMON_AUTH)], "x");
        super::ways(&stack.steps, false)
    }

    /// Ways in, as (code, first factor, number of the step that led past ours).
    fn told(ways: &Ways) -> Vec<(Code, FirstFactor, Option<usize>)> {
        ways.in_.iter().map(|way| (way.code, way.first, way.led_past)).collect()
    }

    #[test]
    fn debians_stack_and_the_code_let_in_with_both_and_whoever_needs_no_code() {
        for lines in [
            "auth include inner\nauth required pam_twinlock.so",
            "@include inner\nauth required pam_twinlock.so",
            "auth substack inner\nauth required pam_twinlock.so",
            "auth required pam_unix.so\nauth required pam_twinlock.so",
        ] {
            let ways = ways_of(lines);
            assert_eq!(
                told(&ways),
                [
                    (Code::NotRequired, FirstFactor::Passed, None),
                    (Code::Accepted, FirstFactor::Passed, None)
                ],
                "{lines}"
            );
            assert!(ways.bad_jumps.is_empty() && !ways.is_cut);
        }
        let ways = ways_of("@include inner\nauth required pam_twinlock.so");
        assert_eq!(Vec::from_iter(ways.before_code), [FirstFactor::Passed]);
    }

    #[test]
    fn a_password_that_has_expired_was_right() {
        let ways = ways_of(
            "auth [success=1 new_authtok_reqd=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
             auth required pam_permit.so\nauth required pam_twinlock.so",
        );
        assert_eq!(Vec::from_iter(ways.before_code), [FirstFactor::Passed]);
        assert!(ways.in_.iter().all(|way| way.first == FirstFactor::Passed));
    }

    #[test]
    fn a_jump_inside_an_include_may_lead_out_of_it_and_out_of_a_substack_never() {
        let two = planted::COMMON_AUTH.replace("success=1", "success=3");
        let ways = |line: &str| {
            let lines =
                format!("{line}\nauth required pam_twinlock.so\nauth required pam_permit.so\n");
            super::ways(&planted::stack(&[("x", &lines), ("inner", &two)], "x").steps, false)
        };
        let included = ways("auth include inner");
        assert!(told(&included).contains(&(Code::Unasked, FirstFactor::Passed, Some(0))));
        let substack = ways("auth substack inner");
        assert!(!told(&substack).iter().any(|(code, ..)| *code == Code::Unasked));
        assert_eq!(Vec::from_iter(substack.bad_jumps), [1]);
    }

    #[test]
    fn done_ends_the_stack_but_a_substack_only() {
        let sufficient = "auth sufficient pam_unix.so\nauth required pam_deny.so\n";
        let ways = |line: &str| {
            let lines = format!("{line}\nauth required pam_twinlock.so\n");
            super::ways(&planted::stack(&[("x", &lines), ("inner", sufficient)], "x").steps, false)
        };
        assert!(told(&ways("auth include inner")).contains(&(
            Code::Unasked,
            FirstFactor::Passed,
            Some(0)
        )));
        let substack = ways("auth substack inner");
        assert_eq!(
            told(&substack),
            [
                (Code::NotRequired, FirstFactor::Passed, None),
                (Code::Accepted, FirstFactor::Passed, None)
            ]
        );
        // A wrong password goes on to the code and fails afterwards.
        assert!(substack.before_code.contains(&FirstFactor::Failed));
    }

    #[test]
    fn an_earlier_failure_keeps_a_sufficient_from_ending_the_stack() {
        let ways = ways_of(
            "auth required pam_deny.so\nauth sufficient pam_permit.so\nauth required pam_twinlock.so",
        );
        assert!(ways.in_.is_empty());
        assert_eq!(ways.before_code.len(), 1);
    }

    #[test]
    fn reset_forgets_what_failed_before() {
        let ways = ways_of(
            "auth required pam_deny.so\nauth [success=reset] pam_permit.so\n\
             auth required pam_twinlock.so",
        );
        assert_eq!(told(&ways), [(Code::Accepted, FirstFactor::Unasked, None)]);
    }

    #[test]
    fn an_ignore_alone_is_no_yes_but_becomes_one_with_a_permit_or_an_option() {
        let lets_in_unasked = |lines: &str| {
            told(&ways_of(lines)).contains(&(Code::NotRequired, FirstFactor::Unasked, None))
        };
        assert!(!lets_in_unasked("auth required pam_twinlock.so"));
        assert!(!lets_in_unasked("auth required pam_env.so\nauth required pam_twinlock.so"));
        assert!(lets_in_unasked("auth required pam_twinlock.so not_required=success"));
        assert!(lets_in_unasked("auth required pam_twinlock.so\nauth required pam_permit.so"));
    }

    #[test]
    fn a_stack_of_forty_lines_is_gone_through_to_the_end() {
        let lines = "auth [success=2 default=ignore] pam_unix.so\n".repeat(39);
        let ways = ways_of(&(lines + "auth required pam_twinlock.so\n"));
        assert!(!ways.is_cut);
        assert!(ways.in_.iter().any(|way| way.code == Code::Accepted));
    }
}
