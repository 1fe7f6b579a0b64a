//! Tickets by which a page of another origin opens a stream: `EventSource` can send no token.

use std::time::Duration;

use crate::common::facts::answered;
use crate::common::stream::OpenStream;
use crate::common::{Server, Site, TOKEN, TWO_TENANTS};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const AT: &str = "2025-10-09T12:00:00Z";
const TICKETS: &str = "/api/v1/tenants/acme/stream-tickets";

async fn ticket(server: &Server, token: &str, stream: &str) -> String {
    let issued = server.ask(token, "POST", TICKETS, json!({"stream": stream})).await;
    issued.is(201).json["ticket"].as_str().expect("a ticket").to_owned()
}

/// A request for acme's stream with a ticket and nothing else.
fn shown(server: &Server, stream: &str, ticket: &str) -> RequestBuilder {
    server.request("GET", &format!("/api/v1/tenants/acme/{stream}/stream?after=0&ticket={ticket}"))
}

#[tokio::test]
async fn a_ticket_opens_its_own_stream_once_and_nothing_else() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let viewer = server.token("viewer", &["acme"]).await;
    let issued = server.ask(&viewer, "POST", TICKETS, json!({"stream": "facts"})).await;
    let text = issued.is(201).json["ticket"].as_str().expect("a ticket").to_owned();
    assert_eq!(issued.header("cache-control"), "no-store");
    let expires =
        issued.json["expires_at"].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
    let left = expires.expect("an instant") - chrono::Utc::now();
    assert!((50..=60).contains(&left.num_seconds()), "{left}");
    // None of these uses it up.
    server.send(shown(&server, "changes", &text)).await.problem(401);
    let other = format!("/api/v1/tenants/globex/facts/stream?ticket={text}");
    server.send(server.request("GET", &other)).await.problem(401);
    for route in ["facts", "calls"] {
        let path = format!("/api/v1/tenants/acme/{route}?ticket={text}");
        server.send(server.request("GET", &path)).await.problem(401);
    }
    server.send(server.request("GET", "/api/v1/tenants/acme/calls").bearer_auth(&text)).await.problem(401);
    let head = format!("/api/v1/tenants/acme/facts/stream?ticket={text}");
    server.send(server.request("HEAD", &head)).await.is(200);

    let mut stream = OpenStream::open(shown(&server, "facts", &text)).await;
    stream.tells("c1:completed").await;
    server.send(shown(&server, "facts", &text)).await.problem(401);
    server.record("acme", &[answered("c2", 45, AT)]).await;
    stream.tells("c2:completed").await;
    let changes = ticket(&server, &viewer, "changes").await;
    OpenStream::open(shown(&server, "changes", &changes)).await.tells("event: change").await;
    assert!(!server.said().contains(&text), "{}", server.said());
}

#[tokio::test]
async fn g21_a_ticket_and_the_stream_that_it_opened_end_with_the_token() {
    let server = Site::new().start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let body = json!({"name": "page", "role": "viewer", "tenants": ["acme"]});
    let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
    let (id, token) = (issued["id"].as_str().expect("id"), issued["token"].as_str().expect("token"));
    let [used, unused] = [ticket(&server, token, "facts").await, ticket(&server, token, "facts").await];
    let mut stream = OpenStream::open(shown(&server, "facts", &used)).await;
    stream.tells("c1:completed").await;
    server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
    assert!(stream.ends(Duration::from_secs(1)).await.is_some(), "the stream goes on");
    server.send(shown(&server, "facts", &unused)).await.problem(401);
}

#[tokio::test]
async fn a_page_of_another_origin_opens_a_stream_by_a_ticket_and_not_by_a_cookie() {
    let app = "https://app.elsewhere.example";
    let server = Site::with(&format!("[http]\ncors = [\"{app}\"]\n{TWO_TENANTS}")).start().await;
    server.record("acme", &[answered("c1", 45, AT)]).await;
    let (email, password) = ("ann@example.com", "correct horse battery");
    let body = json!({"email": email, "name": "Ann", "password": password, "role": "auditor"});
    server.ask(TOKEN, "POST", "/api/v1/users", body).await.is(201);
    let body = json!({"email": email, "password": password});
    let login = server.send(server.request("POST", "/api/v1/login").json(&body)).await;
    let cookie = login.is(200).header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let from_there =
        |request: RequestBuilder| request.header("origin", app).header("sec-fetch-site", "cross-site");
    let stream = |query: &str| server.request("GET", &format!("/api/v1/tenants/acme/facts/stream?{query}"));

    let refused = server.send(from_there(stream("")).header("cookie", &cookie)).await;
    assert_eq!(refused.problem(403)["code"], "cross_site");
    let asked = server.request("POST", TICKETS).header("cookie", &cookie).json(&json!({"stream": "facts"}));
    server.send(from_there(asked)).await.problem(403);
    let asked = server.request("POST", TICKETS).bearer_auth(TOKEN).json(&json!({"stream": "facts"}));
    let issued = server.send(from_there(asked)).await;
    assert_eq!(issued.is(201).header("access-control-allow-origin"), app);
    let text = issued.json["ticket"].as_str().expect("a ticket");
    let opened = from_there(stream(&format!("after=0&ticket={text}"))).send().await.expect("answers");
    assert_eq!(
        (opened.status().as_u16(), &opened.headers()["access-control-allow-origin"]),
        (200, &app.parse().expect("value"))
    );

    // A page of our own needs none, and may ask for one.
    let own =
        |request: RequestBuilder| request.header("cookie", &cookie).header("sec-fetch-site", "same-origin");
    OpenStream::open(own(stream("after=0"))).await.tells("c1:completed").await;
    let asked = server.request("POST", TICKETS).json(&json!({"stream": "changes"}));
    server.send(own(asked)).await.is(201);
}

#[tokio::test]
async fn a_ticket_is_for_a_stream_that_there_is_and_for_who_may_read() {
    let server = Site::new().start().await;
    for (body, field) in [
        (json!({}), "/stream"),
        (json!({"stream": "calls"}), "/stream"),
        (json!({"stream": ["facts"]}), "/stream"),
        (json!({"stream": "facts", "seconds": 9}), "/seconds"),
    ] {
        server.ask(TOKEN, "POST", TICKETS, body).await.names(field).problem(422);
    }
    let globex = server.token("viewer", &["globex"]).await;
    server.ask(&globex, "POST", TICKETS, json!({"stream": "facts"})).await.problem(404);
    server.send(server.request("POST", TICKETS).json(&json!({"stream": "facts"}))).await.problem(401);
    for made_up in ["", "A", &"A".repeat(43)] {
        server.send(shown(&server, "facts", made_up)).await.problem(401);
    }
}
