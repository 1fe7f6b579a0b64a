//! What `deploy/` ships: files that parse, metrics that are there, and a backup of a server under load.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::checker::complaints;
use crate::common::facts::answered;
use crate::common::site::run;
use crate::common::twilio::{self, ended};
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(shipped(name)).expect(name)
}

/// Names of metrics in a text, without the suffixes of histograms.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("factfold_"));
    let base = |word: &str| {
        let suffix = ["_bucket", "_count", "_sum"].into_iter().find(|suffix| word.ends_with(suffix));
        word.strip_suffix(suffix.unwrap_or_default()).unwrap_or(word).to_owned()
    };
    ours.map(base).collect()
}

#[tokio::test]
async fn every_metric_of_the_rules_and_the_dashboard_is_one_that_a_server_tells() {
    let server = Site::with(&format!("[metrics]\nfigures = true\n{TWO_TENANTS}")).start().await;
    server.post("acme", &answered("a", 45, AT)).await.is(201);
    let form = ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:54 +0000");
    twilio::deliver(&server, &form).await.is(200);
    server.read("acme", "calls").await;
    let told = server.send(server.request("GET", "/metrics").bearer_auth(TOKEN)).await.is(200).text.clone();
    let types = told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let told_types: Vec<&str> = types.collect();
    for name in &told_types {
        assert!(told.contains(&format!("# HELP {name} ")), "{name} says what it is");
    }
    let told: BTreeSet<String> = told_types.into_iter().map(str::to_owned).collect();

    let dashboard: Value = serde_json::from_str(&text("grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let queries: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .map(|target| target["expr"].as_str().expect("an expression"))
        .collect();
    assert!(panels.len() > 8 && queries.len() >= panels.len(), "{} panels", panels.len());
    let rules = text("prometheus-rules.yml");
    let expressions: Vec<&str> =
        rules.lines().filter_map(|line| line.trim_start().strip_prefix("expr: ")).collect();
    for query in queries.iter().chain(&expressions) {
        let missing: Vec<String> = named(query).into_iter().filter(|name| !told.contains(name)).collect();
        assert!(missing.is_empty(), "{query}: no {missing:?} among {told:?}");
    }
    assert!(!told.contains("factfold_no_such") && named("rate(factfold_no_such_bucket[5m])").len() == 1);
    // Each alert says in the document what to do.
    let operations = include_str!("../docs/operations.md");
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 8 && alerts.len() == expressions.len(), "{alerts:?}");
    for alert in alerts {
        assert!(operations.contains(&format!("| `{alert}` |")), "docs/operations.md: {alert}");
    }
}

#[test]
fn the_files_of_deploy_parse() {
    let parse = "import sys, json\ntry:\n import yaml\nexcept ImportError:\n sys.exit(0)\n[yaml.safe_load(open(f)) for f in sys.argv[1:]]";
    let mut python = Command::new("python3");
    python.args(["-c", parse]).arg(shipped("prometheus.yml")).arg(shipped("prometheus-rules.yml"));
    run(python).exits(0);
    let unit = text("factfold.service");
    for setting in [
        "UMask=0077",
        "LimitNOFILE=65536",
        "ProtectSystem=strict",
        "TimeoutStopSec=60",
        "NoNewPrivileges=yes",
        "DynamicUser=yes",
        "CapabilityBoundingSet=",
        "Type=notify",
    ] {
        assert!(unit.lines().any(|line| line == setting), "{setting}");
    }
    for name in ["factfold.service", "factfold.socket"] {
        let known = |line: &&str| !line.is_empty() && !line.starts_with('#') && !line.starts_with('[');
        for line in text(name).lines().filter(known) {
            assert!(line.split_once('=').is_some_and(|(key, _)| !key.contains(' ')), "{name}: {line}");
        }
    }
    let container = text("Containerfile");
    let version = include_str!("../Cargo.toml").split("rust-version = \"").nth(1).expect("a version");
    let version = version.split('"').next().expect("a version");
    assert!(container.contains(&format!("rust:{version}-")), "built by the oldest Rust that is promised");
    assert!(container.contains("\nUSER factfold\n"), "not as root");
}

#[test]
fn systemd_itself_finds_the_unit_valid_and_well_protected() {
    let analyze = |arguments: &[&str], unit: &PathBuf| {
        Command::new("systemd-analyze").args(arguments).arg(unit).env("SYSTEMD_PAGER", "").output()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writes");
        path
    };
    let unit = text("factfold.service").replace("/usr/local/bin/factfold", env!("CARGO_BIN_EXE_factfold"));
    write("factfold.socket", text("factfold.socket"));
    let bare: String =
        unit.lines().filter(|line| !line.starts_with("Protect")).map(|line| format!("{line}\n")).collect();
    let (unit, bare) = (write("factfold.service", unit), write("bare.service", bare));
    let Ok(valid) = analyze(&["verify"], &unit) else {
        eprintln!("systemd is not installed here, so that nobody says whether the unit is valid");
        return;
    };
    let told = String::from_utf8_lossy(&valid.stderr);
    assert!(valid.status.success() && told.is_empty(), "{told}");
    let security = ["security", "--offline=true", "--no-pager", "--threshold=18"];
    let protects = |unit| analyze(&security, unit).is_ok_and(|told| told.status.success());
    assert!(protects(&unit), "at most 1.8 of 10 is exposed");
    assert!(!protects(&bare), "null control: without its Protect lines it is more");
}

fn key(fact: &Value) -> String {
    fact["external_id"].as_str().expect("an id").to_owned()
}

/// Posts facts until told to stop; what was acknowledged, with positions.
async fn load(server: Arc<Server>, client: u64, enough: Arc<AtomicBool>) -> BTreeMap<String, u64> {
    let mut acknowledged = BTreeMap::new();
    for n in 0.. {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        let fact = answered(&format!("c{client}-{n}"), 45, AT);
        acknowledged.insert(key(&fact), server.post("acme", &fact).await.is(201).position());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_copy_that_is_made_under_load_starts_with_every_fact_acknowledged_before_it_began() {
    let site = Site::new();
    let server = Arc::new(site.start().await);
    let enough = Arc::new(AtomicBool::new(false));
    let mut known = BTreeMap::new();
    for n in 0..200 {
        let fact = answered(&format!("before-{n}"), 45, AT);
        known.insert(key(&fact), server.post("acme", &fact).await.is(201).position());
    }
    let large = "y".repeat(60_000);
    let event = crate::common::bison::sent(
        "EMAIL_SENT",
        1,
        json!({"id": 1, "email": "l@example.com", "notes": large}),
        AT,
    );
    crate::common::bison::deliver(&server, &event).await.is(200);
    let clients: Vec<_> =
        (0..4).map(|client| tokio::spawn(load(Arc::clone(&server), client, Arc::clone(&enough)))).collect();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let copies: Vec<PathBuf> = (0..3).map(|n| site.path(&format!("copy-{n}"))).collect();
    for copy in &copies {
        let mut backup = Command::new(shipped("backup"));
        backup.arg(site.data()).arg(copy).env("FACTFOLD", env!("CARGO_BIN_EXE_factfold"));
        backup.current_dir(copy.parent().expect("a folder"));
        tokio::task::block_in_place(|| run(backup)).exits(0);
    }
    enough.store(true, Ordering::Relaxed);
    let mut later = 0;
    for client in clients {
        later += client.await.expect("loaded").len();
    }
    assert!(later > 20, "there was load: {later}");
    drop(server);
    for copy in copies {
        assert!(!copy.join("sled").exists(), "the index is made anew");
        let dir = copy.to_str().expect("utf-8");
        site.cli(&["audit", "--data-dir", dir]).exits(0);
        let server =
            Server::started(site.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir])).await;
        let facts = server.all_facts("acme").await;
        let there: Vec<(String, u64)> =
            facts.iter().map(|fact| (key(fact), fact["position"].as_u64().expect("a position"))).collect();
        assert_eq!(complaints(&known, &there), Vec::<String>::new());
        let mail = facts.iter().find(|fact| fact["kind"] == "email_sent").expect("the large one");
        let raw = server.get(&format!("/api/v1/tenants/acme/facts/{}?raw=true", mail["position"])).await;
        assert!(raw.is(200).text.contains(&"y".repeat(1_000)), "its original is there");
        server.stop();
        site.cli(&["audit", "--data-dir", dir]).exits(0);
    }
    let mut again = Command::new(shipped("backup"));
    again.arg(site.data()).arg(site.path("copy-0"));
    assert!(run(again).exits(1).stderr.contains("is there already"), "nothing is overwritten");
}
