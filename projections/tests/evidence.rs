//! Conflicts, quarantine and alerts as models: states, pages, and that no order of arrival shows (R1, R3, F2).

use crate::common::{Given, all_pages, at, given, live, rebuilt, recorded};
use projections::entities::alerts::list::AlertFilter;
use projections::entities::alerts::row::AlertState;
use projections::entities::conflicts::row::ConflictState;
use projections::entities::quarantine::Quarantine;
use projections::entities::quarantine::list::QuarantineFilter;
use projections::entities::quarantine::row::QuarantineState;
use projections::tenant::Tenant;
use proptest::prelude::*;
use serde_json::{Value, json};

fn digest(digit: char) -> String {
    digit.to_string().repeat(32)
}

fn conflict(kind: &'static str, second: char, when: &str) -> Given {
    let brought = json!({"call_id": "CA1", "status": "completed", "duration_seconds": 46});
    let mut body = json!({"first_position": 7, "second_digest": digest(second), "by": "olga@example.com"});
    if kind != "conflict_rejected" {
        body["occurred_at"] = "2025-10-01T00:00:00Z".into();
        body["kind"] = "call_reported".into();
        body["body"] = brought;
    }
    if kind == "conflict_observed" {
        body["first_digest"] = digest('f').into();
        body.as_object_mut().unwrap().remove("by");
    }
    given(kind, at(when), body)
}

fn undone(kind: &'static str, place: u64, when: &str) -> Given {
    let mut body = json!({"voided_position": place, "earlier": 0, "by": "olga@example.com"});
    if kind == "fact_voided" {
        body["reason"] = "imported by mistake".into();
        body["request"] = "K".into();
    }
    given(kind, at(when), body)
}

fn kept(id: &str, reason: &str, when: &str) -> Given {
    let body = json!({"quarantine_id": id, "reason": reason, "provider": "twilio", "endpoint": "e1"});
    given("delivery_quarantined", at(when), body)
}

fn resolved(id: &str, when: &str) -> Given {
    let body =
        json!({"quarantine_id": id, "quarantined_position": 3, "outcome": "recorded", "facts": [9, 8]});
    given("quarantine_resolved", at(when), body)
}

fn alert(kind: &'static str, id: &str, when: &str, more: Value) -> Given {
    let mut body = json!({"alert_id": id});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    given(kind, at(when), body)
}

pub fn history() -> Vec<Given> {
    let raised = |subject| json!({"rule": "silence", "subject": subject, "title": "Nothing came"});
    vec![
        conflict("conflict_observed", 'a', "2025-10-02T10:00:00Z"),
        conflict("conflict_observed", 'b', "2025-10-02T10:00:00Z"),
        conflict("conflict_observed", 'c', "2025-10-03T10:00:00Z"),
        conflict("conflict_accepted", 'a', "2025-10-04T10:00:00Z"),
        conflict("conflict_rejected", 'b', "2025-10-05T10:00:00Z"),
        kept("q1", "unknown_workspace", "2025-10-02T10:00:00Z"),
        kept("q2", "unknown_workspace", "2025-10-02T10:00:01Z"),
        kept("q3", "missing_field", "2025-10-02T10:00:00Z"),
        resolved("q1", "2025-10-06T10:00:00Z"),
        undone("fact_voided", 20, "2025-10-06T10:00:00Z"),
        undone("fact_voided", 21, "2025-10-06T10:00:00Z"),
        undone("fact_restored", 21, "2025-10-07T10:00:00Z"),
        alert("alert_raised", "s1", "2025-10-02T10:00:00Z", raised("e1")),
        alert("alert_raised", "s2", "2025-10-02T10:00:00Z", raised("e2")),
        alert("alert_cleared", "s1", "2025-10-03T10:00:00Z", json!({"reason": "Deliveries come again"})),
        alert(
            "alert_sent",
            "s2",
            "2025-10-02T10:01:00Z",
            json!({"target_id": "t", "attempt": 1, "error": "refused"}),
        ),
        alert(
            "alert_sent",
            "s2",
            "2025-10-02T10:02:00Z",
            json!({"target_id": "t", "attempt": 2, "status": 204}),
        ),
    ]
}

/// What lists serve, positions left out: they say in which order facts came.
fn served(tenant: &Tenant) -> Value {
    let conflicts = all_pages(|after| tenant.conflicts.rows.page(0, None, after, 2));
    let kept = all_pages(|after| tenant.quarantine.rows.page(0, &QuarantineFilter::default(), after, 2));
    let alerts = all_pages(|after| tenant.alerts.rows.page(0, &AlertFilter::default(), after, 1));
    let mut all = json!({"conflicts": conflicts, "quarantine": kept, "alerts": alerts});
    for list in all.as_object_mut().unwrap().values_mut() {
        for item in list.as_array_mut().unwrap() {
            for (name, value) in item.as_object_mut().unwrap() {
                if name == "conflict_id" || name.ends_with("_position") && name != "first_position" {
                    *value = value.is_null().into();
                }
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r1_r3_f2_given_evidence_in_any_order_when_folded_then_the_same_is_served(
        shuffled in Just(history()).prop_shuffle(),
    ) {
        let first = history();
        let (there, back) = (recorded(&first), recorded(&shuffled));
        prop_assert_eq!(served(&live(&there)), served(&live(&back)));
        let from_lanes = rebuilt(&shuffled, &back, 3, &[]);
        prop_assert_eq!(live(&back).digests("acme"), from_lanes.digests("acme"));
    }
}

#[test]
fn r1_given_decisions_when_listed_then_each_conflict_has_its_state_and_the_open_ones_are_counted() {
    let facts = history();
    let tenant = live(&recorded(&facts));
    let rows = &tenant.conflicts.rows;
    let states: Vec<_> =
        rows.page(0, None, None, 50).items.iter().map(|item| (item.state, item.conflict_id)).collect();
    assert_eq!(states, [("open", 3), ("accepted", 1), ("rejected", 2)]);
    assert_eq!((rows.open(), rows.oldest_open().map(|(position, _)| position)), (1, Some(3)));
    let accepted = rows.page(0, Some(ConflictState::Accepted), None, 50).items;
    assert_eq!((accepted.len(), accepted[0].decision_position), (1, Some(4)));
    assert_eq!(accepted[0].decided_by.as_deref(), Some("olga@example.com"));
    assert_eq!((rows.get(2).map(|item| item.state), rows.get(4)), (Some("rejected"), None));
}

#[test]
fn r3_given_reasons_when_asked_then_open_ones_are_found_by_them_and_a_resolved_one_has_its_facts() {
    let facts = history();
    let tenant = live(&recorded(&facts));
    let rows: &Quarantine = &tenant.quarantine.rows;
    assert_eq!(rows.open_positions(Some("unknown_workspace"), 0, 9), [7]);
    assert_eq!((rows.open_positions(None, 0, 9), rows.open_positions(None, 7, 9)), (vec![7, 8], vec![8]));
    assert!(rows.open_positions(Some("too_large"), 0, 9).is_empty());
    let mut open: Vec<_> = rows.open().collect();
    open.sort_unstable();
    assert_eq!(open, [("missing_field", 1), ("unknown_workspace", 1)]);
    let filter = QuarantineFilter { state: Some(QuarantineState::Resolved), ..QuarantineFilter::default() };
    let page = rows.page(0, &filter, None, 50).items;
    assert_eq!(
        (page.len(), page[0].quarantine_id.as_str(), page[0].facts.as_slice()),
        (1, "q1", &[9, 8][..])
    );
}

#[test]
fn f2_given_attempts_when_asked_then_an_alert_tells_them_and_only_open_ones_are_open() {
    let facts = history();
    let tenant = live(&recorded(&facts));
    let rows = &tenant.alerts.rows;
    assert_eq!(rows.open("silence"), [(Some("e2"), "s2")]);
    assert!(rows.open("conflict").is_empty() && rows.knows("s1") && !rows.knows("s3"));
    let told = rows.told("s2").unwrap();
    assert_eq!((told.item.attempts, told.item.delivered, told.attempts[1].status), (2, 1, Some(204)));
    let filter = AlertFilter { state: Some(AlertState::Cleared), ..AlertFilter::default() };
    let cleared = rows.page(0, &filter, None, 50).items;
    assert_eq!(cleared[0].cleared_reason.as_deref(), Some("Deliveries come again"));
    assert_eq!(rows.raised_since(at("2025-10-02T10:00:01Z")).count(), 0);
}

#[test]
fn e13_given_voids_when_asked_then_each_fact_is_as_it_was_decided_last() {
    let facts = history();
    let tenant = live(&recorded(&facts));
    let voids = &tenant.voids.rows;
    let at = |kind: &str, place: u64| {
        let is_it = |fact: &Given| fact.kind == kind && fact.body["voided_position"] == place;
        facts.iter().position(is_it).map(|at| at as u64 + 1)
    };
    let [out, back, never] = [20, 21, 22].map(|place| voids.of(place));
    assert_eq!((out.voided_by, out.voids, out.restored), (at("fact_voided", 20), 1, None));
    assert_eq!((back.voided_by, back.voids, back.restored), (None, 1, at("fact_restored", 21)));
    assert_eq!((never.voided_by, never.voids, never.latest), (None, 0, None));
    assert_eq!(out.latest.and_then(|(_, _, request)| request), Some("K"));
    assert_eq!((voids.requested("K"), voids.requested("L")), (at("fact_voided", 20), None));
    assert_eq!(voids.voided(), 1);
}
