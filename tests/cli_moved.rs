//! Exports imported elsewhere: the same facts, the same figures; and what is refused.

use std::fs;

use crate::common::facts::answered;
use crate::common::lived::{AT, lived_in, second_configuration};
use crate::common::site::Ran;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS, bison};
use serde_json::Value;

fn export(site: &Site, args: &[&str]) -> Ran {
    site.cli(&[&["export"], args].concat())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

/// Members that name a position or time of one log.
const OF_ONE_LOG: &[&str] = &[
    "position",
    "fact_position",
    "first_position",
    "decision_position",
    "stands_position",
    "resolution_position",
    "quarantined_position",
    "as_of_position",
    "conflict_id",
    "first_digest",
    "second_digest",
    "recorded_at",
    "observed_at",
    "decided_at",
    "resolved_at",
    "counted_since",
    "published_at",
    "drafted_at",
    "updated_at",
    "at",
    "digest",
    "facts",
    "fact",
    "next_cursor",
];

fn elsewhere(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| !OF_ONE_LOG.contains(&name.as_str()))
            .map(|(name, value)| (name, elsewhere(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(elsewhere).collect(),
        other => other,
    }
}

async fn served(server: &Server) -> Vec<(String, Value)> {
    let mut served = Vec::new();
    for route in [
        "metrics/month?month=2025-10",
        "metrics/days?from=2025-10-01&to=2025-10-31",
        "calls?limit=500",
        "outreach/leads",
        "leads/summary",
        "sessions/active?agent=ann@example.com&pipeline_id=north",
        "notes",
        "sync/runs",
        "conflicts",
        "quarantine",
        "reports",
    ] {
        served.push((route.to_owned(), elsewhere(server.read("acme", route).await)));
    }
    let reports = server.read("acme", "reports").await;
    for report in reports["items"].as_array().expect("items") {
        let route = format!("reports/{}", report["report_id"].as_str().expect("id"));
        served.push((route.clone(), elsewhere(server.read("acme", &route).await)));
    }
    let unassigned = server.get("/api/v1/quarantine").await.is(200).json.clone();
    served.push(("quarantine of none".to_owned(), elsewhere(unassigned)));
    served.push(("globex".to_owned(), elsewhere(server.read("globex", "metrics/month?month=2025-10").await)));
    served
}

/// What of exported facts holds in any log. Keys that hold a position, and bodies that name one, are left out.
fn content(facts: &[Value]) -> Vec<Value> {
    let one = |fact: &Value| {
        let named = ["tenant", "provider", "kind", "occurred_at", "time_source"];
        let mut told: Vec<Value> = named.iter().map(|name| fact[*name].clone()).collect();
        told.push(elsewhere(fact["body"].clone()));
        let id = fact["external_id"].as_str().expect("external_id");
        let holds_a_position =
            ["tenant/", "conflict/", "report/", "imported/"].iter().any(|start| id.starts_with(start));
        told.push(if holds_a_position { Value::Null } else { id.into() });
        Value::from(told)
    };
    facts.iter().map(one).collect()
}

#[tokio::test]
async fn f3_an_export_imported_elsewhere_gives_the_same_facts_and_serves_the_same() {
    let site = lived_in().await;
    let out = site.path("facts.ndjson");
    let (file, manifest) = (out.to_str().expect("utf-8"), format!("{}.manifest.json", out.display()));
    export(&site, &["--raw", "--out", file]).exits(0);
    let here = lines(&fs::read_to_string(&out).expect("export"));
    let other = Site::with(&second_configuration());
    let counts = |ran: &Ran| {
        let summary = ran.exits(0).json().remove(0);
        ["recorded", "duplicates", "conflicts", "rejected"]
            .map(|name| summary[name].as_u64().expect("a count"))
    };
    let all = here.len() as u64;
    let import = ["import", file, "--manifest", &manifest, "--json"];
    assert_eq!(counts(&other.cli(&import)), [all, 0, 0, 0]);
    assert_eq!(counts(&other.cli(&import)), [0, all, 0, 0], "again it records nothing");
    let there = lines(&export(&other, &["--raw"]).exits(0).stdout);
    let (ends, there): (Vec<Value>, Vec<Value>) =
        there.into_iter().partition(|fact| fact["kind"] == "import_finished");
    assert_eq!(content(&there), content(&here));
    let of: Vec<&Value> = ends.iter().map(|end| &end["tenant"]).collect();
    assert_eq!(of, ["acme", "globex"], "one end for each tenant");
    other.cli(&["audit"]).exits(0);

    let (one, two) = (site.start().await, other.start().await);
    let (mut one_serves, two_serves) = (served(&one).await, served(&two).await);
    for ((route, expected), (_, found)) in one_serves.iter().zip(&two_serves) {
        assert_eq!(found, expected, "{route}");
    }
    assert!(one_serves.pop().is_some_and(|(_, figures)| figures["calls"] == 2));
    // What was accepted there is known here: it is the correction's duplicate, and what was rejected stays so.
    for call in [("CA11", 500), ("CA12", 600)] {
        let [first, second] = [&one, &two].map(|server| {
            let fact = answered(call.0, call.1, AT);
            async move { server.post("acme", &fact).await.status }
        });
        assert_eq!(first.await, second.await, "{call:?}");
    }
    assert_eq!(two.read("acme", "conflicts").await["items"].as_array().map(Vec::len), Some(2));
    // A quarantined delivery that came with its payload can be mapped here, too.
    two.stop();
    other.configure(&TWO_TENANTS.replace("\"17\"]", "\"17\", \"77\", \"78\"]"));
    let two = other.start().await;
    let retried = two.send(two.request("POST", "/api/v1/quarantine/retry").bearer_auth(TOKEN)).await;
    assert_eq!(retried.is(200).json["resolved"], 1, "{}", retried.text);
}

#[tokio::test]
async fn f3_the_largest_delivery_is_exported_and_imported_whole() {
    let site = Site::new();
    let server = site.start().await;
    let event = bison::sent("EMAIL_SENT", 1, bison::lead(1), AT).to_string();
    let event = event.replace("\"workspace_id\":17", "\"workspace_id\":78").replace("Acme Client", "Moved");
    // Every quote of it is two bytes in a JSON text, so that the line is longer than a batch may have them.
    let filler = "\\\"".repeat(((1 << 20) - event.len()) / 2 - 8);
    let event = event.replace("<p>test</p>", &filler);
    assert!(event.len() > 1_000_000, "nearly 1 MiB");
    assert_eq!(bison::deliver_raw(&server, event).await.is(200).outcome(), "quarantined");
    server.stop();
    let out = site.path("facts.ndjson");
    let file = out.to_str().expect("utf-8");
    export(&site, &["--raw", "--out", file]).exits(0);
    let other = Site::with(&TWO_TENANTS.replace("\"17\"]", "\"17\", \"78\"]"));
    other.cli(&["import", file]).exits(0);
    other.cli(&["tenant", "apply"]).exits(0);
    let retried = other.cli(&["quarantine", "retry", "--all", "--json"]).exits(0).json();
    assert_eq!(retried[0]["state"], "resolved", "{retried:?}");
}

#[tokio::test]
async fn f3_an_import_of_an_export_refuses_what_is_not_it() {
    let site = lived_in().await;
    let out = site.path("facts.ndjson");
    let file = out.to_str().expect("utf-8").to_owned();
    export(&site, &["--out", &file]).exits(0);
    let manifest = format!("{file}.manifest.json");
    let other = Site::new();
    let import = |args: &[&str]| other.cli(&[&["import", "--json"], args].concat());
    let text = fs::read_to_string(&out).expect("export");
    let forged = site.path("forged.ndjson");
    fs::write(&forged, text.replacen("\"duration_seconds\":45", "\"duration_seconds\":46", 1))
        .expect("written");
    let forged = forged.to_str().expect("utf-8");
    let ran = import(&[forged, "--manifest", &manifest]);
    assert!(ran.exits(3).stderr.contains("is not the file that was exported"), "{}", ran.stderr);
    assert!(!other.data().exists(), "nothing was recorded");
    import(&[&file, forged, "--manifest", &manifest]).exits(2);
    assert!(import(&[&file, "--manifest", &file]).exits(1).stderr.contains("no manifest of an export"));
    // Another tenant's lines are rejected where one is asked for; what names facts that are not here as well.
    let ran = import(&[&file, "--tenant", "globex"]);
    assert!(ran.exits(1).stderr.contains("is acme, and globex was asked for"), "{}", ran.stderr);
    let summary = ran.json().remove(0);
    let of_globex = text.lines().filter(|line| line.contains("\"tenant\":\"globex\",\"provider\"")).count();
    assert_eq!(summary["recorded"], of_globex, "{summary}");
    let accepted = text.lines().find(|line| line.contains("\"kind\":\"conflict_accepted\"")).expect("one");
    let control = accepted.replacen("\"tenant\":\"acme\"", "\"tenant\":\"_control\"", 1);
    let lone = site.path("lone.ndjson");
    fs::write(&lone, format!("{accepted}\n{control}\n{}\n", &accepted[..accepted.len() - 9]))
        .expect("written");
    let ran = import(&[lone.to_str().expect("utf-8")]);
    assert_eq!(ran.exits(1).json().remove(0)["rejected"], 3, "{}", ran.all());
    for told in ["/refers: names a fact that is not here", "/tenant: is the engine's own", "no JSON"] {
        assert!(ran.stderr.contains(told), "expected {told}: {}", ran.stderr);
    }
    let bare = site.path("bare.ndjson");
    fs::write(&bare, answered("CA1", 45, AT).to_string()).expect("written");
    assert!(import(&[bare.to_str().expect("utf-8")]).exits(1).stderr.contains("--tenant"));
}

#[tokio::test]
async fn f3_an_import_into_a_directory_that_never_started_takes_the_tenants_of_the_file_first() {
    let site = Site::new();
    let calls = site.path("calls.ndjson");
    let text = [answered("CA1", 45, AT), answered("CA2", 45, AT)].map(|call| call.to_string());
    fs::write(&calls, text.join("\n")).expect("written");
    let import = ["import", "--tenant", "acme", calls.to_str().expect("utf-8"), "--json"];
    let ran = site.cli(&import);
    assert_eq!(ran.exits(0).json()[0]["recorded"], 2, "the tenants are no lines of the file");
    assert!(ran.stderr.contains("acme, globex"), "{}", ran.stderr);
    let kinds = |site: &Site| -> Vec<Value> {
        lines(&export(site, &[]).exits(0).stdout).iter().map(|fact| fact["kind"].clone()).collect()
    };
    let expected =
        ["tenant_configured", "tenant_configured", "call_reported", "call_reported", "import_finished"];
    assert_eq!(kinds(&site), expected);
    assert!(!site.cli(&import).exits(0).stderr.contains("globex"), "once");
    site.start().await.stop();
    assert_eq!(kinds(&site)[..5], expected, "a start finds nothing to record before them");
    assert_eq!(kinds(&site).iter().filter(|kind| **kind == "tenant_configured").count(), 2);

    // Tenants that the imported file configures keep its configurations; the others are the file's.
    let out = site.path("acme.ndjson");
    export(&site, &["--tenant", "acme", "--out", out.to_str().expect("utf-8")]).exits(0);
    let other = Site::with(&second_configuration());
    let ran = other.cli(&["import", out.to_str().expect("utf-8")]);
    assert!(ran.exits(0).stderr.contains("first: globex"), "{}", ran.stderr);
    let facts = lines(&export(&other, &["--kind", "tenant_configured"]).exits(0).stdout);
    let tenants: Vec<&Value> = facts.iter().map(|fact| &fact["tenant"]).collect();
    assert_eq!(tenants, ["globex", "acme"]);
}
