//! Whether polkit lets somebody who is not root act as an administrator.
//!
//! polkit is told the name of the connection that called and nothing else about the caller: a pid
//! may be another program's by now (CVE-2025-67859), and a uid in a message is anybody's word
//! (CVE-2018-1116). Whatever is not a plain yes is a no: no polkit, an error, a caller that went
//! away, no answer in time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;
use zbus::{
    connection::{AuthMechanism, Builder},
    fdo,
    message::{Flags, Header},
    proxy::CacheProperties,
};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

use super::{
    authorization::Permission,
    connect,
    socket::{BusSocket, Replies},
    traffic::Traffic,
};
use crate::{audit::Audit, failure::Failure};

/// How long somebody may take to type a password.
const PATIENCE: Duration = Duration::from_secs(120);
/// Questions at a time, one for each uid: each holds a connection of root's, of which the bus grants
/// a few hundred.
const AT_ONCE: usize = 8;

/// The questions that wait for an answer.
#[derive(Clone, Default)]
pub(super) struct Polkit(Arc<Mutex<HashSet<u32>>>);

/// A question under way; it counts until dropped.
struct Asking {
    uid: u32,
    polkit: Polkit,
}

impl Polkit {
    fn asking(&self) -> MutexGuard<'_, HashSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the sender of this call, whose uid is `caller`, has the permission now. Asks them for
    /// a password only if the call says that it may wait for one.
    ///
    /// Whoever relies on a yes makes sure afterwards that the sender is still there: polkit itself
    /// once took somebody who had left for root (CVE-2021-3560).
    pub(super) async fn permits(
        &self,
        caller: u32,
        header: &Header<'_>,
        permission: Permission,
        audit: &Audit,
    ) -> Result<bool, Failure> {
        let _asking = self.begin(caller).ok_or(Failure::LimitsExceeded)?;
        // Leaving takes the connection down, at which polkit drops the question.
        match timeout(PATIENCE, ask(header, permission)).await {
            Ok(Ok(permits)) => Ok(permits),
            // Not every host has polkit.
            Ok(Err(zbus::Error::FDO(error))) if matches!(*error, fdo::Error::ServiceUnknown(_)) => {
                Ok(false)
            }
            Ok(Err(error)) => {
                audit.trouble(&format!("polkit: {}: {error}", permission.action_id()));
                Ok(false)
            }
            Err(_elapsed) => Ok(false),
        }
    }

    fn begin(&self, uid: u32) -> Option<Asking> {
        let mut asking = self.asking();
        let begins = asking.len() < AT_ONCE && asking.insert(uid);
        begins.then(|| Asking { uid, polkit: self.clone() })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.polkit.asking().remove(&self.uid);
    }
}

/// Asks over a connection of its own: the daemon's others read nothing that does not come from the
/// bus itself.
async fn ask(header: &Header<'_>, permission: Permission) -> zbus::Result<bool> {
    let stream = connect().await?;
    let socket =
        BusSocket { stream, traffic: Traffic::default(), replies: Replies::FromWhomIsAsked };
    let connection =
        Builder::socket(socket).auth_mechanism(AuthMechanism::External).build().await?;
    let polkit =
        AuthorityProxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
    let subject = Subject::new_for_message_header(header)
        .map_err(|error| zbus::Error::Failure(error.to_string()))?;
    let flags = if header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH) {
        CheckAuthorizationFlags::ALLOW_USER_INTERACTION
    } else {
        CheckAuthorizationFlags::empty()
    };
    let action = permission.action_id();
    let result = polkit.check_authorization(&subject, action, &[].into(), flags, "").await?;
    Ok(result.is_authorized)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_asked_one_question_at_a_time() {
        let polkit = Polkit::default();
        let asking = polkit.begin(1000).unwrap();
        assert!(polkit.begin(1000).is_none());
        assert!(polkit.begin(1001).is_some());
        drop(asking);
        assert!(polkit.begin(1000).is_some());
    }

    #[test]
    fn a_question_that_was_not_begun_ends_none() {
        let polkit = Polkit::default();
        let _asking = polkit.begin(1000).unwrap();
        drop(polkit.begin(1000));
        assert!(polkit.begin(1000).is_none());
    }

    #[test]
    fn questions_are_bounded_whoever_is_asked() {
        let polkit = Polkit::default();
        let asking: Vec<_> = (0..100).filter_map(|uid| polkit.begin(uid)).collect();
        assert_eq!(asking.len(), AT_ONCE);
        drop(asking);
        assert!(polkit.begin(100).is_some());
    }
}
