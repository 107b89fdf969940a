//! Every decision and change is written down: one row, in the transaction that makes it, and one line
//! on syslog in the same words, in which nobody can forge anything and no secret stands (I15); what is
//! kept is bounded (I21), and `twinlock audit` tells it.

mod changes;
mod command;
mod crash;
mod enrolling;
mod fail2ban;
mod follow;
mod forgery;
mod full_disk;
mod line;
mod logins;
mod refused_calls;
mod retention;
mod scene;
mod secrecy;
