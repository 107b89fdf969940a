//! What a login is for and where it happens, and which of those the rules can tell apart.

use core::fmt;
use std::collections::BTreeSet;

use super::{Fit, Place, Rule, Spot, Subnet};

/// What a login is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// `PAM_SERVICE`.
    Named(String),
    /// One that no rule names.
    Other,
    /// The caller does not tell.
    Untold,
}

/// What a login is for and where it happens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occasion {
    /// What for.
    pub service: Service,
    /// Where.
    pub place: Place,
}

impl Service {
    /// Whether it is one of the services that a rule names.
    pub(super) fn is_in(&self, services: &[String]) -> Fit {
        match self {
            _ if services.is_empty() => Fit::Yes,
            Self::Named(service) => services.contains(service).into(),
            Self::Other => Fit::No,
            Self::Untold => Fit::Perhaps,
        }
    }
}

/// The services that `rules` can tell apart.
pub(super) fn services<'r>(rules: impl Iterator<Item = &'r Rule>) -> Vec<Service> {
    let named: BTreeSet<_> = rules.flat_map(|rule| &rule.services).collect();
    named.into_iter().cloned().map(Service::Named).chain([Service::Other]).collect()
}

/// The places that `rules` can tell apart, but none where nobody can be: a subnet that is made of
/// smaller ones, all of which are named, has no address left.
pub(super) fn places<'r>(rules: impl Iterator<Item = &'r Rule>) -> Vec<Place> {
    let network = |spot: &Spot| match spot {
        Spot::Network(subnet) => Some(*subnet),
        Spot::Local => None,
    };
    let named: BTreeSet<_> = rules.flat_map(|rule| &rule.from).filter_map(network).collect();
    let named: Vec<_> = named.into_iter().collect();
    // In order of their addresses, the smaller ones stand behind the one that holds them.
    let has_room = |(place, subnet): &(usize, &Subnet)| {
        let behind = named.iter().skip(place.saturating_add(1));
        let smaller: Vec<_> = behind.take_while(|other| subnet.holds(other)).copied().collect();
        !subnet.is_covered_by(&smaller)
    };
    let is_all = [Subnet::ALL_V4, Subnet::ALL_V6].iter().all(|all| all.is_covered_by(&named));
    let elsewhere = (!is_all).then_some(Place::Elsewhere);
    let within = named.iter().enumerate().filter(has_room);
    let within = within.map(|(_, subnet)| Place::Within(*subnet));
    elsewhere.into_iter().chain(within).chain([Place::Console, Place::Untold]).collect()
}

impl fmt::Display for Occasion {
    /// In words: `sshd from 192.0.2.0/24`, `other services at a console`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Service::Named(service) => f.write_str(service)?,
            Service::Other => f.write_str("other services")?,
            Service::Untold => f.write_str("an untold service")?,
        }
        match self.place {
            Place::Address(address) => write!(f, " from {address}"),
            Place::Within(subnet) => write!(f, " from {subnet}"),
            Place::Elsewhere => f.write_str(" from elsewhere"),
            Place::Console => f.write_str(" at a console"),
            Place::Untold => f.write_str(" from an untold place"),
        }
    }
}
