//! Random runs: whole snapshots and changes, in parts, some of which never come, that end well, badly or not at all.

use std::collections::BTreeSet;

use domain::members::Instant;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{Given, at, given};

const RESOURCES: [&str; 7] =
    ["leads", "leads", "opportunities", "notes", "notes", "activities", "sales_cycles"];
const STAGES: [&str; 7] = ["", "FDD Sent", "fdd sent", "Deal Structure", "FA Sent", "Zeta", "New Lead"];

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words.to_vec())
}

fn record() -> impl Strategy<Value = Value> {
    let id = pick(&["1", "2", "3", "4", "5"]);
    let kind = (
        pick(&["", "Web", "WEB", "Fair"]),
        pick(&STAGES),
        prop::sample::select(vec![None, Some("1"), Some("1"), Some("4")]),
    );
    let money = (
        prop::option::of(prop::sample::select(vec![0i64, 50, 333, 90_000, -5])),
        prop::sample::select(vec![None, Some("USD"), Some("EUR")]),
    );
    let when = prop::option::weighted(0.8, 0i64..72);
    (id, kind, money, when, prop::option::of(0u32..4), prop::option::of(0u32..100)).prop_map(
        |(id, (source, stage, contact_type), (value, currency), hour, order, likelihood)| {
            let when = hour.map(|hour| Instant(at("2025-10-09T00:00:00Z").0 + hour * 3_600_000_000).to_string());
            json!({"id": id, "source": source, "stage": stage, "contact_type": contact_type, "value_minor": value,
                "currency": currency, "created_at": when, "scheduled_at": when, "order": order, "author": "Bo",
                "likelihood_percent": likelihood})
        },
    )
}

/// What one run read of one resource: of which contact, its parts' records, which part never comes.
type Read = (&'static str, Option<&'static str>, Vec<Vec<Value>>, Option<usize>);

fn read() -> impl Strategy<Value = Read> {
    let parts = prop::collection::vec(prop::collection::vec(record(), 0..4), 1..4);
    let scope = prop::option::weighted(0.3, pick(&["1", "2"]));
    (pick(&RESOURCES), scope, parts, prop::option::weighted(0.1, 0usize..3))
}

#[derive(Debug, Clone)]
struct Run {
    source: &'static str,
    base: Option<usize>,
    removed: Vec<&'static str>,
    reads: Vec<Read>,
    end: Option<&'static str>,
    observed: i64,
}

fn run() -> impl Strategy<Value = Run> {
    let source = pick(&["clienttether", "clienttether", "clienttether", "clienttether_notes"]);
    let change =
        (prop::option::weighted(0.3, 0usize..8), prop::collection::vec(pick(&["1", "2", "3"]), 0..2));
    let end =
        prop::sample::select(vec![Some("success"), Some("success"), Some("success"), Some("failed"), None]);
    (source, change, prop::collection::vec(read(), 1..4), end, 0i64..4).prop_map(
        |(source, (base, removed), reads, end, observed)| Run { source, base, removed, reads, end, observed },
    )
}

fn facts_of(n: usize, run: &Run, is_tied: bool) -> Vec<Given> {
    let head = json!({"run_id": format!("r{n}"), "source": run.source});
    let hour = if is_tied { run.observed } else { (n as i64 * 5) % 8 };
    let observed = Instant(at("2025-10-09T00:00:00Z").0 + hour * 3_600_000_000);
    let with = |members: Value| {
        let mut body = head.clone();
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let mut facts = vec![given("sync_started", observed, with(json!({"status": "running"})))];
    let mut told = BTreeSet::new();
    for (resource, scope, parts, missing) in &run.reads {
        for (i, records) in parts.iter().enumerate().filter(|(i, _)| Some(*i) != *missing) {
            let scope = scope.filter(|_| *resource == "notes");
            // Without ties a run says one thing of each record.
            let mut is_new = |id: &str| is_tied || told.insert((*resource, scope, id.to_owned()));
            let records: Vec<&Value> =
                records.iter().filter(|record| is_new(record["id"].as_str().unwrap())).collect();
            let removed = run.removed.iter().filter(|id| run.base.is_some() && is_new(id));
            let removed: Vec<_> = removed.collect();
            let body = json!({"resource": resource, "observed_at": observed.to_string(), "part": i + 1,
                "parts": parts.len(), "contact": scope, "base": run.base.map(|base| format!("r{base}")),
                "removed": removed, "records": records});
            facts.push(given("snapshot_taken", observed, with(body)));
        }
    }
    if let Some(status) = run.end {
        let body = with(json!({"status": status, "records_updated": 1}));
        facts.push(given("sync_finished", Instant(observed.0 + 60_000_000), body));
    }
    facts
}

fn note() -> impl Strategy<Value = Given> {
    let kind = prop::sample::select(vec!["note_written", "note_written", "note_removed"]);
    (kind, pick(&["n1", "n2"]), 0i64..6, pick(&["a", "b"])).prop_map(|(kind, id, hour, content)| {
        let when = Instant(at("2025-10-09T00:00:00Z").0 + hour * 3_600_000_000);
        given(kind, when, json!({"note_id": id, "content": content, "author": "Ann"}))
    })
}

/// Facts of runs that one worker would make in this order; with ties, several runs read at one instant.
pub fn runs(is_tied: bool) -> impl Strategy<Value = Vec<Given>> {
    let runs = prop::collection::vec(run(), 0..8);
    (runs, prop::collection::vec(note(), 0..6)).prop_map(move |(runs, notes)| {
        let facts = runs.iter().enumerate().flat_map(|(n, run)| facts_of(n, run, is_tied));
        facts.chain(notes).collect()
    })
}

pub fn rules() -> impl Strategy<Value = Given> {
    let stages = prop::sample::select(vec![
        json!(null),
        json!([{"name": "Zeta", "likelihood_percent": 40}, {"name": "FA SENT"}]),
    ]);
    let types = prop::sample::select(vec![json!(null), json!(["1", "4"])]);
    (stages, types).prop_map(|(stages, types)| {
        let rules = json!({"stages": stages, "counted_contact_types": types});
        let body = json!({"name": "Acme", "timezone": "UTC", "currency": "USD", "rules": rules});
        given("tenant_configured", at("2025-01-01T00:00:00Z"), body)
    })
}
