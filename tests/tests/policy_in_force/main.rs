//! A login meets what `twinlock policy explain` says it will, whatever rules there are: through real
//! sshd from two networks, through sudo and su, and through libpam in every combination (I8, I9).

mod by_ssh;
mod by_sudo;
mod combinations;
mod conversation;
mod networks;
mod orders;
mod scene;
mod states;
