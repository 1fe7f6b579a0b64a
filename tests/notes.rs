//! Notes over HTTP (B9, L9): those of the CRM, and people's own, which no sync touches.

use crate::common::crm::{ended, good, page};
use crate::common::facts::with;
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

const DAY: &str = "2025-10-09T12:00:00Z";

async fn send(server: &Server, method: &str, route: &str, key: Option<&str>, body: Option<Value>) -> Answer {
    let mut request = server.request(method, &format!("/api/v1/tenants/acme/{route}")).bearer_auth(TOKEN);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    server.send(request).await
}

async fn listed(server: &Server, route: &str) -> Vec<Value> {
    let notes = server.all_items("acme", route).await;
    notes.iter().map(|note| json!([note["content"], note["author"], note["origin"]])).collect()
}

fn synced(ids: std::ops::Range<u32>) -> Value {
    let note = |id: u32| {
        json!({"id": id.to_string(), "author": "Bo", "content": format!("Called {id} Times"), "contact": "7",
            "created_at": format!("2025-10-09T10:{:02}:{:02}Z", id / 60, id % 60)})
    };
    ids.map(note).collect()
}

#[tokio::test]
async fn b9_a_person_s_note_stands_beside_the_synced_ones_and_no_sync_touches_it() {
    let server = Site::new().start().await;
    let note = json!({"content": " Likes Austin ", "author": "Ann@example.com", "contact": "Ada"});
    let written = send(&server, "POST", "notes", None, Some(note)).await;
    written.is(201);
    assert_eq!(written.outcome(), "recorded");
    server.record("acme", &good("r1", "notes", "2025-10-09T12:00:00Z", synced(0..2))).await;
    let own = json!(["Likes Austin", "Ann@example.com", "own"]);
    let of = |n| json!([format!("Called {n} Times"), "Bo", "synced"]);
    assert_eq!(listed(&server, "notes").await, [own.clone(), of(1), of(0)], "newest first");
    // "Sync now" with nothing left in the CRM drops the CRM's notes, and only these.
    server.record("acme", &good("r2", "notes", "2025-10-09T13:00:00Z", json!([]))).await;
    assert_eq!(listed(&server, "notes").await, [own]);
    let id = written.json["note_id"].as_str().expect("note_id").to_owned();
    let removed = send(&server, "DELETE", &format!("notes/{id}"), None, None).await;
    assert_eq!((removed.is(200).outcome(), listed(&server, "notes").await.len()), ("recorded", 0));
    let again = send(&server, "DELETE", &format!("notes/{id}"), None, None).await;
    assert_eq!(again.is(200).outcome(), "existing");
    send(&server, "DELETE", "notes/nobody", None, None).await.is(404);
}

#[tokio::test]
async fn b9_notes_are_searched_in_text_and_author_without_case_and_come_50_a_page() {
    let server = Site::new().start().await;
    server.record("acme", &good("r1", "notes", DAY, synced(0..120))).await;
    let note = json!({"content": "about times to come", "author": "Zoe"});
    send(&server, "POST", "notes", None, Some(note)).await.is(201);
    let first = server.read("acme", "notes").await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(50));
    assert!(first["next_cursor"].is_string());
    assert_eq!(server.all_items("acme", "notes").await.len(), 121);
    assert_eq!(listed(&server, "notes?search=TIMES").await.len(), 121);
    assert_eq!(listed(&server, "notes?search=zOE").await.len(), 1);
    let found = listed(&server, "notes?search=called%2011&limit=3").await;
    assert_eq!(found.len(), 11, "11 and 110 to 119: {found:?}");
    let other = server
        .get(&format!(
            "/api/v1/tenants/acme/notes?search=bo&cursor={}",
            first["next_cursor"].as_str().expect("cursor")
        ))
        .await;
    other.is(400);
}

#[tokio::test]
async fn b9_the_notes_of_one_contact_replace_that_contact_s_only() {
    let server = Site::new().start().await;
    let of = |run: &str, contact: &str, at: &str, text: &[&str]| {
        let records: Value = text.iter().map(|text| json!({"id": text, "content": text})).collect();
        let fact = page(run, "notes", (1, 1), at, records);
        with(with(fact, json!({"contact": contact})), json!({}))
    };
    let keyed = |mut fact: Value, key: &str| {
        fact["external_id"] = key.into();
        fact
    };
    server
        .record(
            "acme",
            &[
                keyed(of("r1", "7", DAY, &["a", "b"]), "n/7"),
                keyed(of("r1", "8", DAY, &["c"]), "n/8"),
                ended("r1", "success", DAY),
                keyed(of("r2", "7", "2025-10-09T13:00:00Z", &["b"]), "n2/7"),
                ended("r2", "success", "2025-10-09T13:00:00Z"),
            ],
        )
        .await;
    let texts: Vec<_> =
        server.all_items("acme", "notes").await.iter().map(|note| note["content"].clone()).collect();
    assert_eq!(texts, ["b", "c"]);
}

#[tokio::test]
async fn b9_a_note_sent_again_under_one_key_is_written_once() {
    let server = Site::new().start().await;
    let note = || Some(json!({"content": "once", "author": "Ann"}));
    let first = send(&server, "POST", "notes", Some("k1"), note()).await;
    let again = send(&server, "POST", "notes", Some("k1"), note()).await;
    assert_eq!((first.is(201).outcome(), again.is(200).outcome()), ("recorded", "existing"));
    assert_eq!((&first.json["note_id"], first.position()), (&again.json["note_id"], again.position()));
    let other = send(&server, "POST", "notes", Some("k1"), Some(json!({"content": "other"}))).await;
    assert_eq!(other.is(422).json["code"], "idempotency_mismatch");
    assert_eq!(server.all_items("acme", "notes").await.len(), 1);
    let bad = send(&server, "POST", "notes", None, Some(json!({"author": "Ann", "text": "x"}))).await;
    let pointers: Vec<_> =
        bad.is(422).json["errors"].as_array().expect("errors").iter().map(|e| e["pointer"].clone()).collect();
    assert_eq!(pointers, ["/content", "/text"]);
}
