//! A source that the configuration describes: what was quarantined is mapped again under the key that came in a header.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::ingest::providers::generic::field::{Field, Path, ReadAs};
use crate::ingest::providers::generic::members::Members;
use crate::ingest::providers::generic::{Mapping, MappingRule};
use crate::ingest::signature::Scheme;
use crate::ingest::time::TimeFormat;

fn field(path: &str, read_as: ReadAs) -> Field {
    let paths = vec![Path::parse(path).expect("path")];
    let prefix = String::new();
    Field { paths, read_as, table: None, otherwise: None, default: None, prefix }
}

/// A mapping whose table of states has these words.
fn mapping(words: &[(&str, &str)]) -> Mapping {
    let table = words.iter().map(|(word, status)| ((*word).to_owned(), Value::from(*status)));
    let status = Field { table: Some(table.collect()), ..field("state", ReadAs::Text) };
    let call_id = field("id", ReadAs::Text);
    Mapping {
        name: "tracker".into(),
        version: 1,
        signature: Scheme::Header("x-token".into()),
        echo_header: None,
        json_field: None,
        each: None,
        event: Some(field("header:X-Event", ReadAs::Text)),
        external_id: vec![field("header:X-Id", ReadAs::Text)],
        occurred_at: None,
        tracking_number: None,
        workspace: Vec::new(),
        rules: vec![MappingRule {
            events: vec!["call".into()],
            kind: Some("call_reported"),
            occurred_at: None,
            body: Members {
                fields: vec![(vec!["call_id".into()], call_id), (vec!["status".into()], status)],
                rows: Vec::new(),
            },
        }],
    }
}

fn use_mapping(ingest: &Ingest, mapping: Mapping) {
    let acme = TenantEntry { id: tenant("acme"), tracking_numbers: Vec::new(), workspaces: Vec::new() };
    let endpoint = Endpoint {
        id: "tr-acme".into(),
        provider: "tracker".into(),
        tenant: Some(tenant("acme")),
        event: None,
        secrets: vec![Secret::new("sesame-7f3a")],
    };
    ingest.swap_registry(Registry::new(vec![mapping]));
    ingest.swap_directory(Directory::new(vec![acme], vec![endpoint]).expect("directory"));
}

fn delivery(id: &str) -> Delivery {
    let header = |name: &str, value: &str| (name.to_owned(), Bytes::from(value.to_owned()));
    Delivery {
        provider: "tracker".into(),
        endpoint: "tr-acme".into(),
        method: "POST".into(),
        path_and_query: "/hooks/tracker/tr-acme".into(),
        headers: vec![
            header("content-type", "application/json"),
            header("x-token", "sesame-7f3a"),
            header("x-event", "Call"),
            header("x-id", id),
        ],
        body: Bytes::from(r#"{"id":"7","state":"talked"}"#),
        received_at: Instant::parse(NOW).expect("instant"),
    }
}

#[tokio::test]
async fn r3_a_retry_after_the_mapping_was_mended_has_the_key_of_the_delivery_and_no_secret() {
    let house = house();
    use_mapping(&house.ingest, mapping(&[("missed", "no_answer")]));
    let taken = house.ingest.deliver(&delivery("msg-1")).await.expect("taken");
    assert_eq!(taken.outcome, Outcome::Quarantined);
    let (_, _, kept, _) = house.record(1);
    assert_eq!(kept.json()["headers"], "x-event: Call\nx-id: msg-1", "those that the mapping reads");
    assert!(!kept.json().to_string().contains("sesame-7f3a"));
    use_mapping(&house.ingest, mapping(&[("talked", "completed")]));
    let retried =
        house.commands().retry_delivery(&tenant("acme"), 1, None).await.map(|receipt| receipt.recorded);
    assert!(matches!(retried, Ok(Some(_))), "{retried:?}");
    let (_, name, fact, _) = house.record(2);
    assert_eq!((name.as_str(), &fact.json()["status"]), ("tracker/msg-1", &json!("completed")));
    let redelivered = house.ingest.deliver(&delivery("msg-1")).await.expect("taken");
    assert_eq!(redelivered.outcome, Outcome::Duplicate, "the retry had the key that the header gives");
    let other = house.ingest.deliver(&delivery("msg-2")).await.expect("taken");
    assert_eq!(other.outcome, Outcome::Recorded, "another delivery's id is another key");
}

#[tokio::test]
async fn thousands_of_events_in_one_delivery_are_more_than_one_submission_and_all_recorded() {
    let house = house();
    let item = |n: usize| json!({"id": n.to_string(), "state": "talked", "filler": "x".repeat(20)});
    let batch: Vec<Value> = (0..1_000).map(item).collect();
    let mut one = delivery("msg-1");
    one.body = Bytes::from(Value::from(batch).to_string());
    let external_id = vec![field("id", ReadAs::Text)];
    let each = Path::parse("$");
    use_mapping(&house.ingest, Mapping { each, external_id, ..mapping(&[("talked", "completed")]) });
    let taken = house.ingest.deliver(&one).await.expect("taken");
    assert_eq!((taken.outcome, taken.facts.len(), house.head()), (Outcome::Recorded, 1_000, 1_000));
    let again = house.ingest.deliver(&one).await.expect("taken");
    assert_eq!((again.outcome, house.head()), (Outcome::Duplicate, 1_000));
    assert_eq!(BTreeMap::from_iter(again.facts.iter().map(|fact| (fact.position, ()))).len(), 1_000);
}

#[tokio::test]
async fn r6_a_time_that_was_ahead_is_taken_by_a_retry_once_it_has_come() {
    let house = house();
    let occurred_at = Some(field("at", ReadAs::Instant(TimeFormat::Rfc3339)));
    use_mapping(&house.ingest, Mapping { occurred_at, ..mapping(&[("talked", "completed")]) });
    let mut ahead = delivery("msg-1");
    ahead.body = Bytes::from(r#"{"id":"7","state":"talked","at":"2026-10-03T12:00:00Z"}"#);
    let taken = house.ingest.deliver(&ahead).await.expect("taken");
    assert_eq!(taken.outcome, Outcome::Quarantined);
    let retry = async || house.commands().retry_delivery(&tenant("acme"), 1, None).await;
    assert!(retry().await.is_err(), "two days ahead");
    house.harness.time.set(instant("2026-10-02T12:00:01Z").0);
    assert!(retry().await.is_ok());
    let (_, name, _, _) = house.record(2);
    assert_eq!(name, "tracker/msg-1");
}
