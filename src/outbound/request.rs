//! What is sent, and what is answered.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use reqwest::Method;
use reqwest::header::HeaderMap;

use super::error::OutboundError;

/// The longest wait that a `Retry-After` may ask for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A request to be made: the URL, what it carries, and what is taken of its answer. Has no `Debug`: it holds secrets.
#[derive(Clone)]
pub struct OutboundRequest {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
    pub(super) time_max: Duration,
    pub(super) bytes_max: Option<usize>,
    pub(super) is_pooled: bool,
}

impl OutboundRequest {
    /// How long a call may take, all in all, unless said otherwise.
    pub const TIME_MAX: Duration = Duration::from_secs(10);
    /// How many bytes an answer's body may have, unless said otherwise.
    pub const BYTES_MAX: usize = 64 * 1024;

    fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            time_max: Self::TIME_MAX,
            bytes_max: Some(Self::BYTES_MAX),
            is_pooled: true,
        }
    }

    /// A GET of this URL.
    pub fn get(url: &str) -> Self {
        Self::new(Method::GET, url)
    }

    /// A POST to this URL, with an empty body.
    pub fn post(url: &str) -> Self {
        Self::new(Method::POST, url)
    }

    /// The host that is called; empty where the URL is none.
    pub fn host(&self) -> String {
        let url = reqwest::Url::parse(&self.url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Adds a pair to the URL's query; it is escaped here.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds basic authentication.
    #[must_use]
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.header("authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    /// Sends this text.
    #[must_use]
    pub fn text(mut self, body: String) -> Self {
        self.body = Some(body);
        self.header("content-type", "text/plain; charset=utf-8")
    }

    /// Sends this JSON text.
    #[must_use]
    pub fn json(mut self, text: impl Into<String>) -> Self {
        self.body = Some(text.into());
        self.header("content-type", "application/json")
    }

    /// Sends these pairs as a form; they are escaped here. A name may come more than once.
    #[must_use]
    pub fn form<N: AsRef<str>, V: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.body = Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// How long the call may take, from connecting to the last byte of the answer.
    #[must_use]
    pub fn time_max(mut self, time: Duration) -> Self {
        self.time_max = time;
        self
    }

    /// How many bytes the answer's body may have; a longer one is an error.
    #[must_use]
    pub fn bytes_max(mut self, bytes: usize) -> Self {
        self.bytes_max = Some(bytes);
        self
    }

    /// Leaves the answer's body unread: its status is all that counts.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.bytes_max = None;
        self
    }

    /// Makes the call on a connection of its own. A pooled one may have been closed by the other side, which shows only
    /// after sending; for a request that must not be repeated, that would leave open whether it had its effect.
    #[must_use]
    pub fn on_a_new_connection(mut self) -> Self {
        self.is_pooled = false;
        self
    }
}

/// What a call was answered, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, empty where it was not asked for.
    pub body: Vec<u8>,
}

impl RemoteAnswer {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, where it has one that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The wait that `Retry-After` asks for at `now` (µs since 1970): seconds, or until a date. At most a minute.
    pub fn retry_after(&self, now: i64) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let until = DateTime::parse_from_rfc2822(text).ok()?.timestamp_micros();
                Duration::from_micros(u64::try_from(until - now).unwrap_or_default())
            }
        };
        Some(wait.min(WAIT_MAX))
    }

    /// Reads the answer to its end.
    pub(super) async fn read(
        mut answer: reqwest::Response,
        bytes_max: Option<usize>,
    ) -> Result<Self, OutboundError> {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        let Some(bytes_max) = bytes_max else { return Ok(Self { status, headers, body }) };
        let told = answer.content_length().unwrap_or_default();
        if usize::try_from(told).is_ok_and(|told| told <= bytes_max) {
            while let Some(chunk) = answer.chunk().await? {
                if body.len() + chunk.len() > bytes_max {
                    return Err(OutboundError::TooLong(bytes_max));
                }
                body.extend_from_slice(&chunk);
            }
            return Ok(Self { status, headers, body });
        }
        Err(OutboundError::TooLong(bytes_max))
    }
}
