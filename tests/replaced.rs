//! Trails of an accepted conflict (R1, E1): from what was replaced to what stands, and back.

use crate::common::facts::{answered, with};
use crate::common::{Server, Site};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn fact(server: &Server, route: &str) -> Value {
    server.read("acme", route).await
}

/// Delivers other content under the key of `call`, and decides; the position of the decision.
async fn decide(server: &Server, call: &str, seconds: u64, verdict: &str) -> u64 {
    server.post("acme", &answered(call, seconds, AT)).await.problem(409);
    let open = server.read("acme", "conflicts?state=open").await;
    let id = open["items"][0]["conflict_id"].to_string();
    let decided = server.command("acme", &format!("conflicts/{id}/{verdict}"), &json!({})).await;
    decided.is(200).json["position"].as_u64().expect("a position")
}

/// `replaced_by`, `replaces` and `stands`.
fn links(fact: &Value) -> [Value; 3] {
    ["replaced_by", "replaces", "stands"].map(|member| fact[member].clone())
}

#[tokio::test]
async fn r1_an_accepted_conflict_is_found_from_what_it_replaced_and_leads_back() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT), answered("CA2", 45, AT)]).await;
    let key = "facts/by-key?provider=twilio&external_id=CA1%3Acompleted";
    let first = fact(&server, key).await;
    let at = first["position"].as_u64().expect("a position");
    assert_eq!(links(&first), [Value::Null, Value::Null, Value::Null], "null control: nothing was accepted");
    let path = format!("/api/v1/tenants/acme/facts/{at}");
    let etag = |answer: &crate::common::Answer| answer.headers["etag"].to_str().expect("a tag").to_owned();
    let before = etag(&server.get(&path).await);

    let rejected = decide(&server, "CA2", 99, "reject").await;
    let accepted = decide(&server, "CA1", 500, "accept").await;
    let replaced = [json!(accepted), Value::Null, json!(false)];
    assert_eq!(links(&fact(&server, key).await), replaced, "by key");
    let answer = server.get(&path).await;
    assert_eq!(links(&answer.is(200).json), replaced, "by position");
    assert_ne!(etag(&answer), before, "an answer that changed has another ETag");
    let correction = fact(&server, &format!("facts/{accepted}")).await;
    assert_eq!(links(&correction), [Value::Null, json!(at), json!(true)]);
    assert_eq!(correction["body"]["body"]["duration_seconds"], 500);
    assert_eq!(
        links(&fact(&server, &format!("facts/{rejected}")).await),
        [Value::Null, Value::Null, Value::Null]
    );

    // Lists say which content stands; that of a subject holds both.
    let of_subject = server.all_items("acme", "facts?subject=call/CA1&limit=1").await;
    let told: Vec<(u64, Value)> = of_subject
        .iter()
        .map(|fact| (fact["position"].as_u64().expect("one"), fact["stands"].clone()))
        .collect();
    assert_eq!(told, [(accepted, json!(true)), (at, json!(false))]);
    assert!(
        server.all_items("acme", "facts?subject=call/CA2").await.iter().all(|fact| fact["stands"].is_null())
    );
    let all = server.all_items("acme", "facts?kind=call_reported").await;
    assert_eq!(all.iter().filter(|fact| fact["stands"] == false).count(), 1);

    // Another content over the same fact: the last one stands, and each leads to it.
    let second = decide(&server, "CA1", 600, "accept").await;
    assert_eq!(links(&fact(&server, key).await), [json!(second), Value::Null, json!(false)]);
    let earlier = fact(&server, &format!("facts/{accepted}")).await;
    assert_eq!(links(&earlier), [json!(second), json!(at), json!(false)]);
    assert_eq!(
        links(&fact(&server, &format!("facts/{second}")).await),
        [Value::Null, json!(at), json!(true)]
    );
    let conflicts = server.read("acme", "conflicts").await["items"].clone();
    let stands: Vec<(Value, Value)> = conflicts
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["first_position"].clone(), item["stands_position"].clone()))
        .collect();
    assert!(stands.contains(&(json!(at), json!(second))) && stands.contains(&(json!(at + 1), json!(at + 1))));
    assert_eq!(server.read("acme", "calls/CA1").await["duration_seconds"], 600, "as the figures say");

    // As it was before: then the first content stood.
    let past = fact(&server, &format!("{key}&as_of_position={}", accepted - 1)).await;
    assert_eq!(links(&past), [Value::Null, Value::Null, Value::Null]);
    let past = fact(&server, &format!("{key}&as_of_position={}", second - 1)).await;
    assert_eq!(links(&past), replaced);
}

#[tokio::test]
async fn r1_a_correction_that_moves_a_fact_is_found_under_both_subjects() {
    let server = Site::new().start().await;
    server.record("acme", &[with(answered("CA1", 45, AT), json!({"call_id": "CA1"}))]).await;
    let moved = with(answered("CA1", 45, AT), json!({"call_id": "CA9"}));
    server.post("acme", &moved).await.problem(409);
    let id = server.read("acme", "conflicts").await["items"][0]["conflict_id"].to_string();
    let accepted = server.command("acme", &format!("conflicts/{id}/accept"), &json!({})).await;
    let accepted = accepted.is(200).json["position"].clone();
    for (subject, count) in [("call/CA1", 2), ("call/CA9", 1)] {
        let items = server.all_items("acme", &format!("facts?subject={subject}")).await;
        assert_eq!((items.len(), &items[0]["position"]), (count, &accepted), "{subject}: {items:?}");
    }
}
