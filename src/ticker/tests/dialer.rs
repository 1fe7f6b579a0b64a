//! What the dialer leaves behind: sessions, and requests to place calls (C1, C7).

use super::*;

#[test]
fn c1_a_session_that_was_left_times_out_once_and_not_a_moment_before() {
    let house = house();
    let body = serde_json::json!({"session_id": "s1", "agent": "ann@example.com", "pipeline_id": "p1", "lead_ids": ["1"]});
    house.append("acme", "session_started", "s1", T0, body);
    let head = house.harness.log.head().position;
    house.tick_at(T0 + HOUR / 2 - 1);
    assert_eq!(house.harness.log.head().position, head, "half an hour is not over");
    house.tick_at(T0 + HOUR / 2 + SECOND);
    assert_eq!(house.harness.log.head().position, head + 1);
    house.tick_at(T0 + HOUR);
    assert_eq!(house.harness.log.head().position, head + 1, "once");
    let said = house.harness.log.read(head + 1).expect("reads").expect("the time-out");
    assert_eq!(said.view().expect("record").header.external_id, "session/s1/timeout/2");
    house.end();
}

/// A fact of a request to place a call.
fn of_request(house: &House, request: &str, kind: &str, at: i64, more: serde_json::Value) {
    let mut body = serde_json::json!({"request_id": request});
    body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
    house.append("acme", kind, &format!("{request}/{kind}"), at, body);
}

#[test]
fn c7_requests_that_stay_unknown_raise_one_alert_until_all_of_them_are_settled() {
    let house = house();
    let wish = serde_json::json!({"agent": "ann@example.com", "to": "+12025550123", "from": "+12025550199"});
    for request in ["r1", "r2"] {
        of_request(&house, request, "call_requested", T0, wish.clone());
        of_request(&house, request, "call_request_sent", T0, serde_json::json!({}));
    }
    assert_eq!(house.alerts_at(T0 + HOUR), [], "nobody said yet that it is unknown");
    for request in ["r1", "r2"] {
        let why = serde_json::json!({"reason": "timed_out"});
        of_request(&house, request, "call_request_unknown", T0 + HOUR, why);
    }
    assert_eq!(house.alerts_at(T0 + HOUR + 119 * SECOND), [], "a callback may settle it");
    assert_eq!(house.alerts_at(T0 + HOUR + 120 * SECOND), [alert("call_unknown", "open")]);
    let became = serde_json::json!({"call_id": "CA1"});
    of_request(&house, "r1", "call_request_confirmed", T0 + HOUR, became.clone());
    assert_eq!(house.alerts_at(T0 + 2 * HOUR), [alert("call_unknown", "open")], "one of two is settled");
    of_request(&house, "r2", "call_request_accepted", T0 + HOUR, became);
    assert_eq!(house.alerts_at(T0 + 3 * HOUR), [alert("call_unknown", "cleared")]);
    house.end();
}
