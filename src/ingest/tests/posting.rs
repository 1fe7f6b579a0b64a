//! Facts that clients post: one, a batch, an import.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{house, tenant};
use crate::ingest::LineSource;
use crate::ingest::answer::{BatchTally, Posted};
use crate::ingest::error::IngestError;
use crate::ingest::post::PostingRole;

fn line(id: &str, seconds: u32) -> Bytes {
    let fact = json!({"provider": "twilio", "external_id": id, "kind": "call_reported",
        "occurred_at": "2026-09-30T12:00:00Z",
        "body": {"call_id": "CA1", "status": "completed", "duration_seconds": seconds, "from": "+13105550107"}});
    Bytes::from(fact.to_string())
}

fn words(answers: &[Posted]) -> Vec<String> {
    let word = |answer: &Posted| match answer {
        Posted::Recorded(position) => format!("recorded {position}"),
        Posted::Duplicate(position) => format!("duplicate {position}"),
        Posted::Conflict(conflict) => format!("conflict {} #{}", conflict.first_position, conflict.count),
        Posted::Rejected(faults) => format!("rejected {}", faults[0].pointer),
        Posted::Unparsable(_) => "unparsable".to_owned(),
        Posted::NotAccepted(kind) | Posted::Forbidden(kind) => format!("not {kind}"),
    };
    answers.iter().map(word).collect()
}

#[tokio::test]
async fn a_batch_is_as_if_posted_one_by_one() {
    let lines = vec![
        line("A", 1),
        line("A", 1),
        Bytes::from("{"),
        line("A", 2),
        Bytes::from("{}"),
        line("B", 1),
        line("A", 2),
        line("A", 3),
        line("A", 1),
    ];
    let batch = house();
    fn can_move_between_threads(_: &impl Send) {}
    can_move_between_threads(&batch.ingest.post_batch(&tenant("acme"), PostingRole::Operator, Vec::new()));
    let at_once = batch
        .ingest
        .post_batch(&tenant("acme"), PostingRole::Operator, lines.clone())
        .await
        .expect("answers");
    let expected = [
        "recorded 1",
        "duplicate 1",
        "unparsable",
        "conflict 1 #1",
        "rejected /provider",
        "recorded 2",
        "conflict 1 #2",
        "conflict 1 #1",
        "duplicate 1",
    ];
    assert_eq!(words(&at_once), expected);
    let mut tally = BatchTally::default();
    at_once.iter().for_each(|answer| tally.add(answer));
    let counts = (tally.recorded, tally.duplicates, tally.conflicts, tally.rejected, tally.last_position);
    assert_eq!(counts, (2, 2, 3, 2, Some(2)));

    let single = house();
    let mut alone = Vec::new();
    for line in lines.clone() {
        alone
            .push(single.ingest.post(&tenant("acme"), PostingRole::Operator, line).await.expect("an answer"));
    }
    let without_positions = |answers: &[Posted]| -> Vec<String> {
        words(answers).iter().map(|word| word.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(without_positions(&alone), without_positions(&at_once));
    assert_eq!(single.head(), batch.head());

    let (import, mut imported) = (house(), Vec::new());
    let run = || {
        import.ingest.import(
            LineSource::Posted(&tenant("acme"), PostingRole::Operator),
            lines.into_iter(),
            |answer| {
                imported.push(answer);
                Ok::<(), IngestError>(())
            },
        )
    };
    std::thread::scope(|scope| scope.spawn(run).join()).expect("no panic").expect("imported");
    assert_eq!(words(&imported), expected);
}

#[tokio::test]
async fn a_conflict_names_both_digests_and_every_member_that_differs() {
    let house = house();
    let post = async |line| {
        house.ingest.post(&tenant("acme"), PostingRole::Operator, line).await.expect("an answer")
    };
    assert_eq!(post(line("A", 1)).await, Posted::Recorded(1));
    let mut other: Value = serde_json::from_slice(&line("A", 2)).expect("json");
    other["occurred_at"] = json!("2026-09-30T14:00:01+02:00");
    other["body"]["agent"] = json!("Ann@Example.com");
    other["body"]["from"] = Value::Null;
    let Posted::Conflict(conflict) = post(Bytes::from(other.to_string())).await else {
        panic!("no conflict")
    };
    assert_ne!(conflict.first_digest, conflict.second_digest);
    assert_eq!((conflict.first_position, conflict.position, conflict.count), (1, 2, 1));
    let diff: Vec<_> =
        conflict.diff.iter().map(|at| (at.pointer.as_str(), at.first.clone(), at.second.clone())).collect();
    assert_eq!(
        diff,
        [
            ("/body/duration_seconds", json!(1), json!(2)),
            ("/body/from", json!("+13105550107"), Value::Null),
            ("/body/agent", Value::Null, json!("ann@example.com")),
            ("/occurred_at", json!("2026-09-30T12:00:00Z"), json!("2026-09-30T12:00:01Z")),
        ]
    );
    assert_eq!(house.kind(2), "conflict_observed");
}

#[test]
fn an_import_longer_than_what_waits_keeps_its_order() {
    let house = house();
    let lines = (0..20_000_u32).map(|n| line(&format!("id/{n}"), n));
    let mut next = 1;
    let tally = house
        .ingest
        .import(LineSource::Posted(&tenant("acme"), PostingRole::Operator), lines, |answer| {
            assert_eq!(answer, Posted::Recorded(next));
            next += 1;
            Ok::<(), IngestError>(())
        })
        .expect("imported");
    assert_eq!((tally.recorded, tally.last_position), (20_000, Some(20_000)));
    let stopped = house.ingest.import(
        LineSource::Posted(&tenant("acme"), PostingRole::Operator),
        (0..9_999).map(|n| line("A", n)),
        |_| Err(IngestError::Engine("enough".into())),
    );
    assert!(matches!(stopped, Err(IngestError::Engine(_))), "and it ends when told to");
}
