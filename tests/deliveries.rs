//! The log of deliveries and the endpoints' health over HTTP (D4, D5).

use crate::common::bison::{self, sent};
use crate::common::twilio::{self, ended};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";

/// The first page: every delivery is there as soon as it was answered.
async fn listed(server: &Server, path: &str, count: usize) -> Value {
    let page = server.get(path).await.is(200).json.clone();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(count), "{path}: {page}");
    page
}

fn of<'v>(page: &'v Value, member: &str) -> Vec<&'v Value> {
    page["items"].as_array().expect("items").iter().map(|item| &item[member]).collect()
}

#[tokio::test]
async fn d4_every_delivery_is_listed_with_what_became_of_it() {
    let site = Site::new();
    let server = site.start().await;
    let first = twilio::deliver(&server, &ended("CA1", "completed", 45, STAMP)).await;
    twilio::deliver(&server, &ended("CA1", "completed", 45, STAMP)).await.is(200);
    twilio::deliver(&server, &ended("CA1", "completed", 46, STAMP)).await.is(200);
    twilio::deliver(&server, &ended("CA2", "teleported", 46, STAMP)).await.is(200);
    twilio::deliver_signed(&server, twilio::ENDPOINT, &ended("CA3", "completed", 1, STAMP), None)
        .await
        .is(401);
    let page = listed(&server, "/api/v1/tenants/acme/deliveries", 5).await;
    let expected = ["refused", "quarantined", "conflict", "duplicate", "recorded"];
    assert_eq!(of(&page, "outcome"), expected, "newest first: {page}");
    let item = &page["items"][4];
    assert_eq!(item["delivery_id"], first.json["delivery_id"], "as it was answered: {item}");
    assert_eq!((&item["event"], &item["tenant"]), (&json!("completed"), &json!("acme")));
    assert!(item["processing_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{item}");
    assert_eq!(page["items"][0]["error"], "bad_signature");
    assert!(!page.to_string().contains(twilio::ENDPOINT), "an endpoint's id is half a secret: {page}");
    assert_eq!((&page["not_kept"], page["kept_since"].is_string()), (&json!(0), true));

    let refused = server.get("/api/v1/tenants/acme/deliveries?outcome=refused").await;
    assert_eq!(of(&refused.is(200).json, "outcome"), ["refused"]);
    assert!(
        of(&server.get("/api/v1/tenants/acme/deliveries?event=ringing").await.is(200).json, "event")
            .is_empty()
    );
    server.get("/api/v1/tenants/acme/deliveries?outcome=lost").await.names_parameter("outcome");
    assert!(of(&server.get("/api/v1/tenants/globex/deliveries").await.is(200).json, "event").is_empty());
    let two = server.get("/api/v1/tenants/acme/deliveries?limit=2").await;
    let cursor = two.is(200).json["next_cursor"].as_str().expect("a cursor").to_owned();
    let next = server.get(&format!("/api/v1/tenants/acme/deliveries?limit=2&cursor={cursor}")).await;
    assert_eq!(of(&next.is(200).json, "outcome"), ["conflict", "duplicate"]);
    let csv = server
        .request("GET", "/api/v1/tenants/acme/deliveries")
        .bearer_auth(TOKEN)
        .header("accept", "text/csv");
    assert_eq!(server.send(csv).await.is(200).text.lines().count(), 6);

    server.stop();
    let server = site.start().await;
    let again = listed(&server, "/api/v1/tenants/acme/deliveries", 5).await;
    assert_eq!(of(&again, "outcome"), expected, "they stay over a restart");
    server.stop();
    std::fs::remove_dir_all(site.data().join("sled")).expect("sled is there");
    let server = site.start().await;
    let lost = server.get("/api/v1/tenants/acme/deliveries").await;
    assert!(of(&lost.is(200).json, "outcome").is_empty(), "lost with sled, and nothing else is: {lost:?}");
    assert!(lost.json["kept_since"].as_str() > page["kept_since"].as_str(), "the answer says since when");
}

#[tokio::test]
async fn d4_deliveries_without_a_tenant_are_the_operators() {
    let server = Site::new().start().await;
    let mut elsewhere = sent("EMAIL_SENT", 1, bison::lead(1), "2025-10-09T12:00:00.000000Z");
    elsewhere["event"]["workspace_id"] = 99.into();
    elsewhere["event"]["workspace_name"] = "Elsewhere".into();
    bison::deliver(&server, &elsewhere).await.is(200);
    server.send(server.request("POST", "/hooks/emailbison/nobody-knows").body("{}")).await.is(404);
    let page = listed(&server, "/api/v1/deliveries", 2).await;
    assert_eq!(of(&page, "outcome"), ["rejected", "quarantined"]);
    assert_eq!(of(&page, "error"), ["unknown_endpoint", "unknown_workspace"]);
    assert!(!page.to_string().contains("nobody-knows"), "what anybody may send is not kept: {page}");
    server.send(server.request("GET", "/api/v1/deliveries")).await.problem(401);
}

#[tokio::test]
async fn d5_an_endpoint_without_deliveries_is_neither_well_nor_ill_and_its_rate_follows_them() {
    let server = Site::new().start().await;
    let health =
        async || server.get("/api/v1/tenants/acme/webhook-health").await.is(200).json["items"][0].clone();
    let none = health().await;
    assert_eq!((&none["provider"], &none["healthy"]), (&json!("twilio"), &Value::Null), "{none}");
    assert!(none["success_rate"].is_null() && none["last_delivery_at"].is_null(), "{none}");
    for n in 0..19 {
        twilio::deliver(&server, &ended(&format!("CA{n}"), "completed", 45, STAMP)).await.is(200);
    }
    twilio::deliver(&server, &ended("CA0", "completed", 46, STAMP)).await.is(200);
    twilio::deliver(&server, &ended("CB", "teleported", 46, STAMP)).await.is(200);
    twilio::deliver_signed(&server, twilio::ENDPOINT, &ended("CC", "completed", 1, STAMP), None)
        .await
        .is(401);
    listed(&server, "/api/v1/tenants/acme/deliveries?outcome=refused", 1).await;
    let well = health().await;
    assert_eq!((&well["success_rate"], &well["healthy"]), (&json!(95.0), &json!(true)), "19 of 20: {well}");
    assert_eq!(
        (&well["conflicts"], &well["refused"], &well["deliveries"]),
        (&json!(1), &json!(1), &json!(21))
    );
    twilio::deliver(&server, &ended("CD", "teleported", 46, STAMP)).await.is(200);
    listed(&server, "/api/v1/tenants/acme/deliveries?outcome=quarantined", 2).await;
    let ill = health().await;
    assert_eq!((&ill["success_rate"], &ill["healthy"]), (&json!(90.48), &json!(false)), "19 of 21: {ill}");
}
