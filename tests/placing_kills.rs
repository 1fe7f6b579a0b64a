//! C7 under kill -9: whatever moment a server is killed at, no key rings twice and no request is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::random::Random;
use crate::common::size::kills;
use crate::common::twilio_api::{Meets, TwilioApi};
use crate::common::{Server, TOKEN};
use crate::placing::{call, site};
use serde_json::Value;

/// Keys that are placed at once in a round.
const AT_ONCE: u64 = 3;

fn number(key: u64) -> String {
    format!("+1202{:07}", 5_000_000 + key)
}

/// Asks for the call of a key; none where the server was gone.
async fn ask(server: &Server, key: u64) -> Option<Value> {
    let request = server.request("POST", "/api/v1/tenants/acme/calls").bearer_auth(TOKEN);
    let request = request.header("idempotency-key", format!("key-{key}")).json(&call(&number(key)));
    let answer = server.attempt(request).await.ok()?;
    (answer.status == 202).then_some(answer.json)
}

/// Places calls and kills the server between request and answer, so often; then lets it settle, and checks.
async fn killed(rounds: u64, seed: u64) {
    let twilio = TwilioApi::start().await;
    twilio.list(true);
    let site = site(&twilio);
    let mut random = Random::new(seed);
    let mut answered: BTreeMap<u64, String> = BTreeMap::new();
    let mut server = Arc::new(site.start().await);
    for round in 0..rounds {
        let meets = [
            Meets::Answer,
            Meets::Slow(random.below(20)),
            Meets::RingAndFailure,
            Meets::RingAndCut,
            Meets::Refusal(429, 20_429),
        ];
        twilio.script(&[*random.pick(&meets), *random.pick(&meets), *random.pick(&meets)]);
        let asked: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let (server, key) = (Arc::clone(&server), round * AT_ONCE + n);
                tokio::spawn(async move { (key, ask(&server, key).await) })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(random.below(40_000))).await;
        server.kill();
        for one in asked {
            let (key, answer) = one.await.expect("no panic");
            if let Some(answer) = answer {
                answered.insert(key, answer["request_id"].as_str().expect("an id").to_owned());
            }
        }
        server = Arc::new(site.start().await);
        // A client that got no answer asks again under its key.
        for key in (round * AT_ONCE)..(round * AT_ONCE + AT_ONCE) {
            let answer = ask(&server, key).await.expect("answered");
            let id = answer["request_id"].as_str().expect("an id").to_owned();
            let first = answered.entry(key).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "one request per key");
        }
    }
    let keys = rounds * AT_ONCE;
    let deadline = Instant::now() + Duration::from_secs(60 + rounds);
    let (mut requests, mut rings) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    while Instant::now() < deadline {
        requests = server.all_items("acme", "calls/requests?limit=500").await;
        rings.clear();
        for ring in twilio.rings() {
            rings.entry(ring.field("To").to_owned()).or_default().push(ring.sid);
        }
        let is_settled = |request: &Value| match request["state"].as_str() {
            Some("accepted" | "confirmed" | "failed") => true,
            // It rang nobody, so no list has it.
            Some("unknown") => {
                let key = answered.iter().find(|(_, id)| request["request_id"] == id.as_str());
                key.is_some_and(|(key, _)| !rings.contains_key(&number(*key)))
            }
            _ => false,
        };
        if requests.len() as u64 == keys && requests.iter().all(is_settled) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let twice: Vec<_> = rings.iter().filter(|(_, sids)| sids.len() > 1).collect();
    assert!(twice.is_empty(), "rung twice under one key: {twice:?}");
    assert_eq!(requests.len() as u64, keys, "a request was forgotten");
    let by_id: BTreeMap<&str, &Value> =
        requests.iter().filter_map(|request| Some((request["request_id"].as_str()?, request))).collect();
    let mut states = BTreeMap::<&str, u64>::new();
    for (key, id) in &answered {
        let request = by_id[id.as_str()];
        let state = request["state"].as_str().expect("a state");
        let rung = rings.get(&number(*key)).map(|sids| sids[0].as_str());
        *states.entry(state).or_default() += 1;
        match state {
            "accepted" | "confirmed" => assert_eq!(request["call_id"].as_str(), rung, "{request}"),
            "failed" | "unknown" => assert_eq!(rung, None, "a ring that nobody knows of: {request}"),
            other => panic!("{other} after all that time: {request}"),
        }
    }
    let rung = rings.len() as u64;
    eprintln!("{rounds} kills, {keys} keys, {rung} rung once, none twice; states {states:?}");
    assert!(rung > keys / 4, "null control: most keys do ring, {rung} of {keys} did");
    server.stop();
    site.cli(&["audit", "--json"]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c7_kills_between_request_and_answer_never_ring_twice_and_forget_nothing() {
    killed(kills(12, 1_000), 7).await;
}
