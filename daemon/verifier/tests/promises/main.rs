//! Each file is named after a promise, each test after the sentence it proves.

#[cfg(test)]
mod clock;
#[cfg(test)]
mod counters;
#[cfg(test)]
mod enrollment;
#[cfg(test)]
mod one_time_use;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod recovery_codes;
#[cfg(test)]
mod remembered;
#[cfg(test)]
mod skew;
#[cfg(test)]
mod sources_apart;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod throttling;
#[cfg(test)]
mod tickets;
