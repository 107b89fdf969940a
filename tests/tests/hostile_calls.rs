//! Whatever the daemon's methods are called with, by root or by anybody, it answers and goes on: no
//! panic, no growth, no login less (I20, I21).
//!
//! What can be called is read from the daemon itself, and the arguments are made to fit or not to
//! fit. It does for all interfaces what dfuzzer does, which Debian 12 does not have.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use tokio::time::timeout;
use twinlock_interface::{
    INTROSPECTION_XML,
    names::{BUS_NAME, OBJECT_PATH},
};
use twinlock_tests::{
    Host,
    caller::Caller,
    in_sandbox,
    introspection::{Introspection, Method},
    login::from_address,
};
use zbus::{
    Message,
    fdo::IntrospectableProxy,
    wire::{Array, Dict, ObjectPath, Signature, Structure, StructureBuilder, Variant},
};

/// Calls of each method by root.
const ROUNDS: usize = 300;
/// Calls by each of the others, who are not answered for long.
const CALLS_OF_ANOTHER: usize = 55;
/// How many others there are.
const OTHERS: usize = 8;
/// How long an answer may take. Hashing ten recovery codes is the longest.
const ANSWER: Duration = Duration::from_secs(20);
/// The most the daemon may ever have held in memory, in KiB.
const MOST_MEMORY: u64 = 32 * 1024;
/// What the daemon wrote where nobody looks: the words of a panic.
const STDERR: &str = "/run/twinlockd.stderr";

/// A sequence of numbers that is the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[self.below(among.len())]
    }
}

/// Arguments of all kinds.
struct Arguments {
    random: Random,
    /// The entries of each method's dictionaries.
    own: HashMap<String, Vec<Entry>>,
    /// All of them.
    entries: Vec<Entry>,
    /// Those of the method that is called.
    wanted: Vec<Entry>,
}

/// An entry of a dictionary: name and signature.
type Entry = (String, Signature);

/// The entries that a comment tells of: "name  signature  what it is".
fn entries_in(comment: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, signature) = (words.next()?, words.next()?);
        let is_name = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        let signature = Signature::try_from(signature).ok()?;
        // A word of a sentence may look like a signature.
        let is_used = !signature.to_string().contains('h');
        let is_entry = is_name && is_used && line.starts_with("        ");
        is_entry.then(|| (name.to_owned(), signature))
    };
    comment.lines().filter_map(entry).collect()
}

const NAMES: &[&str] = &["alice", "bob", "root", "nobody", "sudo", "nobody-of-that-name", ""];
const WORDS: &[&str] = &[
    "phone",
    "totp",
    "hotp",
    "SHA1",
    "SHA512",
    "required",
    "optional",
    "exempt",
    "user",
    "group",
    "everyone",
    "stig",
    "pci",
    "default",
    "sshd",
    "sudo",
    "ssh",
    "/dev/tty1",
    "publickey",
    "login",
    "refused",
    "local",
    "unknown",
    "192.0.2.0/24",
    "::/0",
    "10.0.0.1",
    "fe80::1%eth0",
    "UNKNOWN",
    "999.0.0.0/99",
    "123456",
    "00000000",
    "ABCD-EFGH-JKLM-NPQR",
    "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "otpauth://totp/a:b?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=a",
    "otpauth://",
    "1-00ff",
];
const ODD: &[&str] = &[
    " ",
    "\n",
    "\u{1b}[2J",
    "\"",
    "'",
    "\\",
    "%s%n",
    "'; DROP TABLE accounts; --",
    "../../etc/shadow",
    "\u{202e}",
    "\u{200b}",
    "ａｌｉｃｅ",
    "e\u{301}",
    "\u{10ffff}",
    "-1",
    "18446744073709551616",
    "1e309",
];
/// Types that the contract has, and others.
const TYPES: &[&str] = &[
    "s", "u", "t", "b", "x", "as", "at", "au", "a{sv}", "aa{sv}", "v", "y", "n", "q", "i", "d",
    "o", "g", "(sv)", "aas", "a{us}", "av", "ay",
];

impl Arguments {
    fn new(seed: u64) -> Self {
        let contract = Introspection::read(INTROSPECTION_XML, BUS_NAME);
        let entries: Vec<_> = contract.comments.iter().flat_map(|text| entries_in(text)).collect();
        let own = contract.methods.iter().map(|one| (one.short_name(), entries_in(&one.prose)));
        Self { random: Random(seed), own: own.collect(), entries, wanted: Vec::new() }
    }

    /// Arguments for a method, which fit it more often than not; `None` is no arguments.
    fn body(&mut self, method: &Method) -> Option<Structure<'static>> {
        self.wanted = self.own.get(&method.short_name()).cloned().unwrap_or_default();
        let fits = !self.random.one_in(8);
        let mut types: Vec<Signature> = method
            .arguments
            .iter()
            .filter(|argument| argument.is_input)
            .map(|argument| Signature::try_from(argument.signature.as_str()).unwrap())
            .collect();
        if !fits {
            types = (0..self.random.below(4)).map(|_| self.a_type()).collect();
        }
        if types.is_empty() {
            return None;
        }
        let fields = types.iter().map(|one| self.value(one, 0)).collect::<Vec<_>>().into_iter();
        let whole = fields.fold(StructureBuilder::new(), StructureBuilder::append_field);
        Some(whole.build().unwrap())
    }

    fn a_type(&mut self) -> Signature {
        Signature::try_from(self.random.pick(TYPES)).unwrap()
    }

    fn value(&mut self, signature: &Signature, depth: usize) -> Variant<'static> {
        match signature {
            Signature::U8 => Variant::U8(self.number().to_le_bytes()[0]),
            Signature::Bool => Variant::Bool(self.random.one_in(2)),
            Signature::I16 => Variant::I16(self.number() as i16),
            Signature::U16 => Variant::U16(self.number() as u16),
            Signature::I32 => Variant::I32(self.number() as i32),
            Signature::U32 => Variant::U32(self.number() as u32),
            Signature::I64 => Variant::I64(self.number() as i64),
            Signature::U64 => Variant::U64(self.number()),
            Signature::F64 => Variant::F64(f64::from_bits(self.number())),
            Signature::Str => Variant::from(self.text()),
            Signature::Signature => Variant::Signature(self.a_type()),
            Signature::ObjectPath => Variant::from(ObjectPath::try_from("/a/b").unwrap()),
            Signature::Variant => {
                let inner = self.a_type();
                Variant::Variant(Box::new(self.value(&inner, depth + 1)))
            }
            Signature::Array(element) => {
                let mut array = Array::new(element.signature());
                for _ in 0..self.length(depth) {
                    array.append(self.value(element.signature(), depth + 1)).unwrap();
                }
                Variant::Array(array)
            }
            Signature::Dict { key, value } => {
                let (key, value) = (key.signature(), value.signature());
                let mut dict = Dict::new(key, value);
                for _ in 0..self.length(depth) {
                    let (key, value) = self.entry(key, value, depth + 1);
                    dict.append(key, value).unwrap();
                }
                Variant::Dict(dict)
            }
            Signature::Structure(fields) => {
                let fields: Vec<_> = fields.iter().map(|one| self.value(one, depth + 1)).collect();
                let fields = fields.into_iter();
                let whole = fields.fold(StructureBuilder::new(), StructureBuilder::append_field);
                Variant::Structure(whole.build().unwrap())
            }
            other => panic!("no argument of {other}"),
        }
    }

    /// An entry of the contract, or none of it.
    fn entry(
        &mut self,
        key: &Signature,
        value: &Signature,
        depth: usize,
    ) -> (Variant<'static>, Variant<'static>) {
        if *key == Signature::Str && *value == Signature::Variant && !self.random.one_in(5) {
            let of_others = self.wanted.is_empty() || self.random.one_in(4);
            let entries = if of_others { &self.entries } else { &self.wanted };
            let (name, signature) = entries[self.random.below(entries.len())].clone();
            let signature = if self.random.one_in(6) { self.a_type() } else { signature };
            let inner = self.value(&signature, depth + 1);
            return (Variant::from(name), Variant::Variant(Box::new(inner)));
        }
        (self.value(key, depth), self.value(value, depth))
    }

    fn length(&mut self, depth: usize) -> usize {
        match depth {
            0 => self.random.below(8),
            1..4 => self.random.below(4),
            _ => 0,
        }
    }

    fn number(&mut self) -> u64 {
        let random = self.random.next();
        let near = |number: u64| number.wrapping_add(random % 3).wrapping_sub(1);
        match self.random.below(8) {
            0 => near(0),
            1 => near(1 << 31),
            2 => near(1 << 32),
            3 => near(1 << 63),
            4 => near(1_800_000_000),
            5 => 6 + random % 3,
            6 => random % 2000,
            _ => random,
        }
    }

    fn text(&mut self) -> String {
        let text = match self.random.below(10) {
            0..5 => self.random.pick(NAMES).to_owned(),
            5..8 => self.random.pick(WORDS).to_owned(),
            8 => self.random.pick(ODD).to_owned(),
            _ => "x".repeat(self.random.below(400)),
        };
        match self.random.below(20) {
            0 => text.repeat(self.random.below(100)),
            1 => text + self.random.pick(ODD),
            _ => text,
        }
    }
}

/// Every method that the daemon says it has.
fn methods(root: &Caller) -> Vec<Method> {
    let told = root.run(async {
        let proxy = IntrospectableProxy::builder(root.connection()).destination(BUS_NAME);
        let proxy = proxy.path(OBJECT_PATH).build().await.unwrap();
        proxy.introspect().await.unwrap()
    });
    let methods = Introspection::read(&told, "").methods;
    let contract = Introspection::read(INTROSPECTION_XML, BUS_NAME).methods;
    for method in contract {
        let short = method.short_name();
        assert!(methods.iter().any(|served| served.short_name() == short), "{short} is missing");
    }
    methods
}

/// Calls and waits for an answer, whatever it is. Returns whether it was a good one.
fn call(caller: &Caller, method: &Method, body: Option<&Structure<'_>>) -> bool {
    let (to, at, on) = (Some(BUS_NAME), OBJECT_PATH, Some(method.interface.as_str()));
    let (connection, member) = (caller.connection(), method.member.as_str());
    let answer = async {
        match body {
            Some(body) => connection.call_method(to, at, on, member, body).await,
            None => connection.call_method(to, at, on, member, &()).await,
        }
    };
    match caller.run(async { timeout(ANSWER, answer).await }) {
        Ok(Ok(_)) => true,
        Ok(Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_))) => false,
        other => panic!("{} with {body:?}: {other:?}", method.short_name()),
    }
}

/// Has the bus start a daemon whose standard error is kept.
fn keep_stderr(host: &Host) {
    const ACTIVATION: &str = "/usr/share/dbus-1/system-services/org.twinlock.Twinlock1.service";
    const LOUD: &str = "/usr/local/sbin/loud-twinlockd";
    let text = fs::read_to_string(ACTIVATION).unwrap();
    let program = text.lines().find_map(|line| line.strip_prefix("Exec=")).unwrap();
    fs::write(LOUD, format!("#!/bin/sh\nexec {program} 2>>{STDERR}\n")).unwrap();
    fs::set_permissions(LOUD, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(ACTIVATION, text.replace(&format!("Exec={program}"), &format!("Exec={LOUD}")))
        .unwrap();
    host.bus.reload();
    host.daemon.kill();
}

/// The daemon is the one it was, never was large, never panicked, and lets Alice in.
fn stands(host: &Host, daemon: u32) {
    assert_eq!(host.daemon.pid(), Some(daemon), "the daemon ended");
    let status = fs::read_to_string(format!("/proc/{daemon}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let most: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(most < MOST_MEMORY, "{most} KiB");
    assert_eq!(fs::read_to_string(STDERR).unwrap(), "");
    let lines = host.syslog.lines();
    let panicked = lines.iter().find(|line| line.contains("panicked"));
    assert_eq!(panicked, None);

    // Whatever was done to her account and the policy.
    let root = host.root();
    host.policy("profile = \"default\"\n");
    let _ = host.cli(&root, &["reset", "--yes", "alice"]);
    let alice = host.existing_user("alice", "alice's password");
    let phone = host.enroll(&alice).phone;
    let line = host.line();
    let login = |code: &str| line.login("alice", &from_address("192.0.2.1"), code).unwrap();
    let step = login(&phone.wrong_code(0));
    assert!(matches!(step, twinlock_interface::Step::Refuse { .. }), "{step:?}");
    let step = login(&phone.fresh_code());
    assert!(matches!(step, twinlock_interface::Step::Accept { .. }), "{step:?}");
}

#[test]
fn root_may_call_anything_with_anything() {
    in_sandbox(|host| {
        host.settable_clock();
        keep_stderr(host);
        let _people = ["alice", "bob"].map(|name| host.user(name));
        let daemon = host.daemon.start();
        let root = host.caller(0);
        let mut arguments = Arguments::new(1);
        let mut carried_out = BTreeSet::new();
        // The daemon counts calls of the standard interfaces as a stranger's until it has asked the
        // bus who calls, which it does for its own methods.
        root.status("alice").unwrap();
        for method in &methods(&root) {
            for _ in 0..ROUNDS {
                let body = arguments.body(method);
                if fits(body.as_ref()) && call(&root, method, body.as_ref()) {
                    carried_out.insert(method.short_name());
                }
            }
        }
        // Or it was all noise. The others want a code.
        for method in [
            "Enrollment.Begin",
            "Enrollment.Cancel",
            "Enrollment.Status",
            "Introspectable.Introspect",
            "Login.Begin",
            "Manager.Accounts",
            "Manager.Events",
            "Manager.IssueTicket",
            "Manager.Reset",
            "Manager.Unlock",
            "Policy.Apply",
            "Policy.Explain",
            "Policy.Show",
        ] {
            assert!(carried_out.contains(method), "{method} was never carried out");
        }
        stands(host, daemon);
    });
}

#[test]
fn anybody_may_try_to() {
    in_sandbox(|host| {
        host.settable_clock();
        keep_stderr(host);
        let _alice = host.enroll(&host.user("alice"));
        let daemon = host.daemon.start();
        let methods = methods(&host.caller(0));
        let nobody = nix::unistd::User::from_name("nobody").unwrap().expect("nobody").uid.as_raw();
        let others = (1..OTHERS).map(|nth| host.user(&format!("p{nth}")).uid);
        let before = host.line().status("alice");
        for (seed, uid) in std::iter::once(nobody).chain(others).enumerate() {
            let mut arguments = Arguments::new(100 + seed as u64);
            let caller = host.caller(uid);
            for nth in 0..CALLS_OF_ANOTHER {
                let method = &methods[(seed * CALLS_OF_ANOTHER + nth) % methods.len()];
                let body = arguments.body(method);
                if fits(body.as_ref()) {
                    call(&caller, method, body.as_ref());
                }
            }
        }
        assert_eq!(host.line().status("alice"), before);
        stands(host, daemon);
    });
}

/// Whether it is a message that is answered at all.
fn fits(body: Option<&Structure<'_>>) -> bool {
    let Some(body) = body else { return true };
    let message = Message::method_call("/", "X").build(body);
    message.is_ok_and(|message| message.header().primary().body_len() < 15_000)
}
