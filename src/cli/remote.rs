//! A client of a running server, by HTTP with a token.

use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use super::Failure;
use crate::config::{Config, local_url};
use crate::directory::Secret;

/// Longest time to connect.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest time without a byte: streams have a heartbeat every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Most bytes of a problem that are read.
const REFUSAL_MAX: usize = 16 << 10;

/// A server, and the token for it.
pub struct Remote {
    client: Client,
    /// Scheme, host and port.
    pub base: String,
    token: Secret,
}

impl Remote {
    /// The server at `base`, else on this machine at `listen` of the configuration; with the token of `FACTFOLD_TOKEN`,
    /// else of `FACTFOLD_ADMIN_TOKEN`.
    ///
    /// # Errors
    /// There is no token.
    pub fn of(config: &Config, base: Option<&str>) -> Result<Self, Failure> {
        let variable = |name| std::env::var(name).ok().filter(|token| !token.is_empty());
        let token = variable("FACTFOLD_TOKEN").or_else(|| variable("FACTFOLD_ADMIN_TOKEN"));
        let token = token.as_deref().map(Secret::new);
        let token = token
            .ok_or_else(|| Failure::Usage("FACTFOLD_TOKEN is not set: it holds the API token".into()))?;
        let client = Client::builder().connect_timeout(CONNECT_MAX).read_timeout(SILENCE_MAX).build();
        let client = client.map_err(|error| Failure::Failed(error.to_string()))?;
        let base =
            base.map_or_else(|| local_url(config.listen), |base| base.trim_end_matches('/').to_owned());
        Ok(Self { client, base, token })
    }

    /// A request of a path with its query.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let token = String::from_utf8_lossy(self.token.bytes());
        self.client.request(method, format!("{}{path}", self.base)).bearer_auth(token)
    }

    /// Checks that the server answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn is_there(&self) -> Result<(), Failure> {
        let answered = self.ask(Method::GET, "/healthz").send().await;
        answered.map(drop).map_err(|error| self.failure(error.into()))
    }

    /// The JSON of an answer of success.
    ///
    /// # Errors
    /// There is none.
    pub async fn read(&self, method: Method, path: &str) -> Result<Value, Failure> {
        let answered = async {
            let response = self.ask(method, path).send().await?;
            if !response.status().is_success() {
                return Err(refused(response).await);
            }
            Ok(response.json().await?)
        };
        answered.await.map_err(|unanswered| self.failure(unanswered))
    }

    /// The failure of who does not try again.
    pub fn failure(&self, unanswered: Unanswered) -> Failure {
        match unanswered {
            Unanswered::Never(failure) => failure,
            Unanswered::Broken(why) => self.gone(&why),
        }
    }

    /// The failure of a server that does not answer, or stopped answering.
    pub fn gone(&self, why: &str) -> Failure {
        Failure::Failed(format!("{}: {why}; is factfold serve running there?", self.base))
    }
}

/// Why there is no answer.
pub enum Unanswered {
    /// Worth a retry.
    Broken(String),
    /// A retry would fail as well.
    Never(Failure),
}

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        // Without the URL: the message names the server already.
        let error = error.without_url();
        if error.is_builder() {
            return Self::Never(Failure::Usage(format!("--server: {error}")));
        }
        Self::Broken(if error.is_connect() { "no server answers".to_owned() } else { error.to_string() })
    }
}

/// Hands out the lines of a streamed answer until `f` breaks.
///
/// # Errors
/// The answer ended before, a line is longer than `longest` bytes, or the failure of `f`.
pub async fn each_line(
    mut response: Response,
    longest: usize,
    mut f: impl FnMut(&[u8]) -> Result<ControlFlow<()>, Failure>,
) -> Result<(), Unanswered> {
    let mut buffer = Vec::new();
    while let Some(piece) = response.chunk().await? {
        buffer.extend_from_slice(&piece);
        let mut begin = 0;
        while let Some(end) = buffer[begin..].iter().position(|byte| *byte == b'\n') {
            if f(&buffer[begin..begin + end]).map_err(Unanswered::Never)?.is_break() {
                return Ok(());
            }
            begin += end + 1;
        }
        buffer.drain(..begin);
        if buffer.len() > longest {
            return Err(Unanswered::Never(stranger()));
        }
    }
    Err(Unanswered::Broken("the stream ended".into()))
}

/// What answers is something else.
pub fn stranger() -> Failure {
    Failure::Failed("the server at this URL is not factfold, or one of an earlier release".into())
}

/// The failure behind a response that is not a success.
pub async fn refused(mut response: Response) -> Unanswered {
    let status = response.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Unanswered::Broken(format!("the server answered {status}"));
    }
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await
        && body.len() < REFUSAL_MAX
    {
        body.extend_from_slice(&piece);
    }
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let why = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or_default();
    Unanswered::Never(Failure::Failed(format!("the server answered {status}: {why}")))
}
