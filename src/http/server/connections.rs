//! The accept loop: a bound on connections, timeouts for slow clients, and a drain with a deadline. `axum::serve` has
//! none of these.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::places::{Connection, Places};
use super::workers::Workers;
use super::write_timeout::WriteTimeout;

/// Limits of connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Longest time from accepting, or from the end of a request, to the end of the next request's head.
    pub head: Duration,
    /// Longest time in which the client accepts no byte of an answer.
    pub write: Duration,
    /// Longest time for requests in flight after a stop was asked for.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { head: Duration::from_secs(15), write: Duration::from_secs(35), drain: Duration::from_secs(8) }
    }
}

/// Most bytes of a request's head, and of a body that are read at once, in memory for one connection: hyper's own bound
/// of 400 KB would let a thousand strangers hold as many (G20).
const BUFFER_MAX: usize = 16 * 1024;
/// How long a connection may still bring its first request after a stop was asked for.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Wait before accepting again when the system is out of file handles.
const EXHAUSTED_WAIT: Duration = Duration::from_millis(100);
/// The answer to a connection for which there is no place.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What answers requests: the front, or the routes of a test.
pub trait HttpService:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// Serves `service` on `listener` while there are `places`, until `stopping`, then waits up to `limits.drain` for the requests
/// in flight. Each connection is dealt to one of `workers`.
pub async fn serve<S: HttpService>(
    listener: TcpListener,
    service: S,
    limits: ConnectionLimits,
    (places, workers): (Arc<Places>, &Workers),
    stopping: CancellationToken,
) {
    let tracker = TaskTracker::new();
    let aborting = CancellationToken::new();
    while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_of_the_connection(&error) {
                    tracing::warn!(%error, "could not accept a connection");
                    sleep(EXHAUSTED_WAIT).await;
                }
                continue;
            }
        };
        let Some(place) = places.take(peer.ip()) else {
            refuse(stream);
            continue;
        };
        // The socket is watched by this runtime, and is from now on by that of the worker.
        let (Some(worker), Ok(stream)) = (workers.idlest(), stream.into_std()) else { continue };
        let known = Arc::clone(&place.connection);
        let (service, stopping, aborting) = (service.clone(), stopping.clone(), aborting.clone());
        let served = async move {
            if let Ok(stream) = TcpStream::from_std(stream) {
                connection(stream, (peer, known), service, limits, stopping).await;
            }
        };
        let served = async move {
            tokio::select! {
                () = served => {}
                () = aborting.cancelled() => {}
                () = place.connection.displaced.cancelled() => {}
            }
        };
        tracker.spawn_on(served, worker);
    }
    drop(listener);
    tracker.close();
    if timeout(limits.drain, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "the drain has ended: requests in flight are cut off");
        aborting.cancel();
        tracker.wait().await;
    }
}

/// Answers that there is no place. Nothing is waited for: a client that cannot even accept this line would hold up the loop.
fn refuse(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else { return };
    let _ = stream.write(FULL);
    // A close before all bytes are read resets the connection, and the client may lose the answer.
    let mut read = [0; 4_096];
    for _ in 0..BUFFER_MAX / read.len() {
        if !stream.read(&mut read).is_ok_and(|count| count > 0) {
            break;
        }
    }
}

/// Whether the error concerns one connection that ended before it was accepted, and not the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn connection<S: HttpService>(
    stream: TcpStream,
    (peer, known): (SocketAddr, Arc<Connection>),
    answering: S,
    limits: ConnectionLimits,
    stopping: CancellationToken,
) {
    // Answers are written whole: Nagle's wait for more would only delay them.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(WriteTimeout::new(stream, limits.write));
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        begins.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        known.set_busy(true);
        let (answer, known) = (answering.clone().call(request), Arc::clone(&known));
        async move {
            let answer = answer.await;
            known.set_busy(false);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(BUFFER_MAX);
    let mut served = pin!(builder.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopping.cancelled() => {
            // The first request of a new connection may be on its way: closing at once would refuse it, and a client does
            // not repeat a POST by itself.
            let first = timeout(FIRST_WAIT, begun.notified());
            tokio::select! {
                ended = served.as_mut() => ended,
                _ = first => {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);

    struct Served {
        address: SocketAddr,
        stopping: CancellationToken,
        done: tokio::task::JoinHandle<()>,
    }

    async fn served(limits: ConnectionLimits) -> Served {
        served_at(limits, 200).await
    }

    async fn served_at(limits: ConnectionLimits, places: usize) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("address");
        let router = Router::new()
            .route("/quick", get(async || "quick"))
            .route("/big", get(async || vec![b'x'; 64 << 20]))
            .route("/slow", post(async || sleep(SHORT * 3).await));
        let stopping = CancellationToken::new();
        let places = Places::new(places, Vec::new());
        let stop = stopping.clone();
        let done = tokio::spawn(async move {
            let workers = Workers::start().expect("threads");
            serve(listener, router, limits, (places, &workers), stop).await;
        });
        Served { address, stopping, done }
    }

    fn limits(head: Duration, write: Duration) -> ConnectionLimits {
        ConnectionLimits { head, write, drain: LONG }
    }

    async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(bytes).await.expect("sends");
        stream
    }

    /// Whether the server closes the connection within `within`.
    async fn closes(stream: &mut TcpStream, within: Duration) -> bool {
        let mut read = Vec::new();
        timeout(within, stream.read_to_end(&mut read)).await.is_ok()
    }

    async fn answers(address: SocketAddr) -> String {
        let mut stream = send(address, b"GET /quick HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        let mut read = String::new();
        stream.read_to_string(&mut read).await.expect("reads");
        read
    }

    #[tokio::test]
    async fn g14_clients_slow_with_the_head_are_closed_and_others_unharmed() {
        let served = served(limits(SHORT, LONG)).await;
        let mut slow = Vec::new();
        for _ in 0..100 {
            slow.push(send(served.address, b"GET /quick HTTP/1.1\r\nhost: ").await);
        }
        assert!(answers(served.address).await.ends_with("quick"));
        for stream in &mut slow {
            assert!(closes(stream, SHORT * 20).await, "a slow head was not closed");
        }
    }

    #[tokio::test]
    async fn g14_null_control_without_the_timer_a_slow_head_stays() {
        let served = served(limits(LONG, LONG)).await;
        let mut slow = send(served.address, b"GET /quick HTTP/1.1\r\nhost: ").await;
        assert!(!closes(&mut slow, SHORT * 3).await);
    }

    /// Reads nothing for a while, then all: whether the answer was cut off.
    async fn is_cut_off(write: Duration) -> bool {
        let served = served(limits(LONG, write)).await;
        let mut slow =
            send(served.address, b"GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        sleep(SHORT * 4).await;
        let mut read = Vec::new();
        let ended = timeout(LONG, slow.read_to_end(&mut read)).await.expect("ends");
        ended.is_err() || read.len() < 64 << 20
    }

    #[tokio::test]
    async fn g14_a_client_that_takes_no_bytes_is_closed() {
        assert!(is_cut_off(SHORT).await);
        assert!(!is_cut_off(LONG).await, "the null control was cut off too");
    }

    #[tokio::test]
    async fn a_connection_too_many_is_refused_and_room_comes_back() {
        let served = served_at(limits(LONG, LONG), 1).await;
        let held = send(served.address, b"GET ").await;
        let refused = loop {
            let answer = answers(served.address).await;
            if !answer.ends_with("quick") {
                break answer;
            }
        };
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        drop(held);
        let freed = timeout(LONG, async {
            while !answers(served.address).await.ends_with("quick") {
                sleep(SHORT / 20).await;
            }
        });
        freed.await.expect("room comes back");
    }

    #[tokio::test]
    async fn a_stop_lets_requests_end_and_idle_connections_go() {
        let served = served(limits(LONG, LONG)).await;
        let _idle = TcpStream::connect(served.address).await.expect("connects");
        let mut under_way =
            send(served.address, b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await;
        sleep(SHORT).await;
        served.stopping.cancel();
        let mut read = String::new();
        under_way.read_to_string(&mut read).await.expect("reads");
        assert!(read.starts_with("HTTP/1.1 200"), "{read}");
        timeout(SHORT * 10, served.done).await.expect("stops").expect("cleanly");
    }

    #[tokio::test]
    async fn a_first_request_on_its_way_at_a_stop_is_answered_and_a_second_one_is_not_waited_for() {
        let served = served(limits(LONG, LONG)).await;
        let mut new = TcpStream::connect(served.address).await.expect("connects");
        let mut known = send(served.address, b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
        sleep(SHORT).await;
        served.stopping.cancel();
        sleep(SHORT).await;
        new.write_all(b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("is taken");
        let (mut first, mut second) = (String::new(), String::new());
        new.read_to_string(&mut first).await.expect("reads");
        assert!(first.ends_with("quick"), "{first}");
        let _ = known.write_all(b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let _ = known.read_to_string(&mut second).await;
        assert_eq!(second.matches("HTTP/1.1 200").count(), 1, "the one before the stop: {second}");
    }

    #[tokio::test]
    async fn a_drain_has_a_deadline() {
        let served = served(ConnectionLimits { drain: SHORT, ..limits(LONG, LONG) }).await;
        let _stuck = send(served.address, b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
        sleep(SHORT).await;
        served.stopping.cancel();
        timeout(SHORT * 20, served.done).await.expect("stops").expect("cleanly");
    }
}
