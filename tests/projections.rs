//! E6: every read model's digest on the running server equals that of a fold of its log afterwards.

use crate::common::Site;
use crate::common::facts::{answered, mail};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// Each model with its version and digest.
fn digests(models: &Value) -> Vec<[&Value; 3]> {
    let models = models.as_array().expect("models").iter();
    models.map(|model| [&model["name"], &model["version"], &model["digest"]]).collect()
}

#[tokio::test]
async fn e6_digests_are_those_of_a_fresh_fold_and_one_fact_more_is_seen_in_them() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("c1", 45, AT), answered("c2", 5, AT)]).await;
    let ask = async || {
        let path = format!("/api/v1/projections?limit=500&min_position={}", server.seen());
        server.get(&path).await.is(200).json.clone()
    };
    let before = ask().await;
    assert_eq!(digests(&before["items"]), digests(&ask().await["items"]), "nothing came between");
    server.record("globex", &[mail("lead_replied", 1, json!({"id": "7"}), AT)]).await;
    let after = ask().await;
    assert_ne!(digests(&before["items"]), digests(&after["items"]), "null control: a fact changes a digest");
    for model in after["items"].as_array().expect("items") {
        assert_eq!((&model["position"], &model["lag"]), (&after["position"], &json!(0)), "{model}");
        assert_eq!(model["state"], "live", "{model}");
    }
    let paged = server.get("/api/v1/projections?limit=3").await.is(200).json.clone();
    let cursor = paged["next_cursor"].as_str().expect("more than three models").to_owned();
    let next =
        server.get(&format!("/api/v1/projections?limit=500&cursor={cursor}")).await.is(200).json.clone();
    let mut listed = digests(&paged["items"]);
    listed.extend(digests(&next["items"]));
    assert_eq!(listed, digests(&after["items"]));

    for (role, tenants, status) in [("auditor", &["acme"][..], 404), ("auditor", &[], 200)] {
        let token = server.token(role, tenants).await;
        server.ask(&token, "GET", "/api/v1/projections", Value::Null).await.is(status);
    }

    // Tokens are facts of nobody's figures.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let last = loop {
        let last = ask().await;
        if last["position"].as_u64() >= Some(server.seen()) {
            break last;
        }
        assert!(std::time::Instant::now() < deadline, "expected position {} of {last}", server.seen());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    server.stop();
    let replayed = site.cli(&["replay", "--json"]);
    let replayed = &replayed.exits(0).json()[0];
    assert_eq!(digests(&replayed["models"]), digests(&last["items"]));
    assert_eq!(replayed["models"][0]["position"], last["position"]);
}
