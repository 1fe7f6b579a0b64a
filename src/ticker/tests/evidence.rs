//! What the engine finds of its own log: conflicts (R1), and what fails its verification (F2).

use std::fs;

use super::*;

#[test]
fn r1_open_conflicts_raise_one_alert_until_the_last_is_decided() {
    let house = house();
    let digest = |n: u8| format!("{n:032x}");
    let met = |n: u8| {
        let body = serde_json::json!({"first_position": n, "first_digest": digest(n), "second_digest": digest(n + 100),
            "occurred_at": Instant(T0).to_string(), "kind": "call_reported",
            "body": {"call_id": "CA1", "status": "completed"}});
        house.append("acme", "conflict_observed", &n.to_string(), T0, body);
    };
    let decided = |n: u8| {
        let body = serde_json::json!({"first_position": n, "second_digest": digest(n + 100)});
        house.append("acme", "conflict_rejected", &n.to_string(), T0, body);
    };
    assert_eq!(house.alerts_at(T0 + SECOND), [], "null control: no conflict");
    [1, 2].into_iter().for_each(met);
    assert_eq!(house.alerts_at(T0 + 2 * SECOND), [alert("conflict", "open")]);
    decided(1);
    let half = house.alerts_at(T0 + 3 * SECOND);
    assert_eq!(half, [alert("conflict", "open")], "one is left");
    decided(2);
    assert_eq!(house.alerts_at(T0 + 4 * SECOND), [alert("conflict", "cleared")]);
    house.end();
}

/// Rule, subject and state of the alerts of no tenant, after a round of the auditor and ticks.
fn audited(house: &House, at: i64) -> Vec<(String, Option<String>, &'static str)> {
    house.harness.time.set(at);
    for n in 1..=8 {
        house.harness.time.set(at + n * SECOND);
        house.parts.auditor.step();
    }
    house.tick_at(at + 9 * SECOND);
    let Some(view) = house.parts.views.internal(&TenantId::unassigned()) else { return Vec::new() };
    listed(&view).into_iter().map(|item| (item.rule, item.subject, item.state)).collect()
}

#[test]
fn f2_a_file_of_the_log_that_fails_its_verification_raises_one_alert_until_it_is_right_again() {
    let house = house();
    let path = house.harness.dir.path().join("journal/00000000000000000001.open");
    assert_eq!(audited(&house, T0), [], "null control: a whole log");
    let whole = fs::read(&path).expect("reads");
    let mut bad = whole.clone();
    bad[4096 + 100] ^= 1;
    fs::write(&path, bad).expect("writes");
    let subject = Some("journal/00000000000000000001.open".to_owned());
    let told = |state| [("audit_violation".to_owned(), subject.clone(), state)];
    assert_eq!(audited(&house, T0 + 60 * SECOND), told("open"));
    assert_eq!(audited(&house, T0 + 120 * SECOND), told("open"), "once");
    let view = house.parts.views.internal(&TenantId::unassigned()).expect("the alert");
    let first = listed(&view)[0].figures["first"].clone();
    assert!(first.contains("00000000000000000001.open") && first.contains("position 1"), "{first}");
    assert_eq!(house.alerts_at(T0 + 130 * SECOND), [], "it is no tenant's");
    // What was appended since is in the file as it should be: only the one bit is mended.
    let mut mended = fs::read(&path).expect("reads");
    mended[4096 + 100] ^= 1;
    fs::write(&path, mended).expect("writes");
    assert_eq!(audited(&house, T0 + 180 * SECOND), told("cleared"));
    house.end();
}
