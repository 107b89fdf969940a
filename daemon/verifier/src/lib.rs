//! Pure decisions about one-time codes: no IO, no clock, no async, no randomness.
//!
//! Time, random bytes and stored state come in as parameters; a verdict goes out together with
//! what must be stored for it to hold.
//!
//! | room | what it holds |
//! |---|---|
//! | [`time`] | a moment, in whole seconds since the Unix epoch |
//! | [`shared_secret`] | the key that phone and host share |
//! | [`moving_factor`] | the time step or counter a code is made from |
//! | [`hotp`](mod@hotp), [`totp`] | the codes themselves (RFC 4226, RFC 6238) |
//! | [`authenticator`] | one enrolled phone or token, and which of its codes are spent |
//! | [`key_uri`](mod@key_uri) | what the QR code says, written and read |
//! | [`answer`] | what a claimant typed, parsed once |
//! | [`recovery`] | recovery codes |
//! | [`source`] | where a login comes from |
//! | [`throttle`] | how many failures may come from there |
//! | [`enrollment`] | from a shown secret to a confirmed authenticator |
//! | [`judge`](mod@judge) | the decision |
//! | [`policy`](mod@policy) | who must give a code, where and for what |
//! | [`remembered`] | the source that gave a right code a while ago |
//! | [`diagnosis`] | by how much a phone's clock is off |

#![forbid(unsafe_code)]

pub mod answer;
pub mod authenticator;
mod comparison;
pub mod diagnosis;
pub mod enrollment;
pub mod hotp;
pub mod judge;
pub mod key_uri;
pub mod moving_factor;
pub mod policy;
pub mod recovery;
pub mod remembered;
pub mod shared_secret;
pub mod source;
pub mod throttle;
pub mod time;
pub mod totp;

pub use answer::{Answer, Otp};
pub use authenticator::{
    Authenticator, AuthenticatorId, InvalidParameters, Kind, Parameters, ReplayRecord,
};
pub use enrollment::{Confirmed, Pending};
pub use hotp::{Algorithm, Digits, LookAhead, RESYNC_REACH, hotp};
pub use judge::{
    Account, Change, Judgement, Proof, RecoveryAttempt, RecoveryCharge, Refusal, RightTicket,
    Rules, Verdict, charge_recovery, judge, judge_first_code, malformed, redeem, redeem_ticket,
};
pub use key_uri::{InvalidKeyUri, KeyUri, key_uri};
pub use moving_factor::MovingFactor;
pub use policy::{
    Claimant, Decision, InvalidRule, InvalidSubnet, Judged, Level, Membership, Occasion, Place,
    Policy, Rule, RuleId, Scope, Service, Spot, Standing, Subnet,
};
pub use recovery::{CODES_PER_SET, RecoveryCode, RecoveryCodeId};
pub use remembered::Remember;
pub use shared_secret::{InvalidSecret, SecretLength, SharedSecret};
pub use source::{Network, Source};
pub use throttle::{Closure, Lane, LaneKey, Limits, Profile, Throttle};
pub use time::Timestamp;
pub use totp::{Period, Window};
