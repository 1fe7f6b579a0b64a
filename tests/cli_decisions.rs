//! Quarantine and conflicts from the command line, on the data directory of a stopped server.

use crate::common::facts::answered;
use crate::common::{Server, Site, TWO_TENANTS, bison};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

/// A site with three quarantined deliveries of unknown workspaces.
async fn quarantined() -> Site {
    let site = Site::new();
    let server = site.start().await;
    for workspace in [77, 78, 77] {
        let event = bison::sent("EMAIL_SENT", 50 + u64::from(workspace == 78), bison::lead(workspace), AT);
        let event =
            event.to_string().replace("\"workspace_id\":17", &format!("\"workspace_id\":{workspace}"));
        let answer = bison::deliver_raw(&server, event.replace("Acme Client", "Moved")).await;
        assert_eq!(answer.is(200).outcome(), "quarantined", "{answer:?}");
    }
    let busy = site.cli(&["quarantine", "retry", "--all"]);
    assert!(busy.exits(4).stderr.contains("/api/v1/quarantine"), "{}", busy.stderr);
    server.stop();
    site
}

fn moved_to_acme(site: &Site) {
    site.configure(&TWO_TENANTS.replace("\"17\"]", "\"17\", \"77\"]"));
}

fn rows(site: &Site, args: &[&str]) -> Vec<Value> {
    site.cli(&[args, &["--json"]].concat()).exits(0).json()
}

#[tokio::test]
async fn r3_quarantined_deliveries_are_listed_shown_and_mapped_again() {
    let site = quarantined().await;
    let open = rows(&site, &["quarantine", "list"]);
    assert_eq!(open.len(), 2, "a redelivery is no other one: {open:?}");
    for row in &open {
        let told = [&row["of"], &row["state"], &row["reason"], &row["provider"]];
        assert_eq!(told, ["_unassigned", "open", "unknown_workspace", "emailbison"]);
    }
    let table = site.cli(&["quarantine", "list"]);
    assert!(table.exits(0).stdout.contains("unknown_workspace"), "{}", table.stdout);
    assert!(!table.all().contains("eb-9c1d22aa"), "an endpoint's id is half a secret: {}", table.all());
    assert!(rows(&site, &["quarantine", "list", "--reason", "malformed_body"]).is_empty());
    assert!(rows(&site, &["quarantine", "list", "--provider", "twilio"]).is_empty());
    assert_eq!(rows(&site, &["quarantine", "list", "--tenant", "_unassigned", "--limit", "1"]).len(), 1);
    let none = site.cli(&["quarantine", "list", "--state", "resolved"]);
    assert!(none.exits(0).stdout.is_empty() && !none.stderr.is_empty(), "{}", none.all());

    let id = open[1]["quarantine_id"].as_str().expect("id").to_owned();
    let shown = rows(&site, &["quarantine", "show", &id]).remove(0);
    assert!(shown["original"].as_str().is_some_and(|it| it.contains("lead77@example.com")), "{shown}");
    assert!(shown["detail"].is_string() && shown["method"] == "POST", "{shown}");

    let early = site.cli(&["quarantine", "retry", &id]);
    assert!(early.exits(1).stderr.contains("unknown_workspace"), "{}", early.stderr);
    moved_to_acme(&site);
    let early = site.cli(&["quarantine", "retry", "--all"]);
    assert!(
        early.exits(0).stderr.contains("factfold tenant apply"),
        "the file is not recorded: {}",
        early.stderr
    );
    site.cli(&["tenant", "apply"]).exits(0);
    let retried = rows(&site, &["quarantine", "retry", "--all", "--reason", "unknown_workspace"]);
    let told: Vec<_> = retried.iter().map(|row| (row["state"].clone(), row["tenant"].clone())).collect();
    assert_eq!(told, [(json!("resolved"), json!("acme")), (json!("open"), Value::Null)], "oldest first");
    let again = rows(&site, &["quarantine", "retry", &id]).remove(0);
    assert_eq!(again["facts"], retried[0]["facts"], "a resolved one tells its facts");
    let resolved = rows(&site, &["quarantine", "list", "--state", "all"]);
    let by: Vec<&Value> = resolved.iter().map(|row| &row["resolved_by"]).collect();
    assert_eq!(by, [&Value::Null, &json!("cli")]);

    let server = site.start().await;
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["emails_sent"], 1);
}

async fn conflicting() -> (Site, Server) {
    let site = Site::new();
    let server = site.start().await;
    let facts: Vec<Value> = (10..13).map(|n| answered(&format!("CA{n}"), 60, AT)).collect();
    server.record("acme", &facts).await;
    for n in 10..12 {
        server.post("acme", &answered(&format!("CA{n}"), 10, AT)).await.problem(409);
    }
    server.record("globex", &[answered("CA10", 60, AT)]).await;
    (site, server)
}

#[tokio::test]
async fn r1_conflicts_are_listed_shown_accepted_and_rejected() {
    let (site, server) = conflicting().await;
    assert!(site.cli(&["conflicts", "accept", "1"]).exits(4).stderr.contains("/conflicts"));
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["qualified"], 3);
    server.stop();
    let open = rows(&site, &["conflicts", "list", "--tenant", "acme"]);
    let ids: Vec<String> = open.iter().map(|row| row["conflict_id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "{open:?}");
    assert!(open.iter().all(|row| row["of"] == "acme" && row["state"] == "open"), "{open:?}");
    let table = site.cli(&["conflicts", "list"]);
    assert!(table.exits(0).stdout.contains("call_reported"), "{}", table.stdout);
    assert!(rows(&site, &["conflicts", "list", "--tenant", "globex"]).is_empty());

    let shown = rows(&site, &["conflicts", "show", &ids[0]]).remove(0);
    let diff = json!([{"pointer": "/body/duration_seconds", "first": 60, "second": 10}]);
    assert_eq!(shown["diff"], diff);
    let table = site.cli(&["conflicts", "show", &ids[0]]);
    assert!(table.exits(0).stdout.contains("/body/duration_seconds"), "{}", table.stdout);

    let accepted = rows(&site, &["conflicts", "accept", &ids[0]]).remove(0);
    assert_eq!((&accepted["state"], &accepted["outcome"]), (&json!("accepted"), &json!("recorded")));
    let again = rows(&site, &["conflicts", "accept", &ids[0]]).remove(0);
    assert_eq!((&again["outcome"], &again["position"]), (&json!("existing"), &accepted["position"]));
    let other = site.cli(&["conflicts", "reject", &ids[0]]);
    assert!(other.exits(1).stderr.contains("was accepted"), "{}", other.stderr);
    site.cli(&["conflicts", "reject", &ids[1]]).exits(0);
    assert!(rows(&site, &["conflicts", "list"]).is_empty());
    let all = rows(&site, &["conflicts", "list", "--state", "all"]);
    assert!(all.iter().all(|row| row["decided_by"] == "cli"), "{all:?}");
    let server = site.start().await;
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["qualified"], 2, "one was replaced");
}

#[tokio::test]
async fn what_is_not_there_and_what_breaks_a_rule_is_told() {
    let (site, server) = conflicting().await;
    server.stop();
    for (args, code, told) in [
        (&["quarantine", "retry"][..], 2, "QUARANTINE_ID"),
        (&["quarantine", "retry", "x", "--all"], 2, "--all"),
        (&["quarantine", "retry", "no-such"], 1, "no-such"),
        (&["quarantine", "retry", "no-such", "--reason", "x"], 2, "--all"),
        (&["quarantine", "show", "no-such"], 1, "no-such"),
        (&["quarantine", "list", "--state", "shut"], 2, "resolved"),
        (&["quarantine", "list", "--tenant", "nobody"], 2, "nobody"),
        (&["conflicts", "show", "1"], 1, "conflict 1 not found"),
        (&["conflicts", "accept", "1"], 1, "conflict 1 not found"),
        (&["conflicts", "reject", "999999"], 1, "conflict 999999 not found"),
        (&["conflicts", "reject", "x"], 2, "CONFLICT_ID"),
        (&["conflicts", "list", "--tenant", "nobody"], 2, "nobody"),
        (&["conflicts", "list", "--limit", "0"], 2, "--limit"),
    ] {
        let ran = site.cli(args);
        assert!(ran.exits(code).stderr.contains(told), "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}: {}", ran.stdout);
    }
    let nothing = site.cli(&["quarantine", "retry", "--all"]);
    assert!(nothing.exits(0).stderr.contains("0 of 0"), "{}", nothing.stderr);
}
