//! `make bench`: what a login costs, next to the two modules people use today.
//!
//! Everything runs on a private copy of this host (see the library), with the state of all three
//! on its real disk. How it is measured, and what the columns mean, stands in `docs/benchmark.md`.
//!
//! | room | what it holds |
//! |---|---|
//! | [`login`] | one login, as a process of its own |
//! | [`client`] | starting such processes and timing them |
//! | [`contender`] | the three modules |
//! | [`people`], [`enrolment`] | accounts, and their records in the three formats |
//! | [`codes`] | one-time codes, each used once |
//! | [`latency`], [`throughput`], [`work`], [`race`], [`footprint`] | the measurements |
//! | [`ground`], [`report`] | the machine they were made on; the numbers, the targets, the table |

mod client;
mod codes;
mod contender;
mod enrolment;
mod footprint;
mod ground;
mod latency;
mod login;
mod people;
mod plan;
mod race;
mod report;
mod throughput;
mod work;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::LazyLock,
    time::Instant,
};

use nix::unistd::geteuid;
use twinlock_tests::{Host, in_sandbox, sandbox};

use ground::Ground;
use people::People;
use plan::Plan;
use report::Report;

const USAGE: &str = "usage: twinlock-bench [--quick] [--memory] [--json FILE]";
/// Where the run inside leaves its numbers, below the state directory.
const NUMBERS: &str = "numbers.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [word, service, user] = arguments.as_slice()
        && word == login::WORD
    {
        return login::run(service, user);
    }
    if sandbox::is_inside() {
        let [state, flags @ ..] = arguments.as_slice() else { return refuse(USAGE) };
        let plan = Plan::from_flags(flags);
        let mut ours_was_right = false;
        in_sandbox(|host| ours_was_right = measure(host, &plan, Path::new(state)));
        return if ours_was_right { ExitCode::SUCCESS } else { ExitCode::from(WRONG_ANSWERS) };
    }
    run_inside(&arguments)
}

/// Exit code of a run in which Twinlock refused a right code or took one twice. A missed speed
/// target is a report and no failure.
const WRONG_ANSWERS: u8 = 3;

fn run_inside(arguments: &[String]) -> ExitCode {
    let (mut flags, mut json) = (Vec::new(), None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match (word.as_str(), word == "--json") {
            ("--quick" | "--memory", _) => flags.push(word),
            (_, true) => match words.next() {
                Some(file) => json = Some(PathBuf::from(file)),
                None => return refuse(USAGE),
            },
            _ => return refuse(USAGE),
        }
    }
    if !geteuid().is_root() {
        return refuse("The sandbox needs root. Run: sudo make bench");
    }
    let state = ground::state_directory();
    let status = sandbox::command().arg(&state).args(flags).status();
    let copied = json.as_ref().map(|file| fs::copy(state.join(NUMBERS), file));
    ground::remove(&state);
    match (status, copied) {
        (Err(error), _) => refuse(&format!("setpriv and unshare (util-linux): {error}")),
        (Ok(status), _) if status.code() == Some(WRONG_ANSWERS.into()) => {
            refuse("Twinlock gave wrong answers; see above.")
        }
        (Ok(status), _) if !status.success() => refuse("The run broke off; see above."),
        (Ok(_), Some(Err(error))) => refuse(&format!("the JSON file: {error}")),
        (Ok(_), _) => ExitCode::SUCCESS,
    }
}

/// The whole run; whether every answer of ours was right.
fn measure(host: &Host, plan: &Plan, state: &Path) -> bool {
    let ground = Ground::prepare(state, plan.in_memory);
    contender::write_services();
    let mut people = People::default();
    let mut report = Report::new(plan, ground.conditions());
    for stage in &plan.stages {
        progress(&format!("enrolling up to {} users in each of the three", stage.users));
        enrolment::grow(host, &mut people, stage.users);
        if stage.latency > 0 {
            progress(&format!("{} logins one after the other, each", stage.latency));
            let measured = latency::measure(&mut people, stage.latency);
            report.latencies.push((stage.users, measured));
        }
        if stage.parallel > 0 {
            progress(&format!(
                "{} logins, {} at a time, each",
                stage.parallel,
                throughput::AT_ONCE
            ));
            report.throughput = Some(throughput::measure(host, &mut people, stage.parallel));
            progress(&format!("one code raced {} ways, {} rounds", race::WAYS, plan.rounds));
            report.race = Some(race::measure(&mut people, plan.rounds));
        }
    }
    progress("memory, start, threads, sizes");
    report.footprint = Some(footprint::measure(host, &mut people, plan.starts));
    println!("{report}");
    fs::write(ground.numbers(NUMBERS), report.json().to_string()).unwrap();
    report.ours_was_right()
}

/// On standard error, so that the table stands alone on standard output.
fn progress(what: &str) {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    eprintln!("bench {:>5.1} s: {what}", BEGAN.elapsed().as_secs_f64());
}

fn refuse(reason: &str) -> ExitCode {
    eprintln!("make bench: {reason}");
    ExitCode::FAILURE
}
