//! `[log] copies = 2`: an answer waits for a second node's journal.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::AT;
use super::nodes::{Nodes, agreed, under_load, verify};
use crate::common::facts::answered;
use crate::common::servers::nats::NatsCluster;
use crate::common::{Answer, Server, TOKEN};

/// What a node answers within this time.
async fn answer_within(server: &Server, id: &str, seconds: u64) -> Option<Answer> {
    let request = server.request("POST", "/api/v1/tenants/acme/facts").bearer_auth(TOKEN);
    let request = request.header("content-type", "application/json");
    let request = request.timeout(Duration::from_secs(seconds)).body(answered(id, 45, AT).to_string());
    server.attempt(request).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_two_copies_an_answer_waits_for_a_second_journal_and_with_one_it_does_not() {
    let cluster = NatsCluster::start(1);
    for copies in [2, 1] {
        let table = format!(
            "copies = {copies}\n[log.jetstream]\nservers = {:?}\nstream = \"C{copies}\"\nreplicas = 1\n",
            cluster.urls()
        );
        let nodes = Arc::new(Nodes::start(2, ("jetstream", &table)).await);
        let told = under_load(&nodes, copies, async {
            nodes.kill(1).await;
            nodes.restart(1).await;
        })
        .await;
        verify(&nodes, &told).await;
        let servers = nodes.all().await;
        servers[1].signal("STOP");
        let answer = answer_within(&servers[0], "while-the-other-stands-still", 4).await;
        // Null control: one copy is this node's own.
        assert_eq!(answer.is_some_and(|answer| answer.status == 201), copies == 1, "{copies} copies");
        servers[1].signal("CONT");
        let mut again = None;
        for _ in 0..10 {
            again = answer_within(&servers[0], "while-the-other-stands-still", 15).await;
            if again.as_ref().is_some_and(|answer| answer.status != 503) {
                break;
            }
        }
        let again = again.expect("an answer");
        assert!(matches!(again.status, 200 | 201), "{}", again.text);
        agreed(&servers).await;
        let listed = servers[1].all_facts("acme").await;
        let there = |fact: &&Value| fact["external_id"] == "while-the-other-stands-still:completed";
        assert_eq!(listed.iter().filter(there).count(), 1);
    }
}
