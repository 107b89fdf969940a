//! One code, many sessions: all stand at the prompt, and all answer at once.

use crate::{
    client::Login,
    contender::{ALL, Contender, in_turn},
    people::People,
};

/// Sessions per code.
pub(crate) const WAYS: usize = 16;

/// How many of the sessions got in, round by round. One is right.
#[derive(Debug, Default)]
pub(crate) struct Race {
    pub(crate) accepts: Vec<usize>,
}

impl Race {
    pub(crate) fn fewest(&self) -> usize {
        self.accepts.iter().copied().min().unwrap_or_default()
    }

    pub(crate) fn most(&self) -> usize {
        self.accepts.iter().copied().max().unwrap_or_default()
    }
}

pub(crate) fn measure(people: &mut People, rounds: usize) -> [Race; ALL.len()] {
    let mut races: [Race; ALL.len()] = Default::default();
    for round in 0..rounds {
        for contender in in_turn(round) {
            races[contender.index()].accepts.push(run_round(people, contender));
        }
    }
    races
}

fn run_round(people: &mut People, contender: Contender) -> usize {
    let (person, code) = people.next(contender);
    let mut logins: Vec<_> = (0..WAYS).map(|_| Login::start(contender, &person.name)).collect();
    logins.iter_mut().for_each(Login::wait_for_prompt);
    logins.iter_mut().for_each(|login| login.answer(&code));
    logins.into_iter().map(Login::end).filter(|ended| ended.accepted).count()
}
