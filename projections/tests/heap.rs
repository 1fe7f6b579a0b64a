//! What is told of a tenant's memory is what the allocator handed out for it, within a quarter.

use std::cell::RefCell;

use allocation_counter::measure;
use domain::members::Instant;
use projections::figures::restatements::RestatementTracker;
use projections::store::HeapSize;
use projections::tenant::Tenant;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::common::{self, Given, at, given, live, rebuilt, recorded};

/// What the allocator keeps beside an allocation, and rounds it up by.
const BESIDE: i64 = 16;
const FACTS: i64 = 1_000;

/// Facts, each `body` makes one, a minute apart.
fn each(kind: &'static str, body: impl Fn(i64) -> Value) -> Vec<Given> {
    let when = |n: i64| Instant(at("2025-10-01T00:00:00Z").0 + n * 60_000_000);
    (0..FACTS).map(|n| given(kind, when(n), body(n))).collect()
}

fn lead(n: i64) -> Value {
    json!({"instance": "i.example", "workspace": "17", "lead": {"id": n.to_string(), "email": format!("l{n}@x.example"),
        "first_name": format!("Ada {n}"), "company": "Acme"}})
}

/// Histories in which one kind of row, or one way in which rows grow, is nearly all that there is.
fn histories() -> Vec<(&'static str, Vec<Given>)> {
    let call = |n: i64| {
        json!({"call_id": format!("CA{n:032x}"), "status": "completed", "answered": true,
        "duration_seconds": n % 90, "direction": "inbound", "from": format!("+1555{n:07}"), "to": "+15550199"})
    };
    let dialed = |n: i64| {
        json!({"call_id": format!("CA{n:032x}"), "status": "in_progress", "agent": "ann@example.com",
        "lead_id": format!("L{}", n / 3), "session_id": format!("S{}", n / 40), "answered_at": "2025-10-02T10:00:00Z",
        "ended_at": "2025-10-02T10:01:00Z", "parent_call_id": if n % 5 == 0 { json!(format!("CA{:032x}", n - 1)) } else { Value::Null }})
    };
    let account = |n: i64| {
        json!({"instance": "i.example", "workspace": "17", "account_id": (n % 200).to_string(),
        "email": format!("s{}@s.example", n % 200), "status": "connected", "sends": n, "replies": n / 9, "bounces": n / 90,
        "email_provider": "Gmail", "tags": ["x", "y"]})
    };
    let spend = |n: i64| {
        json!({"source": "meta", "account_id": (n % 20).to_string(), "date": format!("2025-{:02}-{:02}",
        1 + n / 20 % 12, 1 + n / 240 % 28), "amount_minor": n, "currency": "USD"})
    };
    let started = |n: i64| {
        json!({"session_id": format!("S{n}"), "agent": "ann@example.com", "pipeline_id": "p1",
        "lead_ids": (0..20).map(|lead| format!("L{}", n * 7 + lead)).collect::<Vec<_>>()})
    };
    let attempted = |n: i64| {
        json!({"session_id": format!("S{}", n / 20), "lead_id": format!("L{}", n % 20),
        "outcome": "no_answer"})
    };
    let note = |n: i64| json!({"note_id": format!("n{n}"), "content": "called back", "author": "Ann"});
    let read = |n: i64| {
        let records: Vec<Value> = (0..10)
            .map(|record| {
                json!({"id": format!("{}", n % 40 * 10 + record), "stage": "FDD Sent", "source": "Web",
                "value_minor": n, "currency": "USD", "created_at": "2025-10-09T00:00:00Z"})
            })
            .collect();
        json!({"run_id": format!("r{n}"), "source": "clienttether", "resource": "opportunities", "part": 1, "parts": 1,
            "observed_at": "2025-10-09T00:00:00Z", "records": records})
    };
    vec![
        ("calls, each unique", each("call_reported", call)),
        ("calls of a dialer", each("call_reported", dialed)),
        (
            "a call of many facts",
            each("call_reported", |n| json!({"call_id": "CA1", "status": "ringing", "duration_seconds": n})),
        ),
        ("leads, each unique", each("email_sent", lead)),
        ("leads that reply", each("lead_replied", |n| lead(n % 100))),
        ("sender accounts", each("sender_account_observed", account)),
        ("spend", each("ad_spend_observed", spend)),
        ("sessions", each("session_started", started)),
        ("attempts", each("lead_attempted", attempted)),
        ("notes", each("note_written", note)),
        ("snapshots of runs that never end", each("snapshot_taken", read)),
        ("everything, at random", random(60)),
    ]
}

/// Random histories of everything, one after the other.
fn random(count: usize) -> Vec<Given> {
    let mut runner = TestRunner::deterministic();
    let mut some = || common::history().new_tree(&mut runner).unwrap().current();
    (0..count).flat_map(|_| some()).collect()
}

/// What `make` made holds, and what the allocator handed out for it.
fn held<T: HeapSize>(make: impl FnOnce() -> T) -> (f64, f64) {
    let made = RefCell::new(None);
    let info = measure(|| drop(made.replace(Some(make()))));
    let told = made.into_inner().unwrap().heap_bytes();
    (told as f64, (info.bytes_current + BESIDE * info.count_current as i64) as f64)
}

#[test]
fn given_any_rows_when_folded_live_or_rebuilt_then_their_bytes_are_told_within_a_quarter() {
    let (mut wrong, mut by_fact) = (Vec::new(), Vec::new());
    for (name, facts) in histories() {
        let facts_recorded = recorded(&facts);
        let of_live = held(|| live(&facts_recorded));
        let of_rebuilt = held(|| rebuilt(&facts, &facts_recorded, 1, &[]));
        for (how, (told, real)) in [("live", of_live), ("rebuilt", of_rebuilt)] {
            let line =
                format!("{name}, {how}: {told} told, {real} real, {:.0} a fact", real / facts.len() as f64);
            by_fact.push(real / facts.len() as f64);
            if !(0.75..=1.25).contains(&(told / real)) {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Null control: no number of bytes for each fact tells it.
    let [least, most] = [f64::min, f64::max].map(|f| by_fact.iter().copied().reduce(f).unwrap());
    assert!(most > least * 10.0, "{by_fact:?}");
}

#[test]
fn given_a_ledger_of_restatements_when_its_rows_are_let_go_then_what_it_still_holds_is_told() {
    let facts = each("call_reported", |n| {
        json!({"call_id": format!("CA{n}"), "status": "completed", "answered": true, "duration_seconds": 45,
            "agent": format!("a{}@example.com", n % 50)})
    });
    let mut recorded = recorded(&facts);
    // Recorded a day apart each, so that all but the first month are over.
    for (n, fact) in recorded.iter_mut().enumerate() {
        fact.recorded_at = Instant(at("2025-10-01T00:00:00Z").0 + n as i64 * 3_600_000_000);
    }
    let ledger = || {
        let mut tracker = RestatementTracker::default();
        recorded.iter().for_each(|fact| tracker.apply(fact));
        tracker.share(Tenant::default());
        tracker
    };
    let (told, real) = held(ledger);
    assert!((0.75..=1.25).contains(&(told / real)), "{told} told, {real} real");
    let whole = || {
        let mut tracker = RestatementTracker::default();
        recorded.iter().for_each(|fact| tracker.apply(fact));
        tracker
    };
    let (with_rows, _) = held(whole);
    assert!(with_rows > told * 1.1, "{with_rows} with rows, {told} without");
}
