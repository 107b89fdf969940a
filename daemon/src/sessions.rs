//! Logins that wait for their answer.
//!
//! A handle is good for one answer, for the caller that opened it, for a few minutes (I11). It
//! lives in memory only: after a restart the person starts again, which costs them one prompt.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;
use tokio::task::JoinSet;
use twinlock_interface::LoginContext;
use twinlock_verifier::{
    authenticator::AuthenticatorId, enrollment::Confirmed, source::Source, throttle::LaneKey,
};

use crate::{failure::Failure, identity::Identity, policy::Demand};

/// Sessions at a time (I21). When they run out the oldest goes: its person types again, whereas
/// refusing new ones would let whoever filled the table keep everybody out.
const AT_ONCE: usize = 4096;
/// Sessions at a time for one account and lane of its throttle, and for all names nobody has
/// together. Who opens more pushes out their own, not those of others (I20).
const PER_LANE: usize = 128;
/// The same for callers other than root.
const PER_LANE_UNPRIVILEGED: usize = 8;
const TOKEN_BYTES: usize = 16;

/// Whose code is awaited.
#[derive(Clone, Debug)]
pub(crate) enum Claimant {
    Known(Identity),
    /// No such account, or not the one that is recorded: refused whatever is answered, at the same
    /// cost (I16).
    Nobody {
        name: String,
        reason: &'static str,
    },
}

/// What a login's open question asks for.
#[derive(Debug)]
pub(crate) enum Stage {
    /// A code, or the ticket that opens enrolment.
    Code,
    /// The first code of the pending enrolment that was shown.
    FirstCode(FirstCode),
    /// That the recovery codes are noted.
    Noted(Noted),
    /// The same, but a later login of the account has come as far.
    Outrun,
}

/// How far the conversation about the first code has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstCode {
    /// The one that was shown; no other is gone on with.
    pub(crate) pending: AuthenticatorId,
    pub(crate) tries_left: u8,
    /// Whether the page has been shown without its picture.
    pub(crate) plain: bool,
    /// Whether an earlier login has shown the key.
    pub(crate) resumed: bool,
}

/// An enrolment that counts as soon as its recovery codes are noted.
pub(crate) struct Noted {
    pub(crate) confirmed: Confirmed,
    /// The hashes of the codes on the screen, one result, being worked out while they are noted.
    /// Whoever hangs up ends the work.
    pub(crate) hashes: JoinSet<Result<Vec<String>, Failure>>,
}

impl std::fmt::Debug for Noted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Noted")
    }
}

/// One login between its question and its answer.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) caller: u32,
    pub(crate) claimant: Claimant,
    pub(crate) source: Source,
    /// The lane that decided about the source when the session was opened.
    pub(crate) lane: LaneKey,
    pub(crate) context: LoginContext,
    /// What the policy asked of this login when it began.
    pub(crate) demand: Demand,
    pub(crate) stage: Stage,
}

impl Session {
    /// Whether both are about to complete an enrolment of one account.
    fn completes_the_same(&self, other: &Self) -> bool {
        matches!((&self.stage, &other.stage), (Stage::Noted(_), Stage::Noted(_)))
            && matches!(
                (&self.claimant, &other.claimant),
                (Claimant::Known(one), Claimant::Known(two)) if one.uid == two.uid
            )
    }

    /// Whether two sessions draw on the same allowance.
    fn shares_with(&self, other: &Self) -> bool {
        match (&self.claimant, &other.claimant) {
            (Claimant::Known(one), Claimant::Known(two)) => {
                one.uid == two.uid && self.lane == other.lane
            }
            (Claimant::Nobody { .. }, Claimant::Nobody { .. }) => true,
            (Claimant::Known(_), Claimant::Nobody { .. })
            | (Claimant::Nobody { .. }, Claimant::Known(_)) => false,
        }
    }
}

struct Open {
    session: Session,
    token: [u8; TOKEN_BYTES],
    opened: Instant,
}

/// The table, oldest first.
pub(crate) struct Sessions {
    open: BTreeMap<u64, Open>,
    next: u64,
    lifetime: Duration,
}

impl Sessions {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { open: BTreeMap::new(), next: 0, lifetime }
    }

    /// Opens a session; the handle is a serial number and 128 random bits.
    pub(crate) fn open(&mut self, session: Session, now: Instant) -> Result<String, Failure> {
        let mut token = [0_u8; TOKEN_BYTES];
        getrandom::fill(&mut token).map_err(|_| Failure::Internal("no random bytes"))?;
        let serial = self.next;
        self.next = self.next.wrapping_add(1);
        self.insert(serial, Open { session, token, opened: now });
        Ok(format!("{serial:x}-{}", HEXLOWER.encode(&token)))
    }

    /// Puts a session that was taken back for another question, under the handle it had.
    pub(crate) fn reopen(
        &mut self,
        handle: &str,
        session: Session,
        now: Instant,
    ) -> Result<(), Failure> {
        let (serial, token) = parse(handle).ok_or(Failure::NoSuchSession)?;
        if let Stage::Noted(_) = session.stage {
            // Only one of an account's can complete: whoever hung up at theirs must not keep the
            // hashing busy for everybody (I21).
            for open in self.open.values_mut() {
                if open.session.completes_the_same(&session) {
                    open.session.stage = Stage::Outrun;
                }
            }
        }
        self.insert(serial, Open { session, token, opened: now });
        Ok(())
    }

    fn insert(&mut self, serial: u64, open: Open) {
        self.expire(open.opened);
        self.make_room(&open.session);
        self.open.insert(serial, open);
    }

    /// Takes the session out, for its one answer. Whatever is wrong with the handle, the answer is
    /// the same, and a wrong handle leaves the session of its owner alone.
    pub(crate) fn take(
        &mut self,
        handle: &str,
        caller: u32,
        now: Instant,
    ) -> Result<Session, Failure> {
        self.expire(now);
        let (serial, token) = parse(handle).ok_or(Failure::NoSuchSession)?;
        let open = self.open.get(&serial).ok_or(Failure::NoSuchSession)?;
        if !bool::from(open.token.ct_eq(&token)) || open.session.caller != caller {
            return Err(Failure::NoSuchSession);
        }
        // One behind a reopened session, which is younger than its place, may be left over.
        if self.is_over(open, now) {
            return Err(Failure::NoSuchSession);
        }
        self.open.remove(&serial).map(|open| open.session).ok_or(Failure::NoSuchSession)
    }

    fn is_over(&self, open: &Open, now: Instant) -> bool {
        now.saturating_duration_since(open.opened) >= self.lifetime
    }

    fn expire(&mut self, now: Instant) {
        while let Some((_, oldest)) = self.open.first_key_value()
            && self.is_over(oldest, now)
        {
            self.open.pop_first();
        }
    }

    fn make_room(&mut self, session: &Session) {
        let allowance = if session.caller == 0 { PER_LANE } else { PER_LANE_UNPRIVILEGED };
        let mut own = self.open.iter().filter(|(_, open)| open.session.shares_with(session));
        let oldest = own.next().map(|(serial, _)| *serial);
        if own.count().saturating_add(1) >= allowance {
            oldest.map(|serial| self.open.remove(&serial));
        }
        if self.open.len() >= AT_ONCE {
            self.open.pop_first();
        }
    }
}

fn parse(handle: &str) -> Option<(u64, [u8; TOKEN_BYTES])> {
    let (serial, token) = handle.split_once('-')?;
    let token = HEXLOWER.decode(token.as_bytes()).ok()?;
    Some((u64::from_str_radix(serial, 16).ok()?, token.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn session(caller: u32) -> Session {
        session_of(caller, 1000, LaneKey::Unknown)
    }

    fn session_of(caller: u32, uid: u32, lane: LaneKey) -> Session {
        Session {
            caller,
            claimant: Claimant::Known(Identity { uid, name: format!("user{uid}") }),
            source: Source::Unidentified,
            lane,
            context: LoginContext::default(),
            demand: Demand::default(),
            stage: Stage::Code,
        }
    }

    #[test]
    fn a_handle_is_good_once_for_its_caller() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        let handle = sessions.open(session(0), now).unwrap();
        assert!(sessions.take(&handle, 1000, now).is_err());
        assert!(sessions.take(&handle, 0, now).is_ok());
        assert!(sessions.take(&handle, 0, now).is_err());
    }

    #[test]
    fn a_handle_ends_with_its_lifetime() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        let handle = sessions.open(session(0), now).unwrap();
        assert!(sessions.take(&handle, 0, now + LIFETIME).is_err());
        assert!(sessions.open.is_empty());
    }

    #[test]
    fn a_reopened_session_keeps_its_handle_and_outlives_no_other() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        let long = sessions.open(session(0), now).unwrap();
        let other = sessions.open(session(0), now).unwrap();
        let later = now + LIFETIME / 2;
        let taken = sessions.take(&long, 0, later).unwrap();
        assert!(sessions.take(&long, 0, later).is_err(), "one answer in flight");
        sessions.reopen(&long, taken, later).unwrap();
        assert!(sessions.take(&other, 0, now + LIFETIME).is_err());
        assert!(sessions.take(&long, 0, now + LIFETIME).is_ok());
    }

    #[test]
    fn a_guessed_handle_opens_nothing_and_harms_nobody() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        let handle = sessions.open(session(0), now).unwrap();
        let guess = format!("0-{}", "00".repeat(TOKEN_BYTES));
        for wrong in ["", "0", "0-", "-", "x-y", &guess, &handle[..handle.len() - 2]] {
            assert!(sessions.take(wrong, 0, now).is_err(), "{wrong:?}");
        }
        assert!(sessions.take(&handle, 0, now).is_ok());
    }

    #[test]
    fn whoever_opens_many_sessions_pushes_out_their_own() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        let known = session_of(0, 1000, LaneKey::Local);
        let bystanders = [known, session_of(0, 1001, LaneKey::Unknown)];
        let bystanders = bystanders.map(|session| sessions.open(session, now).unwrap());
        let flood: Vec<_> = (0..200).map(|_| sessions.open(session(0), now).unwrap()).collect();
        assert_eq!(sessions.open.len(), PER_LANE + 2);
        assert!(sessions.take(&flood[199 - PER_LANE], 0, now).is_err());
        assert!(sessions.take(&flood[200 - PER_LANE], 0, now).is_ok());
        for handle in bystanders {
            assert!(sessions.take(&handle, 0, now).is_ok());
        }
    }

    #[test]
    fn invented_names_share_one_allowance() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        for number in 0..200 {
            let name = format!("invented{number}");
            let claimant = Claimant::Nobody { name, reason: "unknown-name" };
            sessions.open(Session { claimant, ..session(0) }, now).unwrap();
        }
        assert_eq!(sessions.open.len(), PER_LANE);
    }

    #[test]
    fn the_table_is_bounded_for_everybody_and_more_so_for_each_user() {
        let (mut sessions, now) = (Sessions::new(LIFETIME), Instant::now());
        for _ in 0..20 {
            sessions.open(session_of(1000, 1000, LaneKey::OwnProgram), now).unwrap();
        }
        assert_eq!(sessions.open.len(), PER_LANE_UNPRIVILEGED);
        for uid in 2000..2100 {
            for _ in 0..PER_LANE {
                sessions.open(session_of(0, uid, LaneKey::Unknown), now).unwrap();
            }
        }
        assert_eq!(sessions.open.len(), AT_ONCE);
    }
}
