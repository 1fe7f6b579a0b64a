//! E13: what is voided is told where a figure is explained: which fact, why, and by which fact.

use crate::common::crm::{ended, page, started};
use crate::common::facts::{answered, call, mail};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const MONTH: &str = "model=month&month=2025-10&field=";

async fn void(server: &Server, position: u64, reason: &str) -> u64 {
    let path = format!("/api/v1/tenants/acme/facts/{position}/void");
    server.ask(TOKEN, "POST", &path, json!({"reason": reason})).await.is(201).position()
}

async fn explain(server: &Server, query: &str) -> Value {
    let told = server.read("acme", &format!("explain?{query}")).await;
    if !told["total"].is_null() {
        assert_eq!(told["total"], told["value"], "the law of sums: {query}");
    }
    told
}

/// What does not count, page by page of one: what speaks, its position, code and the fact that decided.
async fn not_counted(server: &Server, query: &str) -> Vec<(String, Value, Value, Value)> {
    let (mut told, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = explain(server, &format!("{query}&counted=false&limit=1{cursor}")).await;
        for one in answer["contributions"].as_array().expect("contributions") {
            let subject = one["subject"].as_str().expect("a subject").to_owned();
            told.push((subject, one["position"].clone(), one["code"].clone(), one["decided_by"].clone()));
        }
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return told,
        }
    }
}

#[tokio::test]
async fn e13_a_voided_call_is_told_with_its_reason_among_what_does_not_count() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    let one = server.seen();
    server.record("acme", &[answered("CA2", 12, AT), answered("CA3", 90, AT)]).await;
    let last = server.seen();
    let qualified = format!("{MONTH}qualified");
    let short = ("call/CA2".to_owned(), json!(last - 1), json!("short_duration"), Value::Null);
    assert_eq!(not_counted(&server, &qualified).await, std::slice::from_ref(&short), "null control");

    let at = void(&server, one, "a test call").await;
    let voided = ("call/CA1".to_owned(), json!(one), json!("voided"), json!(at));
    assert_eq!(not_counted(&server, &qualified).await, [voided.clone(), short.clone()]);
    let told = explain(&server, &format!("{qualified}&counted=false")).await;
    assert_eq!(told["contributions"][0]["reason"], "it was voided: a test call");
    assert_eq!((&told["value"], &told["contributing_subjects"]), (&json!(1), &json!(1)));
    assert_eq!(told["not_contributing_subjects"], 1, "subjects alone");
    let counted = explain(&server, &qualified).await;
    let positions: Vec<&Value> =
        counted["contributions"].as_array().expect("one").iter().map(|one| &one["position"]).collect();
    assert_eq!(positions, [&json!(last)]);
    // Of figures of its own span alone.
    let day = "model=days&day=2025-10-09&field=calls";
    assert_eq!(not_counted(&server, day).await, std::slice::from_ref(&voided));
    for other in ["model=month&month=2025-08&field=qualified", "model=month&month=2025-10&field=replies"] {
        assert_eq!(not_counted(&server, other).await, [], "{other}");
    }
    // As of before, and as of a moment at which it had not happened, there is nothing to tell.
    assert_eq!(
        not_counted(&server, &format!("{qualified}&as_of_position={last}")).await,
        std::slice::from_ref(&short)
    );
    let before = format!("{qualified}&occurred_until=2025-10-09T11:00:00Z");
    assert_eq!(not_counted(&server, &before).await, []);
    let then = format!("{qualified}&occurred_until={AT}");
    assert_eq!(
        not_counted(&server, &then).await,
        std::slice::from_ref(&short),
        "it had not been voided by then"
    );

    let path = format!("/api/v1/tenants/acme/facts/{one}/void");
    server.ask(TOKEN, "DELETE", &path, Value::Null).await.is(200);
    assert_eq!(not_counted(&server, &qualified).await, [short], "restored: it counts again");
    assert_eq!(explain(&server, &qualified).await["value"], 2);
}

#[tokio::test]
async fn e13_voided_facts_of_a_state_of_a_lead_and_of_a_snapshot_are_told_too() {
    let server = Site::new().start().await;
    let record = json!([{"id": "1", "stage": "FA Sent", "value_minor": 900, "contact_type": "1"}]);
    server
        .record(
            "acme",
            &[
                call("CA1", "initiated", AT),
                answered("CA1", 45, AT),
                mail("lead_interested", 1, json!({"id": "L1"}), AT),
                started("r1", AT),
                page("r1", "opportunities", (1, 1), AT, record),
                ended("r1", "success", AT),
            ],
        )
        .await;
    let end = server.seen();
    let status = "model=calls&field=status&call_id=CA1";
    assert_eq!(not_counted(&server, status).await, []);
    let at = void(&server, end - 4, "wrong").await;
    let told = ("call/CA1".to_owned(), json!(end - 4), json!("voided"), json!(at));
    assert_eq!(not_counted(&server, status).await, [told]);
    assert_eq!(explain(&server, status).await["value"], "unqualified");
    assert_eq!(not_counted(&server, "model=outreach_leads&field=stage&lead_id=L1").await, [], "null control");

    let at = void(&server, end - 3, "wrong").await;
    let positive = not_counted(&server, &format!("{MONTH}positive_replies")).await;
    assert_eq!(positive.len(), 1, "{positive:?}");
    assert_eq!(
        (&positive[0].1, &positive[0].2, &positive[0].3),
        (&json!(end - 3), &json!("voided"), &json!(at))
    );

    assert_eq!(explain(&server, "model=pipeline&field=total_value_minor").await["value"], 900);
    let at = void(&server, end - 1, "wrong").await;
    assert_eq!(explain(&server, "model=pipeline&field=total_value_minor").await["value"], 0);
    let records = not_counted(&server, "model=pipeline&field=total_value_minor").await;
    assert_eq!(
        (&records[0].1, &records[0].2, &records[0].3),
        (&json!(end - 1), &json!("voided"), &json!(at))
    );
}
