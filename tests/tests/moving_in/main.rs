//! What `pam_google_authenticator` and `pam_oath` kept is taken over as it is: the phone goes on, a
//! code that was used there stays used, and nothing is read, written or told that is not theirs
//! (I1, I2, I12, I15, I18). oathtool plays the phones.

mod google_authenticator;
mod homes;
mod oath;
mod report;
mod scene;
mod secrecy;
