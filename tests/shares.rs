//! G23 in small: what one caller takes leaves the others theirs.

use std::time::{Duration, Instant};

use crate::common::facts::answered;
use crate::common::size::sized;
use crate::common::stream::OpenStream;
use crate::common::{Server, Site};
use serde_json::Value;

const AT: &str = "2025-10-09T12:00:00Z";
/// Streams that one caller may have open.
const STREAMS: usize = 100;

fn stream(server: &Server, token: &str) -> reqwest::RequestBuilder {
    server.request("GET", "/api/v1/tenants/acme/facts/stream?after=0").bearer_auth(token)
}

#[tokio::test]
async fn a_caller_has_a_hundred_streams_and_another_caller_his_own() {
    let site = Site::new();
    let server = site.start().await;
    let (greedy, honest) = (server.token("viewer", &["acme"]).await, server.token("viewer", &["acme"]).await);
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        open.push(OpenStream::open(stream(&server, &greedy)).await);
    }
    for _ in 0..sized(1, 900) {
        let refused = server.send(stream(&server, &greedy)).await;
        let told = (refused.status, &refused.json["code"]);
        assert_eq!(told, (429, &Value::from("too_many_streams")), "{refused:?}");
        refused.header("retry-after");
    }
    let mut other = OpenStream::open(stream(&server, &honest)).await;
    server.record("acme", &[answered("a", 45, AT)]).await;
    other.tells("call_reported").await;
    open.pop();
    let begun = Instant::now();
    while server
        .attempt(stream(&server, &greedy).timeout(Duration::from_millis(300)))
        .await
        .is_ok_and(|answer| answer.status == 429)
    {
        assert!(begun.elapsed() < Duration::from_secs(10), "a closed stream gives its place back");
    }
}

#[tokio::test]
async fn sixty_past_moments_of_one_caller_hold_up_no_other() {
    let site = Site::new();
    let server = site.start().await;
    let (greedy, honest) =
        (server.token("viewer", &["acme"]).await, server.token("viewer", &["globex"]).await);
    let facts = sized(4_000, 100_000);
    let recorded: Vec<Value> = (0..facts).map(|n| answered(&format!("c{n}"), 45, AT)).collect();
    server.record("acme", &recorded).await;
    server.record("globex", &[answered("g", 45, AT), answered("h", 45, AT)]).await;
    let ask = |token: &str, tenant: &str, position: usize| {
        let path = format!("/api/v1/tenants/{tenant}/calls?limit=1&as_of_position={position}");
        let request = server.request("GET", &path).bearer_auth(token).timeout(Duration::from_secs(150));
        async move { request.send().await.expect("answered").status().as_u16() }
    };
    let all = async {
        let begun = Instant::now();
        let flood: Vec<_> = (0..60).map(|n| tokio::spawn(ask(&greedy, "acme", facts - 1_000 + n))).collect();
        let mut statuses = Vec::new();
        for answer in flood {
            statuses.push(answer.await.expect("ended"));
        }
        (begun.elapsed(), statuses)
    };
    let other = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begun = Instant::now();
        let status = ask(&honest, "globex", facts + 5).await;
        (begun.elapsed(), status)
    };
    let ((whole, statuses), (waited, status)) = tokio::join!(all, other);
    assert_eq!(statuses, [200; 60], "his last ones wait for his own, and are answered");
    assert_eq!(status, 200);
    eprintln!("another tenant's reading took {waited:?} beside {whole:?} of 60");
    assert!(waited < whole / 2 + Duration::from_millis(50), "{waited:?} beside {whole:?} of the flood");
}
