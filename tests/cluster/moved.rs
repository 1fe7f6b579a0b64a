//! A log that moves to an engine and back, and an engine's log that is made anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::nodes::agreed;
use super::{AT, PATIENCE, SECRET, tables};
use crate::common::Site;
use crate::common::facts::answered;
use crate::common::servers::nats::NatsCluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_moves_to_an_engine_and_back_and_a_stream_that_is_gone_is_made_anew() {
    let cluster = NatsCluster::start(1);
    let stream = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n", cluster.urls());
    let embedded = |name: &str| tables(name, ("embedded", &stream));
    let site = Site::with(&embedded("n0"));
    let facts: Vec<Value> = (0..700).map(|n| answered(&format!("own-{n}"), 45, AT)).collect();
    let server = site.start().await;
    server.record("acme", &facts).await;
    server.stop();
    // Under another engine than its own a directory is not gone on with.
    site.configure(&tables("n0", ("jetstream", &stream)));
    assert!(site.start_refused().exits(3).stderr.contains("log migrate"));
    site.cli(&["log", "migrate", "--to", "jetstream"]).exits(0);
    let first = Arc::new(site.start().await);
    let joined = Site::with(&tables("n1", ("jetstream", &stream)));
    let second = Arc::new(joined.start().await);
    agreed(&[Arc::clone(&first), Arc::clone(&second)]).await;
    assert_eq!(second.all_facts("acme").await.len(), first.all_facts("acme").await.len());

    // A node with another secret would key everything anew.
    let stranger = Site::with(&tables("n9", ("jetstream", &stream)).replace(&SECRET[..8], "00000000"));
    assert!(stranger.start_refused().exits(3).stderr.contains("log-secret"));

    // Both are named by each other, and one of them is on duty.
    let until = Instant::now() + PATIENCE;
    loop {
        let status = site.command(&["--json", "cluster", "status", "--server", &second.base]);
        let status = crate::common::site::run(status).exits(0).json();
        let nodes = status[0]["nodes"].as_array().expect("nodes").iter();
        // The one that was refused was heard of, too.
        let nodes: Vec<&Value> = nodes.filter(|node| node["name"] != "n9").collect();
        let on_duty = nodes.iter().filter(|node| node["on_duty"] == true).count();
        if nodes.len() == 2 && on_duty == 1 && nodes.iter().all(|node| node["lag"] == 0) {
            let warned = status[0]["warnings"].as_array().expect("warnings");
            assert!(
                warned
                    .iter()
                    .any(|warning| warning.as_str().is_some_and(|text| text.contains("sync_interval")))
            );
            break;
        }
        assert!(Instant::now() < until, "{status:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // The stream is gone: a node with facts never makes it, says so, and goes on reading.
    cluster.remove_streams(&["FACTFOLD", "FACTFOLD-blobs"]);
    let refused = |answer: &crate::common::Answer| answer.status == 503;
    let until = Instant::now() + PATIENCE;
    while !first.get("/readyz").await.text.contains("stream_missing") {
        assert!(Instant::now() < until, "{}", first.get("/readyz").await.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(refused(&second.post("acme", &answered("late", 45, AT)).await));
    // Each goes on telling where it is, so that the one that goes furthest can be found.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let until = Instant::now() + PATIENCE;
    loop {
        let status = site.command(&["--json", "cluster", "status", "--server", &first.base]);
        let status = crate::common::site::run(status).exits(0).json();
        let nodes = status[0]["nodes"].as_array().expect("nodes").iter();
        let recent = nodes.filter(|node| node["name"] != "n9" && node["seen_seconds_ago"].as_u64() < Some(3));
        if recent.filter(|node| node["position"].as_u64() >= Some(701)).count() == 2 {
            break;
        }
        assert!(Instant::now() < until, "{status:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(first.all_facts("acme").await.len(), 701);
    // One that was heard of before, and is not now, may have more.
    let anew = |more: &[&str]| site.cli(&[&["cluster", "reseed", "--server", &first.base], more].concat());
    let told = tokio::task::block_in_place(|| anew(&[]));
    assert!(told.exits(1).stderr.contains("n9"), "{}", told.stderr);
    let told = tokio::task::block_in_place(|| anew(&["--force"]));
    assert!(told.exits(0).stderr.contains("may be lost: what n9 has"), "{}", told.stderr);
    second.record("acme", &[answered("late", 45, AT)]).await;
    agreed(&[Arc::clone(&first), Arc::clone(&second)]).await;
    first.stop();
    // What a command records beside a stopped node, the others have too.
    let issued = site.cli(&["token", "create", "audits", "--role", "auditor", "--json"]).json();
    let token = issued[0]["token"].as_str().expect("a token");
    let until = Instant::now() + PATIENCE;
    while second.send(second.request("GET", "/api/v1/cluster").bearer_auth(token)).await.status != 200 {
        assert!(Instant::now() < until, "the token does not open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    second.stop();

    site.cli(&["log", "migrate", "--to", "embedded"]).exits(0);
    site.configure(&embedded("n0"));
    let alone = site.start().await;
    assert_eq!(alone.all_facts("acme").await.len(), 702);
    alone.record("acme", &[answered("alone", 45, AT)]).await;
    site.cli(&["audit"]).exits(0);
}
