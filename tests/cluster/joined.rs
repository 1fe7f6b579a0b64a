//! A node that joins by another node's sealed segments: it has the log up to there before its start, the engine gives the
//! rest, and whatever is not of the engine's log is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::nodes::agreed;
use super::{AT, PATIENCE, SECRET, shared_log};
use crate::common::bison;
use crate::common::facts::answered;
use crate::common::servers::nats::NatsCluster;
use crate::common::servers::postgres::PostgresPair;
use crate::common::site::{Ran, run, run_within};
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};

/// A segment is closed before it holds more facts.
const SEALED: u64 = 65_536;
/// Facts of a request.
const AT_ONCE: u64 = 2_000;
/// How long a join may take in a debug build.
const JOIN: Duration = Duration::from_secs(120);

/// The tables of a node with the usual tenants.
fn tables(name: &str, engine: (&str, &str)) -> String {
    format!("{}{TWO_TENANTS}", shared_log(name, engine))
}

/// A log with a sealed segment, some of whose facts have originals over 32 KB, and with facts behind it.
async fn fill(server: &Server, name: &str) {
    for n in 0..3 {
        let lead = json!({"id": n, "email": "jo@example.org", "notes": format!("{name} {n} ").repeat(8_000)});
        bison::deliver(server, &bison::sent("EMAIL_SENT", n, lead, AT)).await.is(200);
    }
    for part in 0..=SEALED / AT_ONCE {
        let facts = (0..AT_ONCE).map(|n| answered(&format!("{name}-{part}-{n}"), 45, AT).to_string());
        let lines: Vec<String> = facts.collect();
        let answer = server.post_raw("acme", "application/x-ndjson", lines.join("\n")).await;
        assert_eq!(answer.is(200).json["recorded"], AT_ONCE, "{}", answer.text);
    }
    let until = Instant::now() + PATIENCE;
    while server.get("/api/v1/system").await.is(200).json["log"]["sealed"] == 0 {
        assert!(Instant::now() < until, "nothing is sealed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn join(site: &Site, server: &str, environment: &[(&str, &str)]) -> Ran {
    let mut command = site.command(&["--json", "cluster", "join", "--server", server]);
    command.envs(environment.iter().copied());
    run_within(command, JOIN)
}

/// Names of the files in a folder of a site's data directory, sorted.
fn names(site: &Site, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(site.data().join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn sealed(site: &Site) -> Vec<PathBuf> {
    let names = names(site, "journal");
    let sealed = names.into_iter().filter(|name| name.ends_with(".sealed"));
    sealed.map(|name| site.data().join("journal").join(name)).collect()
}

/// A byte in the middle of a file is another.
fn change(path: &Path) {
    let mut bytes = fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("written");
}

/// What a node joins by, on an engine, and that a start goes on from there.
async fn joins(engine: (&str, &str)) -> (Site, Arc<Server>) {
    let first = Site::with(&tables("n0", engine));
    let server = Arc::new(first.start().await);
    fill(&server, "own").await;

    let second = Site::with(&tables("n1", engine));
    let told = join(&second, &server.base, &[]);
    let told = &told.exits(0).json()[0];
    let position = told["position"].as_u64().expect("position");
    assert!(told["segments"] == 1 && position > SEALED - 600 && position <= SEALED, "{told}");
    // The files are the other node's, before anything was asked of the engine's log but its root.
    let (theirs, ours) = (sealed(&first), sealed(&second));
    assert_eq!(ours.len(), 1);
    assert_eq!(fs::read(&ours[0]).expect("read"), fs::read(&theirs[0]).expect("read"));
    assert_eq!(names(&second, "blobs"), names(&first, "blobs"));
    assert!(names(&second, "blobs").len() >= 3, "{:?}", names(&second, "blobs"));
    assert!(names(&second, "joining").is_empty());
    run_within(second.command(&["audit"]), JOIN).exits(0);
    // It has a log now.
    assert!(join(&second, &server.base, &[]).exits(1).stderr.contains("there is a log"));

    let joined = Arc::new(second.start().await);
    agreed(&[Arc::clone(&server), Arc::clone(&joined)]).await;
    assert_eq!(joined.get("/api/v1/system").await.json["log"]["sealed"], position);
    let raw = joined.get("/api/v1/tenants/acme/facts?kind=email_sent&limit=5").await;
    for fact in raw.is(200).json["items"].as_array().expect("facts") {
        let path = format!("/api/v1/tenants/acme/facts/{}?raw=true", fact["position"]);
        assert!(joined.get(&path).await.is(200).text.len() > 32 << 10, "the original is there");
    }
    // What the one knows is no news to the other, and what one records the other has.
    let again = joined.post("acme", &answered("own-3-7", 45, AT)).await;
    assert_eq!(again.is(200).outcome(), "duplicate");
    joined.record("acme", &[answered("behind", 45, AT)]).await;
    agreed(&[Arc::clone(&server), Arc::clone(&joined)]).await;
    joined.stop();
    run_within(second.command(&["audit"]), JOIN).exits(0);
    (first, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_joins_by_anothers_segments_and_whoever_is_no_node_gets_none() {
    let cluster = NatsCluster::start(1);
    let table = format!("[log.jetstream]\nservers = {:?}\nreplicas = 1\n", cluster.urls());
    let engine = ("jetstream", &*table);
    let (_first, server) = joins(engine).await;

    // An admin without the log's secret, and one with it and without a right to it.
    let ask = async |token: &str, body: Value| {
        let request = server.request("POST", "/api/v1/cluster/segments").bearer_auth(token);
        server.send(request.json(&body)).await
    };
    for body in [json!({}), json!({"proof": "x"}), json!({"proof": format!("1.{}", "0".repeat(64))})] {
        ask(TOKEN, body).await.problem(422);
    }
    let operator = server.token("operator", &[]).await;
    ask(&operator, json!({"proof": "x"})).await.problem(403);
    let stranger = Site::with(&tables("n9", engine).replace(&SECRET[..8], "00000000"));
    let refused = join(&stranger, &server.base, &[]);
    assert!(refused.exits(1).stderr.contains("secret"), "{}", refused.stderr);
    // A node that does not answer: nothing is left, and the start fetches the log from the engine.
    let late = Site::with(&tables("n2", engine));
    let nobody = join(&late, "http://127.0.0.1:9", &[]);
    assert!(nobody.exits(1).stderr.contains("no server answers"), "{}", nobody.stderr);
    assert!(names(&late, "joining").is_empty() && names(&late, "journal").is_empty());
    let late_server = Arc::new(late.start().await);
    agreed(&[Arc::clone(&server), late_server]).await;
    // A log of one node is no cluster's.
    let alone = Site::with(&tables("n3", ("embedded", &table)));
    let told = join(&alone, &server.base, &[]);
    assert!(told.exits(1).stderr.contains("embedded"), "{}", told.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_joins_by_anothers_segments_on_postgres() {
    let pair = PostgresPair::start();
    let table = format!("[log.postgres]\nurl = {:?}\n", pair.url_of("postgres"));
    joins(("postgres", &table)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn segments_of_another_log_or_damaged_ones_are_refused_and_the_engine_gives_the_log() {
    let cluster = NatsCluster::start(1);
    let on = |stream: &str| {
        format!("[log.jetstream]\nservers = {:?}\nstream = {stream:?}\nreplicas = 1\n", cluster.urls())
    };
    let (own, other) = (on("OWN"), on("OTHER"));
    let first = Site::with(&tables("n0", ("jetstream", &own)));
    let first = Arc::new(first.start().await);
    // Longer than the other's segments, so that it is no question of lengths.
    fill(&first, "own").await;
    let strange = Site::with(&tables("n5", ("jetstream", &other)));
    let stranger = strange.start().await;
    fill(&stranger, "other").await;

    let site = Site::with(&tables("n1", ("jetstream", &own)));
    let refused = join(&site, &stranger.base, &[]);
    assert!(refused.exits(3).stderr.contains("is not what this node has there"), "{}", refused.stderr);
    assert!(names(&site, "journal").is_empty() && names(&site, "joining").is_empty());
    // Null control: without the comparison with the engine's log it is taken, and the start finds it out.
    #[cfg(debug_assertions)]
    {
        let careless = Site::with(&tables("n6", ("jetstream", &own)));
        join(&careless, &stranger.base, &[("FACTFOLD_WITHOUT", "root")]).exits(0);
        let server = careless.start().await;
        let told = server.get("/readyz").await;
        assert!(told.status == 503 && told.text.contains("is not what this node has there"), "{}", told.text);
    }
    // A file that is damaged there.
    for path in sealed(&strange) {
        change(&path);
    }
    let wrong = Site::with(&tables("n7", ("jetstream", &other)));
    let refused = join(&wrong, &stranger.base, &[]);
    assert!(refused.exits(3).stderr.contains("at byte"), "{}", refused.stderr);
    assert!(names(&wrong, "journal").is_empty() && names(&wrong, "joining").is_empty());
    let joined = Arc::new(site.start().await);
    agreed(&[first, joined]).await;
    // Nothing is sealed of a small log.
    let small = on("SMALL");
    let beginner = Site::with(&tables("n0", ("jetstream", &small)));
    let beginner = beginner.start().await;
    let next = Site::with(&tables("n1", ("jetstream", &small)));
    let told = run(next.command(&["cluster", "join", "--server", &beginner.base]));
    assert!(told.exits(0).stderr.contains("nothing is sealed"), "{}", told.stderr);
    next.start().await.get("/readyz").await.is(200);
}
