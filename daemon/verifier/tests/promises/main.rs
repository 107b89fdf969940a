//! Each file is named after a promise, each test after the sentence it proves.

#[cfg(test)]
mod clock;
#[cfg(test)]
mod enrollment;
#[cfg(test)]
mod one_time_use;
#[cfg(test)]
mod recovery_codes;
#[cfg(test)]
mod sources_apart;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod throttling;
