//! Imports into a running server: no fact is counted twice, and lines that were not recorded are reported by number.

use std::fs;

use crate::common::facts::{answered, four_stages, mail};
use crate::common::lived::lived_in;
use crate::common::site::{Ran, run};
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

fn import(site: &Site, server: &str, file: &str) -> Ran {
    let path = site.path(file);
    site.cli(&["import", "--tenant", "acme", "--server", server, path.to_str().expect("utf-8"), "--json"])
}

fn counts(ran: &Ran) -> [u64; 4] {
    let summary = ran.json().remove(0);
    ["recorded", "duplicates", "conflicts", "rejected"].map(|name| summary[name].as_u64().expect("a count"))
}

async fn month(server: &Server) -> [Value; 2] {
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    ["calls", "emails_sent"].map(|name| month[name].clone())
}

#[tokio::test]
async fn f3_files_are_imported_into_a_running_server_without_double_counting() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &four_stages("CA1")).await;
    let mut lines: Vec<String> = four_stages("CA1").iter().map(Value::to_string).collect();
    lines.extend((0..2_500).map(|n| mail("email_sent", n, json!({"id": n.to_string()}), AT).to_string()));
    lines.insert(2_000, String::new());
    fs::write(site.path("facts.ndjson"), lines.join("\n")).expect("written");
    let first = import(&site, &server.base, "facts.ndjson");
    assert_eq!(counts(first.exits(0)), [2_500, 4, 0, 0]);
    let again = import(&site, &server.base, "facts.ndjson");
    assert_eq!(counts(again.exits(0)), [0, 2_504, 0, 0]);
    assert_eq!(month(&server).await, [json!(1), json!(2_500)]);
    let offline = site.cli(&["import", "--tenant", "acme", "facts.ndjson"]);
    assert!(offline.exits(4).stderr.contains("--server"), "the way in is told: {}", offline.stderr);
}

#[tokio::test]
async fn f3_what_a_running_server_does_not_take_is_told_by_the_line_of_the_file() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    let mut lines: Vec<String> =
        (10..1_500).map(|n| answered(&format!("CA{n}"), 45, AT).to_string()).collect();
    lines[1_200] = "{broken".into();
    lines[1_210] = answered("CA1", 46, AT).to_string();
    lines[1_220] = "x".repeat(2 << 20);
    lines[1_230] = "{\"position\":1}".into();
    fs::write(site.path("facts.ndjson"), lines.join("\n")).expect("written");
    let ran = import(&site, &server.base, "facts.ndjson");
    assert_eq!(counts(ran.exits(1)), [1_486, 0, 1, 3], "{}", ran.all());
    for number in [1_201, 1_211, 1_221, 1_231] {
        assert!(ran.stderr.contains(&format!("facts.ndjson:{number}: ")), "line {number}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("only a stopped server takes"), "{}", ran.stderr);
}

#[tokio::test]
async fn who_may_not_import_is_told_why() {
    let site = lived_in().await;
    fs::write(site.path("facts.ndjson"), answered("new", 45, AT).to_string()).expect("written");
    let server = site.start().await;
    let viewer = server.token("viewer", &["acme"]).await;
    let path = site.path("facts.ndjson");
    let args = ["import", "--tenant", "acme", "--server", &server.base, path.to_str().expect("utf-8")];
    let mut low = site.command(&args);
    low.env("FACTFOLD_TOKEN", &viewer);
    let low = run(low);
    assert!(low.exits(1).stderr.contains("403") && !low.all().contains(&viewer), "{}", low.all());
    let base = server.base.clone();
    server.stop();
    let gone = import(&site, &base, "facts.ndjson");
    assert!(gone.exits(1).stderr.contains("no server answers"), "{}", gone.stderr);
    assert!(!gone.all().contains(TOKEN), "{}", gone.all());
    site.cli(&["import", "--server", &base, "facts.ndjson"]).exits(2);
    assert!(import(&site, "nonsense", "facts.ndjson").exits(2).stderr.contains("--server"));
}
