//! Targets and pace over real sockets: F1.

use crate::common::facts::{answered, mail};
use crate::common::{Server, Site, TOKEN};
use chrono::{Datelike, Utc};
use serde_json::{Value, json};

async fn set(server: &Server, month: &str, metric: &str, body: &Value) -> crate::common::Answer {
    let path = format!("/api/v1/tenants/acme/targets/{month}/{metric}");
    server.send(server.request("PUT", &path).bearer_auth(TOKEN).json(body)).await
}

async fn targets(server: &Server, month: &str) -> Value {
    server.read("acme", &format!("metrics/month?month={month}")).await["targets"].clone()
}

#[tokio::test]
async fn f1_a_past_month_is_wholly_elapsed() {
    let server = Site::new().start().await;
    set(&server, "2025-10", "qualified", &json!({"value": 4})).await.is(201);
    set(&server, "2025-10", "emails_sent", &json!({"value": 2})).await.is(201);
    let mut facts: Vec<Value> =
        (0..3).map(|n| answered(&format!("CA{n}"), 45, "2025-10-09T12:00:00Z")).collect();
    facts.extend((0..2).map(|n| mail("email_sent", n, json!({"id": "1"}), "2025-10-09T12:00:00Z")));
    server.record("acme", &facts).await;
    let targets = targets(&server, "2025-10").await;
    let below = json!({"target": 4, "value": 3, "progress": 75.0, "projection": 3.0, "status": "below",
        "today": null, "daily_target": 0.13, "daily_status": null});
    assert_eq!(targets["qualified"], below, "{targets}");
    assert_eq!(
        (&targets["emails_sent"]["status"], &targets["emails_sent"]["progress"]),
        (&json!("above"), &json!(100.0))
    );
    assert!(targets.get("positive_replies").is_none(), "only those that are set: {targets}");
}

#[tokio::test]
async fn f1_the_current_month_is_paced_by_the_days_that_have_begun() {
    let server = Site::new().start().await;
    let today = Utc::now().with_timezone(&chrono_tz::America::New_York);
    let (month, day) = (today.format("%Y-%m").to_string(), today.day());
    let next =
        today.date_naive().with_day(1).and_then(|first| first.checked_add_months(chrono::Months::new(1)));
    let days = next.and_then(|next| next.pred_opt()).expect("a last day").day();
    // One sent today, of a target that one a day reaches.
    set(&server, &month, "emails_sent", &json!({"value": days})).await.is(201);
    server.record("acme", &[mail("email_sent", 1, json!({"id": "1"}), &Utc::now().to_rfc3339())]).await;
    let answer =
        server.get(&format!("/api/v1/tenants/acme/metrics/month?min_position={}", server.seen())).await;
    let figures = &answer.json["targets"]["emails_sent"];
    assert_eq!(answer.json["month"], json!(month), "the current month by default: {}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store", "{}", answer.text);
    let told = ["value", "today", "daily_target", "daily_status"].map(|name| &figures[name]);
    assert_eq!(told, [&json!(1), &json!(1), &json!(1.0), &json!("ok")], "{figures}");
    let projection = figures["projection"].as_f64().expect("a projection");
    assert!((projection - f64::from(days) / f64::from(day)).abs() < 0.006, "day {day} of {days}: {figures}");
    let status = if day == 1 { "on_track" } else { "below" };
    assert_eq!(figures["status"], status, "day {day} of {days}: {figures}");
}

#[tokio::test]
async fn f1_a_month_to_come_has_no_projection_yet() {
    let server = Site::new().start().await;
    set(&server, "2099-12", "positive_replies", &json!({"value": 5})).await.is(201);
    let figures = &targets(&server, "2099-12").await["positive_replies"];
    let told = ["projection", "status", "today", "progress"].map(|name| &figures[name]);
    assert_eq!(told, [&json!(null), &json!(null), &json!(null), &json!(0.0)], "{figures}");
}

#[tokio::test]
async fn f1_the_target_set_last_counts_and_the_same_again_is_existing() {
    let server = Site::new().start().await;
    for (value, status, outcome) in
        [(40, 201, "recorded"), (40, 200, "existing"), (50, 201, "recorded"), (40, 201, "recorded")]
    {
        let answer = set(&server, "2025-10", "qualified", &json!({"value": value})).await;
        answer.is(status);
        assert_eq!((&answer.json["outcome"], &answer.json["value"]), (&json!(outcome), &json!(value)));
        assert_eq!(targets(&server, "2025-10").await["qualified"]["target"], value);
    }
    let facts = server.all_facts("acme").await;
    assert_eq!(facts.iter().filter(|fact| fact["kind"] == "target_set").count(), 3);
}

#[tokio::test]
async fn f1_one_idempotency_key_sets_one_target_for_ever() {
    let server = Site::new().start().await;
    let path = "/api/v1/tenants/acme/targets/2025-10/qualified";
    let put = |value: u64| {
        let request = server.request("PUT", path).bearer_auth(TOKEN).header("idempotency-key", "K1");
        server.send(request.json(&json!({"value": value})))
    };
    put(40).await.is(201);
    set(&server, "2025-10", "qualified", &json!({"value": 50})).await.is(201);
    let again = put(40).await;
    again.is(200);
    assert_eq!(targets(&server, "2025-10").await["qualified"]["target"], 50, "the key was used before");
    put(41).await.is(422);
}

#[tokio::test]
async fn f1_a_bad_target_is_422_and_names_the_part() {
    let server = Site::new().start().await;
    for (month, metric, body, named) in [
        ("2025-13", "qualified", json!({"value": 1}), "/month"),
        ("2025-10", "calls", json!({"value": 1}), "/metric"),
        ("2025-10", "qualified", json!({"value": -1}), "/value"),
        ("2025-10", "qualified", json!({}), "/value"),
        ("2025-10", "qualified", json!({"value": 1, "valeu": 2}), "/valeu"),
    ] {
        let answer = set(&server, month, metric, &body).await;
        answer.is(422);
        answer.names(named);
    }
    set(&server, "2025-13", "calls", &json!({"value": 1})).await.is(422).names("/month").names("/metric");
}
