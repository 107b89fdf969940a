//! The doctor goes through stacks as libpam does: over stacks made at random, it finds a way in without
//! a code where libpam lets somebody in who gives none, and nowhere else.

use std::{collections::BTreeSet, ffi::CString, fs};

use twinlock_tests::{
    in_sandbox,
    pam_client::{Code, Phase, Reply, Transaction},
};

use crate::scene::visit;

const STACKS: u64 = 400;
/// What says that the code can be got round.
const WAYS_ROUND: [&str; 3] = ["sufficient-before-code", "jump-around-code", "refusal-ignored"];
/// Each treats all failures alike, so that it does not matter how the module says no.
const CONTROLS: [&str; 16] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=1 default=ignore]",
    "[success=2 default=bad]",
    "[success=ok default=1]",
    "[success=3 default=die]",
    "[success=done default=bad]",
    "[success=ok default=die]",
    "[success=reset default=bad]",
    "[success=bad default=reset]",
    "[success=ignore default=ok]",
    "[success=ok default=done]",
    "[success=die default=ignore]",
    "[default=2]",
];

/// xorshift64: the same stacks in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn module(&mut self) -> String {
        let module = ["pam_permit.so", "pam_permit.so", "pam_deny.so"][self.throw(3)];
        self.line(module)
    }

    fn line(&mut self, module: &str) -> String {
        format!("auth {} {module}\n", CONTROLS[self.throw(CONTROLS.len())])
    }
}

/// Writes the service and a file it includes; the module stands in one of the two.
fn make(name: &str, dice: &mut Dice) {
    let inner = format!("{name}-inner");
    let mut lines: Vec<String> = (0..dice.throw(5)).map(|_| dice.module()).collect();
    let mut inside: Vec<String> = (0..1 + dice.throw(4)).map(|_| dice.module()).collect();
    let ours = dice.line("pam_twinlock.so");
    let among = if dice.throw(4) == 0 { &mut inside } else { &mut lines };
    let place = dice.throw(among.len() + 1);
    among.insert(place, ours);
    let include = match dice.throw(3) {
        0 => format!("auth include {inner}\n"),
        1 => format!("@include {inner}\n"),
        _ => format!("auth substack {inner}\n"),
    };
    let place = dice.throw(lines.len() + 1);
    lines.insert(place, include);
    fs::write(format!("/etc/pam.d/{name}"), lines.concat()).unwrap();
    fs::write(format!("/etc/pam.d/{inner}"), inside.concat()).unwrap();
}

/// Whether libpam lets in somebody who says nothing.
fn lets_in(service: &str) -> bool {
    let service = CString::new(service).unwrap();
    let talk = |_, _: &_| Reply::Failure;
    let mut login = Transaction::start(&service, Some(c"alice"), talk).unwrap();
    login.run(Phase::Authenticate, 0) == Code::SUCCESS
}

#[test]
fn a_way_round_the_code_is_found_where_libpam_has_one_and_nowhere_else() {
    in_sandbox(|host| {
        let _alice = host.user("alice");
        host.daemon.start();
        let mut dice = Dice(0x7477_696e_6c6f_636b);
        let services: Vec<_> = (0..STACKS).map(|number| format!("made{number}")).collect();
        services.iter().for_each(|service| make(service, &mut dice));

        let report = visit(host);
        let named: BTreeSet<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| WAYS_ROUND.contains(&finding["name"].as_str().unwrap()))
            .flat_map(|finding| finding["services"].as_array().unwrap())
            .map(|service| service.as_str().unwrap())
            .collect();
        let mut open = 0;
        for service in &services {
            let let_in = lets_in(service);
            open += u32::from(let_in);
            let stack = |name: &str| fs::read_to_string(format!("/etc/pam.d/{name}")).unwrap();
            assert_eq!(
                named.contains(service.as_str()),
                let_in,
                "{service}:\n{}{service}-inner:\n{}",
                stack(service),
                stack(&format!("{service}-inner"))
            );
        }
        // Of both there are enough to tell something.
        assert!((40..360).contains(&open), "{open} of {STACKS} let in");
    });
}
