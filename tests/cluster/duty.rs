//! One node of several runs schedules and timers and sends messages, and another takes over.

use std::time::{Duration, Instant};

use super::PATIENCE;
use super::nodes::Nodes;
use crate::common::Server;
use crate::common::servers::nats::NatsCluster;

/// The node on duty, as a node tells.
async fn on_duty(server: &Server) -> Option<String> {
    server.get("/api/v1/cluster").await.is(200).json["on_duty"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_duty_is_taken_over_from_a_node_that_is_killed_and_at_once_from_one_that_stops() {
    let cluster = NatsCluster::start(1);
    let table = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n", cluster.urls());
    let nodes = Nodes::start(3, ("jetstream", &table)).await;
    let until = Instant::now() + PATIENCE;
    let mut held = None;
    for stops in [true, false] {
        let holder = loop {
            let servers = nodes.all().await;
            match on_duty(&servers[0]).await.filter(|name| Some(name) != held.as_ref()) {
                Some(name) => break name,
                None => tokio::time::sleep(Duration::from_millis(200)).await,
            }
            assert!(Instant::now() < until, "nobody is on duty instead of {held:?}");
        };
        let nth: usize = holder.trim_start_matches('n').parse().expect("a number");
        let server = nodes.server(nth).await.expect("it runs");
        let began = Instant::now();
        if stops {
            server.stop();
        }
        nodes.kill(nth).await;
        let servers = nodes.all().await;
        while on_duty(&servers[0]).await.is_none_or(|name| name == holder) {
            assert!(Instant::now() < until, "nobody takes over from {holder}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(!stops || began.elapsed() < Duration::from_secs(10), "it was given back");
        eprintln!("{holder} stopped: {stops}; taken over after {:?}", began.elapsed());
        nodes.restart(nth).await;
        held = Some(holder);
    }
}
