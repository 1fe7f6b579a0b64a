//! A person who is erased on one node is erased on every node, by those that were away before they serve, and from the
//! engine's log once it is made anew.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::nodes::agreed;
use super::reseeded::{a_missing_log_is_made_anew_by_who_goes_furthest, positions, under_load};
use super::{AT, PATIENCE, shared_log};
use crate::common::checker::complaints;
use crate::common::facts::{answered, mail, with};
use crate::common::servers::nats::NatsCluster;
use crate::common::servers::postgres::PostgresPair;
use crate::common::site::{Ran, run_within};
use crate::common::{Answer, Server, Site, TOKEN, TWO_TENANTS, bison};

const CANARY: &str = "Wexford-Marrow";
const EMAIL: &str = "wexford.marrow@example.org";
/// How long a command may take in a debug build.
const LONG: Duration = Duration::from_secs(90);

fn site(name: &str, engine: (&str, &str)) -> Site {
    Site::with(&format!("{}{TWO_TENANTS}", shared_log(name, engine)))
}

fn lead() -> Value {
    json!({"id": "L7", "email": EMAIL, "first_name": CANARY, "last_name": CANARY})
}

/// A delivery about the person, whose payload is over 32 KB.
fn large() -> Value {
    bison::sent("EMAIL_SENT", 70, json!({"id": 7, "email": EMAIL, "notes": CANARY.repeat(6_000)}), AT)
}

/// Facts of the person, one with a payload of its own file, and of somebody else.
async fn plant(server: &Server) {
    let reply = json!({"id": "r1", "text": format!("It is {CANARY} who writes.")});
    server
        .record(
            "acme",
            &[
                mail("email_sent", 1, lead(), AT),
                with(mail("lead_replied", 2, lead(), AT), json!({"reply": reply})),
                mail("lead_interested", 4, json!({"id": "L8", "email": "somebody.else@example.org"}), AT),
            ],
        )
        .await;
    bison::deliver(server, &large()).await.is(200);
    server.record("acme", &(0..40).map(|n| answered(&format!("more-{n}"), 45, AT)).collect::<Vec<_>>()).await;
}

async fn erase(server: &Server, key: &str) -> Answer {
    let request = server.request("POST", "/api/v1/tenants/acme/erase").bearer_auth(TOKEN);
    server.send(request.header("idempotency-key", key).json(&json!({"email": EMAIL}))).await
}

/// Files of a data directory in which a text of the person stands.
fn hits(site: &Site) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["journal", "blobs", "keys"] {
        for entry in fs::read_dir(site.data().join(folder)).into_iter().flatten().flatten() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            if [CANARY, EMAIL]
                .iter()
                .any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
            {
                found.push(entry.path());
            }
        }
    }
    found
}

/// What a server says of the person: in facts, their payloads, and leads.
async fn said(server: &Server) -> Vec<String> {
    let mut said = Vec::new();
    for fact in server.all_facts("acme").await {
        let path = format!("/api/v1/tenants/acme/facts/{}?raw=true", fact["position"]);
        said.push(server.get(&path).await.is(200).text.clone());
    }
    said.push(server.get("/api/v1/tenants/acme/outreach/leads?limit=50").await.is(200).text.clone());
    said.retain(|text| text.contains(CANARY) || text.contains(EMAIL));
    said
}

async fn pending(server: &Server) -> Value {
    server.get("/api/v1/cluster").await.is(200).json["erasures_pending_in_engine"].clone()
}

async fn until_pending(server: &Server, count: u64) {
    let until = Instant::now() + PATIENCE;
    while pending(server).await != count {
        assert!(Instant::now() < until, "{}", server.get("/api/v1/cluster").await.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn within(site: &Site, args: &[&str]) -> Ran {
    run_within(site.command(args), LONG)
}

/// Erases on nodes of this engine; `holds` says whether a text stands in it.
async fn is_erased_everywhere(
    engine: (&str, &str),
    holds: &dyn Fn(&str) -> bool,
) -> ([Site; 3], [Arc<Server>; 4]) {
    let sites = [site("n0", engine), site("n1", engine), site("n2", engine)];
    let [first, second] = [Arc::new(sites[0].start().await), Arc::new(sites[1].start().await)];
    let away = Arc::new(sites[2].start().await);
    plant(&first).await;
    agreed(&[Arc::clone(&first), Arc::clone(&second), Arc::clone(&away)]).await;
    for server in [&first, &second, &away] {
        assert!(!said(server).await.is_empty(), "null control: every node has it");
    }
    assert!(sites.iter().all(|site| !hits(site).is_empty()) && holds(CANARY));
    away.stop();

    let receipt = erase(&second, "one").await.is(200).json.clone();
    assert!(receipt["erased_facts"].as_u64() >= Some(3) && receipt["pending_in_engine"] == true, "{receipt}");
    assert_eq!((said(&second).await, hits(&sites[1])), (Vec::new(), Vec::new()), "where it was asked");
    let until = Instant::now() + PATIENCE;
    while !said(&first).await.is_empty() || !hits(&sites[0]).is_empty() {
        assert!(Instant::now() < until, "the other node keeps it: {:?}", hits(&sites[0]));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    agreed(&[Arc::clone(&first), Arc::clone(&second)]).await;
    // The engine has it, and both say so.
    assert!(holds(CANARY));
    for server in [&first, &second] {
        until_pending(server, 1).await;
        assert!(server.get("/readyz").await.is(200).text.contains("reseed"));
    }
    assert_eq!(erase(&second, "one").await.is(200).json["position"], receipt["position"]);

    // One that was away has erased it before it serves, and so has one that is new.
    let back = Arc::new(sites[2].start().await);
    assert_eq!((said(&back).await, hits(&sites[2])), (Vec::new(), Vec::new()), "who was away");
    let new = site("n3", engine);
    let joined = Arc::new(new.start().await);
    assert_eq!((said(&joined).await, hits(&new)), (Vec::new(), Vec::new()), "who is new");
    let nodes = [first, second, back, joined];
    agreed(&nodes).await;
    assert_eq!(bison::deliver(&nodes[0], &large()).await.is(200).outcome(), "duplicate", "its key is known");
    for site in sites.iter().chain([&new]) {
        within(site, &["audit"]).exits(0);
    }
    null_control(engine, &nodes[0]).await;

    // Made anew from a journal, the engine's log is without it; the nodes run, and take facts.
    let told = under_load(&nodes, async || {
        let site = &sites[0];
        tokio::task::block_in_place(|| within(site, &["cluster", "reseed", "--server", &nodes[1].base]))
            .exits(0);
    })
    .await;
    assert!(told.len() > nodes.len(), "the load was none: {told:?}");
    let until = Instant::now() + PATIENCE;
    while holds(CANARY) || holds(EMAIL) {
        assert!(Instant::now() < until, "the engine has it still");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    agreed(&nodes).await;
    for server in &nodes {
        until_pending(server, 0).await;
        assert!(!server.get("/readyz").await.is(200).text.contains("reseed"));
        assert_eq!(said(server).await, Vec::<String>::new());
        assert_eq!(complaints(&told, &positions(server).await), Vec::<String>::new());
    }
    // A second person goes as the first did.
    let key = json!({"email": "somebody.else@example.org"});
    let request = nodes[0].request("POST", "/api/v1/tenants/acme/erase").bearer_auth(TOKEN).json(&key);
    assert_eq!(nodes[0].send(request).await.is(200).json["erased_facts"], 1);
    until_pending(&nodes[1], 1).await;
    (sites, nodes)
}

/// A node that carries out nothing that others order keeps all of it, which the same looks notice; and the engine's log is not
/// made anew from its journal.
#[cfg(debug_assertions)]
async fn null_control(engine: (&str, &str), other: &Arc<Server>) {
    let careless = site("n9", engine);
    let mut command = careless.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("FACTFOLD_WITHOUT", "erasures");
    let server = Server::started(command).await;
    let head = other.seen();
    let until = Instant::now() + PATIENCE;
    while server.get("/api/v1/system").await.is(200).json["log"]["position"].as_u64() < Some(head) {
        assert!(Instant::now() < until, "it does not follow");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!said(&server).await.is_empty() && !hits(&careless).is_empty(), "not noticed");
    server.stop();
    let refused = within(&careless, &["cluster", "reseed", "--force"]);
    assert!(refused.exits(1).stderr.contains("not carried out"), "{}", refused.stderr);
}

#[cfg(not(debug_assertions))]
async fn null_control(_engine: (&str, &str), _other: &Arc<Server>) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e10_a_person_is_erased_from_every_node_and_from_a_stream() {
    let cluster = NatsCluster::start(1);
    let table = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n", cluster.urls());
    drop(is_erased_everywhere(("jetstream", &table), &|text: &str| cluster.holds(text)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn e10_a_person_is_erased_from_every_node_and_from_a_database() {
    let pair = PostgresPair::start();
    let table = format!("[log.postgres]\nurl = {:?}\n", pair.url_of("postgres"));
    let holds = |text: &str| {
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table} WHERE position('{text}'::bytea IN body) > 0");
            pair.query(&sql).trim().parse::<u64>().unwrap_or_default()
        };
        ["factfold_blocks", "factfold_blobs", "factfold_deliveries"].into_iter().any(|table| count(table) > 0)
    };
    let (sites, nodes) = is_erased_everywhere(("postgres", &table), &holds).await;
    a_missing_log_is_made_anew_by_who_goes_furthest(&pair, &sites[0], &nodes).await;
}
