//! A ticket opens enrolment and lets nobody in; it is charged before anybody looks at it (I5).

use twinlock_verifier::{Change, Closure, LaneKey, Refusal, RightTicket, Source, Verdict};

use crate::stage::{Host, MINUTE, START, later, wrong};

#[test]
fn a_right_ticket_lets_nobody_in_and_clears_the_recovery_lane_only() {
    let mut host = Host::default();
    for source in [Source::Local, Source::Unidentified] {
        host.attempt(&wrong(), &source, START);
    }
    for turn in 1..=3 {
        let verdict = host.redeem_ticket(false, START);
        assert_eq!(verdict, Ok(Verdict::Refused(Refusal::WrongCode)));
        assert_eq!(host.last_change, Change::default(), "charged before, not again");
        assert_eq!(host.lane(LaneKey::Recovery).failures, turn);
    }
    let before = [host.lane(LaneKey::Local), host.lane(LaneKey::Unknown)];
    assert!(matches!(host.redeem_ticket(true, START), Ok(Verdict::Accepted(RightTicket { .. }))));
    let change = Change { throttle: Some(host.throttle()), ..Change::default() };
    assert_eq!(host.last_change, change, "nothing is spent");
    assert_eq!(host.lane(LaneKey::Recovery).failures, 0);
    assert_eq!([host.lane(LaneKey::Local), host.lane(LaneKey::Unknown)], before);
}

#[test]
fn a_ticket_is_not_even_looked_at_while_the_lane_is_closed() {
    let mut host = Host::default();
    for _ in 0..5 {
        assert!(host.redeem_ticket(false, START).is_ok());
    }
    let before = host.throttle();
    let locked = Closure::Until(later(START, 15 * MINUTE));
    assert_eq!(host.redeem_ticket(true, START), Err(locked));
    assert_eq!(host.throttle(), before);
    // The fifth attempt is the one that closes it, and may be the right one.
    host.unlock();
    for _ in 0..4 {
        assert!(host.redeem_ticket(false, START).is_ok());
    }
    assert!(matches!(host.redeem_ticket(true, START), Ok(Verdict::Accepted(RightTicket { .. }))));
    assert_eq!(host.throttle().recovery_gate(START, &host.rules.limits), Ok(()));
}
