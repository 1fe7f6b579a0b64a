//! Random histories in random order of arrival: the served month must be the one of a naive model.

use crate::common::Site;
use crate::common::facts::{call, disposed, fact, mail, with};
use crate::common::model::{month, served};
use crate::common::random::Random;
use serde_json::{Value, json};

/// Facts of each history.
const FACTS: usize = 300;

/// Instants of one history never repeat, so that no rule of ties is needed; two months around a DST change.
fn instants(random: &mut Random) -> Vec<String> {
    let first: chrono::DateTime<chrono::Utc> = "2025-09-20T00:00:00Z".parse().expect("an instant");
    let mut seconds: Vec<i64> = (0..FACTS as i64).map(|n| n * 17_280 + (n * 7_919) % 17_000).collect();
    random.shuffle(&mut seconds);
    seconds.iter().map(|s| (first + chrono::Duration::seconds(*s)).to_rfc3339()).collect()
}

fn call_fact(random: &mut Random, n: u32, at: &str) -> Value {
    let call_id = format!("c{}", random.below(60));
    let agent = random.pick(&[json!("ann@example.com"), json!("Bob@Example.com"), Value::Null]).clone();
    if random.one_in(6) {
        let outcome =
            *random.pick(&["connected", "no_answer", "appointment-set", "callback", "dnc", "wrong-number"]);
        return with(disposed(&call_id, n, outcome, at), json!({"agent": agent}));
    }
    if random.one_in(15) {
        let placed = fact("twilio", &format!("placed/{n}"), "call_placed", at);
        return with(placed, json!({"call_id": call_id, "to": "+12025550123", "agent": agent}));
    }
    let states = ["initiated", "ringing", "in_progress", "completed", "busy", "no_answer"];
    let status = *random.pick(&states);
    let mut report = call(&call_id, status, at);
    report["external_id"] = json!(format!("report/{n}"));
    let mut members = json!({"agent": agent});
    if ["in_progress", "completed"].contains(&status) {
        members["answered"] = json!(true);
    }
    if status == "completed" {
        members["duration_seconds"] = json!(random.below(70));
    }
    if random.one_in(3) {
        members["direction"] = json!("inbound");
    }
    if random.one_in(10) {
        members["answered_by"] = json!(*random.pick(&["machine_start", "human"]));
    }
    if random.one_in(8) {
        let at: chrono::DateTime<chrono::Utc> = at.parse().expect("an instant");
        members["started_at"] = json!((at - chrono::Duration::minutes(40)).to_rfc3339());
    }
    with(report, members)
}

fn mail_fact(random: &mut Random, n: u32, at: &str) -> Value {
    let kinds =
        ["email_sent", "email_sent", "lead_replied", "lead_interested", "email_bounced", "lead_unsubscribed"];
    let kind = *random.pick(&kinds);
    let number = random.below(25);
    let (id, email) = (format!("{number}"), format!("lead{number}@example.com"));
    let lead = match random.below(3) {
        0 => json!({"email": email.to_uppercase()}),
        _ => json!({"id": id, "email": email}),
    };
    mail(kind, n, lead, at)
}

fn history(seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed);
    let times = instants(&mut random);
    let make = |(n, at): (u32, &String)| {
        if random.one_in(2) { call_fact(&mut random, n, at) } else { mail_fact(&mut random, n, at) }
    };
    (0..).zip(&times).map(make).collect()
}

#[tokio::test]
async fn served_months_equal_a_naive_model_whatever_the_order_of_arrival() {
    let site = Site::new();
    for seed in 1..=3 {
        let facts = history(seed);
        let site = if seed == 1 { &site } else { &Site::new() };
        let server = site.start().await;
        let mut arriving = facts.clone();
        arriving.extend(facts.iter().step_by(5).cloned());
        let mut random = Random::new(seed * 1_000);
        random.shuffle(&mut arriving);
        for part in arriving.chunks(37) {
            server.post("acme", &Value::from(part.to_vec())).await.is(200);
        }
        let mut somewhere = 0;
        for name in ["2025-08", "2025-09", "2025-10", "2025-11", "2025-12"] {
            let expected = month(&facts, name, chrono_tz::America::New_York);
            let answer = server.read("acme", &format!("metrics/month?month={name}")).await;
            assert_eq!(
                served(&answer),
                clean(&expected),
                "expected the model's {name} of seed {seed}; got {answer}"
            );
            somewhere += expected["calls"].as_u64().unwrap_or_default();
        }
        assert!(somewhere > 20, "expected the history to hold calls, found {somewhere}");
    }
}

/// The model as JSON numbers compare: through text.
fn clean(value: &Value) -> Value {
    serde_json::from_str(&value.to_string()).expect("JSON")
}

#[test]
fn the_model_sees_a_missing_a_moved_and_a_repeated_fact() {
    let zone = chrono_tz::America::New_York;
    let facts = history(1);
    let whole = month(&facts, "2025-10", zone);
    let sent = facts.iter().position(|fact| {
        fact["kind"] == "email_sent"
            && fact["occurred_at"].as_str().is_some_and(|at| at.starts_with("2025-10-1"))
    });
    let sent = sent.expect("a mail in October");
    let mut missing = facts.clone();
    missing.remove(sent);
    assert_ne!(month(&missing, "2025-10", zone), whole, "expected a missing fact to show");
    let mut moved = facts.clone();
    moved[sent]["occurred_at"] = json!("2025-11-20T12:00:00Z");
    assert_ne!(month(&moved, "2025-10", zone), whole, "expected a moved fact to show");
    let mut repeated = facts.clone();
    repeated.push(facts[sent].clone());
    assert_ne!(month(&repeated, "2025-10", zone), whole, "expected a repeated fact to show");
}
