//! G21: streams and long bodies end with the right that they rest on, and tell or take nothing more.

use std::sync::Arc;
use std::time::Duration;

use crate::common::facts::answered;
use crate::common::stream::OpenStream;
use crate::common::{Server, Site, TOKEN};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const AT: &str = "2025-10-09T12:00:00Z";
const PASSWORD: &str = "correct horse battery";
const SECOND: Duration = Duration::from_secs(1);
const STREAMS: [&str; 2] = ["facts/stream", "changes/stream"];

/// A user who reads acme, logged in.
struct Person {
    id: String,
    cookie: String,
}

async fn person(server: &Server) -> Person {
    let body = json!({"email": "ann@example.com", "name": "Ann", "password": PASSWORD});
    let added = server.ask(TOKEN, "POST", "/api/v1/users", body).await;
    let id = added.is(201).json["id"].as_str().expect("id").to_owned();
    let membership = format!("/api/v1/users/{id}/memberships/acme");
    server.ask(TOKEN, "PUT", &membership, json!({"role": "viewer"})).await.is(204);
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let login = server.send(server.request("POST", "/api/v1/login").json(&body)).await;
    let cookie = login.is(200).header("set-cookie").split(';').next().expect("a cookie").to_owned();
    Person { id, cookie }
}

/// Both streams, opened with one header, and told what acme has.
async fn open(server: &Server, name: &str, value: &str) -> [OpenStream; 2] {
    let stream = async |route: &str| {
        let request = server.request("GET", &format!("/api/v1/tenants/acme/{route}?after=0"));
        let mut stream = OpenStream::open(request.header(name, value)).await;
        stream.tells("data:").await;
        assert_eq!(stream.ends(SECOND / 2).await, None, "what there is was read");
        stream
    };
    [stream(STREAMS[0]).await, stream(STREAMS[1]).await]
}

/// Takes the right away by `revoke` while streams are open, and records a fact at once: the streams end within a second
/// and do not tell it. Another caller's streams go on and do: the null control.
async fn ends_by<F: Future<Output = ()>>(header: (&str, &str), server: &Server, revoke: impl FnOnce() -> F) {
    server.record("acme", &[answered("before", 45, AT)]).await;
    let mut others = open(server, "authorization", &format!("Bearer {TOKEN}")).await;
    let mut lost = open(server, header.0, header.1).await;
    revoke().await;
    let told = lost.each_ref().map(|stream| stream.text.len());
    server.record("acme", &[answered("after", 45, AT)]).await;
    for (stream, told) in lost.iter_mut().zip(told) {
        let ended = stream.ends(SECOND).await;
        assert!(ended.is_some(), "the stream goes on: {}", stream.text);
        let more = &stream.text[told..];
        assert!(!more.contains("data:"), "told after the right was lost: {more}");
    }
    others[0].tells("after:completed").await;
    assert_eq!(others[0].ends(SECOND).await, None, "another caller's stream goes on");
    assert_eq!(others[1].ends(SECOND / 10).await, None);
}

#[tokio::test]
async fn g21_a_stream_ends_when_its_token_is_deleted() {
    let server = Site::new().start().await;
    let body = json!({"name": "display", "role": "viewer", "tenants": ["acme"]});
    let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
    let (id, token) = (issued["id"].as_str().expect("id"), issued["token"].as_str().expect("token"));
    ends_by(("authorization", &format!("Bearer {token}")), &server, async || {
        server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
    })
    .await;
}

/// The same for the cookie of a user, whom an admin changes by this request.
async fn ends_by_changing_the_user(method: &str, below: &str, body: Value) {
    let server = Site::new().start().await;
    let ann = person(&server).await;
    ends_by(("cookie", &ann.cookie), &server, async || {
        let path = format!("/api/v1/users/{}{below}", ann.id);
        server.ask(TOKEN, method, &path, body).await.is(204);
    })
    .await;
}

#[tokio::test]
async fn g21_a_stream_ends_when_the_password_is_changed() {
    ends_by_changing_the_user("PATCH", "", json!({"password": "another horse battery"})).await;
}

#[tokio::test]
async fn g21_a_stream_ends_when_the_membership_is_revoked() {
    ends_by_changing_the_user("DELETE", "/memberships/acme", Value::Null).await;
}

#[tokio::test]
async fn g21_a_stream_ends_when_the_user_is_removed() {
    ends_by_changing_the_user("DELETE", "", Value::Null).await;
}

#[tokio::test]
async fn g21_a_stream_ends_when_its_user_logs_out() {
    let server = Site::new().start().await;
    let ann = person(&server).await;
    ends_by(("cookie", &ann.cookie), &server, async || {
        server.send(server.request("POST", "/api/v1/logout").header("cookie", &ann.cookie)).await.is(204);
    })
    .await;
}

#[tokio::test]
async fn g21_a_reading_that_waits_tells_nothing_once_its_token_is_deleted() {
    for (revoked, status) in [(true, 401), (false, 200)] {
        let server = Arc::new(Site::new().start().await);
        let body = json!({"name": "page", "role": "viewer", "tenants": ["acme"]});
        let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
        let (id, token) =
            (issued["id"].as_str().expect("id"), issued["token"].as_str().expect("token").to_owned());
        let head = server.post("acme", &answered("before", 45, AT)).await.is(201).position();
        // The fact, behind the one of the revocation.
        let path = format!("/api/v1/tenants/acme/facts?min_position={}", head + 1 + u64::from(revoked));
        let waiting = Arc::clone(&server);
        let waiting = tokio::spawn(async move { waiting.ask(&token, "GET", &path, Value::Null).await });
        tokio::time::sleep(SECOND).await;
        if revoked {
            server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
        }
        server.record("acme", &[answered("after", 45, AT)]).await;
        let answer = waiting.await.expect("answered");
        assert_eq!(answer.is(status).text.contains("after:completed"), !revoked, "{answer:?}");
    }
}

/// A chunk of the transfer encoding with facts in NDJSON, as many as are recorded together.
fn chunk(name: &str) -> String {
    let lines: String = (0..64).map(|n| format!("{}\n", answered(&format!("{name}{n}"), 45, AT))).collect();
    format!("{:x}\r\n{lines}\r\n", lines.len())
}

/// Posts NDJSON in two halves, with `between` in between: the answer's first line.
async fn posted_around<F: Future<Output = ()>>(
    server: &Server,
    token: &str,
    between: impl FnOnce() -> F,
) -> String {
    let address = server.base.strip_prefix("http://").expect("a plain address");
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let head = format!(
        "POST /api/v1/tenants/acme/facts HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
         content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{}", chunk("first")).as_bytes()).await.expect("sends");
    while server.read("acme", "facts?kind=call_reported&limit=500").await["items"].as_array().map(Vec::len)
        < Some(64)
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    between().await;
    // The server may have answered and closed.
    let _ = stream.write_all(format!("{}0\r\n\r\n", chunk("second")).as_bytes()).await;
    let mut read = String::new();
    let _ = timeout(5 * SECOND, stream.read_to_string(&mut read)).await;
    read.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn g21_a_body_that_outlives_its_token_is_not_taken_on() {
    for (revoked, status, recorded) in [(true, "401", 64), (false, "200", 128)] {
        let server = Site::new().start().await;
        let body = json!({"name": "feed", "role": "operator", "tenants": ["acme"]});
        let issued = server.ask(TOKEN, "POST", "/api/v1/tokens", body).await.is(201).json.clone();
        let (id, token) = (issued["id"].as_str().expect("id"), issued["token"].as_str().expect("token"));
        let answer = posted_around(&server, token, async || {
            if revoked {
                server.ask(TOKEN, "DELETE", &format!("/api/v1/tokens/{id}"), Value::Null).await.is(204);
            }
        })
        .await;
        assert!(answer.contains(status), "revoked: {revoked}: {answer}");
        assert_eq!(server.count("acme", "call_reported").await, recorded, "revoked: {revoked}");
    }
}
