//! The law of arrival: facts with distinct keys give the same served values in any order, ties and joins included.

use crate::common::facts::{call, disposed, fact, mail, staged, with};
use crate::common::random::Random;
use crate::common::{Server, Site};
use serde_json::{Value, json};

/// Three tenants alike, each of which gets the same facts in another order.
const TENANTS: [&str; 3] = ["one", "two", "three"];

fn tables() -> String {
    let table =
        |id: &str| format!("[[tenant]]\nid = {id:?}\nname = \"Alike\"\ntimezone = \"Europe/London\"\n");
    TENANTS.map(table).concat()
}

/// Few instants, so that many facts tie.
fn instant(random: &mut Random) -> String {
    format!("2025-10-{:02}T{:02}:00:00Z", 25 + random.below(5), 22 + random.below(2))
}

fn report(random: &mut Random, n: u32) -> Value {
    let states =
        ["initiated", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled"];
    let state = *random.pick(&states);
    let mut report = call(&format!("c{}", random.below(12)), state, &instant(random));
    report["external_id"] = json!(format!("report/{n}"));
    let mut members = json!({});
    for (name, values) in [
        ("agent", [json!("ann@example.com"), json!("bob@example.com")]),
        ("direction", [json!("inbound"), json!("outbound")]),
        ("answered", [json!(true), json!(false)]),
        ("duration_seconds", [json!(random.below(60)), json!(45)]),
        ("lead_id", [json!("L1"), json!("L2")]),
        ("answered_by", [json!("machine_start"), json!("human")]),
        ("started_at", [json!(instant(random)), json!(instant(random))]),
    ] {
        if random.one_in(3) {
            members[name] = random.pick(&values).clone();
        }
    }
    if random.one_in(10) {
        members["parent_call_id"] = json!("c0");
        members["call_id"] = json!(format!("leg{}", random.below(3)));
    }
    with(report, members)
}

fn other(random: &mut Random, n: u32) -> Value {
    let id = format!("c{}", random.below(12));
    let at = instant(random);
    let outcome = *random.pick(&["connected", "no-answer", "voicemail", "dnc"]);
    match random.below(3) {
        0 => disposed(&id, n, outcome, &at),
        1 => with(
            fact("twilio", &format!("placed/{n}"), "call_placed", &at),
            json!({"call_id": id, "to": "+12025550123", "agent": *random.pick(&["ann@example.com", "cy@example.com"])}),
        ),
        _ => with(
            fact("twilio", &format!("recorded/{n}"), "call_recorded", &at),
            json!({"call_id": id, "recording_id": format!("RE{}", n % 5), "url": format!("https://example.com/{n}")}),
        ),
    }
}

fn lead(random: &mut Random) -> Value {
    let n = random.below(6);
    match random.below(4) {
        0 => json!({"email": format!("p{n}@example.com")}),
        1 => json!({"id": n.to_string()}),
        2 => {
            json!({"id": n.to_string(), "email": format!("p{}@example.com", random.below(6)), "first_name": "Jo"})
        }
        _ => {
            json!({"id": n.to_string(), "email": format!("p{n}@example.com"), "first_name": format!("N{n}")})
        }
    }
}

fn outreach(random: &mut Random, n: u32) -> Value {
    let kinds = ["email_sent", "lead_replied", "lead_interested", "email_bounced", "lead_unsubscribed"];
    let (lead, at) = (lead(random), instant(random));
    if random.one_in(6) {
        let stage = *random.pick(&["interested", "quoting", "follow_up", "won", "lost"]);
        return staged(n, lead, stage, &at);
    }
    let kind = *random.pick(&kinds);
    mail(kind, n, lead, &at)
}

fn history(seed: u64) -> Vec<Value> {
    let mut random = Random::new(seed);
    (0..150)
        .map(|n| match random.below(5) {
            0 | 1 => report(&mut random, n),
            2 => other(&mut random, n),
            _ => outreach(&mut random, n),
        })
        .collect()
}

/// All that a tenant serves, but for positions.
async fn served(server: &Server, tenant: &str) -> Value {
    let mut all = json!({
        "month": server.read(tenant, "metrics/month?month=2025-10").await,
        "days": server.read(tenant, "metrics/days?from=2025-10-24&to=2025-10-31").await,
        "calls": server.all_items(tenant, "calls").await,
        "leads": server.all_items(tenant, "outreach/leads").await,
    });
    for part in ["month", "days"] {
        all[part].as_object_mut().expect("object").remove("position");
    }
    let leads = all["leads"].as_array_mut().expect("array");
    for lead in leads.iter_mut() {
        // Ids of ours for leads without one are keyed by tenant.
        if lead["lead_id"].as_str().is_some_and(|id| id.starts_with('@')) {
            lead["lead_id"] = json!("@");
        }
    }
    leads.sort_by_key(Value::to_string);
    all
}

/// Where two readings differ, item by item.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["month", "days", "calls", "leads"] {
        match (one[part].as_array(), other[part].as_array()) {
            (Some(these), Some(those)) if these.len() == those.len() => {
                let pairs = these.iter().zip(those).filter(|(this, that)| this != that);
                found.extend(pairs.map(|(this, that)| format!("{part}:\n  {this}\n  {that}")));
            }
            _ if one[part] != other[part] => {
                found.push(format!("{part}:\n  {}\n  {}", one[part], other[part]))
            }
            _ => {}
        }
    }
    found
}

async fn served_in_any_order(seeds: std::ops::RangeInclusive<u64>, keep: fn(&Value) -> bool) {
    for seed in seeds {
        let server = Site::with(&tables()).start().await;
        let mut facts = history(seed);
        facts.retain(keep);
        let mut random = Random::new(seed + 100);
        let mut first = None;
        for tenant in TENANTS {
            random.shuffle(&mut facts);
            for part in facts.chunks(23) {
                server.record(tenant, part).await;
            }
            let served = served(&server, tenant).await;
            let first = first.get_or_insert_with(|| served.clone());
            let found = differences(first, &served);
            assert!(
                found.is_empty(),
                "expected the same values in any order, seed {seed}:\n{}",
                found.join("\n")
            );
        }
    }
}

#[tokio::test]
async fn r6_calls_are_served_alike_in_any_order_of_arrival() {
    served_in_any_order(1..=4, |fact| !fact["body"]["call_id"].is_null()).await;
}

#[tokio::test]
async fn r6_leads_are_served_alike_in_any_order_of_arrival() {
    served_in_any_order(5..=8, |fact| !fact["body"]["lead"].is_null()).await;
}

#[tokio::test]
async fn r6_null_control_one_fact_less_is_seen() {
    let server = Site::with(&tables()).start().await;
    let facts = history(1);
    server.record("one", &facts).await;
    let missing = facts.iter().position(|fact| fact["kind"] == "lead_replied").expect("a reply");
    let rest: Vec<Value> =
        facts.iter().enumerate().filter(|(n, _)| *n != missing).map(|(_, f)| f.clone()).collect();
    server.record("two", &rest).await;
    let (one, two) = (served(&server, "one").await, served(&server, "two").await);
    assert!(!differences(&one, &two).is_empty(), "expected a missing reply to show in the values served");
}
