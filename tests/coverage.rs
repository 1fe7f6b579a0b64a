//! E9: figures say through when each source is known completely.

use crate::common::crm::{ended, good, started};
use crate::common::facts::with;
use crate::common::{Server, Site};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn coverage(server: &Server, route: &str) -> Value {
    server.read("acme", route).await["coverage"].clone()
}

/// The same fact as of another source.
fn of(source: &str, mut fact: Value) -> Value {
    fact["provider"] = source.into();
    with(fact, json!({"source": source}))
}

#[tokio::test]
async fn e9_figures_say_through_when_each_source_is_complete_and_null_where_nothing_is_known() {
    let server = Site::new().start().await;
    let (month, days) = ("metrics/month?month=2025-10", "metrics/days?from=2025-10-01&to=2025-10-02");
    server.record("acme", &[started("r0", AT)]).await;
    let begun = server.seen();
    let known = |through: Value| json!([{"source": "clienttether", "complete_through": through}]);
    assert_eq!(coverage(&server, month).await, known(Value::Null), "a run that has not ended says nothing");
    let run = good("r1", "leads", "2025-10-09T13:00:00Z", json!([{"id": "1", "stage": "FA Sent"}]));
    server.record("acme", &run).await;
    // A run that failed takes nothing back, and calls are read by spans: nothing is known of them.
    let failed = [started("r2", "2025-10-09T14:00:00Z"), ended("r2", "failed", "2025-10-09T14:01:00Z")];
    server.record("acme", &failed).await;
    let calls = [started("c1", AT), ended("c1", "success", AT)].map(|fact| of("callrail", fact));
    server.record("acme", &calls).await;
    let all = json!([{"source": "callrail", "complete_through": null},
        {"source": "clienttether", "complete_through": "2025-10-09T13:00:00Z"}]);
    for route in [month, days, "metrics/month"] {
        assert_eq!(coverage(&server, route).await, all, "{route}");
    }
    assert_eq!(coverage(&server, &format!("{month}&as_of_position={begun}")).await, known(Value::Null));
    assert_eq!(server.read("globex", month).await["coverage"], json!([]), "nobody else's");
    let report = server.command("acme", "reports", &json!({"period": "2025-10"})).await;
    let id = report.is(201).json["report_id"].as_str().expect("an id").to_owned();
    assert_eq!(coverage(&server, &format!("reports/{id}")).await, all);
    let csv =
        server.request("GET", &format!("/api/v1/tenants/acme/{month}")).bearer_auth(crate::common::TOKEN);
    let csv = server.send(csv.header("accept", "text/csv")).await;
    assert!(csv.is(200).text.contains("qualified") && !csv.text.contains("coverage"), "{}", csv.text);
}
