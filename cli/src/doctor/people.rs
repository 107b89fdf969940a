//! The accounts in `/etc/passwd` and `/etc/shadow`. Those of other sources cannot be listed, and are
//! told by the daemon once they have been there.

use std::{collections::BTreeSet, path::Path};

use zeroize::Zeroizing;

use super::finding::Finding;
use crate::{
    bounded_file,
    pam_config::{Place, Stack, Tree},
    passwd::{self, Entry},
};

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// More local people than a host of this kind has.
const MOST_PEOPLE: usize = 10_000;

/// The names of local people who can log in.
pub(super) fn local(tree: &Tree) -> Vec<String> {
    named(tree, |entry| entry.is_person())
}

/// The names of root.
pub(crate) fn roots(tree: &Tree) -> BTreeSet<String> {
    named(tree, |entry| entry.uid == 0).into_iter().collect()
}

/// Nobody where the file cannot be read.
fn named(tree: &Tree, wanted: impl Fn(&Entry<'_>) -> bool) -> Vec<String> {
    let text = passwd::read(&tree.on_disk(Path::new(PASSWD))).unwrap_or_default();
    let entries = passwd::entries(&text).filter(|entry| wanted(entry)).take(MOST_PEOPLE);
    entries.map(|entry| entry.name.to_owned()).collect()
}

/// Accounts without a password that the stacks let in with the code alone.
pub(super) fn empty_passwords(tree: &Tree, stacks: &[Stack]) -> Vec<Finding> {
    let takes_empty = |stack: &&Stack| {
        stack.steps.iter().any(|step| step.is("pam_unix.so") && step.has("nullok"))
    };
    let services: Vec<_> = stacks.iter().filter(takes_empty).collect();
    if services.is_empty() {
        return Vec::new();
    }
    let content = content(tree, SHADOW);
    let text = String::from_utf8_lossy(&content);
    let accounts = text.lines().zip(1..).filter_map(|(line, number)| {
        let (name, rest) = line.split_once(':')?;
        rest.starts_with(':').then_some((name, number))
    });
    let found = accounts.map(|(name, line)| {
        let finding = Finding::warning(
            "empty-password",
            format!("{name} has an empty password, and pam_unix.so takes it (`nullok`)."),
            "The code, or nothing where none is required, is all that is asked for.",
            format!("`passwd {name}` sets a password, `passwd --lock {name}` takes it away."),
        );
        let place = Place { file: SHADOW.into(), line };
        services
            .iter()
            .fold(finding.at(&place), |finding, stack| finding.of_service(&stack.service))
    });
    found.collect()
}

/// Wiped when it is dropped: it holds hashes. Nothing where it cannot be read.
fn content(tree: &Tree, path: &str) -> Zeroizing<Vec<u8>> {
    bounded_file::content(&tree.on_disk(Path::new(path)), MOST_BYTES).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{planted::Planted, stacks};

    #[test]
    fn people_and_roots_are_told_from_the_systems_accounts() {
        let planted = Planted::new(&[]);
        planted.write(
            PASSWD,
            "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/:/usr/sbin/nologin\n\
             toor:x:0:0::/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\nbroken\n",
        );
        assert_eq!(local(&planted.tree), ["alice"]);
        assert_eq!(Vec::from_iter(roots(&planted.tree)), ["root", "toor"]);
    }

    #[test]
    fn an_account_without_a_password_is_told_with_its_line() {
        let told = |recipe: Option<&str>, shadow: &str| {
            let planted = Planted::debian();
            let planted = match recipe {
                Some(recipe) => planted.with_recipe("sshd", recipe),
                None => planted,
            };
            planted.write(SHADOW, shadow);
            let found = empty_passwords(&planted.tree, &stacks::with_code(&planted.tree));
            found.iter().map(|one| (one.name, one.line.unwrap())).collect::<Vec<_>>()
        };
        let shadow = "root:$y$x:1::::::\nalice:!:1::::::\nbob::1::::::\n";
        assert_eq!(told(Some("pam-password-and-code"), shadow), [("empty-password", 3)]);
        assert_eq!(told(Some("pam-password-and-code"), "root:*:1::::::\n"), []);
        assert_eq!(told(Some("pam-key-and-code"), shadow), []);
        assert_eq!(told(None, shadow), []);
    }
}
