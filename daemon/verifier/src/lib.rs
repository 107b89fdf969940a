//! Pure decisions about one-time codes: no IO, no clock, no async, no randomness.
//!
//! Time, random bytes and stored state come in as parameters; a verdict goes out together with
//! what must be stored for it to hold.
//!
//! | room | what it holds |
//! |---|---|
//! | [`time`] | a moment, in whole seconds since the Unix epoch |
//! | [`shared_secret`] | the key that phone and host share |
//! | [`hotp`](mod@hotp), [`totp`] | the codes themselves (RFC 4226, RFC 6238) |
//! | [`key_uri`](mod@key_uri) | what the QR code says |
//! | [`answer`] | what a claimant typed, parsed once |
//! | [`recovery`] | recovery codes |
//! | [`source`] | where a login comes from |
//! | [`throttle`] | how many failures may come from there |
//! | [`enrollment`] | from a shown secret to a confirmed authenticator |
//! | [`judge`](mod@judge) | the decision |

#![forbid(unsafe_code)]

pub mod answer;
pub mod enrollment;
pub mod hotp;
pub mod judge;
pub mod key_uri;
pub mod recovery;
pub mod shared_secret;
pub mod source;
pub mod throttle;
pub mod time;
pub mod totp;

pub use answer::{Answer, Otp};
pub use enrollment::{Confirmed, Pending};
pub use hotp::{Algorithm, Digits, hotp};
pub use judge::{
    Account, Authenticator, AuthenticatorId, Change, Judgement, Proof, RecoveryAttempt,
    RecoveryCharge, Refusal, Rules, Verdict, charge_recovery, judge, malformed, redeem,
};
pub use key_uri::key_uri;
pub use recovery::{CODES_PER_SET, RecoveryCode, RecoveryCodeId};
pub use shared_secret::{InvalidSecret, SecretLength, SharedSecret};
pub use source::{Network, Source};
pub use throttle::{Closure, Lane, LaneKey, Limits, Throttle};
pub use time::Timestamp;
pub use totp::{MatchedSteps, Period, TimeStep, TotpParameters, Window, matching_steps};
