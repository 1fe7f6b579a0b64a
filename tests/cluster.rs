//! Several nodes on one log, over real servers: any node and any server killed under load, and nothing acknowledged is
//! lost, counted twice or told otherwise by another node.

mod duty;
mod moved;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Mutex, RwLock};

use crate::common::checker::complaints;
use crate::common::facts::answered;
use crate::common::random::Random;
use crate::common::servers::nats::NatsCluster;
use crate::common::servers::postgres::PostgresPair;
use crate::common::{Server, Site, TOKEN};

const AT: &str = "2025-10-09T12:00:00Z";
const SECRET: &str = "5f1d5a0e4c0b4e5c9a7d3f2b1c0e9d8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d";
const TENANT: &str = "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n";
/// How long anything may take that several processes have to agree on.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tables of a node; `engine` is the name and the table of what orders the log.
fn tables(name: &str, engine: (&str, &str)) -> String {
    format!(
        "[node]\nname = {name:?}\n[log]\nengine = {:?}\nsecret = {SECRET:?}\ncheckpoint_key = {SECRET:?}\n{}\n{TENANT}",
        engine.0, engine.1
    )
}

/// The nodes, each with a site of its own; one that is down has no server.
struct Nodes {
    sites: Vec<Site>,
    servers: Vec<RwLock<Option<Arc<Server>>>>,
}

impl Nodes {
    async fn start(count: usize, engine: (&str, &str)) -> Self {
        let sites: Vec<Site> =
            (0..count).map(|nth| Site::with(&tables(&format!("n{nth}"), engine))).collect();
        let mut servers = Vec::new();
        // All at once: who is first makes the log.
        let starting: Vec<_> = sites
            .iter()
            .map(|site| Server::spawn(site.command(&["serve", "--listen", "127.0.0.1:0"])))
            .collect();
        for mut server in starting {
            server.await_ready().await;
            servers.push(RwLock::new(Some(Arc::new(server))));
        }
        Self { sites, servers }
    }

    async fn kill(&self, nth: usize) {
        if let Some(server) = self.servers[nth].write().await.take() {
            server.kill();
        }
    }

    async fn restart(&self, nth: usize) {
        *self.servers[nth].write().await = Some(Arc::new(self.sites[nth].start().await));
    }

    async fn server(&self, nth: usize) -> Option<Arc<Server>> {
        self.servers[nth % self.servers.len()].read().await.clone()
    }

    async fn all(&self) -> Vec<Arc<Server>> {
        let mut all = Vec::new();
        for server in &self.servers {
            all.extend(server.read().await.clone());
        }
        all
    }
}

#[derive(Default)]
struct Told {
    acknowledged: BTreeMap<String, u64>,
    /// How often a key was told as recorded.
    recorded: BTreeMap<String, u64>,
    /// The longest wait for an answer.
    longest: Duration,
}

/// Posts facts until each is answered, to one node after another: what is unknown or refused is sent again.
async fn post(nodes: &Nodes, first: usize, facts: &[Value], told: &Mutex<Told>) {
    let began = Instant::now();
    for turn in first.. {
        assert!(began.elapsed() < PATIENCE, "nobody answers");
        let Some(server) = nodes.server(turn).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let request = server.request("POST", "/api/v1/tenants/acme/facts?results=all").bearer_auth(TOKEN);
        let request = request.header("content-type", "application/json");
        let Ok(answer) = server.attempt(request.body(Value::from(facts.to_vec()).to_string())).await else {
            continue;
        };
        if answer.status == 503 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let results = answer.is(200).json["results"].as_array().expect("all results").clone();
        let mut told = told.lock().await;
        told.longest = told.longest.max(began.elapsed());
        for (fact, result) in facts.iter().zip(results) {
            let key = fact["external_id"].as_str().expect("id").to_owned();
            let position = result["position"].as_u64().expect("position");
            let before = told.acknowledged.insert(key.clone(), position);
            assert!(
                before.is_none_or(|before| before == position),
                "{key} was at {before:?} and is at {position}"
            );
            *told.recorded.entry(key).or_default() += u64::from(result["outcome"] == "recorded");
        }
        return;
    }
}

/// Clients of each node post facts of their own, and some that all of them post, until they are told to stop.
async fn load(nodes: Arc<Nodes>, client: usize, round: u64, stop: Arc<AtomicBool>, told: Arc<Mutex<Told>>) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let own = (0..6).map(|i| answered(&format!("r{round}-c{client}-{n}-{i}"), 45, AT));
        let shared = std::iter::once(answered(&format!("r{round}-shared-{n}"), 45, AT));
        let facts: Vec<Value> = own.chain(shared).collect();
        post(&nodes, client, &facts, &told).await;
    }
}

/// What a node's log and read models are, all at one position: position, root, and digest by model.
async fn state(server: &Server) -> (u64, String, Vec<(String, String)>) {
    let text = server.get("/api/v1/log/checkpoint").await.is(200).text.clone();
    let mut lines = text.lines().skip(1).map(str::to_owned);
    let size = lines.next().and_then(|size| size.parse().ok()).expect("a size");
    let models = server.get("/api/v1/projections").await.is(200).json.clone();
    let items = models["items"].as_array().expect("items");
    let digests = items.iter().filter(|model| model["position"] == size);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let digests = digests.map(|model| (text(&model["name"]), text(&model["digest"]))).collect();
    (size, lines.next().expect("a root"), digests)
}

/// Waits until all of these have the same log and the same read models, and tells the position.
async fn agreed(servers: &[Arc<Server>]) -> u64 {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut states = Vec::new();
        for server in servers {
            states.push(state(server).await);
        }
        // Lease facts come now and then, so a look may fall between two of them.
        if states.iter().all(|state| *state == states[0]) && states[0].2.len() > 3 {
            return states[0].0;
        }
        assert!(Instant::now() < until, "the nodes differ: {states:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All nodes have the same log and the same read models, with every acknowledged fact in it once.
async fn verify(nodes: &Nodes, told: &Told) {
    let servers = nodes.all().await;
    let head = agreed(&servers).await;
    let seen = servers.iter().map(|server| server.seen()).max().unwrap_or_default();
    let mut lists = Vec::new();
    for server in &servers {
        let path = format!("/api/v1/tenants/acme/metrics/month?month=2025-10&min_position={seen}");
        lists.push((server.all_facts("acme").await, server.get(&path).await.is(200).json.clone()));
    }
    for (facts, month) in &lists {
        assert_eq!(facts, &lists[0].0);
        assert_eq!(month["calls"], lists[0].1["calls"]);
    }
    let there: Vec<(String, u64)> = lists[0]
        .0
        .iter()
        .map(|fact| {
            (
                fact["external_id"].as_str().expect("id").to_owned(),
                fact["position"].as_u64().expect("position"),
            )
        })
        .collect();
    assert_eq!(complaints(&told.acknowledged, &there), Vec::<String>::new());
    let twice: Vec<_> = told.recorded.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "told as recorded more than once: {twice:?}");
    // Positions without a gap, checksums, tree and keys, read from each node's own files.
    for site in &nodes.sites {
        site.cli(&["audit"]).exits(0);
    }
    let (there, acknowledged) = (there.len(), told.acknowledged.len());
    eprintln!(
        "{there} facts, {acknowledged} acknowledged under load, head {head}, longest wait {:?}",
        told.longest
    );
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

/// Starts the load, lets `faults` happen, and stops it.
async fn under_load<F: Future<Output = ()>>(nodes: &Arc<Nodes>, round: u64, faults: F) -> Told {
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Told::default())));
    let clients: Vec<_> = (0..6)
        .map(|client| {
            tokio::spawn(load(Arc::clone(nodes), client, round, Arc::clone(&stop), Arc::clone(&told)))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    faults.await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("the client went through");
    }
    Arc::into_inner(told).expect("all clients are done").into_inner()
}

/// Faults at random, by a seed that is printed: `FACTFOLD_CLUSTER_ROUNDS` of them, one without.
async fn random_faults(nodes: &Arc<Nodes>, cluster: &mut NatsCluster) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("FACTFOLD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let rounds = number("FACTFOLD_CLUSTER_ROUNDS").unwrap_or(1);
    eprintln!("FACTFOLD_SEED={seed} FACTFOLD_CLUSTER_ROUNDS={rounds}");
    let mut random = Random::new(seed);
    for round in 0..rounds {
        let (nth, fault) = (random.below(3) as usize, random.below(6));
        let told = under_load(nodes, 100 + round, async {
            let pause = Duration::from_millis(500 + random.below(3_000));
            match fault {
                0 => {
                    for _ in 0..5 {
                        cluster.step_down(nth, "FACTFOLD");
                        tokio::time::sleep(Duration::from_millis(400)).await;
                    }
                }
                1 => {
                    cluster.signal(nth, "STOP");
                    tokio::time::sleep(pause * 3).await;
                    cluster.signal(nth, "CONT");
                }
                2 => {
                    cluster.kill(nth);
                    tokio::time::sleep(pause).await;
                    cluster.restart(nth);
                }
                3 => {
                    (0..3).for_each(|nth| cluster.kill(nth));
                    tokio::time::sleep(pause).await;
                    (0..3).for_each(|nth| cluster.restart(nth));
                }
                4 => {
                    nodes.kill(nth).await;
                    tokio::time::sleep(pause).await;
                    nodes.restart(nth).await;
                }
                _ => {
                    for nth in 0..3 {
                        nodes.kill(nth).await;
                    }
                    for nth in 0..3 {
                        nodes.restart(nth).await;
                    }
                }
            }
            cluster.await_leader();
        })
        .await;
        eprintln!("round {round}: fault {fault} of {nth}");
        verify(nodes, &told).await;
    }
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
    random_faults(&nodes, &mut cluster).await;
    // One that was never there, and one whose disk is gone.
    let fresh = Nodes::start(1, ("jetstream", &table)).await;
    agreed(&[nodes.all().await, fresh.all().await].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_nodes_on_postgres_lose_and_double_nothing_whatever_is_killed() {
    let mut pair = PostgresPair::start();
    let table = format!("[log.postgres]\nurl = {:?}\n", pair.url_of("postgres"));
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
    let fresh = Nodes::start(1, ("postgres", &table)).await;
    agreed(&[nodes.all().await, fresh.all().await].concat()).await;
}
