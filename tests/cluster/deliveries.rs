//! What one node takes, every node knows: no endpoint is silent because its deliveries came to another node.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{PATIENCE, shared_log};
use crate::common::alerts::{await_alerts, await_ticks};
use crate::common::servers::nats::NatsCluster;
use crate::common::shifted::Shifted;
use crate::common::twilio::{self, ended};
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};

const STAMP: &str = "Thu, 09 Oct 2025 12:00:54 +0000";
const HOUR: i64 = 3_600;
/// The user `mute` may do all but tell others of deliveries.
const USERS: &str = "authorization { users: [ { user: node, password: pw }, { user: mute, password: pw, permissions: { \
                     publish: { deny: [ \"*.deliveries\" ] } } } ] }";

async fn health(server: &Server) -> Value {
    server.get("/api/v1/tenants/acme/webhook-health").await.is(200).json["items"][0].clone()
}

async fn until_health(server: &Server, is: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let health = health(server).await;
        if is(&health) {
            return health;
        }
        assert!(Instant::now() < until, "{health}; {}", server.get("/readyz").await.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_on_duty(server: &Server, name: &str) {
    let until = Instant::now() + PATIENCE;
    while server.get("/api/v1/cluster").await.is(200).json["on_duty"] != name {
        assert!(Instant::now() < until, "{name} is not on duty");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Two nodes on one stream: the watcher, and the taker, which reaches the servers as `user`.
fn two_nodes(cluster: &NatsCluster, stream: &str, user: &str) -> [Shifted; 2] {
    [("n0", "node"), ("n1", user)].map(|(name, user)| {
        let table = format!(
            "[log.jetstream]\nservers = {:?}\nuser = {user:?}\npassword = \"pw\"\nstream = {stream:?}\nreplicas = 1\n",
            cluster.urls()
        );
        Shifted::on(Site::with(&format!("{}{TWO_TENANTS}", shared_log(name, ("jetstream", &table)))))
    })
}

/// The watcher takes an endpoint's deliveries, and four hours later the taker takes the next one; then the watcher is on
/// duty. The watcher, its server, and what alerts it raised.
async fn moved_to_another_node([watcher, taker]: &[Shifted; 2]) -> (Server, Vec<Value>) {
    let server = watcher.start().await;
    for n in 0..55 {
        twilio::deliver(&server, &ended(&format!("CA{n}"), "completed", 45, STAMP)).await.is(200);
    }
    server.stop();
    watcher.step(4 * HOUR);
    taker.step(4 * HOUR);
    let server = taker.start().await;
    let known = until_health(&server, |health| health["deliveries"] == 55).await;
    assert_eq!(known["usual_gap_seconds"], HOUR, "a node that took none knows what the others took: {known}");
    twilio::deliver(&server, &ended("CB", "completed", 45, STAMP)).await.is(200);
    server.stop();
    let server = watcher.start().await;
    until_on_duty(&server, "n0").await;
    await_ticks(&server).await;
    let alerts = server.all_items("acme", "alerts").await;
    (server, alerts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_on_duty_knows_what_another_took_and_calls_no_endpoint_silent_for_it() {
    let cluster = NatsCluster::start_with(1, USERS);
    let nodes = two_nodes(&cluster, "SHARED", "node");
    let (server, alerts) = moved_to_another_node(&nodes).await;
    assert_eq!(alerts, Vec::<Value>::new());
    let all = until_health(&server, |health| health["deliveries"] == 56).await;
    assert_eq!(all["silent_since"], Value::Null);
    // They are listed there, too, once each, over restarts of both.
    let ids = |items: Vec<Value>| {
        let mut ids: Vec<String> = items.iter().map(|item| item["delivery_id"].to_string()).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        (count, ids.len())
    };
    assert_eq!(ids(server.all_items("acme", "deliveries?limit=20").await), (56, 56));
    assert_eq!(
        server.get("/readyz").await.is(200).json["warnings"].to_string().matches("deliver").count(),
        0
    );
    // Silence of all nodes is told.
    nodes[0].step(9 * HOUR);
    server.send(server.request("POST", "/api/v1/log/accept-clock").bearer_auth(TOKEN)).await;
    let raised = await_alerts(&server, "/api/v1/tenants/acme/alerts", |items| !items.is_empty()).await;
    assert_eq!((&raised[0]["rule"], &raised[0]["state"]), (&json!("silence"), &json!("open")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn null_control_of_a_node_that_tells_the_others_nothing_a_false_silence_is_told() {
    let cluster = NatsCluster::start_with(1, USERS);
    let nodes = two_nodes(&cluster, "MUTE", "mute");
    let (server, alerts) = moved_to_another_node(&nodes).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["rule"], &alerts[0]["state"]), (&json!("silence"), &json!("open")));
    server.stop();
    // Who cannot tell the others says so.
    let server = nodes[1].start().await;
    twilio::deliver(&server, &ended("CC", "completed", 45, STAMP)).await.is(200);
    let until = Instant::now() + PATIENCE;
    while !server.get("/readyz").await.text.contains("deliveries are not shared") {
        assert!(Instant::now() < until, "{}", server.get("/readyz").await.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
