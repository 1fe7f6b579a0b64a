//! The socket of a stand-in, and its scripted faults.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Requests that are kept to be looked at.
const KEPT_MAX: usize = 4_096;
/// Most bytes of a request's body.
const BODY_MAX: usize = 1 << 20;

/// A request as a provider sees it.
#[derive(Debug, Clone)]
pub struct PlayedRequest {
    /// `GET`, `POST` …
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Pairs of the query, in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl PlayedRequest {
    /// A pair of the query by its name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A header's value; blank where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The pairs of a form.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// An answer of a provider.
#[derive(Debug, Clone)]
pub struct PlayedAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

impl PlayedAnswer {
    /// JSON with this status.
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }
}

/// What a stand-in plays.
pub trait PlayedProvider: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: &PlayedRequest) -> PlayedAnswer;
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum StandInFault {
    /// Another answer in the right one's place.
    Answer(PlayedAnswer),
    /// The right answer, cut in the middle of its body.
    Cut,
    /// The right answer after a while.
    Slow(Duration),
    /// No answer: the connection is closed.
    Closed,
}

/// Which requests a fault is for.
#[derive(Debug, Clone)]
pub struct FaultScript {
    /// What path and query must contain, e.g. `read_client_list?limit=100&offset=100`.
    pub on: String,
    /// How many of them it is left out for first.
    pub after: usize,
    /// How many it is for then.
    pub times: usize,
    /// What goes wrong.
    pub fault: StandInFault,
}

struct Played {
    provider: Box<dyn PlayedProvider>,
    scripts: Mutex<Vec<FaultScript>>,
    requests: Mutex<VecDeque<PlayedRequest>>,
    at_once: Mutex<AtOnce>,
    is_stopped: AtomicBool,
}

/// Requests that are under way now, and how many were at most.
#[derive(Default)]
struct AtOnce {
    now: usize,
    most: usize,
}

/// A provider on a local port, until it is dropped.
pub struct StandIn {
    address: SocketAddr,
    played: Arc<Played>,
    closed: CancellationToken,
}

impl StandIn {
    /// Plays `provider` on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(provider: impl PlayedProvider) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let played = Arc::new(Played {
            provider: Box::new(provider),
            scripts: Mutex::default(),
            requests: Mutex::default(),
            at_once: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        });
        let closed = CancellationToken::new();
        let (serving, until) = (Arc::clone(&played), closed.clone());
        tokio::spawn(until.clone().run_until_cancelled_owned(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let played = Arc::clone(&serving);
                let service = service_fn(move |request| answer(Arc::clone(&played), request));
                let connection = hyper::server::conn::http1::Builder::new();
                let connection = connection.serve_connection(TokioIo::new(socket), service);
                // A client that goes away, and an answer that is cut, end the connection: that is what is played.
                let serving = async move { drop(connection.await) };
                tokio::spawn(until.clone().run_until_cancelled_owned(serving));
            }
        }));
        Ok(Self { address, played, closed })
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a fault; the first that is for a request holds.
    pub fn script(&self, on: &str, (after, times): (usize, usize), fault: StandInFault) {
        self.played.scripts.lock().push(FaultScript { on: on.to_owned(), after, times, fault });
    }

    /// Takes all faults away.
    pub fn heal(&self) {
        self.played.scripts.lock().clear();
    }

    /// The requests that came, the last 4,096 of them.
    pub fn requests(&self) -> Vec<PlayedRequest> {
        self.played.requests.lock().iter().cloned().collect()
    }

    /// How many requests were under way at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.played.at_once.lock().most
    }

    /// Forgets the requests that came.
    pub fn forget_requests(&self) {
        self.played.requests.lock().clear();
    }

    /// Closes every connection without an answer from now on, or no more.
    pub fn set_stopped(&self, is_stopped: bool) {
        self.played.is_stopped.store(is_stopped, Ordering::Relaxed);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Closing;

async fn answer(played: Arc<Played>, request: Request<Incoming>) -> Result<Response<PlayedBody>, Closing> {
    let (head, body) = request.into_parts();
    let body = http_body_util::Limited::new(body, BODY_MAX).collect().await;
    let body = body.map_err(|_| Closing)?.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    let request = PlayedRequest {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: head.headers,
        body,
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/stand-in/stop") => {
            played.is_stopped.store(true, Ordering::Relaxed);
            return respond(PlayedAnswer::json(200, "{}"), false);
        }
        ("POST", "/stand-in/start") => {
            played.is_stopped.store(false, Ordering::Relaxed);
            return respond(PlayedAnswer::json(200, "{}"), false);
        }
        (_, _) => {}
    }
    {
        let mut requests = played.requests.lock();
        if requests.len() == KEPT_MAX {
            requests.pop_front();
        }
        requests.push_back(request.clone());
    }
    if played.is_stopped.load(Ordering::Relaxed) {
        return Err(Closing);
    }
    {
        let mut at_once = played.at_once.lock();
        at_once.now += 1;
        at_once.most = at_once.most.max(at_once.now);
    }
    let answered = play(&played, &request, query).await;
    played.at_once.lock().now -= 1;
    answered
}

async fn play(
    played: &Played,
    request: &PlayedRequest,
    query: &str,
) -> Result<Response<PlayedBody>, Closing> {
    match played.fault(&format!("{}?{query}", request.path)) {
        None => respond(played.provider.answer(request), false),
        Some(StandInFault::Answer(answer)) => respond(answer, false),
        Some(StandInFault::Cut) => respond(played.provider.answer(request), true),
        Some(StandInFault::Slow(time)) => {
            tokio::time::sleep(time).await;
            respond(played.provider.answer(request), false)
        }
        Some(StandInFault::Closed) => Err(Closing),
    }
}

impl Played {
    /// The fault of a request.
    fn fault(&self, asked: &str) -> Option<StandInFault> {
        for script in self.scripts.lock().iter_mut().filter(|script| asked.contains(&script.on)) {
            if script.after > 0 {
                script.after -= 1;
            } else if script.times > 0 {
                script.times -= 1;
                return Some(script.fault.clone());
            }
        }
        None
    }
}

fn respond(answer: PlayedAnswer, is_cut: bool) -> Result<Response<PlayedBody>, Closing> {
    let mut response = Response::builder().status(answer.status).header("content-type", "application/json");
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = Bytes::from(answer.body);
    let len = body.len() as u64;
    let rest = if is_cut { body.slice(..body.len() / 2) } else { body };
    response.body(PlayedBody { len, rest: Some(rest), is_cut }).map_err(|_| Closing)
}

/// A body that may break off behind its first half.
struct PlayedBody {
    /// The length that is told.
    len: u64,
    rest: Option<Bytes>,
    is_cut: bool,
}

impl Body for PlayedBody {
    type Data = Bytes;
    type Error = Closing;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closing>>> {
        Poll::Ready(match (self.rest.take(), self.is_cut) {
            (Some(bytes), _) if !bytes.is_empty() => Some(Ok(Frame::data(bytes))),
            (_, true) => Some(Err(Closing)),
            (_, false) => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.len == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}
