//! From nothing to a served bus name, and back.

use std::{path::Path, sync::Arc, time::Duration};

use nix::{
    sys::{
        mman::{MlockAllFlags, mlockall},
        prctl,
        resource::{RLIM_INFINITY, Resource, setrlimit},
    },
    unistd::Uid,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{interval, timeout},
};

use crate::{
    audit::Audit,
    bus::{self, BusError},
    clock,
    config::{self, Config, ConfigError},
    daemon::Daemon,
    failure::Failure,
    policy::Policies,
    store::{Store, StoreError, expiry::Lifetimes},
    vault::{
        Vault,
        key_source::{self, KeyError},
    },
};

/// Where everything that outlives the process lives.
const STATE: &str = "/var/lib/twinlock";
/// How long calls under way may take to end when the daemon is told to.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often expired records are removed.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Why the daemon does not start, or stopped. Each says what to do.
#[derive(Debug)]
pub(crate) enum RunError {
    NotRoot,
    Config(ConfigError),
    Store(StoreError),
    Key(KeyError),
    /// The database was sealed under a key this is not.
    OtherKey,
    Bus(BusError),
    BusLost,
    System(&'static str, std::io::Error),
    Setup(Failure),
}

impl RunError {
    /// 78 (EX_CONFIG of sysexits.h) for what another start cannot change, else 1.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::NotRoot
            | Self::Config(_)
            | Self::Key(_)
            | Self::OtherKey
            | Self::Store(StoreError::Unfit(..) | StoreError::Newer { .. }) => 78,
            Self::Store(_) | Self::Bus(_) | Self::BusLost | Self::System(..) | Self::Setup(_) => 1,
        }
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRoot => f.write_str("twinlockd must run as root; the system bus starts it"),
            Self::Config(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
            Self::OtherKey => write!(
                f,
                "{STATE}: the database was sealed with another master key than the one found; \
                 put the right {} back from your backup",
                key_source::FILE
            ),
            Self::Bus(error) => error.fmt(f),
            Self::BusLost => f.write_str("the system bus closed the connection"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::Setup(failure) => write!(f, "{failure:?}"),
        }
    }
}

/// Runs until told to end.
pub(crate) fn run() -> Result<(), RunError> {
    if !Uid::effective().is_root() {
        return Err(RunError::NotRoot);
    }
    let audit = Audit::start().map_err(|error| RunError::System("audit thread", error))?;
    keep_memory_to_ourselves(&audit)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // More than ever block at a time (`identity::queue`, `recovery_hash`).
        .max_blocking_threads(24)
        .build()
        .map_err(|error| RunError::System("async runtime", error))?;
    let ended = runtime.block_on(serve(audit));
    // A look-up that hangs in a directory service must not keep the next daemon from starting.
    runtime.shutdown_background();
    ended
}

async fn serve(audit: Audit) -> Result<(), RunError> {
    let daemon = Arc::new(open(audit).await?);
    let catch = |kind| signal(kind).map_err(|error| RunError::System("signals", error));
    let (mut terminate, mut interrupt) =
        (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    let served = bus::serve(daemon.clone()).await.map_err(RunError::Bus)?;
    tokio::spawn(remove_expired(daemon.clone()));
    // Not under systemd there is nobody to tell.
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = served.lost() => return Err(RunError::BusLost),
    }
    // Who is being judged gets an answer.
    drop(timeout(FAREWELL, served.end()).await);
    daemon.audit.flush();
    Ok(())
}

/// Removes what has ended by itself, now and then.
async fn remove_expired(daemon: Arc<Daemon>) {
    let mut turn = interval(HOUSEKEEPING);
    loop {
        turn.tick().await;
        let (now, config) = (clock::now(), &daemon.config);
        let lifetimes = Lifetimes {
            pending: config.pending_lifetime,
            remembered: daemon.policies.now().policy.longest_remembered(),
            events: config.audit,
        };
        let removed = daemon.store.run(move |records| records.remove_expired(now, lifetimes));
        if let Err(error) = removed.await {
            daemon.audit.trouble(&error.to_string());
        }
    }
}

async fn open(audit: Audit) -> Result<Daemon, RunError> {
    let state = Path::new(STATE);
    let config = Config::load(Path::new(config::PATH)).map_err(RunError::Config)?;
    let audit = Arc::new(audit);
    let store = Store::open(state, audit.clone()).map_err(RunError::Store)?;
    let sealed = store.run(|records| records.any_sealed_field()).await.map_err(RunError::Store)?;
    let credentials = credentials_directory();
    let master = key_source::master_key(credentials.as_deref(), state, sealed.is_none())
        .map_err(RunError::Key)?;
    let vault = Vault::new(&master);
    if sealed.is_some_and(|sealed| !vault.sealed_here(&sealed)) {
        return Err(RunError::OtherKey);
    }
    let stored = store.run(|records| records.policy()).await.map_err(RunError::Store)?;
    let policies = Policies::new(stored, &config);
    Daemon::new(config, store, Arc::new(vault), audit, policies).map_err(RunError::Setup)
}

/// Where systemd put credentials. The variable names a place and carries no secret; whoever can
/// set it for a root service is root.
fn credentials_directory() -> Option<std::path::PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "systemd has no other way to say where")]
    std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into)
}

/// No core file, no ptrace by others, no swap (I15).
fn keep_memory_to_ourselves(audit: &Audit) -> Result<(), RunError> {
    let failed = |what| move |error: nix::Error| RunError::System(what, error.into());
    prctl::set_dumpable(false).map_err(failed("PR_SET_DUMPABLE"))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(failed("RLIMIT_CORE"))?;
    // On fault, so that locking does not make every untouched page of every stack resident. Future
    // pages only without a limit: under one, a later thread or buffer would fail instead.
    let on_fault = MlockAllFlags::from_bits_retain(nix::libc::MCL_ONFAULT);
    let flags = match setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY) {
        Ok(()) => MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault,
        Err(_) => MlockAllFlags::MCL_CURRENT | on_fault,
    };
    // A container may forbid it. Nobody should be locked out for the sake of their swap.
    if let Err(error) = mlockall(flags) {
        audit.trouble(&format!("mlockall: {error}: secrets in memory may reach the swap"));
    }
    Ok(())
}
