//! What holds for every request: ids, the request log, metrics, limits, cross-site requests.

use std::collections::BTreeSet;

use crate::common::facts::{answered, mail};
use crate::common::routes::routes;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS, twilio};
use serde_json::json;

const AT: &str = "2025-10-09T12:00:00Z";
const ACME: &str = "/api/v1/tenants/acme";
/// Persons and secrets that no log and no measure may hold.
const CANARIES: [&str; 6] =
    [TOKEN, twilio::ENDPOINT, "canary@example.com", "Canarywoman", "+12025550123", "secret-query"];

/// A server that logs every request, after requests that bring every canary.
async fn with_canaries(site: &Site) -> Server {
    let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("FACTFOLD_LOG", "debug,hyper=info,hyper_util=info");
    let server = Server::started(command).await;
    let lead = json!({"id": "7", "email": "canary@example.com", "first_name": "Canarywoman"});
    server.record("acme", &[mail("lead_replied", 1, lead, AT), answered("c1", 45, AT)]).await;
    twilio::deliver(&server, &twilio::ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:00 +0000"))
        .await
        .is(200);
    server.get(&format!("{ACME}/outreach/leads?search=secret-query")).await.is(200);
    server.get(&format!("{ACME}/calls?agent=canary@example.com")).await.is(200);
    server.get(&format!("{ACME}/calls?nothing=secret-query")).await.problem(400);
    server.send(server.request("GET", "/hooks/twilio/tw-5b0f0d7e-wrong")).await.any_problem();
    server
}

#[tokio::test]
async fn a_request_has_its_callers_id_or_one_of_ours() {
    let server = Site::new().start().await;
    let id = async |given: &str| {
        let request = server.request("GET", "/nowhere").header("x-request-id", given);
        let answer = server.send(request).await;
        let told = answer.header("x-request-id").to_owned();
        assert_eq!(answer.problem(404)["request_id"], told.as_str());
        told
    };
    assert_eq!(id("trace-1.a_B").await, "trace-1.a_B");
    for unfit in ["a b", "<script>", "x\"y", &"x".repeat(65)] {
        let ours = id(unfit).await;
        assert!(ours != unfit && ours.len() == 36, "{ours}");
    }
}

#[tokio::test]
async fn r7_the_log_tells_every_request_by_its_route_and_holds_no_secret_and_no_person() {
    let server = with_canaries(&Site::new()).await;
    server.stop();
    let said = server.stderr();
    for route in ["/api/v1/tenants/{tenant}/calls", "/hooks/{provider}/{endpoint}"] {
        assert!(said.contains(route), "expected a line of {route}:\n{said}");
    }
    for canary in CANARIES {
        assert!(!said.contains(canary), "the log holds {canary}:\n{said}");
    }
}

#[tokio::test]
async fn r7_measures_need_a_token_and_hold_no_secret_no_person_and_no_tenant() {
    let server = with_canaries(&Site::new()).await;
    server.send(server.request("GET", "/metrics")).await.problem(401);
    let measures = server.get("/metrics").await;
    let text = &measures.is(200).text;
    for expected in [
        "factfold_facts_appended_total",
        "factfold_log_commit_seconds_bucket",
        "factfold_fold_lag_facts 0",
        "factfold_facts_folded_total{kind=\"lead_replied\"} 1",
        "factfold_deliveries_total{provider=\"twilio\",outcome=\"recorded\"} 1",
        "factfold_posted_facts_total{outcome=\"recorded\"} 2",
        "route=\"/api/v1/tenants/{tenant}/calls\"",
    ] {
        assert!(text.contains(expected), "expected {expected} in\n{text}");
    }
    for canary in CANARIES.into_iter().chain(["acme", "globex"]) {
        assert!(!text.contains(canary), "the measures hold {canary}:\n{text}");
    }
}

#[tokio::test]
async fn unknown_tokens_are_counted_by_address_and_known_ones_and_hooks_go_on() {
    let server = Site::new().start().await;
    let mut told = Vec::new();
    for n in 0..80 {
        let request = server.request("GET", &format!("{ACME}/calls")).bearer_auth(format!("ff_wrong_{n}"));
        told.push(server.send(request).await);
    }
    let refused: Vec<u16> = told.iter().map(|answer| answer.status).collect();
    assert!(refused.starts_with(&[401; 60]), "{refused:?}");
    let over = told.last().expect("answers");
    over.problem(429);
    assert!(over.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{over:?}");
    let known = server.get(&format!("{ACME}/calls")).await;
    assert!(!known.is(200).header("ratelimit-remaining").is_empty(), "{known:?}");
    let form = twilio::ended("CA1", "completed", 45, "Thu, 09 Oct 2025 12:00:00 +0000");
    twilio::deliver(&server, &form).await.is(200);
    server.send(server.request("GET", "/healthz")).await.is(200);
}

#[tokio::test]
async fn d10_any_page_may_deliver_and_none_may_ask_the_api() {
    let server = Site::new().start().await;
    let preflight = async |path: &str, origin: &str| {
        let request = server.request("OPTIONS", path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let answer = server.send(request.header("access-control-request-headers", "authorization")).await;
        assert!(answer.status < 300, "{answer:?}");
        answer.header("access-control-allow-origin").to_owned()
    };
    let hook = format!("/hooks/twilio/{}", twilio::ENDPOINT);
    let facts = format!("{ACME}/facts");
    for (path, origin, allowed) in [
        (&hook, "https://anywhere.example.com", true),
        (&facts, "https://anywhere.example.com", false),
        (&facts, "null", false),
    ] {
        let expected = if allowed { origin } else { "" };
        assert_eq!(preflight(path, origin).await, expected, "{path} from {origin}");
    }
}

#[tokio::test]
async fn d10_a_page_that_is_named_may_ask_the_api_by_every_method_it_has_and_no_other_page_may() {
    const NAMED: &str = "https://board.example.com";
    let site = Site::with(&format!("{TWO_TENANTS}\n[http]\ncors = [{NAMED:?}]\n"));
    let server = site.start().await;
    let methods: BTreeSet<String> = routes(&server).await.into_iter().map(|route| route.method).collect();
    for (origin, allowed) in [(NAMED, NAMED), ("https://board.example.com.evil.example", ""), ("null", "")] {
        for method in &methods {
            let request = server.request("OPTIONS", "/api/v1/users/u1").header("origin", origin);
            let answer = server.send(request.header("access-control-request-method", method)).await;
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
            let may = answer.header("access-control-allow-methods");
            assert!(may.split(',').any(|may| may == method), "{method} is not among {may:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "", "cookies are no part of it");
        }
        let request =
            server.request("GET", &format!("{ACME}/calls")).bearer_auth(TOKEN).header("origin", origin);
        let answer = server.send(request).await;
        assert_eq!(answer.is(200).header("access-control-allow-origin"), allowed, "{origin}");
    }
}
