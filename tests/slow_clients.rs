//! G12, G14: many connections at once, and deliberately slow clients, with the timers of production.

use std::time::{Duration, Instant};

use crate::common::facts::answered;
use crate::common::size::sized;
use crate::common::{Server, Site, TOKEN};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

async fn connect(server: &Server) -> TcpStream {
    let address = server.base.strip_prefix("http://").expect("a plain address");
    TcpStream::connect(address).await.expect("connects")
}

/// Sends the beginning of a request, then one more byte every few seconds, until the server closes: how long it took.
async fn drip(server: &Server, beginning: &str) -> Duration {
    let mut stream = connect(server).await;
    stream.write_all(beginning.as_bytes()).await.expect("sends");
    let began = Instant::now();
    let (mut read, mut write) = stream.split();
    let sending = async {
        while write.write_all(b" ").await.is_ok() {
            sleep(Duration::from_secs(3)).await;
        }
    };
    let closed = async {
        let mut taken = Vec::new();
        // A reset is as good an end as any.
        let _ = read.read_to_end(&mut taken).await;
    };
    let closed = timeout(Duration::from_secs(60), async {
        tokio::select! { () = sending => {}, () = closed => {} }
    });
    closed.await.expect("a slow client is still connected after 60 s");
    began.elapsed()
}

fn posting(head: &str) -> String {
    format!(
        "POST /api/v1/tenants/acme/facts HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\n{head}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g14_a_hundred_slow_clients_are_closed_and_others_are_unharmed() {
    let server = Site::new().start().await;
    let heads = posting("x-slow: ");
    let hooks =
        "POST /hooks/twilio/tw-5b0f0d7e HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n".to_owned();
    let facts = posting("content-length: 1000\r\n\r\n");
    let kinds = [(&heads, 20), (&hooks, 40), (&facts, 40)];
    let slow = (0..sized(99, 5_000)).map(|n| {
        let (beginning, within) = kinds[n % 3];
        let server = &server;
        Box::pin(async move {
            let took = drip(server, beginning).await;
            assert!(took < Duration::from_secs(within), "closed after {took:?}: {beginning}");
        })
    });
    let others = async {
        for n in 0..60 {
            let began = Instant::now();
            let id = format!("c{n}");
            server.record("acme", &[answered(&id, 45, "2025-10-09T12:00:00Z")]).await;
            assert!(began.elapsed() < Duration::from_secs(2), "a fact took {:?}", began.elapsed());
            sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::join!(others, join_all(slow.collect()));
    assert_eq!(server.read("acme", "metrics/month?month=2025-10").await["calls"], 60);
}

/// Waits for all of them at once.
async fn join_all<F: Future<Output = ()> + Unpin>(mut futures: Vec<F>) {
    std::future::poll_fn(|cx| {
        futures.retain_mut(|future| std::pin::Pin::new(future).poll(cx).is_pending());
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g12_a_thousand_open_connections_are_served() {
    let server = Site::new().start().await;
    let mut open = Vec::new();
    for _ in 0..sized(1_000, 9_990) {
        open.push(connect(&server).await);
    }
    let began = Instant::now();
    for stream in &mut open {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sends");
    }
    for stream in &mut open {
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).await.expect("answers");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "a connection was not served");
    }
    eprintln!("{} connections were answered within {:?}", open.len(), began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10), "the answers took {:?}", began.elapsed());
    server.stop();
}
