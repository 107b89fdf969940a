//! Look-ups of the build host's accounts, and of groups that a test makes up.

use std::{
    collections::BTreeSet,
    sync::{
        Condvar,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use nix::errno::Errno;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::{
    Membership::{Member as In, Stranger, Unknown},
    group_database::Group,
    *,
};

/// Groups that a test makes up.
#[derive(Default)]
struct Groups {
    /// Their gids, and the members they list.
    listed: BTreeMap<String, (u32, Vec<String>)>,
    /// What getgrouplist(3) adds.
    supplementary: BTreeMap<String, Vec<u32>>,
    /// The names of groups at which it fails.
    failing: BTreeSet<String>,
    /// Those at which it hangs.
    hanging: BTreeSet<String>,
    /// Opened when the hanging look-ups may end.
    gate: (Mutex<bool>, Condvar),
    asked: AtomicUsize,
}

impl Groups {
    fn of<const N: usize>(listed: [(&str, u32, &[&str]); N]) -> Self {
        let owned = |names: &[&str]| names.iter().copied().map(str::to_owned).collect();
        let entry =
            |(name, gid, members): (&str, u32, &[&str])| (name.into(), (gid, owned(members)));
        Self { listed: listed.into_iter().map(entry).collect(), ..Self::default() }
    }

    fn fails_at(mut self, group: &str) -> Self {
        self.failing.insert(group.to_owned());
        self
    }

    fn hangs_at(mut self, group: &str) -> Self {
        self.hanging.insert(group.to_owned());
        self
    }

    fn gives(mut self, user: &str, gids: &[u32]) -> Self {
        self.supplementary.insert(user.to_owned(), gids.to_vec());
        self
    }

    fn let_go(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    fn wait(&self) {
        let shut = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_while(shut, |open| !*open).unwrap());
    }
}

impl GroupDatabase for Groups {
    fn group(&self, name: &str, members: &[&str]) -> Result<Option<Group>, Errno> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hanging.contains(name) {
            self.wait();
        }
        if self.failing.contains(name) {
            return Err(Errno::ECONNREFUSED);
        }
        Ok(self.listed.get(name).map(|(gid, listed)| {
            let lists_any = listed.iter().any(|one| members.contains(&one.as_str()));
            Group { gid: *gid, lists_any }
        }))
    }

    fn gids(&self, user: &str, gid: u32) -> Result<Vec<u32>, Errno> {
        if self.failing.contains("all groups of a user") {
            return Err(Errno::EINVAL);
        }
        let more = self.supplementary.get(user).cloned().unwrap_or_default();
        Ok([vec![gid], more].concat())
    }
}

/// Lets the look-ups that hang end, also where a test fails: the runtime waits for them.
struct LetGo(Arc<Groups>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn root() -> Identity {
    Identity { uid: 0, name: "root".into() }
}

fn told(identities: &Identities, groups: &[&str]) -> Vec<Membership> {
    let asked = groups.iter().copied().map(str::to_owned).collect();
    let told = runtime().block_on(identities.affiliation(0, &root(), asked)).unwrap();
    assert_eq!(told.memberships.len(), groups.len(), "each is told of");
    groups.iter().map(|group| told.memberships[*group]).collect()
}

fn told_by(groups: Groups, asked: &[&str]) -> Vec<Membership> {
    told(&Identities::with_groups_of(Arc::new(groups)), asked)
}

#[test]
fn root_is_found_and_nonsense_is_nobody() {
    let look_up = |name| runtime().block_on(Identities::new().by_name(0, name)).unwrap();
    assert_eq!(look_up("root"), Some(root()));
    for name in ["", "no-such-account-here", "root\0", "root ", "ROOT", &"x".repeat(1000)] {
        assert_eq!(look_up(name), None, "{name:?}");
    }
}

#[test]
fn an_account_has_its_own_name_first_and_must_still_have_it() {
    let affiliation =
        |identity| runtime().block_on(Identities::new().affiliation(0, &identity, vec![]));
    assert_eq!(affiliation(root()).unwrap().names, ["root"]);
    for (uid, name) in [(1, "root"), (0, "no-such-account-here"), (0, "root\0")] {
        let error = affiliation(Identity { uid, name: name.into() }).unwrap_err();
        assert!(matches!(error, IdentityError::Changed | IdentityError::Failed(_)), "{error}");
    }
}

#[test]
fn the_groups_of_this_host_are_told() {
    let identities = Identities::new();
    assert_eq!(told(&identities, &["root", "no-such-group-here"]), [In, Unknown]);
    let group = |name| runtime().block_on(identities.group(0, name)).unwrap();
    assert_eq!(group("root"), Some(0));
    for name in ["", "no-such-group-here", "root\0", "root ", "ROOT", &"x".repeat(1000)] {
        assert_eq!(group(name), None, "{name:?}");
    }
}

#[test]
fn primary_listed_and_supplementary_members_are_members_and_all_others_strangers() {
    let groups = Groups::of([
        ("primary", 0, &[]),
        ("lists root", 7, &["alice", "root"]),
        ("CORP\\domain users", 8, &["alice"]),
        ("r\u{f6}t@example", 9, &["ROOT", "root ", "roo", "rootling"]),
    ]);
    let asked = ["primary", "lists root", "CORP\\domain users", "r\u{f6}t@example"];
    assert_eq!(told_by(groups.gives("root", &[8]), &asked), [In, In, In, Stranger]);
}

#[test]
fn a_group_is_its_gid_and_not_a_name_from_elsewhere() {
    // Another name of the same gid, and another gid under the name that root is listed in.
    let groups = Groups::of([("wheel", 10, &[]), ("admins", 10, &[]), ("corp\\wheel", 99, &[])]);
    let asked = ["wheel", "admins", "corp\\wheel"];
    assert_eq!(told_by(groups.gives("root", &[10]), &asked), [In, In, Stranger]);
}

#[test]
fn the_groups_of_each_name_of_a_uid_are_the_accounts() {
    let entry = |name: &str, gid| Entry { name: name.to_owned(), gid };
    let groups = Groups::of([
        ("own primary", 1, &[]),
        ("other primary", 2, &[]),
        ("lists own", 3, &["own"]),
        ("lists other", 4, &["other"]),
        ("of own", 5, &[]),
        ("of other", 6, &[]),
        ("of nobody", 7, &["others"]),
    ]);
    let groups = groups.gives("own", &[5]).gives("other", &[6]);
    let entries = [entry("own", 1), entry("other", 2)];
    let member = Member::new(&groups, &entries);
    for group in groups.listed.keys() {
        let expected = if group == "of nobody" { Stranger } else { In };
        assert_eq!(member.of(group), expected, "{group}");
    }
}

#[test]
fn a_group_that_fails_or_is_gone_is_unknown_and_so_is_a_name_no_group_can_have() {
    let long = "x".repeat(MAX_NAME_BYTES + 1);
    let listed = ["ok", "down", "", "ok\0", &long].map(|name| (name, 7, &["root"] as &[_]));
    let asked = ["ok", "down", "gone", "", "ok\0", &long];
    let told = told_by(Groups::of(listed).fails_at("down"), &asked);
    assert_eq!(told, [In, Unknown, Unknown, Unknown, Unknown, Unknown]);
}

#[test]
fn nobody_is_a_stranger_to_a_group_while_a_source_of_groups_is_down() {
    for failing in ["all groups of a user", "twinlock-no-such-group"] {
        let listed = [("primary", 0, &[] as &[_]), ("own", 7, &["root"]), ("other", 8, &[])];
        let groups = Groups::of(listed).fails_at(failing);
        assert_eq!(told_by(groups, &["primary", "own", "other"]), [In, In, Unknown], "{failing}");
    }
}

#[test]
fn a_group_that_hangs_costs_a_second_and_leaves_what_was_told_before() {
    let listed = [("a", 7, &["root"] as &[_]), ("b", 8, &["root"]), ("c", 9, &["root"])];
    let groups = Arc::new(Groups::of(listed).hangs_at("b"));
    let identities = Identities::with_groups_of(groups.clone());
    let runtime = runtime();
    let let_go = LetGo(groups.clone());
    let began = clock::monotonic();
    let asked = || ["a", "b", "c"].map(str::to_owned).to_vec();
    let told = runtime.block_on(identities.affiliation(0, &root(), asked())).unwrap();
    let took = began.elapsed();
    assert!(took >= AFFILIATION_DEADLINE && took < AFFILIATION_DEADLINE * 3 / 2, "{took:?}");
    assert_eq!(told.memberships.into_values().collect::<Vec<_>>(), [In, Unknown, Unknown]);

    // The answer that came too late is there for the next login, which goes on from it; the third
    // was not looked up for somebody who had gone.
    drop(let_go);
    let is_there =
        || lock(&identities.recent).get(&Key::new(&root(), "b"), clock::monotonic()).is_some();
    while !is_there() {
        assert!(began.elapsed() < Duration::from_secs(10), "never remembered");
        thread::yield_now();
    }
    drop(runtime);
    assert_eq!(groups.asked.load(Ordering::SeqCst), 2);
    let told = self::told(&identities, &["a", "b", "c"]);
    assert_eq!(told, [In, In, In]);
    assert_eq!(groups.asked.load(Ordering::SeqCst), 3);
}

#[test]
fn groups_that_hang_hold_up_neither_accounts_nor_other_callers() {
    let groups = Arc::new(Groups::of([("ok", 7, &["root"])]).hangs_at("hang"));
    let identities = Identities::with_groups_of(groups.clone());
    let runtime = runtime();
    let _let_go = LetGo(groups.clone());
    runtime.block_on(async {
        let affiliation =
            async |group: &str| identities.affiliation(0, &root(), vec![group.to_owned()]).await;
        let hang = || affiliation("hang");
        let (a, b, c, d) = tokio::join!(hang(), hang(), hang(), hang());
        for told in [a, b, c, d] {
            assert_eq!(told.unwrap().memberships["hang"], Unknown);
        }
        // Every turn of root's is taken now.
        let began = clock::monotonic();
        assert_eq!(identities.by_name(0, "root").await.unwrap(), Some(root()));
        let of_somebody = identities.affiliation(1000, &root(), vec!["ok".into()]).await.unwrap();
        assert_eq!(of_somebody.memberships["ok"], In);
        assert!(began.elapsed() < Duration::from_millis(500));
        let group = identities.group(0, "ok").await;
        assert!(matches!(group, Err(IdentityError::Slow)), "{group:?}");
        let full = identities.affiliation(0, &root(), vec!["other".into()]).await.unwrap();
        assert_eq!((full.names, full.memberships["other"]), (vec!["root".to_owned()], Unknown));
    });
}

#[test]
fn what_was_told_is_not_asked_again_and_what_was_not_is() {
    let listed = [("in", 7, &["root"] as &[_]), ("out", 8, &[]), ("down", 9, &["root"])];
    let groups = Arc::new(Groups::of(listed).fails_at("down"));
    let identities = Identities::with_groups_of(groups.clone());
    let asked = ["in", "out", "down", "gone"];
    assert_eq!(told(&identities, &asked), [In, Stranger, Unknown, Unknown]);
    let before = groups.asked.swap(0, Ordering::SeqCst);
    assert_eq!(before, 5, "four groups, and one that nobody has");
    assert_eq!(told(&identities, &asked), [In, Stranger, Unknown, Unknown]);
    assert_eq!(groups.asked.load(Ordering::SeqCst), 2, "down and gone");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// I9: whatever fails, a member is never told to be a stranger, nor a stranger to be a member.
    #[test]
    fn failures_turn_answers_into_unknown_and_into_nothing_else(
        gids in prop::collection::vec(0..6_u32, 0..6),
        lists_root in prop::collection::vec(any::<bool>(), 6),
        supplementary in prop::collection::vec(0..6_u32, 0..3),
        failing in prop::collection::btree_set(0..8_usize, 0..4),
    ) {
        let name = |number: usize| match number {
            6 => "all groups of a user".to_owned(),
            7 => "twinlock-no-such-group".to_owned(),
            other => format!("group {other}"),
        };
        let groups = || Groups {
            listed: gids.iter().zip(&lists_root).enumerate().map(|(number, (gid, lists_root))| {
                let members = if *lists_root { vec!["root".to_owned()] } else { vec![] };
                (name(number), (*gid, members))
            }).collect(),
            ..Groups::default()
        }.gives("root", &supplementary);
        let asked: Vec<_> = (0..6).map(name).collect();
        let asked: Vec<_> = asked.iter().map(String::as_str).collect();
        let truth = told_by(groups(), &asked);
        let troubled = Groups { failing: failing.iter().copied().map(name).collect(), ..groups() };
        for (number, (now, then)) in told_by(troubled, &asked).iter().zip(&truth).enumerate() {
            prop_assert!(now == then || *now == Unknown, "{number}: {now:?}, not {then:?}");
            prop_assert!(!failing.contains(&number) || *now == Unknown);
        }
    }
}
