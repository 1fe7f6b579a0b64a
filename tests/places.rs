//! G20: one address cannot hold every connection against the others.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::common::stranger::{ask, connect, fresh};
use crate::common::{Server, Site, TWO_TENANTS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PLACES: usize = 20;
const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

async fn server(more: &str) -> Server {
    Site::with(&format!("{more}\n[limits]\nconnections = {PLACES}\n{TWO_TENANTS}")).start().await
}

/// Connections from this address with the beginning of a request, until no more are taken.
async fn fill(server: &Server, from: Ipv4Addr, beginning: &str) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..PLACES + 5 {
        let mut stream = connect(server, from).await.expect("connects");
        stream.write_all(beginning.as_bytes()).await.expect("sends");
        held.push(stream);
    }
    sleep(Duration::from_millis(300)).await;
    held
}

/// How many of them the server has closed.
async fn closed(held: &mut [TcpStream]) -> usize {
    let mut closed = 0;
    for stream in held {
        let mut read = [0; 1_024];
        let ended = async { while stream.read(&mut read).await.is_ok_and(|length| length > 0) {} };
        closed += usize::from(timeout(Duration::from_millis(20), ended).await.is_ok());
    }
    closed
}

async fn is_served(server: &Server, from: Ipv4Addr) -> bool {
    ask(server, from, HEALTHZ).await.starts_with("HTTP/1.1 200")
}

#[tokio::test]
async fn g20_one_address_that_holds_every_connection_gives_way_to_others() {
    let beginnings = [
        "",
        "GET /healthz HTTP/1.1\r\nhost: a\r\nx: ",
        HEALTHZ,
        "POST /api/v1/login HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\ncontent-type: application/json\r\n\r\n{",
    ];
    for beginning in beginnings {
        let server = server("").await;
        let greedy = fresh();
        let mut held = fill(&server, greedy, beginning).await;
        // The harness may hold one, too.
        assert!((5..=6).contains(&closed(&mut held).await), "the address has all places and no more");
        // Null control: where another connection of the same address comes, nothing gives way.
        assert!(!is_served(&server, greedy).await, "{beginning:?}");
        let others: Vec<Ipv4Addr> = (0..4).map(|_| fresh()).collect();
        for n in 0..3 {
            for other in &others {
                assert!(is_served(&server, *other).await, "{n}: {beginning:?}");
            }
        }
        assert!(closed(&mut held).await < 12, "what is free is taken before more give way");
        let mut open = fill(&server, others[0], "").await;
        assert!(is_served(&server, others[1]).await, "of two that hold half each one gives way, too");
        assert!(closed(&mut open).await > 5);
        let metrics = server.get("/metrics").await.is(200).text.clone();
        for metric in ["factfold_connections_displaced_total", "factfold_connections_refused_total"] {
            let told = metrics.lines().find(|line| line.starts_with(metric)).unwrap_or_default();
            let count = told.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
            assert!(count.is_some_and(|count| count >= 1), "{metric}: {told:?}");
        }
    }
}

#[tokio::test]
async fn g20_connections_of_a_trusted_proxy_never_give_way() {
    let proxy = fresh();
    let server = server(&format!("[http]\ntrusted_proxies = [\"{proxy}\"]\n")).await;
    let mut held = fill(&server, proxy, HEALTHZ).await;
    let few = closed(&mut held).await;
    assert!((5..=6).contains(&few), "{few}");
    let refused = ask(&server, fresh(), HEALTHZ).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    assert_eq!(closed(&mut held).await, few, "all others go on");
    drop(held);
    sleep(Duration::from_millis(300)).await;
    let greedy = fresh();
    let mut held = fill(&server, greedy, "").await;
    for _ in 0..5 {
        assert!(is_served(&server, proxy).await, "and the proxy's clients are heard");
    }
    assert!(closed(&mut held).await > 5);
}
