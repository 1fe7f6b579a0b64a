//! Alerts as clients see them: waiting for some, and for the ticker to have asked its rules.

use std::time::Duration;

use serde_json::Value;

use super::facts::answered;
use super::{Server, TOKEN};

/// The alerts at `path`, newest first, once `is` holds of them; fails after a minute: the background auditor rests a
/// hundred times as long as it worked, which is many seconds on a busy machine.
pub async fn await_alerts(server: &Server, path: &str, is: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..6_000 {
        let items = server.get(path).await.is(200).json["items"].as_array().expect("items").clone();
        if is(&items) {
            return items;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("expected other alerts at {path}: {:?}", server.get(path).await);
}

/// Records two contents under one key.
pub async fn conflict(server: &Server, tenant: &str, call_id: &str) {
    let at = "2025-10-09T12:00:00Z";
    server.post(tenant, &answered(call_id, 45, at)).await.is(201);
    server.post(tenant, &answered(call_id, 46, at)).await.problem(409);
}

/// Rejects every open conflict of the tenant.
pub async fn reject_conflicts(server: &Server, tenant: &str) {
    for conflict in server.all_items(tenant, "conflicts").await {
        let path = format!("/api/v1/tenants/{tenant}/conflicts/{}/reject", conflict["conflict_id"]);
        server.send(server.request("POST", &path).bearer_auth(TOKEN)).await.is(200);
    }
}

/// Waits until the ticker has asked every rule about all that was recorded before: a conflict of `globex` is raised in
/// one tick and cleared in a later one, which begins after everything that came before this call.
pub async fn await_ticks(server: &Server) {
    let alerts = "/api/v1/tenants/globex/alerts?rule=conflict";
    let known = server.get(alerts).await.is(200).json["items"].as_array().map_or(0, Vec::len);
    conflict(server, "globex", &format!("tick-{known}")).await;
    await_alerts(server, alerts, |items| items.len() > known && items[0]["state"] == "open").await;
    reject_conflicts(server, "globex").await;
    await_alerts(server, alerts, |items| items[0]["state"] == "cleared").await;
}
