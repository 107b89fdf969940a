//! What failures are called.

use serde::Serialize;

/// The name of a failure, for scripts: written as it is spelt here. The first group are the
/// daemon's own errors without their prefix; the rest is this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::enum_variant_names, reason = "`NameTaken` is the contract's word")]
pub(crate) enum Name {
    NotAuthorized,
    NoSuchAccount,
    AccountMismatch,
    NotEnrolled,
    AlreadyEnrolled,
    ProofRequired,
    EnrollmentUnderWay,
    NoSuchAuthenticator,
    NameTaken,
    KeyTaken,
    TooManyAuthenticators,
    Required,
    NoPendingEnrollment,
    WrongCode,
    Throttled,
    NoSuchGroup,
    NoSuchRule,
    PolicyChanged,
    WouldLockOut,
    NoSuchSession,
    LimitsExceeded,
    InvalidArgument,
    Unavailable,

    Usage,
    NoInput,
    NotConfirmed,
    Interrupted,
    Input,
    Output,
    FileExists,
    NoKeyInPicture,
    CodeSpent,
    CodeOutOfWindow,
    NotImported,
    PolicyFile,
    PolicyDiffers,

    NotEditable,
    SshdSettings,
    WouldBeOpen,
    OnTrial,
    NoTrial,
    NotProven,
    PutBack,
    Busy,
    NotKept,
    Findings,

    BusUnreachable,
    AccessDenied,
    DaemonUnreachable,
    DeadlineExceeded,
    VersionMismatch,
    BusFailure,
}
