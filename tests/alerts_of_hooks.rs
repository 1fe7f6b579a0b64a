//! L6 over HTTP: a redeploy that answers every webhook with 401, an event name in another case, a workspace name with a
//! trailing blank. Each is either mapped or shown in webhook health and at `/alerts`; none is lost silently.

use std::time::Duration;

use crate::common::alerts::{await_alerts, await_ticks};
use crate::common::tracker::{callrail, deliver_callrail, site as tracker_site};
use crate::common::twilio::{self, ended};
use crate::common::{Server, Site, TWO_TENANTS, bison};
use serde_json::{Value, json};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

async fn health(server: &Server) -> Value {
    server.get("/api/v1/tenants/acme/webhook-health").await.is(200).json["items"][0].clone()
}

const ALERTS: &str = "/api/v1/tenants/acme/alerts";

#[tokio::test]
async fn l6_a_redeploy_that_makes_every_webhook_401_is_told_and_ends_when_the_secret_is_right() {
    let site = Site::new();
    let server = site.start().await;
    twilio::deliver(&server, &ended("CA1", "completed", 45, STAMP)).await.is(200);
    await_ticks(&server).await;
    assert!(server.all_items("acme", "alerts").await.is_empty(), "null control: all is well");
    server.stop();
    site.configure(&TWO_TENANTS.replace("env:TWILIO_TOKEN", "file:new-secret"));
    std::fs::write(site.path("new-secret"), "another secret").expect("written");
    let server = site.start().await;
    for n in 0..5 {
        twilio::deliver(&server, &ended(&format!("CB{n}"), "completed", 45, STAMP)).await.problem(401);
    }
    let raised = await_alerts(&server, ALERTS, |items| !items.is_empty()).await;
    assert_eq!(
        (raised.len(), &raised[0]["rule"], &raised[0]["state"]),
        (1, &json!("refused"), &json!("open"))
    );
    let ill = health(&server).await;
    assert_eq!(
        (&ill["refused"], &ill["success_rate"]),
        (&json!(5), &json!(100.0)),
        "apart from the rate: {ill}"
    );
    assert_eq!(
        server.read("acme", "metrics/month?month=2025-10").await["calls"],
        1,
        "nothing was recorded of them"
    );
    // The redeploy is mended, and what Twilio sends again counts.
    site.configure(TWO_TENANTS);
    server.hang_up();
    for _ in 0..500 {
        if twilio::deliver(&server, &ended("CB0", "completed", 45, STAMP)).await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.read("acme", "calls/CB0").await["status"], "qualified");
    assert_eq!(server.all_items("acme", "alerts").await.len(), 1, "one alert, however many are refused");
}

#[tokio::test]
async fn l6_an_event_name_in_another_case_is_known_and_an_unknown_one_is_told() {
    let tables =
        tracker_site("callrail", &["post_call"]).replace("event = \"post_call\"", "event = \"Post-Call\"");
    let server = Site::with(&format!(
        "{tables}\n[[endpoint]]\nid = \"cr-by-url\"\nprovider = \"callrail\"\ntenant = \"acme\"\n\
        secrets = [\"{}\"]\n",
        crate::common::tracker::SECRET
    ))
    .start()
    .await;
    assert_eq!(deliver_callrail(&server, "post_call", &callrail("CAL1")).await.is(200).outcome(), "recorded");
    bison::deliver(&server, &bison::sent("Email_Sent", 1, bison::lead(1), "2025-10-09T12:00:00Z"))
        .await
        .is(200);
    let by_url = async |event: &str, id: &str| {
        let body = callrail(id).to_string();
        let signature = crate::common::tracker::sign(crate::common::tracker::SECRET, &body);
        let hook = format!("callrail/cr-by-url?type={event}");
        crate::common::tracker::deliver(&server, &hook, body, &[("signature", &signature)]).await
    };
    assert_eq!(by_url("INBOUND_POST_CALL", "CAL2").await.is(200).outcome(), "recorded");
    await_ticks(&server).await;
    assert!(server.all_items("acme", "alerts").await.is_empty(), "null control: each is known");
    let unknown = by_url("postcaal", "CAL3").await;
    assert_eq!(
        (unknown.is(200).outcome(), &unknown.json["reason"]),
        ("quarantined", &json!("unknown_event_type"))
    );
    let raised = await_alerts(&server, ALERTS, |items| !items.is_empty()).await;
    assert_eq!(
        (&raised[0]["rule"], &raised[0]["subject"]),
        (&json!("quarantine"), &json!("unknown_event_type"))
    );
}

#[tokio::test]
async fn l6_a_workspace_with_a_trailing_blank_is_its_tenants_and_an_unknown_one_is_the_operators_to_know() {
    let server = Site::new().start().await;
    let mut event = bison::sent("EMAIL_SENT", 1, bison::lead(1), "2025-10-09T12:00:00Z");
    event["event"]["workspace_id"] = Value::Null;
    event["event"]["workspace_name"] = json!("Acme Client ");
    assert_eq!(bison::deliver(&server, &event).await.is(200).outcome(), "recorded");
    await_ticks(&server).await;
    assert!(server.get("/api/v1/alerts").await.is(200).json["items"].as_array().is_some_and(Vec::is_empty));
    event["event"]["workspace_name"] = json!("Acme Clinet");
    assert_eq!(bison::deliver(&server, &event).await.is(200).outcome(), "quarantined");
    let raised = await_alerts(&server, "/api/v1/alerts", |items| !items.is_empty()).await;
    assert_eq!(
        (&raised[0]["rule"], &raised[0]["subject"]),
        (&json!("quarantine"), &json!("unknown_workspace"))
    );
    assert!(server.all_items("acme", "alerts").await.is_empty(), "it is no tenant's");
}

#[tokio::test]
async fn l6_an_endpoint_that_falls_silent_is_told_by_health_over_a_restart() {
    let site = Site::new();
    let server = site.start().await;
    for n in 0..50 {
        twilio::deliver(&server, &ended(&format!("CA{n}"), "completed", 45, STAMP)).await.is(200);
    }
    for _ in 0..500 {
        if health(&server).await["deliveries"] == 50 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let well = health(&server).await;
    assert_eq!((&well["usual_gap_seconds"], &well["silent_since"]), (&json!(3_600), &Value::Null), "{well}");
    server.stop();
    let before = server.said();
    let server = site.start().await;
    // What was kept is read behind the start.
    for _ in 0..500 {
        if health(&server).await["usual_gap_seconds"] == 3_600 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("expected it to be known again: {}; {before}; {}", health(&server).await, server.said());
}
