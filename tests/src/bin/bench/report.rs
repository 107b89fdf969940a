//! The numbers, the targets and whether they are met: as a table and as JSON.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use serde_json::{Map, Value, json};

use crate::{
    contender::{ALL, Contender},
    footprint::Footprint,
    latency::Latency,
    plan::Plan,
    race::{Race, WAYS},
    throughput::{AT_ONCE, Throughput},
};

mod targets;

/// Everything that was measured.
pub(crate) struct Report {
    quick: bool,
    in_memory: bool,
    conditions: Value,
    /// By number of enrolled users.
    pub(crate) latencies: Vec<(usize, [Latency; ALL.len()])>,
    pub(crate) throughput: Option<[Throughput; ALL.len()]>,
    pub(crate) race: Option<[Race; ALL.len()]>,
    pub(crate) footprint: Option<Footprint>,
}

impl Report {
    pub(crate) fn new(plan: &Plan, conditions: Value) -> Self {
        let (quick, in_memory) = (plan.quick, plan.in_memory);
        let (latencies, throughput, race, footprint) = (Vec::new(), None, None, None);
        Self { quick, in_memory, conditions, latencies, throughput, race, footprint }
    }

    /// No right code refused, every raced code taken exactly once.
    pub(crate) fn ours_was_right(&self) -> bool {
        let ours = Contender::Twinlock.index();
        let refused: usize = self.latencies.iter().map(|(_, all)| all[ours].refused()).sum();
        let refused = refused + self.throughput.map_or(0, |all| all[ours].refused);
        let race = self.race.as_ref().map(|all| &all[ours]);
        refused == 0 && race.is_none_or(|race| race.fewest() == 1 && race.most() == 1)
    }

    pub(crate) fn json(&self) -> Value {
        let latencies = self.latencies.iter().map(|(users, all)| {
            json!({ "users": users, "contenders": by_name(|one| latency_json(&all[one])) })
        });
        let throughput = self.throughput.map(|all| {
            by_name(|one| {
                let Throughput { logins, refused, work, .. } = all[one];
                let each = |part| milliseconds(all[one].work_per_login(part));
                json!({
                    "logins": logins,
                    "refused": refused,
                    "per_second": all[one].per_second().round(),
                    "processor_ms_per_login": each(work.logins),
                    "processor_ms_per_login_daemon": each(work.daemon),
                    "processor_ms_per_login_bus": each(work.bus),
                })
            })
        });
        let race = self.race.as_ref().map(|all| {
            by_name(|one| json!({ "ways": WAYS, "accepts_per_round": all[one].accepts }))
        });
        json!({
            "quick": self.quick,
            "state_in_memory": self.in_memory,
            "conditions": self.conditions,
            "latency": latencies.collect::<Vec<_>>(),
            "parallel": throughput,
            "race": race,
            "footprint": self.footprint.as_ref().map(footprint_json),
            "targets": self.targets().iter().map(targets::Target::json).collect::<Vec<_>>(),
        })
    }
}

fn by_name(value: impl Fn(usize) -> Value) -> Map<String, Value> {
    ALL.iter().map(|one| (one.name().to_owned(), value(one.index()))).collect()
}

fn latency_json(latency: &Latency) -> Value {
    json!({
        "logins": latency.count(),
        "refused": latency.refused(),
        "login_p50_ms": milliseconds(latency.whole(50)),
        "login_p95_ms": milliseconds(latency.whole(95)),
        "authenticate_p50_ms": milliseconds(latency.bare(50)),
        "authenticate_p95_ms": milliseconds(latency.bare(95)),
    })
}

fn footprint_json(footprint: &Footprint) -> Value {
    json!({
        "daemon_resident_bytes": footprint.resident,
        "daemon_proportional_bytes": footprint.proportional,
        "daemon_start_ms": milliseconds(footprint.start),
        "activation_to_first_answer_ms": milliseconds(footprint.first_answer),
        "modules": by_name(|one| json!({
            "bytes": footprint.module_bytes[one],
            "threads_in_host": footprint.threads[one],
            "processes_in_host": footprint.processes[one],
        })),
    })
}

/// With three digits behind the point, because more of them are noise.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = |key: &str| match &self.conditions[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let disk = if self.in_memory { "in memory" } else { "on disk" };
        writeln!(
            f,
            "\nTwinlock {}, {}",
            text("twinlock"),
            if self.quick { "a quick run" } else { "a full run" }
        )?;
        writeln!(
            f,
            "{} x {}, {}, Linux {}",
            text("processors"),
            text("processor"),
            text("distribution"),
            text("kernel")
        )?;
        writeln!(
            f,
            "state {disk} ({}, fdatasync {} us), load before {}\n",
            text("file_system"),
            text("fdatasync_p50_us"),
            text("load_before")
        )?;

        row(f, "", |one| ALL[one].name().to_owned())?;
        for (users, all) in &self.latencies {
            row(f, &format!("login p50, {users} users, ms"), |one| ms(all[one].whole(50)))?;
            row(f, "      p95", |one| ms(all[one].whole(95)))?;
            row(f, "pam_authenticate alone, p50", |one| ms(all[one].bare(50)))?;
            row(f, "      p95", |one| ms(all[one].bare(95)))?;
            row(f, "      right codes refused", |one| {
                format!("{}/{}", all[one].refused(), all[one].count())
            })?;
        }
        if let Some(all) = &self.throughput {
            row(f, &format!("logins/s, {AT_ONCE} at a time"), |one| {
                format!("{:.0}", all[one].per_second())
            })?;
            row(f, "      right codes refused", |one| {
                format!("{}/{}", all[one].refused, all[one].logins)
            })?;
            row(f, "      processor ms per login", |one| {
                ms(all[one].work_per_login(all[one].work.logins))
            })?;
            row(f, "      and of the daemon + the bus", |one| {
                let each = |part| ms(all[one].work_per_login(part));
                format!("{} + {}", each(all[one].work.daemon), each(all[one].work.bus))
            })?;
        }
        if let Some(all) = &self.race {
            row(f, &format!("one code {WAYS} ways, accepts"), |one| {
                format!("{}-{}", all[one].fewest(), all[one].most())
            })?;
        }
        if let Some(footprint) = &self.footprint {
            row(f, "module, KB", |one| format!("{:.0}", kilobytes(footprint.module_bytes[one])))?;
            row(f, "threads made in the host", |one| footprint.threads[one].to_string())?;
            let (resident, share) =
                (kilobytes(footprint.resident), kilobytes(footprint.proportional));
            writeln!(
                f,
                "\ntwinlockd after the run: {resident:.0} KB resident, {share:.0} KB its share"
            )?;
            writeln!(
                f,
                "twinlockd starts in {} ms; a call that has to start it is answered in {} ms",
                ms(footprint.start),
                ms(footprint.first_answer)
            )?;
        }
        writeln!(f)?;
        self.targets().iter().try_for_each(|target| writeln!(f, "{target}"))
    }
}

fn row(f: &mut Formatter<'_>, label: &str, cell: impl Fn(usize) -> String) -> fmt::Result {
    write!(f, "{label:<34}")?;
    for one in ALL {
        write!(f, "{:>22}", cell(one.index()))?;
    }
    writeln!(f)
}

fn ms(time: Duration) -> String {
    format!("{:.2}", milliseconds(time))
}

fn kilobytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX))
}
