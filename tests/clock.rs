//! G22: a clock that is ahead, or jumps ahead while the server runs, dates no fact in silence.

use std::time::Duration;

use crate::common::alerts::await_alerts;
use crate::common::facts::answered;
use crate::common::shifted::Shifted;
use crate::common::{Server, Site, TOKEN};
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
