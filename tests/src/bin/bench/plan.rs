//! How much is measured.

/// What is done at one number of enrolled users.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) users: usize,
    /// Logins one after the other, per contender.
    pub(crate) latency: usize,
    /// Logins in parallel, per contender, each of another user.
    pub(crate) parallel: usize,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    /// State on a tmpfs, to see what the disk takes.
    pub(crate) in_memory: bool,
    pub(crate) stages: Vec<Stage>,
    /// Rounds of the race.
    pub(crate) rounds: usize,
    /// Starts of the daemon.
    pub(crate) starts: usize,
}

impl Plan {
    pub(crate) fn from_flags(flags: &[String]) -> Self {
        let given = |flag: &str| flags.iter().any(|other| other == flag);
        let quick = given("--quick");
        let amount = |full: usize, quickly: usize| if quick { quickly } else { full };
        let stage = |users, latency, parallel| Stage { users, latency, parallel };
        Self {
            quick,
            in_memory: given("--memory"),
            stages: vec![
                stage(100, amount(240, 60), 0),
                stage(1_000, 0, amount(1_000, 200)),
                stage(10_000, amount(240, 60), 0),
            ],
            rounds: amount(20, 5),
            starts: amount(15, 5),
        }
    }
}
