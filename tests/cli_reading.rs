//! Commands that only read work on a data directory as it is, beside a server or without one, and change nothing in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::Site;
use crate::common::facts::answered;
use crate::common::lived::{AT, lived_in};
use crate::common::site::{Ran, files};
use serde_json::Value;

/// Every command that only reads the data directory.
const READING: &[&[&str]] = &[
    &["audit"],
    &["replay"],
    &["export"],
    &["log", "list", "--tenant", "acme"],
    &["log", "show", "1"],
    &["quarantine", "list"],
    &["conflicts", "list"],
    &["tenant", "list"],
    &["tenant", "show", "acme"],
    &["tenant", "apply", "--dry-run"],
    &["user", "list"],
    &["token", "list"],
];

fn bytes(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("readable");
        (path, bytes)
    };
    files(&site.data()).into_iter().map(read).collect()
}

fn json(site: &Site, args: &[&str]) -> Ran {
    let ran = site.cli(&[args, &["--json"]].concat());
    ran.exits(0);
    ran
}

#[tokio::test]
async fn e7_commands_that_read_change_no_byte_of_the_directory() {
    let site = lived_in().await;
    let server = site.start().await;
    server.record("acme", &[answered("CA77", 45, AT)]).await;
    server.kill();
    let before = bytes(&site);
    assert!(before.len() > 4, "{:?}", before.keys());
    for args in READING {
        json(&site, args);
        let after = bytes(&site);
        let changed: Vec<_> = after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).collect();
        assert!(changed.is_empty() && after.len() == before.len(), "{args:?} changed {:?}", changed);
    }
    let conflict = json(&site, &["conflicts", "list", "--state", "all"]).json()[0]["conflict_id"].to_string();
    let delivery = json(&site, &["quarantine", "list"]).json()[0]["quarantine_id"].clone();
    json(&site, &["conflicts", "show", &conflict]);
    json(&site, &["quarantine", "show", delivery.as_str().expect("an id")]);
    assert_eq!(bytes(&site), before, "to show one changes nothing either");
    let audit = json(&site, &["audit"]).json().remove(0);
    assert!(
        !audit["notes"].to_string().contains("key index"),
        "without a server the index is checked: {audit}"
    );
    // Null control: a command that records is seen.
    site.cli(&["token", "create", "x", "--role", "admin"]).exits(0);
    assert_ne!(bytes(&site), before);
}

#[tokio::test]
async fn e7_commands_that_read_work_beside_a_server_that_takes_facts() {
    let site = lived_in().await;
    let server = Arc::new(site.start().await);
    let (stop, recorded) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = tokio::spawn({
        let (server, stop, recorded) = (Arc::clone(&server), Arc::clone(&stop), Arc::clone(&recorded));
        async move {
            let mut batch = 0;
            while !stop.load(Ordering::Relaxed) {
                let facts: Vec<Value> =
                    (0..20).map(|n| answered(&format!("load-{batch}-{n}"), 45, AT)).collect();
                let answer = server.post("acme", &Value::from(facts)).await;
                recorded
                    .store(answer.is(200).json["last_position"].as_u64().expect("one"), Ordering::Relaxed);
                batch += 1;
            }
        }
    });
    let site = Arc::new(site);
    let reading = tokio::task::spawn_blocking({
        let (site, recorded) = (Arc::clone(&site), Arc::clone(&recorded));
        move || {
            for args in READING {
                json(&site, args);
            }
            let mut last = 0;
            for _ in 0..3 {
                let before = recorded.load(Ordering::Relaxed);
                let audit = json(&site, &["audit"]).json().remove(0);
                let position = audit["position"].as_u64().expect("a position");
                assert!(
                    position >= before.max(last),
                    "what was acknowledged is audited: {position}, {before}"
                );
                assert_eq!(audit["violations"], Value::Array(Vec::new()));
                assert!(audit["notes"].to_string().contains("the key index was not checked"), "{audit}");
                last = position;
            }
            last
        }
    });
    let last = reading.await.expect("every command exits 0");
    stop.store(true, Ordering::Relaxed);
    load.await.expect("every batch is answered");
    let recorded = recorded.load(Ordering::Relaxed);
    assert!(recorded > last && last > 100, "facts came meanwhile: {last} of {recorded}");
    let exported = site.cli(&["export"]);
    let lines = exported.exits(0).stdout.lines().count() as u64;
    server.stop();
    let audit = json(&site, &["audit"]).json().remove(0);
    let all = audit["facts"].as_u64().expect("a count");
    assert!(recorded <= all && lines < all, "{lines} lines, {recorded} recorded, {all} facts");
}

#[tokio::test]
async fn commands_that_read_need_a_log() {
    let site = Site::new();
    for args in READING {
        let ran = site.cli(args);
        assert!(ran.exits(1).stderr.contains("no log here"), "{args:?}: {}", ran.all());
    }
    assert!(!site.data().exists(), "looking makes no data directory");
}

#[tokio::test]
async fn a_tenant_that_is_none_is_told_by_every_command_that_reads_one() {
    let site = lived_in().await;
    for args in [
        &["log", "list", "--tenant", "acm"][..],
        &["quarantine", "list", "--tenant", "acm"],
        &["conflicts", "list", "--tenant", "acm"],
        &["export", "--tenant", "acm"],
        &["explain", "month", "calls", "month=2025-10", "--tenant", "acm"],
        &["tenant", "show", "acm"],
    ] {
        let told = site.cli(args).exits(2).all();
        assert!(told.contains("acm is neither in the configuration nor in the log"), "{args:?}: {told}");
    }
    // Null control: a tenant without a fact of the kind has none, and that is no mistake.
    site.cli(&["log", "list", "--tenant", "globex", "--kind", "report_published"]).exits(0);
    let told = site.cli(&["log", "list", "--tenant", "acme", "--kind", "call_report"]).exits(2).all();
    assert!(told.contains("must be a kind of fact; did you mean call_reported?"), "{told}");
}
