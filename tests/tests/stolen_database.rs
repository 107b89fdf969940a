//! Who gets hold of the database, or can write to it, gains nothing, and no log tells a secret
//! (I15, I17).

use std::{fs, path::Path};

use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER, HEXUPPER};
use twinlock_tests::{
    Host, OPTIONAL, Terminal, User,
    command::{as_root, run},
    enrolled::Enrolled,
    host::DATABASE,
    in_sandbox,
    login::{PamLogin, ending, from_address},
    ssh::{CODE_PROMPT, FirstFactor},
    sudo::PASSWORD_PROMPT,
};

const MASTER_KEY: &str = "/var/lib/twinlock/master.key";
const OFFICE: &str = "192.0.2.10";

/// What a thief carries away: the database and its write-ahead log.
fn loot() -> Vec<u8> {
    let mut loot = fs::read(DATABASE).unwrap();
    loot.extend(fs::read(format!("{DATABASE}-wal")).unwrap_or_default());
    loot
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A text in lower and upper case.
fn cases(text: &str) -> [Vec<u8>; 2] {
    [text.to_lowercase().into(), text.to_uppercase().into()]
}

/// Every spelling of a base32 secret somebody could have stored.
fn spellings_of_secret(base32: &str) -> Vec<Vec<u8>> {
    let raw = BASE32_NOPAD.decode(base32.as_bytes()).unwrap();
    let groups = base32.as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap());
    let grouped = groups.collect::<Vec<_>>().join(" ");
    let mut spellings = vec![
        BASE64.encode(&raw).into_bytes(),
        HEXLOWER.encode(&raw).into_bytes(),
        HEXUPPER.encode(&raw).into_bytes(),
    ];
    spellings.extend(cases(base32));
    spellings.extend(cases(&grouped));
    spellings.push(raw);
    spellings
}

/// Every spelling of a recovery code somebody could have stored.
fn spellings_of_recovery_code(code: &str) -> Vec<Vec<u8>> {
    let symbols = code.replace('-', "");
    let mut spellings = Vec::from(cases(code));
    spellings.extend(cases(&symbols));
    spellings.push(BASE32_NOPAD.decode(symbols.as_bytes()).unwrap());
    spellings
}

/// Every spelling of everything a person was given.
fn spellings_of_all(enrolled: &Enrolled) -> Vec<Vec<u8>> {
    let codes = enrolled.recovery_codes.iter().flat_map(|code| spellings_of_recovery_code(code));
    spellings_of_secret(&enrolled.phone.secret).into_iter().chain(codes).collect()
}

fn sqlite(sql: &str) -> String {
    run(as_root("sqlite3").args([DATABASE, sql]), "").expect_success("sqlite3").stdout
}

#[test]
fn a_stolen_database_shows_neither_secrets_nor_recovery_codes() {
    in_sandbox(|host| {
        host.settable_clock();
        let [alice, bob] = ["alice", "bob"].map(|name| host.user(name));
        let enrolled = host.enroll(&alice);
        // bob's secret has been shown, and is waiting to be confirmed.
        let pending = host.cli(&bob, &["enroll", "--json"]).stdout;
        let pending = pending.lines().next().unwrap();
        let key_uri =
            serde_json::from_str::<serde_json::Value>(pending).unwrap()["key_uri"].clone();
        let pending = host.phone(key_uri.as_str().unwrap());
        let master_key = fs::read_to_string(MASTER_KEY).unwrap();
        let mut given = spellings_of_all(&enrolled);
        given.extend(spellings_of_secret(&pending.secret));
        given.extend(cases(master_key.trim()));
        given.push(HEXLOWER.decode(master_key.trim().as_bytes()).unwrap());

        let unused = loot();
        for code in [&enrolled.phone.fresh_code(), &enrolled.recovery_codes[0]] {
            assert_eq!(PamLogin::run("alice", OFFICE, code).code, ending::SUCCESS);
        }
        let used = loot();
        // As a backup takes it: the log written back, the daemon gone.
        host.daemon.kill();
        sqlite("VACUUM");
        for (name, loot) in [("unused", unused), ("used", used), ("at rest", loot())] {
            assert!(holds(&loot, b"alice") && holds(&loot, b"bob"), "{name}: not the database");
            for spelling in &given {
                assert!(!holds(&loot, spelling), "{name}: {}", String::from_utf8_lossy(spelling));
            }
        }
    });
}

#[test]
fn a_removed_secret_leaves_nothing_behind() {
    in_sandbox(|host| {
        host.policy(OPTIONAL);
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        // Through the write-ahead log and into the file.
        host.daemon.kill();
        let sealed = sqlite("SELECT hex(sealed_secret) FROM authenticators");
        let sealed = HEXUPPER.decode(sealed.trim().as_bytes()).unwrap();
        let hash = sqlite("SELECT hash FROM recovery_codes LIMIT 1");
        assert!(holds(&loot(), &sealed) && holds(&loot(), hash.trim().as_bytes()));

        let code = enrolled.phone.fresh_code() + "\n";
        host.cli_reading(&alice, &["remove"], &code).expect_success("remove");
        host.daemon.kill();
        sqlite("PRAGMA wal_checkpoint(TRUNCATE)");
        assert!(!holds(&loot(), &sealed), "the sealed secret");
        assert!(!holds(&loot(), hash.trim().as_bytes()), "a recovery code's hash");
    });
}

/// Swaps what two accounts have in a column of their authenticators.
fn swap(column: &str) {
    sqlite(&format!(
        "CREATE TEMP TABLE before AS SELECT uid, {column} FROM authenticators;
         UPDATE authenticators SET {column} =
            (SELECT {column} FROM before WHERE before.uid <> authenticators.uid);"
    ));
}

/// Whether alice and bob get in with their own phones.
fn let_in(people: &[Enrolled; 2]) -> [String; 2] {
    let [alice, bob] = people.each_ref().map(|enrolled| enrolled.phone.fresh_code());
    [("alice", alice), ("bob", bob)].map(|(name, code)| PamLogin::run(name, OFFICE, &code).code)
}

fn alice_and_bob(host: &Host) -> [Enrolled; 2] {
    host.settable_clock();
    ["alice", "bob"].map(|name| host.enroll(&host.user(name)))
}

#[test]
fn swapped_secrets_let_nobody_in_and_are_audited() {
    in_sandbox(|host| {
        let people = alice_and_bob(host);
        host.daemon.kill();
        swap("sealed_secret");
        let [with_alices, with_bobs] = people.each_ref().map(|one| one.phone.fresh_code());
        for (user, code) in [
            ("alice", &with_alices),
            ("alice", &with_bobs),
            ("bob", &with_alices),
            ("bob", &with_bobs),
        ] {
            let denied = PamLogin::run(user, OFFICE, code);
            assert_eq!(denied.code, ending::AUTHINFO_UNAVAIL, "{user}: {denied:?}");
            assert!(host.line().login(user, &from_address(OFFICE), code).is_err());
        }
        for user in ["alice", "bob"] {
            let line =
                host.syslog.expect(&format!("outcome=failed reason=unavailable user=\"{user}\""));
            assert!(line.contains("login "), "{line}");
        }
        assert!(host.syslog.expect("moved from another row").contains("twinlockd"));

        // It was the swap that kept them out.
        host.daemon.kill();
        swap("sealed_secret");
        assert_eq!(let_in(&people), [ending::SUCCESS; 2]);
    });
}

#[test]
fn a_secret_copied_to_another_account_does_not_open_there() {
    in_sandbox(|host| {
        let [alice, bob] = alice_and_bob(host);
        host.daemon.kill();
        // bob can write to the database and would like to be alice with his own phone.
        sqlite(
            "UPDATE authenticators SET sealed_secret =
                (SELECT sealed_secret FROM authenticators JOIN accounts USING (uid)
                 WHERE accounts.name = 'bob')
             WHERE uid = (SELECT uid FROM accounts WHERE name = 'alice')",
        );
        for code in [bob.phone.fresh_code(), alice.phone.fresh_code()] {
            assert_eq!(PamLogin::run("alice", OFFICE, &code).code, ending::AUTHINFO_UNAVAIL);
        }
        assert_eq!(PamLogin::run("bob", OFFICE, &bob.phone.fresh_code()).code, ending::SUCCESS);
    });
}

#[test]
fn other_parameters_do_not_open_a_secret() {
    in_sandbox(|host| {
        let people = alice_and_bob(host);
        for (column, value) in [("digits", "8"), ("period", "300"), ("algorithm", "'SHA256'")] {
            host.daemon.kill();
            let before = sqlite(&format!("SELECT quote({column}) FROM authenticators LIMIT 1"));
            sqlite(&format!("UPDATE authenticators SET {column} = {value}"));
            assert_eq!(let_in(&people), [ending::AUTHINFO_UNAVAIL; 2], "{column}");
            host.daemon.kill();
            sqlite(&format!("UPDATE authenticators SET {column} = {before}"));
            assert_eq!(let_in(&people), [ending::SUCCESS; 2], "{column}");
        }
    });
}

/// What was typed or shown in a test.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn keep(&mut self, text: String) -> String {
        self.0.push(text.clone());
        text
    }
}

/// Everything a person types, right and wrong, through every door.
fn type_everywhere(host: &Host, alice: &User, enrolled: &Enrolled, typed: &mut Notes) {
    let sshd = host.sshd(FirstFactor::Password);
    host.sudo_asks_for_a_code();
    let wrong = typed.keep(enrolled.phone.wrong_code(0));
    assert!(!sshd.lets_in(alice, &wrong));
    let right = typed.keep(enrolled.phone.fresh_code());
    assert!(sshd.lets_in(alice, &right));
    assert!(!sshd.lets_in(alice, &right));
    assert!(!sshd.lets_in(alice, &typed.keep(alice.password.clone())));
    assert!(sshd.lets_in(alice, &enrolled.recovery_codes[0]));
    assert!(!sshd.lets_in(alice, &enrolled.recovery_codes[0]));
    let code = typed.keep(enrolled.phone.fresh_code());
    let in_groups = typed.keep(format!("{} {}", &code[..3], &code[3..]));
    assert_eq!(PamLogin::run("alice", OFFICE, &in_groups).code, ending::SUCCESS);
    let mut sudo = Terminal::start(&host.sudo(alice, &["id"]));
    sudo.answer(PASSWORD_PROMPT, &alice.password);
    sudo.answer(CODE_PROMPT, &typed.keep(enrolled.phone.fresh_code()));
    sudo.finish().expect_success("sudo");
    let wrong = typed.keep(enrolled.phone.wrong_code(1)) + "\n";
    host.cli_reading(alice, &["remove"], &wrong).expect_failure("remove with a wrong code");
}

#[test]
fn no_log_argument_or_environment_tells_a_secret() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let enrolled = host.enroll(&alice);
        let mut typed = Notes::default();
        typed.keep(fs::read_to_string(MASTER_KEY).unwrap().trim().to_owned());
        type_everywhere(host, &alice, &enrolled, &mut typed);
        // And when the daemon is in trouble.
        host.daemon.kill();
        sqlite("UPDATE authenticators SET digits = 8");
        let code = typed.keep(enrolled.phone.fresh_code());
        assert_eq!(PamLogin::run("alice", OFFICE, &code).code, ending::AUTHINFO_UNAVAIL);
        let _ = host.syslog.expect("outcome=failed");

        let process = Path::new("/proc").join(host.daemon.pid().unwrap().to_string());
        let mut places = host.syslog.lines();
        assert!(places.len() > 20, "{places:#?}");
        for file in ["cmdline", "environ"] {
            places.push(String::from_utf8_lossy(&fs::read(process.join(file)).unwrap()).into());
        }
        let mut secrets = spellings_of_all(&enrolled);
        secrets.extend(typed.0.into_iter().map(String::into_bytes));
        for place in &places {
            for secret in &secrets {
                let told = holds(place.as_bytes(), secret);
                assert!(!told, "{} in: {place}", String::from_utf8_lossy(secret));
            }
        }
    });
}
