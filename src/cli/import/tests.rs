//! Law: every key that the engine makes survives export and import, beside the same keys of the log it comes to.

use std::collections::BTreeSet;
use std::iter::once;

use bytes::Bytes;
use domain::envelope::Envelope;
use domain::facts::Fact;
use domain::keys::engine::{EngineKey, HexDigest};
use domain::members::Instant as Moment;

use super::*;
use crate::ingest::Ingest;
use crate::ingest::restore::referring;
use crate::log::{Appended, Log};
use crate::testing::{Harness, T0, TestClock, empty_directory, envelope, secret};
use crate::views::exported::exported;

/// Keys of the control tenant, which is not exported.
const OF_CONTROL: [&str; 12] = [
    "Lease",
    "AlertTarget",
    "AlertTargetRemoval",
    "TokenIssued",
    "TokenRevoked",
    "UserChange",
    "UserRemoval",
    "InvitationIssued",
    "InvitationEnded",
    "EndpointChange",
    "LoginStarted",
    "LoginEnded",
];

/// Positions in the exported log.
const CALL: Position = 1;
const DELIVERY: Position = 2;

fn acme() -> TenantId {
    TenantId::new("acme").expect("a tenant")
}

fn call(seconds: u32) -> Envelope {
    let body = json!({"call_id": "CA1", "status": "completed", "duration_seconds": seconds});
    envelope("acme", "CA1", T0, "call_reported", body)
}

fn made(key: &EngineKey, kind: &str, body: serde_json::Value) -> Envelope {
    let fact = Fact::from_json(kind, body, "").expect("a kind").expect("a body");
    Envelope::by_engine(acme(), key, Moment(T0), fact).expect("a key")
}

/// A fact under each key, in an order in which each stands behind those that it names.
fn history() -> Vec<(EngineKey, Envelope)> {
    let second = call(46).content(&secret()).expect("a digest");
    let hex = hex::encode(second);
    let conflict = EngineKey::Conflict { first: CALL, second: HexDigest(second) };
    let decision = EngineKey::ConflictDecision { first: CALL, second: HexDigest(second) };
    let kept = json!({"quarantine_id": "00ff", "reason": "unmapped", "provider": "desk", "endpoint": "e1"});
    let resolved = json!({"quarantine_id": "00ff", "quarantined_position": DELIVERY, "outcome": "recorded",
        "facts": [CALL]});
    let observed = json!({"first_position": CALL, "first_digest": hex, "second_digest": hex,
        "occurred_at": Moment(T0).to_string(),
        "kind": "call_reported", "body": call(46).fact.json()});
    let report = json!({"report_id": "r1", "period": "2025-10", "position": DELIVERY});
    let ended = json!({"file": "00ff", "bytes": 1, "lines": 1, "recorded": 1, "duplicates": 0, "conflicts": 0,
        "rejected": 0, "lowest_position": CALL, "first_position": CALL, "last_position": DELIVERY});
    let (at, session) = (Moment(T0).to_string(), json!({"session_id": "s1"}));
    let started =
        json!({"session_id": "s2", "agent": "ann@example.com", "pipeline_id": "north", "lead_ids": ["L1"]});
    let note = json!({"note_id": "n1", "content": "calls back"});
    let part = |resource: &str, contact: Option<&str>| {
        json!({"run_id": "r1", "source": "clienttether", "resource": resource, "observed_at": Moment(T0).to_string(),
            "part": 1, "parts": 1, "contact": contact})
    };
    let (request, became) = (json!({"request_id": "r1"}), json!({"request_id": "r1", "call_id": "CA1"}));
    let because = |request: &serde_json::Value, reason: &str| json!({"request_id": request["request_id"], "reason": reason});
    let difference = json!({"run_id": "r1", "source": "callrail", "from": Moment(T0).to_string(),
        "to": Moment(T0).to_string(), "listed": 2, "known": 1, "missing": 1, "unlisted": 0, "closing": "run"});
    let coverage = json!({"run_id": "r1", "source": "callrail", "complete_from": Moment(T0).to_string(),
        "complete_through": Moment(T0).to_string()});
    let parsed = |text: &str| EngineKey::parse(text).unwrap_or_else(|| panic!("{text} is no key"));
    let facts = [
        (parsed("quarantine/00ff"), "delivery_quarantined", kept),
        (parsed("quarantine/00ff/resolved"), "quarantine_resolved", resolved),
        (conflict, "conflict_observed", observed),
        (decision, "conflict_rejected", json!({"first_position": CALL, "second_digest": hex})),
        (parsed("session/ann@example.com/north/0"), "session_started", started),
        (
            parsed("session/s1/attempt/L1"),
            "lead_attempted",
            json!({"session_id": "s1", "lead_id": "L1", "outcome": "connected"}),
        ),
        (
            parsed("session/s1/reserve/L1/0"),
            "lead_reserved",
            json!({"session_id": "s1", "lead_id": "L1", "line": "1", "until": at}),
        ),
        (
            parsed("session/s1/timeout/3"),
            "session_timed_out",
            json!({"session_id": "s1", "last_activity_at": at}),
        ),
        (parsed("session/s1/resume/3"), "session_resumed", session.clone()),
        (parsed("session/s1/end"), "session_ended", session.clone()),
        (
            parsed("session/s1/attempt/L1/1"),
            "lead_attempted",
            json!({"session_id": "s1", "lead_id": "L1", "outcome": "busy"}),
        ),
        (parsed("again/1/session/s1/end"), "session_ended", session),
        (
            parsed("void/1/0"),
            "fact_voided",
            json!({"voided_position": CALL, "earlier": 0, "reason": "by mistake"}),
        ),
        (parsed("void/1/0/restored"), "fact_restored", json!({"voided_position": CALL, "earlier": 0})),
        (parsed("erasure/e1"), "person_erased", json!({"erasure_id": "e1", "erased_facts": 1, "bytes": 9})),
        (parsed("call-request/r1/sent"), "call_request_sent", request.clone()),
        (parsed("call-request/r1/accepted"), "call_request_accepted", became.clone()),
        (parsed("call-request/r1/placed"), "call_placed", json!({"call_id": "CA1", "to": "+12025550123"})),
        (parsed("call-request/r1/confirmed"), "call_request_confirmed", became),
        (parsed("call-request/r1/failed"), "call_request_failed", because(&request, "expired")),
        (parsed("call-request/r1/unknown"), "call_request_unknown", because(&request, "timed_out")),
        (parsed("command/0190d2b4"), "note_written", note.clone()),
        (parsed("idem/k1"), "note_written", note),
        (parsed("note/removed/3"), "note_removed", json!({"note_id": "n1"})),
        (parsed("report/3/published"), "report_published", report),
        (parsed("report/3/withdrawn"), "report_withdrawn", json!({"report_id": "r1"})),
        (
            parsed("alert/a1/raised"),
            "alert_raised",
            json!({"alert_id": "a1", "rule": "silence", "title": "Silence"}),
        ),
        (
            parsed("alert/a1/sent/at_1/1"),
            "alert_sent",
            json!({"alert_id": "a1", "target_id": "at_1", "attempt": 1}),
        ),
        (parsed("alert/a1/cleared"), "alert_cleared", json!({"alert_id": "a1"})),
        (parsed("import/00ff/finished/0"), "import_finished", ended),
        (parsed("sync/r1/started"), "sync_started", json!({"run_id": "r1", "source": "clienttether"})),
        (parsed("sync/r1/leads/1"), "snapshot_taken", part("leads", None)),
        (parsed("sync/r1/notes/C1/1"), "snapshot_taken", part("notes", Some("C1"))),
        (parsed("sync/r1/difference"), "difference_observed", difference),
        (parsed("sync/r1/coverage"), "coverage_observed", coverage),
        (parsed("sync/r1/finished"), "sync_finished", json!({"run_id": "r1", "source": "clienttether"})),
        (parsed("tenant/3"), "tenant_closed", json!({"reason": "gone"})),
        (parsed("imported/tenant/4"), "tenant_closed", json!({"reason": "gone"})),
    ];
    facts.map(|(key, kind, body)| (key.clone(), made(&key, kind, body))).into()
}

fn append(ingest: &Ingest, facts: &[Envelope]) -> Vec<Appended> {
    ingest.append(facts, &Bytes::new()).expect("submitted").wait().expect("durable")
}

fn exported_lines(log: &Log) -> Vec<Bytes> {
    let snapshot = log.snapshot();
    let one = |position| {
        let record = snapshot.read(position).expect("readable").expect("a fact");
        let record = record.view().expect("a record");
        let line = exported(&snapshot, position, &record, (&record.leaf(), false)).expect("a line");
        Bytes::from(serde_json::to_vec(&line).expect("JSON"))
    };
    (1..=snapshot.head().position).map(one).collect()
}

/// Imports line by line, as a file is whose every line names the one before.
fn import(ingest: &Ingest, lines: &[Bytes]) -> Vec<Posted> {
    let (positions, mut answers) = (PositionMap::default(), Vec::new());
    for line in lines {
        let mut each = |posted: Posted| {
            if let (Some(there), Some(here)) = (referring(line), place(&posted)) {
                positions.put(there, here);
            }
            answers.push(posted);
            Ok::<_, IngestError>(())
        };
        ingest.import(LineSource::File(None, &positions), once(line.clone()), &mut each).expect("imported");
    }
    answers
}

#[test]
fn every_engine_key_survives_export_and_import_beside_the_same_keys_of_this_log() {
    let history = history();
    let shapes = history.iter().map(|(key, _)| key.shape()).chain(OF_CONTROL);
    assert_eq!(shapes.collect::<BTreeSet<_>>(), EngineKey::SHAPES.iter().copied().collect(), "each is here");

    let [there, here] = [1, 2].map(|_| Harness::new(TestClock::stepping(T0, 1_000)));
    let (from, to) = (there.ingest(empty_directory()), here.ingest(empty_directory()));
    let facts: Vec<Envelope> = once(call(45)).chain(history.iter().map(|(_, fact)| fact.clone())).collect();
    assert!(append(&from, &facts).iter().all(|appended| matches!(appended, Appended::Recorded(_))));

    // This log has facts of its own under every key that means another fact here.
    let own = history.iter().filter(|(key, _)| key.is_of_one_log());
    let own: Vec<Envelope> =
        own.map(|(key, _)| made(key, "note_written", json!({"note_id": "own", "content": "here"}))).collect();
    append(&to, &own);
    let (before, lines) = (own.len() as Position, exported_lines(&there.log));
    let expected: Vec<Posted> = (1..=lines.len() as Position).map(|n| Posted::Recorded(before + n)).collect();
    assert_eq!(import(&to, &lines), expected);
    for ((key, fact), n) in history.iter().zip(2..) {
        let stored = here.log.read(before + n).expect("readable").expect("a fact");
        let header = stored.view().expect("a record").header;
        let renamed = match key.clone() {
            EngineKey::Conflict { second, .. } => EngineKey::Conflict { first: before + CALL, second },
            EngineKey::ConflictDecision { second, .. } => {
                EngineKey::ConflictDecision { first: before + CALL, second }
            }
            EngineKey::FactVoided { earlier, .. } => EngineKey::FactVoided { voided: before + CALL, earlier },
            EngineKey::FactRestored { earlier, .. } => {
                EngineKey::FactRestored { voided: before + CALL, earlier }
            }
            other => other.imported(),
        };
        assert_eq!(EngineKey::parse(header.external_id), Some(renamed));
        assert_eq!(header.kind, fact.fact.tag(), "{key}");
    }
    let again: Vec<Posted> = (1..=lines.len() as Position).map(|n| Posted::Duplicate(before + n)).collect();
    assert_eq!(import(&to, &lines), again);

    // Null control: under the keys as they were, each would be taken for a fact of this log.
    let unnamed = history.iter().filter(|(key, _)| key.is_of_one_log());
    let unnamed: Vec<Envelope> = unnamed.map(|(_, fact)| fact.clone()).collect();
    assert_eq!(append(&to, &unnamed), (1..=before).map(Appended::Differs).collect::<Vec<_>>());
    [there, here].into_iter().for_each(|harness| harness.log.close());
}
