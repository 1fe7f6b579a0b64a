//! What the dialer leaves behind (C1).

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
