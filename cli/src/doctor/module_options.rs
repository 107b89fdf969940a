//! The words behind `pam_twinlock.so`, judged as the module judges them: a line with one it does not
//! take refuses every login.

use std::collections::BTreeSet;

/// What an option is, and what it may be.
enum Value {
    /// A word without a value.
    Flag,
    Seconds,
    Digits,
    BusAddress,
    NotRequired,
}

const OPTIONS: [(&str, Value); 9] = [
    ("debug", Value::Flag),
    ("timeout", Value::Seconds),
    ("bus", Value::BusAddress),
    ("not_required", Value::NotRequired),
    ("try_first_pass", Value::Flag),
    ("use_first_pass", Value::Flag),
    ("forward_pass", Value::Flag),
    ("password_checked", Value::Flag),
    ("digits", Value::Digits),
];

/// Pairs that exclude each other.
const CONTRADICTIONS: [(&str, &str); 2] =
    [("password_checked", "forward_pass"), ("try_first_pass", "use_first_pass")];

/// Why the module refuses `arguments`, if it does.
pub(super) fn complaint(arguments: &[String]) -> Option<String> {
    let mut given = BTreeSet::new();
    for word in arguments {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let Some((_, kind)) = OPTIONS.iter().find(|(known, _)| *known == name) else {
            return Some(format!("it has no option \"{name}\""));
        };
        if !kind.takes(value) {
            return Some(format!("the option \"{name}\" has to be {}", kind.expected()));
        }
        if !given.insert(name) {
            return Some(format!("the option \"{name}\" is given twice"));
        }
    }
    for (one, other) in CONTRADICTIONS {
        if given.contains(one) && given.contains(other) {
            return Some(format!("the options \"{one}\" and \"{other}\" exclude each other"));
        }
    }
    let of_one_prompt = ["try_first_pass", "use_first_pass", "forward_pass"];
    if given.contains("digits") && !of_one_prompt.iter().any(|word| given.contains(word)) {
        return Some("the option \"digits\" needs one of the _pass options".to_owned());
    }
    None
}

impl Value {
    fn takes(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Flag) };
        let number = || {
            let plain = value.bytes().all(|byte| byte.is_ascii_digit());
            if plain { value.parse::<u64>().ok() } else { None }
        };
        match self {
            Self::Flag => false,
            Self::Seconds => number().is_some_and(|seconds| (1..=30).contains(&seconds)),
            Self::Digits => number().is_some_and(|digits| (6..=8).contains(&digits)),
            // The module's own look is closer; what is let through here is found by the first login.
            Self::BusAddress => {
                value.starts_with("unix:path=/") && !value.contains([';', '%', ' '])
            }
            Self::NotRequired => matches!(value, "ignore" | "success"),
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Flag => "a word without a value",
            Self::Seconds => "a whole number of seconds from 1 to 30",
            Self::Digits => "a number from 6 to 8",
            Self::BusAddress => "one address that starts with unix:path=/",
            Self::NotRequired => "ignore or success",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        complaint(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_the_module_takes_is_not_complained_about() {
        for line in [
            "",
            "password_checked",
            "debug timeout=30 bus=unix:path=/run/x not_required=success try_first_pass forward_pass digits=8",
            "use_first_pass digits=7",
            "not_required=ignore",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn what_the_module_refuses_is_named() {
        for (line, said) in [
            ("nullok", "no option \"nullok\""),
            ("debug secret=/etc/x", "no option \"secret\""),
            ("debug=yes", "\"debug\" has to be a word"),
            ("timeout", "from 1 to 30"),
            ("timeout=31", "from 1 to 30"),
            ("timeout=+3", "from 1 to 30"),
            ("digits=9 forward_pass", "from 6 to 8"),
            ("digits=6", "needs one of the _pass options"),
            ("bus=tcp:host=x", "unix:path=/"),
            ("not_required=accept", "ignore or success"),
            ("debug debug", "given twice"),
            ("password_checked forward_pass", "exclude each other"),
            ("try_first_pass use_first_pass", "exclude each other"),
        ] {
            let complaint = of(line).unwrap_or_default();
            assert!(complaint.contains(said), "{line}: {complaint}");
        }
    }

    #[test]
    fn the_list_is_the_modules_own() {
        let module = include_str!("../../../pam_module/src/options.rs");
        let known: BTreeSet<_> = OPTIONS.iter().map(|(name, _)| *name).collect();
        let arms = module.lines().filter_map(|line| line.trim().split_once(" => once(&mut "));
        let own: BTreeSet<_> = arms.map(|(name, _)| name.trim_matches('"')).collect();
        assert_eq!(known, own);
    }
}
