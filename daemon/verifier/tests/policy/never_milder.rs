//! What cannot be told is never milder than anything it may be (I9).

use proptest::prelude::*;
use twinlock_verifier::{Claimant, Membership, Occasion, Place, Service};

use crate::rule_sets::{
    GROUPS, NOW, any_claimant, any_occasion, any_place, any_policy, any_service, is_as_strict,
    rule_sets,
};

/// The claimant as it may be: of each group that is unknown a member or not.
fn told(claimant: &Claimant, is_member: &[bool]) -> Claimant {
    let mut told = claimant.clone();
    for (group, is_member) in GROUPS.into_iter().zip(is_member) {
        let known = if *is_member { Membership::Member } else { Membership::Stranger };
        let membership = told.groups.entry(group.to_owned()).or_insert(Membership::Unknown);
        if *membership == Membership::Unknown {
            *membership = known;
        }
    }
    told
}

proptest! {
    #![proptest_config(rule_sets(10_000))]

    #[test]
    fn a_group_that_cannot_be_looked_up_is_never_milder_than_either_answer(
        policy in any_policy(),
        claimant in any_claimant(),
        is_member in prop::collection::vec(any::<bool>(), GROUPS.len()),
        occasion in any_occasion(),
    ) {
        let unknown = policy.decide(&claimant, &occasion, NOW);
        let known = policy.decide(&told(&claimant, &is_member), &occasion, NOW);
        prop_assert!(is_as_strict(&unknown, &known), "{unknown:?}\n{known:?}");
        if unknown.enrolls_at(NOW) {
            prop_assert!(known.lets_in(false, NOW), "nobody enrols who is refused when all is well");
        }
    }

    #[test]
    fn a_place_or_service_that_is_not_told_is_never_milder_than_any(
        policy in any_policy(),
        claimant in any_claimant(),
        service in any_service(),
        place in any_place(),
    ) {
        let told = Occasion { service, place };
        let decide = |occasion: &Occasion| policy.decide(&claimant, occasion, NOW);
        let (no_service, no_place) = (Service::Untold, Place::Untold);
        let untold = Occasion { service: no_service.clone(), place: no_place };
        for occasion in [
            Occasion { service: no_service, ..told.clone() },
            Occasion { place: no_place, ..told.clone() },
            untold.clone(),
        ] {
            let (vague, exact) = (decide(&occasion), decide(&told));
            prop_assert!(is_as_strict(&vague, &exact), "{occasion}: {vague:?}\n{exact:?}");
            prop_assert!(is_as_strict(&decide(&untold), &vague), "{occasion}");
        }
    }

    #[test]
    fn only_the_groups_that_matter_need_be_looked_up(
        policy in any_policy(),
        claimant in any_claimant(),
        occasion in any_occasion(),
    ) {
        let mut few = claimant.clone();
        let matter = policy.groups_for(&claimant.names, &occasion, NOW);
        few.groups.retain(|group, _| matter.contains(group.as_str()));
        let decide = |claimant| policy.decide(claimant, &occasion, NOW);
        prop_assert_eq!(decide(&few), decide(&claimant));
        prop_assert!(matter.is_subset(&policy.groups()));
    }
}
