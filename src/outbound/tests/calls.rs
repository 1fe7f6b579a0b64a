//! Calls over real sockets: pooled connections, answers too long, cut, late or never begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that answers every request with the same bytes, and keeps requests and the count of connections.
struct Remote {
    url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Remote {
    /// Closes each connection behind its answer where `closes`.
    async fn start(answer: &'static [u8], closes: bool) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/s3cret", listener.local_addr().expect("an address"));
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (counted, kept) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut buffer = [0; 4_096];
                    // The requests here are small: one read has one whole.
                    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                        kept.lock().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                        if socket.write_all(answer).await.is_err() || closes {
                            break;
                        }
                    }
                });
            }
        });
        Self { url, connections, requests }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn client() -> Client {
    Client::new(Allowed::new(&["127.0.0.1".into()]))
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nretry-after: 7\r\n\r\n{}";

#[tokio::test]
async fn calls_share_a_connection_but_for_those_that_want_their_own() {
    let (remote, client) = (Remote::start(OK, false).await, client());
    for _ in 0..3 {
        let answer = client.send(OutboundRequest::get(&remote.url)).await.expect("answered");
        assert_eq!(
            (answer.status, answer.body.as_slice(), answer.header("retry-after")),
            (200, &b"{}"[..], Some("7"))
        );
    }
    assert_eq!(remote.connections(), 1);
    for _ in 0..2 {
        client.send(OutboundRequest::post(&remote.url).on_a_new_connection()).await.expect("answered");
    }
    assert_eq!(remote.connections(), 3);
}

#[tokio::test]
async fn query_form_and_authentication_are_escaped() {
    let remote = Remote::start(OK, false).await;
    let request = OutboundRequest::post(&remote.url)
        .query("a b", "1&2")
        .form([("To", "+15550100"), ("StatusCallbackEvent", "ringing"), ("StatusCallbackEvent", "answered")])
        .basic_auth("AC1", "to:ken");
    client().send(request).await.expect("answered");
    let sent = remote.requests.lock().join("");
    assert!(sent.starts_with("POST /s3cret?a+b=1%262 HTTP/1.1\r\n"), "{sent}");
    assert!(
        sent.ends_with("\r\n\r\nTo=%2B15550100&StatusCallbackEvent=ringing&StatusCallbackEvent=answered"),
        "{sent}"
    );
    assert!(sent.contains("authorization: Basic QUMxOnRvOmtlbg==\r\n"), "{sent}");
}

#[tokio::test]
async fn an_answer_too_long_is_an_error_whether_it_tells_its_length_or_not() {
    let told = Remote::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789", true).await;
    let untold = Remote::start(b"HTTP/1.1 200 OK\r\n\r\n123456789", true).await;
    for remote in [told, untold] {
        let request = OutboundRequest::get(&remote.url);
        let whole = client().send(request.clone().bytes_max(9)).await.expect("it fits");
        assert_eq!(whole.body, b"123456789");
        assert_eq!(client().send(request.clone().bytes_max(8)).await, Err(OutboundError::TooLong(8)));
        let status =
            client().send(request.bytes_max(8).without_body()).await.expect("only the status counts");
        assert_eq!((status.status, status.body.len()), (200, 0));
    }
}

#[tokio::test]
async fn what_may_have_been_sent_is_told_from_what_was_not_and_no_error_names_the_url() {
    let told = |error: &OutboundError| error.to_string();
    let cut = Remote::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n12345", true).await;
    let chunked =
        Remote::start(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n", true).await;
    let closed = Remote::start(b"", true).await;
    for remote in [cut, chunked, closed] {
        let error = client().send(OutboundRequest::get(&remote.url)).await.expect_err("cut");
        assert!(matches!(error, OutboundError::Broken(_)) && !error.is_unsent(), "{error}");
        assert!(!told(&error).contains("s3cret"), "{error}");
    }
    let silent = Remote::start(b"", false).await;
    let late = OutboundRequest::get(&silent.url).time_max(Duration::from_millis(200));
    let error = client().send(late).await.expect_err("late");
    assert!(error == OutboundError::TimedOut && !error.is_unsent());
    // Nobody listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error =
        client().send(OutboundRequest::get(&format!("http://{gone}/s3cret"))).await.expect_err("refused");
    assert!(matches!(error, OutboundError::NotConnected(_)) && error.is_unsent(), "{error}");
    assert!(!told(&error).contains("s3cret"), "{error}");
    let bad = OutboundRequest::get(&silent.url).header("x-web-key", "s3cret\n");
    let error = client().send(bad).await.expect_err("no header");
    assert!(matches!(error, OutboundError::Request(_)) && !told(&error).contains("s3cret"), "{error}");
}
