//! Rounds of faults under load with PostgreSQL, partitions of the network among them: three machines with a node each, the
//! primary on the first and its synchronous standby on the second. After every round nothing acknowledged is lost or twice,
//! positions have no gap, and all nodes have the same digests. Last the primary's machine is cut off for good.
//! `FACTFOLD_ROUNDS` sets how many rounds, `FACTFOLD_SEED` which; a null control sees that the same checks notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chaos::number;
use super::nodes::{Nodes, Told, agreed, check, under_load, verify};
use super::{AT, PATIENCE};
use crate::common::facts::answered;
use crate::common::random::Random;
use crate::common::servers::machines::Machines;
use crate::common::servers::postgres::PostgresPair;

/// Rounds of every run.
const ROUNDS: u64 = 2;

/// What may happen to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PairFault {
    /// It and the others hear nothing of each other.
    Isolated,
    /// The others do not hear it.
    Mute,
    /// It does not hear the others.
    Deaf,
    /// It is cut off and back, again and again.
    Flapping,
    /// It and the next hear nothing of each other, and the third hears both.
    Between,
    /// Its server, where it has one, is killed.
    ServerKilled,
    /// Its node stands still.
    NodePaused,
    /// Server and node are killed.
    MachineKilled,
}

impl PairFault {
    const ALL: [Self; 8] = [
        Self::Isolated,
        Self::Mute,
        Self::Deaf,
        Self::Flapping,
        Self::Between,
        Self::ServerKilled,
        Self::NodePaused,
        Self::MachineKilled,
    ];
}

async fn rest(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// The servers, the nodes and what lies between them.
struct PairRing<'r> {
    machines: &'r Arc<Machines>,
    pair: &'r mut PostgresPair,
    nodes: &'r Arc<Nodes>,
}

impl PairRing<'_> {
    /// Lets it happen to machine `nth`, and mends it.
    async fn strike(&mut self, fault: PairFault, nth: usize, random: &mut Random) {
        let lasts = 1_000 + random.below(6_000);
        match fault {
            PairFault::Isolated => self.cut_for(lasts, |machines| machines.isolate(nth)).await,
            PairFault::Mute => self.cut_for(lasts, |machines| machines.mute(nth)).await,
            PairFault::Deaf => self.cut_for(lasts, |machines| machines.deafen(nth)).await,
            PairFault::Flapping => {
                for _ in 0..6 {
                    self.cut_for(200 + random.below(600), |machines| machines.isolate(nth)).await;
                    rest(100 + random.below(500)).await;
                }
            }
            PairFault::Between => {
                let other = (nth + 1) % 3;
                self.cut_for(lasts, |machines| {
                    machines.cut(nth, other);
                    machines.cut(other, nth);
                })
                .await;
            }
            PairFault::ServerKilled => self.without_server(nth, lasts).await,
            PairFault::NodePaused => {
                if let Some(server) = self.nodes.server(nth).await {
                    server.signal("STOP");
                    rest(lasts).await;
                    server.signal("CONT");
                }
            }
            PairFault::MachineKilled => {
                self.nodes.kill(nth).await;
                self.without_server(nth, lasts).await;
                self.nodes.restart(nth).await;
            }
        }
        self.pair.await_standby();
    }

    async fn cut_for(&self, millis: u64, cut: impl FnOnce(&Machines)) {
        cut(self.machines);
        rest(millis).await;
        self.machines.heal_all();
    }

    async fn without_server(&mut self, nth: usize, millis: u64) {
        let Some(server) = self.pair.on_machine(nth) else { return rest(millis).await };
        self.pair.kill(server);
        rest(millis).await;
        self.pair.restart(server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn partitions_with_postgres_lose_and_double_nothing_and_a_lost_primary_is_left_behind() {
    let Some(machines) = Machines::start(3) else { return };
    let machines = Arc::new(machines);
    let seed = number("FACTFOLD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let rounds = number("FACTFOLD_ROUNDS").unwrap_or(ROUNDS);
    eprintln!("FACTFOLD_SEED={seed} FACTFOLD_ROUNDS={rounds}");
    let mut random = Random::new(seed);
    let mut pair = PostgresPair::start_on(&machines);
    let table = format!("[log.postgres]\nurl = {:?}\n", pair.url_of_machines("postgres"));
    let nodes = Nodes::start_on(Some(Arc::clone(&machines)), Vec::new(), 3, ("postgres", &table)).await;
    let nodes = Arc::new(nodes);
    let mut told = Told::default();
    // Every fault comes once before any comes again.
    let mut bag: Vec<PairFault> = Vec::new();
    for round in 0..rounds {
        if bag.is_empty() {
            bag = PairFault::ALL.to_vec();
        }
        let fault = bag.swap_remove(random.below(bag.len() as u64) as usize);
        let nth = random.below(3) as usize;
        eprintln!("round {round}: {fault:?} of {nth}");
        let mut ring = PairRing { machines: &machines, pair: &mut pair, nodes: &nodes };
        told.add(under_load(&nodes, round, ring.strike(fault, nth, &mut random)).await);
        let wrong = check(&nodes, &told, PATIENCE).await;
        assert_eq!(wrong, Vec::<String>::new(), "FACTFOLD_SEED={seed}, round {round}: {fault:?} of {nth}");
    }

    // The primary's machine is cut off for good: nothing that is sent there is refused, it is never answered. The standby is
    // promoted, and the two nodes that reach it go on, with the lost machine first in their URL.
    let mut lost = None;
    let heard = under_load(&nodes, rounds, async {
        machines.isolate(0);
        rest(1_000).await;
        nodes.kill(0).await;
        lost = Some(pair.fail_over_to(2));
        let probe = answered("after-the-primary", 45, AT);
        for server in nodes.all().await {
            let answer =
                within(Duration::from_secs(20), async || server.post("acme", &probe).await.status).await;
            assert!(answer, "a node does not reach the new primary");
        }
    });
    told.add(heard.await);
    // Killed before it is reached again.
    drop(lost);
    machines.heal_all();
    nodes.restart(0).await;
    agreed(&nodes.all().await).await;
    verify(&nodes, &told).await;
}

/// Whether something is answered with success in this time.
async fn within(patience: Duration, ask: impl AsyncFn() -> u16) -> bool {
    let until = Instant::now() + patience;
    while !matches!(ask().await, 200 | 201) {
        if Instant::now() > until {
            return false;
        }
        rest(200).await;
    }
    true
}

/// What the rounds' checks say of nodes on PostgreSQL with `protection` taken out.
#[cfg(debug_assertions)]
async fn complaints_without(pair: &PostgresPair, protection: &'static str) -> Vec<String> {
    let url = pair.database(&format!("without_{protection}"));
    let table = format!("[log.postgres]\nurl = {url:?}\n");
    let environment = vec![("FACTFOLD_WITHOUT", protection)];
    let mut nodes = Nodes::start_on(None, environment, 3, ("postgres", &table)).await;
    nodes.asked = Duration::from_secs(10);
    let nodes = Arc::new(nodes);
    let mut told = under_load(&nodes, 0, rest(3_000)).await;
    // That some were not answered is no proof.
    told.forgive();
    check(&nodes, &told, Duration::from_secs(10)).await
}

/// The compare-and-set cannot be taken out by itself here: the key of the table refuses a second block at one place.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn null_control_on_postgres_answers_before_the_engines_are_noticed() {
    let pair = PostgresPair::start();
    assert_eq!(complaints_without(&pair, "nothing").await, Vec::<String>::new());
    let early = complaints_without(&pair, "quorum").await;
    assert!(!early.is_empty(), "answers before the engine's are not noticed");
    eprintln!("without quorum: {}", early[0]);
}
