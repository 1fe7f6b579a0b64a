//! G22: a clock that is ahead, or jumps ahead while the server runs, dates no fact in silence.

use std::time::Duration;

use crate::common::alerts::await_alerts;
use crate::common::facts::answered;
use crate::common::shifted::Shifted;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use serde_json::Value;

const AT: &str = "2025-10-09T12:00:00Z";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn accept(shifted: &Shifted, server: &Server) -> crate::common::site::Ran {
    let mut command = shifted.site.command(&["log", "accept-clock", "--json", "--server", &server.base]);
    command.env("FACTFOLD_TOKEN", TOKEN);
    crate::common::site::run(command)
}

async fn post(server: &Server, id: &str) -> u16 {
    server.post("acme", &answered(id, 45, AT)).await.status
}

#[tokio::test]
async fn a_jump_ahead_is_not_taken_until_the_clock_is_back_or_accepted() {
    let shifted = Shifted::on(Site::new());
    let server = shifted.start().await;
    assert_eq!(post(&server, "a").await, 201);
    shifted.step(HOUR - 60);
    assert_eq!(post(&server, "b").await, 201, "a step of less than an hour is taken");
    shifted.step(400 * DAY);
    let refused = server.post("acme", &answered("c", 45, AT)).await;
    assert_eq!((refused.status, &refused.json["code"]), (503, &Value::from("clock_ahead")), "{refused:?}");
    assert_eq!(post(&server, "a").await, 200, "what is known is known");
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json.to_string().contains("jumped ahead"), "{ready:?}");
    shifted.step(0);
    assert_eq!((post(&server, "c").await, server.get("/readyz").await.status), (201, 200));
    shifted.step(3 * HOUR);
    assert_eq!(post(&server, "d").await, 503);
    let accepted = accept(&shifted, &server);
    assert_eq!(accepted.exits(0).json()[0]["had_jumped"], true);
    assert_eq!(post(&server, "d").await, 201);
    assert_eq!(accept(&shifted, &server).json()[0]["had_jumped"], false);
}

#[tokio::test]
async fn a_log_whose_head_is_ahead_of_the_clock_is_told() {
    let shifted = Shifted::on(Site::new());
    shifted.step(400 * DAY);
    let server = shifted.start().await;
    assert_eq!(post(&server, "a").await, 201);
    assert_eq!(
        server.get("/readyz").await.json["warnings"],
        Value::from(Vec::<Value>::new()),
        "null control"
    );
    server.terminate();
    shifted.step(0);
    let server = shifted.start().await;
    assert!(server.said().contains("ahead of the clock"), "{}", server.said());
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.json["warnings"].as_array().map(Vec::len)), (200, Some(1)), "{ready:?}");
    let told = await_alerts(&server, "/api/v1/alerts", |alerts| {
        alerts.iter().any(|alert| alert["rule"] == "clock_ahead")
    });
    assert!(tokio::time::timeout(Duration::from_secs(30), told).await.is_ok(), "an alert");
}

#[tokio::test]
async fn a_rule_change_without_a_day_holds_from_today_and_known_at_warns_while_the_head_is_ahead() {
    let shifted = Shifted::on(Site::new());
    shifted.step(400 * DAY);
    let server = shifted.start().await;
    assert_eq!(post(&server, "a").await, 201);
    server.terminate();
    shifted.step(0);
    let configured = "/api/v1/tenants/acme/facts?kind=tenant_configured";
    let changed = "currency = \"USD\"\n[tenant.rules]\nqualified_min_seconds = 60\n";
    shifted.site.configure(&TWO_TENANTS.replace("currency = \"USD\"\n", changed));
    for call in ["first", "second"] {
        let server = shifted.start().await;
        let facts = server.get(configured).await.json["items"].as_array().expect("facts").clone();
        assert_eq!(facts.len(), 2, "the second start changes nothing: {facts:?}");
        let today = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        assert!(server.post("acme", &answered(call, 45, &today)).await.status < 300);
        let call = server.read("acme", &format!("calls/{call}")).await;
        assert_eq!(call["status"], "unqualified", "the rule of 60 s holds today: {call:?}");
        let month = "/api/v1/tenants/acme/metrics/month?month=2025-10";
        let known = server.get(&format!("{month}&known_at=2099-01-01T00:00:00Z")).await;
        assert_eq!(known.json["clock_ahead"], true, "{known:?}");
        assert_eq!(server.get(month).await.json["clock_ahead"], Value::Null, "null control");
        server.terminate();
    }
}

#[tokio::test]
async fn an_answer_by_known_at_says_nothing_of_a_clock_that_is_right() {
    let shifted = Shifted::on(Site::new());
    let server = shifted.start().await;
    assert_eq!(post(&server, "a").await, 201);
    // A moment that holds all that was recorded, also within this second.
    let now = (chrono::Utc::now() + Duration::from_secs(60)).format("%Y-%m-%dT%H:%M:%SZ");
    let known = server.get(&format!("/api/v1/tenants/acme/metrics/month?month=2025-10&known_at={now}")).await;
    assert_eq!((known.status, &known.json["clock_ahead"]), (200, &Value::Null), "{known:?}");
}
