//! Several nodes on one log, over real servers: any node and any server killed under load, and nothing acknowledged is
//! lost, counted twice or told otherwise by another node.

mod chaos;
mod chaos_postgres;
mod copies;
mod deliveries;
mod deployed;
mod duty;
mod erased;
mod faults;
mod joined;
mod moved;
mod nodes;
mod reseeded;
mod secured;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use self::nodes::{Nodes, agreed, under_load, verify};
use crate::common::facts::answered;
use crate::common::servers::nats::NatsCluster;
use crate::common::servers::postgres::PostgresPair;

const AT: &str = "2025-10-09T12:00:00Z";
const SECRET: &str = "5f1d5a0e4c0b4e5c9a7d3f2b1c0e9d8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d";
const TENANT: &str = "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n";
/// How long anything may take that several processes have to agree on.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tables of a node; `engine` is the name and the table of what orders the log.
fn tables(name: &str, engine: (&str, &str)) -> String {
    format!("{}\n{TENANT}", shared_log(name, engine))
}

/// Those of its log alone.
fn shared_log(name: &str, engine: (&str, &str)) -> String {
    format!(
        "[node]\nname = {name:?}\n[log]\nengine = {:?}\nsecret = {SECRET:?}\ncheckpoint_key = {SECRET:?}\n{}\n",
        engine.0, engine.1
    )
}

/// What each node writes, every node reads; what several write at once stands once.
async fn read_your_writes_and_races(nodes: &Arc<Nodes>) {
    let servers = nodes.all().await;
    for (nth, writer) in servers.iter().enumerate() {
        let answer = writer.post("acme", &answered(&format!("one-{nth}"), 45, AT)).await;
        let position = answer.is(201).position();
        for reader in &servers {
            let path = format!("/api/v1/tenants/acme/facts/{position}?min_position={position}");
            let fact = reader.get(&path).await.is(200).json.clone();
            assert_eq!(fact["external_id"], format!("one-{nth}:completed"), "{fact}");
        }
    }
    let facts: Vec<Value> = (0..60).map(|n| answered(&format!("race-{n}"), 45, AT)).collect();
    let mut recorded = 0;
    for fact in facts.chunks(5) {
        let fact = Value::from(fact.to_vec());
        let (a, b, c) = tokio::join!(
            servers[0].post("acme", &fact),
            servers[1].post("acme", &fact),
            servers[2].post("acme", &fact)
        );
        for answer in [a, b, c] {
            recorded += answer.is(200).json["recorded"].as_u64().expect("recorded");
        }
    }
    assert_eq!(recorded, 60, "each key is recorded by one of the three");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_nodes_on_jetstream_lose_and_double_nothing_whatever_is_killed() {
    let mut cluster = NatsCluster::start(3);
    let table =
        format!("[log.jetstream]\nservers = {:?}\nmonitor = {:?}\n", cluster.urls(), cluster.monitors());
    let nodes = Arc::new(Nodes::start(3, ("jetstream", &table)).await);
    for server in nodes.all().await {
        assert_eq!(server.get("/readyz").await.is(200).json["warnings"], Value::Array(Vec::new()));
    }
    read_your_writes_and_races(&nodes).await;
    let told = under_load(&nodes, 1, async {
        nodes.kill(1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        nodes.restart(1).await;
        let leader = cluster.leader_of("FACTFOLD").expect("the stream has a leader");
        cluster.kill(leader);
        tokio::time::sleep(Duration::from_secs(7)).await;
        cluster.restart(leader);
        cluster.await_leader();
        nodes.kill(0).await;
        nodes.kill(2).await;
        nodes.restart(0).await;
        nodes.restart(2).await;
    })
    .await;
    verify(&nodes, &told).await;
    // One that was never there, and one whose disk is gone.
    let fresh = Nodes::start(1, ("jetstream", &table)).await;
    agreed(&[nodes.all().await, fresh.all().await].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_nodes_on_postgres_lose_and_double_nothing_whatever_is_killed() {
    let mut pair = PostgresPair::start();
    let table = format!("[log.postgres]\nurl = {:?}\n", pair.url_of_both("postgres"));
    let nodes = Arc::new(Nodes::start(3, ("postgres", &table)).await);
    read_your_writes_and_races(&nodes).await;
    let told = under_load(&nodes, 1, async {
        nodes.kill(1).await;
        nodes.restart(1).await;
        pair.kill(1);
        tokio::time::sleep(Duration::from_secs(3)).await;
        pair.restart(1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        pair.kill(0);
        tokio::time::sleep(Duration::from_millis(500)).await;
        pair.restart(0);
        pair.await_standby();
        nodes.kill(0).await;
        nodes.kill(2).await;
        nodes.restart(0).await;
        nodes.restart(2).await;
    })
    .await;
    verify(&nodes, &told).await;
    // The primary is gone for good, and the standby is promoted.
    let mut all = told;
    all.add(under_load(&nodes, 2, async { pair.fail_over() }).await);
    verify(&nodes, &all).await;
    let fresh = Nodes::start(1, ("postgres", &table)).await;
    agreed(&[nodes.all().await, fresh.all().await].concat()).await;
}
