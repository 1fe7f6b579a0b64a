//! G1 and G10 in small: kills at random moments under load lose nothing, move nothing and count nothing twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::checker::{complaints, gaps};
use crate::common::facts::answered;
use crate::common::random::Random;
use crate::common::size::{kills, sized};
use crate::common::{Server, Site};
use serde_json::Value;
use tokio::sync::{Mutex, RwLock};

const AT: &str = "2025-10-09T12:00:00Z";

/// One tenant, so that its positions are the log's but for what configures it.
const ONE_TENANT: &str = "[[tenant]]\nid = \"acme\"\nname = \"Acme\"\ntimezone = \"UTC\"\n";

type Acknowledged = BTreeMap<String, u64>;

fn key(fact: &Value) -> String {
    fact["external_id"].as_str().expect("id").to_owned()
}

/// Posts single facts (even clients) or batches of seven (odd ones) until the server is gone.
async fn load(
    server: Arc<Server>,
    client: u64,
    round: u64,
    acknowledged: Arc<Mutex<Acknowledged>>,
    flying: Arc<Mutex<Vec<Value>>>,
) {
    for n in 0.. {
        let size = if client.is_multiple_of(2) { 1 } else { 7 };
        let make = |i: u64| answered(&format!("r{round}-c{client}-{n}-{i}"), 45, AT);
        let facts: Vec<Value> = (0..size).map(make).collect();
        flying.lock().await.extend(facts.clone());
        let body = if size == 1 { facts[0].to_string() } else { Value::from(facts.clone()).to_string() };
        let request = server
            .request("POST", "/api/v1/tenants/acme/facts?results=all")
            .bearer_auth(crate::common::TOKEN);
        let request = request.header("content-type", "application/json").body(body);
        let Ok(answer) = server.attempt(request).await else { return };
        if answer.status == 503 {
            continue;
        }
        assert!([200, 201].contains(&answer.status), "expected an acknowledgement under load: {answer:?}");
        let mut acknowledged = acknowledged.lock().await;
        if size == 1 {
            acknowledged.insert(key(&facts[0]), answer.position());
            continue;
        }
        for (fact, result) in facts.iter().zip(answer.json["results"].as_array().expect("all results")) {
            if result["outcome"] == "recorded" {
                acknowledged.insert(key(fact), result["position"].as_u64().expect("position"));
            }
        }
    }
}

async fn there(server: &Server) -> Vec<(String, u64)> {
    let facts = server.all_facts("acme").await;
    facts.iter().map(|fact| (key(fact), fact["position"].as_u64().expect("position"))).collect()
}

/// Every fact of these is answered as known (at its acknowledged position) or recorded now; how many were.
async fn post_again(server: &Server, facts: &[Value], acknowledged: &Acknowledged) -> u64 {
    let mut recorded = 0;
    for part in facts.chunks(500) {
        let path = "/api/v1/tenants/acme/facts?results=all";
        let request = server
            .request("POST", path)
            .bearer_auth(crate::common::TOKEN)
            .header("content-type", "application/json");
        let answer = server.send(request.body(Value::from(part.to_vec()).to_string())).await;
        recorded += answer.json["recorded"].as_u64().unwrap_or_default();
        let results = answer.is(200).json["results"].as_array().expect("all results").clone();
        for (fact, result) in part.iter().zip(results) {
            if let Some(position) = acknowledged.get(&key(fact)) {
                assert_eq!(result["outcome"], "duplicate", "expected {} to be known: {result}", key(fact));
                assert_eq!(
                    result["position"],
                    *position,
                    "expected the first position of {}: {result}",
                    key(fact)
                );
            }
        }
    }
    recorded
}

#[tokio::test]
async fn r4_twenty_kills_under_load_lose_and_repeat_nothing() {
    let site = Site::with(ONE_TENANT);
    let mut random = Random::new(20);
    let acknowledged = Arc::new(Mutex::new(Acknowledged::new()));
    let mut rounds_with_work = 0;
    let mut server = Arc::new(site.start().await);
    for round in 0..kills(20, 10_000) {
        let known = acknowledged.lock().await.len();
        let flying = Arc::new(Mutex::new(Vec::new()));
        let clients: Vec<_> = (0..6)
            .map(|client| {
                tokio::spawn(load(
                    Arc::clone(&server),
                    client,
                    round,
                    Arc::clone(&acknowledged),
                    Arc::clone(&flying),
                ))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.below(150))).await;
        server.kill();
        for client in clients {
            client.await.expect("no client failed");
        }
        if round % 4 == 0 {
            let starting = Server::spawn(site.command(&["serve", "--listen", "127.0.0.1:0"]));
            tokio::time::sleep(Duration::from_millis(random.below(250))).await;
            starting.kill();
        }
        server = Arc::new(site.start().await);
        let acknowledged = acknowledged.lock().await;
        rounds_with_work += usize::from(acknowledged.len() > known);
        let found = there(&server).await;
        let said = complaints(&acknowledged, &found);
        assert!(said.is_empty(), "expected nothing lost, moved or twice after kill {round}: {said:?}");
        let recorded = post_again(&server, &flying.lock().await, &acknowledged).await;
        let month = server.read("acme", "metrics/month?month=2025-10").await;
        let calls = recorded + found.iter().filter(|(key, _)| key.starts_with('r')).count() as u64;
        assert_eq!(month["calls"], calls, "expected each recorded call counted once after kill {round}");
    }
    server.kill();
    assert!(
        rounds_with_work > 10,
        "expected most rounds to acknowledge something, only {rounds_with_work} did"
    );
    let listed = site.cli(&["log", "list", "--tenant", "acme", "--limit", "100000", "--json"]);
    let positions: Vec<u64> =
        listed.exits(0).json().iter().filter_map(|fact| fact["position"].as_u64()).collect();
    assert!(
        positions.len() >= acknowledged.lock().await.len(),
        "expected the whole log, got {}",
        positions.len()
    );
    assert_eq!(gaps(&positions), Vec::<String>::new(), "expected gapless positions from 1");
    let replays = [site.cli(&["replay", "--json"]), site.cli(&["replay", "--json"])];
    assert_eq!(
        digests(&replays[0].exits(0).stdout),
        digests(&replays[1].exits(0).stdout),
        "expected equal digests"
    );
    site.cli(&["audit", "--json"]).exits(0);
}

/// The 64-digit hexadecimal words of a text.
fn digests(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit())).collect()
}

#[test]
fn the_checker_sees_a_lost_a_moved_and_a_repeated_fact_and_a_gap() {
    let acknowledged: Acknowledged = (1..=9).map(|n| (format!("k{n}"), n)).collect();
    let whole: Vec<(String, u64)> = acknowledged.iter().map(|(key, at)| (key.clone(), *at)).collect();
    assert!(complaints(&acknowledged, &whole).is_empty(), "expected a whole log to pass");
    let said = complaints(&acknowledged, &whole[1..]);
    assert!(said.len() == 1 && said[0].starts_with("lost"), "expected a lost fact to show: {said:?}");
    let mut moved = whole.clone();
    moved[3].1 = 77;
    assert!(complaints(&acknowledged, &moved)[0].starts_with("moved"), "expected a moved fact to show");
    let mut twice = whole.clone();
    twice.push(("k3".to_owned(), 10));
    assert!(
        complaints(&acknowledged, &twice).iter().any(|said| said.starts_with("twice")),
        "expected a repetition to show"
    );
    assert!(gaps(&[1, 2, 3]).is_empty(), "expected no gap in 1, 2, 3");
    for broken in [&[1, 3][..], &[2, 3], &[1, 1, 2]] {
        assert_eq!(gaps(broken).len(), 1, "expected a complaint about {broken:?}");
    }
}

/// What the storm's writers share.
struct Storm {
    server: RwLock<Arc<Server>>,
    done: AtomicUsize,
    conflicts: AtomicU64,
    acknowledged: Mutex<Acknowledged>,
}

const WRITERS: usize = 64;

impl Storm {
    /// Posts until answered, over restarts; at most for a minute.
    async fn until_answered(&self, fact: &Value) -> crate::common::Answer {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let server = Arc::clone(&*self.server.read().await);
            let request =
                server.request("POST", "/api/v1/tenants/acme/facts").bearer_auth(crate::common::TOKEN);
            let request = request.header("content-type", "application/json").body(fact.to_string());
            match server.attempt(request).await {
                Ok(answer) if answer.status != 503 => return answer,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(Instant::now() < deadline, "expected an answer within a minute");
        }
    }

    async fn write(&self, n: usize) {
        let fact = answered(&format!("k{n}"), 45, AT);
        let answer = self.until_answered(&fact).await;
        assert!([200, 201].contains(&answer.status), "expected recorded or duplicate: {answer:?}");
        let position = answer.position();
        let first = *self.acknowledged.lock().await.entry(key(&fact)).or_insert(position);
        assert_eq!(position, first, "expected one position of k{n} for every writer");
        if self.done.fetch_add(1, Ordering::Relaxed).is_multiple_of(10) {
            let changed = self.until_answered(&answered(&format!("k{n}"), 46, AT)).await;
            assert_eq!(
                changed.problem(409)["first_position"],
                first,
                "expected a changed body to conflict with the first"
            );
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn r1_a_storm_of_copies_with_kills_between_records_each_key_once() {
    let site = Site::with(ONE_TENANT);
    let first = Arc::new(site.start().await);
    let storm = Arc::new(Storm {
        server: RwLock::new(first),
        done: AtomicUsize::new(0),
        conflicts: AtomicU64::new(0),
        acknowledged: Mutex::default(),
    });
    let (keys, copies) = sized((300, 5), (10_000, 20));
    let mut work: Vec<usize> = (0..keys * copies).map(|n| n % keys).collect();
    Random::new(64).shuffle(&mut work);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (storm, mine) =
                (Arc::clone(&storm), work.iter().copied().skip(writer).step_by(WRITERS).collect::<Vec<_>>());
            tokio::spawn(async move {
                for n in mine {
                    storm.write(n).await;
                }
            })
        })
        .collect();
    for part in [keys * copies / 4, keys * copies / 2] {
        let deadline = Instant::now() + Duration::from_secs(60);
        while storm.done.load(Ordering::Relaxed) < part {
            assert!(Instant::now() < deadline, "expected {part} writes within a minute");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut server = storm.server.write().await;
        server.kill();
        *server = Arc::new(site.start().await);
    }
    for writer in writers {
        writer.await.expect("no writer failed");
    }
    let server = Arc::clone(&*storm.server.read().await);
    let found: Vec<(String, u64)> =
        there(&server).await.into_iter().filter(|(key, _)| key.starts_with('k')).collect();
    assert_eq!(found.len(), keys, "expected exactly one fact of each key");
    let said = complaints(&*storm.acknowledged.lock().await, &found);
    assert!(said.is_empty(), "expected each key at its acknowledged position: {said:?}");
    assert!(
        storm.conflicts.load(Ordering::Relaxed) >= 100,
        "expected the changed bodies to have been posted"
    );
    let month = server.read("acme", "metrics/month?month=2025-10").await;
    assert_eq!(
        [&month["calls"], &month["talk_seconds"]],
        [keys, keys * 45],
        "expected each key counted once: {month}"
    );
}
