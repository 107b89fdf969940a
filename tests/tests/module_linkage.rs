//! What the module tells the dynamic linker: all it exports, what it can reach, how it stays (I13).

use std::{fs, path::PathBuf};

use twinlock_tests::{
    command::{as_root, run},
    stage,
};

fn module() -> PathBuf {
    let libraries = fs::read_dir(stage::tree().join("usr/lib")).unwrap().flatten();
    libraries
        .map(|directory| directory.path().join("security/pam_twinlock.so"))
        .chain([stage::tree().join("usr/lib/security/pam_twinlock.so")])
        .find(|module| module.exists())
        .expect("a staged module")
}

fn told(program: &str, options: &str) -> String {
    let outcome = run(as_root(program).arg(options).arg(module()), "");
    outcome.expect_success(program).stdout
}

#[test]
fn the_six_entry_points_are_all_that_is_exported() {
    let symbols = told("nm", "--dynamic");
    let exported: Vec<_> = symbols
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(kind, _)| !kind.ends_with(['U', 'w', 'v']))
        .map(|(_, name)| name)
        .collect();
    assert_eq!(
        exported,
        [
            "pam_sm_acct_mgmt",
            "pam_sm_authenticate",
            "pam_sm_chauthtok",
            "pam_sm_close_session",
            "pam_sm_open_session",
            "pam_sm_setcred"
        ]
    );
}

/// Functions with which a library changes its process, starts another, or finds out where to go
/// from outside.
const FOREIGN_FUNCTIONS: &str = "\
    pthread_create clone fork vfork execve execvp posix_spawn posix_spawnp system sigaction signal \
    sigprocmask pthread_sigmask sigaltstack signalfd setenv putenv unsetenv clearenv setlocale \
    uselocale umask chdir fchdir setuid setgid setresuid setresgid setgroups setrlimit prctl dlopen \
    openlog closelog exit _exit getaddrinfo bind atexit";

#[test]
fn the_module_cannot_even_name_what_would_change_the_host() {
    let symbols = told("nm", "--dynamic");
    let imported = symbols.lines().filter_map(|line| line.trim_start().split_once(['U', 'w']));
    let imported: Vec<_> = imported
        .filter_map(|(before, name)| before.is_empty().then_some(name.trim()))
        .map(|name| name.split('@').next().unwrap_or_default())
        .collect();
    assert!(imported.contains(&"pam_get_item"), "{imported:?}");
    for function in FOREIGN_FUNCTIONS.split_whitespace() {
        assert!(!imported.contains(&function), "{function} in {imported:?}");
    }
    let dynamic = told("readelf", "--dynamic");
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    for library in needed {
        let known = ["libpam.so", "libc.so", "libgcc_s.so", "ld-linux"];
        assert!(known.iter().any(|known| library.contains(known)), "{library}");
    }
}

#[test]
fn the_module_stays_mapped_and_is_whole_when_it_is_loaded() {
    let dynamic = told("readelf", "--dynamic");
    let flags = dynamic.lines().find(|line| line.contains("(FLAGS_1)")).unwrap_or_default();
    assert!(flags.contains("NODELETE") && flags.contains("NOW"), "{dynamic}");
    assert!(dynamic.contains("BIND_NOW") && !dynamic.contains("TEXTREL"), "{dynamic}");
    let segments = told("readelf", "--program-headers");
    assert!(segments.contains("GNU_RELRO"), "{segments}");
    let stack = segments.split("GNU_STACK").nth(1).unwrap();
    let flags = stack.lines().nth(1).unwrap();
    assert!(flags.contains("RW ") && !flags.contains('E'), "an executable stack: {flags}");
}
