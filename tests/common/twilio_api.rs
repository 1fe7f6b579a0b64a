//! Twilio as a callee: a stand-in that speaks its REST API for calls over a real socket, written without the product's
//! code. It rings, answers or misbehaves as it is told, lists its calls in pages, and signs its callbacks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::twilio::{Form, sign};
use super::{Answer, Server, TWILIO_TOKEN};

/// The account that the stand-in knows.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// What a request to place a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meets {
    /// It rings, and the answer says so.
    Answer,
    /// It rings nobody, and is refused with this status and code.
    Refusal(u16, u32),
    /// It rings nobody, and is answered with an error of the server's.
    Failure,
    /// It rings, and is answered with an error of the server's all the same.
    RingAndFailure,
    /// It rings, and is never answered.
    RingAndSilence,
    /// It rings, and the connection breaks in the middle of the answer.
    RingAndCut,
    /// It rings, and the answer comes after these milliseconds.
    Slow(u64),
}

/// Somebody's telephone rang.
#[derive(Debug, Clone)]
pub struct Ring {
    pub sid: String,
    pub form: Form,
    created: DateTime<Utc>,
}

impl Ring {
    pub fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Every value of that name.
    pub fn fields(&self, name: &str) -> Vec<&str> {
        self.form.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}

#[derive(Default)]
struct State {
    script: VecDeque<Meets>,
    rings: Vec<Ring>,
    posts: usize,
    lists: usize,
    is_listing: bool,
    strange: Vec<String>,
}

/// The stand-in. Dropped, it listens no more.
pub struct TwilioApi {
    pub url: String,
    port: u16,
    state: Arc<Mutex<State>>,
    listening: Option<JoinHandle<()>>,
}

/// Calls of one page of the list; the real one has up to 1,000.
const PAGE: usize = 2;

impl TwilioApi {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let url = format!("http://127.0.0.1:{port}");
        let mut api = Self { url, port, state: Arc::default(), listening: None };
        api.serve(listener);
        api
    }

    fn serve(&mut self, listener: TcpListener) {
        let state = Arc::clone(&self.state);
        self.listening = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_one(stream, Arc::clone(&state)));
            }
        }));
    }

    /// Refuses connections from now on.
    pub async fn hang_up(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ = listening.await;
        }
    }

    /// Listens again, on the same port.
    pub async fn pick_up(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port is free");
        self.serve(listener);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    /// What the next requests meet, one after the other; those after them are answered.
    pub fn script(&self, meets: &[Meets]) {
        self.state().script.extend(meets);
    }

    /// Whether the list has the calls.
    pub fn list(&self, is_listing: bool) {
        self.state().is_listing = is_listing;
    }

    /// A call that somebody else placed with this account so many minutes ago.
    pub fn place_elsewhere(&self, to: &str, minutes_ago: i64) {
        let form = vec![("To".to_owned(), to.to_owned()), ("From".to_owned(), "+12025550199".to_owned())];
        let mut state = self.state();
        ring(&mut state, form);
        if let Some(ring) = state.rings.last_mut() {
            ring.created -= TimeDelta::minutes(minutes_ago);
        }
    }

    pub fn rings(&self) -> Vec<Ring> {
        self.state().rings.clone()
    }

    /// Requests to place a call, whether they rang or not.
    pub fn posts(&self) -> usize {
        self.state().posts
    }

    /// Requests for a page of the list.
    pub fn lists(&self) -> usize {
        self.state().lists
    }

    /// Requests that Twilio would not understand.
    pub fn strange(&self) -> Vec<String> {
        self.state().strange.clone()
    }

    /// Tells of a stage of a ring: the callback that its request asked for, signed.
    pub async fn tell(&self, server: &Server, ring: &Ring, status: &str, more: &[(&str, &str)]) -> Answer {
        let mut form: Form = [
            ("CallSid", ring.sid.as_str()),
            ("AccountSid", ACCOUNT),
            ("From", ring.field("From")),
            ("To", ring.field("To")),
            ("CallStatus", status),
            ("ApiVersion", "2010-04-01"),
            ("Direction", "outbound-api"),
            ("CallbackSource", "call-progress-events"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        form.push(("Timestamp".to_owned(), Utc::now().to_rfc2822()));
        form.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        deliver(server, ring.field("StatusCallback"), &form).await
    }

    /// Tells of a ring's recording.
    pub async fn tell_recording(&self, server: &Server, ring: &Ring, recording: &str) -> Answer {
        let url = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording}");
        let form: Form = [
            ("AccountSid", ACCOUNT),
            ("CallSid", ring.sid.as_str()),
            ("RecordingSid", recording),
            ("RecordingUrl", url.as_str()),
            ("RecordingStatus", "completed"),
            ("RecordingDuration", "44"),
            ("RecordingSource", "OutboundAPI"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        deliver(server, ring.field("RecordingStatusCallback"), &form).await
    }

    /// Waits until it rang so often, at most 30 s.
    pub async fn wait_for_rings(&self, count: usize) -> Vec<Ring> {
        for _ in 0..3_000 {
            let rings = self.rings();
            if rings.len() >= count {
                return rings;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("expected {count} rings, got {:?}", self.rings());
    }
}

impl Drop for TwilioApi {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

/// Posts a form to a callback URL, signed over all of it; the public host of the URL is the server.
async fn deliver(server: &Server, callback: &str, form: &Form) -> Answer {
    let path = callback.split_once("//").and_then(|(_, rest)| rest.split_once('/')).expect("a path").1;
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = server.request("POST", &format!("/{path}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    server.send(request.header("x-twilio-signature", sign(TWILIO_TOKEN, callback, form)).body(body)).await
}

fn ring(state: &mut State, form: Form) -> Ring {
    let sid = format!("CA{:032}", state.rings.len() + 1);
    let ring = Ring { sid, form, created: Utc::now() };
    state.rings.push(ring.clone());
    ring
}

fn call_json(ring: &Ring) -> Value {
    json!({
        "sid": ring.sid, "account_sid": ACCOUNT, "api_version": "2010-04-01", "direction": "outbound-api",
        "to": ring.field("To"), "from": ring.field("From"), "status": "queued", "parent_call_sid": null,
        "date_created": ring.created.to_rfc2822(), "start_time": null, "end_time": null, "duration": null,
        "uri": format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{}.json", ring.sid),
    })
}

/// A request as it came: method, path with query, headers in lower case, body.
struct Asked {
    method: String,
    path: String,
    head: String,
    body: String,
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
            if body.len() >= length {
                let mut first = head.lines().next()?.split(' ');
                let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
                return Some(Asked { method, path, head: head.to_owned(), body: body.to_owned() });
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

async fn answer(stream: &mut TcpStream, status: u16, body: &str, whole: bool) {
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let body = if whole { body } else { &body[..body.len() / 2] };
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn serve_one(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(asked) = read(&mut stream).await else { return };
    let right = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TWILIO_TOKEN}")));
    if !asked.head.contains(&right) {
        state.lock().expect("not poisoned").strange.push("authorization".to_owned());
        let body = json!({"code": 20003, "message": "Authenticate", "status": 401});
        return answer(&mut stream, 401, &body.to_string(), true).await;
    }
    if asked.method == "GET" {
        let (status, body) = listed(&mut state.lock().expect("not poisoned"), &asked.path);
        return answer(&mut stream, status, &body.to_string(), true).await;
    }
    let form: Form = form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    let meets = {
        let mut state = state.lock().expect("not poisoned");
        state.posts += 1;
        let has = |name: &str| form.iter().any(|(known, value)| known == name && !value.is_empty());
        let is_call = asked.path == format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
            && asked.head.to_ascii_lowercase().contains("content-type: application/x-www-form-urlencoded")
            && ["To", "From", "Twiml"].iter().all(|name| has(name));
        if !is_call {
            state.strange.push(format!("{} {}", asked.method, asked.path));
        }
        state.script.pop_front().unwrap_or(Meets::Answer)
    };
    let rung = || ring(&mut state.lock().expect("not poisoned"), form.clone());
    match meets {
        Meets::Answer => answer(&mut stream, 201, &call_json(&rung()).to_string(), true).await,
        Meets::Refusal(status, code) => {
            let to = form.iter().find(|(name, _)| name == "To").map_or("", |(_, value)| value);
            let message = format!("The 'To' number {to} is refused");
            let body = json!({"code": code, "message": message, "status": status});
            answer(&mut stream, status, &body.to_string(), true).await;
        }
        Meets::Failure => answer(&mut stream, 503, "<html>", true).await,
        Meets::RingAndFailure => {
            rung();
            answer(&mut stream, 502, "<html>", true).await;
        }
        Meets::RingAndSilence => {
            rung();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        Meets::RingAndCut => answer(&mut stream, 201, &call_json(&rung()).to_string(), false).await,
        Meets::Slow(millis) => {
            let body = call_json(&rung()).to_string();
            tokio::time::sleep(Duration::from_millis(millis)).await;
            answer(&mut stream, 201, &body, true).await;
        }
    }
}

/// A page of the calls that the query asks for, newest first.
fn listed(state: &mut State, path: &str) -> (u16, Value) {
    state.lists += 1;
    let Some((_, query)) = path.split_once("Calls.json?") else {
        state.strange.push(format!("GET {path}"));
        return (404, json!({"code": 20404}));
    };
    let query: Form = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let given = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (to, from, since) = (given("To"), given("From"), given("StartTime>"));
    let page: usize = given("Page").map_or(0, |page| page.parse().expect("a page"));
    let wanted = |ring: &&Ring| {
        to.is_none_or(|to| to == ring.field("To"))
            && from.is_none_or(|from| from == ring.field("From"))
            && since.is_none_or(|day| day <= ring.created.format("%Y-%m-%d").to_string().as_str())
    };
    let all: Vec<Value> = state.rings.iter().rev().filter(wanted).map(call_json).collect();
    let all = if state.is_listing { all } else { Vec::new() };
    let is_last = all.len() <= (page + 1) * PAGE;
    let mut next: Form = query.iter().filter(|(name, _)| name != "Page").cloned().collect();
    next.push(("Page".to_owned(), (page + 1).to_string()));
    let next = form_urlencoded::Serializer::new(String::new()).extend_pairs(&next).finish();
    let next = (!is_last).then(|| format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json?{next}"));
    let calls: Vec<Value> = all.into_iter().skip(page * PAGE).take(PAGE).collect();
    (200, json!({"calls": calls, "page": page, "page_size": PAGE, "next_page_uri": next}))
}
