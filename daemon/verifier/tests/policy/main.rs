//! The effective policy is never weaker than the rules say, and what cannot be told is taken to the
//! safe side (I9). Each file is named after a promise, each test after the sentence it proves.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod by_example;
#[cfg(test)]
mod never_freer;
#[cfg(test)]
mod never_milder;
#[cfg(test)]
mod one_meaning;
#[cfg(test)]
mod rule_sets;
mod same_uid;
#[cfg(test)]
mod ways_in;
#[cfg(test)]
mod whole_world;
