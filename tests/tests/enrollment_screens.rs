//! The key is to be seen on the terminals people have: all of the picture on 24 lines of 80
//! characters, the key in words on narrower ones.

use twinlock_tests::{
    Host, User,
    enrolling::{ENROLLED, FIRST_CODE, NOTED, behind_a_password, key_on, page},
    in_sandbox,
    screen::{Screen, Size},
    ssh::{FirstFactor, PASSWORD_PROMPT, Sshd},
};

const BY_HAND: &str = "Add this to the authenticator app by hand:";

/// A login of alice on a screen of that size, at the page with the key.
fn at_the_key(host: &Host, sshd: &Sshd, alice: &User, columns: usize) -> Screen {
    host.enroll_in_logins();
    let screen = Screen::start_at(Size { columns, rows: 24 }, &sshd.ssh(alice, &[]));
    let _ = screen.expect(PASSWORD_PROMPT);
    screen.type_line(&alice.password);
    let _ = screen.expect(FIRST_CODE);
    screen
}

fn blocks(text: &str) -> usize {
    text.matches(['█', '▀', '▄']).count()
}

#[test]
fn twenty_four_lines_of_eighty_show_the_whole_picture_and_the_question() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let screen = at_the_key(host, &sshd, &alice, 80);
        let rows = screen.rows();
        assert_eq!(rows[23].trim_end(), FIRST_CODE.trim_end(), "{rows:#?}");
        let phone = host.phone(&screen.scan());
        screen.type_line(&phone.fresh_code());
        let noted = screen.expect(NOTED);
        assert!(noted.contains("These are your recovery codes"), "all of them: {noted}");
        screen.note();
        screen.type_line("echo running as $(id -un)");
        let _ = screen.expect("running as alice");
        assert!(sshd.lets_in(&alice, &phone.fresh_code()));
    });
}

#[test]
fn forty_columns_break_the_picture_and_enter_shows_the_key_whole() {
    in_sandbox(|host| {
        host.settable_clock();
        let alice = host.user("alice");
        let sshd = host.sshd(FirstFactor::Password);
        let screen = at_the_key(host, &sshd, &alice, 40);
        assert_eq!(screen.try_to_scan(), None);
        screen.type_line("");
        let _ = screen.expect(BY_HAND);
        let _ = screen.expect(&format!("log in again.\n{FIRST_CODE}"));
        // Row by row, as the eye sees it.
        let key = key_on(&screen.rows().join("\n"));
        screen.type_line(&host.phone_with(&key).fresh_code());
        let _ = screen.expect(NOTED);
        screen.note();
        let _ = screen.expect(ENROLLED);
    });
}

#[test]
fn a_picture_wider_than_eighty_columns_is_not_drawn() {
    in_sandbox(|host| {
        let _ = host.user("alice");
        host.enroll_in_logins();
        let line = host.line();
        let first_page = |issuer: &str| {
            host.settings(&format!("issuer = \"{issuer}\"\n"));
            let (_, step) = line.begin("alice", &behind_a_password("192.0.2.10")).unwrap();
            page(step, FIRST_CODE)
        };
        // Each of these letters takes six characters in a key URI, and stands there twice.
        for (letters, drawn) in [(28, true), (32, false)] {
            let issuer = "Ü".repeat(letters);
            let shown = first_page(&issuer);
            assert_eq!(blocks(&shown) > 0, drawn, "{letters}: {shown}");
            assert_eq!(shown.contains(BY_HAND) && shown.contains(&issuer), !drawn, "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{letters}: {shown}");
            assert_eq!(key_on(&shown).len(), 32);
        }
    });
}
