//! Every delivery in quarantine says what would change it, wherever it is looked at.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::tracker::deliver;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};

const SOURCE: &str = r#"
[[mapping]]
name = "source"
signature = "unsigned"
each = "events"
event = "type"
external_id = ["id"]
occurred_at = "at"
workspace = ["workspace"]
[[mapping.on]]
event = ["call"]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = "status"
[[endpoint]]
id = "source-1c1f"
provider = "source"
tenant = "acme"
[[endpoint]]
id = "source-shared"
provider = "source"
"#;

#[tokio::test]
async fn every_quarantined_delivery_names_what_would_change_it() {
    let site = Site::with(&format!("{TWO_TENANTS}{SOURCE}"));
    let server = site.start().await;
    let call = json!({"type": "call", "id": "1", "status": "completed", "at": "2025-10-09T12:00:00Z"});
    let with = |name: &str, value: Value| {
        let mut call = call.clone();
        call[name] = value;
        json!({"events": [call]}).to_string()
    };
    let many: Vec<Value> = (0..10_001).map(|_| json!({"id": 1})).collect();
    for (endpoint, body, reason, word) in [
        ("source-1c1f", "{".to_owned(), "malformed_body", "json_field"),
        ("source-1c1f", with("id", Value::Null), "missing_field", "path"),
        ("source-1c1f", with("status", json!("gone")), "malformed_field", "table"),
        ("source-1c1f", with("type", json!("text")), "unknown_event_type", "[[mapping.on]]"),
        ("source-shared", with("workspace", json!("Nobody")), "unknown_workspace", "workspaces"),
        ("source-shared", with("id", json!("2")), "unknown_tracking_number", "tracking_number"),
        ("source-1c1f", with("at", json!("2099-01-01T00:00:00Z")), "future_occurred_at", "clock"),
        ("source-1c1f", json!({"events": many}).to_string(), "too_large", "10,000 events"),
    ] {
        let answer = deliver(&server, &format!("source/{endpoint}"), body, &[]).await;
        assert_eq!((answer.is(200).outcome(), &answer.json["reason"]), ("quarantined", &json!(reason)));
        let id = answer.json["quarantine_id"].as_str().expect("an id");
        let root = if endpoint == "source-1c1f" { "/api/v1/tenants/acme" } else { "/api/v1" };
        let item = listed(&server, &format!("{root}/quarantine"), id).await;
        let remedy = item["remedy"].as_str().unwrap_or_default();
        assert!(remedy.contains(word), "{reason}: {item}");
        // The remedy says what may be set, the detail of what.
        let field = match reason {
            "missing_field" => "call_id",
            "malformed_field" => "call_reported/status: must be one of",
            "unknown_event_type" => "text",
            "unknown_workspace" => "Nobody",
            _ => "",
        };
        let detail = item["detail"].as_str().unwrap_or_default();
        assert!(!detail.is_empty() && detail.contains(field), "{reason}: {item}");
        let retry = server.request("POST", &format!("{root}/quarantine/{id}/retry")).bearer_auth(TOKEN);
        assert_eq!(server.send(retry).await.problem(409)["remedy"], remedy, "{reason}");
        let shown = site.cli(&["--json", "quarantine", "show", id]);
        assert_eq!(shown.exits(0).json()[0]["remedy"], remedy, "{reason}");
        assert_eq!(shown.json()[0]["detail"], detail, "{reason}");
    }
    let told = site.cli(&["quarantine", "list"]);
    assert!(told.exits(0).all().contains("too_large: map fewer or shorter members"), "{}", told.all());
}

/// The delivery as the list shows it, once it is folded.
async fn listed(server: &Server, route: &str, id: &str) -> Value {
    for _ in 0..250 {
        let list = server.send(server.request("GET", route).bearer_auth(TOKEN)).await;
        let items = list.is(200).json["items"].as_array().cloned().expect("items");
        if let Some(item) = items.into_iter().find(|item| item["quarantine_id"] == id) {
            return item;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{id} is not listed at {route}");
}
