//! What `sshd -T` says is in force.

use std::collections::BTreeMap;

use super::file::{Block, ConfigFile};

/// A method of logging in, as AuthenticationMethods spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Password,
    KeyboardInteractive,
    PublicKey,
    Hostbased,
    Gssapi,
    /// `none`, or one this program does not know.
    Other,
}

impl Method {
    fn named(word: &str) -> Self {
        match word.split(':').next().unwrap_or_default() {
            "password" => Self::Password,
            "keyboard-interactive" => Self::KeyboardInteractive,
            "publickey" => Self::PublicKey,
            "hostbased" => Self::Hostbased,
            "gssapi-with-mic" | "gssapi-keyex" => Self::Gssapi,
            _ => Self::Other,
        }
    }

    /// Whether sshd runs PAM's `auth` stack for it.
    pub(crate) fn runs_pam(self) -> bool {
        matches!(self, Self::Password | Self::KeyboardInteractive)
    }

    /// The setting that switches it on.
    fn keyword(self) -> Option<&'static str> {
        match self {
            Self::Password => Some("passwordauthentication"),
            Self::KeyboardInteractive => Some("kbdinteractiveauthentication"),
            Self::PublicKey => Some("pubkeyauthentication"),
            Self::Hostbased => Some("hostbasedauthentication"),
            Self::Gssapi => Some("gssapiauthentication"),
            Self::Other => None,
        }
    }
}

/// In the order in which they are told.
const METHODS: [Method; 5] = [
    Method::Password,
    Method::KeyboardInteractive,
    Method::PublicKey,
    Method::Hostbased,
    Method::Gssapi,
];

/// What a block has to speak of to change the ways in.
pub(super) const OF_WAYS_IN: [&str; 7] = [
    "authenticationmethods",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "pubkeyauthentication",
    "hostbasedauthentication",
    "gssapiauthentication",
    "usepam",
];

/// What holds where nothing is said (sshd_config(5)), where it matters here.
const DEFAULTS: [(&str, &str); 11] = [
    ("usepam", "no"),
    ("passwordauthentication", "yes"),
    ("kbdinteractiveauthentication", "yes"),
    ("pubkeyauthentication", "yes"),
    ("hostbasedauthentication", "no"),
    ("gssapiauthentication", "no"),
    ("authenticationmethods", "any"),
    ("permitrootlogin", "prohibit-password"),
    ("logingracetime", "120"),
    ("maxauthtries", "6"),
    ("usedns", "no"),
];

/// Keywords in lower case, each with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads what `sshd -T` printed. Of several lines with one keyword the first counts.
    pub(crate) fn parse(text: &str) -> Self {
        let mut settings = BTreeMap::new();
        for line in text.lines() {
            let (keyword, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            let value = value.trim().to_owned();
            settings.entry(canonical(&keyword.to_ascii_lowercase())).or_insert(value);
        }
        Self(settings)
    }

    /// Keywords and values of the files, of each keyword the first, over the defaults of OpenSSH.
    pub(super) fn said<'s>(said: impl Iterator<Item = (&'s str, &'s str)>) -> Self {
        let mut settings = BTreeMap::new();
        for (keyword, value) in said.chain(DEFAULTS) {
            settings.entry(keyword.to_owned()).or_insert_with(|| value.to_owned());
        }
        Self(settings)
    }

    /// The settings of those a block is about: what it says replaces what is said outside.
    pub(crate) fn with(&self, block: &Block) -> Self {
        let mut settings = self.clone();
        for (keyword, value) in block.settings() {
            settings.0.insert(keyword.to_owned(), value.to_owned());
        }
        settings
    }

    /// Settings that some block may have changed, with what some block says taken out again: the files
    /// and the defaults count for it.
    pub(super) fn outside_of_blocks(mut self, file: &ConfigFile) -> Self {
        let Self(outside) = file.settings();
        for (keyword, _) in file.blocks.iter().flat_map(Block::settings) {
            match outside.get(keyword) {
                Some(value) => self.0.insert(keyword.to_owned(), value.clone()),
                None => self.0.remove(keyword),
            };
        }
        self
    }

    pub(crate) fn value(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(String::as_str)
    }

    pub(crate) fn is_yes(&self, keyword: &str) -> bool {
        self.value(keyword).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    pub(super) fn number(&self, keyword: &str) -> Option<u64> {
        self.value(keyword)?.parse().ok()
    }

    fn has(&self, method: Method) -> bool {
        method.keyword().is_some_and(|keyword| self.is_yes(keyword))
    }

    /// The combinations of methods that let in; those with a method that is off are none.
    pub(crate) fn ways(&self) -> Vec<Vec<Method>> {
        let wanted = self.value("authenticationmethods").unwrap_or("any");
        if wanted == "any" {
            return METHODS.into_iter().filter(|&one| self.has(one)).map(|one| vec![one]).collect();
        }
        let lists = wanted.split_whitespace();
        let lists = lists.map(|list| list.split(',').map(Method::named).collect::<Vec<_>>());
        lists.filter(|list| list.iter().all(|&method| self.has(method))).collect()
    }
}

/// Older names of what has a newer one.
pub(super) fn canonical(keyword: &str) -> String {
    match keyword {
        "challengeresponseauthentication" | "skeyauthentication" => "kbdinteractiveauthentication",
        "dsaauthentication" => "pubkeyauthentication",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_that_is_on_is_a_way_unless_lists_say_otherwise() {
        let on = "passwordauthentication no\nkbdinteractiveauthentication yes\npubkeyauthentication yes\n";
        let ways = |methods: &str| {
            Settings::parse(&format!("{on}authenticationmethods {methods}\n")).ways()
        };
        use Method::{KeyboardInteractive, PublicKey};
        assert_eq!(ways("any"), [vec![KeyboardInteractive], vec![PublicKey]]);
        assert_eq!(Settings::parse(on).ways(), ways("any"));
        assert_eq!(ways("publickey,keyboard-interactive:pam"), [[PublicKey, KeyboardInteractive]]);
        assert_eq!(ways("publickey,password publickey"), [[PublicKey]]);
        assert!(ways("password").is_empty());
    }

    #[test]
    fn the_first_of_several_values_counts_and_older_names_are_known() {
        let settings = Settings::parse(
            "ChallengeResponseAuthentication no\nkbdinteractiveauthentication yes\nlogingracetime 30\n",
        );
        assert!(!settings.is_yes("kbdinteractiveauthentication"));
        assert_eq!(settings.number("logingracetime"), Some(30));
        assert_eq!(settings.value("usedns"), None);
    }
}
