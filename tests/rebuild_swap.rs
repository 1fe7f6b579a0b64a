//! E5: read models are rebuilt beside the live ones over HTTP and the command line, while facts come and answers go out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::facts::{answered, mail};
use crate::common::size::rounds;
use crate::common::{Answer, Server, Site, TOKEN};
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";

async fn ask(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    server.ask(TOKEN, method, &format!("/api/v1/projections/{path}"), body).await
}

/// The rebuild once it is in this state.
async fn once(server: &Server, path: &str, state: &str) -> Value {
    for _ in 0..3_000 {
        let told = ask(server, "GET", path, Value::Null).await.is(200).json.clone();
        if told["state"] == state {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} is never {state}: {:?}", ask(server, "GET", path, Value::Null).await);
}

async fn begun(server: &Server, name: &str, body: Value) -> String {
    let started = ask(server, "POST", &format!("{name}/rebuild"), body).await;
    let id = started.is(202).json["rebuild_id"].as_str().expect("an id").to_owned();
    format!("{name}/rebuild/{id}")
}

async fn digests(server: &Server) -> Value {
    let path = format!("/api/v1/projections?limit=500&min_position={}", server.seen());
    let models = server.get(&path).await.is(200).json.clone();
    let models = models["items"].as_array().expect("models").iter();
    models
        .map(|model| (model["name"].as_str().expect("a name").to_owned(), model["digest"].clone()))
        .collect()
}

#[tokio::test]
async fn e5_a_model_is_rebuilt_swapped_and_rolled_back_while_facts_come_and_readers_read() {
    let server = Arc::new(Site::new().start().await);
    let calls: Vec<Value> = (0..300).map(|n| answered(&format!("c{n}"), 45, AT)).collect();
    server.record("acme", &calls).await;
    server.record("globex", &[mail("lead_replied", 1, json!({"id": "7"}), AT)]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                server.record("acme", &[answered(&format!("late{n}"), 45, AT)]).await;
                n += 1;
            }
            n
        })
    };
    let reader = {
        let (server, stop) = (Arc::clone(&server), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut last = 0;
            while !stop.load(Ordering::Relaxed) {
                let month = server.get("/api/v1/tenants/acme/metrics/month?month=2025-10").await;
                let month = &month.is(200).json;
                let (calls, answered) = (month["calls"].as_u64().expect("calls"), month["answered"].as_u64());
                assert!(calls >= last && Some(calls) == answered, "old or new, whole: {month}");
                last = calls;
            }
        })
    };
    for name in ["calls", "outreach_leads", "all"] {
        let path = begun(&server, name, Value::Null).await;
        let ready = once(&server, &path, "ready").await;
        assert_eq!((&ready["name"], &ready["tenant"]), (&json!(name), &Value::Null));
        assert_eq!(ready["facts_done"], ready["facts_total"]);
        assert!(ready["facts_total"].as_u64() > Some(300) && ready["facts_per_second"].is_u64(), "{ready}");
        let diff = &ready["diff"];
        assert_eq!(
            (&diff["rows"], &diff["figures"], &diff["items"]),
            (&json!(0), &json!(0), &json!([])),
            "{ready}"
        );
        let second = ask(&server, "POST", "outreach_leads/rebuild", Value::Null).await;
        assert_eq!(second.problem(409)["code"], "rebuild_running");
        let swapped = ask(&server, "POST", &format!("{path}/swap"), Value::Null).await;
        assert_eq!(swapped.is(200).json["state"], "swapped");
        assert!(swapped.json["position"].as_u64() >= ready["position"].as_u64());
        assert_eq!(
            ask(&server, "POST", &format!("{path}/swap"), Value::Null).await.problem(409)["state"],
            "swapped"
        );
        assert_eq!(
            ask(&server, "POST", &format!("{path}/discard"), Value::Null).await.problem(409)["state"],
            "swapped"
        );
        once(&server, &path, "swapped").await;
        let back = ask(&server, "POST", &format!("{name}/rollback"), Value::Null).await;
        assert_eq!(back.is(200).json["state"], "rolled_back");
        let again = ask(&server, "POST", &format!("{name}/rollback"), Value::Null).await;
        assert_eq!(again.problem(409)["code"], "no_former_model");
    }
    stop.store(true, Ordering::Relaxed);
    let written: u64 = writer.await.expect("no panic");
    reader.await.expect("no panic");
    assert!(written > 0);
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["calls"], 300 + written);
}

#[tokio::test]
async fn e5_a_kill_at_any_moment_of_a_rebuild_or_a_swap_leaves_the_models_of_the_log() {
    let site = Site::new();
    let mut server = site.start().await;
    let mut killed = [0, 0];
    for round in 0..rounds(6, 100) {
        let facts: Vec<Value> = (0..150).map(|n| answered(&format!("k{round}-{n}"), 45, AT)).collect();
        server.record("acme", &facts).await;
        let before = digests(&server).await;
        let path = begun(&server, "all", Value::Null).await;
        // Odd rounds are killed while it folds, even ones beside the swap.
        let is_beside_swap = round % 2 == 0;
        if is_beside_swap {
            once(&server, &path, "ready").await;
        }
        let url = format!("{}/api/v1/projections/{path}/swap", server.base);
        let swap = tokio::spawn(reqwest::Client::new().post(url).bearer_auth(TOKEN).send());
        tokio::time::sleep(Duration::from_micros(round * 613 % 4_000)).await;
        server.kill();
        // Either answer is right, and none, too.
        killed[usize::from(is_beside_swap)] += usize::from(!matches!(swap.await, Ok(Ok(_))));
        server = site.start().await;
        let known = server.post("acme", &facts[0]).await;
        assert_eq!(known.is(200).outcome(), "duplicate", "round {round}");
        assert_eq!(digests(&server).await, before, "round {round}: the models of the log");
        let gone = ask(&server, "GET", &path, Value::Null).await;
        gone.problem(404);
        let other = begun(&server, "all", Value::Null).await;
        let ready = once(&server, &other, "ready").await;
        assert_eq!((&ready["diff"]["rows"], &ready["diff"]["figures"]), (&json!(0), &json!(0)), "{ready}");
        ask(&server, "POST", &format!("{other}/discard"), Value::Null).await.is(200);
    }
    eprintln!("killed while it folded and beside the swap before an answer: {killed:?}");
}

#[tokio::test]
async fn e5_what_is_not_there_or_not_allowed_is_refused_and_a_discarded_rebuild_changes_nothing() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let before = digests(&server).await;
    let path = begun(&server, "calls", json!({"tenant": "acme"})).await;
    let ready = once(&server, &path, "ready").await;
    assert_eq!(ready["tenant"], "acme");
    let other = path.replacen("calls", "notes", 1);
    ask(&server, "GET", &other, Value::Null).await.problem(404);
    assert_eq!(
        ask(&server, "POST", &format!("{path}/discard"), Value::Null).await.is(200).json["state"],
        "discarded"
    );
    once(&server, &path, "discarded").await;
    assert_eq!(
        ask(&server, "POST", &format!("{path}/swap"), Value::Null).await.problem(409)["state"],
        "discarded"
    );
    assert_eq!(digests(&server).await, before);

    ask(&server, "POST", "clocks/rebuild", Value::Null).await.problem(404);
    ask(&server, "POST", "clocks/rollback", Value::Null).await.problem(404);
    ask(&server, "POST", "calls/rebuild", json!({"tenant": "nobody"})).await.problem(404);
    ask(&server, "POST", "calls/rebuild", json!({"tenant": "No One"})).await.names("tenant").is(422);
    ask(&server, "POST", "calls/rebuild", json!({"tenants": ["acme"]})).await.names("tenants").is(422);
    ask(&server, "GET", "calls/rebuild/none", Value::Null).await.problem(404);
    for (role, starts, looks) in [("auditor", 403, 404), ("operator", 202, 404)] {
        let token = server.token(role, &[]).await;
        server
            .ask(&token, "POST", "/api/v1/projections/outreach_leads/rebuild", Value::Null)
            .await
            .is(starts);
        server
            .ask(&token, "GET", "/api/v1/projections/outreach_leads/rebuild/none", Value::Null)
            .await
            .is(looks);
    }
    let of_acme = server.token("operator", &["acme"]).await;
    server
        .ask(&of_acme, "POST", "/api/v1/projections/outreach_leads/rebuild", Value::Null)
        .await
        .problem(404);
}

#[tokio::test]
async fn e5_the_command_line_rebuilds_on_a_running_server() {
    let site = Site::new();
    let server = site.start().await;
    server.record("acme", &[answered("c1", 45, AT), answered("c2", 45, AT)]).await;
    server.read("acme", "calls").await;
    let before = digests(&server).await;
    let diff = site.cli(&["replay", "calls", "outreach_leads", "--diff", "--json", "--server", &server.base]);
    let told = diff.exits(0).json();
    assert_eq!(
        told.iter().map(|one| one["name"].clone()).collect::<Vec<_>>(),
        [json!("calls"), json!("outreach_leads")]
    );
    assert_eq!(
        (&told[0]["state"], &told[0]["rows"], &told[0]["differences"]),
        (&json!("discarded"), &json!(0), &json!([]))
    );
    let swapped = site.cli(&["replay", "--swap", "--server", &server.base]);
    assert!(swapped.exits(0).stderr.contains("all: 0 rows and 0 figures differ"), "{}", swapped.stderr);
    assert_eq!(digests(&server).await, before);
    let unknown = site.cli(&["replay", "clocks", "--diff", "--server", &server.base]);
    assert!(unknown.exits(1).stderr.contains("404"), "{}", unknown.stderr);
    server.stop();
    let models = site.cli(&["replay", "calls", "--json"]).exits(0).json()[0]["models"].clone();
    assert_eq!(models.as_array().map(Vec::len), Some(1), "{models}");
    site.cli(&["replay", "clocks"]).exits(2);
}
