//! Exports that prove themselves, and imported elsewhere serve the same.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::common::crm::good;
use crate::common::facts::{answered, disposed, four_stages, mail, staged};
use crate::common::site::Ran;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS, bison};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// Calls, mails, a CRM run, a session, a disposition, a note, a target and reports; a conflict accepted and one
/// rejected, one quarantined delivery that was mapped and one that was not, a second configuration; a token.
async fn lived_in() -> Site {
    let site = Site::new();
    let server = site.start().await;
    let mut facts = four_stages("CA1");
    facts.extend((10..20).map(|n| answered(&format!("CA{n}"), n * 4, AT)));
    facts.extend((0..5).map(|n| mail("email_sent", n, json!({"id": n.to_string()}), AT)));
    facts.push(mail("lead_interested", 9, json!({"id": "3", "email": "lead@example.org"}), AT));
    facts.push(staged(1, json!({"id": "3"}), "won", AT));
    facts.push(disposed("CA10", 1, "connected", AT));
    let lead =
        json!({"id": "7", "contact_name": "Bob", "source": "web", "stage": "New Lead", "contact_type": "1"});
    facts.extend(good("run-1", "leads", AT, json!([lead])));
    server.record("acme", &facts).await;
    server.record("globex", &[answered("GX1", 90, AT)]).await;
    let session = server.start_session(&["L1", "L2"]).await;
    server.mark_attempt(&session, "L1", "connected").await.is(201);
    server.command("acme", "notes", &json!({"content": "calls back"})).await.is(201);
    let target = server.request("PUT", "/api/v1/tenants/acme/targets/2025-10/qualified").bearer_auth(TOKEN);
    server.send(target.json(&json!({"value": 20}))).await;
    conflicts(&server).await;
    server.command("globex", "facts", &answered("GX2", 30, AT)).await.is(201);
    let draft = json!({"period": "2025-10", "narrative": "October."});
    let draft = server.command("acme", "reports", &draft).await;
    let report = draft.is(201).json["report_id"].as_str().expect("id").to_owned();
    server.command("acme", &format!("reports/{report}/publish"), &json!({})).await.is(200);
    server.record("acme", &[answered("CA99", 300, AT)]).await;
    let moved = |workspace: u32| {
        let event = bison::sent("EMAIL_SENT", 50 + u64::from(workspace), bison::lead(1), AT).to_string();
        let event = event.replace("\"workspace_id\":17", &format!("\"workspace_id\":{workspace}"));
        event.replace("Acme Client", "Moved")
    };
    for workspace in [77, 78] {
        let answer = bison::deliver_raw(&server, moved(workspace)).await;
        assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    }
    server.token("auditor", &[]).await;
    server.stop();
    site.configure(&TWO_TENANTS.replace("\"17\"]", "\"17\", \"77\"]"));
    let server = site.start().await;
    let retried = server.send(server.request("POST", "/api/v1/quarantine/retry").bearer_auth(TOKEN)).await;
    assert_eq!(retried.is(200).json["resolved"], 1, "{}", retried.text);
    server.stop();
    site
}

async fn conflicts(server: &Server) {
    for (call, seconds) in [("CA11", 500), ("CA12", 600)] {
        server.post("acme", &answered(call, seconds, AT)).await.problem(409);
    }
    server.record("acme", &[answered("CA30", 20, AT)]).await;
    let open = server.read("acme", "conflicts").await["items"].clone();
    let ids: Vec<String> =
        open.as_array().expect("items").iter().map(|it| it["conflict_id"].to_string()).collect();
    server.command("acme", &format!("conflicts/{}/accept", ids[0]), &json!({})).await.is(200);
    server.command("acme", &format!("conflicts/{}/reject", ids[1]), &json!({})).await.is(200);
}

fn export(site: &Site, args: &[&str]) -> Ran {
    site.cli(&[&["export"], args].concat())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

/// The RFC 6962 root over leaves, by its definition.
fn root(leaves: &[Vec<u8>]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    match leaves {
        [] => Sha256::digest([]).to_vec(),
        [leaf] => leaf.clone(),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new()
                .chain_update([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .to_vec()
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The root over the leaves of exported lines, in hexadecimal digits.
fn root_of(lines: &[Value]) -> String {
    let leaves: Vec<Vec<u8>> = lines.iter().map(|line| hex(line["leaf"].as_str().expect("leaf"))).collect();
    root(&leaves).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn f4_an_export_proves_itself() {
    let site = lived_in().await;
    let out = site.path("facts.ndjson");
    let file = out.to_str().expect("utf-8");
    let ran = export(&site, &["--out", file, "--json"]);
    let manifest = ran.exits(0).json().remove(0);
    let written: Value =
        serde_json::from_slice(&fs::read(site.path("facts.ndjson.manifest.json")).expect("beside"))
            .expect("JSON");
    assert_eq!(manifest, written, "the manifest lies beside the file");
    let text = fs::read_to_string(&out).expect("export");
    let facts = lines(&text);

    let sum = Command::new("sha256sum").arg(&out).output().expect("sha256sum").stdout;
    assert!(String::from_utf8_lossy(&sum).starts_with(manifest["sha256"].as_str().expect("sha256")));
    assert_eq!(manifest["bytes"], text.len());
    assert_eq!((&manifest["facts"], &manifest["media"]), (&json!(facts.len()), &json!("ndjson")));
    let positions: Vec<u64> = facts.iter().filter_map(|fact| fact["position"].as_u64()).collect();
    assert!(positions.is_sorted() && positions.len() == facts.len());
    assert_eq!(manifest["first_position"].as_u64(), positions.first().copied());
    assert_eq!(manifest["last_position"].as_u64(), positions.last().copied());
    assert_eq!(manifest["leaves_root"], root_of(&facts));
    let audit = site.cli(&["audit", "--json"]).exits(0).json().remove(0);
    assert_eq!(manifest["log"], json!({"position": audit["position"], "root": audit["root"]}));
    assert_eq!(
        facts.len() as u64 + 1,
        audit["position"].as_u64().expect("position"),
        "all but the token's fact"
    );
    assert!(
        !text.contains("token_issued") && !text.contains("_control"),
        "the control tenant is never exported"
    );
    let personal = ["lead@example.org", "Bob", "calls back"];
    assert!(personal.iter().all(|word| text.contains(word)), "facts are exported whole");
    assert!(personal.iter().all(|word| !manifest.to_string().contains(word)), "{manifest}");

    let again = export(&site, &["--out", file]);
    assert!(again.exits(1).stderr.contains("is there already"), "{}", again.stderr);
    let piped = export(&site, &[]);
    assert_eq!(piped.exits(0).stdout, text, "stdout takes the same bytes");
    assert!(piped.stderr.contains(manifest["sha256"].as_str().expect("sha256")), "{}", piped.stderr);
}

#[tokio::test]
async fn f4_of_a_log_without_tokens_the_leaves_are_the_log() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &four_stages("CA1")).await;
    server.stop();
    let ran = export(&site, &["--json", "--out", site.path("all").to_str().expect("utf-8")]);
    let manifest = ran.exits(0).json().remove(0);
    assert_eq!(manifest["leaves_root"], manifest["log"]["root"], "every leaf of the tree is in the file");
}

#[tokio::test]
async fn f4_an_export_holds_what_was_asked_for() {
    let site = lived_in().await;
    let facts = |args: &[&str]| lines(&export(&site, args).exits(0).stdout);
    let all = facts(&[]);
    for (args, wanted) in [
        (
            &["--tenant", "globex"][..],
            &(|fact: &Value| fact["tenant"] == "globex") as &dyn Fn(&Value) -> bool,
        ),
        (&["--kind", "call_reported"], &|fact| fact["kind"] == "call_reported"),
        (&["--provider", "emailbison", "--tenant", "acme"], &|fact| fact["provider"] == "emailbison"),
        (&["--from", "2025-10-09", "--to", "2025-10-09"], &|fact| {
            fact["occurred_at"].as_str().is_some_and(|at| at.starts_with("2025-10-09"))
        }),
        (&["--to", "2025-10-09T12:00:02Z", "--kind", "call_reported"], &|fact| {
            fact["kind"] == "call_reported" && fact["occurred_at"].as_str() < Some("2025-10-09T12:00:02")
        }),
    ] {
        let found = facts(args);
        let expected: Vec<&Value> = all.iter().filter(|fact| wanted(fact)).collect();
        assert!(!expected.is_empty() && expected.len() < all.len(), "{args:?} tells some from others");
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{args:?}");
    }
    assert!(facts(&["--kind", "call_placed"]).is_empty());
    assert!(all.iter().all(|fact| fact["original"].is_null()));
    let raw = facts(&["--raw", "--kind", "delivery_quarantined"]);
    assert!(raw.iter().all(|fact| fact["original"].as_str().is_some_and(|it| it.contains("EMAIL_SENT"))));

    let table = export(&site, &["--format", "csv"]).exits(0).stdout.clone();
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let columns: Vec<String> = rows.headers().expect("a header").iter().map(str::to_owned).collect();
    let rows: Vec<BTreeMap<String, String>> = rows
        .records()
        .map(|row| columns.iter().cloned().zip(row.expect("a row").iter().map(str::to_owned)).collect())
        .collect();
    assert_eq!(rows.len(), all.len());
    for (row, fact) in rows.iter().zip(&all) {
        for name in
            ["tenant", "provider", "external_id", "kind", "occurred_at", "recorded_at", "digest", "leaf"]
        {
            assert_eq!(row[name], fact[name].as_str().expect(name), "{name}");
        }
        assert_eq!(row["body"].parse::<Value>().expect("JSON"), fact["body"]);
    }
}

#[tokio::test]
async fn f4_an_export_is_refused_by_rule() {
    let site = Site::new();
    let nothing = export(&site, &[]);
    assert!(nothing.exits(1).stderr.contains("no log here"), "{}", nothing.stderr);
    let server = site.start().await;
    let busy = export(&site, &[]);
    assert!(busy.exits(4).stderr.contains("/facts") && busy.stdout.is_empty(), "{}", busy.all());
    server.stop();
    for (args, told) in [
        (&["--tenant", "nobody"][..], "nobody"),
        (&["--tenant", "_control"], "--tenant"),
        (&["--tenant", "A"], "--tenant"),
        (&["--kind", "call_vanished"], "--kind"),
        (&["--from", "yesterday"], "an instant such as"),
        (&["--format", "parquet"], "ndjson"),
    ] {
        let ran = export(&site, args);
        assert!(ran.exits(2).stderr.contains(told), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    let nowhere = export(&site, &["--out", "no/such/folder/x"]);
    assert!(nowhere.exits(1).stderr.contains("no/such/folder/x"), "{}", nowhere.stderr);
}

/// What stands for a place or time of one log.
const OF_ONE_LOG: &[&str] = &[
    "position",
    "fact_position",
    "first_position",
    "decision_position",
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
            ["tenant/", "conflict/", "imported/"].iter().any(|start| id.starts_with(start));
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
    let other = Site::with(&TWO_TENANTS.replace("\"17\"]", "\"17\", \"77\"]"));
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
    assert_eq!(content(&there), content(&here));

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
