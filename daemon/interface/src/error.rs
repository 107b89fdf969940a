//! Every error the daemon answers with.
//!
//! A negative decision about a login is a [`Step`](crate::Step), not an error: an error means that
//! the daemon could not or would not handle the call.

/// D-Bus errors, named `org.twinlock.Twinlock1.Error.<Variant>`. The text is for the person and
/// says what to do.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.twinlock.Twinlock1.Error")]
pub enum Error {
    /// The call did not get through: no bus, no daemon, no reply.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The caller may not do this to this account, or is gone.
    NotAuthorized(String),
    /// The host knows no such account. Told to root only; anybody else gets `NotAuthorized`, so that
    /// names cannot be tried out.
    NoSuchAccount(String),
    /// The host's user database has given a recorded name or uid to somebody else. Nothing is done
    /// for either until root resets the record.
    AccountMismatch(String),
    /// The account has no authenticator.
    NotEnrolled(String),
    /// The account has an authenticator already; it is never replaced silently.
    AlreadyEnrolled(String),
    /// The account has an authenticator: its owner needs a fresh code to add another.
    ProofRequired(String),
    /// An enrolment with another name or key is under way; it must be confirmed or cancelled first.
    EnrollmentUnderWay(String),
    /// The account has no authenticator of that name.
    NoSuchAuthenticator(String),
    /// The account has an authenticator of that name already.
    NameTaken(String),
    /// The account has an authenticator with that key already.
    KeyTaken(String),
    /// The account has as many authenticators as it may have.
    TooManyAuthenticators(String),
    /// This host asks the account for a code, so its last authenticator stays.
    Required(String),
    /// `Confirm` or `Cancel` without a pending enrolment; `Confirm` also after it expired.
    NoPendingEnrollment(String),
    /// The code is wrong, spent or malformed.
    WrongCode(String),
    /// The throttle is closed; the text says until when. Nothing was compared or charged.
    Throttled(String),
    /// The host knows no such group.
    NoSuchGroup(String),
    /// The policy has no rule of that number.
    NoSuchRule(String),
    /// The policy was changed since the revision that the change was made for.
    PolicyChanged(String),
    /// The change would take an account's way in that was not to be lost.
    WouldLockOut(String),
    /// No such login session: unknown, expired, answered, or somebody else's.
    NoSuchSession(String),
    /// Too many calls from this uid at once or in this minute.
    LimitsExceeded(String),
    /// An argument is too long, malformed, or contradicts another.
    InvalidArgument(String),
    /// The daemon cannot decide now: database, key or user database out of reach. Details are in
    /// the system log, never here.
    Unavailable(String),
}
