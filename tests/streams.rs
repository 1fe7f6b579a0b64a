//! E11: facts and changes of read models as they come, resumable by position.

use std::time::{Duration, Instant};

use crate::common::facts::{answered, mail};
use crate::common::{Server, Site, TOKEN};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

const AT: &str = "2025-10-09T12:00:00Z";
const PATIENCE: Duration = Duration::from_secs(30);

/// A reader of a stream.
struct Reader {
    response: Response,
    text: String,
}

/// An event, or a heartbeat where it has no data.
#[derive(Debug)]
struct Event {
    name: String,
    id: u64,
    data: Value,
}

impl Reader {
    async fn open(server: &Server, route: &str, last: Option<u64>) -> Self {
        let mut request = server.request("GET", &format!("/api/v1/tenants/acme/{route}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.bearer_auth(TOKEN).timeout(PATIENCE * 4).send().await.expect("answers");
        assert_eq!(response.status(), 200);
        assert!(response.headers()["content-type"].to_str().expect("text").starts_with("text/event-stream"));
        Self { response, text: String::new() }
    }

    /// The next event or heartbeat; none at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned()).unwrap_or_default()
                };
                let event = Event {
                    name: field("event:"),
                    id: field("id:").parse().expect("every event has a position"),
                    data: serde_json::from_str(&field("data:")).unwrap_or(Value::Null),
                };
                self.text = rest.to_owned();
                return Some(event);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.text.push_str(std::str::from_utf8(&chunk.ok().flatten()?).expect("utf-8"));
        }
    }

    /// The ids of the next facts.
    async fn facts(&mut self, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        while found.len() < count {
            let event = self.next().await.expect("the stream goes on");
            if event.name == "fact" {
                assert_eq!(
                    (event.data["tenant"].as_str(), event.data["position"].as_u64()),
                    (Some("acme"), Some(event.id))
                );
                found.push(event.data["external_id"].as_str().expect("id").to_owned());
            }
        }
        found
    }
}

fn calls(ids: impl IntoIterator<Item = u32>) -> Vec<Value> {
    ids.into_iter().map(|n| answered(&format!("c{n}"), 45, AT)).collect()
}

fn names(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    ids.into_iter().map(|n| format!("c{n}:completed")).collect()
}

#[tokio::test]
async fn e11_facts_come_as_they_are_recorded_of_this_tenant_only_and_can_be_filtered() {
    let server = Site::new().start().await;
    server.record("acme", &calls([1])).await;
    let mut all = Reader::open(&server, "facts/stream", None).await;
    let mut mails = Reader::open(&server, "facts/stream?kind=email_sent", None).await;
    server.record("globex", &calls([2])).await;
    server.record("acme", &calls([3])).await;
    server.record("acme", &[mail("email_sent", 1, json!({"id": "7"}), AT)]).await;
    assert_eq!(all.facts(2).await, ["c3:completed", "email_sent/1"]);
    assert_eq!(mails.facts(1).await, ["email_sent/1"]);
}

#[tokio::test]
async fn e11_a_reader_that_comes_back_with_its_last_id_misses_nothing_and_sees_nothing_twice() {
    let server = Site::new().start().await;
    let mut seen = Vec::new();
    let mut last = Some(0);
    for round in 0..4_u32 {
        let mut reader = Reader::open(&server, "facts/stream?kind=call_reported&after=999999", last).await;
        server.record("acme", &calls(round * 10..round * 10 + 10)).await;
        // Goes away in the middle of what was recorded.
        while seen.len() < round as usize * 10 + 5 {
            let event = reader.next().await.expect("the stream goes on");
            last = Some(event.id);
            seen.extend(event.data["external_id"].as_str().map(str::to_owned));
        }
    }
    let mut reader = Reader::open(&server, "facts/stream?kind=call_reported", last).await;
    seen.extend(reader.facts(5).await);
    assert_eq!(seen, names(0..40));
    let bad = server.request("GET", "/api/v1/tenants/acme/facts/stream").bearer_auth(TOKEN);
    server.send(bad.header("last-event-id", "x")).await.problem(400);
}

#[tokio::test]
async fn e11_a_slow_reader_catches_up_from_the_log() {
    let server = Site::new().start().await;
    let mut reader = Reader::open(&server, "facts/stream?kind=call_reported", None).await;
    for part in 0..50 {
        server.record("acme", &calls(part * 200..part * 200 + 200)).await;
    }
    assert_eq!(reader.facts(10_000).await, names(0..10_000));
}

#[tokio::test]
async fn e11_changes_name_the_models_and_are_true_once_told() {
    let server = Site::new().start().await;
    let mut reader = Reader::open(&server, "changes/stream", None).await;
    for n in 0..5 {
        server.record("acme", &calls([n])).await;
        let change = reader.next().await.expect("a change");
        assert_eq!((change.name.as_str(), change.data["position"].as_u64()), ("change", Some(change.id)));
        let models = change.data["models"].to_string();
        assert!(models.contains("\"calls\"") && !models.contains("outreach_leads"), "{change:?}");
        let served = server.get("/api/v1/tenants/acme/calls").await.json;
        assert!(served["position"].as_u64() >= Some(change.id), "a change was told before it was served");
    }
    server.record("globex", &calls([99])).await;
    server.record("acme", &[mail("email_sent", 1, json!({"id": "7"}), AT)]).await;
    assert!(reader.next().await.expect("a change").data["models"].to_string().contains("outreach_leads"));
}

#[tokio::test]
async fn e11_models_that_are_swapped_and_rolled_back_are_a_change_though_no_fact_comes() {
    let server = Site::new().start().await;
    server.record("acme", &calls([1])).await;
    let mut reader = Reader::open(&server, "changes/stream", None).await;
    let ask = async |method: &str, path: &str| {
        server.ask(TOKEN, method, &format!("/api/v1/projections/calls/{path}"), Value::Null).await
    };
    let id = ask("POST", "rebuild").await.is(202).json["rebuild_id"].clone();
    let rebuild = format!("rebuild/{}", id.as_str().expect("an id"));
    let until = Instant::now() + PATIENCE;
    while ask("GET", &rebuild).await.is(200).json["state"] != "ready" {
        assert!(Instant::now() < until, "it is never ready");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for path in [format!("{rebuild}/swap"), "rollback".to_owned()] {
        ask("POST", &path).await.is(200);
        let change = reader.next().await.expect("a change");
        assert_eq!((change.name.as_str(), change.id), ("change", server.seen()), "{path}: {change:?}");
        assert!(change.data["models"].to_string().contains("\"calls\""), "{path}: {change:?}");
    }
}

#[tokio::test]
async fn e11_streams_live_by_heartbeats_with_ids_and_end_when_the_server_stops() {
    let server = Site::new().start().await;
    server.record("acme", &calls([1])).await;
    let head = server.read("acme", "facts").await["position"].as_u64().expect("position");
    let mut reader = Reader::open(&server, "facts/stream", None).await;
    let heartbeat = reader.next().await.expect("a heartbeat");
    assert_eq!((heartbeat.name.as_str(), heartbeat.id >= head, heartbeat.data), ("", true, Value::Null));
    let began = Instant::now();
    server.stop();
    assert!(reader.next().await.is_none(), "the stream ends");
    assert!(began.elapsed() < Duration::from_secs(6), "the stop waited for a stream: {:?}", began.elapsed());
}

#[tokio::test]
async fn e11_a_reader_that_is_ahead_of_the_log_is_told_before_the_stream_begins() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("CA1", 45, AT)]).await;
    for route in ["facts/stream", "changes/stream"] {
        let head = server.seen();
        let ask = |query: &str, last: Option<u64>| {
            let request =
                server.request("GET", &format!("/api/v1/tenants/acme/{route}{query}")).bearer_auth(TOKEN);
            server.send(match last {
                Some(last) => request.header("last-event-id", last),
                None => request,
            })
        };
        for answer in [ask(&format!("?after={}", head + 1), None).await, ask("", Some(head + 500)).await] {
            let problem = answer.problem(409);
            assert_eq!(problem["code"], "position_ahead", "{route}");
            assert_eq!(problem["position"], head, "{route} says where the log ends");
        }
        // Null control: a reader that has all of it waits for more.
        let mut reader = Reader::open(&server, &format!("{route}?after={head}"), None).await;
        server.record("acme", &[answered(route, 45, AT)]).await;
        assert!(reader.next().await.is_some_and(|event| event.id > head));
    }
}
