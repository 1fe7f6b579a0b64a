//! Rounds of faults under load, partitions of the network among them, each on three machines with a server and a node. After
//! every round nothing acknowledged is lost or twice, positions have no gap, and all nodes have the same digests.
//! `FACTFOLD_ROUNDS` sets how many, `FACTFOLD_SEED` which; null controls see that the same checks notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::faults::{Fault, Ring, STREAMS, make_anew};
use super::nodes::{Nodes, Told, agreement, check, under_load};
use super::{AT, PATIENCE};
use crate::common::facts::answered;
use crate::common::random::Random;
use crate::common::servers::machines::Machines;
use crate::common::servers::nats::NatsCluster;

/// Rounds of every run.
const ROUNDS: u64 = 2;
/// How long an engine whose files were damaged may take to come back by itself.
const BACK: Duration = Duration::from_secs(30);

/// A number of the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Whether the engine takes facts again, and all nodes agree.
async fn is_back(nodes: &Nodes, round: u64) -> bool {
    let until = Instant::now() + BACK;
    let probe = answered(&format!("probe-{round}"), 45, AT);
    for server in nodes.all().await {
        while !matches!(server.post("acme", &probe).await.status, 200 | 201) {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    agreement(&nodes.all().await, BACK).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rounds_of_faults_and_partitions_lose_and_double_nothing() {
    let Some(machines) = Machines::start(3) else { return };
    let machines = Arc::new(machines);
    let seed = number("FACTFOLD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let rounds = number("FACTFOLD_ROUNDS").unwrap_or(ROUNDS);
    eprintln!("FACTFOLD_SEED={seed} FACTFOLD_ROUNDS={rounds}");
    let mut random = Random::new(seed);
    let mut cluster = NatsCluster::start_on(&machines);
    let table =
        format!("[log.jetstream]\nservers = {:?}\nmonitor = {:?}\n", cluster.urls(), cluster.monitors());
    let nodes = Nodes::start_on(Some(Arc::clone(&machines)), Vec::new(), 3, ("jetstream", &table)).await;
    let nodes = Arc::new(nodes);
    let mut told = Told::default();
    // Every fault comes once before any comes again.
    let mut bag: Vec<Fault> = Vec::new();
    let mut anew = 0;
    for round in 0..rounds {
        if bag.is_empty() {
            bag = Fault::ALL.to_vec();
        }
        // The first round of every run is the one of several partitions.
        let several = bag.iter().position(|fault| round == 0 && *fault == Fault::PartitionsInARow);
        let drawn = random.below(bag.len() as u64) as usize;
        let fault = bag.swap_remove(several.unwrap_or(drawn));
        let nth = random.below(3) as usize;
        eprintln!("round {round}: {fault:?} of {nth}");
        let mut ring = Ring { machines: &machines, cluster: &mut cluster, nodes: &nodes };
        let mut heard = under_load(&nodes, round, ring.strike(fault, nth, &mut random)).await;
        if fault.may_lose_the_stream() && !is_back(&nodes, round).await {
            make_anew(&nodes).await;
            heard.forgive();
            anew += 1;
        }
        told.add(heard);
        let wrong = check(&nodes, &told, PATIENCE).await;
        assert_eq!(wrong, Vec::<String>::new(), "FACTFOLD_SEED={seed}, round {round}: {fault:?} of {nth}");
    }
    eprintln!("{rounds} rounds; the stream was made anew from a journal {anew} times");
}

/// What happens to nodes of which a protection is taken out.
#[cfg(debug_assertions)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Happens {
    Nothing,
    /// All are killed and the stream deleted, which is made anew beside them.
    Killed,
    /// The stream is made anew while they run.
    Reseeded,
}

/// Three nodes of which a protection is taken out, on one server; what the rounds' checks say after what happens.
#[cfg(debug_assertions)]
async fn complaints_without(protection: &'static str, happens: Happens) -> Vec<String> {
    let cluster = NatsCluster::start(1);
    let table = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n", cluster.urls());
    let environment = vec![("FACTFOLD_WITHOUT", protection)];
    let mut nodes = Nodes::start_on(None, environment, 3, ("jetstream", &table)).await;
    nodes.asked = Duration::from_secs(10);
    let nodes = Arc::new(nodes);
    let mut told = under_load(&nodes, 0, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        match happens {
            Happens::Nothing => {}
            Happens::Killed => {
                nodes.kill_all().await;
                cluster.remove_streams(&STREAMS);
                make_anew(&nodes).await;
            }
            Happens::Reseeded => {
                let server = nodes.server(0).await.expect("it runs");
                let reseed = ["cluster", "reseed", "--server", &server.base];
                tokio::task::block_in_place(|| nodes.sites[0].cli(&reseed)).exits(0);
            }
        }
    })
    .await;
    // That some were not answered is no proof.
    told.forgive();
    let mut wrong = check(&nodes, &told, Duration::from_secs(10)).await;
    for server in nodes.all().await {
        let ready = server.get("/readyz").await;
        if ready.status != 200 {
            wrong.push(ready.text.clone());
        }
    }
    wrong
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_is_deleted_under_load_is_made_anew_and_null_controls_are_noticed() {
    assert_eq!(complaints_without("nothing", Happens::Killed).await, Vec::<String>::new());
    let lost = complaints_without("journal", Happens::Killed).await;
    assert!(lost.iter().any(|wrong| wrong.starts_with("lost: ")), "answers before the journal: {lost:?}");
    let raced = complaints_without("compare", Happens::Nothing).await;
    assert!(!raced.is_empty(), "an engine that ignores the compare-and-set is not noticed");
    eprintln!("without compare-and-set: {}", raced[0]);
    let early = complaints_without("quorum", Happens::Nothing).await;
    assert!(!early.is_empty(), "answers before the engine's are not noticed");
    eprintln!("without quorum: {}", early[0]);
    assert_eq!(complaints_without("nothing", Happens::Reseeded).await, Vec::<String>::new());
    let open = complaints_without("fence", Happens::Reseeded).await;
    let lost = open.iter().find(|wrong| wrong.contains("acknowledged facts are missing there"));
    assert!(lost.is_some(), "a stream that is made anew while nodes append to it is not noticed: {open:?}");
}
