//! What webhooks tell: silence, refusals, unknown numbers, quarantine (D5, L6).

use super::*;

#[test]
fn d5_a_silence_raises_one_alert_and_the_next_delivery_ends_it() {
    let house = house();
    for n in 0..60 {
        house.deliver(T0 + n * 60 * SECOND, DeliveryStatus::Recorded);
    }
    let last = T0 + 59 * 60 * SECOND;
    assert_eq!(house.alerts_at(last + 3 * HOUR), [], "three times the usual gap is not longer than that");
    assert_eq!(house.alerts_at(last + 3 * HOUR + SECOND), [alert("silence", "open")]);
    let head = house.harness.log.head().position;
    assert_eq!(house.alerts_at(last + 9 * HOUR).len(), 1, "one alert a silence");
    assert_eq!(house.harness.log.head().position, head, "and nothing more is appended");
    house.deliver(last + 9 * HOUR, DeliveryStatus::Recorded);
    assert_eq!(house.alerts_at(last + 9 * HOUR + SECOND), [alert("silence", "cleared")]);
    let again = house.alerts_at(last + 9 * HOUR + 4 * HOUR);
    assert_eq!(again, [alert("silence", "cleared"), alert("silence", "open")], "the next silence is another");
    house.end();
}

#[test]
fn l6_refused_requests_raise_one_alert_for_their_endpoint() {
    let house = house();
    house.deliver(T0, DeliveryStatus::Recorded);
    assert_eq!(house.alerts_at(T0 + SECOND), []);
    house.deliver(T0 + 2 * SECOND, DeliveryStatus::Refused);
    assert_eq!(house.alerts_at(T0 + 3 * SECOND), [alert("refused", "open")]);
    house.deliver(T0 + 4 * SECOND, DeliveryStatus::Refused);
    assert_eq!(house.alerts_at(T0 + 5 * SECOND), [alert("refused", "open")]);
    assert_eq!(house.alerts_at(T0 + 25 * HOUR), [alert("refused", "cleared")]);
    house.end();
}

#[test]
fn d5_too_few_deliveries_have_no_usual_gap_and_are_never_silent() {
    let house = house();
    for n in 0..49 {
        house.deliver(T0 + n * 60 * SECOND, DeliveryStatus::Recorded);
    }
    assert_eq!(house.alerts_at(T0 + 240 * HOUR), [], "49 are one short of a usual gap");
    house.end();
}

#[test]
fn l6_requests_that_are_answered_otherwise_than_401_raise_no_alert_of_refusals() {
    let house = house();
    for (n, status) in
        DeliveryStatus::ALL.into_iter().filter(|status| *status != DeliveryStatus::Refused).enumerate()
    {
        if status != DeliveryStatus::Rejected {
            house.deliver(T0 + n as i64 * SECOND, status);
        }
    }
    assert_eq!(house.alerts_at(T0 + HOUR), []);
    house.end();
}

#[test]
fn a2_calls_to_an_unknown_number_raise_one_alert_until_none_came_for_a_day() {
    let house = house();
    house.deliver(T0, DeliveryStatus::Recorded);
    assert_eq!(house.alerts_at(T0 + SECOND), [], "null control: a known number");
    let unknown = Some(crate::deliveries::UNKNOWN_NUMBER);
    house.deliver_with(T0 + 2 * SECOND, DeliveryStatus::Quarantined, unknown);
    assert_eq!(house.alerts_at(T0 + 3 * SECOND), [], "one without a tenant is in quarantine instead");
    house.deliver_with(T0 + 4 * SECOND, DeliveryStatus::Recorded, unknown);
    house.deliver_with(T0 + 5 * SECOND, DeliveryStatus::Recorded, unknown);
    assert_eq!(house.alerts_at(T0 + 6 * SECOND), [alert("unknown_tracking_number", "open")]);
    assert_eq!(house.alerts_at(T0 + 23 * HOUR), [alert("unknown_tracking_number", "open")]);
    assert_eq!(house.alerts_at(T0 + 25 * HOUR), [alert("unknown_tracking_number", "cleared")]);
    house.end();
}

#[test]
fn d5_deliveries_in_quarantine_raise_one_alert_for_each_reason_until_the_last_is_resolved() {
    let house = house();
    let quarantined = |id: &str, reason: &str| {
        let body = serde_json::json!({"quarantine_id": id, "reason": reason, "provider": "twilio", "endpoint": "e1"});
        house.append("acme", "delivery_quarantined", id, T0, body);
        house.harness.log.head().position
    };
    let resolved = |id: &str, position: u64| {
        let body =
            serde_json::json!({"quarantine_id": id, "quarantined_position": position, "outcome": "recorded"});
        house.append("acme", "quarantine_resolved", id, T0, body);
    };
    assert_eq!(house.alerts_at(T0 + SECOND), []);
    let positions = ["q1", "q2"].map(|id| quarantined(id, "unknown_event"));
    quarantined("q3", "malformed_body");
    assert_eq!(house.alerts_at(T0 + 2 * SECOND), [alert("quarantine", "open"), alert("quarantine", "open")]);
    resolved("q1", positions[0]);
    assert_eq!(house.alerts_at(T0 + 3 * SECOND), [alert("quarantine", "open"), alert("quarantine", "open")]);
    resolved("q2", positions[1]);
    let states: Vec<_> = house.alerts_at(T0 + 4 * SECOND).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states.iter().filter(|state| **state == "open").count(), 1, "the other reason's: {states:?}");
    house.end();
}
