//! Nodes of one log under load, and what must hold of them afterwards.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Mutex, RwLock};

use super::{AT, PATIENCE, tables};
use crate::common::checker::complaints;
use crate::common::facts::answered;
use crate::common::servers::machines::Machines;
use crate::common::site::{escape, run_within};
use crate::common::{Server, Site, TOKEN};

/// How long an audit may take: after many rounds a log is long.
const AUDIT: Duration = Duration::from_secs(180);
/// Between two posts of a client, so that many rounds do not make a log of millions of facts.
const PAUSE: Duration = Duration::from_millis(10);

/// The nodes, each with a site of its own; one that is down has no server.
pub struct Nodes {
    pub sites: Vec<Site>,
    pub servers: Vec<RwLock<Option<Arc<Server>>>>,
    /// Where each has a network of its own.
    machines: Option<Arc<Machines>>,
    /// What each finds in its environment.
    environment: Vec<(&'static str, &'static str)>,
    /// How long a client asks before it gives up.
    pub asked: Duration,
}

impl Nodes {
    /// Nodes on this machine.
    pub async fn start(count: usize, engine: (&str, &str)) -> Self {
        Self::start_on(None, Vec::new(), count, engine).await
    }

    /// Nodes on machines of their own, or with something in their environment.
    pub async fn start_on(
        machines: Option<Arc<Machines>>,
        environment: Vec<(&'static str, &'static str)>,
        count: usize,
        engine: (&str, &str),
    ) -> Self {
        let sites = (0..count).map(|nth| Site::with(&tables(&format!("n{nth}"), engine))).collect();
        let servers = (0..count).map(|_| RwLock::new(None)).collect();
        let nodes = Self { sites, servers, machines, environment, asked: PATIENCE };
        nodes.start_all().await;
        nodes
    }

    /// Starts all at once: who is first makes the log.
    pub async fn start_all(&self) {
        let starting: Vec<_> = (0..self.sites.len()).map(|nth| Server::spawn(self.command(nth))).collect();
        for (mut server, place) in starting.into_iter().zip(&self.servers) {
            server.await_ready().await;
            *place.write().await = Some(Arc::new(server));
        }
    }

    fn command(&self, nth: usize) -> Command {
        let Some(machines) = &self.machines else {
            let mut command = self.sites[nth].command(&["serve", "--listen", "127.0.0.1:0"]);
            command.envs(self.environment.clone());
            return command;
        };
        let listen = format!("{}:7000", machines.address(nth));
        let mut command = self.sites[nth].command(&["serve", "--listen", &listen]);
        command.envs(self.environment.clone());
        machines.inside(nth, &command)
    }

    pub async fn kill(&self, nth: usize) {
        if let Some(server) = self.servers[nth].write().await.take() {
            server.kill();
        }
    }

    pub async fn kill_all(&self) {
        for nth in 0..self.sites.len() {
            self.kill(nth).await;
        }
    }

    pub async fn restart(&self, nth: usize) {
        *self.servers[nth].write().await = Some(Arc::new(Server::started(self.command(nth)).await));
    }

    pub async fn server(&self, nth: usize) -> Option<Arc<Server>> {
        self.servers[nth % self.servers.len()].read().await.clone()
    }

    pub async fn all(&self) -> Vec<Arc<Server>> {
        let mut all = Vec::new();
        for server in &self.servers {
            all.extend(server.read().await.clone());
        }
        all
    }
}

/// What clients were told.
#[derive(Default)]
pub struct Told {
    acknowledged: BTreeMap<String, u64>,
    /// How often a key was told as recorded.
    recorded: BTreeMap<String, u64>,
    /// What two answers do not agree in, and what was not answered at all.
    wrong: Vec<String>,
    /// The longest wait for an answer.
    longest: Duration,
}

impl Told {
    /// Adds what was told in another round.
    pub fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        for (key, count) in other.recorded {
            *self.recorded.entry(key).or_default() += count;
        }
        self.wrong.extend(other.wrong);
        self.longest = self.longest.max(other.longest);
    }

    /// Forgets who was not answered: an engine that lost its log answers nobody until it is made anew.
    pub fn forgive(&mut self) {
        self.wrong.retain(|wrong| !wrong.starts_with(UNANSWERED));
    }

    fn take(&mut self, facts: &[Value], results: &[Value]) {
        for (fact, result) in facts.iter().zip(results) {
            let key = fact["external_id"].as_str().expect("id").to_owned();
            let position = result["position"].as_u64().expect("position");
            match self.acknowledged.insert(key.clone(), position) {
                Some(before) if before != position => {
                    self.wrong.push(format!("{key} was at {before} and is at {position}"));
                }
                Some(_) | None => {}
            }
            *self.recorded.entry(key).or_default() += u64::from(result["outcome"] == "recorded");
        }
    }
}

const UNANSWERED: &str = "nobody answers";

/// Posts facts until each is answered, to one node after another: what is unknown or refused is sent again.
async fn post(nodes: &Nodes, first: usize, facts: &[Value], told: &Mutex<Told>) {
    let began = Instant::now();
    for turn in first.. {
        if began.elapsed() > nodes.asked {
            told.lock().await.wrong.push(format!("{UNANSWERED}: {}", facts[0]["external_id"]));
            return;
        }
        let Some(server) = nodes.server(turn).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let request = server.request("POST", "/api/v1/tenants/acme/facts?results=all").bearer_auth(TOKEN);
        let request = request.header("content-type", "application/json");
        let request = request.timeout(Duration::from_secs(15));
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
        told.take(facts, &results);
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
        tokio::time::sleep(PAUSE).await;
    }
}

/// Starts the load, lets `faults` happen, and stops it.
pub async fn under_load<F: Future<Output = ()>>(nodes: &Arc<Nodes>, round: u64, faults: F) -> Told {
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

/// What a node's log and read models are, all at one position: position, root, and digest by model.
type State = (u64, String, Vec<(String, String)>);

async fn state(server: &Server) -> Option<State> {
    let text = server.get("/api/v1/log/checkpoint").await.text.clone();
    let mut lines = text.lines().skip(1).map(str::to_owned);
    let size = lines.next().and_then(|size| size.parse().ok())?;
    let models = server.get("/api/v1/projections").await.json.clone();
    let digests = models["items"].as_array()?.iter().filter(|model| model["position"] == size);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let digests = digests.map(|model| (text(&model["name"]), text(&model["digest"]))).collect();
    Some((size, lines.next()?, digests))
}

/// The position at which all of these have the same log and the same read models; else what they have.
pub async fn agreement(servers: &[Arc<Server>], patience: Duration) -> Result<u64, String> {
    let until = Instant::now() + patience;
    loop {
        let mut states = Vec::new();
        for server in servers {
            states.push(state(server).await);
        }
        // Lease facts come now and then, so a look may fall between two of them.
        if let Some(Some((position, _, digests))) = states.first()
            && states.iter().all(|state| *state == states[0])
            && digests.len() > 3
        {
            return Ok(*position);
        }
        if Instant::now() > until {
            let mut said = Vec::new();
            for server in servers {
                said.push(server.get("/readyz").await.text.clone());
            }
            return Err(format!("the nodes differ: {states:?}; they say {said:?}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until all of these have the same log and the same read models, and tells the position.
pub async fn agreed(servers: &[Arc<Server>]) -> u64 {
    agreement(servers, PATIENCE).await.unwrap_or_else(|differ| panic!("{differ}"))
}

/// All that is wrong with what the nodes hold, beside what clients were told. Every round ends with this.
pub async fn check(nodes: &Nodes, told: &Told, patience: Duration) -> Vec<String> {
    let mut wrong = told.wrong.clone();
    let servers = nodes.all().await;
    let head = match agreement(&servers, patience).await {
        Ok(head) => head,
        Err(differ) => {
            wrong.push(differ);
            0
        }
    };
    let mut lists = Vec::new();
    for server in &servers {
        let month = server.get("/api/v1/tenants/acme/metrics/month?month=2025-10").await.json.clone();
        lists.push((served(server).await, month["calls"].clone()));
    }
    if lists.iter().any(|list| *list != lists[0]) {
        wrong.push("the nodes serve other facts or figures".to_owned());
    }
    for (facts, _) in &lists {
        wrong.extend(complaints(&told.acknowledged, facts));
    }
    let twice = told.recorded.iter().filter(|(_, count)| **count > 1);
    wrong.extend(twice.map(|(key, count)| format!("{key} was told as recorded {count} times")));
    for site in &nodes.sites {
        // Positions without a gap, checksums, tree and keys, read from each node's own files.
        let audit = run_within(site.command(&["audit"]), AUDIT);
        if audit.code != Some(0) {
            wrong.push(format!("an audit says {}", audit.all()));
        }
    }
    let (there, acknowledged) = (lists.first().map_or(0, |(facts, _)| facts.len()), told.acknowledged.len());
    eprintln!("{there} facts, {acknowledged} acknowledged, head {head}, longest wait {:?}", told.longest);
    wrong
}

/// Key and position of every fact that a node serves, whatever it has heard of.
async fn served(server: &Server) -> Vec<(String, u64)> {
    let (mut there, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/tenants/acme/facts?limit=500{cursor}")).await.json.clone();
        for fact in page["items"].as_array().into_iter().flatten() {
            let key = fact["external_id"].as_str().expect("id").to_owned();
            there.push((key, fact["position"].as_u64().expect("position")));
        }
        let Some(next) = page["next_cursor"].as_str() else { return there };
        cursor = format!("&cursor={}", escape(next));
    }
}

/// All nodes have the same log and the same read models, with every acknowledged fact in it once.
pub async fn verify(nodes: &Nodes, told: &Told) {
    assert_eq!(check(nodes, told, PATIENCE).await, Vec::<String>::new());
}
