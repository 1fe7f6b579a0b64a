//! An engine's log that is made anew while the nodes run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::nodes::agreed;
use super::{AT, PATIENCE};
use crate::common::checker::complaints;
use crate::common::facts::answered;
use crate::common::servers::postgres::PostgresPair;
use crate::common::site::{Ran, run_within};
use crate::common::{Server, Site, TOKEN};

/// Has each of these take facts while something happens; every key that was acknowledged, with its position.
pub async fn under_load(servers: &[Arc<Server>], happens: impl AsyncFnOnce()) -> BTreeMap<String, u64> {
    let stop = Arc::new(AtomicBool::new(false));
    let clients = servers.iter().cloned().zip(0..).map(|(server, nth)| {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move { write(&server, nth, &stop).await })
    });
    let clients: Vec<_> = clients.collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    happens().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut told = BTreeMap::new();
    for client in clients {
        told.extend(client.await.expect("the client went through"));
    }
    told
}

/// Posts one fact after another; what is refused is sent again until it is taken.
async fn write(server: &Server, client: usize, stop: &AtomicBool) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return told;
        }
        let key = format!("meanwhile-{client}-{n}");
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = server.post("acme", &answered(&key, 45, AT)).await;
            if answer.status != 503 {
                assert!(matches!(answer.status, 200 | 201), "{answer:?}");
                told.insert(format!("{key}:completed"), answer.position());
                break;
            }
            assert!(Instant::now() < until, "nobody takes it: {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    told
}

/// Key and position of each fact that a node serves.
pub async fn positions(server: &Server) -> Vec<(String, u64)> {
    let facts = server.all_facts("acme").await;
    let named = |fact: &Value| {
        (fact["external_id"].as_str().expect("id").to_owned(), fact["position"].as_u64().expect("position"))
    };
    facts.iter().map(named).collect()
}

fn reseed(site: &Site, server: &Server, more: &[&str]) -> Ran {
    let args = [&["cluster", "reseed", "--server", &server.base], more].concat();
    tokio::task::block_in_place(|| run_within(site.command(&args), PATIENCE))
}

/// The tables go while one node stands still, which then lags: it names who should be asked. `n9` was seen before, and says
/// nothing: what it may have is named, and lost only with `--force`.
pub async fn a_missing_log_is_made_anew_by_who_goes_furthest(
    pair: &PostgresPair,
    site: &Site,
    nodes: &[Arc<Server>],
) {
    let [first, lags, others @ ..] = nodes else { panic!("two nodes and more") };
    let before = agreed(nodes).await;
    lags.signal("STOP");
    let late = first.post("acme", &answered("late", 45, AT)).await.is(201).position();
    for other in others {
        other.get(&format!("/api/v1/tenants/acme/facts/{late}?min_position={late}")).await.is(200);
    }
    pair.query("DROP TABLE factfold_head, factfold_blocks, factfold_blobs, factfold_schema");
    lags.signal("CONT");
    let until = Instant::now() + PATIENCE;
    for node in nodes {
        while !node.get("/readyz").await.text.contains("stream_missing") {
            assert!(Instant::now() < until, "{}", node.get("/readyz").await.text);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let told = reseed(site, lags, &["--force"]);
    let named = format!("has the log up to position {late}, and this one up to {before}: ask that node");
    assert!(told.exits(1).stderr.contains(&named), "{}", told.stderr);
    // Null controls run in debug builds alone, and `n9` is one.
    let told = if cfg!(debug_assertions) {
        let told = reseed(site, first, &[]);
        assert!(told.exits(1).stderr.contains("n9") && told.stderr.contains("force"), "{}", told.stderr);
        let told = reseed(site, first, &["--force"]);
        assert!(told.stderr.contains("may be lost: what n9 has"), "{}", told.stderr);
        told
    } else {
        reseed(site, first, &[])
    };
    told.exits(0);
    assert!(told.stdout.contains(&format!("verified: position {late}")), "{}", told.stdout);
    lags.record("acme", &[answered("afterwards", 45, AT)]).await;
    agreed(nodes).await;
    let acknowledged = BTreeMap::from([("late:completed".to_owned(), late)]);
    assert_eq!(complaints(&acknowledged, &positions(lags).await), Vec::<String>::new());
    // A body with something else than `force` is refused by name.
    let request = first.request("POST", "/api/v1/cluster/reseed").bearer_auth(TOKEN);
    first.send(request.json(&json!({"force": "yes"}))).await.names("/force");
}
