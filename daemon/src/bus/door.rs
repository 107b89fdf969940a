//! What every call passes before a use case sees it: its size, who it comes from, how often.
//!
//! The uid comes from the bus and never from an argument (CVE-2018-1116). A caller the bus no
//! longer knows is refused, not taken for anybody (CVE-2021-3560).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use twinlock_interface::names::{MAX_MESSAGE_BYTES, MAX_NAME_BYTES};
use zbus::{Connection, fdo::DBusProxy, message::Header, names::BusName, proxy::CacheProperties};

use super::authorization::Operation;
use crate::{clock, daemon::Daemon, failure::Failure, identity::Identity};

/// Calls of one unprivileged uid at a time, and in a minute.
const IN_FLIGHT: usize = 8;
const PER_MINUTE: usize = 60;
const MINUTE: Duration = Duration::from_secs(60);

pub(super) struct Door {
    pub(super) daemon: Arc<Daemon>,
    bus: DBusProxy<'static>,
    traffic: Arc<Mutex<HashMap<u32, Traffic>>>,
}

/// What one unprivileged uid has been doing.
#[derive(Default)]
struct Traffic {
    in_flight: usize,
    /// Calls since `window` began.
    calls: usize,
    window: Option<Instant>,
}

/// A call that was let in; counts as in flight until dropped.
pub(super) struct Call {
    pub(super) caller: u32,
    operation: Operation,
    traffic: Option<Arc<Mutex<HashMap<u32, Traffic>>>>,
}

impl Door {
    pub(super) async fn new(
        connection: &Connection,
        daemon: Arc<Daemon>,
    ) -> Result<Self, zbus::Error> {
        let bus = DBusProxy::builder(connection).cache_properties(CacheProperties::No);
        Ok(Self { daemon, bus: bus.build().await?, traffic: Arc::default() })
    }

    /// Lets a call in, or says why not.
    pub(super) async fn enter(
        &self,
        header: &Header<'_>,
        operation: Operation,
    ) -> Result<Call, Failure> {
        let length = usize::try_from(header.primary().body_len()).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE_BYTES {
            return Err(Failure::InvalidArgument("the message is too long"));
        }
        let sender = header.sender().ok_or(Failure::NotAuthorized)?;
        let caller = self
            .bus
            .get_connection_unix_user(BusName::Unique(sender.clone()))
            .await
            .map_err(|_| Failure::NotAuthorized)?;
        if caller == 0 {
            return Ok(Call { caller, operation, traffic: None });
        }
        self.count(caller, clock::monotonic())?;
        Ok(Call { caller, operation, traffic: Some(self.traffic.clone()) })
    }

    /// The account called `name`, if the caller may do this to it. `None` only for root: to others
    /// an unknown name is as forbidden as somebody else's.
    pub(super) async fn account(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Option<Identity>, Failure> {
        if name.len() > MAX_NAME_BYTES {
            return Err(Failure::InvalidArgument("the user name is too long"));
        }
        // Nothing is looked up for those whom no answer would let in.
        if call.caller != 0 && !call.operation.permits(call.caller, Some(&own(call, name))) {
            return Err(Failure::NotAuthorized);
        }
        let account = self.daemon.identities.by_name(name).await?;
        if call.operation.permits(call.caller, account.as_ref()) {
            Ok(account)
        } else {
            Err(Failure::NotAuthorized)
        }
    }

    fn count(&self, uid: u32, now: Instant) -> Result<(), Failure> {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = |one: &Traffic| {
            one.window.is_none_or(|window| now.saturating_duration_since(window) >= MINUTE)
        };
        // Bounded by the uids that called within a minute (I21).
        traffic.retain(|_, one| one.in_flight > 0 || !stale(one));
        let own = traffic.entry(uid).or_default();
        if stale(own) {
            (own.calls, own.window) = (0, Some(now));
        }
        if own.in_flight >= IN_FLIGHT || own.calls >= PER_MINUTE {
            return Err(Failure::LimitsExceeded);
        }
        own.in_flight = own.in_flight.saturating_add(1);
        own.calls = own.calls.saturating_add(1);
        Ok(())
    }
}

/// The best case for the caller: that `name` is their own.
fn own(call: &Call, name: &str) -> Identity {
    Identity { uid: call.caller, name: name.to_owned() }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(traffic) = &self.traffic else { return };
        let mut traffic = traffic.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = traffic.get_mut(&self.caller) {
            own.in_flight = own.in_flight.saturating_sub(1);
        }
    }
}
