//! Neither row nor line holds a key, a code, a recovery code, a ticket or a password (I15).

use twinlock_interface::{
    EnrollmentRequest, ImportedAuthenticator,
    proxy::{EnrollmentProxy, ManagerProxy},
};
use twinlock_tests::{
    Enrolled,
    enrolling::{FIRST_CODE, behind_a_password, key_on, page},
    in_sandbox,
    login::from_address,
    ssh::{CODE_PROMPT, FirstFactor},
};

use crate::scene::{OFFICE, Scene, WRONG_TICKET};

/// A key that was brought along, and a recovery code of another program's.
const BROUGHT: &str = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";
const SCRATCH: &str = "58713924";

/// Whatever was secret, in the ways it may be spelled.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn add(&mut self, secret: &str) {
        self.0.push(secret.to_owned());
        self.0.push(secret.replace(['-', ' '], ""));
        self.0.push(secret.to_lowercase());
    }

    fn add_all(&mut self, enrolled: &Enrolled) {
        self.add(&enrolled.phone.secret);
        enrolled.recovery_codes.iter().for_each(|code| self.add(code));
    }

    fn are_not_in(&self, text: &str) {
        for secret in &self.0 {
            assert!(!text.contains(secret.as_str()), "{secret} stands in {text}");
        }
    }
}

#[test]
fn neither_rows_nor_lines_hold_what_is_secret() {
    in_sandbox(|host| {
        let scene = Scene::set(host);
        let mut secrets = Secrets::default();
        let (alice, alices) = scene.enrolled("alice");
        secrets.add_all(&alices);
        secrets.add(&alices.phone.spent_code());
        let sshd = host.sshd(FirstFactor::Password);
        secrets.add(&alice.password);

        // Logins: right, spent, wrong, recovery codes, a password in the wrong place, a slip.
        let fresh = alices.phone.fresh_code();
        let wrong = alices.phone.wrong_code(7);
        for code in [&fresh, &fresh, &wrong, &alices.recovery_codes[0]] {
            secrets.add(code);
            let _ = sshd.lets_in(&alice, code);
        }
        let mut login = sshd.first_factor(&alice, &sshd.ssh(&alice, &["true"]));
        login.answer(CODE_PROMPT, "my dog's name 1");
        secrets.add("my dog's name 1");
        let _ = login.finish();
        for answer in ["correct horse battery", WRONG_TICKET] {
            secrets.add(answer);
            let _ = scene.sshd.login("alice", &from_address(OFFICE), answer).unwrap();
        }

        // Commands, each with what is typed into it.
        let mut code = || {
            let code = alices.phone.fresh_code();
            secrets.add(&code);
            code
        };
        let cli = |arguments: &[&str], input: &str| {
            host.cli_reading(&alice, arguments, &format!("{input}\n")).expect_success(input)
        };
        let _ = cli(&["check"], &code());
        let renewed = cli(&["codes", "renew", "--json"], &code()).json();
        let proof = code();
        for code in renewed["recovery_codes"].as_array().unwrap() {
            secrets.add(code.as_str().unwrap());
        }
        let second = host.enroll_with(&alice, &["--name", "tablet"], Some(&proof));
        secrets.add_all(&second);

        // A key that is brought along, in a good request and in a bad one.
        secrets.add(BROUGHT);
        let bob = host.user("bob");
        let bobs = host.caller(bob.uid);
        let brought = |digits| EnrollmentRequest {
            name: Some("token".to_owned()),
            secret: Some(BROUGHT.to_owned()),
            digits,
            ..EnrollmentRequest::default()
        };
        let _ = bobs.begin_enrollment_of("bob", &brought(Some(77))).unwrap_err();
        let _ = bobs.begin_enrollment_of("bob", &brought(None)).unwrap();
        let _ = bobs.confirm_enrollment("bob", &fresh).unwrap_err();
        let uri = format!("otpauth://totp/x?secret={BROUGHT}&digits=77");
        let request = EnrollmentRequest { key_uri: Some(uri), ..EnrollmentRequest::default() };
        let _ = bobs.begin_enrollment_of("bob", &request).unwrap_err();
        // Where a name belongs.
        let misplaced = bobs.run(async {
            let enrollment = EnrollmentProxy::new(bobs.connection()).await.unwrap();
            enrollment.rename("bob", &fresh, BROUGHT, &wrong).await
        });
        assert!(misplaced.is_err());

        // Tickets and enrolment in a login.
        let carol = host.user("carol");
        let ticket = host.cli(&host.root(), &["ticket", "carol", "--json"]).json();
        let ticket = ticket["ticket"].as_str().unwrap();
        secrets.add(ticket);
        let (session, _) = scene.sshd.begin("carol", &behind_a_password(OFFICE)).unwrap();
        let key = key_on(&page(scene.sshd.answer(&session, ticket).unwrap(), FIRST_CODE));
        secrets.add(&key);
        let phone = host.phone_with(&key);
        let first = [phone.wrong_code(3), phone.fresh_code()];
        first.iter().for_each(|code| secrets.add(code));
        let _ = scene.sshd.answer(&session, &first[0]).unwrap();
        let noted = scene.sshd.recovery_page(&session, &first[1]);
        noted.iter().for_each(|code| secrets.add(code));
        let _ = scene.sshd.note(&session);
        assert_eq!(host.status(&carol)["state"], "on");

        // What another program kept.
        let _ = host.user("dave");
        secrets.add(SCRATCH);
        let imported = |kind: &str| ImportedAuthenticator {
            name: "token".to_owned(),
            kind: kind.to_owned(),
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: 30,
            secret: BROUGHT.to_owned(),
            last_spent: None,
        };
        scene.root.run(async {
            let manager = ManagerProxy::new(scene.root.connection()).await.unwrap();
            let odd = [imported(BROUGHT)];
            assert!(manager.import("dave", &odd, &[SCRATCH], false).await.is_err());
            manager.import("dave", &[imported("totp")], &[SCRATCH], false).await.unwrap();
        });

        // A recovery code takes an authenticator away.
        let recovery = renewed["recovery_codes"][3].as_str().unwrap();
        let _ = cli(&["remove", "--authenticator", "tablet"], recovery);

        let rows = scene.left();
        let lines = host.syslog.lines();
        assert!(rows.len() >= 25 && lines.len() >= rows.len(), "{} rows", rows.len());
        for row in rows {
            let texts =
                [row.action, row.outcome, row.reason, row.user, row.service, row.rhost, row.tty];
            texts
                .iter()
                .chain([&row.ruser, &row.details])
                .for_each(|text| secrets.are_not_in(text));
        }
        for line in lines {
            secrets.are_not_in(&line);
        }
    });
}
