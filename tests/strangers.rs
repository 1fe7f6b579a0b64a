//! G20: whoever has no credential fills no memory, whatever is sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::size::sized;
use crate::common::stranger::{ask, connect, fresh, log_in_from, login, post};
use crate::common::{Server, Site, TOKEN, twilio};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// Memory that strangers may add, in MiB.
const GROWTH_MAX: u64 = 64;
const PASSWORD: &str = "correct horse battery";

/// Asks again and again on one connection to log out with a cookie that nobody has.
async fn log_out_for_ever(server: Arc<Server>, n: usize) {
    let cookie = format!("cookie: factfold_session=ff_{n:032x}_{}\r\n", "A".repeat(43));
    let request = post("/api/v1/logout", &cookie, 0);
    let mut stream = connect(&server, fresh()).await.expect("connects");
    let mut read = vec![0; 4_096];
    loop {
        stream.write_all(request.as_bytes()).await.expect("sends");
        let length = stream.read(&mut read).await.expect("answers");
        assert!(read[..length].starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&read[..length]));
    }
}

/// Logs in with a wrong password, each time from an address and with a name of its own.
async fn guess_for_ever(server: Arc<Server>, lane: usize) {
    for n in 0.. {
        let name =
            if n % 2 == 0 { "ann@example.com".to_owned() } else { format!("nobody{lane}-{n}@example.com") };
        let answer = ask(&server, fresh(), &login(&name, "wrong horse battery")).await;
        let is_expected =
            ["401", "429", "503"].iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}")));
        assert!(is_expected, "{answer}");
        let waits = answer.starts_with("HTTP/1.1 401") || answer.contains("retry-after: ");
        assert!(waits, "a refusal says when to try again: {answer}");
    }
}

/// Asks with tokens and cookies that nobody has.
async fn ask_for_ever(server: Arc<Server>, lane: usize) {
    for n in 0.. {
        let header = match n % 3 {
            0 => format!("authorization: Bearer ff_{n:032x}_{}\r\n", "B".repeat(43)),
            1 => format!("authorization: Bearer {}\r\n", "x".repeat(8_000)),
            _ => format!("cookie: factfold_session=ff_{lane:032x}_{}\r\n", "C".repeat(43)),
        };
        let answer = ask(
            &server,
            fresh(),
            &format!("GET /api/v1/tenants/acme/calls HTTP/1.1\r\nhost: a\r\n{header}\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}

/// Holds a connection with as much of a request as is taken without an answer.
async fn hold(server: Arc<Server>, request: Vec<u8>) {
    loop {
        let mut stream = connect(&server, fresh()).await.expect("connects");
        let _ = stream.write_all(&request).await;
        // Until the server closes it.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

/// A request of `announced` bytes, of which the last is never sent.
fn unfinished(head: String, announced: usize) -> Vec<u8> {
    let mut request = head.into_bytes();
    request.resize(request.len() + announced - 1, b'x');
    request
}

/// The most memory above `before` within this time.
async fn growth(server: &Server, before: u64, time: Duration) -> u64 {
    let began = Instant::now();
    let mut most = 0;
    while began.elapsed() < time {
        most = most.max(server.memory().saturating_sub(before));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g20_strangers_cannot_fill_the_memory() {
    let server = Arc::new(Site::new().start().await);
    let body = json!({"email": "ann@example.com", "name": "Ann", "password": PASSWORD});
    server.ask(TOKEN, "POST", "/api/v1/users", body).await.is(201);
    let before = server.memory();
    let mut load: Vec<JoinHandle<()>> = Vec::new();
    load.extend((0..sized(200, 500)).map(|n| tokio::spawn(log_out_for_ever(Arc::clone(&server), n))));
    load.extend((0..sized(16, 8)).map(|n| tokio::spawn(guess_for_ever(Arc::clone(&server), n))));
    load.extend((0..4).map(|n| tokio::spawn(ask_for_ever(Arc::clone(&server), n))));
    let megabyte = 1024 * 1024;
    let held = [
        unfinished("GET /healthz HTTP/1.1\r\nhost: a\r\nx: ".to_owned(), 400_000),
        unfinished(post("/hooks/twilio/unknown", "", megabyte), megabyte),
        unfinished(post(&format!("/hooks/twilio/{}", twilio::ENDPOINT), "", megabyte), megabyte),
        unfinished(post("/api/v1/login", "", megabyte), megabyte),
        unfinished(post("/api/v1/login", "", 8_000), 8_000),
        unfinished(post("/api/v1/logout", "", megabyte), megabyte),
        unfinished(post("/api/v1/tenants/acme/facts", "", megabyte), megabyte),
    ];
    for request in held {
        load.extend((0..sized(40, 10)).map(|_| tokio::spawn(hold(Arc::clone(&server), request.clone()))));
    }
    let grown = growth(&server, before, Duration::from_secs(sized(8, 60))).await;
    // The load is under way, and an honest login is heard beside it.
    assert!(load.iter().all(|task| !task.is_finished()), "some of the load ended");
    log_in_from(&server, fresh(), ("ann@example.com", PASSWORD), &[]).await.is(200);
    load.iter().for_each(JoinHandle::abort);
    assert!(server.is_alive() && !server.stderr().contains("panicked"), "{}", server.stderr());
    eprintln!("strangers added {grown} MiB to {before} MiB");
    assert!(grown <= GROWTH_MAX, "strangers added {grown} MiB to {before} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g20_null_control_memory_that_a_known_caller_fills_is_seen() {
    let server = Arc::new(Site::new().start().await);
    let before = server.memory();
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let announced = 60 * 1024 * 1024;
    let mut request = post("/api/v1/tenants/acme/facts", &token, announced).into_bytes();
    request.push(b'[');
    request.resize(request.len() + announced - 2, b' ');
    let load: Vec<_> = (0..2).map(|_| tokio::spawn(hold(Arc::clone(&server), request.clone()))).collect();
    let mut grown = 0;
    for _ in 0..20 {
        grown = grown.max(growth(&server, before, Duration::from_millis(500)).await);
        if grown > GROWTH_MAX {
            break;
        }
    }
    load.iter().for_each(JoinHandle::abort);
    assert!(grown > GROWTH_MAX, "two halves of batches added only {grown} MiB");
}
