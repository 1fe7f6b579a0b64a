//! R4 and R1 over HTTP: acknowledged facts survive restarts, kills and the loss of everything that can be rebuilt.

use std::collections::BTreeMap;
use std::fs;

use crate::common::alerts::await_alerts;
use crate::common::facts::{answered, disposed, four_stages, mail};
use crate::common::random::Random;
use crate::common::site::files;
use crate::common::{Server, Site, bison, twilio};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// Facts of all sorts, by every way in; what each was answered.
async fn fill(server: &Server) -> BTreeMap<String, u64> {
    let mut answers = BTreeMap::new();
    for fact in all_facts() {
        let answer = server.post("acme", &fact).await;
        answers.insert(fact["external_id"].as_str().expect("id").to_owned(), answer.is(201).position());
    }
    for (name, answer) in deliveries(server).await {
        assert_eq!(answer["outcome"], first_outcome(&name), "expected of {name}: {answer}");
        answers.insert(name, answer["facts"][0]["position"].as_u64().expect("a position"));
    }
    server.post("acme", &answered("CA1", 10, AT)).await.problem(409);
    // The ticker's alerts of the conflict and the quarantine are facts, too: they stand before anything is read.
    await_alerts(server, "/api/v1/tenants/acme/alerts", |items| items.len() == 2).await;
    answers
}

fn all_facts() -> Vec<Value> {
    let mut facts = four_stages("CA9");
    facts.extend(
        (0..30).map(|n| answered(&format!("CA{n}"), 20 + n, AT)).filter(|f| f["body"]["call_id"] != "CA9"),
    );
    facts.extend((0..10).map(|n| disposed(&format!("CA{n}"), n, "connected", AT)));
    facts.extend((0..10).map(|n| mail("lead_interested", n, json!({"id": n.to_string()}), AT)));
    facts
}

fn first_outcome(name: &str) -> &'static str {
    if name == "unknown" { "quarantined" } else { "recorded" }
}

async fn deliveries(server: &Server) -> Vec<(String, Value)> {
    let form = twilio::ended("CAhook", "completed", 45, "Thu, 09 Oct 2025 12:00:54 +0000");
    let reply = bison::replied("LEAD_REPLIED", 725, bison::lead(1), AT);
    let unknown = bison::sent("EMAIL_TELEPORTED", 3, bison::lead(1), AT);
    let answers = [
        ("twilio", twilio::deliver(server, &form).await),
        ("bison", bison::deliver(server, &reply).await),
        ("unknown", bison::deliver(server, &unknown).await),
    ];
    answers.map(|(name, answer)| (name.to_owned(), answer.is(200).json.clone())).into()
}

/// All that the tenant can read, without what differs from process to process.
async fn readings(server: &Server) -> Value {
    // First the facts: their answer names the log's last position, and what follows waits until it is folded. The
    // evidence of a conflict stands behind every position that the writes were answered with.
    let facts = server.all_facts("acme").await;
    json!({
        "month": server.read("acme", "metrics/month?month=2025-10").await,
        "days": server.read("acme", "metrics/days?from=2025-10-01&to=2025-10-31").await,
        "calls": server.all_items("acme", "calls").await,
        "leads": server.all_items("acme", "outreach/leads").await,
        "facts": facts,
    })
}

/// Everything answered before must be answered again, as duplicates, with equal readings.
async fn holds(server: &Server, answers: &BTreeMap<String, u64>, before: &Value, when: &str) {
    for fact in all_facts() {
        let answer = server.post("acme", &fact).await;
        assert_eq!(answer.is(200).outcome(), "duplicate", "expected a duplicate {when}: {answer:?}");
        let key = fact["external_id"].as_str().expect("id");
        assert_eq!(answer.position(), answers[key], "expected the first position of {key} {when}");
    }
    for (name, answer) in deliveries(server).await {
        let expected = if name == "unknown" { "quarantined" } else { "duplicate" };
        assert_eq!(answer["outcome"], expected, "expected of the redelivery {name} {when}: {answer}");
        assert_eq!(
            answer["facts"][0]["position"], answers[&name],
            "expected the first position of {name} {when}"
        );
    }
    let conflict = server.post("acme", &answered("CA1", 10, AT)).await;
    conflict.problem(409);
    let now = readings(server).await;
    for part in ["month", "days", "calls", "leads", "facts"] {
        assert_eq!(now[part], before[part], "expected equal {part} {when}");
    }
}

/// The digests that `replay` prints, with everything else that a fresh fold must give again.
fn replayed(site: &Site) -> Vec<String> {
    let ran = site.cli(&["replay", "--json"]);
    ran.exits(0);
    let mut found = Vec::new();
    for value in ran.json() {
        digests(&value, "", &mut found);
    }
    assert!(!found.is_empty(), "expected digests from replay --json: {}", ran.stdout);
    found.sort();
    found
}

fn digests(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let name =
                members.get("name").or(members.get("model")).and_then(Value::as_str).unwrap_or_default();
            for (member, inner) in members {
                if let (true, Some(text)) = (member.contains("digest"), inner.as_str()) {
                    found.push(format!("{path}/{name}/{member} = {text}"));
                }
                digests(inner, &format!("{path}/{member}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| digests(item, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn r4_answers_and_figures_hold_over_a_restart_and_a_kill() {
    let site = Site::new();
    let server = site.start().await;
    let answers = fill(&server).await;
    let before = readings(&server).await;
    server.stop();
    let digests = replayed(&site);
    let server = site.start().await;
    holds(&server, &answers, &before, "after a restart").await;
    server.kill();
    let server = site.start().await;
    holds(&server, &answers, &before, "after kill -9").await;
    server.kill();
    assert_eq!(replayed(&site), digests, "expected equal digests of the same log");
}

#[tokio::test]
async fn r4_answers_and_figures_hold_without_sled_and_with_garbage_in_it() {
    let site = Site::new();
    let server = site.start().await;
    let answers = fill(&server).await;
    let before = readings(&server).await;
    server.stop();
    let digests = replayed(&site);
    let sled = site.data().join("sled");
    assert!(!files(&sled).is_empty(), "expected files in {}", sled.display());

    fs::remove_dir_all(&sled).expect("remove");
    let server = site.start().await;
    holds(&server, &answers, &before, "after sled was deleted").await;
    server.stop();

    let mut random = Random::new(7);
    for file in files(&sled) {
        let length = fs::metadata(&file).expect("metadata").len().max(4_096);
        let garbage: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
        fs::write(&file, garbage).expect("overwrite");
    }
    let server = site.start().await;
    holds(&server, &answers, &before, "after sled was overwritten").await;
    server.kill();

    for file in files(&sled) {
        let file = fs::File::options().write(true).open(&file).expect("open");
        file.set_len(100).expect("cut");
    }
    let server = site.start().await;
    holds(&server, &answers, &before, "after sled was cut").await;
    server.stop();
    assert_eq!(replayed(&site), digests, "expected equal digests of the same log");
}

#[tokio::test]
async fn r4_a_recorded_fact_is_there_after_an_immediate_kill() {
    let site = Site::new();
    for round in 0..5 {
        let server = site.start().await;
        let answer = server.post("acme", &answered(&format!("CA{round}"), 45, AT)).await;
        let position = answer.is(201).position();
        server.kill();
        let server = site.start().await;
        let fact = server.get(&format!("/api/v1/tenants/acme/facts/{position}")).await;
        assert_eq!(
            fact.is(200).json["body"]["call_id"],
            format!("CA{round}"),
            "expected the fact after a kill"
        );
        server.kill();
    }
}
